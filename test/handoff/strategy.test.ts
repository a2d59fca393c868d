// The presets and the handoff times they promise, against the table of DESIGN.md section 7 worked out by hand.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import {
  DEFAULT_PRESET,
  handoffFormula,
  handoffTime,
  isPresetName,
  type Latencies,
  type PlainLatencies,
  PRESETS,
  type PresetName,
  plainHandoffFormula,
  plainHandoffTime,
  type Strategy,
} from '../../stack/handoff/strategy.ts';

const ms = (donorAcceptor: number, clientDonor: number, clientAcceptor: number, homeTest: number): Latencies => ({
  donorAcceptor: milliseconds(donorAcceptor),
  clientDonor: milliseconds(clientDonor),
  clientAcceptor: milliseconds(clientAcceptor),
  homeTest: milliseconds(homeTest),
});

/** Lss 10 ms, Lsc 20 ms, H 34 ms (7 ms from every site to the home agent and back again): the demo's lab. */
const EQUAL = ms(10, 20, 20, 34);
/** The acceptor is nearer to the client; the home test takes longer than the care-of test. */
const NEARER = ms(15, 40, 8, 90);
/** The acceptor is further away; the care-of test takes longer. */
const FURTHER = ms(15, 8, 40, 50);

const TABLE: readonly [PresetName, 'download' | 'upload', string, Latencies, number][] = [
  // classic: 3 Lss + Lsc_d + 3 Lsc_a + max(2 Lsc_a, H)
  ['classic', 'download', 'equal latencies: 3 Lss + 6 Lsc', EQUAL, 30 + 120],
  ['classic', 'download', 'home test the slower: 45 + 40 + 24 + 90', NEARER, 199],
  ['classic', 'download', 'care-of test the slower: 45 + 8 + 120 + 80', FURTHER, 253],
  // prefetched: Lss + Lsc_d + 3 Lsc_a
  ['prefetched', 'download', 'equal latencies: Lss + 4 Lsc', EQUAL, 10 + 80],
  ['prefetched', 'download', '15 + 40 + 24', NEARER, 79],
  ['prefetched', 'download', '15 + 8 + 120', FURTHER, 143],
  // fast: Lss + Lsc_a - Lsc_d
  ['fast', 'download', 'equal latencies: Lss', EQUAL, 10],
  ['fast', 'download', '15 + 8 - 40 is less than nothing: never before the donor is through', NEARER, 0],
  ['fast', 'download', '15 + 40 - 8', FURTHER, 47],
  // An upload is acknowledged until the freeze: no drain, no tests to wait for.
  ['classic', 'upload', 'Lss + 3 Lsc_a - Lsc_d: 10 + 60 - 20', EQUAL, 50],
  ['prefetched', 'upload', 'Lss + 3 Lsc_a - Lsc_d: 15 + 120 - 8', FURTHER, 127],
  ['prefetched', 'upload', 'Lss + 3 Lsc_a - Lsc_d: 15 + 24 - 40', NEARER, 0],
  ['fast', 'upload', 'Lss', EQUAL, 10],
];

test.each(TABLE)('%s, %s, %s', (preset, flow, _words, latencies, expected) => {
  expect(handoffTime(PRESETS[preset], latencies, flow)).toBe(milliseconds(expected));
});

test('the presets are the combinations of the table', () => {
  expect(PRESETS).toEqual({
    classic: { tokens: 'on-demand', buffers: 'drain', binding: 'confirmed' },
    prefetched: { tokens: 'prefetched', buffers: 'drain', binding: 'confirmed' },
    fast: { tokens: 'prefetched', buffers: 'carry', binding: 'optimistic' },
  });
});

test('a preset is known by its own name only, not by what every object has', () => {
  expect(Object.keys(PRESETS).every(isPresetName)).toBe(true);
  expect(isPresetName(DEFAULT_PRESET)).toBe(true);
  expect(['', 'seamless', 'toString', '__proto__', 'Classic'].some(isPresetName)).toBe(false);
});

test('the formula in words is the general one of the table', () => {
  expect(handoffFormula(PRESETS.classic)).toBe('3 Lss + Lsc_d + 3 Lsc_a + max(2 Lsc_a, H)');
  expect(handoffFormula(PRESETS.prefetched)).toBe('Lss + Lsc_d + 3 Lsc_a');
  expect(handoffFormula(PRESETS.fast)).toBe('Lss + Lsc_a - Lsc_d');
});

test('the formula in words gives the handoff time, whatever the choices and latencies', () => {
  fc.assert(
    fc.property(strategies, fc.tuple(span, span, span, span), (strategy, [ss, d, a, h]) => {
      const promised = handoffTime(strategy, ms(ss, d, a, h), 'download');
      expect(promised).toBe(milliseconds(Math.max(0, evaluate(handoffFormula(strategy), { ss, d, a, h }))));
    }),
  );
});

test('each choice gains or costs nothing: no latencies make the quicker one slower', () => {
  fc.assert(
    fc.property(strategies, fc.tuple(span, span, span, span), (strategy, [ss, d, a, h]) => {
      const time = (choice: Partial<Strategy>) => handoffTime({ ...strategy, ...choice }, ms(ss, d, a, h), 'download');
      expect(time({ tokens: 'prefetched' })).toBeLessThanOrEqual(time({ tokens: 'on-demand' }));
      expect(time({ buffers: 'carry' })).toBeLessThanOrEqual(time({ buffers: 'drain' }));
      expect(time({ binding: 'optimistic' })).toBeLessThanOrEqual(time({ binding: 'confirmed' }));
    }),
  );
});

const plainMs = (
  donorAcceptor: number,
  homeDonor: number,
  homeAcceptor: number,
  homeClient: number,
): PlainLatencies => ({
  donorAcceptor: milliseconds(donorAcceptor),
  homeDonor: milliseconds(homeDonor),
  homeAcceptor: milliseconds(homeAcceptor),
  homeClient: milliseconds(homeClient),
});

test.each([
  // Lss 10, Lsh_d 8, Lsh_a 9, Lhc 30
  ['classic', 'download', '3 Lss + Lsh_d + 3 Lsh_a + 2 Lhc', 30 + 8 + 27 + 60],
  ['prefetched', 'download', 'Lss + Lsh_d + 3 Lsh_a + 2 Lhc', 10 + 8 + 27 + 60],
  ['fast', 'download', 'Lss + Lsh_a - Lsh_d', 11],
  ['classic', 'upload', 'Lss + 3 Lsh_a - Lsh_d', 10 + 27 - 8],
  ['prefetched', 'upload', 'Lss + 3 Lsh_a - Lsh_d', 10 + 27 - 8],
  ['fast', 'upload', 'Lss + Lsh_a - Lsh_d', 11],
] as const)('a plain client, %s, %s: %s', (preset, flow, formula, expected) => {
  expect(plainHandoffTime(PRESETS[preset], plainMs(10, 8, 9, 30), flow)).toBe(milliseconds(expected));
  if (flow === 'download') expect(plainHandoffFormula(PRESETS[preset])).toBe(formula);
});

const span = fc.integer({ min: 0, max: 400 });
const strategies: fc.Arbitrary<Strategy> = fc.record({
  tokens: fc.constantFrom('on-demand' as const, 'prefetched' as const),
  buffers: fc.constantFrom('drain' as const, 'carry' as const),
  binding: fc.constantFrom('confirmed' as const, 'optimistic' as const),
});

/** The value of a formula such as '3 Lss + Lsc_d + max(2 Lsc_a, H)', in milliseconds. */
function evaluate(formula: string, values: { ss: number; d: number; a: number; h: number }): number {
  const spans: Record<string, number> = { Lss: values.ss, Lsc_d: values.d, Lsc_a: values.a, H: values.h };
  const product = (text: string): number => {
    const [, factor, name] = /^(\d+ )?(\w+)$/.exec(text) ?? [];
    return Number(factor ?? 1) * (spans[name ?? ''] ?? Number.NaN);
  };
  const [, plain = '', first, second] = /^(.*?)(?: \+ max\((.+), (.+)\))?$/.exec(formula) ?? [];
  const slowest = first === undefined || second === undefined ? 0 : Math.max(product(first), product(second));
  const terms = plain.replaceAll('- ', '+ -').split(' + ');
  return terms.reduce((sum, term) => sum + (term.startsWith('-') ? -product(term.slice(1)) : product(term)), slowest);
}
