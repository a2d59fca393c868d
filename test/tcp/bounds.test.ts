// Hostile peers, and attackers who are none, against each bound of limits.ts: what they can make a connection keep and
// send is counted. SYN floods are in syn-flood, the flight's runs in flight-cost, the out-of-order queue in hostile.

import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { tcbOf } from '../../stack/tcp/connection.ts';
import {
  CHALLENGE_ACKS,
  CHALLENGE_PERIOD,
  MAX_OUT_OF_ORDER_RANGES,
  MAX_REMEMBERED_COPIES,
  MAX_RTO,
  MAX_WINDOW_SHIFT,
  MIN_MSS,
} from '../../stack/tcp/limits.ts';
import { SentCopies } from '../../stack/tcp/sent-copies.ts';
import type { Tcb } from '../../stack/tcp/tcb.ts';
import { seqAdd } from '../../stack/wire/seq.ts';
import { checkTcb } from '../fuzz/tcb-invariants.ts';
import { Attacker } from './attacker.ts';
import { ACK, opened, type PeerOptions, RST, SYN, sack } from './scripted-peer.ts';
import type { App } from './support.ts';

const GUESSES = 100_000;
/** Virtual time of a flood, and the answers that the ration allows in it. */
const FLOOD_MS = 10_000;
const RATION = CHALLENGE_ACKS * (1 + milliseconds(FLOOD_MS) / CHALLENGE_PERIOD);

function underAttack(options: PeerOptions = {}): { attacker: Attacker; app: App; tcb: Tcb } {
  const { peer, app, connection } = opened(options);
  return { attacker: new Attacker(peer), app, tcb: tcbOf(connection) };
}

/** GUESSES segments, spread over FLOOD_MS. */
function flood(attacker: Attacker, send: (i: number) => void): void {
  for (let i = 0; i < GUESSES; i++) {
    send(i);
    if (i % 100 === 99) attacker.peer.run((100 * FLOOD_MS) / GUESSES);
  }
}

describe('off-path: an attacker who knows the ends and has to guess the numbers', () => {
  const random = new SeededRandom(5);

  test.each([
    ['RSTs', RST],
    ['SYNs', SYN],
    ['SYN,ACKs', SYN | ACK],
    ['ACKs', ACK],
  ])(
    'CHALLENGE_ACKS, RFC 5961 3 to 5: 100,000 %s leave the connection alive and are answered by ration',
    (_, flags) => {
      const { attacker, app, tcb } = underAttack();
      flood(attacker, () => attacker.send({ flags, seq: random.u32(), ack: random.u32() }));
      expect([tcb.state, app.closed]).toEqual(['ESTABLISHED', false]);
      expect(attacker.answers).toBeGreaterThan(0);
      expect(attacker.answers).toBeLessThanOrEqual(RATION);
      attacker.send({ flags: ACK, seq: attacker.theirs(0), ack: attacker.ours(0), length: 10 });
      expect(app.receivedLength).toBe(10);
    },
  );

  test('RFC 5961 5: text with a guessed ACK is not taken, even where its place in the window is known', () => {
    const { attacker, app, tcb } = underAttack({ tcp: { sendBuffer: 20_000 } });
    tcb.connection.write(attacker.peer.world.now, new Uint8Array(5000));
    flood(attacker, () => {
      attacker.send({ flags: ACK, seq: attacker.theirs(tcb.rcv.nxt), ack: random.u32(), length: 100 });
    });
    expect(tcb.snd.una).toBe(0);
    // Of 2^32 numbers, those from SND.UNA - MAX.SND.WND to SND.NXT would do: one guess in 60,000.
    expect(app.receivedLength).toBeLessThanOrEqual(500);
  });
});

describe('on-path: a peer that floods', () => {
  test('CHALLENGE_ACKS: 100,000 ACKs of what was never sent', () => {
    const { attacker, tcb } = underAttack();
    flood(attacker, (i) => attacker.send({ flags: ACK, seq: attacker.theirs(0), ack: attacker.ours(1 + i) }));
    expect(attacker.answers).toBeLessThanOrEqual(RATION);
    expect(tcb.snd.una).toBe(0);
  });

  test('RFC 5681 3.2: 100,000 duplicate ACKs let out no more than the peer’s window, and change nothing kept', () => {
    const { attacker, tcb } = underAttack({ window: 30_000, tcp: { sendBuffer: 200_000 } });
    tcb.connection.write(attacker.peer.world.now, new Uint8Array(200_000));
    const duplicate = { flags: ACK, seq: attacker.theirs(0), ack: attacker.ours(0), window: 30_000 };
    for (let i = 0; i < GUESSES; i++) attacker.send(duplicate);
    expect(tcb.snd.nxt).toBeLessThanOrEqual(30_000);
    expect(attacker.octets).toBeLessThanOrEqual(30_000 + 3000);
    expect(tcb.flight.runs).toBeLessThanOrEqual(40);
    checkTcb(tcb);
  });

  test('RFC 2018: SACK of octets never sent, long acknowledged, or backwards, teaches nothing', () => {
    const random = new SeededRandom(9);
    const { attacker, tcb } = underAttack({ synOptions: { mss: 1000, sackPermitted: true } });
    tcb.connection.write(attacker.peer.world.now, new Uint8Array(8000));
    const lie = (): readonly [number, number] => {
      const at = (random.u32() % 100_000) - 50_000;
      const [inside, length] = [at > -3000 && at < 8000, random.u32() % 3000];
      return inside || random.u32() % 2 === 0 ? [at + length, at] : [at, at + length + 8000];
    };
    for (let i = 0; i < 5000; i++) {
      const options = sack(attacker.peer, lie(), lie(), lie(), lie());
      attacker.send({ flags: ACK, seq: attacker.theirs(0), ack: attacker.ours(0), options });
    }
    expect(tcb.flight.sackedOctets).toBe(0);
    expect(tcb.recovery.phase).toBe('open');
    checkTcb(tcb);
  });

  test('MAX_REMEMBERED_COPIES: copies beyond it are forgotten, the oldest first', () => {
    const copies = new SentCopies();
    for (let i = 0; i < 1000; i++) copies.note(10 * i, 10 * i + 10);
    const known = Array.from({ length: 1000 }, (_, i) => copies.strike(10 * i, 10 * i + 10)).filter((n) => n > 0);
    expect(known.length).toBe(MAX_REMEMBERED_COPIES);
    expect(copies.strike(0, 10_000)).toBe(0);
  });

  test('MAX_REMEMBERED_COPIES: D-SACKs that cut each copy in the middle leave no more of them', () => {
    const copies = new SentCopies();
    for (let i = 0; i < MAX_REMEMBERED_COPIES; i++) copies.note(100 * i, 100 * i + 100);
    for (let i = 0; i < MAX_REMEMBERED_COPIES; i++) copies.strike(100 * i + 50, 100 * i + 51);
    let left = 0;
    for (let at = 0; at < 100 * MAX_REMEMBERED_COPIES; at += 50) left += copies.strike(at, at + 1) > 0 ? 1 : 0;
    expect(left).toBeLessThanOrEqual(MAX_REMEMBERED_COPIES);
  });

  test('10,000 D-SACKs: the reordering window does not outgrow a round trip, losses are still found', () => {
    const synOptions = { mss: 1000, sackPermitted: true };
    const { attacker, tcb } = underAttack({ synOptions, rttMs: 20 });
    const { peer } = attacker;
    tcb.connection.write(peer.world.now, new Uint8Array(9000));
    const header = { flags: ACK, seq: attacker.theirs(0) };
    const duplicate = { ...header, ack: attacker.ours(1000), options: sack(peer, [0, 1000]) };
    for (let i = 0; i < 10_000; i++) attacker.send(duplicate);
    peer.run(20);
    attacker.send({ ...header, ack: attacker.ours(1000), options: sack(peer, [2000, 9000]) });
    peer.run(45);
    expect(tcb.connection.info.retransmits).toBeGreaterThan(0);
    expect(tcb.timeouts).toBe(0);
    checkTcb(tcb);
  });

  test('option bombs: 20 unknown options on each of 5,000 segments change nothing', () => {
    const { attacker, app } = underAttack();
    const unknown = Array.from({ length: 20 }, (_, i) => ({ kind: 200 + i, data: new Uint8Array(0) }));
    for (let i = 0; i < 5000; i++) {
      attacker.send({ flags: ACK, seq: attacker.theirs(i), ack: attacker.ours(0), length: 1, options: { unknown } });
    }
    expect(app.receivedLength).toBe(5000);
  });

  test('100,000 segments of one octet: all delivered, nothing kept, not even an ACK for each', () => {
    const { attacker, app, tcb } = underAttack();
    flood(attacker, (i) => attacker.send({ flags: ACK, seq: attacker.theirs(i), ack: attacker.ours(0), length: 1 }));
    expect(app.receivedLength).toBe(GUESSES);
    expect(tcb.receiveBuffer.length).toBe(0);
    expect(attacker.answers).toBeLessThan(GUESSES / 2);
  });
});

describe('windows and buffers', () => {
  test('a peer that opens and shuts its window 2,000 times draws hardly a segment, and none beyond it', () => {
    const { attacker, tcb } = underAttack({ tcp: { sendBuffer: 200_000 }, window: 0 });
    tcb.connection.write(attacker.peer.world.now, new Uint8Array(100_000));
    for (let i = 0; i < 2000; i++) {
      const window = [0, 1, 65_535, 0, 999, 17][i % 6] ?? 0;
      attacker.send({ flags: ACK, seq: attacker.theirs(0), ack: attacker.ours(tcb.snd.una), window });
      checkTcb(tcb);
    }
    expect(tcb.snd.nxt).toBeLessThanOrEqual(65_535);
    expect(attacker.answers).toBeLessThan(100);
  });

  test('a peer that never acknowledges: the send buffer fills up, a dozen copies leave, then it is given up', () => {
    const { attacker, app, tcb } = underAttack({ tcp: { sendBuffer: 50_000, userTimeout: seconds(300) } });
    const now = attacker.peer.world.now;
    expect(tcb.connection.write(now, new Uint8Array(200_000))).toBe(50_000);
    expect(tcb.connection.write(now, new Uint8Array(1))).toBe(0);
    attacker.peer.run(310_000);
    expect(app.error).toBe('timed-out');
    expect(attacker.answers).toBeLessThan(40);
    expect(tcb.sendBuffer.length).toBe(0);
  });

  test('an application that never reads: the receive buffer is the bound, however much is sent', () => {
    const { attacker, app, tcb } = underAttack({ tcp: { receiveBuffer: 20_000 } });
    app.autoRead = false;
    for (let i = 0; i < 1000; i++) {
      attacker.send({ flags: ACK, seq: attacker.theirs(tcb.rcv.nxt), ack: attacker.ours(0), length: 1000 });
    }
    expect(tcb.connection.readableBytes).toBe(20_000);
    expect(tcb.receiveBuffer.length).toBe(20_000);
    checkTcb(tcb);
  });

  test('MAX_OUT_OF_ORDER_RANGES: huge islands and tiny ones; octets beyond the window are never kept', () => {
    const { attacker, tcb } = underAttack({
      tcp: { receiveBuffer: 200_000 },
      synOptions: { mss: 1000, windowScale: 2 },
    });
    const { edge } = tcb.rcv;
    for (let i = 0; i < 5000; i++) {
      const at = [100_000, edge - 100, 10 + 2 * i, edge, 150_000][i % 5] ?? 0;
      attacker.send({
        flags: ACK,
        seq: attacker.theirs(at),
        ack: attacker.ours(0),
        length: [8000, 8000, 1, 1000, 1][i % 5] ?? 0,
      });
      checkTcb(tcb);
    }
    expect(tcb.reassembly.islands.length).toBeLessThanOrEqual(MAX_OUT_OF_ORDER_RANGES);
    expect(tcb.reassembly.islands.at(-1)?.end).toBe(edge);
  });

  test('RFC 9293 3.8: contents that contradict each other: what was handed out stays, all comes to an end', () => {
    const { peer, app } = opened({ tcp: { receiveBuffer: 20_000 } });
    const text = (octet: number, length: number) => new Uint8Array(length).fill(octet);
    peer.send({ seq: 0, text: text(1, 100), ack: 0 });
    peer.send({ seq: 200, text: text(2, 100), ack: 0 });
    peer.send({ seq: 250, text: text(3, 100), ack: 0 });
    const before = app.bytes;
    peer.send({ seq: 0, text: text(4, 100), ack: 0 });
    expect(app.bytes).toEqual(before);
    peer.send({ seq: 50, text: text(5, 150), ack: 0 });
    expect(app.bytes.length).toBe(350);
    expect([...app.bytes.subarray(0, 100)].every((octet) => octet === 1)).toBe(true);
    expect([...app.bytes.subarray(100, 200)].every((octet) => octet === 5)).toBe(true);
  });

  test.each([0, 1, MIN_MSS - 1])('MIN_MSS: a peer whose MSS option says %i gets segments of MIN_MSS', (mss) => {
    const { peer, connection } = opened({ synOptions: { mss } });
    connection.write(peer.world.now, new Uint8Array(1000));
    expect(connection.info.sendMss).toBe(MIN_MSS);
    expect(peer.next()?.length).toBe(MIN_MSS);
  });

  test('MAX_WINDOW_SHIFT, RFC 7323 2.3: a shift of 255 is taken for 14', () => {
    const { peer, connection } = opened({ synOptions: { mss: 1000, windowScale: 255 } });
    peer.send({ window: 65_535 });
    expect(tcbOf(connection).snd.wnd).toBe(65_535 * 2 ** MAX_WINDOW_SHIFT);
  });

  test('MAX_RTO: timestamps and echoes that jump give no round trip and no timeout beyond it', () => {
    const random = new SeededRandom(11);
    const { attacker, tcb } = underAttack({ synOptions: { mss: 1000, timestamp: { value: 1000, echo: 0 } } });
    const { world } = attacker.peer;
    for (let i = 0; i < 5000 && tcb.state === 'ESTABLISHED'; i++) {
      if (tcb.sendBuffer.length < 5000) tcb.connection.write(world.now, new Uint8Array(100));
      const timestamp = {
        value: seqAdd(tcb.ts.recent as never, random.u32() >>> (random.u32() % 32)),
        echo: random.u32(),
      };
      const ack = attacker.ours(tcb.snd.una + (random.u32() % (tcb.snd.nxt - tcb.snd.una + 1)));
      attacker.send({ flags: ACK, seq: attacker.theirs(0), ack, options: { timestamp } });
      if (i % 10 === 0) attacker.peer.run(1);
      checkTcb(tcb);
    }
    expect(tcb.rtt.rto).toBeLessThanOrEqual(MAX_RTO);
    expect(tcb.rtt.srtt ?? 0).toBeLessThanOrEqual(world.now);
  });
});
