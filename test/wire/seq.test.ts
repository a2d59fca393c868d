import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seq, seqAdd, seqDiff, seqGt, seqGte, seqLt, seqLte, seqMax, seqMin } from '../../stack/wire/seq.ts';
import { RUNS, seqs } from './arbitraries.ts';

const distances = fc.integer({ min: -0x7fffffff, max: 0x7fffffff });

describe('sequence numbers', () => {
  test('RFC 9293 3.4: numbers wrap at 2^32', () => {
    expect(seqAdd(seq(0xffffffff), 1)).toBe(0);
    expect(seqAdd(seq(0), -1)).toBe(0xffffffff);
    expect(seqDiff(seq(5), seq(0xfffffffb))).toBe(10);
    expect(seqLt(seq(0xfffffff0), seq(0x10))).toBe(true);
    expect(seq(2 ** 32 + 7)).toBe(7);
  });

  test('seqDiff undoes seqAdd for every distance below 2^31', () => {
    fc.assert(
      fc.property(seqs, distances, (a, n) => {
        expect(seqDiff(seqAdd(a, n), a)).toBe(n | 0);
      }),
      RUNS,
    );
  });

  test('comparisons agree with the sign of the distance', () => {
    fc.assert(
      fc.property(seqs, distances, (a, n) => {
        const b = seqAdd(a, n);
        expect([seqLt(a, b), seqLte(a, b), seqGt(a, b), seqGte(a, b)]).toEqual([n > 0, n >= 0, n < 0, n <= 0]);
        expect(seqMax(a, b)).toBe(n > 0 ? b : a);
        expect(seqMin(a, b)).toBe(n < 0 ? b : a);
      }),
      RUNS,
    );
  });
});
