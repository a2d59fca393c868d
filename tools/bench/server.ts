// The services on our stack over a TUN device, or with KERNEL=1 on the kernel's TCP, as a process of its own. Told by
// the environment: TUN (name of the device), ADDR, MTU, BASE_PORT, OFFLOAD (0: plain packets). Prints `ready`.

import { createServer } from 'node:net';
import { address } from '../../stack/wire/address.ts';
import { explain } from '../errors.ts';
import { LiveHost } from '../live-host.ts';
import { required } from './environment.ts';
import { SERVICES } from './services.ts';

function onOurStack(): void {
  const own = address(required('ADDR'));
  const { host } = new LiveHost({
    device: required('TUN'),
    addresses: [own],
    mtu: Number(process.env.MTU ?? 1500),
    offloads: process.env.OFFLOAD === '0' ? 'none' : 'tso',
  });
  for (const [i, service] of SERVICES.entries()) {
    host.listen({ address: own, port: Number(required('BASE_PORT')) + i, noDelay: true }, service);
  }
  process.stdout.write('ready\n');
}

async function onTheKernel(): Promise<void> {
  const listening = SERVICES.map(
    (service, i) =>
      new Promise<void>((resolve, reject) => {
        const server = createServer({ noDelay: true }, service);
        server.once('error', reject);
        server.listen({ host: required('ADDR'), port: Number(required('BASE_PORT')) + i, backlog: 4096 }, resolve);
      }),
  );
  await Promise.all(listening);
  process.stdout.write('ready\n');
}

// An end in order, so that node --cpu-prof can write what it has seen.
process.on('SIGTERM', () => process.exit(0));

try {
  if (process.env.KERNEL === '1') await onTheKernel();
  else onOurStack();
} catch (error) {
  process.stderr.write(`homeport: ${explain(error)}\n`);
  process.exitCode = 1;
}
