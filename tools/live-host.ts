// A Host in real time on a TUN device: clock, timers, secure randomness, an optional capture, and the kernel's
// route to the stack's addresses. What bench, soak and tests put their programs on.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Instant } from '../stack/core/time.ts';
import { TimerQueue } from '../stack/core/timer-queue.ts';
import type { TraceEvent } from '../stack/core/trace.ts';
import type { Device } from '../stack/device/device.ts';
import { RecordDevice } from '../stack/device/record.ts';
import { Host } from '../stack/host.ts';
import type { TcpObserver } from '../stack/tcp/api.ts';
import type { Address, Prefix } from '../stack/wire/address.ts';
import { pcapngInterface, pcapngPacket, pcapngSectionHeader } from '../stack/wire/pcapng.ts';
import { CaptureFile } from '../tun/capture-file.ts';
import { MonotonicClock, WallClock } from '../tun/clock.ts';
import { SystemRandom } from '../tun/random.ts';
import { TimerDriver } from '../tun/timer-driver.ts';
import { openTun, type TunDevice } from '../tun/tun-device.ts';
import { UserError } from './errors.ts';

const DEFAULT_MTU = 1500;
/** A comment that finds no packet to stand on stays for the next one; more than these are joined away. */
const MAX_PENDING_COMMENTS = 32;

export interface LiveHostOptions {
  /** Name of the TUN device, which is made. */
  readonly device: string;
  /** Our addresses: the kernel gets a host route to each through the device. */
  readonly addresses: readonly Address[];
  /** Prefixes beyond these that the kernel routes into the device (a home agent's home prefix). */
  readonly prefixes?: readonly Prefix[];
  readonly mtu?: number;
  readonly offloads?: 'none' | 'tso';
  /** Network namespace the device is made in; default: the process's own. */
  readonly netns?: string;
  /** Shared key material of a group; default: this process's own random octets. */
  readonly secret?: Uint8Array;
  readonly forwarding?: boolean;
  readonly observer?: TcpObserver;
  readonly pcap?: string | undefined;
  readonly trace?: (now: Instant, event: TraceEvent) => void;
}

export class LiveHost {
  readonly clock = new MonotonicClock();
  readonly wall = new WallClock(this.clock);
  readonly timers = new TimerQueue();
  readonly random = new SystemRandom();
  readonly host: Host;
  readonly device: TunDevice;
  readonly #driver: TimerDriver;
  readonly #capture: HostCapture | undefined;

  /** Throws a UserError when the device, the capture file or a route cannot be had; nothing is left open then. */
  constructor(options: LiveHostOptions) {
    const { device: name, mtu = DEFAULT_MTU, offloads = 'tso', netns } = options;
    this.#capture = options.pcap === undefined ? undefined : new HostCapture(options.pcap, name, this.wall);
    this.device = openTun({ name, mtu, offloads, clock: this.clock, ...(netns !== undefined && { netns }) });
    try {
      for (const address of options.addresses) routeInto(name, `${address}/128`, netns);
      for (const prefix of options.prefixes ?? []) routeInto(name, prefix.toString(), netns);
    } catch (error) {
      this.device.close();
      throw error;
    }
    this.host = new Host({
      timers: this.timers,
      random: this.random,
      clock: this.clock,
      secret: options.secret ?? this.random.bytes(32),
      forwarding: options.forwarding === true,
      ntpTime: this.wall.ntpTime,
      trace: (now, event) => this.trace(now, event, options.trace),
      ...(options.observer && { observer: options.observer }),
    });
    this.host.attach(this.#recorded(), { addresses: options.addresses });
    this.#driver = new TimerDriver(this.timers, this.clock);
  }

  now(): Instant {
    return this.clock.now();
  }

  /** Passes a trace event on, and into the capture where it is about a handoff. */
  trace(now: Instant, event: TraceEvent, to?: (now: Instant, event: TraceEvent) => void): void {
    if (event.layer === 'handoff') this.#capture?.comment(describe(event));
    to?.(now, event);
  }

  close(): void {
    this.#driver.close();
    this.device.close();
    this.#capture?.close();
  }

  #recorded(): Device {
    const capture = this.#capture;
    return capture === undefined
      ? this.device
      : new RecordDevice(this.device, (now, _direction, packet) => capture.packet(now, packet));
  }
}

/** Octets derived from a key for one purpose: so that one file of a group serves several. */
export const deriveKey = (key: Uint8Array, purpose: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(purpose).update(key).digest());

/** One capture file with one interface. Comments stand on the packet that follows them. */
class HostCapture {
  readonly #file: CaptureFile;
  readonly #wall: WallClock;
  #comments: string[] = [];

  constructor(path: string, device: string, wall: WallClock) {
    this.#file = openCapture(path);
    this.#wall = wall;
    this.#file.write(pcapngSectionHeader('homeport'));
    this.#file.write(pcapngInterface({ name: device }));
  }

  comment(text: string): void {
    if (this.#comments.length < MAX_PENDING_COMMENTS) this.#comments.push(text);
  }

  packet(now: Instant, bytes: Uint8Array): void {
    const comment = this.#comments.length === 0 ? undefined : this.#comments.join('\n');
    this.#comments = [];
    const timestampNs = this.#wall.unixNs(now);
    this.#file.write(pcapngPacket({ interface: 0, timestampNs, bytes, ...(comment !== undefined && { comment }) }));
  }

  close(): void {
    this.#file.close();
  }
}

function openCapture(path: string): CaptureFile {
  try {
    return new CaptureFile(path);
  } catch (error) {
    throw new UserError(`cannot write the capture: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const describe = (event: TraceEvent): string =>
  `handoff: ${event.event} ${Object.entries(event.detail)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`;

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
