// Randomness of the operating system, for everything that protects a live service: keys, cookies, ISNs, ports.
// Drawn from node:crypto a page at a time, because a call for four octets costs as much as one for a page.

import { randomFillSync } from 'node:crypto';
import { setU32, u32 } from '../stack/core/bytes.ts';
import type { Random } from '../stack/core/random.ts';

const PAGE = 4096;

export class SystemRandom implements Random {
  readonly #page = new Uint8Array(PAGE);
  #used = PAGE;

  u32(): number {
    const at = this.#take(4);
    const word = u32(this.#page, at);
    setU32(this.#page, at, 0); // what has been given out is not kept
    return word;
  }

  float(): number {
    const high = this.u32() >>> 5;
    const low = this.u32() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000; // 53 bits
  }

  bytes(length: number): Uint8Array {
    if (length > PAGE) return randomFillSync(new Uint8Array(length));
    const at = this.#take(length);
    const out = this.#page.slice(at, at + length);
    this.#page.fill(0, at, at + length);
    return out;
  }

  /** Offset of the next `length` unused octets. */
  #take(length: number): number {
    if (this.#used + length > PAGE) {
      randomFillSync(this.#page);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    return at;
  }
}
