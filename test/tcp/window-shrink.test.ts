// RFC 9293 3.8.6 and RFC 7323 2.4: a peer that takes back what its window had let go (MUST-34 and what follows from it), a
// window that stays shut (MUST-36, MUST-37) while the connection moves to another node, and window updates that get lost.

import { describe, expect, test } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import type { Connection, ConnectionInfo } from '../../stack/tcp/api.ts';
import { ACK, opened, type ScriptedPeer, type Seen } from './scripted-peer.ts';
import { A, pattern } from './support.ts';

const pieces = (seen: readonly Seen[]): [number, number][] => seen.map((s) => [s.seq, s.length]);
const congestion = ({ cwnd, ssthresh }: ConnectionInfo): number[] => [cwnd, ssthresh];

/** Five segments are out; the peer has answered none. */
function fiveOut(): { peer: ScriptedPeer; connection: Connection } {
  const { peer, app, connection } = opened({ window: 5000 });
  app.send(pattern(9000));
  expect(pieces(peer.rest()).length).toBe(5);
  return { peer, connection };
}

describe('a window that shrinks', () => {
  test('SHLD-15: nothing new is sent, until the window shows more than was sent', () => {
    const { peer } = fiveOut();
    peer.send({ ack: 0, window: 1000 });
    peer.send({ ack: 1000, window: 1000 });
    peer.send({ ack: 3000, window: 2000 });
    expect(peer.rest()).toEqual([]);
    peer.send({ ack: 5000, window: 2000 });
    expect(pieces(peer.rest())).toEqual([
      [5000, 1000],
      [6000, 1000],
    ]);
  });

  test('SHLD-16, RFC 7323 2.4: what lies beyond it is sent again once, and then only as far as the window shows', () => {
    const { peer } = fiveOut();
    peer.send({ ack: 0, window: 1500 });
    peer.run(210);
    expect(pieces(peer.rest())).toEqual([[0, 1000]]);
    peer.send({ ack: 1000, window: 500 });
    expect(pieces(peer.rest())).toEqual([
      [1000, 1000],
      [2000, 1000],
    ]);
    peer.run(1500);
    expect(pieces(peer.rest())).toEqual([
      [1000, 500],
      [1000, 500],
    ]);
    peer.send({ ack: 1500, window: 5000 });
    expect(pieces(peer.rest()).slice(0, 2)).toEqual([
      [1500, 500],
      [2000, 1000],
    ]);
  });

  test('MUST-35: shut over octets in flight it is probed for ever; that is no congestion, and no fault of the path', () => {
    const { peer, connection } = fiveOut();
    const before = congestion(connection.info);
    peer.send({ ack: 0, window: 0 });
    for (let minutes = 0; minutes < 60; minutes++) {
      peer.run(60_000);
      const probes = peer.rest();
      expect(probes.length).toBeGreaterThan(0);
      for (const probe of probes) expect([probe.seq, probe.length]).toEqual([0, 1000]);
      peer.send({ ack: 0, window: 0 });
    }
    expect(connection.state).toBe('ESTABLISHED');
    expect(congestion(connection.info)).toEqual(before);
    expect(peer.host.ipv6.blackHoles).toEqual([]);
    peer.send({ ack: 0, window: 9000 });
    expect(pieces(peer.rest()).map(([seq]) => seq)).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000]);
    expect(congestion(connection.info)).toEqual(before);
  });

  test('SHLD-17: a peer that takes a little at a time is not given up', () => {
    const { peer, connection } = fiveOut();
    connection.setOptions(peer.world.now, { userTimeout: seconds(20) });
    let at = 0;
    peer.send({ ack: 0, window: 50 });
    for (let minutes = 0; minutes < 20 && at < 1000; minutes++) {
      peer.run(15_000);
      at += 50;
      peer.send({ ack: at, window: 50 });
    }
    expect([at, connection.state]).toEqual([1000, 'ESTABLISHED']);
  });
});

describe('a shut window on the move (DESIGN.md 7)', () => {
  test('RFC 9293 3.8.6.1: the probes go on with the pauses they had, for ever, and the octets follow when it opens', () => {
    const { peer, app, connection } = opened({ tcp: { userTimeout: seconds(300) } });
    peer.send({ ack: 0, window: 0 });
    app.send(pattern(500));
    let current = connection;
    let host = peer.host;
    const gaps: number[] = [];
    let last = 0;
    for (let moves = 0; moves < 20; moves++) {
      peer.run(61_000);
      for (const probe of peer.rest()) {
        gaps.push(probe.at - last);
        last = probe.at;
      }
      peer.send({ ack: 0, window: 0 });
      host.tcp.freeze(peer.world.now, current);
      const snapshot = host.tcp.snapshot(peer.world.now, current);
      host.tcp.forget(current);
      host = peer.world.host(A);
      const installed = host.tcp.install(peer.world.now, snapshot, { congestion: 'restart' });
      if (typeof installed === 'string') throw new Error(installed);
      current = installed;
      host.tcp.resume(peer.world.now, current);
      expect(peer.rest()).toMatchObject([{ flags: ACK, length: 0 }]); // the first word of the new node
      peer.take(host);
    }
    expect(current.state).toBe('ESTABLISHED');
    expect(Math.min(...gaps.slice(9))).toBeGreaterThan(59_000);
    peer.send({ ack: 0, window: 5000 });
    expect(pieces(peer.rest())).toEqual([[0, 500]]);
  });
});

describe('a window update that is lost', () => {
  test('MUST-36: the probe of a peer in wait is answered with the window as it is now', () => {
    const { peer, app, connection } = opened({ tcp: { receiveBuffer: 4096 } });
    app.autoRead = false;
    for (let at = 0; at < 4000; at += 1000) peer.send({ seq: at, text: 1000, ack: 0 });
    peer.send({ seq: 4000, text: 96, ack: 0 });
    peer.run(50);
    connection.read(peer.world.now, 4096);
    expect(peer.rest().at(-1)?.window).toBe(4096); // nobody hears of it
    peer.send({ seq: 4095, ack: 0 }); // an old number
    expect(peer.rest()).toMatchObject([{ ack: 4096, window: 4096 }]);
    peer.send({ seq: 4096, text: 1, ack: 0 }); // the next octet
    peer.run(50);
    expect(peer.rest()).toMatchObject([{ ack: 4097 }]);
    expect(connection.readableBytes).toBe(1);
  });
});
