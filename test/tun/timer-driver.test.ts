// TimerDriver in real time. What is asserted is the order and "never early"; how late a timer may come is the
// machine's affair, so no test depends on it but through the bound of its own time.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { after, type Instant, milliseconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { MonotonicClock } from '../../tun/clock.ts';
import { TimerDriver } from '../../tun/timer-driver.ts';

const clock = new MonotonicClock();
const inMs = (ms: number): Instant => after(clock.now(), milliseconds(ms));

let queue: TimerQueue;
let driver: TimerDriver;
beforeEach(() => {
  queue = new TimerQueue();
  driver = new TimerDriver(queue, clock);
});
afterEach(() => driver.close());

/** Sets a timer; resolves with how late it ran, in microseconds. */
function fired(at: Instant): Promise<number> {
  return new Promise((resolve) => queue.timer((now) => resolve(now - at)).set(at));
}

test('a timer runs at its deadline or after it, never before', async () => {
  for (const ms of [0, 0.05, 0.3, 1, 5]) expect(await fired(inMs(ms))).toBeGreaterThanOrEqual(0);
});

test('a deadline in the past is due at once', async () => {
  expect(await fired(0 as Instant)).toBeGreaterThan(0);
});

test('timers run in the order of their deadlines, whatever the order they were set in', async () => {
  const order: number[] = [];
  const start = clock.now();
  const run = (ms: number) => fired(after(start, milliseconds(ms))).then(() => order.push(ms));
  await Promise.all([run(6), run(2), run(4), run(1)]);
  expect(order).toEqual([1, 2, 4, 6]);
});

test('a deadline that moves nearer wakes the driver earlier', async () => {
  let wake: (now: Instant) => void = () => {};
  const ran = new Promise<Instant>((resolve) => {
    wake = resolve;
  });
  const timer = queue.timer((now) => wake(now));
  const far = inMs(60_000);
  timer.set(far);
  await fired(inMs(1));
  timer.set(inMs(1));
  expect(await ran).toBeLessThan(far);
});

test('a timer set by the action of another runs too', async () => {
  const first = inMs(1);
  const second = await new Promise<number>((resolve) => {
    const next = queue.timer((now) => resolve(now));
    queue.timer((now) => next.set(after(now, milliseconds(1)))).set(first);
  });
  expect(second - first).toBeGreaterThanOrEqual(1000);
});

test('a cancelled timer does not run, one behind it does', async () => {
  let ran = false;
  const cancelled = queue.timer(() => {
    ran = true;
  });
  cancelled.set(inMs(1));
  cancelled.cancel();
  await fired(inMs(2));
  expect(ran).toBe(false);
});

test('nothing runs after close()', async () => {
  let ran = false;
  queue
    .timer(() => {
      ran = true;
    })
    .set(inMs(1));
  driver.close();
  driver.close();
  const other = new TimerDriver(new TimerQueue(), clock);
  await new Promise((resolve) => setTimeout(resolve, 5));
  other.close();
  expect(ran).toBe(false);
});
