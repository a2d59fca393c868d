// The timeline: what is read from captures made by hand, and that the picture shows it.

import { expect, test } from 'vitest';
import { type Address, address } from '../../stack/wire/address.ts';
import { drawTimeline } from '../../tools/timeline/draw.ts';
import { readTimeline, type Timeline, VIA_HOME_AGENT } from '../../tools/timeline/timeline.ts';
import { CLIENT, NODE_A, NODE_B, SyntheticCapture } from './synthetic-capture.ts';

const MSS = 1_400;

/** Handshake, a request through the home agent, node a bound at 50 ms, node b at 105 ms; a gap of 12 ms. */
const withHandoff = (): SyntheticCapture =>
  new SyntheticCapture()
    .handshake(0, 28)
    .data(40, 0, MSS)
    .bindingUpdate(50, 1, NODE_A)
    .bindingAcknowledgement(50.1, 1, NODE_A)
    .data(60, MSS, MSS, NODE_A)
    .data(95, 2 * MSS, MSS, NODE_A)
    .bindingUpdate(105, 2, NODE_B)
    .data(107, 3 * MSS, MSS, NODE_B)
    .data(120, 4 * MSS, MSS, NODE_B);

function read(capture: SyntheticCapture, options?: { client?: Address }): Timeline {
  const result = readTimeline(capture.bytes(), options);
  if (!result.ok) throw new Error(result.reason);
  return result.timeline;
}

test('offsets count from the SYN, whatever the sequence numbers, and go on over their wrap', () => {
  const { points } = read(withHandoff());
  expect(points.map((p) => p.offset)).toEqual([0, 1_400, 2_800, 4_200, 5_600]);
  expect(points.map((p) => p.ms)).toEqual([40, 60, 95, 107, 120]);
});

test('data belongs to the care-of address in the IPv6 header; without a Home Address option to the home agent', () => {
  expect(read(withHandoff()).sources).toEqual([
    { source: VIA_HOME_AGENT, segments: 1, octets: MSS },
    { source: NODE_A.toString(), segments: 2, octets: 2 * MSS },
    { source: NODE_B.toString(), segments: 2, octets: 2 * MSS },
  ]);
});

test('a handoff runs from the last segment of one node to the first of the next', () => {
  expect(read(withHandoff()).handoffs).toEqual([
    { from: NODE_A.toString(), to: NODE_B.toString(), lastMs: 95, firstMs: 107, offset: 3 * MSS },
  ]);
});

test('segments of the donor behind the Binding Update are dropped ones, not a handoff back', () => {
  const { points, handoffs, sources } = read(
    withHandoff()
      .data(121, 3 * MSS, MSS, NODE_A)
      .data(122, 5 * MSS, MSS, NODE_B),
  );
  expect(points.map((p) => p.freshness).slice(-2)).toEqual(['dropped', 'new']);
  expect(handoffs).toHaveLength(1);
  expect(sources.find((s) => s.source === NODE_A.toString())?.octets).toBe(2 * MSS);
});

test('a hole that is filled later is late, what was there before is a repeat', () => {
  const capture = withHandoff()
    .data(130, 6 * MSS, MSS, NODE_B)
    .data(140, 5 * MSS, MSS, NODE_B)
    .data(150, 5 * MSS, MSS, NODE_B);
  const timeline = read(capture);
  expect(timeline.points.map((p) => p.freshness).slice(-3)).toEqual(['new', 'late', 'repeat']);
  expect(timeline.octets).toBe(7 * MSS);
});

test('messages of the client are in their rows, with direction, number and status', () => {
  const capture = withHandoff()
    .test(99, 'care-of-test-init', NODE_B)
    .testAnswer(99.2, 'care-of-test', NODE_B)
    .comment(94, 'freeze');
  const { messages } = read(capture.bindingAcknowledgement(125, 3, NODE_B, 135));
  expect(messages.map((m) => [m.lane, m.label, m.inbound])).toEqual([
    ['binding', 'BU 1', true],
    ['binding', 'BA 1', false],
    ['binding', 'BU 2', true],
    ['care-of-test', 'CoTI', true],
    ['care-of-test', 'CoT', false],
    ['event', 'freeze', true],
    ['binding', 'BA 3 status 135', false],
  ]);
});

test('in a capture of several interfaces the one counts on which the SYN-ACK came to the client', () => {
  const capture = new SyntheticCapture('c', 'a')
    .handshake(0, 28, 0)
    .data(10, 0, MSS, NODE_A, 1)
    .data(30, 0, MSS, NODE_A, 0);
  expect(read(capture).points).toMatchObject([{ ms: 30, freshness: 'new' }]);
});

test.each([
  ['no SYN', new SyntheticCapture().data(1, 0, 10, NODE_A).bytes(), {}, 'no SYN in the capture'],
  [
    'another client',
    withHandoff().bytes(),
    { client: address('2001:db8:d::1') },
    'no SYN of 2001:db8:d::1 in the capture',
  ],
  ['no data', new SyntheticCapture().handshake(0, 1).bytes(), {}, 'no data of the connection in the capture'],
  [
    'another file',
    new TextEncoder().encode('not a capture at all'),
    {},
    'not a whole pcapng file: no section header at octet 0',
  ],
])('%s: a reason instead of a timeline', (_name, bytes, options, reason) => {
  expect(readTimeline(bytes, options)).toEqual({ ok: false, reason });
});

test('the picture has each node in its colour, the handoff time, and escapes what it is given', () => {
  const names = new Map([
    [NODE_A.toString(), 'a'],
    [NODE_B.toString(), 'b'],
  ]);
  const svg = drawTimeline(read(withHandoff()), { names, title: 'x < y & "z"', notes: ['fast: Lss = 10 ms'] });
  expect(svg).toContain('x &lt; y &amp; &quot;z&quot;');
  expect(svg).toContain('12.00 ms');
  expect(svg).toContain('fast: Lss = 10 ms');
  expect(svg).toContain(`Handoff from a (${NODE_A}) to b (${NODE_B})`);
  for (const colour of ['#0072b2', '#d55e00', '#8794a3']) expect(svg).toContain(`stroke="${colour}"`);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

test('a picture of many segments stays small: dots that fall together are drawn once', () => {
  const capture = new SyntheticCapture().handshake(0, 28).bindingUpdate(29, 1, NODE_A);
  for (let i = 0; i < 20_000; i++) capture.data(30 + i * 0.1, i * MSS, MSS, NODE_A);
  const svg = drawTimeline(read(capture, { client: CLIENT }));
  expect(svg.length).toBeLessThan(100_000);
});
