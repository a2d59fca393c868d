// The handoff time that a client observes equals the formula of each preset, under the premises of DESIGN.md
// section 7: no loss, no bandwidth limit, an app that writes a segment each half millisecond, no delayed ACK,
// no processing time, a warm control connection. Then the same for unequal latencies.

import { describe, expect, test } from 'vitest';
import { after, milliseconds, seconds, toMilliseconds } from '../../stack/core/time.ts';
import { handoffTime, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { SourceWatch } from './observe.ts';
import { startPaced } from './paced-stream.ts';
import { World, type WorldLatencies } from './world.ts';

const TOLERANCE_MS = 1;

interface Measured {
  readonly observedMs: number;
  readonly formulaMs: number;
  readonly succeeded: boolean;
}

function measure(preset: PresetName, flow: 'download' | 'upload', ms: WorldLatencies): Measured {
  const watch = new SourceWatch(flow === 'download' ? 'data' : 'ack');
  const world = new World({ seed: 1, latencies: ms, clientObserver: watch });
  startPaced(world, flow);
  const box = world.handoff('a', 'b', PRESETS[preset]);
  world.runUntil(() => box.report !== undefined, after(world.now, seconds(5)));
  world.runFor(milliseconds(500));
  const change = watch.changeTo(world.b.careOf);
  const homeTest = 4 * ms.home + ms.donorAcceptor; // the contact node is the donor: it relays the HoT
  const formula = handoffTime(
    PRESETS[preset],
    {
      donorAcceptor: milliseconds(ms.donorAcceptor),
      clientDonor: milliseconds(ms.clientDonor),
      clientAcceptor: milliseconds(ms.clientAcceptor),
      homeTest: milliseconds(homeTest),
    },
    flow,
  );
  return {
    observedMs: change === undefined ? Number.NaN : (change.firstTo - change.lastFrom) / 1_000,
    formulaMs: toMilliseconds(formula),
    succeeded: box.report?.outcome.ok === true,
  };
}

const presets = Object.keys(PRESETS) as PresetName[];

describe.each(presets)('DESIGN.md 7: handoff time of %s', (preset) => {
  describe.each(['download', 'upload'] as const)('%s', (flow) => {
    const equal = [1, 5, 10, 30].flatMap((lss) => [5, 20, 40].map((lsc) => [lss, lsc] as const));
    test.each(equal)('Lss %i ms, equal Lsc %i ms', (lss, lsc) => {
      const measured = measure(preset, flow, {
        donorAcceptor: lss,
        clientDonor: lsc,
        clientAcceptor: lsc,
        home: lsc / 4,
      });
      expect(measured.succeeded).toBe(true);
      expect(Math.abs(measured.observedMs - measured.formulaMs), JSON.stringify(measured)).toBeLessThanOrEqual(
        TOLERANCE_MS,
      );
    });

    const unequal = [
      [10, 20, 35, 5],
      [10, 25, 20, 12],
      [30, 40, 15, 3],
      [5, 8, 50, 40],
    ] as const;
    test.each(unequal)('Lss %i ms, Lsc_d %i ms, Lsc_a %i ms, home %i ms', (lss, donor, acceptor, home) => {
      const measured = measure(preset, flow, {
        donorAcceptor: lss,
        clientDonor: donor,
        clientAcceptor: acceptor,
        home,
      });
      expect(measured.succeeded).toBe(true);
      expect(Math.abs(measured.observedMs - measured.formulaMs), JSON.stringify(measured)).toBeLessThanOrEqual(
        TOLERANCE_MS,
      );
    });
  });
});

test('with equal Lsc and H <= 2 Lsc the formulas are those of the table', () => {
  const l = {
    donorAcceptor: milliseconds(10),
    clientDonor: milliseconds(20),
    clientAcceptor: milliseconds(20),
    homeTest: milliseconds(28),
  };
  expect(presets.map((preset) => toMilliseconds(handoffTime(PRESETS[preset], l, 'download')))).toEqual([150, 90, 10]);
});
