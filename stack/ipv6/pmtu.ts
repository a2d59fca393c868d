// Path MTU by destination on the wire (RFC 8201). Only what is below the MTU of the first hop is kept; an entry
// ages after ten minutes, so that a path which grew is found out. Whether a Packet Too Big deserves belief is
// judged in icmp-report.ts.

import { after, type Duration, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Address } from '../wire/address.ts';
import { MINIMUM_MTU } from '../wire/ipv6.ts';

/** RFC 8201 4: never less than five minutes, ten recommended. */
const LIFETIME: Duration = seconds(600);

/** Paths with an MTU of their own; beyond this the oldest is forgotten (its next large packet asks again). */
const MAX_PATHS = 1024;

interface PathEntry {
  readonly destination: Address;
  readonly mtu: number;
  readonly expires: Instant;
}

export class PathMtu {
  /** In the order of their expiry: all live equally long. */
  readonly #paths = new Map<string, PathEntry>();
  readonly #timer: Timer;
  readonly #grown: (now: Instant, destination: Address) => void;

  /** `grown` is told when an entry has aged away. */
  constructor(timers: TimerQueue, grown: (now: Instant, destination: Address) => void) {
    this.#timer = timers.timer((now) => this.#expire(now));
    this.#grown = grown;
  }

  get size(): number {
    return this.#paths.size;
  }

  /** The MTU of the path, `firstHop` being that of the device. */
  get(destination: Address, firstHop: number): number {
    if (this.#paths.size === 0) return firstHop;
    const entry = this.#paths.get(destination.key);
    return entry === undefined ? firstHop : Math.min(entry.mtu, firstHop);
  }

  /**
   * Notes a lower MTU; false where it is none (`firstHop` as in get). RFC 8201 4 has a
   * report below the minimum MTU discarded.
   */
  lower(now: Instant, destination: Address, mtu: number, firstHop: number): boolean {
    if (mtu < MINIMUM_MTU || mtu >= this.get(destination, firstHop)) return false;
    this.#paths.delete(destination.key);
    const oldest = this.#paths.keys().next();
    if (this.#paths.size >= MAX_PATHS && oldest.done !== true) this.#paths.delete(oldest.value);
    this.#paths.set(destination.key, { destination, mtu, expires: after(now, LIFETIME) });
    this.#arm();
    return true;
  }

  #expire(now: Instant): void {
    for (const [key, entry] of this.#paths) {
      if (entry.expires > now) break;
      this.#paths.delete(key);
      this.#grown(now, entry.destination);
    }
    this.#arm();
  }

  #arm(): void {
    for (const entry of this.#paths.values()) {
      this.#timer.set(entry.expires);
      return;
    }
  }
}
