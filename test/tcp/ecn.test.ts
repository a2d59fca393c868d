// Explicit Congestion Notification (RFC 3168 6.1), segment by segment against a script, and over a link that marks.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import type { Connection, EcnOption } from '../../stack/tcp/api.ts';
import { decodeSnapshot, encodeSnapshot } from '../../stack/tcp/snapshot.ts';
import { ECN } from '../../stack/wire/ecn.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { transferFor } from './lossy-path.ts';
import { ACK, listening, OURS, ScriptedPeer, type Seen, SYN, sack } from './scripted-peer.ts';
import { A, App, B, expectOpen, PORT, pattern } from './support.ts';

const { ece: ECE, cwr: CWR } = TCP_FLAG;
const MSS = 1000;
const CE = { trafficClass: ECN.ce };

const bits = (seen: Seen | undefined): number => (seen?.flags ?? 0) & (ECE | CWR);
const fields = (seen: readonly Seen[]): number[] => seen.map((s) => s.trafficClass & 3);

/** We open, with this option; the SYN,ACK has these flags beside SYN and ACK. */
function open(ecn: EcnOption | undefined, answer: number, sackPermitted = false) {
  const peer = new ScriptedPeer();
  const remote = { address: B, port: PORT };
  const options = { remote, localPort: OURS, congestion: 'newreno', ...(ecn && { ecn }) } as const;
  const connection = expectOpen(peer.host.tcp.connect(peer.world.now, options)) as Connection;
  const app = new App(peer.world, connection);
  const syn = peer.next();
  peer.run(100);
  peer.send({ flags: SYN | ACK | answer, seq: -1, ack: 0, options: { mss: MSS, sackPermitted } });
  return { peer, app, connection, syn, ack: peer.rest()[0] };
}

/** Agreed, and ten segments of 1000 octets are out. */
function tenOut(sackPermitted = false) {
  const all = open('on', ECE, sackPermitted);
  all.app.send(pattern(100_000));
  const first = all.peer.rest();
  expect(first.length).toBe(10);
  return { ...all, first };
}

describe('the handshake (RFC 3168 6.1.1)', () => {
  test('asked for and answered: new text is ECT(0); SYN and pure ACK are not', () => {
    const { peer, app, connection, syn, ack } = open('on', ECE);
    expect(bits(syn)).toBe(ECE | CWR);
    expect(connection.info.ecn).toBe(true);
    app.send(pattern(MSS));
    expect(fields(peer.rest())).toEqual([ECN.ect0]);
    expect([bits(ack), ...fields([syn, ack] as Seen[])]).toEqual([0, 0, 0]);
  });

  test.each([
    ['without ECE', 0],
    ['with ECE and CWR: it reflects what it does not know', ECE | CWR],
  ])('a SYN,ACK %s agrees to nothing', (_name, answer) => {
    const { peer, app, connection } = open('on', answer);
    expect(connection.info.ecn).toBe(false);
    app.send(pattern(MSS));
    peer.send({ ack: MSS, flags: ACK | ECE });
    expect(fields(peer.rest())).toEqual([ECN.notEct]);
  });

  test('not asked for by default, and not taken from an answer', () => {
    const { connection, syn } = open(undefined, ECE);
    expect([bits(syn), connection.info.ecn]).toEqual([0, false]);
  });

  test('6.1.1.1: a SYN that has to be sent again asks no more, and ECN is off whatever the answer', () => {
    const peer = new ScriptedPeer();
    const options = { remote: { address: B, port: PORT }, localPort: OURS, ecn: 'on' } as const;
    const connection = expectOpen(peer.host.tcp.connect(peer.world.now, options));
    peer.run(1100);
    expect(peer.rest().map(bits)).toEqual([ECE | CWR, 0]);
    peer.send({ flags: SYN | ACK | ECE, seq: -1, ack: 0 });
    expect(connection.info.ecn).toBe(false);
  });

  test.each([
    [undefined, ECE | CWR, ECE],
    ['passive', ECE | CWR, ECE],
    ['on', ECE | CWR, ECE],
    ['off', ECE | CWR, 0],
    ['on', ECE, 0],
    ['on', 0, 0],
  ] as const)('a listener with %s answers a SYN with flags %i by %i', (ecn, asked, answer) => {
    const { peer, accepted } = listening({ listen: ecn === undefined ? {} : { ecn } });
    peer.send({ flags: SYN | asked, seq: -1 });
    const synAck = peer.next();
    expect([bits(synAck), (synAck?.trafficClass ?? 0) & 3]).toEqual([answer, ECN.notEct]);
    peer.send({ seq: 0, ack: 0 });
    expect(accepted[0]?.connection.info.ecn).toBe(answer === ECE);
  });

  test('RFC 4987 3.6: a SYN cookie remembers it, in the timestamp', () => {
    const { peer, accepted } = listening({ listen: { backlog: 1 } });
    peer.send({ flags: SYN, seq: -1 }); // takes the backlog
    peer.rest();
    peer.port = PORT + 1;
    peer.timestamps = () => ({ timestamp: { value: 7, echo: 0 } });
    peer.send({ flags: SYN | ECE | CWR, seq: -1 });
    const synAck = peer.next();
    expect(bits(synAck)).toBe(ECE);
    const echo = synAck?.options.timestamp?.value ?? 0;
    peer.timestamps = () => ({ timestamp: { value: 8, echo } });
    peer.send({ seq: 0, ack: 0 });
    expect(accepted[0]?.connection.info.ecn).toBe(true);
  });
});

describe('the receiver (RFC 3168 6.1.3)', () => {
  test('a mark is acknowledged at once, and on every segment until CWR', () => {
    const { peer, app } = open('on', ECE);
    peer.send({ text: 500, ack: 0, ...CE });
    expect(peer.rest().map(bits)).toEqual([ECE]);
    app.send(pattern(500));
    expect(peer.rest().map(bits)).toEqual([ECE]);
    peer.send({ text: 500, ack: 500 });
    peer.run(50);
    expect(peer.rest().map(bits)).toEqual([ECE]);
    peer.send({ text: 500, ack: 500, flags: ACK | CWR });
    peer.run(50);
    expect(peer.rest().map(bits)).toEqual([0]);
  });

  test('CWR on a segment that is marked itself begins anew', () => {
    const { peer } = open('on', ECE);
    peer.send({ text: 500, ack: 0, ...CE });
    peer.send({ text: 500, ack: 0, flags: ACK | CWR, ...CE });
    expect(peer.rest().map(bits)).toEqual([ECE, ECE]);
  });

  test('6.1.5: a mark on text outside the window, or on none, is ignored', () => {
    const { peer } = open('on', ECE);
    peer.send({ text: 500, ack: 0 });
    peer.send({ seq: 0, text: 500, ack: 0, ...CE });
    peer.send({ ack: 0, ...CE });
    peer.send({ text: 500, ack: 0 });
    peer.run(50);
    expect(
      peer
        .rest()
        .map(bits)
        .some((b) => b !== 0),
    ).toBe(false);
  });

  test('where it was not agreed on, a mark means nothing', () => {
    const { peer } = open('on', 0);
    peer.send({ text: 500, ack: 0, ...CE });
    peer.run(50);
    expect(peer.rest().map(bits)).toEqual([0]);
  });
});

describe('the sender (RFC 3168 6.1.2)', () => {
  test('an echo is a loss without a retransmission: half the window, and CWR on the next new text, once', () => {
    const { peer, connection } = tenOut();
    peer.send({ ack: 1000, flags: ACK | ECE });
    expect(connection.info).toMatchObject({ cwnd: 5000, ssthresh: 5000, retransmits: 0 });
    for (let ack = 2000; ack <= 9000; ack += 1000) peer.send({ ack, flags: ACK | ECE });
    const seen = peer.rest();
    expect(seen.map(bits)).toEqual([CWR, ...seen.slice(1).map(() => 0)]);
    expect(seen.length).toBeGreaterThan(2);
    expect(new Set(fields(seen))).toEqual(new Set([ECN.ect0]));
  });

  test('once a window: no more for what was out by then, and it does not grow; then again', () => {
    const { peer, connection } = tenOut();
    for (let ack = 1000; ack <= 10_000; ack += 1000) peer.send({ ack, flags: ACK | ECE });
    expect(connection.info.cwnd).toBe(5000);
    peer.send({ ack: 11_000, flags: ACK | ECE });
    expect(connection.info.cwnd).toBe(2500);
  });

  test('a loss in the same window brings no second reduction', () => {
    const { peer, connection } = tenOut(true);
    peer.run(100);
    peer.send({ ack: 1000, flags: ACK | ECE });
    peer.send({ ack: 1000, flags: ACK | ECE, options: sack(peer, [2000, 6000]) });
    const seen = peer.rest();
    expect(seen[0]).toMatchObject({ seq: 1000, trafficClass: ECN.notEct });
    expect(bits(seen[0])).toBe(0); // CWR waits for new text (6.1.5)
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('nor an echo in a fast recovery; the loss is told of by CWR as well', () => {
    const { peer, connection } = tenOut(true);
    peer.run(100);
    peer.send({ ack: 0, options: sack(peer, [1000, 6000]) });
    peer.send({ ack: 0, flags: ACK | ECE, options: sack(peer, [1000, 10_000]) });
    expect(connection.info.ssthresh).toBe(5000);
    const news = peer.rest().filter((s) => s.seq >= 10_000);
    expect(news.map(bits)).toEqual([CWR, ...news.slice(1).map(() => 0)]);
  });

  test('6.1.5: nothing that is sent again is ECT, after a timeout either', () => {
    const { peer } = tenOut();
    peer.run(1000);
    const seen = peer.rest();
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(fields(seen))).toEqual(new Set([ECN.notEct]));
  });

  test('6.1.6: a window probe is not ECT', () => {
    const { peer, app } = open('on', ECE);
    peer.send({ ack: 0, window: 0 });
    app.send(pattern(5000));
    peer.run(1000);
    const seen = peer.rest();
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(fields(seen))).toEqual(new Set([ECN.notEct]));
  });

  test('RFC 4015 3.2: a reduction for a mark is not taken back', () => {
    const { peer, connection } = tenOut(true);
    peer.run(100);
    peer.send({ ack: 0, options: sack(peer, [1000, 10_000]) });
    peer.send({ ack: 10_000 });
    peer.send({ ack: 11_000, flags: ACK | ECE });
    const { ssthresh } = connection.info;
    peer.send({ ack: 11_000, options: sack(peer, [0, 1000]) });
    expect(connection.info.ssthresh).toBe(ssthresh);
  });
});

test('DESIGN.md 7: what is to be echoed, and what is to be told, moves with the connection', () => {
  const { peer, connection } = tenOut();
  const { tcp } = peer.host;
  peer.send({ ack: 1000, text: 500, flags: ACK | ECE, ...CE });
  peer.rest();
  tcp.freeze(peer.world.now, connection);
  const decoded = decodeSnapshot(encodeSnapshot(tcp.snapshot(peer.world.now, connection)));
  if (!decoded.ok) throw new Error(decoded.reason);
  expect(decoded.value.ecn).toEqual({ on: true, echo: true, cwrDue: true, point: 10_000 });
  const to = peer.world.host(A);
  const moved = expectOpen(to.tcp.install(peer.world.now, decoded.value, { congestion: 'carry' }));
  to.tcp.resume(peer.world.now, moved);
  const [said] = peer.rest();
  expect([bits(said), (said?.trafficClass ?? 0) & 3]).toEqual([ECE | CWR, ECN.ect0]);
  const beyond = { ...decoded.value, ecn: { ...decoded.value.ecn, point: 1e6 } };
  expect(decodeSnapshot(encodeSnapshot(beyond))).toMatchObject({
    ok: false,
    reason: expect.stringContaining('ecn.point'),
  });
});

test.each(['cubic', 'newreno'] as const)(
  '%s over a queue that marks: the rate is used, and nothing is lost',
  (congestion) => {
    const path = { delay: milliseconds(10), rate: 10e6, queueBytes: 100_000, markingQueueBytes: 20_000 };
    const run = (ecn: EcnOption) => transferFor({ seed: 3, path, seconds: 4, tcp: { congestion, ecn } });
    const marked = run('on');
    expect(marked.link.statistics).toMatchObject({ overflowed: 0 });
    expect(marked.link.statistics.marked).toBeGreaterThan(10);
    expect(marked.sender.info.retransmits).toBe(0);
    expect((marked.octets * 8) / 4 / 10e6).toBeGreaterThan(0.85);
    expect(run('off').link.statistics).toMatchObject({ marked: 0 });
    expect(marked.sender.info.rto).toBeLessThanOrEqual(seconds(1));
  },
);
