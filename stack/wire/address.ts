// IPv6 addresses (RFC 4291) as immutable values of four 32-bit words: cheap to copy out of a packet, to
// compare and to hash. Text forms come from the ip-address library.

import { Address6 } from 'ip-address';
import { setU32, u32 } from '../core/bytes.ts';

export const ADDRESS_LEN = 16;

export class Address {
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
  #key: string | undefined;

  /** Four unsigned 32-bit words, most significant first. */
  constructor(w0: number, w1: number, w2: number, w3: number) {
    this.w0 = w0;
    this.w1 = w1;
    this.w2 = w2;
    this.w3 = w3;
  }

  equals(other: Address): boolean {
    return this.w3 === other.w3 && this.w2 === other.w2 && this.w1 === other.w1 && this.w0 === other.w0;
  }

  /** The same string for the same address: for Map keys. 32 hexadecimal digits, which also sort in order. */
  get key(): string {
    this.#key ??= [this.w0, this.w1, this.w2, this.w3].map((w) => w.toString(16).padStart(8, '0')).join('');
    return this.#key;
  }

  /** A 32-bit hash, for tables on the data path. Not keyed: bound the chains where a peer picks the address. */
  get hash(): number {
    return (
      (this.w0 ^ Math.imul(this.w1, 0x9e3779b1) ^ Math.imul(this.w2, 0x85ebca6b) ^ Math.imul(this.w3, 0xc2b2ae35)) >>> 0
    );
  }

  get isUnspecified(): boolean {
    return this.w0 === 0 && this.w1 === 0 && this.w2 === 0 && this.w3 === 0;
  }

  get isLoopback(): boolean {
    return this.w0 === 0 && this.w1 === 0 && this.w2 === 0 && this.w3 === 1;
  }

  get isMulticast(): boolean {
    return this.w0 >>> 24 === 0xff;
  }

  get isLinkLocal(): boolean {
    return this.w0 >>> 22 === 0xfe80 >>> 6;
  }

  /** RFC 4291 2.5.5.2. */
  get isMappedIpv4(): boolean {
    return this.w0 === 0 && this.w1 === 0 && this.w2 === 0xffff;
  }

  /** Unicast that may be routed beyond a link: what a home or care-of address has to be. */
  get isRoutableUnicast(): boolean {
    return !this.isMulticast && !this.isUnspecified && !this.isLoopback && !this.isLinkLocal;
  }

  write(into: Uint8Array, at: number): void {
    setU32(into, at, this.w0);
    setU32(into, at + 4, this.w1);
    setU32(into, at + 8, this.w2);
    setU32(into, at + 12, this.w3);
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(ADDRESS_LEN);
    this.write(bytes, 0);
    return bytes;
  }

  /** RFC 5952 text. */
  toString(): string {
    return Address6.fromUnsignedByteArray([...this.toBytes()]).correctForm();
  }
}

export const UNSPECIFIED = new Address(0, 0, 0, 0);
export const LOOPBACK = new Address(0, 0, 0, 1);

export const readAddress = (bytes: Uint8Array, at: number): Address =>
  new Address(u32(bytes, at), u32(bytes, at + 4), u32(bytes, at + 8), u32(bytes, at + 12));

/** An address from its text; throws an Error that names the text: for configuration and tests. */
export function address(text: string): Address {
  if (!Address6.isValid(text) || text.includes('/') || text.includes('%')) {
    throw new Error(`not an IPv6 address: '${text}'`);
  }
  return readAddress(Uint8Array.from(new Address6(text).toUnsignedByteArray()), 0);
}

/** An address prefix (RFC 4291 2.3); host bits are zeroed. */
export class Prefix {
  readonly base: Address;
  readonly length: number;
  readonly #mask: Address;

  constructor(base: Address, length: number) {
    const word = (index: number) => maskOf(Math.min(32, Math.max(0, length - 32 * index)));
    const mask = new Address(word(0), word(1), word(2), word(3));
    this.base = new Address(
      (base.w0 & mask.w0) >>> 0,
      (base.w1 & mask.w1) >>> 0,
      (base.w2 & mask.w2) >>> 0,
      (base.w3 & mask.w3) >>> 0,
    );
    this.length = length;
    this.#mask = mask;
  }

  contains(a: Address): boolean {
    const { base } = this;
    const mask = this.#mask;
    const difference =
      ((a.w0 ^ base.w0) & mask.w0) |
      ((a.w1 ^ base.w1) & mask.w1) |
      ((a.w2 ^ base.w2) & mask.w2) |
      ((a.w3 ^ base.w3) & mask.w3);
    return difference === 0;
  }

  toString(): string {
    return `${this.base}/${this.length}`;
  }
}

const maskOf = (bits: number): number => (bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0);

/** `address/length` from text; throws an Error that names the text. */
export function prefix(text: string): Prefix {
  const [base, length, ...rest] = text.split('/');
  if (
    base === undefined ||
    length === undefined ||
    rest.length > 0 ||
    !/^\d{1,3}$/.test(length) ||
    Number(length) > 128
  ) {
    throw new Error(`not an IPv6 prefix: '${text}'`);
  }
  return new Prefix(address(base), Number(length));
}
