// Sequence numbers over the edge of 2^32, timestamps and PAWS (RFC 7323), and the size of segments on paths that
// change (RFC 9293 3.7.1, RFC 6691, RFC 8201).

import { describe, expect, test } from 'vitest';
import { seconds, ZERO } from '../../stack/core/time.ts';
import { secretsFor } from '../../stack/tcp/isn.ts';
import { ACK, listening, OURS, opened, type PeerOptions, type ScriptedPeer, SYN } from './scripted-peer.ts';
import { A, type App, B, firstDifference, type Pair, PORT, pair, pattern, World } from './support.ts';

const SECRET = Uint8Array.of(1, 2, 3);

describe('RFC 9293 3.4: numbers wrap in mid-stream', () => {
  /** The moment at which the client's ISN is `isn`. */
  function momentOf(isn: number, localPort: number): number {
    const local = { address: A, port: localPort };
    const zero = secretsFor(SECRET, 0 as never, local, { address: B, port: PORT }).isn;
    return ((isn - zero) >>> 0) * 4;
  }

  test.each([0xffff_ffff, 0xffff_fff0, 0xffff_0000, 0x7fff_fff0])('an ISN of %i', (isn) => {
    const world = new World({ seed: isn & 7, loss: 0.02, duplicate: 0.01 });
    world.run(momentOf(isn, 4321) as never);
    const made: Pair = pair(
      {},
      { client: { localPort: 4321 }, accepted: (app: App) => app.send(pattern(150_000, 2), true) },
      world,
    );
    made.client.send(pattern(200_000, 1), true);
    expect(world.sent[0]?.header.seq).toBe(isn);
    world.runFor(seconds(120));
    expect(firstDifference(made.server().bytes, pattern(200_000, 1))).toBeUndefined();
    expect(firstDifference(made.client.bytes, pattern(150_000, 2))).toBeUndefined();
  });

  test('the peer’s numbers may wrap too, out of order and SACKed', () => {
    const { peer, app } = opened({ iss: 0xffff_fc00, synOptions: { mss: 1000, sackPermitted: true } });
    const text = pattern(3000);
    peer.send({ seq: 1000, text: text.slice(1000, 3000), ack: 0 });
    const [block] = peer.rest().at(-1)?.options.sack ?? [];
    expect(block).toEqual({ left: (0xffff_fc00 + 1001) >>> 0, right: (0xffff_fc00 + 3001) >>> 0 });
    peer.send({ seq: 0, text: text.slice(0, 1000), ack: 0 });
    expect(firstDifference(app.bytes, text)).toBeUndefined();
  });
});

/** A peer with timestamps; `clock` is its TSval. */
function withTimestamps(options: PeerOptions = {}): { peer: ScriptedPeer; app: App; clock: { value: number } } {
  const clock = { value: 1000 };
  const { peer, app } = opened({ ...options, synOptions: { mss: 1000, timestamp: { value: 1000, echo: 0 } } });
  peer.timestamps = () => ({
    timestamp: { value: clock.value, echo: peer.world.sent.at(-1)?.header.options.timestamp?.value ?? 0 },
  });
  return { peer, app, clock };
}

describe('RFC 7323', () => {
  test('3.2: every segment carries a timestamp that echoes the peer’s, and less text for it', () => {
    const { peer, app, clock } = withTimestamps();
    clock.value = 1234;
    peer.send({ ack: 0 });
    app.send(pattern(2000));
    const [first] = peer.rest();
    expect([first?.length, first?.options.timestamp?.echo]).toEqual([988, 1234]);
  });

  test('5.3, R1: an older TSval is dropped and answered with an ACK; its text is not taken', () => {
    const { peer, app, clock } = withTimestamps();
    peer.send({ text: 10, ack: 0 });
    peer.run(100);
    peer.rest();
    clock.value = 999;
    peer.send({ text: 10, ack: 0 });
    expect(peer.rest()).toMatchObject([{ flags: ACK, ack: 10 }]);
    expect(app.receivedLength).toBe(10);
    expect(peer.host.tcp.counters.get('paws')).toBe(1);
  });

  test('5.3: a TSval that wraps is newer', () => {
    const { peer, app, clock } = withTimestamps({ tcp: { delayedAck: ZERO } });
    clock.value = 0x7fff_0000;
    peer.send({ text: 10, ack: 0 });
    clock.value = 0xf000_0000;
    peer.send({ text: 10, ack: 0 });
    clock.value = 5;
    peer.send({ text: 10, ack: 0 });
    expect(app.receivedLength).toBe(30);
  });

  test('5.5: after 24 days of silence TS.Recent is not believed any more', () => {
    const { peer, app, clock } = withTimestamps();
    peer.run(25 * 24 * 3600 * 1000);
    clock.value = 0xf000_0000;
    peer.send({ text: 10, ack: 0 });
    expect(app.receivedLength).toBe(10);
    peer.run(50);
    expect(peer.rest().at(-1)?.options.timestamp?.echo).toBe(0xf000_0000);
    clock.value = 0xefff_ffff;
    peer.send({ text: 10, ack: 0 });
    expect(app.receivedLength).toBe(10);
  });

  test('3.2: a segment without the option is dropped in silence, a RST is not', () => {
    const { peer, app } = withTimestamps();
    peer.timestamps = undefined;
    peer.send({ text: 10, ack: 0 });
    peer.run(100);
    expect([app.receivedLength, peer.rest()]).toEqual([0, []]);
    peer.send({ flags: 4, seq: 0 });
    expect(app.error).toBe('reset');
  });

  test('4.3: TS.Recent is taken only from what begins at or before the last ACK sent', () => {
    const { peer, clock } = withTimestamps();
    clock.value = 5000;
    peer.send({ seq: 500, text: 10, ack: 0 });
    expect(peer.rest().at(-1)?.options.timestamp?.echo).toBe(1000);
    clock.value = 6000;
    peer.send({ seq: 0, text: 500, ack: 0 });
    expect(peer.rest().at(-1)?.options.timestamp?.echo).toBe(6000);
  });

  test.each([0, 2 ** 31])('4.1: a retransmission is measured by the timestamp that comes back, at %i ms', (startMs) => {
    const { peer, app, clock } = withTimestamps({ startAt: startMs * 1000 });
    peer.run(1000);
    app.send(pattern(100));
    peer.run(1000);
    const before = app.connection.info.srtt ?? 0;
    const first = peer.rest()[0]?.options.timestamp?.value ?? 0;
    clock.value = 3000;
    peer.send({ ack: 100, options: { timestamp: { value: 3000, echo: first } } });
    expect(app.connection.info.srtt).toBeGreaterThan(before + 100_000);
  });

  test('2.3: a shift above 14 counts as 14; without the option no window is scaled', () => {
    const { peer, app } = opened({ synOptions: { mss: 1000, windowScale: 30 }, tcp: { sendBuffer: 1 << 20 } });
    peer.send({ ack: 0, window: 1 });
    app.send(pattern(100_000));
    expect(peer.rest().reduce((sum, s) => sum + s.length, 0)).toBe(10_000);
    const plain = opened({ window: 20_000 });
    plain.peer.send({ text: 1000, ack: 0 });
    plain.peer.send({ text: 1000, ack: 0 });
    expect(plain.peer.rest().at(-1)?.window).toBe(65_535);
  });
});

describe('the size of segments', () => {
  test('RFC 9293 3.7.1: 1220 octets where the peer sends no MSS option', () => {
    const { peer, app } = opened({ synOptions: {} });
    app.send(pattern(3000));
    expect(peer.rest()[0]?.length).toBe(1220);
  });

  test('a tiny MSS option is not taken at its word', () => {
    const { peer, app } = opened({ synOptions: { mss: 1 } });
    app.send(pattern(3000));
    expect(peer.rest()[0]?.length).toBe(216);
  });

  test('RFC 9293 3.7.1: extension headers of the path come off each segment as soon as it has them', () => {
    const { peer, app } = opened({ synOptions: { mss: 1440 } });
    app.send(pattern(2880));
    expect(peer.rest().map((s) => s.length)).toEqual([1440, 1440]);
    peer.send({ ack: 2880 });
    peer.host.ipv6.changePath({ overhead: 24 });
    app.send(pattern(2832));
    expect(peer.rest().map((s) => s.length)).toEqual([1416, 1416]);
    peer.send({ ack: 2880 + 2832 });
    peer.host.ipv6.changePath({ overhead: 0 });
    app.send(pattern(1440));
    expect(peer.rest().map((s) => s.length)).toEqual([1440]);
  });

  test('RFC 8201 5.4: Packet Too Big makes segments smaller and sends them again, cwnd as before', () => {
    const { peer, app, connection } = opened({ synOptions: { mss: 1440 } });
    app.send(pattern(2880));
    const [first] = peer.world.sent.slice(-2);
    peer.rest();
    const { cwnd, ssthresh } = connection.info;
    const quoted = new Uint8Array(8);
    const view = new DataView(quoted.buffer);
    view.setUint16(0, OURS);
    view.setUint16(2, PORT);
    view.setUint32(4, first?.header.seq ?? 0);
    peer.host.ipv6.pathOverride = { mtu: 1280 };
    peer.host.ipv6.icmp({ kind: 'packet-too-big', code: 0, parameter: 1280, local: A, remote: B, quoted });
    expect(peer.rest().map((s) => [s.seq, s.length])).toEqual([
      [0, 1220],
      [1220, 1220],
      [2440, 440],
    ]);
    peer.send({ ack: 1220 });
    expect(peer.rest()).toEqual([]);
    expect([connection.info.cwnd, connection.info.ssthresh]).toEqual([cwnd, ssthresh]);
  });

  test('a path that changes in mid-transfer changes nothing of the stream', () => {
    const made = pair({ loss: 0.01, seed: 3 }, { accepted: (app: App) => app.send(pattern(200_000, 2), true) });
    made.client.send(pattern(10, 1), true);
    for (let i = 0; i < 40; i++) {
      made.world.runFor(seconds(0.02));
      made.b.ipv6.changePath({ mtu: 1280 + 20 * (i % 9), overhead: i % 2 === 0 ? 24 : 0 });
    }
    made.world.runFor(seconds(120));
    expect(firstDifference(made.client.bytes, pattern(200_000, 2))).toBeUndefined();
  });

  test('a super-frame stays within the 65535 octets of an IPv6 payload, extension headers included', () => {
    const peer = listening({ gso: true, window: 65_535 }).peer;
    peer.host.ipv6.pathOverride = { overhead: 24 };
    peer.send({ flags: SYN, seq: -1, options: { mss: 1440, windowScale: 7 } });
    peer.rest();
    peer.send({ ack: 0 });
    const [connection] = [...peer.host.tcp.connections()];
    for (let i = 0; i < 30; i++) {
      connection?.write(peer.world.now, pattern(60_000));
      peer.run(10);
      const sent = peer.rest();
      for (const s of sent) expect(s.length + 20 + 24).toBeLessThanOrEqual(65_535);
      peer.send({ ack: Math.max(...sent.map((s) => s.seq + s.length)) });
    }
    const largest = Math.max(...peer.world.sent.map((s) => s.text.length));
    expect([largest > 50_000, largest % 1416]).toEqual([true, 0]);
  });
});
