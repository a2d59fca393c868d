import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  concatBytes,
  equalBytes,
  equalSecret,
  fromHex,
  setU8,
  setU16,
  setU32,
  setU64,
  toHex,
  u8,
  u16,
  u32,
  u64,
} from '../../stack/core/bytes.ts';

const RUNS = { seed: 0x686f6d65, numRuns: 300 } as const;

const buffers = fc.uint8Array({ minLength: 24, maxLength: 24 });
const offsets = fc.integer({ min: 0, max: 16 });

describe('integers in network byte order', () => {
  test('reads agree with DataView', () => {
    fc.assert(
      fc.property(buffers, offsets, (bytes, at) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        expect(u8(bytes, at)).toBe(view.getUint8(at));
        expect(u16(bytes, at)).toBe(view.getUint16(at));
        expect(u32(bytes, at)).toBe(view.getUint32(at));
        expect(u64(bytes, at)).toBe(view.getBigUint64(at));
      }),
      RUNS,
    );
  });

  test('writes agree with DataView, and touch nothing else', () => {
    fc.assert(
      fc.property(buffers, offsets, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (bytes, at, value) => {
        const ours = Uint8Array.from(bytes);
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        const word = Number(value & 0xffffffffn);
        const cases: readonly (readonly [() => void, () => void])[] = [
          [() => setU8(ours, at, word & 0xff), () => view.setUint8(at, word & 0xff)],
          [() => setU16(ours, at, word & 0xffff), () => view.setUint16(at, word & 0xffff)],
          [() => setU32(ours, at, word), () => view.setUint32(at, word)],
          [() => setU64(ours, at, value), () => view.setBigUint64(at, value)],
        ];
        for (const [write, expected] of cases) {
          write();
          expected();
          expect(toHex(ours)).toBe(toHex(bytes));
        }
      }),
      RUNS,
    );
  });

  test('a read past the end gives zeros', () => {
    const bytes = fromHex('ffff');
    expect([u8(bytes, 2), u16(bytes, 1), u32(bytes, 1), u32(bytes, 9)]).toEqual([0, 0xff00, 0xff000000, 0]);
  });
});

describe('octet strings', () => {
  test('hexadecimal digits, there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
      }),
      RUNS,
    );
    expect(fromHex(' 0A ff\n 10')).toEqual(Uint8Array.of(10, 255, 16));
  });

  test.each(['0', 'zz', '0x10'])('%j is not hexadecimal', (text) => {
    expect(() => fromHex(text)).toThrow(`not hexadecimal: ${text}`);
  });

  test('concatenation', () => {
    expect(concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('both comparisons agree with that of the digits', () => {
    const pairs = fc.tuple(fc.uint8Array({ maxLength: 3, max: 1 }), fc.uint8Array({ maxLength: 3, max: 1 }));
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b));
        expect(equalSecret(a, b)).toBe(toHex(a) === toHex(b));
      }),
      RUNS,
    );
  });
});
