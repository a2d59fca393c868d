// A bounded table of what peers have caused, in the order in which it came. Whoever fills it pushes out what is his own:
// a site (a /64, which one customer has whole) gets a share, and beyond it the oldest of that share goes; only when
// many sites fill the table is it the oldest of all.

import type { Address } from '../wire/address.ts';

interface Entry<V> {
  readonly key: string;
  readonly share: Map<string, Entry<V>>;
  readonly site: string;
  readonly value: V;
}

export interface TableLimits {
  readonly entries: number;
  readonly entriesOfOneSite: number;
}

export class FairTable<V> {
  readonly #limits: TableLimits;
  readonly #evicted: (value: V) => void;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #shares = new Map<string, Map<string, Entry<V>>>();

  /** `evicted` is told of each entry that has to make room, not of those that are deleted. */
  constructor(limits: TableLimits, evicted: (value: V) => void = () => {}) {
    this.#limits = limits;
    this.#evicted = evicted;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /** `from`: to whose share it counts. An entry with the same key is replaced, and is the youngest now. */
  add(key: string, from: Address, value: V): void {
    this.delete(key);
    const site = `${from.w0}/${from.w1}`;
    const share = this.#shares.get(site) ?? new Map<string, Entry<V>>();
    if (share.size >= this.#limits.entriesOfOneSite) this.#evict(first(share));
    else if (this.#entries.size >= this.#limits.entries) this.#evict(first(this.#entries));
    const entry: Entry<V> = { key, share, site, value };
    this.#shares.set(site, share);
    share.set(key, entry);
    this.#entries.set(key, entry);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    entry.share.delete(key);
    if (entry.share.size === 0) this.#shares.delete(entry.site);
  }

  evictOldest(): void {
    this.#evict(first(this.#entries));
  }

  /** The oldest of the site that `key` counts to: perhaps itself. */
  evictOldestBeside(key: string): void {
    const share = this.#entries.get(key)?.share;
    if (share !== undefined) this.#evict(first(share));
  }

  get oldest(): V | undefined {
    return first(this.#entries)?.value;
  }

  #evict(entry: Entry<V> | undefined): void {
    if (entry === undefined) return;
    this.delete(entry.key);
    this.#evicted(entry.value);
  }
}

function first<V>(entries: ReadonlyMap<string, Entry<V>>): Entry<V> | undefined {
  for (const entry of entries.values()) return entry;
  return undefined;
}
