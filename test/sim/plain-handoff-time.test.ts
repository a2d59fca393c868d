// The handoff time that a plain client observes equals the formula of each preset, under the premises of
// handoff-time.test.ts.

import { describe, expect, test } from 'vitest';
import { after, milliseconds, seconds, toMilliseconds } from '../../stack/core/time.ts';
import { PRESETS, type PresetName, plainHandoffTime } from '../../stack/handoff/strategy.ts';
import { TunnelWatch } from './observe.ts';
import { startPaced } from './paced-stream.ts';
import { World } from './world.ts';

const TOLERANCE_MS = 1;
const presets = Object.keys(PRESETS) as PresetName[];

/** One-way latencies in milliseconds: a and b, and of each site to the home agent. */
type Grid = readonly [donorAcceptor: number, homeDonor: number, homeAcceptor: number, homeClient: number];

function measure(preset: PresetName, flow: 'download' | 'upload', [ss, donor, acceptor, client]: Grid) {
  const latencies = { donorAcceptor: ss, clientDonor: 90, clientAcceptor: 90, home: client };
  const world = new World({ seed: 1, latencies, client: 'plain' });
  world.internet.join('home', 'a', { delay: milliseconds(donor) });
  world.internet.join('home', 'b', { delay: milliseconds(acceptor) });
  const watch = new TunnelWatch(flow === 'download' ? 'data' : 'ack', world.internet);
  startPaced(world, flow, 'home-agent');
  const box = world.handoff('a', 'b', PRESETS[preset]);
  world.runUntil(() => box.report !== undefined, after(world.now, seconds(5)));
  world.runFor(milliseconds(500));
  const change = watch.changeTo(world.b.careOf);
  const formula = plainHandoffTime(
    PRESETS[preset],
    {
      donorAcceptor: milliseconds(ss),
      homeDonor: milliseconds(donor),
      homeAcceptor: milliseconds(acceptor),
      homeClient: milliseconds(client),
    },
    flow,
  );
  const observedMs = change === undefined ? Number.NaN : (change.firstTo - change.lastFrom) / 1_000;
  return { outcome: box.report?.outcome, observedMs, formulaMs: toMilliseconds(formula) };
}

describe.each(presets)('handoff time of a plain client, %s', (preset) => {
  describe.each(['download', 'upload'] as const)('%s', (flow) => {
    test.each<Grid>([
      [1, 5, 5, 5],
      [10, 20, 20, 7],
      [10, 12, 25, 3],
      [30, 25, 12, 20],
    ])('Lss %i ms, Lsh_d %i ms, Lsh_a %i ms, Lhc %i ms', (...grid) => {
      const { outcome, observedMs, formulaMs } = measure(preset, flow, grid);
      expect(outcome).toEqual({ ok: true });
      expect(Math.abs(observedMs - formulaMs), `${observedMs} ms for ${formulaMs}`).toBeLessThanOrEqual(TOLERANCE_MS);
    });
  });
});
