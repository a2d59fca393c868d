// HyStart++ (RFC 9406), as a congestion controller shows it: rounds of ACKs with a round trip of their own each.

import { describe, expect, test } from 'vitest';
import { type Duration, EPOCH, milliseconds } from '../../stack/core/time.ts';
import type { CongestionControl } from '../../stack/tcp/congestion/congestion.ts';
import { createCongestionControl } from '../../stack/tcp/congestion/create.ts';
import { transferFor } from './lossy-path.ts';

const MSS = 1000;

/** One window, acknowledged a segment at a time with these round trips; returns by what it has grown, in segments. */
class Rounds {
  readonly control: CongestionControl;
  #una = 0;

  constructor(control: CongestionControl) {
    this.control = control;
  }

  /** A way through a tunnel ends, say. */
  otherWay(): void {
    this.control.onOtherWay(this.#una + this.control.cwnd);
  }

  round(...rtts: readonly number[]): number {
    const { control } = this;
    const before = control.cwnd;
    const nxt = this.#una + before;
    for (let i = 0; this.#una + MSS <= nxt; i++) {
      this.#una += MSS;
      const rtt = milliseconds(rtts[Math.min(i, rtts.length - 1)] ?? 0) as Duration;
      const position = { una: this.#una, nxt: this.#una + control.cwnd };
      control.onAck({ now: EPOCH, acked: MSS, srtt: rtt, rtt, ...position, cwndLimited: true });
    }
    return (control.cwnd - before) / before;
  }
}

describe.each(['cubic', 'newreno'] as const)('%s', (name) => {
  const fresh = (): Rounds => new Rounds(createCongestionControl(name, MSS));

  test('RFC 9406 4.2: a round trip as ever: slow start goes on', () => {
    const rounds = fresh();
    expect([rounds.round(40), rounds.round(40), rounds.round(42), rounds.round(44)]).toEqual([1, 1, 1, 1]);
  });

  test('RFC 9406 4.2: the least of a round is an eighth more than of the one before: a quarter of the growth', () => {
    const rounds = fresh();
    rounds.round(40);
    expect(rounds.round(46)).toBeCloseTo((7 + 13 / 4) / 20, 9); // known with the eighth of twenty ACKs
    expect(rounds.round(46)).toBeCloseTo(1 / 4, 1);
  });

  test('RFC 9406 4.3: but no less than 4 ms, and 16 ms always', () => {
    const near = fresh();
    near.round(4);
    near.round(7);
    expect(near.round(7)).toBe(1);
    const far = fresh();
    far.round(400);
    far.round(417);
    expect(far.round(417)).toBeLessThan(0.3);
  });

  test('RFC 9406 4.2: a longer round trip of another way is no queue, and what left before it is not measured', () => {
    const rounds = fresh();
    rounds.round(12);
    rounds.otherWay();
    expect([rounds.round(12), rounds.round(80), rounds.round(80)]).toEqual([1, 1, 1]);
    rounds.round(100); // of this way it is
    expect(rounds.round(100)).toBeLessThan(0.5);
  });

  test('RFC 9406 4.3: eight samples are needed', () => {
    const rounds = fresh();
    rounds.round(40);
    rounds.round(60, 60, 60, 60, 60, 60, 60, 40);
    expect(rounds.round(40)).toBe(1);
  });

  test('RFC 9406 4.2: after five rounds of it congestion avoidance begins', () => {
    const rounds = fresh();
    rounds.round(40);
    for (let i = 0; i < 5; i++) rounds.round(50);
    expect(rounds.control.ssthresh).toBe(Number.POSITIVE_INFINITY);
    rounds.round(50);
    expect(rounds.control.ssthresh).toBeLessThanOrEqual(rounds.control.cwnd);
  });

  test('RFC 9406 4.2: the round trip falls again: it was jitter, and slow start goes on', () => {
    const rounds = fresh();
    rounds.round(40);
    rounds.round(50);
    rounds.round(50);
    rounds.round(41);
    expect(rounds.round(41)).toBeCloseTo(1, 1);
  });

  test('RFC 9406 4.3: not in a slow start whose end is known', () => {
    const control = createCongestionControl(name, MSS, {
      algorithm: name,
      cwnd: 10 * MSS,
      ssthresh: 1000 * MSS,
      extra: {},
    });
    const rounds = new Rounds(control);
    rounds.round(40);
    rounds.round(60);
    expect(rounds.round(60)).toBe(1);
  });

  test('a deep queue is not filled by the first slow start', () => {
    const path = { delay: milliseconds(20), rate: 20e6, queueBytes: 1_200_000 };
    const { link, sender } = transferFor({ seed: 1, path, seconds: 1.5, tcp: { congestion: name } });
    expect(sender.info.cwnd).toBeGreaterThan(120_000);
    expect(link.statistics.overflowed).toBe(0);
  });
});
