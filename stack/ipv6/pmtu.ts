// Path MTU by destination on the wire (RFC 8201). Only what is below the MTU of the first hop is kept; an entry
// ages after ten minutes, so that a path which grew is found out. Whether a Packet Too Big deserves belief is
// judged in icmp-report.ts.

import { after, type Duration, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Address } from '../wire/address.ts';
import { MINIMUM_MTU } from '../wire/ipv6.ts';
import { FairTable } from './fair-table.ts';

/** RFC 8201 4: never less than five minutes, ten recommended. */
const LIFETIME: Duration = seconds(600);

/** Paths with an MTU of their own; beyond this the oldest is forgotten (its next large packet asks again). */
const MAX_PATHS = 1024;
/** Of them to one /64, so that a site with many addresses forgets its own. */
const MAX_PATHS_TO_ONE_SITE = MAX_PATHS / 16;

interface PathEntry {
  readonly destination: Address;
  readonly mtu: number;
  readonly expires: Instant;
}

export class PathMtu {
  /** In the order of their expiry: all live equally long. */
  readonly #paths = new FairTable<PathEntry>({ entries: MAX_PATHS, entriesOfOneSite: MAX_PATHS_TO_ONE_SITE });
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
    this.#paths.add(destination.key, destination, { destination, mtu, expires: after(now, LIFETIME) });
    this.#arm();
    return true;
  }

  #expire(now: Instant): void {
    for (let oldest = this.#paths.oldest; oldest !== undefined; oldest = this.#paths.oldest) {
      if (oldest.expires > now) break;
      this.#paths.delete(oldest.destination.key);
      this.#grown(now, oldest.destination);
    }
    this.#arm();
  }

  #arm(): void {
    const { oldest } = this.#paths;
    if (oldest !== undefined) this.#timer.set(oldest.expires);
  }
}
