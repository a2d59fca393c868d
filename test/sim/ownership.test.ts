// Who may speak to a client, and which way, around a handoff: a donor that has given the client away is silent in
// every layer, and a binding made by a handoff lives, is renewed and ends like any other.

import { describe, expect, test } from 'vitest';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import { PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { MAX_TOKEN_LIFETIME } from '../../stack/mobility/constants.ts';
import type { HandoffApp } from '../../stack/server/app-contract.ts';
import { BulkApp, PacedApp } from './apps.ts';
import { download } from './download.ts';
import { countResets } from './resets.ts';
import { CONTACT, World } from './world.ts';

const PORT = 80;
const SIZE = 4 * 1024 * 1024;
const LATENCIES = { donorAcceptor: 10, clientDonor: 20, clientAcceptor: 20, home: 7 };
const RATE = { rate: 40_000_000, queueBytes: 256 * 1024 };
const LIMIT = seconds(600);
const presets = Object.keys(PRESETS) as PresetName[];

function bulkWorld(): World {
  const world = new World({ seed: 11, latencies: LATENCIES });
  world.start(() => new Map<number, HandoffApp>([[PORT, new BulkApp(SIZE)]]));
  world.internet.join('a', 'c', RATE);
  world.internet.join('b', 'c', RATE);
  return world;
}

describe('DESIGN.md 7: the frozen donor ignores Binding Errors', () => {
  test('donor segments that come late at the client do not make the donor bind the client again', () => {
    const world = bulkWorld();
    const resets = countResets(world);
    const { progress } = download(world, PORT);
    world.runUntil(() => progress.received > SIZE / 4, after(world.now, LIMIT));
    // Every fifth segment of the donor takes 60 ms longer: it is overtaken by the acceptor's Binding Update.
    world.internet.configure('a', 'c', { reordering: 0.2, reorderingDelay: milliseconds(60) });
    world.runFor(milliseconds(10));
    const box = world.handoff('a', 'b', PRESETS.fast);
    world.runUntil(() => progress.closed && box.report !== undefined, after(world.now, LIMIT));
    const of = (node: string, event: string) =>
      world.traced.filter((traced) => traced.node === node && traced.event.event === event);
    const [state] = of('a', 'state-sent');
    expect(of('a', 'binding-update-sent').filter(({ at }) => at >= (state?.at ?? 0))).toEqual([]);
    expect(of('b', 'binding-update-sent')).toHaveLength(1);
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
    expect(resets()).toBe(0);
  });
});

describe('a client that ends one of its connections while the donor waits for acknowledgements', () => {
  test.each(['classic', 'prefetched'] as const)('%s: the others are not kept waiting for it', (preset) => {
    const world = bulkWorld();
    const stuck = download(world, PORT);
    stuck.connection.events = {}; // reads nothing: its window closes, and what the server wrote is not acknowledged
    const { progress } = download(world, PORT);
    world.runUntil(() => progress.received > SIZE / 4, after(world.now, LIMIT));
    const box = world.handoff('a', 'b', PRESETS[preset]);
    world.runFor(seconds(1));
    expect(box.report).toBeUndefined();
    stuck.connection.abort(world.now);
    const began = world.now;
    world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
    expect(box.report?.outcome).toEqual({ ok: true });
    expect(world.now - began).toBeLessThan(seconds(1));
    world.runUntil(() => progress.closed, after(world.now, LIMIT));
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
  });
});

/** Octets a second that the client has received, from now on. */
function perSecond(world: World, received: () => number, span: number): number[] {
  const counts: number[] = [];
  let before = received();
  for (let second = 0; second < span; second++) {
    world.runFor(seconds(1));
    counts.push(received() - before);
    before = received();
  }
  return counts;
}

function pacedWorld() {
  const world = new World({ seed: 5, latencies: LATENCIES });
  world.start(() => new Map<number, HandoffApp>([[PORT, new PacedApp(world.timers, milliseconds(100), 500)]]));
  const connection = world.c.host.tcp.connect(world.now, { remote: { address: CONTACT, port: PORT } });
  if (typeof connection === 'string') throw new Error(connection);
  let received = 0;
  connection.events = {
    readable: (now) => {
      for (let bytes = connection.read(now); bytes !== undefined; bytes = connection.read(now))
        received += bytes.length;
    },
  };
  world.runFor(seconds(2));
  return { world, received: () => received };
}

describe('the binding behind a handoff', () => {
  test.each(presets)('%s: 15 minutes of slow traffic, renewed in time, straight from the new owner', (preset) => {
    const { world, received } = pacedWorld();
    const resets = countResets(world);
    const box = world.handoff('a', 'b', PRESETS[preset]);
    world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
    expect(box.report?.outcome).toEqual({ ok: true });
    const bound: boolean[] = [];
    const counts: number[] = [];
    for (let minute = 0; minute < 15; minute++) {
      counts.push(...perSecond(world, received, 60));
      bound.push(world.c.correspondent?.careOfAddress(CONTACT)?.equals(world.b.careOf) === true);
    }
    expect(bound).not.toContain(false);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(4500);
    expect(resets()).toBe(0);
  });

  test('a home token that is about to expire delays a handoff by a test of its own, and fails none', () => {
    for (let before = 0; before <= 200; before += 20) {
      const { world } = pacedWorld();
      const [bound] = world.traced.filter(({ node, event }) => node === 'a' && event.event === 'binding-update-sent');
      const tokenEnds = after(bound?.at ?? world.now, MAX_TOKEN_LIFETIME);
      world.runUntil(() => false, after(tokenEnds, milliseconds(-before)));
      const box = world.handoff('a', 'b', PRESETS.fast);
      world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
      expect([before, box.report?.outcome]).toEqual([before, { ok: true }]);
    }
  });

  test('it ends, for the client hears of no renewal: the next packet goes through the home agent', () => {
    const { world, received } = pacedWorld();
    const box = world.handoff('a', 'b', PRESETS.fast);
    world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
    world.internet.mobilityFilter = (from, to) => from === 'c' || to === 'c';
    const counts = perSecond(world, received, 500);
    expect(world.c.correspondent?.careOfAddress(CONTACT)).toBeUndefined();
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(4000);
  });
});

describe.each(presets)('%s: four clients', (preset) => {
  test('are handed over in both directions at once', () => {
    const size = 3 * SIZE;
    const world = new World({ seed: 23, latencies: LATENCIES });
    const apps = new Map<string, BulkApp>();
    world.start(({ name }) => {
      const app = new BulkApp(size);
      apps.set(name, app);
      return new Map<number, HandoffApp>([[PORT, app]]);
    });
    const resets = countResets(world);
    const clients = [world.c, ...['d', 'e', 'f'].map((name) => world.addClient(name))];
    for (const [i, { name }] of clients.entries()) {
      for (const node of ['a', 'b', 'home']) {
        world.internet.join(node, name, { delay: milliseconds(10 + 7 * i), ...(node !== 'home' && RATE) });
      }
    }
    const downloads = clients.map((client) => download(world, PORT, client));
    const owners: ('a' | 'b')[] = clients.map(() => 'a');
    const handOver = (which: readonly number[]) => {
      const boxes = which.map((i) => {
        const [from = 'a', client] = [owners[i], clients[i]];
        const to = from === 'a' ? 'b' : 'a';
        owners[i] = to;
        return world.handoff(from, to, PRESETS[preset], client);
      });
      world.runUntil(() => boxes.every(({ report }) => report !== undefined), after(world.now, LIMIT));
      for (const { report } of boxes) expect(report?.outcome).toEqual({ ok: true });
    };
    world.runFor(milliseconds(400));
    handOver([2, 3]);
    handOver([0, 1, 2, 3]);
    world.runUntil(() => downloads.every(({ progress }) => progress.closed), after(world.now, LIMIT));
    for (const { progress } of downloads) {
      expect(progress).toMatchObject({ received: size, wrongAt: -1, error: undefined });
    }
    expect(resets()).toBe(0);
    expect([apps.get('a')?.progress.size, apps.get('b')?.progress.size]).toEqual([2, 2]);
  });
});
