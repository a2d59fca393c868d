// Handoffs that meet trouble, and clients that are more than one plain download: who owns the client at the end,
// and that its streams are whole.

import { describe, expect, test } from 'vitest';
import { after, type Duration, elapsed, milliseconds, seconds } from '../../stack/core/time.ts';
import { BINDING_TIMEOUT, MAX_HOLD_BACK } from '../../stack/handoff/acceptor.ts';
import { PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import type { HandoffApp } from '../../stack/server/app-contract.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { BulkApp } from './apps.ts';
import { download } from './download.ts';
import { countResets } from './resets.ts';
import { type MemberNode, World } from './world.ts';

const PORT = 80;
const SIZE = 4 * 1024 * 1024;
const LATENCIES = { donorAcceptor: 10, clientDonor: 20, clientAcceptor: 20, home: 7 };
const RATE = { rate: 40_000_000, queueBytes: 256 * 1024 };
const LIMIT = seconds(600);
const presets = Object.keys(PRESETS) as PresetName[];

interface Scene {
  readonly world: World;
  readonly resets: () => number;
  readonly appOf: (name: 'a' | 'b') => BulkApp;
}

/** A group that serves the test stream, over links of 40 Mbit/s to the client. */
function scene(makeApp: (node: MemberNode) => BulkApp = () => new BulkApp(SIZE)): Scene {
  const world = new World({ seed: 11, latencies: LATENCIES });
  const apps = new Map<string, BulkApp>();
  world.start((node) => {
    const app = makeApp(node);
    apps.set(node.name, app);
    return new Map<number, HandoffApp>([[PORT, app]]);
  });
  world.internet.join('a', 'c', RATE);
  world.internet.join('b', 'c', RATE);
  const appOf = (name: 'a' | 'b') => {
    const app = apps.get(name);
    if (app === undefined) throw new Error(`no app on ${name}`);
    return app;
  };
  return { world, resets: countResets(world), appOf };
}

const bound = (world: World, name: 'a' | 'b') => () =>
  world.memberOf(name).member.mobile.stateOf(world.c.careOf) === 'bound';

/** Runs until so many octets have come, and the client is bound to `owner`. */
function runTo(world: World, received: () => number, octets: number, owner: 'a' | 'b'): void {
  const isBound = bound(world, owner);
  const reached = world.runUntil(() => received() >= octets && isBound(), after(world.now, LIMIT));
  if (!reached) throw new Error(`only ${received()} octets came`);
}

class RefusingApp extends BulkApp {
  override restore(): string {
    return 'this file is another one here';
  }
}

describe.each(presets)('%s', (preset) => {
  test('the client goes back and forth six times during one download', () => {
    const size = 4 * SIZE;
    const { world, resets } = scene(() => new BulkApp(size));
    const { progress } = download(world, PORT);
    for (let i = 0; i < 6; i++) {
      const [from, to] = i % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const);
      runTo(world, () => progress.received, ((i + 1) * size) / 8, from);
      const box = world.handoff(from, to, PRESETS[preset]);
      world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
      expect(box.report?.outcome).toEqual({ ok: true });
    }
    world.runUntil(() => progress.closed, after(world.now, LIMIT));
    expect(progress).toMatchObject({ received: size, wrongAt: -1, closed: true, error: undefined });
    expect(resets()).toBe(0);
  });

  test('all connections of a client move together, whatever their state', () => {
    const { world, resets, appOf } = scene();
    const downloads = Array.from({ length: 5 }, () => download(world, PORT));
    const idle: Connection[] = [];
    const halfClosed = download(world, PORT);
    halfClosed.connection.events = {
      ...halfClosed.connection.events,
      connected: (now) => halfClosed.connection.shutdown(now),
      peerFinished: () => {},
    };
    const received = () => downloads.reduce((sum, { progress }) => sum + progress.received, 0);
    runTo(world, received, SIZE, 'a');
    const box = world.handoff('a', 'b', PRESETS[preset]);
    world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
    expect(box.report?.outcome).toEqual({ ok: true });
    expect(world.a.host.tcp.connectionsBetween(world.a.member.mobile.homeAddress, world.c.careOf)).toEqual([]);
    const over = () => downloads.every(({ progress }) => progress.closed) && halfClosed.progress.received >= SIZE;
    world.runUntil(over, after(world.now, LIMIT));
    for (const { progress } of [...downloads, halfClosed]) {
      expect(progress).toMatchObject({ received: SIZE, wrongAt: -1 });
    }
    expect(idle).toEqual([]);
    expect(appOf('b').progress.size).toBe(6);
    expect(resets()).toBe(0);
  });

  test('an app that refuses leaves the client with the donor, which goes on', () => {
    const { world, resets, appOf } = scene((node) => (node.name === 'b' ? new RefusingApp(SIZE) : new BulkApp(SIZE)));
    const { progress } = download(world, PORT);
    runTo(world, () => progress.received, SIZE / 4, 'a');
    const box = world.handoff('a', 'b', PRESETS[preset]);
    world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
    expect(box.report?.outcome).toEqual({ ok: false, reason: 'this file is another one here' });
    world.runUntil(() => progress.closed, after(world.now, LIMIT));
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
    expect(appOf('a').progress.size).toBe(1);
    expect(world.b.host.tcp.connectionsBetween(world.b.member.mobile.homeAddress, world.c.careOf)).toEqual([]);
    expect(resets()).toBe(0);
  });

  test('the way between donor and acceptor is cut before STATE: the donor thaws and the download goes on there', () => {
    const { world, resets } = scene();
    const { progress } = download(world, PORT);
    runTo(world, () => progress.received, SIZE / 4, 'a');
    world.internet.join('a', 'b', { loss: 1 });
    const box = world.handoff('a', 'b', PRESETS[preset]);
    world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
    expect(box.report?.outcome.ok).toBe(false);
    world.runUntil(() => progress.closed, after(world.now, LIMIT));
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
    expect(bound(world, 'a')()).toBe(true);
    expect(resets()).toBe(0);
  });

  test('the client falls silent right behind STATE: the handoff is over in time, and the download goes on when it is back', () => {
    const { world, resets } = scene();
    const { progress } = download(world, PORT);
    runTo(world, () => progress.received, SIZE / 4, 'a');
    const box = world.handoff('a', 'b', PRESETS[preset]);
    const sent = () => world.traced.some(({ node, event }) => node === 'a' && event.event === 'state-sent');
    expect(world.runUntil(sent, after(world.now, LIMIT))).toBe(true);
    const from = world.now;
    for (const node of ['a', 'b', 'home']) world.internet.join(node, 'c', { loss: 1 });
    world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
    expect(box.report?.outcome).toEqual({ ok: true });
    expect(elapsed(from, world.now)).toBeLessThan(BINDING_TIMEOUT + MAX_HOLD_BACK + seconds(1));
    world.runFor(seconds(10));
    for (const node of ['a', 'b', 'home']) world.internet.join(node, 'c', { loss: 0 });
    world.runUntil(() => progress.closed, after(world.now, LIMIT));
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
    expect(bound(world, 'b')()).toBe(true);
    expect(resets()).toBe(0);
  });

  test('the way is cut right behind STATE and comes back: the acceptor has the client, nothing is lost', () => {
    const { world, resets, appOf } = scene();
    const { progress } = download(world, PORT);
    runTo(world, () => progress.received, SIZE / 4, 'a');
    const box = world.handoff('a', 'b', PRESETS[preset]);
    const sent = () => world.traced.some(({ node, event }) => node === 'a' && event.event === 'state-sent');
    expect(world.runUntil(sent, after(world.now, LIMIT))).toBe(true);
    world.internet.configure('b', 'a', { loss: 1 });
    world.runFor(milliseconds(50));
    world.internet.configure('a', 'b', { loss: 1 });
    world.runFor(seconds(40));
    world.internet.join('a', 'b', { loss: 0 });
    world.runUntil(() => progress.closed && box.report !== undefined, after(world.now, LIMIT));
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
    expect(box.report?.outcome).toEqual({ ok: true });
    expect(appOf('b').progress.size).toBe(1);
    expect(resets()).toBe(0);
  });
});

describe('what cannot begin', () => {
  test('an unknown node, an unknown client, a second handoff at the same time', () => {
    const { world } = scene();
    const { progress } = download(world, PORT);
    runTo(world, () => progress.received, SIZE / 8, 'a');
    const { member } = world.a;
    const none = () => {};
    expect(member.handoff(world.now, world.c.careOf, 'x', PRESETS.fast, none)).toMatch(/unknown node 'x'.*b/);
    expect(member.handoff(world.now, world.b.careOf, 'b', PRESETS.fast, none)).toMatch(/no client/);
    expect(member.handoff(world.now, world.c.careOf, 'b', PRESETS.fast, none)).toBeUndefined();
    expect(member.handoff(world.now, world.c.careOf, 'b', PRESETS.fast, none)).toMatch(/already/);
  });
});

test('DESIGN.md 7: the default delay of an acknowledgement does not matter to correctness', () => {
  const { world } = scene();
  const { progress, connection } = download(world, PORT);
  connection.setOptions(world.now, { delayedAck: milliseconds(200) as Duration });
  runTo(world, () => progress.received, SIZE / 4, 'a');
  const box = world.handoff('a', 'b', PRESETS.prefetched);
  world.runUntil(() => progress.closed, after(world.now, LIMIT));
  expect(box.report?.outcome).toEqual({ ok: true });
  expect(progress).toMatchObject({ received: SIZE, wrongAt: -1 });
});
