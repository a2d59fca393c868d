// Plain clients, without Mobile IPv6: served through the home agent both ways, and handed off all the same, by a flow binding
// there (DESIGN.md section 5).

import { describe, expect, test } from 'vitest';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import { PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { MH, MOBILITY_FIELD } from '../../stack/wire/mobility.ts';
import { BulkApp } from './apps.ts';
import { type Download, download } from './download.ts';
import { findHeader } from './find-header.ts';
import { countResets } from './resets.ts';
import { seededRun } from './seeded-run.ts';
import { CONTACT, World } from './world.ts';

const PORT = 80;
const SIZE = 2 * 1024 * 1024;
const LATENCIES = { donorAcceptor: 10, clientDonor: 20, clientAcceptor: 20, home: 7 };
const RATE = { rate: 40_000_000, queueBytes: 256 * 1024 };
const LIMIT = seconds(600);
const presets = Object.keys(PRESETS) as PresetName[];
type Name = 'a' | 'b';

/** A group whose client *c* is plain, behind 40 Mbit/s. */
function plainScene(size = SIZE) {
  const world = new World({ seed: 11, latencies: LATENCIES, client: 'plain' });
  world.start(() => new Map([[PORT, new BulkApp(size)]]));
  world.internet.join('home', 'c', RATE);
  return { world, resets: countResets(world) };
}

const isPlain = (world: World, name: Name): boolean =>
  world.memberOf(name).member.mobile.stateOf(world.c.careOf) === 'plain';

/** Runs until so many octets have come and `owner` knows the client as plain. */
function runTo(world: World, downloads: readonly Download[], octets: number, owner: Name): void {
  const received = () => downloads.reduce((sum, { progress }) => sum + progress.received, 0);
  const reached = world.runUntil(() => received() >= octets && isPlain(world, owner), after(world.now, LIMIT));
  if (!reached) throw new Error(`only ${received()} octets came`);
}

function handOver(world: World, from: Name, to: Name, preset: PresetName) {
  const box = world.handoff(from, to, PRESETS[preset]);
  world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
  return box.report?.outcome;
}

const runToEnd = (world: World, downloads: readonly Download[]): boolean =>
  world.runUntil(() => downloads.every(({ progress }) => progress.closed), after(world.now, LIMIT));

/** Home and care-of tests begun from now on. */
function countInits(world: World): () => number {
  let inits = 0;
  world.internet.taps.push((_now, event, from, _to, packet) => {
    const at = event === 'sent' && from !== 'home' ? findHeader(packet, PROTOCOL.mobility) : undefined;
    const type = at === undefined ? undefined : packet[at + MOBILITY_FIELD.type];
    if (type === MH.homeTestInit || type === MH.careOfTestInit) inits += 1;
  });
  return () => inits;
}

const WHOLE = { received: SIZE, wrongAt: -1, closed: true, error: undefined };

describe.each(presets)('%s: a plain client', (preset) => {
  test('goes over in mid-download: no test, no Binding Update to it, and its packets reach b by its flow binding', () => {
    const { world, resets } = plainScene();
    const one = download(world, PORT);
    runTo(world, [one], SIZE / 4, 'a');
    const before = world.traced.length;
    expect(handOver(world, 'a', 'b', preset)).toEqual({ ok: true });
    const events = world.traced.slice(before).filter(({ node }) => node === 'b');
    expect(events.map(({ event }) => event.event)).not.toContain('binding-update-sent');
    expect(events.find(({ event }) => event.event === 'flow-bound')?.event.detail).toMatchObject({ status: 0 });
    world.runFor(milliseconds(100));
    const forwarded = world.a.member.counters.get('gate-forwarded');
    expect(runToEnd(world, [one])).toBe(true);
    expect(one.progress).toMatchObject(WHOLE);
    expect(world.a.member.counters.get('gate-forwarded')).toBe(forwarded);
    expect(resets()).toBe(0);
  });

  test('goes back and forth six times during one download', () => {
    const { world, resets } = plainScene(4 * SIZE);
    const one = download(world, PORT);
    for (let i = 0; i < 6; i++) {
      const [from, to] = i % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const);
      runTo(world, [one], ((i + 1) * 4 * SIZE) / 8, from);
      expect(handOver(world, from, to, preset)).toEqual({ ok: true });
    }
    runToEnd(world, [one]);
    expect(one.progress).toMatchObject({ ...WHOLE, received: 4 * SIZE });
    expect(resets()).toBe(0);
  });

  test('goes over with all its connections', () => {
    const { world, resets } = plainScene();
    const all = Array.from({ length: 5 }, () => download(world, PORT));
    runTo(world, all, SIZE, 'a');
    expect(handOver(world, 'a', 'b', preset)).toEqual({ ok: true });
    expect(world.a.host.tcp.connectionsBetween(CONTACT, world.c.careOf)).toEqual([]);
    runToEnd(world, all);
    for (const { progress } of all) expect(progress).toMatchObject(WHOLE);
    expect(resets()).toBe(0);
  });
});

test('a client that was found to be plain gets its flow binding, which ends when it has left; one that comes back gets it at once', () => {
  const { world } = plainScene();
  const flowsAt = (): number =>
    world.traced.filter(({ node, event }) => node === 'a' && event.event === 'flow-bound').length;
  const { mobile } = world.a.member;
  runToEnd(world, [download(world, PORT)]);
  expect([mobile.hasFlow(world.c.careOf), flowsAt()]).toEqual([true, 1]);
  world.runFor(seconds(130));
  expect([mobile.hasFlow(world.c.careOf), isPlain(world, 'a')]).toEqual([false, true]);
  const tests = countInits(world);
  const again = download(world, PORT);
  world.runFor(seconds(1));
  expect([mobile.hasFlow(world.c.careOf), flowsAt(), tests()]).toEqual([true, 2, 0]);
  runToEnd(world, [again]);
  expect(again.progress).toMatchObject(WHOLE);
});

test('RFC 6275 11.3.5: a client that answers nothing is plain after three tries, and a handoff asked for before waits for that', () => {
  const world = new World({ seed: 12, latencies: LATENCIES, client: 'plain' });
  world.start(() => new Map([[PORT, new BulkApp(4 * SIZE)]]));
  world.internet.join('home', 'c', { rate: 4_000_000, queueBytes: 256 * 1024 });
  // Every Mobility Header to or from the client is lost: nor does it complain.
  world.internet.mobilityFilter = (from, to) => from === 'c' || to === 'c';
  const one = download(world, PORT);
  world.runUntil(() => one.progress.received > 0, after(world.now, LIMIT));
  const asked = world.now;
  expect(world.a.member.mobile.stateOf(world.c.careOf)).toBe('testing');
  expect(handOver(world, 'a', 'b', 'fast')).toEqual({ ok: true });
  const took = (world.now - asked) / 1e6;
  expect([took > 6.5, took < 8]).toEqual([true, true]);
  expect(isPlain(world, 'b')).toBe(true);
  runToEnd(world, [one]);
  expect(one.progress).toMatchObject({ ...WHOLE, received: 4 * SIZE });
});

test('after 300 s a client is tried again when it is to be handed off, and is plain still', () => {
  const { world } = plainScene(200 * SIZE);
  const one = download(world, PORT);
  runTo(world, [one], SIZE / 8, 'a');
  world.internet.join('home', 'c', { rate: 100_000 });
  world.runFor(seconds(301));
  expect(world.a.member.mobile.stateOf(world.c.careOf)).toBe('none');
  expect(handOver(world, 'a', 'b', 'fast')).toEqual({ ok: true });
  expect(isPlain(world, 'b')).toBe(true);
});

test('what is left of 300 s goes along, and no handoff makes it more', () => {
  const { world } = plainScene(40 * SIZE);
  const one = download(world, PORT);
  runTo(world, [one], SIZE / 8, 'a');
  const left = (name: Name): number =>
    world.memberOf(name).member.mobile.exportCorrespondent(world.now, world.c.careOf).plainRemainingUs;
  const ends = world.now + left('a');
  for (const [from, to] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    world.runFor(seconds(1));
    handOver(world, from, to, 'fast');
    // The message that brings it takes 10 ms each time.
    expect(world.now + left(to)).toBeLessThanOrEqual(ends + milliseconds(20));
    expect(world.now + left(to)).toBeGreaterThan(ends - seconds(1));
  }
});

describe('loss, reordering and duplication on every link', () => {
  const SEEDS = 90;
  const BATCH = 30;
  const batches = Array.from({ length: SEEDS / BATCH }, (_, i) => [i * BATCH, (i + 1) * BATCH - 1] as const);
  test.each(batches)(
    'seeds %i to %i: every octet of a plain client exactly once, no RST',
    (from, to) => {
      const outcomes = Array.from({ length: to - from + 1 }, (_, i) => seededRun(from + i, 'plain'));
      expect(outcomes.filter(({ problems }) => problems.length > 0)).toEqual([]);
      expect(outcomes.filter(({ handedOff }) => handedOff).length).toBeGreaterThanOrEqual(20);
    },
    240_000,
  );
});
