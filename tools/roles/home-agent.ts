// The home agent behind `homeport home-agent`.

import type { Instant } from '../../stack/core/time.ts';
import { Host } from '../../stack/host.ts';
import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import type { HomeAgent } from '../../stack/mobility/home-agent.ts';
import type { HomeSecurity } from '../../stack/mobility/home-update-check.ts';
import type { Output } from '../output.ts';
import type { Group } from './group.ts';
import { NodeRuntime } from './runtime.ts';
import { readStateFile, StateFile } from './state-file.ts';

export interface HomeAgentOptions {
  readonly device: string;
  readonly group: Group;
  readonly pcap: string | undefined;
  readonly security: HomeSecurity;
  readonly bindings: BindingsAtHome;
  /** File that registrations are remembered in; undefined: they are lost with the process. */
  readonly state: string | undefined;
}

const SECRET_LEN = 32;
const UNSAFE =
  'UNSAFE: registrations are not protected (--security none); whoever can send to this address can divert the contact address';
const ONE_BINDING =
  'one binding (--bindings one): the contact node alone is registered; clients without Mobile IPv6 cannot be handed off';

export async function runHomeAgent(options: HomeAgentOptions, output: Output): Promise<void> {
  const { device, pcap, group, security, state: path } = options;
  const runtime = new NodeRuntime({ device, pcap, name: 'home-agent' });
  try {
    const { clock } = runtime;
    const agent = homeAgentOn(runtime, options, output, () => file?.changed());
    const take = (): Uint8Array => agent.exportState(clock.now());
    const file = path === undefined ? undefined : new StateFile(path, take, (text) => output.warn(text));
    if (path !== undefined) restore(agent, clock.now(), path, output);
    if (security === 'none') output.warn(UNSAFE);
    if (options.bindings === 'one') output.warn(ONE_BINDING);
    const { homeAgent: address, homeAddress, members } = group;
    const names = members.map(({ name }) => name).join(', ');
    const text = `Home agent ${address} for ${homeAddress}; may register: ${names}. Ctrl-C ends it.`;
    output.event('ready', { role: 'home-agent', address: address.toString() }, text);
    try {
      await runtime.untilStopped();
    } finally {
      await file?.close();
    }
  } finally {
    runtime.close();
  }
}

function homeAgentOn(
  runtime: NodeRuntime,
  { group, security, bindings }: HomeAgentOptions,
  output: Output,
  stateChanged: () => void,
): HomeAgent {
  const { timers, random, trace } = runtime;
  const { homeAgent: address, homePrefix, homeAddress, members } = group;
  const secret = random.bytes(SECRET_LEN);
  const host = new Host({ timers, random, secret, trace, forwarding: true, ntpTime: runtime.wall.ntpTime });
  host.attach(runtime.device, { addresses: [address] });
  const nameOf = new Map(members.map((member) => [member.bid, member.name]));
  const associations = members.map(({ bid, spi, key }) => ({ home: homeAddress, bid, spi, key }));
  return host.beHomeAgent({
    address,
    homePrefixes: [homePrefix],
    security,
    associations: bindings === 'one' ? associations.slice(0, 1).map(({ bid: _, ...shared }) => shared) : associations,
    stateChanged,
    bindingChanged: (_now, home, bid, careOf) => {
      const member = bid === undefined ? 'the contact node' : (nameOf.get(bid) ?? String(bid));
      const text = careOf === undefined ? `${member} is no longer registered` : `${member} is registered at ${careOf}`;
      output.event('registration', { member, home: home.toString(), careOf: careOf?.toString() ?? null }, text);
    },
  });
}

/** A file that cannot be used does not keep the home agent from starting: members renew their registrations. */
function restore(agent: HomeAgent, now: Instant, path: string, output: Output): void {
  const bytes = readStateFile(path);
  if (bytes === undefined) return;
  const restored = agent.restoreState(now, bytes);
  if (restored.ok)
    output.event('restored', { bindings: restored.value }, `Registrations taken up from ${path}: ${restored.value}`);
  else output.warn(`${path}: ${restored.reason}; starting without it`);
}
