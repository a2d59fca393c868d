// Randomness as a parameter. SeededRandom drives simulations and tests; what protects a live service
// comes from the system's generator, injected by tun/.

export interface Random {
  /** Uniform over 0 .. 2^32 - 1. */
  u32(): number;
  /** Uniform over [0, 1). */
  float(): number;
  bytes(length: number): Uint8Array;
}

/** Uniform over 0 .. bound - 1, for bounds far below 2^32. */
export const below = (random: Random, bound: number): number => Math.floor(random.float() * bound);

/** sfc32 (Chris Doty-Humphrey, PractRand): small, fast, reproducible. Not for secrets. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) | 0;
    this.#c = 0x2545f491;
    for (let i = 0; i < 12; i++) this.u32();
  }

  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  float(): number {
    return this.u32() / 0x1_0000_0000;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.u32();
      for (let k = 0; k < 4 && i + k < length; k++) out[i + k] = word >>> (8 * k);
    }
    return out;
  }
}
