// A home agent of another vendor: one binding a home address, no RFC 4285, a second for duplicate address detection, and
// clients whose daemon processes Binding Updates 5 to 50 ms late. The contact node alone is registered; all clients
// with a correspondent layer are handed off all the same.

import { describe, expect, test } from 'vitest';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import { PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { MH } from '../../stack/wire/mobility.ts';
import { BulkApp } from './apps.ts';
import { type Download, download } from './download.ts';
import { findHeader } from './find-header.ts';
import { countResets } from './resets.ts';
import { seededRun } from './seeded-run.ts';
import { World } from './world.ts';

const PORT = 80;
const SIZE = 2 * 1024 * 1024;
const LATENCIES = { donorAcceptor: 10, clientDonor: 20, clientAcceptor: 20, home: 7 };
const RATE = { rate: 40_000_000, queueBytes: 256 * 1024 };
const LIMIT = seconds(600);
const presets = Object.keys(PRESETS) as PresetName[];
const WHOLE = { received: SIZE, wrongAt: -1, closed: true, error: undefined };

function scene(client: 'correspondent' | 'plain' = 'correspondent') {
  const world = new World({ seed: 23, latencies: LATENCIES, bindings: 'one', client });
  world.start(() => new Map([[PORT, new BulkApp(SIZE)]]));
  for (const node of ['a', 'b', 'home']) world.internet.join(node, 'c', RATE);
  return { world, resets: countResets(world) };
}

const updatesHome = (world: World) => world.traced.filter(({ event }) => event.event === 'home-binding-update-sent');

function runTo(world: World, { progress }: Download, octets: number, owner: 'a' | 'b', state: 'bound' | 'plain'): void {
  const here = () => world.memberOf(owner).member.mobile.stateOf(world.c.careOf) === state;
  const reached = world.runUntil(() => progress.received >= octets && here(), after(world.now, LIMIT));
  if (!reached) throw new Error(`only ${progress.received} octets came`);
}

function handOver(world: World, from: 'a' | 'b', to: 'a' | 'b', preset: PresetName) {
  const box = world.handoff(from, to, PRESETS[preset]);
  world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
  return box.report?.outcome;
}

function mobilityType(packet: Uint8Array): number | undefined {
  const at = findHeader(packet, PROTOCOL.mobility);
  return at === undefined ? undefined : packet[at + 2];
}

const runToEnd = (world: World, { progress }: Download): boolean =>
  world.runUntil(() => progress.closed, after(world.now, LIMIT));

test('RFC 6275 10.3.1, 11.7.1: one update of the contact node outlasts a second of duplicate address detection', () => {
  const { world } = scene();
  expect(updatesHome(world).map(({ node }) => node)).toEqual(['a']);
  const bound = world.traced.filter(({ event }) => event.event === 'home-binding');
  expect(bound.map(({ event }) => event.detail)).toMatchObject([{ bid: 0, careOf: '2001:db8:a::1' }]);
});

describe.each(presets)('%s', (preset) => {
  test('a download goes from the contact node to the other member and back', () => {
    const { world, resets } = scene();
    const one = download(world, PORT);
    runTo(world, one, SIZE / 4, 'a', 'bound');
    expect(handOver(world, 'a', 'b', preset)).toEqual({ ok: true });
    runTo(world, one, SIZE / 2, 'b', 'bound');
    expect(handOver(world, 'b', 'a', preset)).toEqual({ ok: true });
    runToEnd(world, one);
    expect(one.progress).toMatchObject(WHOLE);
    expect(updatesHome(world).map(({ node }) => node)).toEqual(['a']);
    expect(resets()).toBe(0);
  });
});

test('RFC 6275 11.3.6: fast: data that overtakes its update meets Binding Error 1, and is sent again', () => {
  const { world, resets } = scene();
  const one = download(world, PORT);
  runTo(world, one, SIZE / 4, 'a', 'bound');
  let errors = 0;
  world.internet.taps.push((_now, event, _from, to, packet) => {
    if (event === 'delivered' && to === 'b' && mobilityType(packet) === MH.bindingError) errors += 1;
  });
  expect(handOver(world, 'a', 'b', 'fast')).toEqual({ ok: true });
  runToEnd(world, one);
  expect(errors).toBeGreaterThan(0);
  expect(one.progress).toMatchObject(WHOLE);
  expect(resets()).toBe(0);
});

test('the other member asks for a home test through the contact node, which relays the answer by its cookie', () => {
  const { world } = scene();
  const ways: string[] = [];
  world.internet.taps.push((_now, event, from, to, packet) => {
    const isHomeTest = [MH.homeTestInit, MH.homeTest].some((type) => type === mobilityType(packet));
    if (event === 'sent' && isHomeTest) ways.push(`${from}>${to}`);
  });
  const b = world.b.member.mobile;
  b.runTests(world.now, world.c.careOf, { home: true, careOf: false });
  world.runFor(milliseconds(200));
  expect(ways).toEqual(['b>a', 'a>home', 'home>c', 'c>home', 'home>a', 'a>b']);
});

test('another contact node: it registers, the one before sends by it, and a download goes on', () => {
  const { world, resets } = scene();
  const one = download(world, PORT);
  runTo(world, one, SIZE / 4, 'a', 'bound');
  for (const node of [world.a, world.b]) node.setContact(world.now, world.b.careOf);
  world.runFor(milliseconds(100));
  const last = world.traced.filter(({ event }) => event.event === 'home-binding').at(-1);
  expect(last?.event.detail).toMatchObject({ careOf: '2001:db8:b::1' });
  expect(handOver(world, 'a', 'b', 'prefetched')).toEqual({ ok: true });
  runToEnd(world, one);
  expect(one.progress).toMatchObject(WHOLE);
  const two = download(world, PORT);
  runToEnd(world, two);
  expect(two.progress).toMatchObject(WHOLE);
  expect(resets()).toBe(0);
});

test('a plain client is served, and its handoff refused with the reason', () => {
  const { world } = scene('plain');
  const one = download(world, PORT);
  runTo(world, one, SIZE / 4, 'a', 'plain');
  expect(() => world.handoff('a', 'b', PRESETS.fast)).toThrow(
    'client 2001:db8:c::1 knows no Mobile IPv6, and the home agent no flow bindings: it stays with this node',
  );
  runToEnd(world, one);
  expect(one.progress).toMatchObject(WHOLE);
});

describe('loss, reordering and duplication on every link', () => {
  const SEEDS = 90;
  const BATCH = 30;
  const batches = Array.from({ length: SEEDS / BATCH }, (_, i) => [i * BATCH, (i + 1) * BATCH - 1] as const);
  test.each(batches)(
    'seeds %i to %i: every octet exactly once, no RST',
    (from, to) => {
      const outcomes = Array.from({ length: to - from + 1 }, (_, i) => seededRun(from + i, 'correspondent', 'one'));
      expect(outcomes.filter(({ problems }) => problems.length > 0)).toEqual([]);
      expect(outcomes.filter(({ handedOff }) => handedOff).length).toBeGreaterThanOrEqual(20);
    },
    240_000,
  );
});
