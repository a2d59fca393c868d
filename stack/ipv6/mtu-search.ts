// The search for the MTU of a path that swallows large packets without a word (RFC 4821 7, in the words of RFC 8899 5):
// between a size that is known to pass and one that is not known to fail, which size to try next, and what the fate of
// a probe means. One search a path, shared by all connections over it; who sends the probes is the upper layer's
// business (tcp/mtu-probe.ts).

import { MINIMUM_MTU } from '../wire/ipv6.ts';

/** RFC 8899 5.1.2, BASE_PLPMTU: every IPv6 link carries it. */
export const BASE_MTU = MINIMUM_MTU;

/** RFC 8899 5.1.2: so many probes of one size are lost before it is the size's fault and not chance. */
export const MAX_PROBES = 3;

/** The search ends when there is less than this to gain: 0.6 % of 1280. */
export const SEARCH_GRAIN = 8;

/** RFC 4821 7.3: sizes that real links have (PPPoE, tunnels, Ethernet, FDDI, jumbo frames) are tried before others. */
const COMMON_SIZES = [1400, 1420, 1460, 1480, 1492, 1500, 2002, 4352, 8192, 9000];

export class MtuSearch {
  /** search_low, which is eff_pmtu too: packets of this size pass. */
  #low: number;
  /** search_high: nothing larger passes. */
  #high: number;
  /** probe_size; 0: the search is over. */
  #candidate: number;
  #lost = 0;

  constructor(low: number, high: number) {
    this.#low = low;
    this.#high = high;
    this.#candidate = this.#first();
  }

  get low(): number {
    return this.#low;
  }

  get high(): number {
    return this.#high;
  }

  /** The size to probe now; 0 while there is nothing to find out. */
  get candidate(): number {
    return this.#candidate;
  }

  /** A probe has arrived. False: it says nothing new. */
  arrived(size: number): boolean {
    if (size <= this.#low || size > this.#high) return false;
    this.#low = size;
    return this.#go(this.#between());
  }

  /** A probe was lost, and nothing else with it. False: it changes nothing yet. */
  lost(size: number): boolean {
    if (size !== this.#candidate) return false;
    this.#lost += 1;
    if (this.#lost < MAX_PROBES) return false;
    this.#high = size - 1;
    return this.#go(this.#between());
  }

  /** A router says that nothing larger passes (RFC 4821 7.6.1): as good a guess as any. False: that was known. */
  limit(size: number): boolean {
    if (size >= this.#high) return false;
    this.#high = size;
    this.#low = Math.min(this.#low, size);
    return this.#go(this.#first());
  }

  /** RFC 8899 5.1.1, PMTU_RAISE_TIMER: the path may have grown. */
  raise(high: number): boolean {
    if (high <= this.#low) return false;
    this.#high = high;
    return this.#go(this.#first());
  }

  #go(candidate: number): boolean {
    this.#candidate = candidate;
    this.#lost = 0;
    return true;
  }

  /** All at once first: it was an outage, and no matter of size; or a router has named the size. */
  #first(): number {
    return this.#high > this.#low ? this.#high : 0;
  }

  /** Half of what is left, or a common size near to that. */
  #between(): number {
    const span = this.#high - this.#low;
    if (span < SEARCH_GRAIN) return 0;
    const middle = this.#low + Math.ceil(span / 2);
    const near = COMMON_SIZES.filter((size) => Math.abs(size - middle) <= span / 4);
    return near.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0] ?? middle;
  }
}
