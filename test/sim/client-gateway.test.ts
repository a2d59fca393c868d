// Clients that know nothing of Mobile IPv6, behind a gateway that does: handed off as any other client, under loss,
// over paths of any MTU, two of them at once, and after the gateway has lost its memory.

import { describe, expect, test } from 'vitest';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import { PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { BulkApp } from './apps.ts';
import { download } from './download.ts';
import { countResets } from './resets.ts';
import { seededRun } from './seeded-run.ts';
import { type ClientNode, CONTACT, World } from './world.ts';

const PORT = 80;
const SIZE = 8 * 1024 * 1024;
const LATENCIES = { donorAcceptor: 10, clientDonor: 20, clientAcceptor: 20, home: 7 };
const RATE = { rate: 40_000_000, queueBytes: 256 * 1024 };
const LIMIT = seconds(600);
const presets = Object.keys(PRESETS) as PresetName[];
const SEEDS = 100;
const BATCH = 50;
const HANDED_OFF = 36;

/** A group that serves the test stream, over links of 40 Mbit/s to the client. */
function scene() {
  const world = new World({ seed: 5, latencies: LATENCIES });
  world.start(() => new Map([[PORT, new BulkApp(SIZE)]]));
  return { world, resets: countResets(world) };
}

function gatewayClient(world: World, name: string, mtu?: number) {
  const client = world.addClientBehindGateway(name, undefined, mtu);
  for (const node of ['a', 'b', 'home']) world.internet.join(node, name, { delay: milliseconds(20), ...RATE });
  return client;
}

function runTo(world: World, received: () => number, octets: number, owner: 'a' | 'b', client: ClientNode): void {
  const { mobile } = world.memberOf(owner).member;
  const ready = () => received() >= octets && mobile.stateOf(client.careOf) === 'bound';
  if (!world.runUntil(ready, after(world.now, LIMIT))) throw new Error(`only ${received()} octets came`);
}

function handOver(world: World, from: 'a' | 'b', to: 'a' | 'b', preset: PresetName, client: ClientNode): void {
  const box = world.handoff(from, to, PRESETS[preset], client);
  world.runUntil(() => box.report !== undefined, after(world.now, LIMIT));
  expect(box.report?.outcome).toEqual({ ok: true });
}

describe('DESIGN.md 7: nothing lost, nothing twice, behind a gateway', () => {
  const batches = Array.from({ length: SEEDS / BATCH }, (_, i) => [i * BATCH, (i + 1) * BATCH - 1] as const);
  test.each(batches)(
    'seeds %i to %i: every stream whole and in order over a handoff, no RST',
    (from, to) => {
      const outcomes = Array.from({ length: to - from + 1 }, (_, i) => seededRun(from + i, 'gateway'));
      expect(outcomes.filter((outcome) => outcome.problems.length > 0)).toEqual([]);
      expect(outcomes.filter((outcome) => outcome.handedOff).length).toBeGreaterThanOrEqual(HANDED_OFF);
    },
    240_000,
  );
});

describe.each(presets)('%s', (preset) => {
  test.each([1280, 1400, 1500])('a download goes a to b to a over a path of MTU %i', (mtu) => {
    const { world, resets } = scene();
    const client = gatewayClient(world, 'd', mtu);
    const { progress } = download(world, PORT, client);
    runTo(world, () => progress.received, SIZE / 4, 'a', client);
    handOver(world, 'a', 'b', preset, client);
    runTo(world, () => progress.received, SIZE / 2, 'b', client);
    handOver(world, 'b', 'a', preset, client);
    world.runUntil(() => progress.closed, after(world.now, LIMIT));
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, closed: true, error: undefined });
    expect(resets()).toBe(0);
    expect(client.gateway.moves.map(({ from, to }) => [`${from}`, `${to}`])).toEqual([
      ['2001:db8:a::1', '2001:db8:b::1'],
      ['2001:db8:b::1', '2001:db8:a::1'],
    ]);
  });
});

test('two clients behind gateways are handed off each by itself', () => {
  const { world, resets } = scene();
  const clients = ['d', 'e'].map((name) => gatewayClient(world, name));
  const downloads = clients.map((client) => download(world, PORT, client));
  for (const [i, client] of clients.entries()) {
    runTo(world, () => downloads[i]?.progress.received ?? 0, SIZE / 4, 'a', client);
  }
  const [first] = clients;
  if (first !== undefined) handOver(world, 'a', 'b', 'fast', first);
  world.runUntil(() => downloads.every(({ progress }) => progress.closed), after(world.now, LIMIT));
  for (const { progress } of downloads)
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
  expect(clients.map(({ gateway }) => gateway.moves.length)).toEqual([1, 0]);
  expect(resets()).toBe(0);
});

test('RFC 6275 9.3.3, 11.3.6: a gateway that has lost its bindings says so, and is told them again', () => {
  const { world, resets } = scene();
  const client = gatewayClient(world, 'd');
  const { progress } = download(world, PORT, client);
  runTo(world, () => progress.received, SIZE / 4, 'a', client);
  const fresh = client.gateway.restart();
  expect(fresh.bindingCount).toBe(0);
  world.runUntil(() => progress.closed, after(world.now, LIMIT));
  expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
  expect(fresh.careOfAddress(CONTACT, client.careOf)?.equals(world.a.careOf)).toBe(true);
  expect(resets()).toBe(0);
});
