// TCP Fast Open (RFC 7413), both sides: cookies, text in the SYN, and every way back to an ordinary opening.

import { describe, expect, test } from 'vitest';
import { EPOCH, milliseconds, seconds } from '../../stack/core/time.ts';
import { FastOpenCache } from '../../stack/tcp/fast-open-cache.ts';
import { MAX_FAST_OPEN_SERVERS, MAX_PENDING_FAST_OPENS, MAX_SYN_ACK_RETRANSMITS } from '../../stack/tcp/limits.ts';
import { Address } from '../../stack/wire/address.ts';
import type { TcpOptions } from '../../stack/wire/tcp-option.ts';
import { ACK, FIN, listening, OURS, RST, ScriptedPeer, SYN } from './scripted-peer.ts';
import { A, App, B, expectOpen, firstDifference, PORT, pattern, World } from './support.ts';

const NONE = new Uint8Array(0);
const COOKIE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

describe('RFC 7413 4.2.2: server', () => {
  const server = (): ReturnType<typeof listening> => listening({ listen: { fastOpen: true } });

  /** The cookie of this peer's address. */
  function cookieOf(peer: ScriptedPeer): Uint8Array {
    const { port } = peer;
    peer.port = 777;
    peer.send({ flags: SYN, seq: -1, options: { fastOpenCookie: NONE } });
    const cookie = peer.next()?.options.fastOpenCookie ?? NONE;
    peer.send({ flags: RST, seq: 0 });
    peer.port = port;
    return cookie;
  }

  const withCookie = (peer: ScriptedPeer, text: Uint8Array | number, more: TcpOptions = {}): void =>
    peer.send({ flags: SYN, seq: -1, text, options: { mss: 1000, fastOpenCookie: cookieOf(peer), ...more } });

  test('a request for a cookie is answered with one of 8 octets, the same for each SYN of that address', () => {
    const { peer } = server();
    const first = cookieOf(peer);
    expect(first.length).toBe(8);
    expect(cookieOf(peer)).toEqual(first);
  });

  test('text with a good cookie is delivered and acknowledged before the handshake is done', () => {
    const { peer, accepted } = server();
    withCookie(peer, pattern(300));
    expect(peer.next()).toMatchObject({ flags: SYN | ACK, seq: -1, ack: 300 });
    expect(accepted.map((app) => [app.connection.state, app.told])).toEqual([
      ['SYN-RECEIVED', ['connected', 'readable']],
    ]);
    expect(accepted[0]?.bytes).toEqual(pattern(300));
    expect(accepted[0]?.connection.info.fastOpened).toBe(true);
  });

  test('the application may answer at once, up to the initial window; its FIN waits for the handshake', () => {
    const { peer, accepted } = server();
    withCookie(peer, 10);
    peer.rest();
    accepted[0]?.send(pattern(50_000), true);
    const early = peer.rest();
    expect(early.map((s) => [s.flags & ~8, s.length])).toEqual(new Array(9).fill([ACK, 1000]));
    peer.send({ seq: 10, ack: 9000 });
    expect(accepted[0]?.connection.state).toBe('FIN-WAIT-1');
    expect(peer.rest().length).toBe(19); // slow start
  });

  test('a short answer and the end: the FIN follows the ACK of the handshake', () => {
    const { peer, accepted } = server();
    withCookie(peer, 10);
    accepted[0]?.send(pattern(100), true);
    peer.rest();
    peer.send({ seq: 10, ack: 100 });
    expect(peer.rest()).toMatchObject([{ flags: FIN | ACK, seq: 100 }]);
    peer.send({ seq: 10, ack: 101 });
    expect(accepted[0]?.connection.state).toBe('FIN-WAIT-2');
  });

  test('the application is told of the connection once', () => {
    const { peer, accepted } = server();
    withCookie(peer, 10);
    peer.rest();
    peer.send({ seq: 10, ack: 0, text: 5 });
    expect(accepted.map((app) => app.told)).toEqual([['connected', 'readable', 'readable']]);
    expect(accepted[0]?.connection.state).toBe('ESTABLISHED');
  });

  test('the SYN,ACK that is sent again has neither text nor option', () => {
    const { peer, accepted } = server();
    withCookie(peer, 10, { fastOpenCookie: COOKIE }); // a bad one: the SYN,ACK brings another
    expect(peer.next()?.options.fastOpenCookie?.length).toBe(8);
    peer.run(1000);
    expect(peer.next()?.options.fastOpenCookie).toBe(undefined);
    const { peer: other, accepted: taken } = server();
    withCookie(other, 10);
    taken[0]?.send(pattern(2000));
    other.rest();
    other.run(1000);
    expect(other.rest()).toMatchObject([{ flags: SYN | ACK, seq: -1, length: 0 }]);
    expect(accepted).toEqual([]);
  });

  test.each([
    ['a bad cookie', COOKIE],
    ['a cookie of another length', COOKIE.subarray(0, 4)],
    ['no cookie yet', NONE],
  ])('%s: only the SYN is acknowledged, and a good cookie comes along', (_case, fastOpenCookie) => {
    const { peer, accepted } = server();
    const good = cookieOf(peer);
    withCookie(peer, 300, { fastOpenCookie });
    expect(peer.next()).toMatchObject({ flags: SYN | ACK, ack: 0, options: { fastOpenCookie: good } });
    expect(accepted).toEqual([]);
    peer.send({ seq: 0, ack: 0, text: pattern(300) });
    expect(accepted[0]?.bytes).toEqual(pattern(300));
    expect(accepted[0]?.connection.info.fastOpened).toBe(false);
  });

  test('off by default: only the SYN is acknowledged, and no cookie is given', () => {
    const { peer, accepted } = listening();
    peer.send({ flags: SYN, seq: -1, text: 100, options: { fastOpenCookie: NONE } });
    const answer = peer.next();
    expect([answer?.ack, answer?.options.fastOpenCookie, accepted]).toEqual([0, undefined, []]);
  });

  test('4.1.2: cookies expire: one of the last period is taken and replaced, an older one is not', () => {
    const { peer, accepted } = server();
    const old = cookieOf(peer);
    peer.run(12 * 3600 * 1000);
    peer.rest();
    withCookie(peer, 10, { fastOpenCookie: old });
    const answer = peer.next();
    expect([answer?.ack, accepted.length]).toEqual([10, 1]);
    expect(answer?.options.fastOpenCookie).not.toEqual(old);
    peer.run(12 * 3600 * 1000);
    peer.rest();
    peer.port = 81;
    withCookie(peer, 10, { fastOpenCookie: old });
    expect([peer.next()?.ack, accepted.length]).toEqual([0, 1]);
  });

  test('5.1: pending ones are bounded, beyond it is an ordinary handshake; a RST makes no room for a minute', () => {
    const { peer, accepted } = listening({ listen: { fastOpen: true, backlog: 1000 } });
    const cookie = cookieOf(peer);
    const numbers: (typeof peer.ours)[] = [];
    const open = (port: number): number | undefined => {
      peer.port = port;
      peer.send({ flags: SYN, seq: -1, text: 10, options: { fastOpenCookie: cookie } });
      const ack = peer.next()?.ack;
      numbers[port] = peer.ours;
      return ack;
    };
    const acks = Array.from({ length: MAX_PENDING_FAST_OPENS + 1 }, (_, i) => open(1000 + i));
    expect(acks).toEqual([...new Array(MAX_PENDING_FAST_OPENS).fill(10), 0]);
    peer.port = 1000;
    peer.send({ flags: RST, seq: 10 });
    expect([accepted[0]?.error, open(2000)]).toEqual(['reset', 0]);
    peer.port = 1001;
    peer.ours = numbers[1001];
    peer.send({ seq: 10, ack: 0 }); // this handshake is done: its place is free
    expect([open(2001), open(2002)]).toEqual([10, 0]);
    peer.run(60_000);
    peer.rest();
    expect(open(2003)).toBe(10);
  });

  test('RFC 9293 3.8.3: the handshake that is never done ends, and the application is told', () => {
    const { peer, accepted } = server();
    withCookie(peer, 10);
    peer.rest();
    peer.run(200_000);
    expect([accepted[0]?.error, peer.rest().length]).toEqual(['timed-out', MAX_SYN_ACK_RETRANSMITS]);
  });

  test('a SYN that comes again, without text, gets the SYN,ACK for all of it', () => {
    const { peer, accepted } = server();
    withCookie(peer, 10);
    peer.rest();
    peer.send({ flags: SYN, seq: -1 });
    expect(peer.next()).toMatchObject({ flags: SYN | ACK, ack: 10 });
    expect(accepted.length).toBe(1);
  });

  test('a listener that closes leaves the connections that the application has', () => {
    const peer = new ScriptedPeer();
    const listener = expectOpen(peer.host.tcp.listen({ port: OURS, fastOpen: true }, () => {}));
    withCookie(peer, 10);
    peer.rest();
    listener.close(peer.world.now);
    expect([peer.rest(), [...peer.host.tcp.connections()].map((c) => c.state)]).toEqual([[], ['SYN-RECEIVED']]);
  });
});

describe('RFC 7413 4.2.1: client', () => {
  const open = (peer: ScriptedPeer): App =>
    new App(
      peer.world,
      expectOpen(
        peer.host.tcp.connect(peer.world.now, { remote: { address: B, port: PORT }, localPort: OURS, fastOpen: true }),
      ),
    );

  /** A client that has a cookie of the server, and an MSS of 1000. */
  function knowing(): ScriptedPeer {
    const peer = new ScriptedPeer();
    const app = open(peer);
    peer.next();
    peer.send({ flags: SYN | ACK, seq: -1, ack: 0, options: { mss: 1000, fastOpenCookie: COOKIE } });
    app.connection.abort(peer.world.now);
    peer.rest();
    peer.nxt = 0;
    return peer;
  }

  test('asks for a cookie in its first SYN', () => {
    const peer = new ScriptedPeer();
    const app = open(peer);
    app.send(pattern(100));
    expect(peer.rest()).toMatchObject([{ flags: SYN, length: 0, options: { fastOpenCookie: NONE } }]);
    peer.send({ flags: SYN | ACK, seq: -1, ack: 0 });
    expect(peer.rest()).toMatchObject([{ seq: 0, length: 100 }]);
    expect(app.connection.info.fastOpened).toBe(false);
  });

  test('has its cookie: the SYN carries it and the first write, up to one segment', () => {
    const peer = knowing();
    const app = open(peer);
    expect(peer.rest()).toEqual([]);
    app.send(pattern(5000));
    const [syn, ...more] = peer.rest();
    expect(more).toEqual([]);
    // 1000 octets of MSS less 32 of options: MSS, SACK and timestamps, window scale, cookie.
    expect(syn).toMatchObject({ flags: SYN, seq: -1, length: 968, options: { fastOpenCookie: COOKIE } });
    expect(firstDifference(syn?.text ?? NONE, pattern(5000).subarray(0, 968))).toBe(undefined);
    peer.send({ flags: SYN | ACK, seq: -1, ack: 968, options: { mss: 1000 } });
    expect(app.connection.info.fastOpened).toBe(true);
    expect(peer.rest().map((s) => [s.seq, s.length])).toEqual([968, 1968, 2968, 3968].map((at) => [at, 1000]));
  });

  test('nothing is written: the SYN leaves at the next turn of the timers, without text', () => {
    const peer = knowing();
    const app = open(peer);
    peer.run(0);
    expect(peer.next()).toMatchObject({ flags: SYN, length: 0, options: { fastOpenCookie: COOKIE } });
    peer.send({ flags: SYN | ACK, seq: -1, ack: 0 });
    expect([app.connection.state, app.connection.info.fastOpened]).toEqual(['ESTABLISHED', false]);
    expect(peer.host.tcp.fastOpenServers.find(peer.world.now, A, B)).toMatchObject({ cookie: COOKIE });
  });

  test('only a part, or nothing, of the text is acknowledged: the rest goes again at once, with no word of congestion', () => {
    for (const ack of [0, 300]) {
      const peer = knowing();
      const app = open(peer);
      app.send(pattern(800));
      peer.rest();
      peer.send({ flags: SYN | ACK, seq: -1, ack, options: { mss: 1000, sackPermitted: true } });
      expect(peer.rest().map((s) => [s.seq, s.length, s.flags])).toEqual([[ack, 800 - ack, ACK | 8]]);
      peer.send({ seq: 0, ack: 500 });
      const { fastOpened, ssthresh } = app.connection.info;
      expect([fastOpened, ssthresh]).toEqual([false, Number.POSITIVE_INFINITY]);
      peer.send({ seq: 0, ack: 800 });
      expect(app.connection.unacknowledged).toBe(0);
    }
  });

  test('4.1.3.1: text that is not taken pauses Fast Open, unless a new cookie comes', () => {
    for (const [options, found] of [
      [{}, 'paused'],
      [{ fastOpenCookie: COOKIE.subarray(0, 6) }, { cookie: COOKIE.subarray(0, 6), mss: 1220 }],
    ] as const) {
      const peer = knowing();
      open(peer).send(pattern(10));
      peer.send({ flags: SYN | ACK, seq: -1, ack: 0, options });
      expect(peer.host.tcp.fastOpenServers.find(peer.world.now, A, B)).toEqual(found);
    }
  });

  test('4.1.3.1: no answer: the SYN goes again without text and option, and Fast Open pauses for an hour', () => {
    const peer = knowing();
    const app = open(peer);
    app.send(pattern(500));
    peer.rest();
    peer.run(1000);
    const again = peer.rest();
    expect(again).toMatchObject([{ flags: SYN, seq: -1, length: 0 }]);
    expect(again[0]?.options.fastOpenCookie).toBe(undefined);
    peer.send({ flags: SYN | ACK, seq: -1, ack: 0, options: { mss: 1000 } });
    expect(peer.rest().map((s) => [s.seq, s.length])).toEqual([[0, 500]]);
    const servers = peer.host.tcp.fastOpenServers;
    expect(servers.find(peer.world.now, A, B)).toBe('paused');
    app.connection.abort(peer.world.now);
    peer.rest();
    open(peer);
    expect(peer.rest()).toMatchObject([{ flags: SYN }]);
    peer.run(3_600_000);
    expect(servers.find(peer.world.now, A, B)).toBe('unknown');
  });

  test('the first SYN arrived and only its answer was lost: nothing is sent twice', () => {
    const peer = knowing();
    const app = open(peer);
    app.send(pattern(500));
    peer.run(1000);
    peer.rest();
    peer.send({ flags: SYN | ACK, seq: -1, ack: 500, options: { mss: 1000 } });
    expect(peer.rest()).toMatchObject([{ flags: ACK, seq: 500, length: 0 }]);
    expect(app.connection.unacknowledged).toBe(0);
  });

  test('4.1.3.1: an ICMPv6 error about the SYN pauses Fast Open', () => {
    const peer = knowing();
    open(peer).send(pattern(10));
    const { seq } = peer.world.sent.at(-1)?.header ?? { seq: 0 };
    const quoted = new Uint8Array(8);
    new DataView(quoted.buffer).setUint32(0, OURS * 65_536 + PORT);
    new DataView(quoted.buffer).setUint32(4, seq);
    peer.host.ipv6.icmp({ kind: 'unreachable', code: 1, parameter: 0, local: A, remote: B, quoted });
    expect(peer.host.tcp.fastOpenServers.find(peer.world.now, A, B)).toBe('paused');
  });

  test('a refused connection is refused, with text or without', () => {
    const peer = knowing();
    const app = open(peer);
    app.send(pattern(10));
    peer.send({ flags: RST | ACK, seq: -1, ack: 10 });
    expect(app.error).toBe('refused');
  });

  test('simultaneous open: the SYN,ACK has neither cookie nor text, which goes out when the connection is there', () => {
    const peer = knowing();
    const app = open(peer);
    app.send(pattern(100));
    peer.rest();
    peer.send({ flags: SYN, seq: -1, options: { mss: 1000 } });
    const [answer] = peer.rest();
    expect([answer?.flags, answer?.length, answer?.options.fastOpenCookie]).toEqual([SYN | ACK, 0, undefined]);
    peer.send({ seq: 0, ack: 0 });
    peer.run(250);
    expect(peer.rest()).toMatchObject([{ seq: 0, length: 100 }]);
    expect(app.connection.state).toBe('ESTABLISHED');
  });

  test('shutdown() sends what is held; the FIN follows the handshake', () => {
    const peer = knowing();
    const app = open(peer);
    app.send(pattern(10), true);
    expect(peer.rest()).toMatchObject([{ flags: SYN, length: 10 }]);
    peer.send({ flags: SYN | ACK, seq: -1, ack: 10 });
    expect(peer.rest()).toMatchObject([{ flags: FIN | ACK, seq: 10 }]);
  });

  test.each([
    ['of 3 octets', COOKIE.subarray(0, 3)],
    ['of 18 octets', new Uint8Array(18)],
    ['of an odd number', COOKIE.subarray(0, 7)],
  ])('4.1.1: a cookie %s is none', (_case, fastOpenCookie) => {
    const peer = new ScriptedPeer();
    open(peer);
    peer.send({ flags: SYN | ACK, seq: -1, ack: 0, options: { fastOpenCookie } });
    expect(peer.host.tcp.fastOpenServers.find(peer.world.now, A, B)).toBe('unknown');
  });

  test('the cache is bounded: the server used longest ago is forgotten', () => {
    const cache = new FastOpenCache();
    const at = (i: number): Address => new Address(1, 2, 3, i);
    for (let i = 0; i < MAX_FAST_OPEN_SERVERS; i++) cache.learn(A, at(i), COOKIE, 1000);
    cache.find(EPOCH, A, at(0));
    cache.learn(A, at(5000), COOKIE, 1000);
    expect(cache.size).toBe(MAX_FAST_OPEN_SERVERS);
    expect([cache.find(EPOCH, A, at(0)), cache.find(EPOCH, A, at(1))]).toMatchObject([{ mss: 1000 }, 'unknown']);
  });

  test('4.1.3: a cookie is of both addresses: from another one of ours it is asked for anew', () => {
    const cache = new FastOpenCache();
    const other = new Address(1, 2, 3, 4);
    cache.learn(A, B, COOKIE, 1000);
    expect(cache.find(EPOCH, other, B)).toBe('unknown');
    cache.failed(EPOCH, other, B);
    expect([cache.find(EPOCH, A, B), cache.find(EPOCH, other, B)]).toMatchObject([{ cookie: COOKIE }, 'paused']);
  });

  test('RFC 9293 3.5: a SYN that crosses one which waits for text: it waits no longer', () => {
    const peer = knowing();
    const app = open(peer);
    peer.send({ flags: SYN, seq: -1, options: { mss: 1000 } });
    expect(peer.rest().map((s) => [s.flags, s.length])).toEqual([
      [SYN, 0],
      [SYN | ACK, 0],
    ]);
    peer.send({ flags: SYN | ACK, seq: -1, ack: 0 });
    expect(app.connection.state).toBe('ESTABLISHED');
  });
});

describe('RFC 7413 from end to end', () => {
  const meet = (loss = 0, seed = 1) => {
    const world = new World({ delay: milliseconds(50), loss, seed });
    const [a, b] = [world.host(A), world.host(B)];
    const servers: App[] = [];
    expectOpen(
      b.tcp.listen({ port: PORT, fastOpen: true }, (_now, connection) => {
        const app = new App(world, connection);
        app.send(pattern(3000, 2), true);
        servers.push(app);
      }),
    );
    const open = (): App =>
      new App(world, expectOpen(a.tcp.connect(world.now, { remote: { address: B, port: PORT }, fastOpen: true })));
    return { world, a, b, servers, open };
  };

  test('the second connection has its answer after one round trip', () => {
    const { world, servers, open } = meet();
    const first = open();
    first.send(pattern(700), true);
    world.runFor(seconds(2));
    expect(first.bytes).toEqual(pattern(3000, 2));
    const second = open();
    second.send(pattern(700), true);
    world.runFor(milliseconds(51));
    expect(servers[1]?.bytes).toEqual(pattern(700));
    world.runFor(milliseconds(50));
    expect(second.receivedLength).toBe(3000);
    world.runFor(seconds(2));
    expect([second.connection.info.fastOpened, servers[1]?.connection.info.fastOpened]).toEqual([true, true]);
  });

  test('streams are whole under loss', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { world, servers, open } = meet(0.2, seed);
      for (let i = 0; i < 3; i++) {
        const app = open();
        app.send(pattern(2500, 9), true);
        world.runFor(seconds(200));
        if (app.error !== undefined) continue; // the SYN,ACKs were all lost
        expect([seed, firstDifference(app.bytes, pattern(3000, 2))]).toEqual([seed, undefined]);
        expect([seed, firstDifference(servers.at(-1)?.bytes ?? NONE, pattern(2500, 9))]).toEqual([seed, undefined]);
      }
    }
  });
});
