// The parts of TCP that are data structures or formulas, each against a naive model or the numbers of its RFC.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Duration, type Instant, milliseconds, seconds, ZERO } from '../../stack/core/time.ts';
import { CHUNK_LEN, ChunkPool } from '../../stack/tcp/chunk-pool.ts';
import type { AckEvent, CongestionControl } from '../../stack/tcp/congestion/congestion.ts';
import { createCongestionControl } from '../../stack/tcp/congestion/create.ts';
import { Demux } from '../../stack/tcp/demux.ts';
import { Flight } from '../../stack/tcp/flight.ts';
import { MAX_OUT_OF_ORDER_RANGES } from '../../stack/tcp/limits.ts';
import { positionOf, seqAt } from '../../stack/tcp/position.ts';
import { Reassembly } from '../../stack/tcp/reassembly.ts';
import { RttEstimator } from '../../stack/tcp/rtt.ts';
import { StreamBuffer } from '../../stack/tcp/stream-buffer.ts';
import type { Tcb } from '../../stack/tcp/tcb.ts';
import { address } from '../../stack/wire/address.ts';
import { seq } from '../../stack/wire/seq.ts';

const at = (us: number): Instant => us as Instant;

test('a position survives the way over the wire, wherever the stream has wrapped to', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.integer({ min: -1, max: 2 ** 45 }),
      fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }),
      (initial, near, away) => {
        const position = Math.max(-1, near + away);
        expect(positionOf(seq(initial), near, seqAt(seq(initial), position))).toBe(position);
      },
    ),
  );
});

describe('StreamBuffer', () => {
  test('append, copy, view and release agree with one long array, over many chunks', () => {
    const step = fc.record({
      write: fc.integer({ min: 0, max: 90_000 }),
      drop: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 25 }), (recycle, steps) => {
        const buffer = new StreamBuffer(150_000, 0, new ChunkPool(), recycle);
        const all: number[] = [];
        for (const { write, drop } of steps) {
          const bytes = Uint8Array.from({ length: write }, (_, i) => (all.length + i) * 31);
          const taken = buffer.append(bytes);
          expect(taken).toBe(Math.min(write, 150_000 - (buffer.length - taken)));
          for (let i = 0; i < taken; i++) all.push(bytes[i] ?? 0);
          const kept = buffer.slice(buffer.start, buffer.end);
          expect(kept.every((octet, i) => octet === all[buffer.start + i])).toBe(true);
          buffer.release(buffer.start + Math.floor(buffer.length * drop));
        }
      }),
      { numRuns: 40 },
    );
  });

  test('octets written ahead stay where they are', () => {
    const buffer = new StreamBuffer(3 * CHUNK_LEN);
    buffer.write(CHUNK_LEN - 2, Uint8Array.of(1, 2, 3, 4), 0, 4);
    buffer.write(0, new Uint8Array(CHUNK_LEN - 2), 0, CHUNK_LEN - 2);
    expect([...buffer.slice(CHUNK_LEN - 3, CHUNK_LEN + 2)]).toEqual([0, 1, 2, 3, 4]);
  });

  test('a view is not changed by what is written after it was released', () => {
    const buffer = new StreamBuffer(2 * CHUNK_LEN);
    buffer.append(new Uint8Array(CHUNK_LEN).fill(1));
    const view = buffer.view(0, CHUNK_LEN);
    buffer.release(CHUNK_LEN);
    for (let i = 0; i < 6; i++) buffer.release(buffer.end + 0 * buffer.append(new Uint8Array(CHUNK_LEN).fill(2)));
    expect(view.every((octet) => octet === 1)).toBe(true);
  });
});

describe('Reassembly', () => {
  const SPAN = 60;

  test('agrees with a set of octets; its islands are disjoint, in order, and never touch', () => {
    const segment = fc.tuple(fc.integer({ min: 1, max: SPAN - 1 }), fc.integer({ min: 1, max: 12 }));
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 40 }), fc.integer({ min: 0, max: SPAN }), (segments, nxt) => {
        const queue = new Reassembly();
        const have = new Set<number>();
        for (const [start, length] of segments) {
          expect(queue.add(start, start + length)).toBe(true);
          for (let i = start; i < start + length; i++) have.add(i);
        }
        const listed = queue.islands.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, i) => start + i),
        );
        expect(listed).toEqual([...have].sort((a, b) => a - b));
        expect(queue.islands.every(({ start }, i) => i === 0 || (queue.islands[i - 1]?.end ?? 0) < start)).toBe(true);
        let reach = nxt;
        while (have.has(reach)) reach += 1;
        expect(queue.advance(nxt)).toBe(Math.max(reach, nxt));
        expect(queue.takeBlocks(100).length).toBeGreaterThanOrEqual(Math.min(1, queue.islands.length));
      }),
    );
  });

  test('the number of islands is bounded; what joins one is still taken', () => {
    const queue = new Reassembly();
    for (let i = 0; i < MAX_OUT_OF_ORDER_RANGES; i++) expect(queue.add(10 * i + 5, 10 * i + 6)).toBe(true);
    expect(queue.add(1_000_000, 1_000_001)).toBe(false);
    expect(queue.add(6, 8)).toBe(true);
    expect(queue.islands.length).toBe(MAX_OUT_OF_ORDER_RANGES);
  });
});

/** One octet of the naive scoreboard. */
interface Octet {
  sacked: boolean;
  lost: boolean;
  resent: boolean;
}

describe('Flight', () => {
  test('its pipe and its runs agree with a scoreboard kept octet by octet', () => {
    const step = fc.record({
      what: fc.constantFrom('push', 'ack', 'sack', 'lose-head', 'lose-all', 'resend', 'renege', 'none-lost'),
      a: fc.integer({ min: 0, max: 40 }),
      b: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const flight = new Flight();
        const octets: Octet[] = [];
        let una = 0;
        steps.forEach(({ what, a, b }, i) => {
          una = apply(flight, octets, una, what, a, b, at(i >> 1));
          compare(flight, octets, una);
        });
      }),
      { numRuns: 500 },
    );
  });
});

test('RFC 2018 8: octets that were thought lost, then SACKed, then dropped by the peer are sent again', () => {
  const flight = new Flight();
  flight.push(0, 10, at(1), 10);
  flight.push(10, 20, at(2), 10);
  const { head } = flight;
  if (head === undefined) throw new Error('nothing in flight');
  flight.markLost(head);
  flight.markSacked(0, 10);
  expect(flight.nextLost()).toBeUndefined();
  flight.forgetSacks();
  expect([flight.nextLost(), flight.pipe]).toEqual([head, 10]);
});

function apply(flight: Flight, octets: Octet[], una: number, what: string, a: number, b: number, now: Instant): number {
  const rest = octets.length - una;
  const fresh = octets.slice(una);
  if (what === 'push') {
    flight.push(octets.length, octets.length + b, now, 10);
    for (let i = 0; i < b; i++) octets.push({ sacked: false, lost: false, resent: false });
  } else if (what === 'ack') {
    const to = una + Math.min(rest, b);
    flight.acknowledge(to);
    return to;
  } else if (what === 'sack') {
    const left = una + Math.min(rest, a);
    const right = Math.min(octets.length, left + b);
    const news = octets.slice(left, right).filter((o) => !o.sacked).length;
    if (left < right) expect(flight.markSacked(left, right)).toBe(news);
    for (const o of octets.slice(left, right)) o.sacked = true;
  } else if (what === 'lose-all') {
    flight.markLostSentUntil(at(1000));
    for (const o of fresh.filter((x) => !x.sacked)) Object.assign(o, { lost: true, resent: false });
  } else if (what === 'resend') {
    const run = flight.nextLost();
    const first = fresh.findIndex((o) => o.lost && !o.resent && !o.sacked);
    expect(run?.start).toBe(first < 0 ? undefined : una + first);
    if (run === undefined) return una;
    const part = flight.resend(run, b, now, 10);
    for (const o of octets.slice(part.start, part.end)) o.resent = true;
  } else if (what === 'none-lost') {
    flight.forgetLosses();
    for (const o of fresh) o.lost = false;
  } else if (what === 'renege') {
    flight.forgetSacks();
    flight.markLostSentUntil(at(1000));
    for (const o of fresh) Object.assign(o, { sacked: false, lost: true, resent: false });
  }
  return una;
}

function compare(flight: Flight, octets: readonly Octet[], una: number): void {
  let pipe = 0;
  for (const o of octets.slice(una)) if (!o.sacked) pipe += (o.lost ? 0 : 1) + (o.resent ? 1 : 0);
  expect(flight.pipe).toBe(pipe);
  expect(flight.sackedOctets).toBe(octets.slice(una).filter((o) => o.sacked).length);
  let reach = una;
  let runs = 0;
  for (let run = flight.head; run !== undefined; run = run.next) {
    expect(run.start).toBe(reach);
    expect(run.end).toBeGreaterThan(run.start);
    for (let i = run.start; i < run.end; i++) expect(run.sacked).toBe(octets[i]?.sacked);
    expect(run.next?.previous ?? run).toBe(run);
    reach = run.end;
    runs += 1;
  }
  expect([reach, runs]).toEqual([octets.length, flight.runs]);
}

describe('RttEstimator', () => {
  test('RFC 6298 2.2 and 2.3', () => {
    const rtt = new RttEstimator();
    expect(rtt.rto).toBe(seconds(1));
    rtt.sample(milliseconds(400));
    expect([rtt.srtt, rtt.rto]).toEqual([milliseconds(400), milliseconds(400 + 4 * 200)]);
    rtt.sample(milliseconds(800));
    // RTTVAR = 3/4 * 200 + 1/4 * 400, SRTT = 7/8 * 400 + 1/8 * 800
    expect([rtt.srtt, rtt.rto]).toEqual([milliseconds(450), milliseconds(450 + 4 * 250)]);
    expect(rtt.minRtt).toBe(milliseconds(400));
  });

  test('the recent round trip is the least of the last eight samples, of this path alone', () => {
    const rtt = new RttEstimator();
    expect(rtt.recent).toBeUndefined();
    rtt.sample(milliseconds(30));
    for (let i = 0; i < 7; i++) rtt.sample(milliseconds(50 + i));
    expect(rtt.recent).toBe(milliseconds(30));
    rtt.sample(milliseconds(90));
    expect(rtt.recent).toBe(milliseconds(50));
    rtt.pathChanged(milliseconds(1000) as unknown as Instant);
    expect(rtt.recent).toBeUndefined();
    rtt.sample(milliseconds(70));
    expect(rtt.recent).toBe(milliseconds(70));
  });

  test('RFC 6298 2.4 and 2.5: bounded below and above', () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 100; i++) rtt.sample(milliseconds(1));
    expect(rtt.rto).toBe(milliseconds(200));
    rtt.backoff = 30;
    expect(rtt.rto).toBe(seconds(60));
  });
});

const MSS = 1000;
const event = (now: number, acked: number, cwndLimited = true): AckEvent => ({
  now: at(now),
  acked,
  srtt: 100_000 as Duration,
  rtt: ZERO,
  una: 0,
  nxt: 0,
  cwndLimited,
});

/** Acknowledges whole windows, one every 100 ms, from `start` on. */
function rounds(control: CongestionControl, count: number, start = 0): number[] {
  const windows: number[] = [];
  for (let i = 0; i < count; i++) {
    const window = control.cwnd;
    for (let acked = 0; acked < window; acked += 2 * MSS) control.onAck(event(start + i * 100_000, 2 * MSS));
    windows.push(control.cwnd);
  }
  return windows;
}

describe.each(['newreno', 'cubic'] as const)('%s', (name) => {
  test('RFC 5681 3.1: slow start doubles the window each round', () => {
    expect(rounds(createCongestionControl(name, MSS), 3)).toEqual([20_000, 40_000, 80_000]);
  });

  test('RFC 7661 4.1: a window that is not used does not grow', () => {
    const control = createCongestionControl(name, MSS);
    control.onAck(event(0, 5000, false));
    expect(control.cwnd).toBe(10_000);
  });

  test('a timeout leaves one segment; an idle time the initial window; a lost SYN one segment', () => {
    const control = createCongestionControl(name, MSS);
    rounds(control, 3);
    control.onIdle(at(0));
    expect(control.cwnd).toBe(10_000);
    control.onTimeout(at(0), 10_000, false);
    expect(control.cwnd).toBe(MSS);
    const fresh = createCongestionControl(name, MSS);
    fresh.onSynLoss();
    expect(fresh.cwnd).toBe(MSS);
  });

  test('RFC 7661 4.4.2: after an idle time slow start goes on up to three quarters of the window that was', () => {
    const control = createCongestionControl(name, MSS, {
      algorithm: name,
      cwnd: 400_000,
      ssthresh: 100_000,
      extra: {},
    });
    control.onIdle(at(0));
    expect([control.cwnd, control.ssthresh]).toEqual([10_000, 300_000]);
    control.onTimeout(at(0), 10_000, false);
    control.onIdle(at(0));
    expect([control.cwnd, control.ssthresh]).toEqual([MSS, name === 'cubic' ? 7_000 : 5_000]);
  });

  test.each(['loss', 'timeout'])('RFC 4015 3.2, RFC 9438 4.9: a spurious %s leaves nothing behind', (kind) => {
    const control = createCongestionControl(name, MSS);
    const twin = createCongestionControl(name, MSS);
    for (const each of [control, twin]) {
      rounds(each, 4);
      each.onLoss(at(400_000), 100_000);
      rounds(each, 10, 400_000);
    }
    if (kind === 'loss') control.onLoss(at(1_400_000), 100_000);
    else control.onTimeout(at(1_400_000), 100_000, false);
    if (kind === 'timeout') control.onTimeout(at(1_500_000), 100_000, true);
    control.onSpurious(control.cwnd + 100_000);
    expect(control.cwnd).toBe(twin.cwnd);
    expect(rounds(control, 100, 1_600_000)).toEqual(rounds(twin, 100, 1_600_000));
  });

  test('RFC 4015 3.2, step 6: a window that is given back does not burst; a second time nothing is given back', () => {
    const control = createCongestionControl(name, MSS);
    rounds(control, 4);
    control.onTimeout(at(400_000), 100_000, false);
    control.onSpurious(20_000);
    expect([control.cwnd, control.ssthresh]).toEqual([30_000, Number.POSITIVE_INFINITY]);
    control.onTimeout(at(500_000), 100_000, false);
    control.onNewPath(at(500_000));
    control.onSpurious(200_000);
    expect(control.cwnd).toBe(10_000);
  });

  test('DESIGN.md 7: a new path begins with the initial window and the old ssthresh; a state travels', () => {
    const control = createCongestionControl(name, MSS);
    rounds(control, 4);
    control.onLoss(at(0), 100_000);
    const copy = createCongestionControl(name, MSS, control.state(at(0)));
    expect([copy.cwnd, copy.ssthresh]).toEqual([control.cwnd, control.ssthresh]);
    copy.onNewPath(at(0));
    expect([copy.cwnd, copy.ssthresh]).toEqual([10_000, control.ssthresh]);
  });
});

describe('NewReno', () => {
  test('RFC 5681 3.1 (3) and (4): half the flight, then a segment each round', () => {
    const control = createCongestionControl('newreno', MSS);
    rounds(control, 3);
    control.onLoss(at(0), 80_000);
    expect([control.ssthresh, control.cwnd]).toEqual([40_000, 40_000]);
    expect(rounds(control, 3)).toEqual([41_000, 42_000, 43_000]);
  });
});

describe('CUBIC (RFC 9438)', () => {
  const afterLoss = (cwnd: number): CongestionControl => {
    const control = createCongestionControl('cubic', MSS, { algorithm: 'cubic', cwnd, ssthresh: cwnd, extra: {} });
    control.onLoss(at(0), cwnd);
    return control;
  };

  test('4.6: a loss leaves seven tenths', () => {
    expect(afterLoss(1_000_000).cwnd).toBe(700_000);
  });

  test('4.2: the window is back at W_max after K = cbrt(W_max * 0.3 / 0.4), and goes on beyond it', () => {
    const control = afterLoss(1_000_000);
    const k = Math.cbrt((1000 * 0.3) / 0.4); // seconds, 1000 segments
    const windows = rounds(control, Math.round(k * 10));
    expect(windows.at(-1)).toBeGreaterThan(980_000);
    expect(windows.at(-1)).toBeLessThan(1_020_000);
    expect(rounds(control, 40, Math.round(k * 10) * 100_000).at(-1)).toBeGreaterThan(1_020_000);
  });

  test('4.3: where Reno would be faster, CUBIC is as fast as Reno', () => {
    const control = afterLoss(20_000);
    const windows = rounds(control, 10);
    expect(windows.at(-1)).toBeGreaterThanOrEqual(14_000 + 10 * 0.5 * MSS);
  });

  test('after a new path the window levels out where it was before, quickly', () => {
    const control = afterLoss(1_000_000);
    control.onNewPath(at(0));
    expect(rounds(control, 7).at(-1)).toBeGreaterThanOrEqual(640_000); // slow start
    expect(rounds(control, 30, 700_000).at(-1)).toBeGreaterThan(850_000); // half of the rest in three seconds
    expect(control.cwnd).toBeLessThan(1_000_000);
  });

  test('4.7: a second loss below W_max lowers it further (fast convergence)', () => {
    const control = afterLoss(1_000_000);
    control.onLoss(at(1), 700_000);
    expect(control.state(at(1)).extra.wMax).toBeCloseTo(700_000 * 0.85);
  });
});

test('Demux: connections are found by their two ends, through growth and removal', () => {
  const demux = new Demux(0x1234_5678);
  const ends = Array.from({ length: 500 }, (_, i) => ({
    local: { address: address('2001:db8::1'), port: 80 },
    remote: { address: address(`2001:db8::${(i % 250).toString(16)}:1`), port: 1000 + i },
  })) as unknown as Tcb[];
  for (const tcb of ends) demux.add(tcb);
  const find = (tcb: Tcb): Tcb | undefined =>
    demux.find(tcb.local.address, tcb.local.port, tcb.remote.address, tcb.remote.port);
  expect(ends.every((tcb) => find(tcb) === tcb)).toBe(true);
  ends.forEach((tcb, i) => {
    if (i % 2 === 0) demux.remove(tcb);
  });
  expect(ends.every((tcb, i) => find(tcb) === (i % 2 === 0 ? undefined : tcb))).toBe(true);
  expect([demux.size, [...demux.all()].length]).toEqual([250, 250]);
  for (const { remote } of ends) {
    const expected = ends.filter((tcb, i) => i % 2 === 1 && tcb.remote.address.equals(remote.address));
    expect(new Set(demux.withPeer(remote.address))).toEqual(new Set(expected));
  }
});
