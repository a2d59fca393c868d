// Handoffs of plain clients that meet trouble: whoever has the client at the end has all of it, and its stream is whole.

import { describe, expect, test } from 'vitest';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import { FLOW_TIMEOUT } from '../../stack/handoff/acceptor.ts';
import { PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { BulkApp } from './apps.ts';
import { download } from './download.ts';
import { countResets } from './resets.ts';
import { World } from './world.ts';

const PORT = 80;
const SIZE = 4 * 1024 * 1024;
const LATENCIES = { donorAcceptor: 10, clientDonor: 20, clientAcceptor: 20, home: 7 };
const LIMIT = seconds(600);
const confirmed: readonly PresetName[] = ['classic', 'prefetched'];
const all = Object.keys(PRESETS) as PresetName[];

class RefusingApp extends BulkApp {
  override restore(): string {
    return 'this file is another one here';
  }
}

/** A download of a plain client from a in its midst, at 40 Mbit/s. */
function scene(app = (_name: string): BulkApp => new BulkApp(SIZE)) {
  const world = new World({ seed: 21, latencies: LATENCIES, client: 'plain' });
  world.start(({ name }) => new Map([[PORT, app(name)]]));
  world.internet.join('home', 'c', { rate: 40_000_000, queueBytes: 256 * 1024 });
  const resets = countResets(world);
  const { progress } = download(world, PORT);
  const ready = () => progress.received >= SIZE / 4 && world.a.member.mobile.stateOf(world.c.careOf) === 'plain';
  expect(world.runUntil(ready, after(world.now, LIMIT))).toBe(true);
  const begin = (preset: PresetName) => world.handoff('a', 'b', PRESETS[preset]);
  const until = (condition: () => boolean) => expect(world.runUntil(condition, after(world.now, LIMIT))).toBe(true);
  const seen = (node: string, event: string) => () =>
    world.traced.some((traced) => traced.node === node && traced.event.event === event);
  const owner = (): string[] =>
    [world.a, world.b].filter(({ member }) => member.clients().length > 0).map(({ name }) => name);
  /** The whole stream has come, from this owner at last, and nobody was reset. */
  const endsAt = (name: string) => {
    until(() => progress.received === SIZE);
    expect(owner()).toEqual([name]);
    until(() => progress.closed);
    expect(progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
    expect(resets()).toBe(0);
  };
  return { world, begin, until, seen, endsAt };
}

describe.each(confirmed)('%s', (preset) => {
  test('the home agent cannot be reached by the acceptor: the client goes back, and is served on', () => {
    const { world, begin, until, seen, endsAt } = scene();
    const box = begin(preset);
    until(seen('a', 'state-sent'));
    const sent = world.now;
    world.internet.join('home', 'b', { loss: 1 });
    until(() => box.report !== undefined);
    expect(box.report?.outcome).toEqual({ ok: false, reason: 'the home agent did not answer within 10 s' });
    expect(world.now - sent).toBeLessThan(FLOW_TIMEOUT + seconds(1));
    endsAt('a');
  });

  test('the home agent has bound the flow, but its acknowledgements are lost: the client goes back with its flow', () => {
    const { world, begin, until, seen, endsAt } = scene();
    const box = begin(preset);
    until(seen('a', 'state-sent'));
    world.internet.configure('home', 'b', { loss: 1 });
    until(() => box.report !== undefined);
    expect(box.report?.outcome.ok).toBe(false);
    world.internet.configure('home', 'b', { loss: 0 });
    endsAt('a');
    // a's flow again: nothing comes by way of b any more.
    const forwarded = world.b.member.counters.get('gate-forwarded');
    const again = download(world, PORT);
    until(() => again.progress.closed);
    expect(world.b.member.counters.get('gate-forwarded')).toBe(forwarded);
    expect(again.progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
  });
});

test('fast: the home agent is away: the client stays with the acceptor, by way of the donor, and gets its flow later', () => {
  const { world, begin, until, seen, endsAt } = scene();
  const box = begin('fast');
  until(seen('a', 'state-sent'));
  world.internet.configure('b', 'home', { loss: 1 });
  until(() => box.report !== undefined);
  expect(box.report?.outcome).toEqual({ ok: true });
  world.internet.configure('b', 'home', { loss: 0 });
  until(seen('b', 'flow-bound'));
  endsAt('b');
});

describe.each(all)('%s', (preset) => {
  test('the first acknowledgement of the flow binding is lost: the next one counts', () => {
    const { world, begin, until, seen, endsAt } = scene();
    const box = begin(preset);
    until(seen('a', 'state-sent'));
    world.internet.configure('home', 'b', { loss: 1 });
    world.runFor(milliseconds(500));
    world.internet.configure('home', 'b', { loss: 0 });
    until(() => box.report !== undefined);
    expect(box.report?.outcome).toEqual({ ok: true });
    endsAt('b');
  });

  test('an app that refuses leaves the client with the donor', () => {
    const { begin, until, endsAt } = scene((name) => (name === 'b' ? new RefusingApp(SIZE) : new BulkApp(SIZE)));
    const box = begin(preset);
    until(() => box.report !== undefined);
    expect(box.report?.outcome).toEqual({ ok: false, reason: 'this file is another one here' });
    endsAt('a');
  });

  test('the control connection is cut before STATE: the donor goes on', () => {
    const { world, begin, until, endsAt } = scene();
    world.internet.join('a', 'b', { loss: 1 });
    const box = begin(preset);
    until(() => box.report !== undefined);
    expect(box.report?.outcome.ok).toBe(false);
    endsAt('a');
  });

  test('it is cut behind STATE and comes back: the acceptor has the client', () => {
    const { world, begin, until, seen, endsAt } = scene();
    const box = begin(preset);
    until(seen('a', 'state-sent'));
    world.internet.configure('b', 'a', { loss: 1 });
    world.runFor(milliseconds(50));
    world.internet.configure('a', 'b', { loss: 1 });
    world.runFor(seconds(40));
    world.internet.join('a', 'b', { loss: 0 });
    until(() => box.report !== undefined);
    expect(box.report?.outcome).toEqual({ ok: true });
    endsAt('b');
  });
});
