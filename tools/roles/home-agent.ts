// The home agent behind `homeport home-agent`.

import { Host } from '../../stack/host.ts';
import type { Address, Prefix } from '../../stack/wire/address.ts';
import type { Output } from '../output.ts';
import type { Group } from './group-file.ts';
import { NodeRuntime } from './runtime.ts';

export interface HomeAgentOptions {
  readonly device: string;
  readonly address: Address;
  readonly homePrefix: Prefix;
  readonly group: Group;
  readonly pcap: string | undefined;
}

const SECRET_LEN = 32;

export async function runHomeAgent(options: HomeAgentOptions, output: Output): Promise<void> {
  const { device, pcap, address, homePrefix, group } = options;
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
      associations: group.members.map(({ bid, spi, key }) => ({ home: group.homeAddress, bid, spi, key })),
      bindingChanged: (_now, home, bid, careOf) => {
        const member = nameOf.get(bid ?? 0) ?? String(bid);
        const text =
          careOf === undefined ? `${member} is no longer registered` : `${member} is registered at ${careOf}`;
        output.event('registration', { member, home: home.toString(), careOf: careOf?.toString() ?? null }, text);
      },
    });
    const text = `Home agent ${address} for ${group.homeAddress}, ${group.members.length} members may register. Ctrl-C ends it.`;
    output.event('ready', { role: 'home-agent', address: address.toString() }, text);
    await runtime.untilStopped();
  } finally {
    runtime.close();
  }
}
