// Buffers that grow with the connection: the receive buffer with what is read in a round trip, the send buffer with
// the congestion window; and what they do not grow for.

import { describe, expect, test } from 'vitest';
import { microseconds, milliseconds, seconds } from '../../stack/core/time.ts';
import { opened } from './scripted-peer.ts';
import { firstDifference, type Pair, pair, pattern } from './support.ts';

const KIB = 1024;
const MIB = KIB * KIB;

/** A server that sends `octets` to a client that reads at once, 100 ms away. */
function download(octets: number, options: Parameters<typeof pair>[1] = {}): Pair {
  return pair({ delay: milliseconds(50), gso: true }, { ...options, accepted: (app) => app.send(pattern(octets)) });
}

/** Milliseconds until the client has it all. */
function timeFor(octets: number, options: Parameters<typeof pair>[1]): number {
  const made = download(octets, options);
  for (let ms = 0; ms < 60_000; ms += 50) {
    if (made.client.receivedLength === octets) return ms;
    made.world.runFor(milliseconds(50));
  }
  throw new Error('never');
}

const unlimited = { receiveBuffer: 64 * MIB, sendBuffer: 64 * MIB };

describe('the receive buffer', () => {
  test('begins with 128 KiB, in a SYN whose scale is for 16 MiB, and grows ahead of slow start', () => {
    const made = download(8 * MIB);
    made.world.runFor(milliseconds(160));
    expect(made.client.connection.info.receiveBuffer).toBe(128 * KIB);
    expect(made.world.sent[0]?.header.options.windowScale).toBe(9);
    made.world.runFor(seconds(10));
    expect(made.client.receivedLength).toBe(8 * MIB);
    expect(made.client.connection.info.receiveBuffer).toBeGreaterThan(4 * MIB);
    expect(made.client.connection.info.receiveBuffer).toBeLessThanOrEqual(16 * MIB);
  });

  test('over a long path a transfer is as fast as with a buffer that never limits', () => {
    const fixed = timeFor(8 * MIB, { client: unlimited, server: unlimited });
    expect(timeFor(8 * MIB, {})).toBeLessThanOrEqual(fixed + 100);
    expect(timeFor(8 * MIB, { client: { receiveBuffer: 128 * KIB } })).toBeGreaterThan(4 * fixed);
  });

  test('an explicit size is fixed; a limit is kept to', () => {
    const fixed = download(4 * MIB, { client: { receiveBuffer: 256 * KIB } });
    const limited = download(4 * MIB, { client: { maxReceiveBuffer: 512 * KIB } });
    for (const made of [fixed, limited]) made.world.runFor(seconds(10));
    expect(fixed.client.connection.info.receiveBuffer).toBe(256 * KIB);
    expect(limited.client.connection.info.receiveBuffer).toBe(512 * KIB);
  });

  test('does not grow for an application that does not read, nor for one that reads in lumps, seldom', () => {
    const made = download(4 * MIB);
    made.client.autoRead = false;
    made.world.runFor(seconds(5));
    expect(made.client.connection.info.receiveBuffer).toBe(128 * KIB);
    for (let lump = 0; lump < 10; lump++) {
      made.client.readAll();
      made.world.runFor(seconds(3));
    }
    expect(made.client.receivedLength).toBeGreaterThan(10 * 128 * KIB);
    expect(made.client.connection.info.receiveBuffer).toBe(128 * KIB);
  });

  test('without timestamps the time in which a window comes in stands for the round trip', () => {
    const { peer, connection } = opened({
      synOptions: { mss: 1000, windowScale: 7 },
      tcp: { maxReceiveBuffer: MIB },
    });
    let window = 60_000;
    for (let rounds = 0; rounds < 8; rounds++) {
      for (let sent = 0; sent < window; sent += 1000) peer.send({ text: 1000, ack: 0 });
      peer.run(100);
      window = (peer.rest().at(-1)?.window ?? 0) * 32;
    }
    expect([connection.info.timestamps, connection.info.receiveBuffer]).toEqual([false, MIB]);
  });

  test('an old echo, after a pause of the peer, is one sample of many: it does not blow the buffer up', () => {
    const { peer, connection, app } = opened({
      rttMs: 20,
      synOptions: { mss: 1000, windowScale: 7, timestamp: { value: 1, echo: 0 } },
    });
    let echo = 0;
    for (let request = 0; request < 50; request++) {
      peer.send({ text: 1000, ack: 0, options: { timestamp: { value: 2 + request, echo } } });
      peer.run(1000);
      echo = peer.rest().at(-1)?.options.timestamp?.value ?? echo;
    }
    expect(app.receivedLength).toBe(50_000);
    expect(connection.info.receiveBuffer).toBe(128 * KIB);
  });

  test('DESIGN.md 7: it comes to another node as large as it was, and grows on there', () => {
    const made = download(30 * MIB);
    made.world.runFor(milliseconds(600));
    const { connection } = made.client;
    const before = connection.info.receiveBuffer;
    expect(before).toBeGreaterThan(200 * KIB);
    expect(before).toBeLessThan(16 * MIB);
    made.a.tcp.freeze(made.world.now, connection);
    const snapshot = made.a.tcp.snapshot(made.world.now, connection);
    made.a.tcp.forget(connection);
    const there = made.world.host(connection.local.address);
    const installed = there.tcp.install(made.world.now, snapshot, { congestion: 'restart' });
    if (typeof installed === 'string') throw new Error(installed);
    expect(installed.info.receiveBuffer).toBe(before);
    made.client.adopt(installed);
    there.tcp.resume(made.world.now, installed);
    made.world.runFor(seconds(20));
    expect(made.client.receivedLength).toBe(30 * MIB);
    expect(installed.info.receiveBuffer).toBeGreaterThan(before);
  });
});

describe('the send buffer', () => {
  test('begins with 128 KiB and follows cwnd while the writer is what waits', () => {
    const made = download(8 * MIB, { client: unlimited });
    made.world.runFor(milliseconds(160));
    const { connection } = made.server();
    expect([connection.info.sendBuffer, connection.unacknowledged]).toEqual([128 * KIB, 128 * KIB]);
    made.world.runFor(milliseconds(600));
    const { sendBuffer, cwnd } = connection.info;
    expect(sendBuffer).toBeGreaterThan(128 * KIB);
    expect(sendBuffer).toBeLessThanOrEqual(2 * cwnd);
    made.world.runFor(seconds(10));
    expect(made.client.receivedLength).toBe(8 * MIB);
    expect(connection.info.sendBuffer).toBeLessThanOrEqual(16 * MIB);
  });

  test('stays within a megabyte where the round trip is too short for any device to fill more, however large cwnd', () => {
    const sizes = [microseconds(10), milliseconds(10)].map((delay) => {
      const made = pair({ delay, gso: true }, { client: unlimited, accepted: (app) => app.send(pattern(32 * MIB)) });
      made.world.runFor(seconds(5));
      expect(made.client.receivedLength).toBe(32 * MIB);
      const { cwnd, sendBuffer } = made.server().connection.info;
      expect(cwnd).toBeGreaterThan(MIB);
      return sendBuffer;
    });
    expect(sizes[0]).toBe(MIB);
    expect(sizes[1]).toBeGreaterThan(2 * MIB);
  });

  test('holds no more than two windows of a peer that offers little', () => {
    const made = download(2 * MIB, { client: { receiveBuffer: 96 * KIB } });
    made.world.runFor(seconds(60));
    expect(made.client.receivedLength).toBe(2 * MIB);
    expect(made.server().connection.info.sendBuffer).toBeLessThanOrEqual(2 * 96 * KIB);
  });

  test('an explicit size is fixed; a limit is kept to', () => {
    const fixed = download(4 * MIB, { server: { sendBuffer: 256 * KIB } });
    const limited = download(4 * MIB, { server: { maxSendBuffer: 512 * KIB } });
    for (const made of [fixed, limited]) made.world.runFor(seconds(10));
    expect(fixed.server().connection.info.sendBuffer).toBe(256 * KIB);
    expect(limited.server().connection.info.sendBuffer).toBe(512 * KIB);
    expect(firstDifference(limited.client.bytes, pattern(4 * MIB))).toBeUndefined();
  });

  test('stays as it is where the application writes less than it takes', () => {
    const made = pair({ delay: milliseconds(50) });
    made.world.runFor(milliseconds(500));
    for (let i = 0; i < 40; i++) {
      made.server().connection.write(made.world.now, pattern(100_000));
      made.world.runFor(milliseconds(400));
    }
    expect(made.client.receivedLength).toBe(4_000_000);
    expect(made.server().connection.info.sendBuffer).toBe(128 * KIB);
  });
});
