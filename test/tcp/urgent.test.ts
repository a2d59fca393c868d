// Urgent octets (RFC 9293 3.8.5, RFC 6093): in line, announced, counted; and sent so that every segment points to the same
// last one.

import { describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { ACK, opened, PSH, type ScriptedPeer, type Seen, sack, URG } from './scripted-peer.ts';
import { established, firstDifference, pattern } from './support.ts';

/** What a segment says of urgent octets: where it begins, how long it is, and where they end. */
function urgentOf(peer: ScriptedPeer, seen: readonly Seen[]): (number | undefined)[][] {
  const headers = peer.world.sent.slice(-seen.length).map(({ header }) => header);
  return seen.map(({ seq, length, flags }, i) => {
    const end = (flags & URG) === 0 ? undefined : seq + (headers[i]?.urgentPointer ?? 0);
    return [seq, length, end];
  });
}

describe('received', () => {
  test('MUST-32: the application is told of a pointer, and of each that lies further on; not of one it has', () => {
    const { peer, connection } = opened();
    const told: number[] = [];
    connection.events = { urgent: () => told.push(connection.urgentEnd) };
    peer.send({ flags: ACK | URG, ack: 0, urgentPointer: 500 });
    peer.send({ flags: ACK | URG | PSH, text: 300, ack: 0, urgentPointer: 500 });
    expect(told).toEqual([500]);
    peer.send({ flags: ACK | URG | PSH, text: 300, ack: 0, urgentPointer: 300 });
    expect(told).toEqual([500, 600]);
    peer.send({ flags: ACK | PSH, text: 100, ack: 0 });
    peer.send({ flags: ACK | URG, ack: 0, urgentPointer: 0 });
    expect(told).toEqual([500, 600]);
  });

  test('MUST-33: how many are left is known at any time; they are read in line', () => {
    const { peer, app, connection } = opened();
    app.autoRead = false;
    const left = (): number => Math.max(0, connection.urgentEnd - connection.bytesRead);
    peer.send({ flags: ACK | URG | PSH, text: pattern(400), ack: 0, urgentPointer: 600 });
    expect([left(), connection.readableBytes]).toEqual([600, 400]);
    expect(connection.read(peer.world.now, 350)).toEqual(pattern(400).slice(0, 350));
    expect(left()).toBe(250);
    peer.send({ text: 300, ack: 0 });
    app.readAll();
    expect([left(), connection.bytesRead]).toEqual([0, 700]);
  });

  test('MUST-31: of any length: the pointer may lie beyond what has come, and beyond the window', () => {
    const { peer, connection } = opened({ tcp: { receiveBuffer: 8192 } });
    peer.send({ flags: ACK | URG | PSH, text: 1000, ack: 0, urgentPointer: 65_535 });
    peer.send({ flags: ACK | URG | PSH, text: 1000, ack: 0, urgentPointer: 65_535 });
    expect([connection.urgentEnd, connection.bytesRead]).toEqual([66_535, 2000]);
  });

  test('DESIGN.md 7: on the next node the application is told again of what is not read', () => {
    const { peer, app, connection } = opened();
    app.autoRead = false;
    peer.send({ flags: ACK | URG | PSH, text: 100, ack: 0, urgentPointer: 150 });
    peer.host.tcp.freeze(peer.world.now, connection);
    const snapshot = peer.host.tcp.snapshot(peer.world.now, connection);
    peer.host.tcp.forget(connection);
    const there = peer.world.host(connection.local.address);
    const installed = there.tcp.install(peer.world.now, snapshot, { congestion: 'restart' });
    if (typeof installed === 'string') throw new Error(installed);
    const told: number[] = [];
    installed.events = { urgent: () => told.push(installed.urgentEnd) };
    there.tcp.resume(peer.world.now, installed);
    peer.run(1);
    expect(told).toEqual([150]);
  });
});

describe('sent', () => {
  test('RFC 6093 4: every segment up to the last urgent octet points behind it, those after it do not', () => {
    const { peer, connection } = opened({ window: 60_000 });
    connection.write(peer.world.now, pattern(1500));
    connection.write(peer.world.now, pattern(1200), true);
    connection.write(peer.world.now, pattern(2300));
    expect(urgentOf(peer, peer.rest())).toEqual([
      [0, 1000, undefined],
      [1000, 1000, 2700],
      [2000, 700, 2700],
      [2700, 1000, undefined],
      [3700, 1000, undefined],
    ]);
  });

  test('sent again, they point to where they did', () => {
    const { peer, connection } = opened({ synOptions: { mss: 1000, sackPermitted: true } });
    connection.write(peer.world.now, pattern(5000), true);
    peer.rest();
    for (let end = 2000; end <= 5000; end += 1000) peer.send({ ack: 0, options: sack(peer, [1000, end]) });
    expect(urgentOf(peer, peer.rest())[0]).toEqual([0, 1000, 5000]);
  });

  test('as super-frames they do not go: each segment needs its own pointer', () => {
    const { peer, connection } = opened({ gso: true, window: 60_000 });
    connection.write(peer.world.now, pattern(2500), true);
    connection.write(peer.world.now, pattern(4000));
    expect(urgentOf(peer, peer.rest())).toEqual([
      [0, 1000, 2500],
      [1000, 1000, 2500],
      [2000, 500, 2500],
      [2500, 4000, undefined],
    ]);
  });

  test('MUST-31: more than 16 bits can say: as far as they reach', () => {
    const { peer, connection } = opened({ window: 60_000 });
    connection.write(peer.world.now, pattern(100_000), true);
    expect(urgentOf(peer, peer.rest())[0]).toEqual([0, 1000, 65_535]);
  });

  test('RFC 9293 3.8.5: a shut window does not keep the word back, nor does Nagle', () => {
    const { peer, connection } = opened();
    connection.write(peer.world.now, pattern(10));
    connection.write(peer.world.now, pattern(10), true);
    expect(urgentOf(peer, peer.rest()).at(-1)).toEqual([10, 10, 20]);
    peer.send({ ack: 20, window: 0 });
    connection.write(peer.world.now, pattern(10), true);
    peer.send({ text: 10, ack: 20, window: 0 });
    peer.run(50);
    expect(urgentOf(peer, peer.rest())).toEqual([[20, 0, 30]]);
  });

  test('both ends: announced before it is there, and whole', () => {
    const made = established();
    const told: number[] = [];
    const { client } = made;
    client.connection.events = {
      ...client.connection.events,
      urgent: () => told.push(client.connection.urgentEnd - client.connection.bytesRead),
    };
    made.server().connection.write(made.world.now, pattern(50_000), true);
    made.world.runFor(milliseconds(500));
    expect(told[0]).toBe(50_000);
    expect(firstDifference(client.bytes, pattern(50_000))).toBeUndefined();
  });

  test('DESIGN.md 7: what the donor marked urgent is so on the next node', () => {
    const { peer, connection } = opened({ window: 1000 });
    connection.write(peer.world.now, pattern(3000), true);
    peer.rest();
    peer.host.tcp.freeze(peer.world.now, connection);
    const snapshot = peer.host.tcp.snapshot(peer.world.now, connection);
    peer.host.tcp.forget(connection);
    const there = peer.world.host(connection.local.address);
    const installed = there.tcp.install(peer.world.now, snapshot, { congestion: 'restart' });
    if (typeof installed === 'string') throw new Error(installed);
    there.tcp.resume(peer.world.now, installed);
    expect(urgentOf(peer, peer.rest())).toEqual([[1000, 0, 3000]]);
  });
});
