import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { EPOCH, type Instant, milliseconds, NEVER } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { FaultDevice, Link, type LinkConditions } from '../../stack/device/fault.ts';
import { pipe } from '../../stack/device/pipe.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { tcpSuperFrame } from './frames.ts';

const at = (ms: number): Instant => milliseconds(ms) as number as Instant;

function world(conditions: Partial<LinkConditions>, seed = 1) {
  const timers = new TimerQueue();
  const arrivals: { at: Instant; bytes: Uint8Array }[] = [];
  const link = new Link({ timers, random: new SeededRandom(seed) }, conditions, (now, packets) => {
    for (const bytes of packets) arrivals.push({ at: now, bytes: bytes.slice() });
  });
  const run = () => {
    for (let due = timers.nextDeadline(); due !== NEVER; due = timers.nextDeadline()) timers.runDue(due);
  };
  return { timers, link, arrivals, run };
}

const numbered = (n: number, length = 2): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes[0] = n >>> 8;
  bytes[1] = n;
  return bytes;
};
const numberOf = (bytes: Uint8Array): number => ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);

describe('Link', () => {
  test('one-way delay: each packet arrives exactly so much later', () => {
    const { link, arrivals, run } = world({ delay: milliseconds(20) });
    link.send(at(0), numbered(1));
    link.send(at(3), numbered(2));
    run();
    expect(arrivals.map((a) => [numberOf(a.bytes), a.at])).toEqual([
      [1, at(20)],
      [2, at(23)],
    ]);
  });

  test('loss and duplication come in their proportions, and the same seed gives the same run', () => {
    const first = world({ loss: 0.1, duplication: 0.05 }, 42);
    const second = world({ loss: 0.1, duplication: 0.05 }, 42);
    for (const { link } of [first, second]) for (let i = 0; i < 10_000; i++) link.send(at(i), numbered(i));
    first.run();
    second.run();
    expect(first.link.statistics.lost).toBeGreaterThan(900);
    expect(first.link.statistics.lost).toBeLessThan(1100);
    expect(first.link.statistics.duplicated).toBeGreaterThan(380);
    expect(first.link.statistics.duplicated).toBeLessThan(520);
    const { lost, duplicated } = first.link.statistics;
    expect(first.arrivals.length).toBe(10_000 - lost + duplicated);
    expect(second.arrivals).toEqual(first.arrivals);
  });

  test('RFC 3168 5: packets of senders that know ECN are marked, by chance or where much waits; others never', () => {
    const ecnOf = (bytes: Uint8Array): number => ((bytes[1] ?? 0) >>> 4) & 3;
    const packet = (ecn: number): Uint8Array => Uint8Array.of(0x60, ecn << 4, ...new Uint8Array(998));
    const chance = world({ marking: 0.5 });
    for (let i = 0; i < 100; i++) for (const ecn of [0, 1, 2]) chance.link.send(at(i), packet(ecn));
    chance.run();
    expect(chance.arrivals.filter(({ bytes }) => ecnOf(bytes) === 0).length).toBe(100);
    expect(chance.link.statistics.marked).toBe(chance.arrivals.filter(({ bytes }) => ecnOf(bytes) === 3).length);
    expect(chance.link.statistics.marked).toBeGreaterThan(70);
    const queue = world({ rate: 8e6, queueBytes: 10_000, markingQueueBytes: 3000 });
    for (let i = 0; i < 6; i++) queue.link.send(at(0), packet(2));
    queue.run();
    expect(queue.arrivals.map(({ bytes }) => ecnOf(bytes))).toEqual([2, 2, 2, 2, 3, 3]);
  });

  test('reordering holds back a fraction; the rest keeps its order', () => {
    const { link, arrivals, run } = world({
      delay: milliseconds(10),
      reordering: 0.2,
      reorderingDelay: milliseconds(5),
    });
    for (let i = 0; i < 1000; i++) link.send(at(i), numbered(i));
    run();
    const numbers = arrivals.map((a) => numberOf(a.bytes));
    const late = arrivals.filter((a) => a.at === at(numberOf(a.bytes) + 15));
    expect(late.length).toBe(link.statistics.reordered);
    expect(late.length).toBeGreaterThan(150);
    const kept = arrivals.filter((a) => a.at === at(numberOf(a.bytes) + 10)).map((a) => numberOf(a.bytes));
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
    expect(numbers).not.toEqual([...numbers].sort((a, b) => a - b));
  });

  test('rate: packets leave one after the other, and the queue drops at its bound', () => {
    // 8 Mbit/s: one octet a microsecond.
    const { link, arrivals, run } = world({ rate: 8e6, queueBytes: 3000 });
    for (let i = 0; i < 10; i++) link.send(EPOCH, numbered(i, 1000));
    run();
    expect(arrivals.map((a) => [numberOf(a.bytes), a.at])).toEqual([
      [0, at(1)],
      [1, at(2)],
      [2, at(3)],
    ]);
    expect(link.statistics.overflowed).toBe(7);
    link.send(at(10), numbered(11, 1000));
    run();
    expect(arrivals.at(-1)?.at).toBe(at(11));
  });

  test('corruption may be kept to the first octets, as many as a packet has', () => {
    const { link, arrivals, run } = world({ corruption: 1, corruptionSpan: 2 });
    for (let i = 0; i < 50; i++) link.send(EPOCH, new Uint8Array(8));
    link.send(EPOCH, new Uint8Array(1));
    run();
    const hit = arrivals.map(({ bytes }) => bytes.findIndex((octet) => octet !== 0));
    expect(new Set(hit)).toEqual(new Set([0, 1]));
    expect(hit.at(-1)).toBe(0);
  });

  test('corruption flips exactly one bit', () => {
    const { link, arrivals, run } = world({ corruption: 1 });
    link.send(EPOCH, new Uint8Array(100));
    run();
    const bits = [...(arrivals[0]?.bytes ?? [])].reduce(
      (sum, octet) => sum + octet.toString(2).replaceAll('0', '').length,
      0,
    );
    expect(bits).toBe(1);
  });

  test('a packet over the MTU vanishes', () => {
    const { link, arrivals, run } = world({ mtu: 1280 });
    link.send(EPOCH, new Uint8Array(1281));
    link.send(EPOCH, new Uint8Array(1280));
    run();
    expect(arrivals.map((a) => a.bytes.length)).toEqual([1280]);
    expect(link.statistics.oversized).toBe(1);
  });

  test('reconfigured while packets fly: a shorter delay overtakes nothing', () => {
    const { link, arrivals, run } = world({ delay: milliseconds(20) });
    link.send(at(0), numbered(1));
    link.configure({ delay: milliseconds(1) });
    link.send(at(1), numbered(2));
    link.send(at(30), numbered(3));
    run();
    expect(arrivals.map((a) => [numberOf(a.bytes), a.at])).toEqual([
      [1, at(20)],
      [2, at(20)],
      [3, at(31)],
    ]);
  });
});

describe('FaultDevice', () => {
  test('acts in each direction apart, and cuts super-frames into packets first', () => {
    const timers = new TimerQueue();
    const [near, far] = pipe({ offloads: { checksum: true, tso: true } });
    const device = new FaultDevice({ timers, random: new SeededRandom(1) }, near, {
      outbound: { delay: milliseconds(3) },
      inbound: { delay: milliseconds(7) },
    });
    const log: [string, number, number][] = [];
    far.onFrames((now, frames) => log.push(['out', now, frames.length]));
    device.onFrames((now, frames) => log.push(['in', now, frames.length]));
    const { frame } = tcpSuperFrame({ payload: new Uint8Array(2500), gsoSize: 1000, flags: TCP_FLAG.ack, seq: 1 });
    device.send(EPOCH, [frame]);
    far.send(EPOCH, [frame]);
    timers.runDue(at(3));
    timers.runDue(at(7));
    expect(device.offloads.tso).toBe(false);
    expect(log).toEqual([
      ['out', at(3), 3],
      ['in', at(7), 3],
    ]);
  });
});
