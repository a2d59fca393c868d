// Recoveries that were not called for, and what is given back: Eifel (RFC 3522, 4015), D-SACK (RFC 3708), F-RTO (RFC
// 5682), segment by segment against a script with a round trip of 100 ms. Ten segments of 1000 octets are out.

import { describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import type { Connection, TcpOptions } from '../../stack/tcp/api.ts';
import { SentCopies } from '../../stack/tcp/sent-copies.ts';
import { opened, type ScriptedPeer, type Seen, sack, starts } from './scripted-peer.ts';
import { type App, established, pattern } from './support.ts';

const RTT = 100;
/** A little more than the RTO of one sample. */
const RTO = 305;

interface Flight {
  readonly peer: ScriptedPeer;
  readonly app: App;
  readonly connection: Connection;
  /** What the last segment of `seen` said, echoed: with an ACK, SACK blocks along with it. */
  readonly echoOf: (seen: readonly Seen[], blocks?: readonly (readonly [number, number])[]) => object;
  readonly first: readonly Seen[];
}

function tenOut(kind: { timestamps?: boolean; sack?: boolean; write?: number; tcp?: TcpOptions }): Flight {
  const { timestamps = false, sack: sackPermitted = false } = kind;
  const timestamp = { value: 1, echo: 0 };
  const synOptions = { mss: timestamps ? 1012 : 1000, sackPermitted, ...(timestamps ? { timestamp } : {}) };
  const all = opened({ synOptions, rttMs: RTT, tcp: { congestion: 'newreno', ...kind.tcp } });
  const { peer } = all;
  if (timestamps) peer.timestamps = () => ({ timestamp: { ...timestamp } });
  all.app.send(pattern(kind.write ?? 100_000));
  const first = peer.rest();
  expect(starts(first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => n * 1000));
  const echoOf: Flight['echoOf'] = (seen, blocks = []) => {
    timestamp.echo = seen.at(-1)?.options.timestamp?.value ?? 0;
    return blocks.length === 0 ? {} : { options: { ...peer.timestamps?.(), ...sack(peer, ...blocks) } };
  };
  return { ...all, echoOf, first };
}

describe('a timeout, with timestamps (RFC 3522, 4015)', () => {
  test('RFC 3522 3.2: the original is acknowledged: the window is as before, and nothing else is sent again', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true });
    peer.run(RTO);
    expect(starts(peer.rest())).toEqual([0]);
    expect(connection.info.cwnd).toBe(1000);
    peer.send({ ack: 1000, ...echoOf(first) });
    expect(connection.info).toMatchObject({ cwnd: 10_000, ssthresh: Number.POSITIVE_INFINITY });
    const news = starts(peer.rest());
    expect(news[0]).toBe(10_000);
    for (let ack = 2000; ack <= 10_000; ack += 1000) peer.send({ ack, ...echoOf(first) });
    expect(starts(peer.rest()).every((seq) => seq > 10_000)).toBe(true);
  });

  test('RFC 3522 3.2, step 4: the copy is acknowledged: the timeout was right', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true });
    peer.run(RTO);
    peer.send({ ack: 1000, ...echoOf(peer.rest()) });
    expect(starts(peer.rest())).toEqual([1000, 2000]);
    peer.send({ ack: 3000, ...echoOf(first) }); // only the first ACK that advances tells
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('RFC 3522 3.2, step 2: a second timeout changes nothing about it', () => {
    const { peer, connection, echoOf } = tenOut({ timestamps: true });
    peer.run(RTO);
    const copy = peer.rest();
    peer.run(2 * RTO);
    expect(starts(peer.rest())).toEqual([0]);
    peer.send({ ack: 1000, ...echoOf(copy) });
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('RFC 3522 3.2, step 5: all is acknowledged by a peer that reports no duplicates: ACKs may have been lost', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true });
    peer.run(RTO);
    peer.send({ ack: 10_000, ...echoOf(first) });
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('RFC 3522 3.2, step 5: an ACK with a D-SACK leaves it to the D-SACKs, of which one of two is here', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true, sack: true });
    peer.run(2 * RTT + 4 * RTO);
    expect(starts(peer.rest()).filter((seq) => seq === 0).length).toBe(2);
    peer.send({ ack: 1000, ...echoOf(first, [[0, 1000]]) });
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('RFC 4015 3.2, step 6: no more than an initial window leaves at once', () => {
    const { peer, app, connection, echoOf } = tenOut({ timestamps: true, write: 10_000 });
    peer.send({ ack: 10_000, ...echoOf(peer.rest()) });
    app.send(pattern(1_000_000));
    let all = peer.rest();
    for (let round = 0; round < 2; round++) {
      const upTo = Math.max(...all.map((s) => s.seq + s.length));
      peer.run(RTT);
      for (const seen of all) peer.send({ ack: Math.min(upTo, seen.seq + 1000), ...echoOf(all) });
      all = peer.rest();
    }
    const { cwnd } = connection.info;
    expect(cwnd).toBeGreaterThanOrEqual(40_000);
    const una = Math.min(...all.map((s) => s.seq));
    peer.run(400);
    const copies = peer.rest();
    expect(starts(copies)).toEqual([una]);
    peer.send({ ack: una + 25_000, ...echoOf(all) });
    expect(peer.rest().length).toBe(10);
    expect(connection.info.ssthresh).toBe(Number.POSITIVE_INFINITY);
  });

  test('RFC 4015 3.2, step 8: the next round trip counts in full towards the RTO', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true });
    peer.run(RTO);
    peer.send({ ack: 1000, ...echoOf(first) });
    const before = connection.info.rto;
    peer.run(10);
    peer.send({ ack: 2000, ...echoOf(first) });
    expect(before).toBeLessThan(milliseconds(600));
    expect(connection.info.srtt).toBeGreaterThanOrEqual(milliseconds(310));
    expect(connection.info.rto).toBeGreaterThanOrEqual(milliseconds(900));
  });
});

describe('a fast recovery', () => {
  const LATE = [[1000, 5000]] as const;

  test('RFC 3522 3.2: the original of what was sent again is acknowledged: the window is as before', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true, sack: true });
    peer.run(RTT);
    peer.send({ ack: 0, ...echoOf(first, LATE) });
    expect(starts(peer.rest())).toContain(0);
    expect(connection.info.ssthresh).toBe(5000);
    peer.run(2);
    peer.send({ ack: 5000, ...echoOf(first) });
    expect(connection.info).toMatchObject({ cwnd: 10_000, ssthresh: Number.POSITIVE_INFINITY });
  });

  test('and the path is known to reorder: the next late segment is waited for', () => {
    const { peer, echoOf, first } = tenOut({ timestamps: true, sack: true });
    peer.run(RTT);
    peer.send({ ack: 0, ...echoOf(first, LATE) });
    peer.run(2);
    peer.send({ ack: 9000, ...echoOf(first) });
    const second = peer.rest();
    peer.run(RTT);
    peer.send({ ack: 11_000, ...echoOf(second, [[12_000, 16_000]]) });
    expect(starts(peer.rest())).not.toContain(11_000);
  });

  test('without SACK as well', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true });
    peer.run(RTT);
    for (let i = 0; i < 3; i++) peer.send({ ack: 0, ...echoOf(first) });
    expect(starts(peer.rest())).toEqual([10_000, 11_000, 0]);
    peer.run(2);
    peer.send({ ack: 4000, ...echoOf(first) });
    expect(connection.info.ssthresh).toBe(Number.POSITIVE_INFINITY);
  });

  test('its copy is acknowledged: it was right', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true, sack: true });
    peer.run(RTT);
    peer.send({ ack: 0, ...echoOf(first, LATE) });
    const seen = peer.rest();
    peer.run(RTT);
    peer.send({ ack: 5000, ...echoOf(seen) });
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('what else is lost begins a recovery of its own, with a reduction of its own', () => {
    const { peer, connection, echoOf, first } = tenOut({ timestamps: true, sack: true });
    peer.run(RTT);
    peer.send({
      ack: 0,
      ...echoOf(first, [
        [1000, 3000],
        [4000, 10_000],
      ]),
    });
    expect(starts(peer.rest()).slice(0, 2)).toEqual([0, 3000]);
    peer.run(26);
    peer.send({ ack: 3000, ...echoOf(first, [[4000, 10_000]]) }); // the first was late, the second is lost
    peer.run(80);
    peer.send({ ack: 3000, ...echoOf(first, [[4000, 12_000]]) });
    peer.run(RTT / 2);
    expect(connection.info.ssthresh).toBeLessThan(10_000);
  });
});

describe('D-SACK (RFC 3708)', () => {
  /** Two segments go again in a fast recovery that is over now. */
  function twoCopies(): Flight {
    const all = tenOut({ sack: true });
    all.peer.run(RTT);
    all.peer.send({ ack: 0, options: sack(all.peer, [1000, 3000], [4000, 10_000]) });
    expect(starts(all.peer.rest()).slice(0, 2)).toEqual([0, 3000]);
    all.peer.run(20);
    all.peer.send({ ack: 10_000 });
    expect(all.connection.info.ssthresh).toBe(5000);
    return all;
  }

  test('4: each copy is reported as a duplicate: the window is as before', () => {
    const { peer, connection } = twoCopies();
    peer.send({ ack: 10_000, options: sack(peer, [0, 1000]) });
    expect(connection.info.ssthresh).toBe(5000);
    peer.send({ ack: 10_000, options: sack(peer, [3000, 4000]) });
    expect(connection.info).toMatchObject({ cwnd: 10_000, ssthresh: Number.POSITIVE_INFINITY });
  });

  test('4: duplicates that the network made are no evidence', () => {
    const { peer, connection } = twoCopies();
    peer.send({ ack: 10_000, options: sack(peer, [0, 1000]) });
    peer.send({ ack: 10_000, options: sack(peer, [0, 1000]) });
    peer.send({ ack: 10_000, options: sack(peer, [5000, 6000]) });
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('a round trip after the recovery it is too late', () => {
    const { peer, connection } = twoCopies();
    peer.send({ ack: 10_000, options: sack(peer, [0, 1000]) });
    peer.rest();
    for (let ack = 11_000; ack <= 18_000; ack += 1000) peer.send({ ack });
    peer.send({ ack: 18_000, options: sack(peer, [3000, 4000]) });
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('a timeout whose ACKs alone were lost is found out too', () => {
    const { peer, connection } = tenOut({ sack: true });
    peer.run(2 * RTT); // a tail loss probe
    peer.run(2 * RTO);
    peer.rest();
    expect(connection.info.cwnd).toBe(1000);
    peer.send({ ack: 11_000, options: sack(peer, [0, 1000]) });
    expect(connection.info.ssthresh).toBe(Number.POSITIVE_INFINITY);
  });

  test('SentCopies: an octet that left three times needs two reports, whatever the cut of them', () => {
    const copies = new SentCopies();
    copies.note(0, 5000);
    copies.begin();
    expect(copies.allReported).toBe(false);
    copies.note(0, 3000);
    copies.note(3000, 4000);
    copies.note(1000, 2000);
    expect(copies.strike(6000, 7000)).toBe(0);
    expect(copies.strike(0, 5000)).toBe(5000); // of the copy before
    expect(copies.strike(0, 4000)).toBe(4000);
    expect(copies.allReported).toBe(false);
    expect(copies.strike(500, 1500)).toBe(500);
    expect(copies.strike(1500, 2500)).toBe(500);
    expect(copies.allReported).toBe(true);
  });

  test('SentCopies: is bounded, and what is forgotten is never all reported', () => {
    const copies = new SentCopies();
    copies.begin();
    for (let at = 0; at < 1000; at++) copies.note(at, at + 1);
    expect(copies.strike(0, 1000)).toBe(64);
    expect(copies.allReported).toBe(false);
  });
});

describe.each([
  ['basic', '2.1', false],
  ['with SACK', '3.1', true],
] as const)('F-RTO %s (RFC 5682)', (_name, section, withSack) => {
  /** The timer has run out, and an ACK has advanced to 1000. The tail loss probe has sent [10000, 11000). */
  function answered(write?: number): Flight & { readonly sent: readonly number[] } {
    const all = tenOut({ sack: withSack, ...(write === undefined ? {} : { write }) });
    all.peer.run(withSack ? 2 * RTT + RTO : RTO);
    all.peer.rest();
    expect(all.connection.info.cwnd).toBe(1000);
    all.peer.send({ ack: 1000 });
    return { ...all, sent: starts(all.peer.rest()) };
  }
  const next = withSack ? 11_000 : 10_000;

  test(`${section}, step 2 b: two new segments leave, and no other copy`, () => {
    expect(answered().sent).toEqual([next, next + 1000]);
  });

  test(`${section}, step 3 b: the next original is acknowledged: spurious`, () => {
    const { peer, connection } = answered();
    peer.send({ ack: 2000 });
    expect(connection.info.ssthresh).toBe(Number.POSITIVE_INFINITY);
    for (let ack = 3000; ack <= 10_000; ack += 1000) peer.send({ ack });
    expect(starts(peer.rest()).every((seq) => seq >= next)).toBe(true);
  });

  test(`${section}, step 3 b: late by more than a round trip: RACK does not take it for the answer to the copy`, () => {
    const { peer, connection } = tenOut({ sack: withSack });
    peer.run(withSack ? 2 * RTT + RTO : RTO);
    peer.run(120);
    for (let ack = 1000; ack <= 10_000; ack += 1000) {
      peer.send({ ack });
      peer.run(40);
    }
    expect(connection.info.ssthresh).toBe(Number.POSITIVE_INFINITY);
    expect(starts(peer.rest()).filter((seq) => seq < 10_000 && seq > 0)).toEqual([]);
  });

  test(`${section}, step 3 a: new octets arrive, older ones do not: the conventional way`, () => {
    const { peer, connection } = answered();
    peer.send({ ack: 1000, ...(withSack ? { options: sack(peer, [next, next + 1000]) } : {}) });
    expect(starts(peer.rest())[0]).toBe(1000);
    expect(connection.info.ssthresh).toBe(5000);
    expect(connection.info.cwnd).toBeLessThanOrEqual(3000);
  });

  test(`${section}, step 2 b: nothing new to send: the conventional way`, () => {
    const { sent } = answered(10_000);
    expect(sent.slice(0, 2)).toEqual([1000, 2000]);
  });

  test(`${section}, step 2 a: all is acknowledged by the copy: the timeout was right`, () => {
    const { peer, connection } = tenOut({ sack: withSack });
    peer.run(2 * RTT + RTO);
    peer.rest();
    peer.send({ ack: next });
    peer.send({ ack: next });
    expect(connection.info.ssthresh).toBe(5000);
  });

  test(`${section}, step 1: not after a second timeout`, () => {
    const { peer } = tenOut({ sack: withSack });
    peer.run(1200);
    peer.rest();
    peer.send({ ack: 1000 });
    expect(starts(peer.rest())).toEqual([1000, 2000]);
  });
});

test('RFC 3465 2.2: after a timeout, what an ACK covers beyond one segment opens the window only if it has just arrived', () => {
  const blind = tenOut({});
  blind.peer.run(RTO);
  blind.peer.send({ ack: 5000 });
  expect(blind.connection.info.cwnd).toBe(2000);
  const seeing = tenOut({ sack: true });
  seeing.peer.run(RTT);
  seeing.peer.send({ ack: 0, options: sack(seeing.peer, [1000, 5000]) });
  seeing.peer.run(2 * RTO);
  expect(seeing.connection.info.cwnd).toBe(1000);
  seeing.peer.send({ ack: 5000 });
  expect(seeing.connection.info.cwnd).toBe(2000);
});

test('RFC 8985 6.3: a timeout does not give up what left less than a round trip ago', () => {
  const { peer, connection } = tenOut({ sack: true });
  peer.run(RTT);
  peer.send({ ack: 1000 });
  peer.send({ ack: 1000, options: sack(peer, [2000, 3000]) });
  peer.run(199);
  const nxt = Math.max(10_000, ...peer.rest().map((s) => s.seq + s.length));
  peer.send({ ack: 1000, options: sack(peer, [2000, nxt]) }); // new octets leave for these
  const recent = peer.rest().filter((s) => s.seq >= nxt).length;
  expect(recent).toBeGreaterThan(1);
  peer.run(100);
  expect(connection.info.cwnd).toBe(1000);
  expect(starts(peer.rest())).toEqual([1000]); // whatever is in flight: the oldest goes
  expect(connection.info.inFlight).toBe(1000 + recent * 1000);
});

test('a pause of the path of twice the RTO costs one copy, and the window is what it was', () => {
  const made = established({ delay: milliseconds(20) }, { accepted: (app) => app.send(pattern(2_000_000)) });
  made.world.runFor(milliseconds(130));
  const before = made.server().connection.info;
  made.world.options.delay = milliseconds(400);
  made.world.runFor(milliseconds(350));
  made.world.options.delay = milliseconds(20);
  made.world.runFor(milliseconds(800));
  const after = made.server().connection.info;
  expect(before.ssthresh).toBe(Number.POSITIVE_INFINITY);
  expect(after.retransmits).toBeLessThanOrEqual(2);
  expect(after.cwnd).toBeGreaterThanOrEqual(before.cwnd);
});
