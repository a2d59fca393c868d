import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../stack/core/bytes.ts';
import { checksumHolds, checksumOf, fold, sumWords } from '../../stack/core/checksum.ts';

const RUNS = { seed: 0x686f6d65, numRuns: 500 } as const;

const buffers = fc.uint8Array({ maxLength: 200 });

/** RFC 1071 4.1, word by word: what the unrolled sum has to equal. */
function naiveChecksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return 0xffff - sum;
}

describe('Internet checksum', () => {
  test('RFC 1071 3: the example of the RFC', () => {
    const bytes = fromHex('0001 f203 f4f5 f6f7');
    expect(fold(sumWords(bytes, 0, bytes.length))).toBe(0xddf2);
  });

  test('agrees with the sum made word by word, for any part of a buffer', () => {
    fc.assert(
      fc.property(buffers, fc.nat(), fc.nat(), (bytes, a, b) => {
        const [start = 0, end = 0] = [a % (bytes.length + 1), b % (bytes.length + 1)].sort((x, y) => x - y);
        expect(checksumOf(sumWords(bytes, start, end))).toBe(naiveChecksum([...bytes.subarray(start, end)]));
      }),
      RUNS,
    );
  });

  test('agrees with it for packets at any place in their memory', () => {
    const memory = Uint8Array.from({ length: 3_000 }, (_, i) => (i * 37) ^ (i >> 3));
    const places = fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 9 }), fc.nat({ max: 2_900 }));
    fc.assert(
      fc.property(places, ([offset, start, length]) => {
        const bytes = memory.subarray(offset);
        const expected = naiveChecksum([...bytes.subarray(start, start + length)]);
        expect(checksumOf(sumWords(bytes, start, start + length))).toBe(expected);
      }),
      RUNS,
    );
  });

  test('RFC 1071 2: sums of parts add up, where the first part is even', () => {
    fc.assert(
      fc.property(buffers, fc.nat(), (bytes, cut) => {
        const middle = (cut % (bytes.length + 1)) & ~1;
        const inParts = sumWords(bytes, middle, bytes.length, sumWords(bytes, 0, middle));
        expect(fold(inParts)).toBe(fold(sumWords(bytes, 0, bytes.length)));
      }),
      RUNS,
    );
  });

  test('the largest packet of all ones does not overflow', () => {
    const bytes = new Uint8Array(65535).fill(0xff);
    expect(checksumOf(sumWords(bytes, 0, 65535))).toBe(naiveChecksum([...bytes]));
  });

  test('a packet with its checksum put in holds; with any one bit changed it does not', () => {
    const packets = fc.uint8Array({ minLength: 4, maxLength: 100 });
    fc.assert(
      fc.property(packets, fc.nat(), fc.integer({ min: 0, max: 7 }), (packet, octet, bit) => {
        packet.fill(0, 2, 4);
        const checksum = checksumOf(sumWords(packet, 0, packet.length));
        packet.set([checksum >> 8, checksum & 0xff], 2);
        expect(checksumHolds(sumWords(packet, 0, packet.length))).toBe(true);
        const at = octet % packet.length;
        packet[at] = (packet[at] ?? 0) ^ (1 << bit);
        expect(checksumHolds(sumWords(packet, 0, packet.length))).toBe(false);
      }),
      RUNS,
    );
  });
});
