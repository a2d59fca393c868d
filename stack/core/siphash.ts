// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of 64 bits for short inputs, made to stand where an
// outsider sees results and must not foresee others. An eighth of what HMAC-SHA-256 costs here, which counts where
// every packet of a flood needs one. Not a digest: without the secrecy of its key it proves nothing.

import { u8 } from './bytes.ts';

export const SIPHASH_KEY_LEN = 16;

/** 64 bits as two signed words. */
interface Word {
  low: number;
  high: number;
}

export class SipHash {
  /** The last result. */
  low = 0;
  high = 0;
  readonly #key: readonly [Word, Word];
  /** v0 to v3, the low half of each before the high one. */
  readonly #v = new Int32Array(8);

  constructor(key: Uint8Array) {
    if (key.length < SIPHASH_KEY_LEN) throw new RangeError('SipHash: a key of 16 octets');
    this.#key = [readWord(key, 0), readWord(key, 8)];
  }

  /** Hashes `bytes`; the result is in `low` and `high`, as unsigned words. */
  hash(bytes: Uint8Array): this {
    const v = this.#v;
    const [k0, k1] = this.#key;
    v[0] = k0.low ^ 0x70736575;
    v[1] = k0.high ^ 0x736f6d65;
    v[2] = k1.low ^ 0x6e646f6d;
    v[3] = k1.high ^ 0x646f7261;
    v[4] = k0.low ^ 0x6e657261;
    v[5] = k0.high ^ 0x6c796765;
    v[6] = k1.low ^ 0x79746573;
    v[7] = k1.high ^ 0x74656462;
    const whole = bytes.length & ~7;
    for (let at = 0; at < whole; at += 8) this.#absorb(readHalf(bytes, at, 4), readHalf(bytes, at + 4, 4));
    const rest = bytes.length - whole;
    const last = readHalf(bytes, whole + 4, rest - 4) | ((bytes.length & 0xff) << 24);
    this.#absorb(readHalf(bytes, whole, Math.min(4, rest)), last);
    v[4] = at(v, 4) ^ 0xff;
    this.#rounds(4);
    this.low = (at(v, 0) ^ at(v, 2) ^ at(v, 4) ^ at(v, 6)) >>> 0;
    this.high = (at(v, 1) ^ at(v, 3) ^ at(v, 5) ^ at(v, 7)) >>> 0;
    return this;
  }

  #absorb(low: number, high: number): void {
    const v = this.#v;
    v[6] = at(v, 6) ^ low;
    v[7] = at(v, 7) ^ high;
    this.#rounds(2);
    v[0] = at(v, 0) ^ low;
    v[1] = at(v, 1) ^ high;
  }

  /** SipRound, `count` times, on halves: `al` and `ah` are v0, then b, c, d. */
  #rounds(count: number): void {
    const v = this.#v;
    let al = at(v, 0);
    let ah = at(v, 1);
    let bl = at(v, 2);
    let bh = at(v, 3);
    let cl = at(v, 4);
    let ch = at(v, 5);
    let dl = at(v, 6);
    let dh = at(v, 7);
    let sum = 0;
    let half = 0;
    for (let i = 0; i < count; i++) {
      sum = (al + bl) | 0;
      ah = (ah + bh + carry(sum, al)) | 0;
      al = sum;
      half = bl;
      bl = ((bl << 13) | (bh >>> 19)) ^ al;
      bh = ((bh << 13) | (half >>> 19)) ^ ah;
      half = al;
      al = ah;
      ah = half;
      sum = (cl + dl) | 0;
      ch = (ch + dh + carry(sum, cl)) | 0;
      cl = sum;
      half = dl;
      dl = ((dl << 16) | (dh >>> 16)) ^ cl;
      dh = ((dh << 16) | (half >>> 16)) ^ ch;
      sum = (al + dl) | 0;
      ah = (ah + dh + carry(sum, al)) | 0;
      al = sum;
      half = dl;
      dl = ((dl << 21) | (dh >>> 11)) ^ al;
      dh = ((dh << 21) | (half >>> 11)) ^ ah;
      sum = (cl + bl) | 0;
      ch = (ch + bh + carry(sum, cl)) | 0;
      cl = sum;
      half = bl;
      bl = ((bl << 17) | (bh >>> 15)) ^ cl;
      bh = ((bh << 17) | (half >>> 15)) ^ ch;
      half = cl;
      cl = ch;
      ch = half;
    }
    v[0] = al;
    v[1] = ah;
    v[2] = bl;
    v[3] = bh;
    v[4] = cl;
    v[5] = ch;
    v[6] = dl;
    v[7] = dh;
  }
}

const at = (v: Int32Array, i: number): number => v[i] ?? 0;

/** Did adding to `before` overflow 32 bits? */
const carry = (sum: number, before: number): number => (sum >>> 0 < before >>> 0 ? 1 : 0);

/** At most 4 octets, the first one lowest. */
function readHalf(bytes: Uint8Array, from: number, count: number): number {
  let word = 0;
  for (let i = 0; i < count; i++) word |= u8(bytes, from + i) << (8 * i);
  return word;
}

const readWord = (bytes: Uint8Array, from: number): Word => ({
  low: readHalf(bytes, from, 4),
  high: readHalf(bytes, from + 4, 4),
});
