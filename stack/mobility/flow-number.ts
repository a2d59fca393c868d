// The FIDs of a member's flows (RFC 6089 4.2): a flow that is bound again keeps its number, and no two clients have the same
// one, for the home agent would take the second for a change of the first.

import type { Address } from '../wire/address.ts';

/** All the numbers there are; 0 is reserved. */
const MAX_FID = 0xffff;

export class FlowNumbers {
  /** By client; whose flow was bound longest ago comes first. */
  readonly #fids = new Map<string, number>();
  readonly #limit: number;

  constructor(limit: number = MAX_FID) {
    this.#limit = limit;
  }

  /** When all are given out, the one that was not asked for longest changes hands, as its flow may at the home agent. */
  of({ key }: Address): number {
    const fid = this.#fids.get(key) ?? this.#unused();
    this.#fids.delete(key);
    this.#fids.set(key, fid);
    return fid;
  }

  #unused(): number {
    if (this.#fids.size < this.#limit) return this.#fids.size + 1;
    const [[client, fid] = ['', 1]] = this.#fids;
    this.#fids.delete(client);
    return fid;
  }
}
