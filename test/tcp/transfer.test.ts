// Whole transfers between two of our own ends: over a clean wire, and as a property over seeds of loss,
// reordering and duplication, in both directions at once.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { type App, firstDifference, type Pair, pair, pattern, type WireOptions } from './support.ts';

const SEEDS = 200;

function transfer(wire: WireOptions, up: number, down: number, congestion: 'cubic' | 'newreno'): Pair {
  const options = { congestion, sendBuffer: 128 * 1024, receiveBuffer: 96 * 1024 };
  const made = pair(wire, {
    client: options,
    server: options,
    accepted: (app: App) => app.send(pattern(down, 2), true),
  });
  made.client.send(pattern(up, 1), true);
  made.world.runFor(seconds(600));
  return made;
}

test('a clean transfer takes no retransmission and closes both ends', () => {
  const { client, server, world } = transfer({ seed: 1 }, 300_000, 500_000, 'cubic');
  expect(firstDifference(server().bytes, pattern(300_000, 1))).toBeUndefined();
  expect(firstDifference(client.bytes, pattern(500_000, 2))).toBeUndefined();
  expect(client.connection.info.retransmits + server().connection.info.retransmits).toBe(0);
  expect([client.connection.state, server().connection.state].sort()).toEqual(['CLOSED', 'CLOSED']);
  expect([client.error, server().error]).toEqual([undefined, undefined]);
  expect(world.sent.some((s) => (s.header.flags & TCP_FLAG.rst) !== 0)).toBe(false);
});

test('super-frames carry a clean transfer in whole segments', () => {
  const { client, server, world } = transfer({ gso: true }, 300_000, 500_000, 'cubic');
  expect(firstDifference(server().bytes, pattern(300_000, 1))).toBeUndefined();
  expect(firstDifference(client.bytes, pattern(500_000, 2))).toBeUndefined();
  const large = world.sent.filter((s) => s.gsoSize > 0);
  expect(large.length).toBeGreaterThan(5);
  expect(large.every((s) => s.gsoSize === 1428 && s.text.length > 1428 && s.text.length <= 65_475)).toBe(true);
});

describe('loss of 1 to 5 %, reordering and duplication: the streams arrive whole, without a RST', () => {
  const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
  test.each(seeds)('seed %i', (seed) => {
    const wire = {
      seed,
      delay: milliseconds(5 + (seed % 20)),
      jitter: milliseconds(seed % 4 === 0 ? 8 : seed % 3),
      loss: (1 + (seed % 5)) / 100,
      duplicate: seed % 2 === 0 ? 0.02 : 0,
      gso: seed % 7 === 0,
    };
    const { client, server, world } = transfer(wire, 60_000, 90_000, seed % 2 === 0 ? 'cubic' : 'newreno');
    expect(firstDifference(server().bytes, pattern(60_000, 1))).toBeUndefined();
    expect(firstDifference(client.bytes, pattern(90_000, 2))).toBeUndefined();
    expect([client.closed, server().closed]).toEqual([true, true]);
    expect(world.sent.filter((s) => (s.header.flags & TCP_FLAG.rst) !== 0)).toEqual([]);
  });
});
