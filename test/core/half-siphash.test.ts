import { expect, test } from 'vitest';
import { HalfSipHash } from '../../stack/core/half-siphash.ts';
import { SeededRandom } from '../../stack/core/random.ts';

// Key 00 01 .. 07, message 00 01 .. of 0, 4 and 8 octets: from the test vectors of its authors.
test.each([
  [[], 0x5b9f35a9],
  [[0x03020100], 0x89466e2a],
  [[0x03020100, 0x07060504], 0x8f84b8d0],
])('HalfSipHash-2-4 of %j', (words, expected) => {
  const hash = new HalfSipHash(0x03020100, 0x07060504).begin();
  for (const word of words) hash.word(word);
  expect(hash.end()).toBe(expected);
});

test('another key, another hash', () => {
  const of = (seed: number) => HalfSipHash.keyed(new SeededRandom(seed)).begin().word(7).end();
  expect(of(1)).toBe(of(1));
  expect(of(1)).not.toBe(of(2));
});
