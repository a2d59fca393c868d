// A member whose process is killed in mid-transfer and started again (RFC 6275 11.7.1, RFC 9293 3.10.7.1): it knows nothing
// of its clients, says so by a RST that they believe, and serves and binds them anew.

import { expect, test } from 'vitest';
import { below, SeededRandom } from '../../stack/core/random.ts';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import { BulkApp } from './apps.ts';
import { download } from './download.ts';
import { countResets } from './resets.ts';
import { World } from './world.ts';

const PORT = 80;
const SIZE = 4 * 1024 * 1024;
const LATENCIES = { donorAcceptor: 10, clientDonor: 20, clientAcceptor: 20, home: 7 };
const LIMIT = seconds(60);

test.each(Array.from({ length: 12 }, (_, seed) => seed))(
  'seed %i: the old connection ends in a RST with the right number, a new one is bound again',
  (seed) => {
    const random = new SeededRandom(seed + 1);
    const world = new World({ seed, latencies: LATENCIES });
    const apps = () => new Map([[PORT, new BulkApp(SIZE)]]);
    world.start(apps);
    world.internet.join('a', 'c', { rate: 40_000_000, queueBytes: 256 * 1024, loss: seed % 2 === 0 ? 0 : 0.01 });
    const resets = countResets(world);
    const first = download(world, PORT);
    const isBound = () => world.a.member.mobile.stateOf(world.c.careOf) === 'bound';
    const octets = 1 + below(random, SIZE / 2);
    expect(world.runUntil(() => first.progress.received >= octets && isBound(), after(world.now, LIMIT))).toBe(true);
    world.restartContact(apps());
    expect(world.runUntil(() => first.progress.closed, after(world.now, LIMIT))).toBe(true);
    expect(first.progress).toMatchObject({ wrongAt: -1, error: 'reset' });
    expect(resets()).toBeGreaterThan(0);
    world.runFor(milliseconds(below(random, 3_000)));
    const second = download(world, PORT);
    let wasBound = false;
    const done = () => {
      wasBound ||= isBound();
      return second.progress.closed;
    };
    expect(world.runUntil(done, after(world.now, LIMIT))).toBe(true);
    expect(second.progress).toMatchObject({ received: SIZE, wrongAt: -1, error: undefined });
    expect(wasBound).toBe(true);
  },
);
