// The download of a demo run as its events tell it: what is asked for when, and what is said.

import { expect, test } from 'vitest';
import { planHandoffs } from '../../tools/demo/plan.ts';
import { WatchedDownload } from '../../tools/demo/watched-download.ts';
import { createTopology } from '../../tools/lab/topology.ts';
import { Output } from '../../tools/output.ts';

const A = '2001:db8:a::1';
const B = '2001:db8:b::1';
const plan = planHandoffs({ topology: createTopology(), presets: ['prefetched', 'fast'] });

function setup(handOff: (to: string) => Promise<number>) {
  const written = { out: '', err: '' };
  const asked: string[] = [];
  const terminal = {
    ...{ env: {}, interactive: false, columns: 80, now: () => 0 },
    out: (text: string) => {
      written.out += text;
    },
    err: (text: string) => {
      written.err += text;
    },
  };
  const watched = new WatchedDownload({
    ...{ output: new Output(terminal, {}), plan, client: 'c' },
    names: new Map([
      [A, 'a'],
      [B, 'b'],
    ]),
    handOff: ({ to }) => {
      asked.push(to);
      return handOff(to);
    },
  });
  const progress = (done: number, source: string) =>
    watched.onEvent({ event: 'progress', label: 'get', done, total: 300, source });
  return { watched, asked, written, progress };
}

test('each handoff is asked for once its share has come, the next not before the last is done', async () => {
  let done = (_ms: number): void => {};
  const first = new Promise<number>((resolve) => {
    done = resolve;
  });
  const { watched, asked, progress } = setup((to) => (to === 'b' ? first : Promise.resolve(7)));
  progress(99, A);
  await Promise.resolve();
  expect(asked).toEqual([]);
  for (const at of [100, 150, 200, 250]) progress(at, A);
  await Promise.resolve();
  expect(asked).toEqual(['b']);
  done(5);
  expect(await watched.handoffs()).toEqual([5, 7]);
  expect(asked).toEqual(['b', 'a']);
});

test('a handoff that fails is told, and its place in the figures stays empty', async () => {
  const { watched, progress, written } = setup(async () => {
    throw new Error('unknown node');
  });
  progress(120, A);
  expect(await watched.handoffs()).toEqual([undefined]);
  expect(written.err).toContain('homeport: unknown node\n');
});

test('what the client sees is said beside the formula, by the names of the nodes', () => {
  const { watched, progress, written } = setup(async () => 1);
  progress(100, A);
  watched.onEvent({ event: 'handoff-seen', from: A, to: B, handoffMs: 91.23, offset: 5 });
  progress(110, B);
  expect(written.out).toBe(
    '  33 %: a hands c to b (prefetched)\n  b sends: 91.2 ms after the last segment from a (formula: 90.0 ms)\n',
  );
  expect(written.err).toMatch(/download 33 % .* from a\n$/);
});
