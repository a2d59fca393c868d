// A host under test with the whole Internet played by the test: real Ipv6 on one device, packets in by hand,
// packets out in a list, time on a virtual clock. And the other half of each protocol run as a script.

import { SeededRandom } from '../../stack/core/random.ts';
import { after, type Duration, EPOCH, type Instant } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { type Device, type Frame, type FramesHandler, NO_OFFLOADS } from '../../stack/device/device.ts';
import { Ipv6 } from '../../stack/ipv6/ipv6.ts';
import type { MobilityEnvironment } from '../../stack/mobility/api.ts';
import { MobilityDispatch } from '../../stack/mobility/mobility-dispatch.ts';
import { type Address, prefix } from '../../stack/wire/address.ts';
import type { MobilityMessage } from '../../stack/wire/mobility.ts';
import { type Seen, see } from './packets.ts';

/** Collects what the host sends. */
export class TestDevice implements Device {
  readonly name = 'test';
  readonly mtu = 1500;
  readonly offloads = NO_OFFLOADS;
  readonly sent: Uint8Array[] = [];
  #handler: FramesHandler | undefined;

  send(_now: Instant, frames: readonly Frame[]): void {
    for (const frame of frames) this.sent.push(frame.bytes.slice());
  }

  onFrames(handler: FramesHandler): void {
    this.#handler = handler;
  }

  arrive(now: Instant, bytes: Uint8Array): void {
    this.#handler?.(now, [{ bytes }]);
  }

  close(): void {}
}

export interface TestHostOptions {
  readonly seed?: number;
  readonly forwarding?: boolean;
  /** Seconds between this host's clock and NTP time of the test. */
  readonly clockOffset?: number;
}

/** NTP time of a virtual instant: any fixed origin will do. */
export const ntp = (now: Instant, offset = 0): bigint =>
  (BigInt(Math.floor(4_000_000_000 + offset + now / 1e6)) << 32n) | BigInt(Math.floor((now % 1e6) * 4294.967296));

export class TestHost {
  readonly timers = new TimerQueue();
  readonly device = new TestDevice();
  readonly ipv6: Ipv6;
  readonly environment: MobilityEnvironment;
  readonly dispatch: MobilityDispatch;
  now: Instant = EPOCH;

  constructor(own: Address, options: TestHostOptions = {}) {
    const random = new SeededRandom(options.seed ?? 1);
    const { timers } = this;
    const { forwarding = false, clockOffset = 0 } = options;
    this.ipv6 = new Ipv6({ timers, random, forwarding, devices: [{ device: this.device, addresses: [own] }] });
    this.ipv6.addRoute(prefix('::/0'), this.device);
    this.environment = { ipv6: this.ipv6, timers, random, ntpTime: (now) => ntp(now, clockOffset) };
    this.dispatch = new MobilityDispatch(this.environment);
  }

  /** Gives the host a packet and returns what it sends because of it, at once. */
  give(bytes: Uint8Array): Seen[] {
    this.device.sent.length = 0;
    this.device.arrive(this.now, bytes);
    return this.take();
  }

  /** What was sent since the last look. */
  take(): Seen[] {
    return this.device.sent.splice(0).map(see);
  }

  /** Does something at the present moment and returns what is sent because of it. */
  do(work: (now: Instant) => void): Seen[] {
    this.take();
    this.ipv6.enter(this.now, () => work(this.now));
    return this.take();
  }

  /** Lets time pass; returns what is sent on the way. */
  pass(span: Duration): Seen[] {
    const until = after(this.now, span);
    for (let due = this.timers.nextDeadline(); due <= until; due = this.timers.nextDeadline()) {
      this.now = due;
      this.timers.runDue(due);
    }
    this.now = until;
    return this.take();
  }
}

/** The one message of this kind among packets, outermost or in a tunnel. Throws when there is none. */
export function theMessage<Kind extends MobilityMessage['kind']>(
  packets: readonly Seen[],
  kind: Kind,
): { readonly packet: Seen; readonly message: MobilityMessage & { readonly kind: Kind } } {
  for (const outer of packets) {
    for (const packet of [outer, outer.inner]) {
      const message = packet?.mobility;
      if (packet !== undefined && message?.kind === kind) {
        return { packet, message: message as MobilityMessage & { readonly kind: Kind } };
      }
    }
  }
  throw new Error(`no ${kind} among ${packets.length} packets`);
}
