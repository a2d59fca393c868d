// A host that runs on a TUN device of its own, with the kernel's routes to its addresses: what benchmarks, the soak
// and tests against the kernel stand on. Roles of the command line put their hosts together themselves.

import { execFileSync } from 'node:child_process';
import type { Clock } from '../stack/core/time.ts';
import type { Trace } from '../stack/core/trace.ts';
import { Host } from '../stack/host.ts';
import type { TcpObserver } from '../stack/tcp/api.ts';
import type { Address } from '../stack/wire/address.ts';
import { UserError } from './errors.ts';
import { NodeRuntime } from './roles/runtime.ts';

export interface LiveHostOptions {
  /** Name of the TUN device, which is made. */
  readonly device: string;
  /** Our addresses: the kernel gets a host route to each through the device. */
  readonly addresses: readonly Address[];
  readonly mtu?: number;
  readonly offloads?: 'none' | 'tso';
  /** Network namespace the device is made in; default: the process's own. */
  readonly netns?: string;
  readonly observer?: TcpObserver;
  readonly pcap?: string | undefined;
  readonly trace?: Trace;
}

const SECRET_LEN = 32;

export class LiveHost {
  readonly host: Host;
  /** What the host's time is. */
  readonly clock: Clock;
  readonly #runtime: NodeRuntime;

  /** Throws an error of one line when the device, the capture file or a route cannot be had; nothing is left open then. */
  constructor(options: LiveHostOptions) {
    const { device, addresses, mtu, offloads, netns, observer, pcap } = options;
    const runtime = new NodeRuntime({ device, name: device, mtu, offloads, netns, pcap });
    this.#runtime = runtime;
    try {
      for (const address of addresses) routeInto(device, `${address}/128`, netns);
    } catch (error) {
      runtime.close();
      throw error;
    }
    const { timers, random, clock, wall } = runtime;
    this.clock = clock;
    this.host = new Host({
      ...{ timers, random, clock, ntpTime: wall.ntpTime, secret: random.bytes(SECRET_LEN) },
      trace: (now, event) => {
        runtime.trace(now, event);
        options.trace?.(now, event);
      },
      ...(observer && { observer }),
    });
    this.host.attach(runtime.device, { addresses });
  }

  close(): void {
    this.#runtime.close();
  }
}

/** Has the kernel send what is for us into our device. */
function routeInto(device: string, destination: string, netns: string | undefined): void {
  const where = netns === undefined ? [] : ['-n', netns];
  try {
    execFileSync('ip', [...where, '-6', 'route', 'replace', destination, 'dev', device], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new UserError(`cannot route ${destination} into ${device}: ${said}`);
  }
}
