// The parts of the demo that need no namespaces: what it plans, what it reads from the wire, how it judges.

import { expect, test } from 'vitest';
import { microseconds } from '../../stack/core/time.ts';
import { planHandoffs } from '../../tools/demo/plan.ts';
import { type DemoFigures, problemsOf } from '../../tools/demo/verdict.ts';
import { checkWire } from '../../tools/demo/wire-check.ts';
import { describeFigures, describePlan } from '../../tools/demo/words.ts';
import { createTopology } from '../../tools/lab/topology.ts';
import { CLIENT, CLIENT_PORT, CONTACT, NODE_A, NODE_B, SyntheticCapture } from './synthetic-capture.ts';

test('handoffs go there and back, spread over the download, with the formula of each for the latencies of the lab', () => {
  const topology = createTopology();
  expect(planHandoffs({ topology, presets: ['classic', 'fast'] })).toMatchObject([
    { from: 'a', to: 'b', preset: 'classic', share: 1 / 3, formulaMs: 150 },
    { from: 'b', to: 'a', preset: 'fast', share: 2 / 3, formulaMs: 10 },
  ]);
});

test('unequal latencies: the general formula', () => {
  const change = { delay: microseconds(35_000) };
  const topology = createTopology({
    overrides: [
      {
        pairs: [
          ['b', 'c'],
          ['c', 'b'],
        ],
        change,
      },
    ],
  });
  // Lss + Lsc_a - Lsc_d, to b and back to a.
  expect(planHandoffs({ topology, presets: ['fast', 'fast'] }).map((h) => h.formulaMs)).toEqual([25, 0]);
});

test('what is going to happen is said before it does', () => {
  const topology = createTopology();
  const said = describePlan({ topology, presets: ['fast', 'classic'], size: 2 ** 20, file: undefined, out: '' });
  expect(said).toContain('c downloads 1.0 MiB from the contact address 2001:db8:100::1. Node a serves it at first;');
  expect(said).toMatch(/at 67 % +b to a +classic +3 Lss \+ .* = 150\.00 ms/);
});

test('RST and SYN of the connection are counted, those of others are not', () => {
  const capture = new SyntheticCapture().handshake(0, 28).data(40, 0, 100, NODE_A);
  const before = checkWire(capture.bytes(), CLIENT, CONTACT);
  expect(before).toEqual({ resets: 0, syns: 1, packets: 3, malformed: undefined });
  capture
    .reset(50, CLIENT_PORT)
    .syn(60, CLIENT_PORT + 1)
    .handshake(70, 1);
  expect(checkWire(capture.bytes(), CLIENT, CONTACT)).toMatchObject({ resets: 1, syns: 2 });
  expect(checkWire(capture.bytes(), CLIENT, NODE_B)).toMatchObject({ resets: 0, syns: 0 });
});

test('a capture that is cut off is told', () => {
  const bytes = new SyntheticCapture().handshake(0, 28).bytes();
  expect(checkWire(bytes.subarray(0, bytes.length - 5), CLIENT, CONTACT).malformed).toMatch(
    /^block truncated at octet \d+$/,
  );
});

const HASH = 'ab'.repeat(32);
const [first, second] = planHandoffs({ topology: createTopology(), presets: ['prefetched', 'fast'] });

function figures(change: Partial<DemoFigures> = {}): DemoFigures {
  const download = {
    bytes: 1000,
    sha256: HASH,
    durationMs: 500,
    firstByteMs: 10,
    longestStallMs: 91,
    sources: [],
    handoffs: [],
  };
  const handoffs = [first, second].flatMap((plan) =>
    plan === undefined ? [] : [{ ...plan, handoffMs: 12, tookMs: 80 }],
  );
  return {
    ...{ file: 'file', expectedSha256: HASH, receivedSha256: HASH, download, handoffs, links: {} },
    wire: { resets: 0, syns: 1, packets: 99, malformed: undefined },
    names: new Map([[NODE_A.toString(), 'a']]),
    ...{ timeline: 'timeline.svg', captures: ['lab.pcapng'] },
    ...change,
  };
}

test('all well: no problem', () => {
  expect(problemsOf(figures())).toEqual([]);
});

test.each([
  ['another hash', { receivedSha256: 'cd' }, 'the file that arrived is not the original'],
  ['a RST', { wire: { resets: 2, syns: 1, packets: 9, malformed: undefined } }, '2 packets with RST'],
  [
    'a second SYN',
    { wire: { resets: 0, syns: 2, packets: 9, malformed: undefined } },
    '2 SYNs of the client in place of one',
  ],
])('%s is a problem', (_name, change, problem) => {
  expect(problemsOf(figures(change))).toEqual([problem]);
});

test('a handoff that did not happen is a problem and is printed as such', () => {
  const [a, b] = figures().handoffs;
  const without = figures({ handoffs: a === undefined || b === undefined ? [] : [a, { ...b, handoffMs: undefined }] });
  expect(problemsOf(without)).toEqual(['handoff 2 (fast) did not happen']);
  expect(describeFigures(without)).toMatch(/b to a +fast +did not happen +Lss \+ Lsc_a - Lsc_d = 10\.00 ms/);
});

test('the hashes are printed side by side, with a word on whether they agree', () => {
  expect(describeFigures(figures())).toContain(`${HASH}  equal`);
  expect(describeFigures(figures({ receivedSha256: 'cd' }))).toContain('cd  DIFFERENT');
});
