// HalfSipHash-2-4 (Aumasson and Bernstein): a short keyed hash that an outsider who sees its results cannot foretell,
// at a price that a packet can pay. For what is checked on the way in and for tables whose keys a peer picks; where a
// secret must stand for years, core/digest.ts has HMAC. Works on whole 32-bit words, fed one at a time.

import type { Random } from './random.ts';

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));

export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;
  #words = 0;

  constructor(k0: number, k1: number) {
    this.#k0 = k0;
    this.#k1 = k1;
  }

  /** With a key of its own. */
  static keyed(random: Random): HalfSipHash {
    return new HalfSipHash(random.u32(), random.u32());
  }

  begin(): this {
    this.#v0 = this.#k0;
    this.#v1 = this.#k1;
    this.#v2 = 0x6c796765 ^ this.#k0;
    this.#v3 = 0x74656462 ^ this.#k1;
    this.#words = 0;
    return this;
  }

  /** The next four octets of the message, as a number: least significant octet first. */
  word(m: number): this {
    this.#v3 ^= m;
    this.#round();
    this.#round();
    this.#v0 ^= m;
    this.#words += 1;
    return this;
  }

  /** 32 bits. */
  end(): number {
    this.word((this.#words * 4) << 24); // the length stands in the last word
    this.#v2 ^= 0xff;
    for (let i = 0; i < 4; i++) this.#round();
    return (this.#v1 ^ this.#v3) >>> 0;
  }

  #round(): void {
    this.#v0 = (this.#v0 + this.#v1) | 0;
    this.#v1 = rotl(this.#v1, 5) ^ this.#v0;
    this.#v0 = rotl(this.#v0, 16);
    this.#v2 = (this.#v2 + this.#v3) | 0;
    this.#v3 = rotl(this.#v3, 8) ^ this.#v2;
    this.#v0 = (this.#v0 + this.#v3) | 0;
    this.#v3 = rotl(this.#v3, 7) ^ this.#v0;
    this.#v2 = (this.#v2 + this.#v1) | 0;
    this.#v1 = rotl(this.#v1, 13) ^ this.#v2;
    this.#v2 = rotl(this.#v2, 16);
  }
}
