// Path MTU by destination on the wire. Only paths below the MTU of the first hop are kept. What a router has said (RFC
// 8201) ages after ten minutes: the next large packet asks again, and is answered. Where large packets vanished
// without a word (RFC 4821) nobody would answer: such a path is searched by probes, and after ten minutes searched
// anew. Whether a Packet Too Big deserves belief is judged in icmp-report.ts.

import { after, type Duration, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Address } from '../wire/address.ts';
import { MINIMUM_MTU } from '../wire/ipv6.ts';
import { FairTable } from './fair-table.ts';
import { BASE_MTU, MtuSearch } from './mtu-search.ts';

/** RFC 8201 4: never less than five minutes, ten recommended; RFC 8899 5.1.1, PMTU_RAISE_TIMER: 600 s. */
const LIFETIME: Duration = seconds(600);

/** Paths with an MTU of their own; beyond this the oldest is forgotten (its next large packet asks again). */
const MAX_PATHS = 1024;
/** Of them to one /64, so that a site with many addresses forgets its own. */
const MAX_PATHS_TO_ONE_SITE = MAX_PATHS / 16;

interface PathEntry {
  readonly destination: Address;
  readonly expires: Instant;
  /** As much as anybody had use for when it failed: a search that gets there is done with. */
  readonly ceiling: number;
  /** What a router said; not looked at where there is a search. */
  readonly reported: number;
  readonly search: MtuSearch | undefined;
  /** Somebody uses the path: a probe has told something since the entry was made or renewed. */
  probed: boolean;
}

const mtuOf = ({ search, reported }: PathEntry): number => search?.low ?? reported;

export class PathMtu {
  /** In the order of their expiry: all live equally long. */
  readonly #paths = new FairTable<PathEntry>({ entries: MAX_PATHS, entriesOfOneSite: MAX_PATHS_TO_ONE_SITE });
  readonly #timer: Timer;
  readonly #grown: (now: Instant, destination: Address) => void;

  /** `grown` is told when an entry has aged: the path may carry more now. */
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
    return entry === undefined ? firstHop : Math.min(mtuOf(entry), firstHop);
  }

  /** The size of packet that would be worth a probe; 0: none. */
  candidate(destination: Address, firstHop: number): number {
    if (this.#paths.size === 0) return 0;
    const candidate = this.#paths.get(destination.key)?.search?.candidate ?? 0;
    return candidate <= firstHop ? candidate : 0;
  }

  /**
   * A router says that no more than `mtu` passes; false where that changes nothing (`firstHop` as in get). RFC 8201 4
   * has a report below the minimum MTU discarded.
   */
  lower(now: Instant, destination: Address, mtu: number, firstHop: number): boolean {
    if (mtu < MINIMUM_MTU) return false;
    const search = this.#paths.get(destination.key)?.search;
    if (search !== undefined) return search.limit(mtu);
    if (mtu >= this.get(destination, firstHop)) return false;
    this.#add(now, { destination, reported: mtu, ceiling: firstHop, search: undefined });
    return true;
  }

  /**
   * Packets of `size` vanish: back to the base at once, for each smaller step could cost as many timeouts again, and
   * upwards by probes from there (RFC 4821 7.7). False where there is no way down.
   */
  blackHole(now: Instant, destination: Address, size: number, firstHop: number): boolean {
    if (size <= BASE_MTU || this.get(destination, firstHop) <= BASE_MTU) return false;
    const ceiling = Math.min(size, firstHop);
    this.#add(now, { destination, reported: BASE_MTU, ceiling, search: new MtuSearch(BASE_MTU, ceiling) });
    return true;
  }

  /** The fate of a probe; false where it changes nothing. */
  probed(destination: Address, size: number, arrived: boolean): boolean {
    const entry = this.#paths.get(destination.key);
    if (entry?.search === undefined) return false;
    entry.probed = true;
    const changed = arrived ? entry.search.arrived(size) : entry.search.lost(size);
    if (entry.search.low >= entry.ceiling) this.#paths.delete(destination.key);
    return changed;
  }

  #add(now: Instant, fields: Omit<PathEntry, 'expires' | 'probed'>): void {
    const { destination } = fields;
    this.#paths.add(destination.key, destination, { ...fields, expires: after(now, LIFETIME), probed: false });
    this.#arm();
  }

  #expire(now: Instant): void {
    for (let oldest = this.#paths.oldest; oldest !== undefined; oldest = this.#paths.oldest) {
      if (oldest.expires > now) break;
      this.#paths.delete(oldest.destination.key);
      // A search goes on as long as there is somebody who probes.
      if (oldest.probed && oldest.search?.raise(oldest.ceiling) === true) this.#add(now, oldest);
      this.#grown(now, oldest.destination);
    }
    this.#arm();
  }

  #arm(): void {
    const { oldest } = this.#paths;
    if (oldest !== undefined) this.#timer.set(oldest.expires);
  }
}
