// The handoff time that a client observes equals the formula of each preset, under the premises of DESIGN.md
// section 7: no loss, no bandwidth limit, an app that writes a segment each half millisecond, no delayed ACK,
// no processing time, a warm control connection. Then the same for unequal latencies.

import { describe, expect, test } from 'vitest';
import { after, type Duration, microseconds, milliseconds, seconds, toMilliseconds } from '../../stack/core/time.ts';
import { handoffTime, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { PacedApp, streamBytes } from './apps.ts';
import { SourceWatch } from './observe.ts';
import { CONTACT, World, type WorldLatencies } from './world.ts';

const PORT = 80;
const WRITE_INTERVAL = microseconds(500);
/** Fills a segment on the route-optimized path: 1500 less IPv6, HAO, TCP and its timestamps. */
const SEGMENT = 1400;
const TOLERANCE_MS = 1;

interface Measured {
  readonly observedMs: number;
  readonly formulaMs: number;
  readonly succeeded: boolean;
}

function measure(preset: PresetName, flow: 'download' | 'upload', ms: WorldLatencies): Measured {
  const watch = new SourceWatch(flow === 'download' ? 'data' : 'ack');
  const world = new World({ seed: 1, latencies: ms, clientObserver: watch });
  world.start(() => new Map([[PORT, new PacedApp(world.timers, WRITE_INTERVAL, flow === 'download' ? SEGMENT : 0)]]));
  const connection = world.c.host.tcp.connect(world.now, {
    remote: { address: CONTACT, port: PORT },
    noDelay: true,
    delayedAck: 0 as Duration,
  });
  if (typeof connection === 'string') throw new Error(connection);
  drive(world, connection, flow);
  world.runFor(seconds(3));
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

/** Reads all that comes; for an upload also writes at the premise's pace. */
function drive(world: World, connection: Connection, flow: 'download' | 'upload'): void {
  let offset = 0;
  const timer = world.timers.timer((now) => {
    offset += connection.write(now, streamBytes(offset, SEGMENT));
    timer.set(after(now, WRITE_INTERVAL));
  });
  connection.events = {
    readable: (now) => {
      while (connection.read(now) !== undefined);
    },
    connected: (now) => {
      if (flow === 'upload') timer.set(now);
    },
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
