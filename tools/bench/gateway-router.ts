// A router of ours between two TUN devices, as a process of its own, in the namespace of its device outside. Told by
// the environment: INSIDE (device), INSIDE_NETNS (its namespace), OUTSIDE (device), CLIENT (address inside), GATEWAY
// (1: it is the correspondent of the client; 0: it only forwards). Prints `ready`.

import { Host } from '../../stack/host.ts';
import { address, Prefix } from '../../stack/wire/address.ts';
import { openTun } from '../../tun/tun-device.ts';
import { explain } from '../errors.ts';
import { ON_LINK_ADDRESS } from '../roles/client-gateway.ts';
import { NodeRuntime } from '../roles/runtime.ts';
import { required } from './environment.ts';

const SECRET_LEN = 32;

function route(): void {
  const name = required('OUTSIDE');
  const runtime = new NodeRuntime({ device: name, name, pcap: undefined });
  const { timers, random, clock, device: outside } = runtime;
  const inside = openTun({
    ...{ name: required('INSIDE'), netns: required('INSIDE_NETNS'), mtu: outside.mtu, offloads: 'tso', clock },
  });
  const host = new Host({ timers, random, secret: random.bytes(SECRET_LEN), forwarding: true });
  host.attach(inside, { addresses: [ON_LINK_ADDRESS], routes: [new Prefix(address(required('CLIENT')), 128)] });
  host.attach(outside, { addresses: [] });
  if (process.env.GATEWAY === '1') host.beClientGateway({ inside, outside });
  process.stdout.write('ready\n');
}

// An end in order, so that node --cpu-prof can write what it has seen.
process.on('SIGTERM', () => process.exit(0));

try {
  route();
} catch (error) {
  process.stderr.write(`homeport: ${explain(error)}\n`);
  process.exitCode = 1;
}
