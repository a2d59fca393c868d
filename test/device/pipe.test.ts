import { expect, test } from 'vitest';
import { EPOCH, type Instant, milliseconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { pipe } from '../../stack/device/pipe.ts';

const at = (ms: number): Instant => milliseconds(ms) as number as Instant;
const frame = (...octets: number[]) => ({ bytes: Uint8Array.from(octets) });

test('an immediate pipe delivers within send, a copy of the octets', () => {
  const [a, b] = pipe();
  const got: Uint8Array[] = [];
  b.onFrames((_now, frames) => got.push(...frames.map((f) => f.bytes)));
  const sent = frame(1, 2);
  a.send(EPOCH, [sent]);
  sent.bytes.fill(9);
  expect(got).toEqual([Uint8Array.of(1, 2)]);
});

test('an immediate pipe never calls a handler from inside itself', () => {
  const [a, b] = pipe();
  let depth = 0;
  let deepest = 0;
  let left = 100;
  const bounce = (end: typeof a) =>
    end.onFrames((now, frames) => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      if (left-- > 0) end.send(now, frames);
      depth -= 1;
    });
  bounce(a);
  bounce(b);
  a.send(EPOCH, [frame(1)]);
  expect(left).toBe(-1);
  expect(deepest).toBe(1);
});

test('a deferred pipe delivers after its delay, in order, batches kept', () => {
  const timers = new TimerQueue();
  const [a, b] = pipe({ deferred: { timers, delay: milliseconds(5) } });
  const got: [number, number][] = [];
  b.onFrames((now, frames) => got.push([now, frames.length]));
  a.send(at(0), [frame(1), frame(2)]);
  a.send(at(1), [frame(3)]);
  timers.runDue(at(4));
  expect(got).toEqual([]);
  expect(timers.nextDeadline()).toBe(at(5));
  timers.runDue(at(5));
  timers.runDue(at(6));
  expect(got).toEqual([
    [at(5), 2],
    [at(6), 1],
  ]);
});

test('a packet over the MTU is dropped and counted; a super-frame passes with its offload data', () => {
  const [a, b] = pipe({ mtu: 4, offloads: { checksum: true, tso: true } });
  const got: unknown[] = [];
  b.onFrames((_now, frames) => got.push(...frames));
  const superFrame = { bytes: new Uint8Array(9), offload: { gsoSize: 2, checksumStart: 0, checksumOffset: 2 } };
  a.send(EPOCH, [frame(1, 2, 3, 4, 5), superFrame]);
  expect(got).toEqual([superFrame]);
  expect(a.dropped).toBe(1);
});

test('a closed end gets and sends nothing', () => {
  const [a, b] = pipe();
  let got = 0;
  b.onFrames(() => {
    got += 1;
  });
  b.close();
  a.send(EPOCH, [frame(1)]);
  b.send(EPOCH, [frame(1)]);
  expect(got).toBe(0);
  expect(b.dropped).toBe(1);
});
