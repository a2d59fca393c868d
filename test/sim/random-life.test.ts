// Handoffs in quick random succession, the way between the members cut, connections ended by the client at any
// moment: streams whole, one owner at most at any end, no RST on a connection that the client did not reset itself.

import { describe, expect, test } from 'vitest';
import { randomLife } from './random-life.ts';

const SEEDS = 200;
const BATCH = 50;

describe('DESIGN.md 7: nothing lost, nothing twice, no RST, whatever breaks and whenever', () => {
  const batches = Array.from({ length: SEEDS / BATCH }, (_, i) => [i * BATCH, (i + 1) * BATCH - 1] as const);
  test.each(batches)(
    'seeds %i to %i',
    (from, to) => {
      const lives = Array.from({ length: to - from + 1 }, (_, i) => randomLife(from + i));
      expect(lives.filter((life) => life.problems.length > 0)).toEqual([]);
      const sum = (what: 'done' | 'failed') => lives.reduce((total, { handoffs }) => total + handoffs[what], 0);
      // The seeds reach both ends of a handoff.
      expect(sum('done')).toBeGreaterThan(BATCH / 2);
      expect(sum('failed')).toBeGreaterThan(0);
    },
    240_000,
  );
});
