// RACK (RFC 8985 6): losses by time, segment by segment against a script, with a round trip of 20 ms.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { opened, type ScriptedPeer, sack, starts } from './scripted-peer.ts';
import { established, firstDifference, pattern } from './support.ts';

const RTT = 20;

/** Ten segments of 1000 octets left one round trip ago. */
function tenOut(): ReturnType<typeof opened> {
  const all = opened({ synOptions: { mss: 1000, sackPermitted: true }, rttMs: RTT });
  all.app.send(pattern(100_000));
  expect(starts(all.peer.rest())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => n * 1000));
  all.peer.run(RTT);
  return all;
}

/** The second segment came before the first: now the sender knows that this path reorders. */
function reorderingSeen(): ReturnType<typeof opened> {
  const all = tenOut();
  all.peer.send({ ack: 0, options: sack(all.peer, [1000, 2000]) });
  all.peer.send({ ack: 2000 });
  all.peer.rest();
  return all;
}

/** Of the octets of `at`, how many times they left. */
const copiesOf = (peer: ScriptedPeer, at: number): number => starts(peer.rest()).filter((seq) => seq === at).length;

describe('detection (RFC 8985 6.2)', () => {
  test('step 4: where no reordering was seen, DupThresh segments SACKed mean a loss at once', () => {
    const { peer } = tenOut();
    peer.send({ ack: 0, options: sack(peer, [1000, 4000]) });
    expect(copiesOf(peer, 0)).toBe(1);
  });

  test('6.2, step 2: of what left at the same instant, the copy left behind the new octets before it', () => {
    const { peer } = tenOut();
    // A batch of ACKs is one instant: new octets leave for the first two, then the copy of what is lost.
    peer.send({ ack: 0, options: sack(peer, [1000, 2000]) });
    peer.send({ ack: 0, options: sack(peer, [1000, 3000]) });
    peer.send({ ack: 0, options: sack(peer, [1000, 5000]) });
    const sent = starts(peer.rest());
    expect(sent.indexOf(0)).toBeGreaterThan(sent.indexOf(10_000));
    peer.run(RTT);
    peer.send({ ack: 0, options: sack(peer, [1000, 5000], [10_000, 11_000]) });
    expect(copiesOf(peer, 0)).toBe(0);
  });

  test('step 5: with fewer, a quarter of the least RTT decides, and no fourth ACK is needed', () => {
    const { peer } = tenOut();
    peer.send({ ack: 0, options: sack(peer, [1000, 2000]) });
    peer.run(4);
    expect(copiesOf(peer, 0)).toBe(0);
    peer.run(2);
    expect(copiesOf(peer, 0)).toBe(1);
  });

  test('step 3 and 4: once reordering was seen, a late segment is waited for, however many have overtaken it', () => {
    const { peer, connection } = reorderingSeen();
    peer.send({ ack: 2000, options: sack(peer, [3000, 10_000]) });
    peer.run(4);
    peer.send({ ack: 10_000 });
    peer.run(10);
    expect(copiesOf(peer, 2000)).toBe(0);
    expect(connection.info.ssthresh).toBe(Number.POSITIVE_INFINITY);
  });

  test('step 5: and sent again when the reordering window is over', () => {
    const { peer } = reorderingSeen();
    peer.send({ ack: 2000, options: sack(peer, [3000, 10_000]) });
    peer.run(6);
    expect(copiesOf(peer, 2000)).toBe(1);
  });

  test('a retransmission that is lost is sent again a round trip later, without a timeout', () => {
    const { peer, connection } = tenOut();
    peer.send({ ack: 0, options: sack(peer, [1000, 10_000]) });
    const after = peer.rest();
    expect(starts(after)[0]).toBe(0);
    const nxt = Math.max(...after.map((s) => s.seq + s.length));
    expect(nxt).toBeGreaterThan(10_000);
    peer.run(RTT);
    const { ssthresh } = connection.info;
    peer.send({ ack: 0, options: sack(peer, [1000, nxt]) });
    expect(starts(peer.rest())[0]).toBe(0);
    expect(connection.info.ssthresh).toBe(ssthresh);
    expect(connection.info.cwnd).toBeGreaterThan(1000);
  });

  test('step 2: an ACK that comes too soon after a retransmission is one of the original', () => {
    const { peer } = tenOut();
    peer.send({ ack: 0, options: sack(peer, [2000, 10_000]) });
    expect(copiesOf(peer, 0)).toBe(1);
    peer.run(1);
    // Were it the copy that came, everything sent before it would be lost: [1000, 2000) once more.
    peer.send({ ack: 1000, options: sack(peer, [2000, 10_000]) });
    expect(copiesOf(peer, 1000)).toBe(0);
  });
});

describe('the reordering window and D-SACK (RFC 8985 6.2, step 4)', () => {
  /**
   * [2000, 3000) came 7 ms late, with a window of 5 ms: it was sent again for nothing. Then all is acknowledged,
   * perhaps with a D-SACK, and in the next flight the first segment comes 7 ms late too. How often is it sent again?
   */
  function copiesOfTheNextLateOne(duplicate?: readonly [number, number]): number {
    const { peer } = reorderingSeen();
    peer.send({ ack: 2000, options: sack(peer, [3000, 10_000]) });
    peer.run(7);
    const seen = peer.rest();
    expect(starts(seen)).toContain(2000);
    const nxt = Math.max(...seen.map((s) => s.seq + s.length), 12_000);
    peer.run(RTT);
    peer.send({ ack: nxt, ...(duplicate === undefined ? {} : { options: sack(peer, duplicate) }) });
    const burst = peer.rest();
    expect(burst.length).toBeGreaterThan(4);
    expect(burst[0]?.seq).toBe(nxt);
    peer.run(RTT);
    peer.send({ ack: nxt, options: sack(peer, [nxt + 1000, nxt + 1000 * burst.length]) });
    peer.run(7);
    return copiesOf(peer, nxt);
  }

  test('without a D-SACK it stays a quarter of the least RTT', () => {
    expect(copiesOfTheNextLateOne()).toBe(1);
  });

  test('a D-SACK of what was sent again widens it by another quarter', () => {
    expect(copiesOfTheNextLateOne([2000, 3000])).toBe(0);
  });

  test('a D-SACK of what was sent only once is the doing of the network, and does not', () => {
    expect(copiesOfTheNextLateOne([4000, 5000])).toBe(1);
  });
});

test('a path that reorders and loses nothing costs next to no retransmissions', () => {
  const wire = { delay: milliseconds(20), jitter: milliseconds(5), seed: 3 };
  const made = established(wire, { accepted: (app) => app.send(pattern(1_000_000)) });
  made.world.runFor(seconds(20));
  expect(firstDifference(made.client.bytes, pattern(1_000_000))).toBeUndefined();
  expect(made.server().connection.info.retransmits).toBeLessThanOrEqual(10);
});
