import { describe, expect, test } from 'vitest';
import { SipHash } from '../../stack/core/siphash.ts';

const upTo = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

/** From the authors' vectors.h; the 15 octets are those of appendix A. Further ones by their reference code. */
const VECTORS = [
  { length: 0, high: 0x726fdb47, low: 0xdd0e0e31 },
  { length: 1, high: 0x74f839c5, low: 0x93dc67fd },
  { length: 7, high: 0xab0200f5, low: 0x8b01d137 },
  { length: 8, high: 0x93f5f579, low: 0x9a932462 },
  { length: 15, high: 0xa129ca61, low: 0x49be45e5 },
  { length: 44, high: 0xf935451d, low: 0xe4f21df2 },
  { length: 63, high: 0x958a324c, low: 0xeb064572 },
];

describe('SipHash-2-4 (Aumasson, Bernstein 2012)', () => {
  test.each(VECTORS)('of $length octets', ({ length, high, low }) => {
    const { high: h, low: l } = new SipHash(upTo(16)).hash(upTo(length));
    expect([h, l]).toEqual([high, low]);
  });

  test('each hash stands for itself', () => {
    const hash = new SipHash(upTo(16));
    hash.hash(upTo(44));
    expect(hash.hash(upTo(15)).high).toBe(0xa129ca61);
  });

  test('a key that is too short is refused', () => {
    expect(() => new SipHash(upTo(15))).toThrow(RangeError);
  });
});
