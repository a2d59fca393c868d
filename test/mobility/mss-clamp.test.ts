// The MSS of a passing SYN (RFC 9293 3.7.1), with a checksum that is complete and follows (RFC 1624), or is not.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setU16, u16 } from '../../stack/core/bytes.ts';
import { checksumOf, sumWords } from '../../stack/core/checksum.ts';
import { isSyn, mssAbove, setMss } from '../../stack/mobility/mss-clamp.ts';

const CHECKSUM_AT = 16;

/** A SYN with these options; its checksum is over its own octets alone, as if the pseudo-header were zero. */
function syn(options: readonly number[], flags = 0x02): Uint8Array {
  const padded = [...options, ...new Array((4 - (options.length % 4)) % 4).fill(1)];
  const header = Uint8Array.from([0x80, 0, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0, flags, 0xff, 0xff, 0, 0, 0, 0, ...padded]);
  header[12] = (header.length / 4) << 4;
  setU16(header, CHECKSUM_AT, checksumOf(sumWords(header, 0, header.length)));
  return header;
}

describe('RFC 9293 3.7.1: the MSS option of a SYN', () => {
  test('is found where it is too large, wherever it stands', () => {
    fc.assert(
      fc.property(fc.array(fc.constant(1), { maxLength: 9 }), fc.integer({ min: 0, max: 0xffff }), (nops, mss) => {
        const header = syn([...nops, 2, 4, mss >>> 8, mss & 0xff]);
        expect(mssAbove(header, 0, 1416)).toBe(mss > 1416 ? 20 + nops.length + 2 : undefined);
      }),
    );
  });

  test('RFC 1624 3: its checksum follows, whether the value is at an even or an odd offset', () => {
    fc.assert(
      fc.property(fc.array(fc.constant(1), { maxLength: 9 }), fc.integer({ min: 1417, max: 0xffff }), (nops, mss) => {
        const header = syn([...nops, 2, 4, mss >>> 8, mss & 0xff]);
        setMss(header, 0, mssAbove(header, 0, 1416) ?? -1, 1416, true);
        expect(u16(header, 20 + nops.length + 2)).toBe(1416);
        const sum = u16(header, CHECKSUM_AT);
        setU16(header, CHECKSUM_AT, 0);
        expect(sum).toBe(checksumOf(sumWords(header, 0, header.length)));
      }),
    );
  });

  test('a checksum that another will complete stays as it is', () => {
    const header = syn([2, 4, 0xff, 0xff]);
    const before = u16(header, CHECKSUM_AT);
    setMss(header, 0, 22, 1416, false);
    expect(u16(header, CHECKSUM_AT)).toBe(before);
  });

  test('options that run over the header, have no length or end early are left alone', () => {
    for (const options of [
      [2, 9, 0xff, 0xff],
      [5, 0, 0, 0],
      [0, 2, 4, 0xff, 0xff, 0, 0, 0],
      [1, 1, 1, 2],
    ]) {
      expect(mssAbove(syn(options), 0, 1416)).toBeUndefined();
    }
  });

  test('only a SYN has one', () => {
    expect(isSyn(syn([], 0x12), 0)).toBe(true);
    expect(isSyn(syn([], 0x10), 0)).toBe(false);
    expect(isSyn(syn([]).subarray(0, 19), 0)).toBe(false);
  });
});
