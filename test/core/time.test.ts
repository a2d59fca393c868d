import { expect, test } from 'vitest';
import {
  after,
  EPOCH,
  elapsed,
  type Instant,
  microseconds,
  milliseconds,
  NEVER,
  seconds,
  times,
  toMilliseconds,
  toSeconds,
} from '../../stack/core/time.ts';

test('instants and durations are whole microseconds', () => {
  expect([microseconds(1.6), milliseconds(1.5), seconds(0.25)]).toEqual([2, 1_500, 250_000]);
  expect(times(milliseconds(3), 1.5)).toBe(4_500);
  expect([toMilliseconds(seconds(2)), toSeconds(milliseconds(1))]).toEqual([2_000, 0.001]);
});

test('elapsed undoes after', () => {
  const start = 1_234_567 as Instant;
  expect(elapsed(start, after(start, seconds(3)))).toBe(3_000_000);
});

test('NEVER is later than every instant', () => {
  expect(NEVER > after(EPOCH, seconds(1e9))).toBe(true);
});
