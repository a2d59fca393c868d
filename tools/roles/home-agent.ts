// The home agent behind `homeport home-agent`.

import { Host } from '../../stack/host.ts';
import type { HomeSecurity } from '../../stack/mobility/home-update-check.ts';
import type { Output } from '../output.ts';
import type { Group } from './group.ts';
import { NodeRuntime } from './runtime.ts';

export interface HomeAgentOptions {
  readonly device: string;
  readonly group: Group;
  readonly pcap: string | undefined;
  readonly security: HomeSecurity;
}

const SECRET_LEN = 32;
const UNSAFE =
  'UNSAFE: registrations are not protected (--security none); whoever can send to this address can divert the contact address';

export async function runHomeAgent(options: HomeAgentOptions, output: Output): Promise<void> {
  const { device, pcap, group, security } = options;
  const { homeAgent: address, homePrefix, homeAddress } = group;
  const runtime = new NodeRuntime({ device, pcap, name: 'home-agent' });
  try {
    const { timers, random, trace } = runtime;
    const secret = random.bytes(SECRET_LEN);
    const host = new Host({ timers, random, secret, trace, forwarding: true, ntpTime: runtime.wall.ntpTime });
    host.attach(runtime.device, { addresses: [address] });
    const nameOf = new Map(group.members.map((member) => [member.bid, member.name]));
    host.beHomeAgent({
      address,
      homePrefixes: [homePrefix],
      security,
      associations: group.members.map(({ bid, spi, key }) => ({ home: homeAddress, bid, spi, key })),
      bindingChanged: (_now, home, bid, careOf) => {
        const member = nameOf.get(bid ?? 0) ?? String(bid);
        const text =
          careOf === undefined ? `${member} is no longer registered` : `${member} is registered at ${careOf}`;
        output.event('registration', { member, home: home.toString(), careOf: careOf?.toString() ?? null }, text);
      },
    });
    if (security === 'none') output.warn(UNSAFE);
    const text = `Home agent ${address} for ${homeAddress}; may register: ${[...nameOf.values()].join(', ')}. Ctrl-C ends it.`;
    output.event('ready', { role: 'home-agent', address: address.toString() }, text);
    await runtime.untilStopped();
  } finally {
    runtime.close();
  }
}
