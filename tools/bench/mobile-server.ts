// The services on a mobile node, and its home agent, as a process of its own with a TUN device for each. Told by the
// environment: CARE_OF, HOME, HOME_AGENT (addresses), HOME_PREFIX, BASE_PORT. The services are at the care-of address
// as well as at the home address; a client of the latter is bound as soon as it comes. Prints `ready` once registered.

import { Host } from '../../stack/host.ts';
import { address, prefix } from '../../stack/wire/address.ts';
import { explain } from '../errors.ts';
import { LiveHost } from '../live-host.ts';
import { NodeRuntime } from '../roles/runtime.ts';
import { required } from './environment.ts';
import { SERVICES } from './services.ts';

const SECRET_LEN = 32;
/** Nobody else is in the namespace: registrations are not protected, and the key is not used. */
const UNPROTECTED = { spi: 256, key: new Uint8Array(20) };

function homeAgent(): void {
  const runtime = new NodeRuntime({ device: 'home', name: 'home', pcap: undefined });
  const { timers, random, wall } = runtime;
  const host = new Host({
    ...{ timers, random, secret: random.bytes(SECRET_LEN), forwarding: true, ntpTime: wall.ntpTime },
  });
  const own = address(required('HOME_AGENT'));
  host.attach(runtime.device, { addresses: [own] });
  host.beHomeAgent({
    address: own,
    homePrefixes: [prefix(required('HOME_PREFIX'))],
    security: 'none',
    associations: [{ home: address(required('HOME')), ...UNPROTECTED }],
  });
}

function mobileNode(): void {
  const careOf = address(required('CARE_OF'));
  const homeAddress = address(required('HOME'));
  const { host, clock } = new LiveHost({ device: 'node', addresses: [careOf] });
  const mobile = host.beMobileNode(
    { homeAddress, careOf, homeAgent: address(required('HOME_AGENT')), routeOptimization: 'automatic' },
    { homeRegistered: (_now, status) => process.stdout.write(status < 128 ? 'ready\n' : `refused: ${status}\n`) },
  );
  for (const [i, service] of SERVICES.entries()) {
    host.listen({ port: Number(required('BASE_PORT')) + i, noDelay: true }, service);
  }
  mobile.registerHome(clock.now());
}

// An end in order, so that node --cpu-prof can write what it has seen.
process.on('SIGTERM', () => process.exit(0));

try {
  homeAgent();
  mobileNode();
} catch (error) {
  process.stderr.write(`homeport: ${explain(error)}\n`);
  process.exitCode = 1;
}
