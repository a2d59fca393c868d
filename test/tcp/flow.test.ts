// Flow control and small segments (RFC 9293 3.8.6 and 3.7.4): the shut window and its probes, both silly window
// avoidances, Nagle, delayed acknowledgments, and what the application is told of it.

import { describe, expect, test } from 'vitest';
import { below, SeededRandom } from '../../stack/core/random.ts';
import { milliseconds, seconds, ZERO } from '../../stack/core/time.ts';
import { ACK, FIN, opened, PSH, type Seen } from './scripted-peer.ts';
import { established, firstDifference, pattern } from './support.ts';

const lengths = (seen: readonly Seen[]): number[] => seen.map((s) => s.length);

describe('the shut window (RFC 9293 3.8.6.1)', () => {
  test('is probed with growing pauses, for ever while the peer answers', () => {
    const { peer, app, connection } = opened({ tcp: { userTimeout: seconds(300) } });
    peer.send({ ack: 0, window: 0 });
    app.send(pattern(500));
    peer.rest();
    const at: number[] = [];
    for (let minutes = 0; minutes < 120; minutes++) {
      peer.run(60_000);
      for (const probe of peer.rest()) at.push(probe.at);
      peer.send({ ack: 0, window: 0 });
    }
    const gaps = at.slice(1).map((t, i) => t - (at[i] ?? 0));
    expect(gaps.slice(0, 5)).toEqual([400, 800, 1600, 3200, 6400]);
    expect(gaps.at(-1)).toBe(60_000);
    expect(connection.state).toBe('ESTABLISHED');
    peer.send({ ack: 0, window: 5000 });
    expect(lengths(peer.rest())).toEqual([500]);
  });

  test('a probe has an old number and no text, so that it has to be answered', () => {
    const { peer, app } = opened();
    peer.send({ ack: 0, window: 0 });
    app.send(pattern(500));
    peer.run(250);
    expect(peer.rest()).toMatchObject([{ seq: -1, length: 0, flags: ACK }]);
  });

  test('a peer that answers no probe is given up at the user timeout', () => {
    const { peer, app } = opened({ tcp: { userTimeout: seconds(30) } });
    peer.send({ ack: 0, window: 0 });
    app.send(pattern(500));
    peer.run(31_000);
    expect(app.error).toBe('timed-out');
  });

  test('octets in flight when it shuts go on as single retransmissions, without a congestion reaction', () => {
    const { peer, app, connection } = opened();
    app.send(pattern(3000));
    peer.rest();
    peer.send({ ack: 0, window: 0 });
    const { cwnd, ssthresh } = connection.info;
    peer.run(1000);
    expect(peer.rest().map((s) => [s.seq, s.length])).toEqual([
      [0, 1000],
      [0, 1000],
    ]);
    expect([connection.info.cwnd, connection.info.ssthresh]).toEqual([cwnd, ssthresh]);
  });

  test('RFC 9293 3.4: into our shut window, ACKs are taken and text is not', () => {
    const { peer, app } = opened({ tcp: { receiveBuffer: 4096 }, synOptions: { mss: 1000 } });
    app.autoRead = false;
    app.send(pattern(100));
    for (let at = 0; at < 4000; at += 1000) peer.send({ seq: at, text: 1000, ack: 0 });
    peer.send({ seq: 4000, text: 96, ack: 0 });
    expect(peer.rest().at(-1)).toMatchObject({ ack: 4000 });
    peer.run(50);
    expect(peer.rest()).toMatchObject([{ window: 0, ack: 4096 }]);
    peer.send({ seq: 4096, text: 1, ack: 100 });
    expect(peer.rest()).toMatchObject([{ ack: 4096, window: 0 }]);
    expect([app.connection.unacknowledged, app.connection.readableBytes]).toEqual([0, 4096]);
  });
});

describe('silly windows (RFC 9293 3.8.6.2)', () => {
  test('the receiver opens a shut window only by a segment or half its buffer, and says so at once', () => {
    const { peer, app, connection } = opened({ tcp: { receiveBuffer: 4096 } });
    app.autoRead = false;
    for (let at = 0; at < 4000; at += 1000) peer.send({ seq: at, text: 1000, ack: 0 });
    peer.send({ seq: 4000, text: 96, ack: 0 });
    peer.run(50);
    peer.rest();
    connection.read(peer.world.now, 500);
    expect(peer.rest()).toEqual([]);
    connection.read(peer.world.now, 1600);
    expect(peer.rest()).toMatchObject([{ window: 2100 }]);
  });

  test('the sender waits for a full segment or half the largest window, and no longer than the override', () => {
    const { peer, app } = opened({ window: 4000 });
    app.send(pattern(4000));
    peer.rest();
    peer.send({ ack: 4000, window: 300 });
    app.send(pattern(4000));
    expect(peer.rest()).toEqual([]);
    peer.run(199);
    expect(peer.rest()).toEqual([]);
    peer.run(1);
    expect(lengths(peer.rest())).toEqual([300]);
  });

  test('half the largest window is worth a segment', () => {
    const { peer, app } = opened({ window: 900 });
    app.send(pattern(4000));
    expect(lengths(peer.rest())).toEqual([900]);
    peer.send({ ack: 900, window: 460 });
    expect(lengths(peer.rest())).toEqual([460]);
  });
});

describe('Nagle (RFC 9293 3.7.4)', () => {
  test('a small segment waits while anything is unacknowledged, and goes with the ACK', () => {
    const { peer, connection } = opened();
    connection.write(peer.world.now, pattern(10));
    connection.write(peer.world.now, pattern(20));
    connection.write(peer.world.now, pattern(30));
    expect(lengths(peer.rest())).toEqual([10]);
    peer.send({ ack: 10 });
    expect(lengths(peer.rest())).toEqual([50]);
  });

  test('full segments do not wait', () => {
    const { peer, connection } = opened();
    connection.write(peer.world.now, pattern(10));
    connection.write(peer.world.now, pattern(2500));
    expect(lengths(peer.rest())).toEqual([10, 1000, 1000]);
  });

  test('noDelay turns it off, and what waited goes at once', () => {
    const { peer, connection } = opened();
    connection.write(peer.world.now, pattern(10));
    connection.write(peer.world.now, pattern(20));
    peer.rest();
    connection.setOptions(peer.world.now, { noDelay: true });
    connection.write(peer.world.now, pattern(5));
    expect(lengths(peer.rest())).toEqual([20, 5]);
  });

  test('the last octets do not wait before a FIN', () => {
    const { peer, connection } = opened();
    connection.write(peer.world.now, pattern(10));
    connection.write(peer.world.now, pattern(20));
    peer.rest();
    connection.shutdown(peer.world.now);
    expect(peer.rest()).toMatchObject([{ length: 20, flags: ACK | PSH | FIN }]);
  });
});

describe('delayed acknowledgments (RFC 9293 3.8.6.3)', () => {
  test('one segment is acknowledged after the delay, a second full one at once', () => {
    const { peer } = opened();
    peer.send({ text: 1000, ack: 0 });
    peer.run(39);
    expect(peer.rest()).toEqual([]);
    peer.run(1);
    expect(peer.rest()).toMatchObject([{ ack: 1000 }]);
    peer.send({ text: 1000, ack: 0 });
    peer.send({ text: 1000, ack: 0 });
    expect(peer.rest()).toMatchObject([{ ack: 3000 }]);
  });

  test('a delay of 0 acknowledges each segment', () => {
    const { peer } = opened({ tcp: { delayedAck: ZERO } });
    for (let i = 0; i < 3; i++) peer.send({ text: 100, ack: 0 });
    expect(peer.rest().map((s) => s.ack)).toEqual([100, 200, 300]);
  });

  test('RFC 9293 3.8.6.3, MUST-40: less than half a second, whenever it is chosen', () => {
    const { peer, connection } = opened();
    connection.setOptions(peer.world.now, { delayedAck: seconds(2) });
    peer.send({ text: 100, ack: 0 });
    peer.run(499);
    expect(peer.rest().map((s) => s.ack)).toEqual([100]);
  });

  test('data of ours carries the ACK, and none follows', () => {
    const { peer, app } = opened();
    peer.send({ text: 100, ack: 0 });
    app.send(pattern(50));
    expect(peer.rest()).toMatchObject([{ ack: 100, length: 50 }]);
    peer.run(100);
    expect(peer.rest()).toEqual([]);
  });

  test('RFC 9293 3.8.6.2.2: the right edge never moves left, whatever is sent and read', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed);
      const { peer, app, connection } = opened({
        tcp: { receiveBuffer: 200_000 },
        synOptions: { mss: 1000, windowScale: 0 },
      });
      app.autoRead = false;
      let edge = 0;
      for (let i = 0; i < 200; i++) {
        const room = edge - peer.nxt;
        peer.send({ text: Math.min(Math.max(0, room), below(random, 3000)), ack: 0 });
        if (random.float() < 0.4) connection.read(peer.world.now, below(random, 6000) + 1);
        peer.run(below(random, 50));
        for (const seen of peer.rest()) {
          const next = seen.ack + seen.window * 4;
          expect(next).toBeGreaterThanOrEqual(edge);
          expect(next - connection.bytesRead).toBeLessThanOrEqual(200_000 + 4);
          edge = next;
        }
      }
    }
  });
});

describe('the application', () => {
  test('write takes what fits; writable is told when a quarter of the buffer is free; drained at the end', () => {
    const { peer, app, connection } = opened({ tcp: { sendBuffer: 8000 }, window: 65_000 });
    expect(connection.write(peer.world.now, pattern(10_000))).toBe(8000);
    expect(connection.write(peer.world.now, pattern(10))).toBe(0);
    peer.send({ ack: 1000 });
    expect(app.told).toEqual(['connected']);
    peer.send({ ack: 2000 });
    expect(app.told).toEqual(['connected', 'writable']);
    peer.send({ ack: 8000 });
    expect(app.told).toEqual(['connected', 'writable', 'drained']);
    expect([connection.bytesWritten, connection.unacknowledged]).toEqual([8000, 0]);
  });

  test('what read() hands out stays as it is while more is received', () => {
    const { peer, app } = opened();
    app.autoRead = true;
    const all = pattern(200_000);
    for (let at = 0; at < all.length; at += 1000) peer.send({ text: all.slice(at, at + 1000), ack: 0 });
    expect(firstDifference(app.bytes, all)).toBeUndefined();
    expect(app.connection.bytesRead).toBe(200_000);
  });

  test('no event is told from inside write(), read() or shutdown()', () => {
    const made = established({ delay: ZERO });
    const { client, world } = made;
    let inside = false;
    let told = 0;
    const tell = (): void => {
      told += 1;
      expect(inside).toBe(false);
    };
    client.connection.events = { writable: tell, drained: tell, closed: tell, readable: tell };
    inside = true;
    client.connection.write(world.now, pattern(10_000));
    client.connection.read(world.now);
    client.connection.shutdown(world.now);
    client.connection.abort(world.now);
    inside = false;
    world.runFor(milliseconds(10));
    expect(told).toBeGreaterThan(0);
  });

  test('a slow reader holds the sender back, and everything arrives', () => {
    const made = established({}, { accepted: (app) => app.send(pattern(300_000)), client: { receiveBuffer: 16_384 } });
    made.client.autoRead = false;
    for (let i = 0; i < 400 && made.client.receivedLength < 300_000; i++) {
      made.world.runFor(milliseconds(50));
      expect(made.client.connection.readableBytes).toBeLessThanOrEqual(16_384 + 4);
      made.client.readAll();
    }
    expect(firstDifference(made.client.bytes, pattern(300_000))).toBeUndefined();
  });
});
