// Random loss, reordering and duplication on every link, a handoff at a random octet, in download, upload and
// both at once: every stream arrives whole and in order, nobody sends a RST. 300 seeds; a failure names its seed.

import { describe, expect, test } from 'vitest';
import { seededRun } from './seeded-run.ts';

const SEEDS = 300;
const BATCH = 50;
/** Of a batch; some streams are over before the client is bound, or before the last octet is there to be handed off. */
const HANDED_OFF = 36;

describe('DESIGN.md 7: nothing lost, nothing twice', () => {
  const batches = Array.from({ length: SEEDS / BATCH }, (_, i) => [i * BATCH, (i + 1) * BATCH - 1] as const);
  test.each(batches)(
    'seeds %i to %i: every stream whole and in order over a handoff, no RST',
    (from, to) => {
      const outcomes = Array.from({ length: to - from + 1 }, (_, i) => seededRun(from + i));
      expect(outcomes.filter((outcome) => outcome.problems.length > 0)).toEqual([]);
      expect(outcomes.filter((outcome) => outcome.handedOff).length).toBeGreaterThanOrEqual(HANDED_OFF);
    },
    240_000,
  );
});
