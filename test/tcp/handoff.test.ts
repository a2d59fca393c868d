// A connection frozen, written down, installed on a second TCP with the same address, and resumed while data is in
// flight both ways: as a property over seeds and random moments, and the rules of DESIGN.md 7 one by one.

import { describe, expect, test } from 'vitest';
import { below, SeededRandom } from '../../stack/core/random.ts';
import { type Duration, milliseconds, seconds } from '../../stack/core/time.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import {
  type ConnectionSnapshot,
  decodeSnapshot,
  encodeSnapshot,
  withoutSendBuffer,
  withSendBuffer,
} from '../../stack/tcp/snapshot.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import {
  A,
  type App,
  B,
  established,
  expectOpen,
  firstDifference,
  type Pair,
  PORT,
  pair,
  pattern,
  type TestHost,
  type WireSegment,
} from './support.ts';

const SEEDS = 200;
const isRst = (s: WireSegment): boolean => (s.header.flags & TCP_FLAG.rst) !== 0;

function throughCbor(snapshot: ConnectionSnapshot): ConnectionSnapshot {
  const decoded = decodeSnapshot(encodeSnapshot(snapshot));
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.value;
}

/** Moves the server's connection to a new host on the same address; silent for `pause` in between. */
function move(made: Pair, from: TestHost, connection: Connection, pause: Duration, apart: boolean) {
  const { world } = made;
  from.tcp.freeze(world.now, connection);
  const snapshot = from.tcp.snapshot(world.now, connection);
  const ahead = from.tcp.copySendBuffer(connection, 0);
  world.runFor(pause);
  const to = world.host(B); // takes the address over
  from.tcp.forget(connection);
  let whole = throughCbor(apart ? withoutSendBuffer(snapshot) : snapshot);
  if (apart) {
    const joined = withSendBuffer(whole, ahead.offset, [ahead.bytes]);
    if (!joined.ok) throw new Error(joined.reason);
    whole = joined.value;
  }
  const installed = expectOpen(to.tcp.install(world.now, whole, { congestion: 'restart' }));
  return { to, installed };
}

describe('RFC 9293 state moved at a random moment: both streams whole, no RST', () => {
  const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
  test.each(seeds)('seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const wire = {
      seed,
      delay: milliseconds(3 + below(random, 30)),
      jitter: milliseconds(below(random, 4)),
      loss: below(random, 4) / 100,
      duplicate: below(random, 3) / 100,
      gso: seed % 5 === 0,
    };
    const options = { congestion: seed % 2 === 0 ? 'cubic' : 'newreno', sendBuffer: 65_536 } as const;
    const [up, down] = [below(random, 150_000), below(random, 150_000)];
    const made = pair(wire, {
      client: options,
      server: { ...options, timeWait: seconds(1) },
      accepted: (app: App) => app.send(pattern(down, 2), true),
    });
    made.client.send(pattern(up, 1), true);
    let host = made.b;
    for (let moves = 0; moves < 3; moves++) {
      made.world.runFor(milliseconds(below(random, 400)));
      const [connection] = host.tcp.connectionsBetween(B, A);
      if (connection === undefined) continue;
      const app = connection.state === 'SYN-RECEIVED' ? undefined : made.server();
      const moved = move(made, host, connection, milliseconds(below(random, 60)), seed % 3 === 0);
      host = moved.to;
      if (app === undefined) return; // before the handshake is done there is no app to move: see below
      app.adopt(moved.installed);
      app.pump();
      host.tcp.resume(made.world.now, moved.installed);
    }
    made.world.runFor(seconds(900));
    expect(firstDifference(made.server().bytes, pattern(up, 1))).toBeUndefined();
    expect(firstDifference(made.client.bytes, pattern(down, 2))).toBeUndefined();
    expect([made.client.closed, made.client.error]).toEqual([true, undefined]);
    expect(made.world.sent.filter(isRst)).toEqual([]);
  });
});
