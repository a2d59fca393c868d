// SYN cookies (RFC 4987 3.6): what is given to a SYN that finds the backlog full, and what the ACK that brings it back
// makes of it, segment by segment. A flood is in syn-flood.test.ts.

import { describe, expect, test, vi } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import { MAX_BACKLOG, MAX_CONNECTIONS } from '../../stack/tcp/limits.ts';
import { expandOptions, windowShiftFor } from '../../stack/tcp/options.ts';
import { packOptions, unpackOptions, valueAfter } from '../../stack/tcp/syn-cookie.ts';
import { seq, seqDiff } from '../../stack/wire/seq.ts';
import type { TcpOptions } from '../../stack/wire/tcp-option.ts';
import { ACK, FIN, listening, OURS, type PeerOptions, PSH, RST, ScriptedPeer, SYN } from './scripted-peer.ts';
import { type App, expectOpen, PORT, pattern } from './support.ts';

/** What createTcb() gives the connection that the cookie becomes. */
const SHIFT = windowShiftFor(expandOptions({}).maxReceiveBuffer);
const FULL: TcpOptions = { mss: 1400, sackPermitted: true, windowScale: 7, timestamp: { value: 5000, echo: 0 } };

/** A listener whose backlog of one is taken by another peer's SYN. */
function flooded(options: PeerOptions = {}): { peer: ScriptedPeer; accepted: App[] } {
  const made = listening({ listen: { backlog: 1 }, ...options });
  const { peer } = made;
  peer.port = 9999;
  peer.send({ flags: SYN, seq: -1 });
  peer.rest();
  peer.port = 1234;
  return made;
}

/** The peer's SYN; the SYN,ACK that answers it. */
function cookieFor(peer: ScriptedPeer, options: TcpOptions = FULL): ReturnType<ScriptedPeer['next']> {
  peer.send({ flags: SYN, seq: -1, options });
  return peer.next();
}

const echoOf = (seen: ReturnType<ScriptedPeer['next']>): TcpOptions => ({
  timestamp: { value: 5001, echo: seen?.options.timestamp?.value ?? 0 },
});

describe('RFC 4987 3.6: the answer to a SYN beyond the backlog', () => {
  test('is a SYN,ACK, and nothing is remembered of it', () => {
    const { peer } = flooded();
    expect(cookieFor(peer)).toMatchObject({ flags: SYN | ACK, seq: -1, ack: 0, window: 65_535, length: 0 });
    expect([...peer.host.tcp.connections()].map((c) => c.remote.port)).toEqual([9999]);
    peer.run(100_000);
    expect(peer.rest().every((s) => s.flags === (SYN | ACK))).toBe(true); // of the half-open one
  });

  test('agrees to what the SYN offered, as long as a timestamp can carry it', () => {
    const { peer } = flooded();
    expect(cookieFor(peer)?.options).toMatchObject({
      sackPermitted: true,
      windowScale: SHIFT,
      timestamp: { echo: 5000 },
    });
    expect(cookieFor(peer, { mss: 1400, sackPermitted: true, windowScale: 7 })?.options).toEqual({ mss: 1440 });
  });

  test('a repeated SYN gets the same one; another SYN, another peer or a later time get others', () => {
    const { peer } = flooded();
    const isn = (): number => {
      cookieFor(peer);
      return peer.ours ?? 0;
    };
    const first = isn();
    expect(isn()).toBe(first);
    peer.port = 1235;
    const others = [isn()];
    peer.port = 1234;
    peer.send({ flags: SYN, seq: 77, options: FULL });
    peer.next();
    others.push(peer.ours ?? 0);
    peer.run(40_000);
    peer.port = 9999;
    peer.send({ flags: SYN, seq: -1 });
    peer.rest();
    peer.port = 1234;
    others.push(isn());
    expect(new Set([first, ...others]).size).toBe(4);
  });
});

describe('RFC 4987 3.6: the ACK that brings a cookie back', () => {
  test('opens the connection with MSS, window scale, SACK and timestamps of the SYN', () => {
    const { peer, accepted } = flooded();
    const answer = cookieFor(peer);
    peer.send({ ack: 0, options: echoOf(answer), window: 100 });
    const [app] = accepted;
    expect(app?.told).toEqual(['connected']);
    expect(app?.connection.info).toMatchObject({
      srtt: undefined,
      sackPermitted: true,
      timestamps: true,
      sendMss: 1388,
    });
    app?.send(pattern(20_000));
    // 100 << 7 octets of window.
    expect(peer.rest().reduce((sum, s) => sum + s.length, 0)).toBe(9 * 1388);
  });

  test('without timestamps: the MSS alone, rounded down to what the cookie can say', () => {
    const { peer, accepted } = flooded();
    cookieFor(peer, { mss: 1439, sackPermitted: true, windowScale: 7 });
    peer.send({ ack: 0, window: 5000 });
    expect(accepted[0]?.connection.info).toMatchObject({ sackPermitted: false, timestamps: false, sendMss: 1420 });
    accepted[0]?.send(pattern(20_000));
    expect(peer.rest().reduce((sum, s) => sum + s.length, 0)).toBe(3 * 1420);
  });

  test('its text and FIN are taken', () => {
    const { peer, accepted } = flooded();
    const answer = cookieFor(peer);
    peer.send({ flags: ACK | PSH | FIN, ack: 0, text: pattern(300), options: echoOf(answer) });
    expect(accepted[0]?.bytes).toEqual(pattern(300));
    expect(accepted[0]?.told).toEqual(['connected', 'readable', 'peerFinished']);
    expect(peer.rest().at(-1)).toMatchObject({ ack: 301 });
  });

  test('RFC 7323 5: our TSvals never go back, from the SYN,ACK on', () => {
    const { peer, accepted } = flooded({ startAt: seconds(123.456) });
    const answer = cookieFor(peer);
    const values = [answer?.options.timestamp?.value ?? 0];
    peer.send({ ack: 0, options: echoOf(answer) });
    peer.send({ ack: 0, options: { timestamp: { value: 6000, echo: values[0] ?? 0 } } });
    accepted[0]?.send(pattern(10));
    const { timestamp } = peer.next()?.options ?? {};
    expect(timestamp?.echo).toBe(6000);
    values.push(timestamp?.value ?? 0);
    const [first = 0, second = 0] = values;
    expect((second - first) | 0).toBeGreaterThan(0);
    expect((second - first) | 0).toBeLessThanOrEqual(64);
  });

  test('the windows of both sides go on from what SYN and SYN,ACK said', () => {
    const { peer, accepted } = flooded();
    const answer = cookieFor(peer);
    peer.send({ ack: 0, text: pattern(1000), options: echoOf(answer) });
    accepted[0]?.send(pattern(10));
    const [seen] = peer.rest();
    expect((seen?.window ?? 0) << SHIFT).toBeGreaterThanOrEqual(65_535 - 1000);
  });
});

describe('RFC 9293 3.10.7.2, second: an ACK without a good cookie is reset', () => {
  test('a number that is none', () => {
    const { peer, accepted } = flooded();
    cookieFor(peer);
    peer.send({ ack: 100 });
    expect(peer.next()).toMatchObject({ flags: RST, seq: 100 });
    expect([accepted.length, peer.host.tcp.counters.get('syn-cookie-refused')]).toEqual([0, 1]);
  });

  test('the cookie of another port, or of another SYN', () => {
    const { peer, accepted } = flooded();
    cookieFor(peer);
    peer.port = 1235;
    peer.send({ ack: 0 });
    peer.port = 1234;
    peer.send({ seq: 1, ack: 0 });
    expect(peer.rest().map((s) => s.flags)).toEqual([RST, RST]);
    expect(accepted).toEqual([]);
  });

  test('but for text and a FIN: the first segment may be lost, and comes again with the cookie', () => {
    const { peer, accepted } = flooded();
    cookieFor(peer);
    peer.send({ seq: 1000, text: pattern(1500).subarray(1000), ack: 0 });
    peer.send({ flags: FIN | ACK, seq: 1500, ack: 0 });
    expect([peer.rest(), accepted.length]).toEqual([[], 0]);
    expect(peer.host.tcp.counters.get('syn-cookie-refused')).toBe(2);
    peer.send({ seq: 0, text: pattern(1500).subarray(0, 1000), ack: 0 });
    expect(accepted.map(({ receivedLength }) => receivedLength)).toEqual([1000]);
  });

  test('an old one: good for 32 to 64 s, though another SYN keeps the flood on', () => {
    for (const [after, good] of [
      [40_000, true],
      [65_000, false],
    ] as const) {
      const { peer, accepted } = flooded();
      cookieFor(peer);
      const old = peer.ours;
      peer.run(after - 1000);
      for (const port of [2000, 2001]) {
        peer.port = port;
        peer.send({ flags: SYN, seq: -1 });
      }
      peer.rest();
      peer.run(1000);
      peer.port = 1234;
      peer.ours = old;
      peer.send({ ack: 0 });
      expect([after, accepted.length === 1]).toEqual([after, good]);
    }
  });

  test('any, when there was no flood', () => {
    const { peer, accepted } = flooded();
    cookieFor(peer);
    const good = peer.ours;
    const quiet = listening();
    quiet.peer.port = 1234;
    quiet.peer.ours = good;
    quiet.peer.send({ ack: 0 });
    expect(quiet.peer.next()).toMatchObject({ flags: RST, seq: 0 });
    expect([accepted, quiet.accepted]).toEqual([[], []]);
  });

  test('CVE-2016-5696: each is answered, so that nobody learns from what he gets how many another one got', () => {
    const { peer } = flooded();
    cookieFor(peer);
    for (let i = 0; i < 300; i++) peer.send({ ack: 100 + i });
    expect(peer.rest().map((s) => s.flags)).toEqual(new Array(300).fill(RST));
  });
});

describe('what bounds connections', () => {
  test('MAX_CONNECTIONS: then neither a SYN nor a good cookie gets an answer', () => {
    const { peer, accepted } = flooded();
    const answer = cookieFor(peer);
    const count = vi.spyOn(peer.host.tcp, 'connectionCount', 'get').mockReturnValue(MAX_CONNECTIONS);
    peer.send({ ack: 0, options: echoOf(answer) });
    peer.port = 4321;
    peer.send({ flags: SYN, seq: -1 });
    expect([peer.rest(), accepted]).toEqual([[], []]);
    count.mockRestore();
    peer.port = 1234;
    peer.send({ ack: 0, options: echoOf(answer) });
    expect(accepted.length).toBe(1);
  });

  test('the backlog: so many are established and wait to be told to the application', () => {
    const peer = new ScriptedPeer();
    const open = (port: number): void => {
      peer.port = port;
      peer.send({ flags: SYN, seq: -1 });
      if (peer.next() !== undefined) peer.send({ ack: 0 });
    };
    let accepted = 0;
    const accept = (): void => {
      accepted += 1;
      if (accepted === 1) for (const port of [2, 3, 4, 5]) open(port); // a busy application
    };
    expectOpen(peer.host.tcp.listen({ port: OURS, backlog: 2 }, accept));
    open(1);
    expect([accepted, peer.host.tcp.counters.get('accept-overflow')]).toEqual([3, 2]);
    open(6);
    expect(accepted).toBe(4);
  });
});

test('RFC 4987 3.4: in a flood a half-open connection makes room after 3 s, not after a minute', () => {
  const { peer } = flooded();
  cookieFor(peer);
  peer.run(3001);
  expect(peer.rest().map((s) => s.at)).toEqual([1000]); // the SYN,ACK, once more
  expect([...peer.host.tcp.connections()]).toEqual([]);
});

test('RFC 6191 2: no cookie for a SYN in TIME-WAIT, for its ISN cannot go on from the old one: TIME-WAIT stays meanwhile', () => {
  const { peer, accepted } = listening({ listen: { backlog: 1 } });
  peer.send({ flags: SYN, seq: -1 });
  peer.next();
  const { ours: first } = peer;
  peer.send({ ack: 0 });
  accepted[0]?.connection.shutdown(peer.world.now);
  peer.send({ flags: FIN | ACK, ack: 1 });
  peer.rest();
  const takeBacklog = (): void => {
    peer.port = 9999;
    peer.send({ flags: SYN, seq: 5000 });
    peer.rest();
    peer.port = PORT;
  };
  takeBacklog();
  peer.send({ flags: SYN, seq: 2_000_000 });
  expect(peer.rest()).toEqual([]);
  expect([...peer.host.tcp.connections()].map((c) => c.state).sort()).toEqual(['SYN-RECEIVED', 'TIME-WAIT']);
  peer.port = 9999;
  peer.send({ flags: RST, seq: 5001 }); // there is room again
  peer.port = PORT;
  peer.send({ flags: SYN, seq: 2_000_000 });
  expect(peer.rest().map((s) => s.flags)).toEqual([SYN | ACK]);
  expect(seqDiff(peer.ours ?? seq(0), first ?? seq(0))).toBe(1 + 1 + 65_536); // SYN, FIN, and a margin
});

test('another member of the group takes the cookie, with the secret and the clock that they share', () => {
  const { peer } = flooded({ startAt: seconds(1000) });
  const answer = cookieFor(peer);
  const good = peer.ours;
  // Its own clock is another; what both count cookies by is not (World hosts share the secret).
  const other = flooded({ startAt: seconds(1001) });
  cookieFor(other.peer, { mss: 600 });
  other.peer.ours = good;
  other.peer.send({ ack: 0, options: echoOf(answer) });
  expect(other.accepted.map((app) => app.connection.info.sendMss)).toEqual([1388]);
});

describe('what a timestamp carries', () => {
  test.each([{ windowScale: 0, sackPermitted: true }, { windowScale: 14 }, { sackPermitted: true }, {}])(
    '%j comes back',
    (options) => {
      for (const value of [0, 1, 63, 64, 0x7fff_ffff, 0xffff_ffff, 123_456_789]) {
        const packed = packOptions(value, options, false);
        expect(unpackOptions(packed)).toEqual(options);
        const behind = (value - packed) >>> 0;
        expect(behind).toBeLessThan(64);
        expect(seqDiff(valueAfter(packed) as never, packed as never)).toBeGreaterThan(0);
      }
    },
  );

  test('a shift above 14 counts as 14 (RFC 7323 2.3)', () => {
    expect(unpackOptions(packOptions(1000, { windowScale: 15 }, false))).toEqual({ windowScale: 14 });
  });
});

test('MAX_BACKLOG half-open connections at most, whatever was asked for', () => {
  const { peer } = listening({ listen: { backlog: 1_000_000 } });
  for (let port = 1; port <= MAX_BACKLOG + 10; port++) {
    peer.port = port;
    peer.send({ flags: SYN, seq: -1 });
  }
  expect([...peer.host.tcp.connections()].length).toBe(MAX_BACKLOG);
});

test.each([
  [4096, 0],
  [65_535, 0],
  [65_536, 1],
  [131_070, 1],
  [131_071, 2],
  [16 * 1024 * 1024, 9],
  [512 * 1024 * 1024, 14],
])('RFC 7323 2.2: a buffer of %i octets takes a shift of %i', (octets, shift) => {
  expect(windowShiftFor(octets)).toBe(shift);
});
