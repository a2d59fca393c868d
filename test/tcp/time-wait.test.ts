// TIME-WAIT under load: what one holds, how many there are, and that nothing of a connection outlives it. Its rules for
// segments are in scripts/rfc9293-3.6-close.test.ts.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { TimeWaits } from '../../stack/tcp/time-wait.ts';
import { ACK, FIN, listening, RST, type ScriptedPeer, SYN } from './scripted-peer.ts';
import { A, App, B, established, expectOpen, PORT, pattern, World } from './support.ts';

/** A connection that the peer opened and we closed first; the number after the peer's FIN is 1. */
function waiting(): ScriptedPeer {
  const { peer, accepted } = listening();
  peer.send({ flags: SYN, seq: -1 });
  peer.next();
  peer.send({ ack: 0 });
  accepted[0]?.connection.shutdown(peer.world.now);
  peer.send({ flags: FIN | ACK, ack: 1 });
  peer.rest();
  return peer;
}

describe('RFC 6191 2 and RFC 1122 4.2.2.13: the number of a new SYN, without timestamps', () => {
  test.each([
    [-1, ACK],
    [0, ACK], // the FIN's, the last one seen
    [1, SYN | ACK],
    [2, SYN | ACK],
    [-(2 ** 31) + 10, ACK],
    [2 ** 31 - 10, SYN | ACK],
  ])('%i', (seq, flags) => {
    const peer = waiting();
    peer.send({ flags: SYN, seq });
    expect(peer.rest().map((s) => s.flags)).toEqual([flags]);
  });

  test('RFC 9293 3.6.1: nobody listens any more: the SYN is challenged, for TIME-WAIT is still there', () => {
    const { client, world, b } = established();
    client.connection.shutdown(world.now);
    world.runFor(seconds(1));
    expect(client.connection.state).toBe('TIME-WAIT');
    const { local, remote } = client.connection;
    const back = b.tcp.connect(world.now, { remote: local, localPort: remote.port });
    const before = world.sent.length;
    expectOpen(back);
    world.runFor(milliseconds(15));
    expect(world.sent.slice(before).map((s) => s.header.flags)).toEqual([ACK]);
    world.runFor(milliseconds(10)); // RFC 9293 3.10.7.3, first: reset, which RFC 1337 has TIME-WAIT ignore
    expect(world.sent.at(-1)?.header.flags).toBe(RST);
    world.runFor(milliseconds(15));
    expect(client.connection.state).toBe('TIME-WAIT');
  });
});

describe('what is left of a connection', () => {
  /** One connection after the other, ended by the server, which keeps none of them. */
  function many(world: World, count: number): void {
    const [a, b] = [world.host(A), world.host(B)];
    expectOpen(
      b.tcp.listen({ port: PORT }, (now, connection) => {
        connection.write(now, pattern(100));
        connection.shutdown(now);
      }),
    );
    for (let i = 0; i < count; i++) {
      new App(world, expectOpen(a.tcp.connect(world.now, { remote: { address: B, port: PORT } })));
      world.runFor(milliseconds(60));
      world.sent.length = 0;
    }
  }

  test('after many short connections the timers hold one for each in TIME-WAIT, and after that none', () => {
    const world = new World();
    many(world, 300);
    expect(world.timers.size).toBeLessThan(300 + 20); // a few end right now
    world.runFor(seconds(61));
    expect(world.timers.size).toBeLessThan(5);
  });

  test('beyond MAX_TIME_WAITS the one that has waited longest makes room, without a word', () => {
    const world = new World();
    const [a, b] = [world.host(A), world.host(B)];
    Object.assign(b.tcp, { waits: new TimeWaits(3) });
    const servers: App[] = [];
    expectOpen(
      b.tcp.listen({ port: PORT }, (now, connection) => {
        servers.push(new App(world, connection));
        connection.shutdown(now);
      }),
    );
    for (let i = 0; i < 5; i++) {
      new App(world, expectOpen(a.tcp.connect(world.now, { remote: { address: B, port: PORT } })));
      world.runFor(milliseconds(100));
    }
    const state = servers.map((app) => [app.connection.state, app.told.at(-1)]);
    expect(state.map(([is]) => is)).toEqual(['CLOSED', 'CLOSED', 'TIME-WAIT', 'TIME-WAIT', 'TIME-WAIT']);
    expect(new Set(state.map(([, told]) => told))).toEqual(new Set(['closed:ok']));
    expect(servers[0]?.told.filter((told) => told === 'closed:ok').length).toBe(1);
    expect(world.sent.filter((s) => (s.header.flags & RST) !== 0)).toEqual([]);
    world.runFor(seconds(61));
    expect([...b.tcp.connections()]).toEqual([]);
  });

  test('what has been received can be read in TIME-WAIT, and after it', () => {
    for (const wait of [0, 61]) {
      const { client, server, world } = established();
      server().autoRead = false;
      server().connection.shutdown(world.now);
      client.send(pattern(100_000), true);
      world.runFor(seconds(2 + wait));
      expect(server().connection.state).toBe(wait === 0 ? 'TIME-WAIT' : 'CLOSED');
      server().readAll();
      expect(server().bytes.length).toBe(100_000);
      expect(server().connection.read(world.now)).toBe(undefined);
    }
  });
});
