// A map from addresses, by their hash: no text key is made on the data path. The keys are our own
// addresses, so no peer can make the chains long.

import type { Address } from '../wire/address.ts';

interface Entry<V> {
  readonly address: Address;
  value: V;
}

export class AddressMap<V> {
  readonly #buckets = new Map<number, Entry<V>[]>();

  get(address: Address): V | undefined {
    const bucket = this.#buckets.get(address.hash);
    if (bucket === undefined) return undefined;
    for (const entry of bucket) if (entry.address.equals(address)) return entry.value;
    return undefined;
  }

  has(address: Address): boolean {
    return this.get(address) !== undefined;
  }

  set(address: Address, value: V): void {
    const bucket = this.#buckets.get(address.hash);
    const entry = bucket?.find((known) => known.address.equals(address));
    if (entry !== undefined) entry.value = value;
    else if (bucket !== undefined) bucket.push({ address, value });
    else this.#buckets.set(address.hash, [{ address, value }]);
  }

  delete(address: Address): void {
    const left = (this.#buckets.get(address.hash) ?? []).filter((entry) => !entry.address.equals(address));
    if (left.length === 0) this.#buckets.delete(address.hash);
    else this.#buckets.set(address.hash, left);
  }

  *values(): IterableIterator<V> {
    for (const bucket of this.#buckets.values()) for (const entry of bucket) yield entry.value;
  }
}
