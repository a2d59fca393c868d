// close() with the option `linger`, as SO_LINGER has it; at the sockets, destroy().

import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { type Clock, type Duration, seconds, ZERO } from '../../stack/core/time.ts';
import { decodeSnapshot, encodeSnapshot } from '../../stack/tcp/snapshot.ts';
import { connectSocket } from '../../stack/tcp/socket.ts';
import { Server } from '../../stack/tcp/socket-server.ts';
import { ACK, FIN, opened, PSH, RST } from './scripted-peer.ts';
import { drive } from './socket-drive.ts';
import { A, B, expectOpen, pattern, World } from './support.ts';

const lingering = (linger: Duration): ReturnType<typeof opened> => opened({ tcp: { linger } });

describe('close() with linger', () => {
  test('absent: FIN behind what was written, for as long as the user timeout lets it', () => {
    const { peer, app, connection } = opened();
    app.send(pattern(10));
    connection.close(peer.world.now);
    expect(peer.rest().map((s) => s.flags)).toEqual([ACK | PSH, FIN | ACK]);
    peer.run(200_000);
    expect(connection.state).toBe('FIN-WAIT-1');
  });

  test('RFC 9293 3.10.5: 0 aborts: RST, and what was written is lost', () => {
    const { peer, app, connection } = lingering(ZERO);
    app.send(pattern(10));
    peer.rest();
    connection.close(peer.world.now);
    expect(peer.rest()).toMatchObject([{ flags: RST | ACK, seq: 10 }]);
    expect(connection.state).toBe('CLOSED');
  });

  test('a time: RST when not all is acknowledged by then', () => {
    for (const acknowledged of [0, 10]) {
      const { peer, app, connection } = lingering(seconds(5));
      app.send(pattern(10));
      connection.close(peer.world.now);
      peer.send({ ack: acknowledged }); // the FIN's is still missing
      peer.run(4999);
      expect(connection.state).toBe('FIN-WAIT-1');
      peer.rest();
      peer.run(2);
      expect(peer.rest().at(-1)).toMatchObject({ flags: RST | ACK, seq: 11 });
      expect([connection.state, app.error]).toEqual(['CLOSED', 'timed-out']);
    }
  });

  test('a time: nothing happens when all is acknowledged before it', () => {
    const { peer, connection } = lingering(seconds(5));
    connection.close(peer.world.now);
    peer.send({ ack: 1 });
    peer.rest();
    peer.run(6000);
    expect([connection.state, peer.rest()]).toEqual(['FIN-WAIT-2', []]);
  });

  test('shutdown() does not linger', () => {
    const { peer, connection } = lingering(ZERO);
    connection.shutdown(peer.world.now);
    expect(peer.rest().map((s) => s.flags)).toEqual([FIN | ACK]);
  });

  test('can be set later, and again: the first close() counts', () => {
    const { peer, connection } = opened();
    connection.setOptions(peer.world.now, { linger: seconds(2) });
    connection.close(peer.world.now);
    peer.run(1500);
    connection.close(peer.world.now);
    peer.run(600);
    expect(connection.state).toBe('CLOSED');
  });

  test('moves with the connection, and so does the time that is left', () => {
    const { peer, connection } = lingering(seconds(5));
    const { tcp } = peer.host;
    connection.close(peer.world.now);
    peer.run(3000);
    tcp.freeze(peer.world.now, connection);
    const decoded = decodeSnapshot(encodeSnapshot(tcp.snapshot(peer.world.now, connection)));
    if (!decoded.ok) throw new Error(decoded.reason);
    expect([decoded.value.options.lingerUs, decoded.value.timers.linger]).toEqual([5e6, 2e6]);
    tcp.forget(connection);
    const installed = expectOpen(tcp.install(peer.world.now, decoded.value, { congestion: 'carry' }));
    tcp.resume(peer.world.now, installed);
    peer.run(1999);
    expect(installed.state).toBe('FIN-WAIT-1');
    peer.run(2);
    expect(installed.state).toBe('CLOSED');
  });
});

test('sockets: destroy() with a linger of 0 resets; end() does not', async () => {
  for (const how of ['destroy', 'end'] as const) {
    const world = new World();
    const clock: Clock = { now: () => world.now };
    const [a, b] = [world.host(A), world.host(B)];
    const server = new Server({ tcp: b.tcp, clock }).listen({ port: 80 });
    server.on('connection', (socket) => socket.resume().on('error', () => {}));
    const socket = connectSocket({ tcp: a.tcp, clock }, { host: B, port: 80, tcp: { linger: ZERO } });
    const connected = once(socket, 'connect');
    await drive(world, () => !socket.connecting);
    await connected;
    socket.resume()[how]();
    await drive(world, () => socket.destroyed);
    world.runFor(seconds(1));
    expect([how, world.sent.some((s) => (s.header.flags & RST) !== 0)]).toEqual([how, how === 'destroy']);
  }
});
