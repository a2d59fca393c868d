// The gateway behind `homeport client gateway` and `homeport client run`: a forwarding host between two devices that is
// the correspondent of all programs behind it.

import { toMilliseconds } from '../../stack/core/time.ts';
import type { Device } from '../../stack/device/device.ts';
import { Host } from '../../stack/host.ts';
import type { MoveSeen } from '../../stack/mobility/client-gateway.ts';
import { type Address, address, type Prefix } from '../../stack/wire/address.ts';
import { openTun } from '../../tun/tun-device.ts';
import type { Output } from '../output.ts';
import { NodeRuntime } from './runtime.ts';

export interface ClientGatewayOptions {
  /** Names of the TUN devices. */
  readonly inside: string;
  readonly outside: string;
  /** A routable one of this router: what its ICMPv6 errors come from (RFC 4443 2.2). */
  readonly address: Address;
  readonly clients: readonly Prefix[];
  readonly pcap: string | undefined;
}

const SECRET_LEN = 32;

/** Of a gateway whose clients are on the link inside: the source of its Packet Too Big. */
export const ON_LINK_ADDRESS = address('fe80::1');

export interface GatewayPlace {
  readonly inside: Device;
  readonly address: Address;
  readonly clients: readonly Prefix[];
}

/** Puts the gateway on two open devices. */
export function gatewayOn(runtime: NodeRuntime, place: GatewayPlace, moved: (move: MoveSeen) => void): void {
  const { inside, address: own, clients } = place;
  const { timers, random, trace, device: outside } = runtime;
  const host = new Host({ timers, random, trace, secret: random.bytes(SECRET_LEN), forwarding: true });
  host.attach(inside, { addresses: [own], routes: clients });
  host.attach(outside, { addresses: [] });
  host.beClientGateway({ inside, outside, moved: (_now, move) => moved(move) });
}

/** Tells of a client that hears from another node; `whose` names it where there are several. */
export function reportMove(output: Output, move: MoveSeen, whose = ''): void {
  const handoffMs = toMilliseconds(move.gap);
  const [client, home, from, to] = [move.client, move.home, move.from, move.to].map(String);
  const text = `${whose}Now from ${to}: ${handoffMs.toFixed(1)} ms after the last packet from ${from}.`;
  output.event('handoff-seen', { client, home, from, to, handoffMs }, text);
}

export async function runClientGateway(options: ClientGatewayOptions, output: Output): Promise<void> {
  const { address: own, clients, pcap } = options;
  const runtime = new NodeRuntime({ device: options.outside, pcap, name: 'client-gateway' });
  try {
    const { clock } = runtime;
    const inside = openTun({ name: options.inside, mtu: runtime.device.mtu, offloads: 'tso', clock });
    try {
      gatewayOn(runtime, { inside, address: own, clients }, (move) => reportMove(output, move, `${move.client}: `));
      const prefixes = clients.map(String);
      const text = `Client gateway for ${prefixes.join(', ')}. Ctrl-C ends it.`;
      output.event('ready', { role: 'client-gateway', clients: prefixes }, text);
      const gone = new Promise<void>((resolve) => {
        inside.onClosed((reason) => {
          output.warn(reason);
          resolve();
        });
      });
      await Promise.race([runtime.untilStopped(), gone]);
    } finally {
      inside.close();
    }
  } finally {
    runtime.close();
  }
}
