// The fuzzer's octets as a source of decisions. Past its end every decision is 0, so that each prefix of an input
// is an input too, which is what makes inputs small.

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  u8(): number {
    const octet = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return octet;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  u32(): number {
    return ((this.u16() << 16) | this.u16()) >>> 0;
  }

  flag(): boolean {
    return (this.u8() & 1) === 1;
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return n <= 256 ? this.u8() % n : this.u16() % n;
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  /** At most `length` octets. */
  take(length: number): Uint8Array {
    const part = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += part.length;
    return part;
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length);
  }
}
