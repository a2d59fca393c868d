// One budget for the buffers of all connections: what counts, what stops when memory is tight, what goes when it is used
// up, and that everybody still gets on.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { CHUNK_LEN } from '../../stack/tcp/chunk-pool.ts';
import { TIGHT_BUFFER } from '../../stack/tcp/limits.ts';
import { ACK, listening, opened, type ScriptedPeer, SYN, sack } from './scripted-peer.ts';
import { firstDifference, pair, pattern, type TestHost } from './support.ts';

const KIB = 1024;
const MIB = KIB * KIB;

/** Buffers of others that hold so much. */
const occupy = ({ tcp }: TestHost, octets: number): Uint8Array => tcp.chunks.take(octets, false);

/** Where the window of the last segment ends. */
function edgeOf(peer: ScriptedPeer, shift: number): { edge: number; window: number } {
  const last = peer.rest().at(-1);
  if (last === undefined) throw new Error('nothing was sent');
  return { edge: last.ack + last.window * 2 ** shift, window: last.window * 2 ** shift };
}

describe('the budget', () => {
  test('counts what the buffers hold, and nothing is left when all is closed', () => {
    const made = pair(
      { loss: 0.02, jitter: milliseconds(5) },
      { accepted: (app) => app.send(pattern(400_000, 2), true) },
    );
    made.client.send(pattern(400_000), true);
    made.world.runFor(milliseconds(150));
    expect(made.b.tcp.chunks.held).toBeGreaterThanOrEqual(128 * KIB);
    expect(made.b.tcp.chunks.held % 2048).toBe(0);
    made.world.runFor(seconds(300));
    expect([made.client.closed, made.server().closed]).toEqual([true, true]);
    expect([made.a.tcp.chunks.held, made.b.tcp.chunks.held]).toEqual([0, 0]);
  });

  test('what a reader has not taken of a connection that is over is his own', () => {
    const { peer, app, connection } = opened();
    app.autoRead = false;
    peer.send({ text: 1000, ack: 0 });
    connection.abort(peer.world.now);
    expect(peer.host.tcp.chunks.held).toBe(0);
    expect(connection.read(peer.world.now)?.length).toBe(1000);
    expect(peer.host.tcp.chunks.held).toBe(0);
  });

  test('an idle connection holds no chunk for what it has sent', () => {
    const { peer, app } = opened({ window: 60_000 });
    for (let at = 0; at < 70_000; at += 1000) {
      app.send(pattern(1000));
      peer.send({ ack: at + 1000 });
    }
    expect(app.connection.bytesWritten).toBe(70_000);
    expect(peer.host.tcp.chunks.held).toBe(0);
  });
});

describe('when memory is tight', () => {
  test('RFC 9293 3.8.6: the window comes down as it is used, its right edge stays, and it opens again', () => {
    const { peer } = opened({
      maxMemory: MIB,
      tcp: { receiveBuffer: 256 * KIB },
      synOptions: { mss: 1000, windowScale: 7 },
    });
    for (let i = 0; i < 2; i++) peer.send({ text: 1000, ack: 0 });
    const first = edgeOf(peer, 3);
    expect(first.window).toBeGreaterThan(250 * KIB);
    occupy(peer.host, 900 * KIB);
    let last = first.edge;
    const windows: number[] = [];
    for (let i = 0; i < 300; i++) {
      for (let k = 0; k < 2; k++) peer.send({ text: 1000, ack: 0 });
      const { edge, window } = edgeOf(peer, 3);
      expect(edge).toBeGreaterThanOrEqual(last);
      last = edge;
      windows.push(window);
    }
    expect(windows[50]).toBe(first.edge - peer.nxt + 2 * 249 * 1000);
    expect(windows.at(-1)).toBeLessThanOrEqual(TIGHT_BUFFER);
    expect(windows.at(-1)).toBeGreaterThan(TIGHT_BUFFER - 2000);
    peer.host.tcp.chunks.give(new Uint8Array(900 * KIB), false);
    for (let k = 0; k < 2; k++) peer.send({ text: 1000, ack: 0 });
    expect(edgeOf(peer, 3).window).toBeGreaterThan(250 * KIB);
  });

  test('no receive buffer grows, and no send buffer', () => {
    const made = pair({ delay: milliseconds(50), gso: true }, { accepted: (app) => app.send(pattern(2 * MIB)) });
    for (const host of [made.a, made.b]) occupy(host, 400 * MIB);
    made.world.runFor(seconds(60));
    expect(made.client.receivedLength).toBe(2 * MIB);
    expect(made.client.connection.info.receiveBuffer).toBe(128 * KIB);
    expect(made.server().connection.info.sendBuffer).toBe(128 * KIB);
  });

  test('a writer gets room for a few segments, is told of more as they are acknowledged, and gets on', () => {
    const made = pair({}, { accepted: (app) => app.send(pattern(300_000)) });
    occupy(made.b, 400 * MIB);
    let most = 0;
    for (let i = 0; i < 400; i++) {
      made.world.runFor(milliseconds(10));
      if (i > 5) most = Math.max(most, made.server().connection.unacknowledged);
    }
    expect(most).toBeGreaterThan(8000);
    expect(most).toBeLessThanOrEqual(TIGHT_BUFFER);
    expect(firstDifference(made.client.bytes, pattern(300_000))).toBeUndefined();
  });
});

describe('when memory is used up', () => {
  test('RFC 2018 8: octets out of order are given up and reported no more, but for the newest segment, once', () => {
    const { peer, app } = opened({ maxMemory: MIB, synOptions: { mss: 1000, sackPermitted: true } });
    peer.send({ seq: 2000, text: 1000, ack: 0 });
    peer.send({ seq: 4000, text: 1000, ack: 0 });
    expect(peer.rest().at(-1)?.options.sack?.length).toBe(2);
    occupy(peer.host, MIB);
    peer.send({ seq: 6000, text: 1000, ack: 0 });
    expect(peer.rest()).toMatchObject([{ ack: 0, options: { sack: inTheirStream(peer, 6000, 7000) } }]);
    peer.send({ seq: 0, text: 1000, ack: 0 });
    peer.run(50);
    const [ack] = peer.rest();
    expect([ack?.ack, ack?.options.sack]).toEqual([1000, undefined]);
    peer.host.tcp.chunks.give(new Uint8Array(MIB), false);
    for (let at = 1000; at < 8000; at += 1000) peer.send({ seq: at, text: 1000, ack: 0 });
    peer.run(50);
    expect([peer.rest().at(-1)?.ack, app.receivedLength]).toEqual([8000, 8000]);
  });

  test('in order only what the application waits for is taken', () => {
    const { peer, app, connection } = opened({ maxMemory: MIB });
    app.autoRead = false;
    occupy(peer.host, MIB);
    peer.send({ seq: 0, text: 1000, ack: 0 });
    peer.send({ seq: 1000, text: 1000, ack: 0 });
    expect(connection.readableBytes).toBe(1000);
    expect(peer.rest().at(-1)).toMatchObject({ ack: 1000 });
    expect(peer.host.tcp.counters.get('out-of-memory')).toBe(1);
    app.readAll();
    peer.send({ seq: 1000, text: 1000, ack: 0 });
    expect(connection.readableBytes).toBe(1000);
  });

  test('a transfer through losses gets whole to a receiver that keeps nothing out of order', () => {
    const made = pair(
      { seed: 3, loss: 0.03, jitter: milliseconds(3) },
      { accepted: (app) => app.send(pattern(200_000)) },
    );
    occupy(made.a, 512 * MIB);
    made.world.runFor(seconds(600));
    expect(firstDifference(made.client.bytes, pattern(200_000))).toBeUndefined();
    expect(made.a.tcp.counters.get('out-of-order-dropped')).toBeGreaterThan(0);
  });

  test('peers that hoard octets out of order do not keep another from being served', () => {
    const maxMemory = 2 * MIB;
    const { peer, accepted } = listening({ maxMemory, listen: { backlog: 1000 } });
    const { chunks } = peer.host.tcp;
    for (let port = 1000; port < 1200; port++) {
      handshake(peer, port);
      peer.send({ seq: 60_000, text: 1000, ack: 0 });
      peer.run(5);
      expect(chunks.held).toBeLessThanOrEqual(maxMemory + CHUNK_LEN);
    }
    handshake(peer, 2000);
    for (let at = 0; at < 50_000; at += 1000) peer.send({ seq: at, text: 1000, ack: 0 });
    expect(accepted.at(-1)?.receivedLength).toBe(50_000);
  });
});

const inTheirStream = (peer: ScriptedPeer, left: number, right: number): unknown => {
  const other = { ours: peer.iss } as ScriptedPeer;
  return sack(other, [left, right]).sack;
};

function handshake(peer: ScriptedPeer, port: number): void {
  peer.port = port;
  peer.nxt = 0;
  peer.acked = 0;
  peer.ours = undefined;
  peer.send({ flags: SYN, seq: -1, options: { mss: 1000 } });
  peer.rest();
  peer.nxt = 0;
  peer.send({ flags: ACK, seq: 0, ack: 0 });
  peer.rest();
}
