// A bounded table of what peers have caused, by address. Full, it makes room in the largest share, a site (a /48, the
// most that one customer is given) having one share: who fills the table pushes out what is his own, and nobody's
// entry goes before those of all sites that hold more.

import type { Address } from '../wire/address.ts';

/** How many entries of a share get a second chance before one goes all the same. */
const CANDIDATES = 16;

interface Entry<V> {
  readonly share: Map<string, Entry<V>>;
  readonly site: string;
  readonly value: V;
}

type Share<V> = Map<string, Entry<V>>;

export class SiteShares<V> {
  readonly #limit: number;
  readonly #spare: (value: V) => boolean;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #shares = new Map<string, Share<V>>();

  /** `spare`: asked about the oldest entry of the share; true moves it to the end, once or a few times. */
  constructor(limit: number, spare: (value: V) => boolean = () => false) {
    this.#limit = limit;
    this.#spare = spare;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  *values(): IterableIterator<V> {
    for (const { value } of this.#entries.values()) yield value;
  }

  /**
   * Adds or replaces; the entry is the youngest now, and counts for the site of `holder`. Returns the value that lost
   * its place to it.
   */
  set(key: string, holder: Address, value: V): V | undefined {
    this.delete(key);
    const evicted = this.#entries.size >= this.#limit ? this.#evict() : undefined;
    const site = siteOf(holder);
    const share: Share<V> = this.#shares.get(site) ?? new Map();
    const entry: Entry<V> = { share, site, value };
    this.#shares.set(site, share);
    share.set(key, entry);
    this.#entries.set(key, entry);
    return evicted;
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    entry.share.delete(key);
    if (entry.share.size === 0) this.#shares.delete(entry.site);
  }

  #evict(): V | undefined {
    const share = this.#largestShare();
    for (let looks = 0; looks < CANDIDATES; looks++) {
      const [oldest] = share;
      if (oldest === undefined) return undefined;
      const [key, entry] = oldest;
      if (looks < CANDIDATES - 1 && this.#spare(entry.value)) {
        share.delete(key);
        share.set(key, entry);
      } else {
        this.delete(key);
        return entry.value;
      }
    }
    return undefined;
  }

  /** A walk over the sites, when the table is full: at worst as dear as the digests of the update that it is for. */
  #largestShare(): Share<V> {
    let largest: Share<V> = new Map();
    for (const share of this.#shares.values()) if (share.size > largest.size) largest = share;
    return largest;
  }
}

/** The /48 of an address, as a key. */
export const siteOf = (address: Address): string => `${address.w0}/${address.w1 >>> 16}`;
