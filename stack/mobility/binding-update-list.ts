// The Binding Update List (RFC 6275 11.1): one entry a client, found by its address, bounded. When it is full, an
// entry that holds nothing of value makes room; when there is none, a further client is served through the
// home agent.

import type { Address } from '../wire/address.ts';
import type { ClientRegistration } from './client-registration.ts';

/** Clients that a server node keeps state for. */
export const MAX_CLIENTS = 16_384;
/** How many of the oldest entries are looked at for one to give up. */
const REPLACEMENT_CANDIDATES = 32;

export class BindingUpdateList {
  readonly #entries = new Map<string, ClientRegistration>();
  readonly #limit: number;

  constructor(limit: number = MAX_CLIENTS) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(client: Address): ClientRegistration | undefined {
    return this.#entries.get(client.key);
  }

  /** Undefined: the list is full of entries in use. */
  findOrAdd(client: Address, make: () => ClientRegistration): ClientRegistration | undefined {
    const known = this.#entries.get(client.key);
    if (known !== undefined) return known;
    if (this.#entries.size >= this.#limit && !this.#makeRoom()) return undefined;
    const made = make();
    this.#entries.set(client.key, made);
    return made;
  }

  delete(client: Address): ClientRegistration | undefined {
    const entry = this.#entries.get(client.key);
    entry?.stop();
    this.#entries.delete(client.key);
    return entry;
  }

  #makeRoom(): boolean {
    let looks = 0;
    for (const entry of this.#entries.values()) {
      const state = entry.state();
      if (!entry.busy && (state === 'none' || state === 'plain')) {
        this.delete(entry.client);
        return true;
      }
      if (++looks === REPLACEMENT_CANDIDATES) return false;
    }
    return false;
  }
}
