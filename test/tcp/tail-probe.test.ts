// Tail loss probes (RFC 8985 7), segment by segment against a script, with a round trip of 20 ms.

import { describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { opened, type PeerOptions, type ScriptedPeer, sack, starts } from './scripted-peer.ts';
import { established, firstDifference, PORT, pattern } from './support.ts';

const RTT = 20;

/** This many octets, in segments of 1000, have just left, and there are no more. */
function out(length: number, options: PeerOptions = {}): ReturnType<typeof opened> {
  const all = opened({ synOptions: { mss: 1000, sackPermitted: true }, rttMs: RTT, ...options });
  all.app.send(pattern(length));
  all.peer.rest();
  return all;
}

/** When and what leaves in the next so many milliseconds: [ms from now, position]. */
function within(peer: ScriptedPeer, ms: number): [number, number][] {
  const from = peer.world.now / 1000;
  peer.run(ms);
  return peer.rest().map((seen) => [Math.round(seen.at - from), seen.seq]);
}

describe('the probe (RFC 8985 7.2, 7.3)', () => {
  test('two round trips without an answer: the last segment leaves once more, and only once', () => {
    const { peer } = out(5000);
    expect(within(peer, 150)).toEqual([[2 * RTT, 4000]]);
  });

  test('new octets go instead, where the window of the peer takes them', () => {
    const { peer } = out(20_000);
    expect(within(peer, 2 * RTT)).toEqual([[2 * RTT, 10_000]]);
  });

  test('each ACK that advances starts the time anew', () => {
    const { peer } = out(5000);
    peer.run(RTT + 10);
    peer.send({ ack: 2000 });
    expect(within(peer, 100)).toHaveLength(1);
  });

  test('one segment alone waits for the delayed ACK as well, here until the RTO, in whose place it goes', () => {
    const { peer, connection } = out(1000);
    const { cwnd } = connection.info;
    expect(within(peer, 210)).toEqual([[200, 0]]);
    expect(connection.info.cwnd).toBe(cwnd);
    expect(within(peer, 200)).toEqual([[190, 0]]); // and then the RTO itself
    expect(connection.info.cwnd).toBe(1000);
  });

  test('none without SACK, none while octets are SACKed', () => {
    expect(within(out(5000, { synOptions: { mss: 1000 } }).peer, 150)).toEqual([]);
    const { peer } = out(5000);
    peer.run(RTT);
    peer.send({ ack: 0, options: sack(peer, [1000, 5000]) });
    expect(starts(peer.rest())).toEqual([0]);
    expect(within(peer, 100)).toEqual([]);
  });

  test('none into a shut window', () => {
    const { peer } = out(5000);
    peer.run(RTT);
    peer.send({ ack: 1000, window: 0 });
    expect(within(peer, 150)).toEqual([]);
  });
});

describe('the answer (RFC 8985 7.4)', () => {
  test('SACK for the probe shows the hole in front of it, and RACK fills it', () => {
    const { peer, connection } = out(5000);
    peer.run(RTT);
    peer.send({ ack: 2000 });
    peer.rest();
    expect(within(peer, 60)).toEqual([[2 * RTT, 4000]]);
    peer.send({ ack: 2000, options: sack(peer, [4000, 5000]) });
    expect(starts(peer.rest())).toContain(2000);
    expect(connection.info.cwnd).toBeGreaterThan(1000);
  });

  /** The last segment was sent again; `answer` comes, then the application writes on and that is acknowledged. */
  function ssthreshAfter(answer: (peer: ScriptedPeer) => void): number {
    const { peer, app, connection } = out(5000);
    peer.run(2 * RTT);
    expect(starts(peer.rest())).toEqual([4000]);
    peer.run(RTT);
    answer(peer);
    app.send(pattern(1000));
    peer.run(RTT);
    peer.send({ ack: 6000 });
    return connection.info.ssthresh;
  }

  test('a loss that the probe itself repaired is congestion all the same', () => {
    expect(ssthreshAfter((peer) => peer.send({ ack: 5000 }))).toBeLessThan(10_000);
  });

  test('a D-SACK tells that both copies came: no congestion', () => {
    const both = (peer: ScriptedPeer): void => {
      peer.send({ ack: 5000 });
      peer.send({ ack: 5000, options: sack(peer, [4000, 5000]) });
    };
    expect(ssthreshAfter(both)).toBe(Number.POSITIVE_INFINITY);
  });

  test('so does a bare duplicate ACK', () => {
    const both = (peer: ScriptedPeer): void => {
      peer.send({ ack: 5000 });
      peer.send({ ack: 5000 });
    };
    expect(ssthreshAfter(both)).toBe(Number.POSITIVE_INFINITY);
  });
});

test('the last three segments of a flight are lost and repaired within six round trips, without a timeout', () => {
  const length = 14_000; // nine full segments leave, and the rest with the ACKs
  const made = established({ delay: milliseconds(10) }, {});
  const server = made.server();
  let count = 0;
  let dropped = 0;
  made.world.filter = (s) => {
    if (s.header.sourcePort !== PORT || s.text.length === 0 || made.world.now > startedAt) return 'pass';
    count += 1;
    if (count <= 6) return 'pass';
    dropped += 1;
    return 'drop';
  };
  const startedAt = made.world.now;
  server.send(pattern(length));
  made.world.runFor(milliseconds(120));
  expect(dropped).toBe(3);
  expect(firstDifference(made.client.bytes, pattern(length))).toBeUndefined();
  expect(server.connection.info.cwnd).toBeGreaterThan(2 * server.connection.info.sendMss);
});
