import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../stack/core/bytes.ts';
import { below, SeededRandom } from '../../stack/core/random.ts';

const draws = (random: SeededRandom, count: number) => Array.from({ length: count }, () => random.u32());

describe('SeededRandom', () => {
  test('the same seed gives the same numbers', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (seed) => {
        expect(draws(new SeededRandom(seed), 20)).toEqual(draws(new SeededRandom(seed), 20));
      }),
      { seed: 0x686f6d65 },
    );
  });

  test('the numbers of a seed stay what they are from version to version', () => {
    expect(draws(new SeededRandom(1), 4)).toEqual([1873679429, 2955504924, 1304873962, 3708736799]);
  });

  test('neighbouring seeds, and those that differ above 32 bits, give other numbers', () => {
    const firsts = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 33].map((seed) => new SeededRandom(seed).u32());
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  test('octets are uniform enough: each value shows up about equally often', () => {
    const counts = new Array<number>(256).fill(0);
    for (const octet of new SeededRandom(7).bytes(256 * 400)) counts[octet] = (counts[octet] ?? 0) + 1;
    // 400 expected, standard deviation 20: six of them are out of reach for a sound generator.
    expect(Math.min(...counts)).toBeGreaterThan(280);
    expect(Math.max(...counts)).toBeLessThan(520);
  });

  test('bytes(n) gives n octets, and a longer draw begins with the shorter one', () => {
    const long = toHex(new SeededRandom(3).bytes(32));
    for (const length of [0, 1, 3, 4, 5, 17]) {
      expect(toHex(new SeededRandom(3).bytes(length))).toBe(long.slice(0, 2 * length));
    }
  });

  test('float is in [0, 1), below(n) in [0, n) and reaches both ends', () => {
    const random = new SeededRandom(11);
    const seen = new Set<number>();
    for (let i = 0; i < 1_000; i++) {
      const float = random.float();
      expect(float >= 0 && float < 1).toBe(true);
      seen.add(below(random, 6));
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
