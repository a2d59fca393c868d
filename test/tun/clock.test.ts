// The clocks and the random source that tun/ gives to the stack.

import { describe, expect, test } from 'vitest';
import { after, type Instant, microseconds, seconds } from '../../stack/core/time.ts';
import { MonotonicClock, WallClock } from '../../tun/clock.ts';
import { SystemRandom } from '../../tun/random.ts';

test('the monotonic clock counts whole microseconds and never goes back', () => {
  const clock = new MonotonicClock();
  let last = clock.now();
  for (let i = 0; i < 10_000; i++) {
    const now = clock.now();
    expect(Number.isSafeInteger(now) && now >= last).toBe(true);
    last = now;
  }
});

describe('the wall clock', () => {
  const start = 5_000_000 as Instant;
  const steady = { now: () => start };

  test('RFC 5905 6: seconds since 1900 and a binary fraction', () => {
    const wall = new WallClock(steady, () => 0.5);
    expect(wall.ntpTime(start)).toBe((2_208_988_800n << 32n) + (1n << 32n) / 2000n);
    const later = after(start, microseconds(500));
    expect(wall.ntpTime(later)).toBe((2_208_988_800n << 32n) + (1n << 32n) / 1000n);
  });

  test('RFC 4285 6: instants a microsecond apart have different timestamps', () => {
    const wall = new WallClock(steady, () => 1_700_000_000_000);
    expect(wall.ntpTime(after(start, microseconds(1)))).toBeGreaterThan(wall.ntpTime(start));
  });

  test('follows the system when its clock is set, and not when it only has steps of a millisecond', () => {
    let ms = 1000;
    const wall = new WallClock(steady, () => ms);
    ms = 2000.5;
    const later = after(start, seconds(1));
    expect(wall.unixUs(later)).toBe(2_000_000);
    ms = 500_000;
    expect(wall.unixNs(later)).toBe(500_000_000_000n);
  });
});

describe('the random source', () => {
  const random = new SystemRandom();

  test('gives as many octets as asked for, over a page as well, and not the same again', () => {
    for (const length of [0, 1, 16, 4095, 4096, 4097, 100_000]) expect(random.bytes(length)).toHaveLength(length);
    expect(random.bytes(16)).not.toEqual(random.bytes(16));
  });

  test('what has been given stays as it is', () => {
    const bytes = random.bytes(16);
    const copy = bytes.slice();
    for (let i = 0; i < 10_000; i++) random.u32();
    expect(bytes).toEqual(copy);
  });

  test('stays in its ranges and uses them', () => {
    let [low, high] = [1, 0];
    for (let i = 0; i < 10_000; i++) {
      const word = random.u32();
      expect(Number.isInteger(word) && word >= 0 && word <= 0xffffffff).toBe(true);
      low = Math.min(low, random.float());
      high = Math.max(high, random.float());
    }
    expect(low).toBeLessThan(0.01);
    expect(high).toBeGreaterThan(0.99);
    expect(high).toBeLessThan(1);
  });
});
