// A connection frozen, written down, installed on a second TCP with the same address, and resumed while data is in
// flight both ways: as a property over seeds and random moments, and the rules of DESIGN.md 7 one by one.

import { describe, expect, test } from 'vitest';
import { below, SeededRandom } from '../../stack/core/random.ts';
import { type Duration, milliseconds, seconds } from '../../stack/core/time.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import {
  type ConnectionSnapshot,
  decodeSnapshot,
  encodeSnapshot,
  withoutSendBuffer,
  withSendBuffer,
} from '../../stack/tcp/snapshot.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { ACK, FIN, opened } from './scripted-peer.ts';
import {
  A,
  App,
  B,
  established,
  expectOpen,
  firstDifference,
  type Pair,
  pair,
  pattern,
  type TestHost,
  type WireSegment,
} from './support.ts';

const SEEDS = 200;
const isRst = (s: WireSegment): boolean => (s.header.flags & TCP_FLAG.rst) !== 0;

function throughCbor(snapshot: ConnectionSnapshot): ConnectionSnapshot {
  const decoded = decodeSnapshot(encodeSnapshot(snapshot));
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.value;
}

/** Moves the server's connection to a new host on the same address; silent for `pause` in between. */
function move(made: Pair, from: TestHost, connection: Connection, pause: Duration, apart: boolean) {
  const { world } = made;
  from.tcp.freeze(world.now, connection);
  const snapshot = from.tcp.snapshot(world.now, connection);
  const ahead = from.tcp.copySendBuffer(connection, 0);
  world.runFor(pause);
  const to = world.host(B); // takes the address over
  from.tcp.forget(connection);
  let whole = throughCbor(apart ? withoutSendBuffer(snapshot) : snapshot);
  if (apart) {
    const joined = withSendBuffer(whole, ahead.offset, [ahead.bytes]);
    if (!joined.ok) throw new Error(joined.reason);
    whole = joined.value;
  }
  const installed = expectOpen(to.tcp.install(world.now, whole, { congestion: 'restart' }));
  return { to, installed };
}

describe('RFC 9293 state moved at a random moment: both streams whole, no RST', () => {
  const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
  test.each(seeds)('seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const wire = {
      seed,
      delay: milliseconds(3 + below(random, 30)),
      jitter: milliseconds(below(random, 4)),
      loss: below(random, 4) / 100,
      duplicate: below(random, 3) / 100,
      gso: seed % 5 === 0,
    };
    const options = { congestion: seed % 2 === 0 ? 'cubic' : 'newreno', sendBuffer: 65_536 } as const;
    const [up, down] = [below(random, 150_000), below(random, 150_000)];
    const made = pair(wire, {
      client: options,
      server: { ...options, timeWait: seconds(1) },
      accepted: (app: App) => app.send(pattern(down, 2), true),
    });
    made.client.send(pattern(up, 1), true);
    let host = made.b;
    for (let moves = 0; moves < 3; moves++) {
      made.world.runFor(milliseconds(below(random, 400)));
      const [connection] = host.tcp.connectionsBetween(B, A);
      if (connection === undefined) continue;
      const app = connection.state === 'SYN-RECEIVED' ? undefined : made.server();
      const moved = move(made, host, connection, milliseconds(below(random, 60)), seed % 3 === 0);
      host = moved.to;
      if (app === undefined) return; // before the handshake is done there is no app to move: see below
      app.adopt(moved.installed);
      app.pump();
      host.tcp.resume(made.world.now, moved.installed);
    }
    made.world.runFor(seconds(900));
    expect(firstDifference(made.server().bytes, pattern(up, 1))).toBeUndefined();
    expect(firstDifference(made.client.bytes, pattern(down, 2))).toBeUndefined();
    expect([made.client.closed, made.client.error]).toEqual([true, undefined]);
    expect(made.world.sent.filter(isRst)).toEqual([]);
  });
});

/** A server in mid-download of one megabyte over 20 ms, moved in slow start. */
function download(pause = 0): { made: Pair; moved: ReturnType<typeof move> } {
  const made = established({}, { accepted: (app) => app.send(pattern(1_000_000)), server: { sendBuffer: 1 << 20 } });
  made.world.runFor(milliseconds(65));
  const moved = move(made, made.b, made.server().connection, milliseconds(pause), false);
  return { made, moved };
}

const fromServer = (made: Pair, since: number): WireSegment[] =>
  made.world.sent.filter((s, i) => i >= since && s.from.equals(B));

describe('DESIGN.md 7', () => {
  test('a frozen connection says nothing: no ACK, no timer, no RST, no event', () => {
    const made = established({}, { accepted: (app) => app.send(pattern(100_000)) });
    const server = made.server();
    made.client.send(pattern(100_000));
    made.world.runFor(milliseconds(15));
    made.b.tcp.freeze(made.world.now, server.connection);
    const [sent, told] = [made.world.sent.length, server.told.length];
    made.world.runFor(seconds(100));
    expect(fromServer(made, sent)).toEqual([]);
    expect(server.told.length).toBe(told);
    expect([server.connection.frozen, server.connection.read(made.world.now)]).toEqual([true, undefined]);
    expect(server.connection.write(made.world.now, pattern(5))).toBe(0);
  });

  test('a thawed one goes on as if it had only been slow', () => {
    const made = established({}, { accepted: (app) => app.send(pattern(300_000), true) });
    made.client.send(pattern(300_000, 2), true);
    made.world.runFor(milliseconds(60));
    made.b.tcp.freeze(made.world.now, made.server().connection);
    made.world.runFor(milliseconds(500));
    const rtt = made.server().connection.info.srtt ?? 0;
    made.b.tcp.thaw(made.world.now, made.server().connection);
    made.world.runFor(seconds(100));
    expect(firstDifference(made.client.bytes, pattern(300_000))).toBeUndefined();
    expect(firstDifference(made.server().bytes, pattern(300_000, 2))).toBeUndefined();
    expect(made.server().connection.info.minRtt).toBeLessThanOrEqual(rtt);
    expect(made.server().connection.info.srtt).toBeLessThan(milliseconds(200)); // the pause was not measured
  });

  test('RFC 8201: a thawed one knows of the path what it has become meanwhile', () => {
    const made = established({ mtu: 1500 }, { accepted: (app) => app.send(pattern(100_000)) });
    const { connection } = made.server();
    made.b.tcp.freeze(made.world.now, connection);
    made.b.ipv6.changePath({ mtu: 1280 });
    made.b.tcp.thaw(made.world.now, connection);
    expect(connection.info.sendMss).toBe(1280 - 40 - 20 - 12);
    made.world.runFor(seconds(20));
    expect(firstDifference(made.client.bytes, pattern(100_000))).toBeUndefined();
  });

  test('an installed one is silent until it is resumed, and speaks at once then', () => {
    const { made, moved } = download();
    const sent = made.world.sent.length;
    made.world.runFor(seconds(5));
    expect(fromServer(made, sent)).toEqual([]);
    moved.to.tcp.resume(made.world.now, moved.installed);
    expect(fromServer(made, sent).length).toBeGreaterThan(0);
  });

  test('the donor’s flight is not in the acceptor’s pipe: it starts with new octets and the initial window', () => {
    const { made, moved } = download();
    const next = Math.max(...made.world.sent.filter((s) => s.from.equals(B)).map((s) => s.header.seq));
    const sent = made.world.sent.length;
    expect([moved.installed.info.inFlight, moved.installed.info.cwnd]).toEqual([0, 10 * 1428]);
    moved.to.tcp.resume(made.world.now, moved.installed);
    const first = fromServer(made, sent);
    expect(first.length).toBe(10);
    expect(first.every((s) => s.header.seq > next)).toBe(true);
  });

  test('without loss nothing is sent twice', () => {
    const { made, moved } = download();
    made.server().adopt(moved.installed);
    moved.to.tcp.resume(made.world.now, moved.installed);
    made.world.runFor(seconds(10));
    expect(firstDifference(made.client.bytes, pattern(1_000_000))).toBeUndefined();
    expect(moved.installed.info.retransmits).toBe(0);
  });

  test('what the donor’s flight lost is sent again on SACK evidence, without a timeout', () => {
    const made = established({}, { accepted: (app) => app.send(pattern(1_000_000)) });
    made.world.runFor(milliseconds(60));
    made.world.filter = (s, i) => (s.from.equals(B) && s.text.length > 0 && i % 9 === 0 ? 'drop' : 'pass');
    made.world.runFor(milliseconds(21)); // a round, and some of it is lost
    made.world.filter = undefined;
    const moved = move(made, made.b, made.server().connection, milliseconds(0), false);
    made.server().adopt(moved.installed);
    const before = made.world.now;
    moved.to.tcp.resume(made.world.now, moved.installed);
    made.world.runFor(milliseconds(150));
    expect(made.client.receivedLength).toBeGreaterThan(400_000);
    made.world.run((before + seconds(20)) as never);
    expect(firstDifference(made.client.bytes, pattern(1_000_000))).toBeUndefined();
    expect(moved.installed.info.retransmits).toBeGreaterThan(0);
  });

  test('RFC 8985 7.2: the donor’s flight is not probed, and waits for its RTO', () => {
    const made = established({}, { accepted: (app) => app.send(pattern(5000)) });
    made.world.runFor(milliseconds(100));
    made.world.filter = (s) => (s.from.equals(B) ? 'drop' : 'pass');
    made.server().send(pattern(5000));
    const moved = move(made, made.b, made.server().connection, milliseconds(0), false);
    const resumedAt = made.world.now;
    moved.to.tcp.resume(made.world.now, moved.installed);
    const { rto } = moved.installed.info;
    made.world.runFor(milliseconds(250));
    const again = made.world.sent.filter((s) => s.from.equals(B) && s.text.length > 0 && s.at > resumedAt);
    expect(again.map((s) => s.at - resumedAt)).toEqual([rto]);
  });

  test('RFC 3522 3.2: a timeout of the acceptor while the donor’s flight is only slow is taken back', () => {
    const made = established();
    made.world.options.delay = milliseconds(300);
    made.server().send(pattern(14_280));
    made.world.runFor(milliseconds(5));
    const { to, installed } = move(made, made.b, made.server().connection, milliseconds(0), false);
    const { cwnd, ssthresh } = installed.info;
    to.tcp.resume(made.world.now, installed);
    made.world.runFor(milliseconds(500));
    expect(installed.info.cwnd).toBeLessThan(cwnd);
    made.world.runFor(seconds(5));
    expect(to.tcp.counters.get('spurious-timeout')).toBe(1);
    expect(installed.info.ssthresh).toBe(ssthresh);
    expect(installed.info.cwnd).toBeGreaterThanOrEqual(cwnd);
  });

  test('RFC 8985 6: octets of our own that arrive tell what the donor’s flight has lost', () => {
    const made = established({}, { accepted: (app) => app.send(pattern(5000)) });
    made.world.runFor(milliseconds(100));
    made.world.filter = (s) => (s.from.equals(B) ? 'drop' : 'pass');
    made.server().send(pattern(1000));
    const moved = move(made, made.b, made.server().connection, milliseconds(0), false);
    made.world.filter = undefined;
    made.server().adopt(moved.installed);
    moved.to.tcp.resume(made.world.now, moved.installed);
    made.server().send(pattern(1428)); // one full segment, less than DupThresh
    made.world.runFor(milliseconds(60)); // a round trip, the reordering window, and the way there
    expect(made.client.receivedLength).toBe(7428);
  });

  test('nothing to send: a pure ACK, at once', () => {
    const made = established();
    made.client.send(pattern(100));
    made.world.runFor(milliseconds(11));
    const moved = move(made, made.b, made.server().connection, milliseconds(0), false);
    const sent = made.world.sent.length;
    moved.to.tcp.resume(made.world.now, moved.installed);
    expect(fromServer(made, sent)).toMatchObject([{ header: { flags: TCP_FLAG.ack } }]);
  });

  test('RFC 7323 5.4: TSval never steps back, though the acceptor’s clock is another one', () => {
    const { made, moved } = download();
    const last = made.world.sent.filter((s) => s.from.equals(B)).at(-1)?.header.options.timestamp?.value ?? 0;
    const sent = made.world.sent.length;
    moved.to.tcp.resume(made.world.now, moved.installed);
    const first = fromServer(made, sent)[0]?.header.options.timestamp?.value ?? 0;
    expect((first - last) | 0).toBeGreaterThan(0);
  });

  test('RFC 6298 3: an echo of the donor’s TSval, and octets it sent, give no RTT sample', () => {
    const { made, moved } = download(1000);
    const { srtt } = moved.installed.info;
    moved.to.tcp.resume(made.world.now, moved.installed);
    made.world.runFor(milliseconds(40));
    expect(moved.installed.info.srtt ?? 0).toBeLessThan((srtt ?? 0) + milliseconds(5));
  });

  test('nudge: all that this node has sent and nobody acknowledged goes again, the oldest octets first', () => {
    const { made, moved } = download();
    made.world.filter = (s) => (s.from.equals(B) ? 'drop' : 'pass');
    moved.to.tcp.resume(made.world.now, moved.installed);
    made.world.runFor(milliseconds(1));
    made.world.filter = undefined;
    const sent = made.world.sent.length;
    const { ssthresh } = moved.installed.info;
    moved.to.tcp.nudge(made.world.now, moved.installed);
    const again = fromServer(made, sent);
    expect(again.length).toBeGreaterThanOrEqual(10);
    expect(again.every((s, i) => i === 0 || s.header.seq > (again[i - 1]?.header.seq ?? 0))).toBe(true);
    expect(moved.installed.info.ssthresh).toBe(ssthresh);
    made.world.runFor(seconds(10));
    expect(firstDifference(made.client.bytes, pattern(1_000_000))).toBeUndefined();
    expect(moved.installed.info.ssthresh).toBe(ssthresh);
  });

  test('a connection that was aborted in silence does nothing when it is thawed, resumed or nudged', () => {
    const frozen = established({}, { accepted: (app) => app.send(pattern(100_000)) });
    const { connection } = frozen.server();
    frozen.b.tcp.freeze(frozen.world.now, connection);
    const { made, moved } = download();
    for (const [world, abandoned, host] of [
      [frozen.world, connection, frozen.b],
      [made.world, moved.installed, moved.to],
    ] as const) {
      abandoned.abort(world.now);
      world.runFor(seconds(1));
      const sent = world.sent.filter((s) => s.from.equals(B)).length;
      host.tcp.thaw(world.now, abandoned);
      host.tcp.resume(world.now, abandoned);
      host.tcp.nudge(world.now, abandoned);
      world.runFor(seconds(100));
      expect(world.sent.filter((s) => s.from.equals(B)).length).toBe(sent);
      expect(abandoned.state).toBe('CLOSED');
    }
  });

  test('what was received and not read is read on the new node, in order with what comes', () => {
    const made = established();
    made.server().autoRead = false;
    made.client.send(pattern(50_000), true);
    made.world.runFor(milliseconds(35));
    const moved = move(made, made.b, made.server().connection, milliseconds(5), false);
    const app = made.server();
    app.autoRead = true;
    app.adopt(moved.installed);
    moved.to.tcp.resume(made.world.now, moved.installed);
    made.world.runFor(seconds(100));
    expect(firstDifference(app.bytes, pattern(50_000))).toBeUndefined();
    expect([made.client.closed, app.closed]).toEqual([true, true]);
  });

  describe('what its application sets while a connection is silent holds when it speaks', () => {
    /** A connection here, written down and installed again: its application has it before resume(). */
    function installed() {
      const { peer, connection } = opened();
      const { tcp } = peer.host;
      tcp.freeze(peer.world.now, connection);
      const snapshot = throughCbor(tcp.snapshot(peer.world.now, connection));
      tcp.forget(connection);
      const again = expectOpen(tcp.install(peer.world.now, snapshot, { congestion: 'restart' }));
      return { peer, tcp, connection: again };
    }

    test('RFC 9293 3.8.4: keepalive', () => {
      const { peer, tcp, connection } = installed();
      connection.setOptions(peer.world.now, { keepAlive: seconds(10) });
      tcp.resume(peer.world.now, connection);
      peer.rest();
      peer.run(9_999);
      expect(peer.rest()).toEqual([]);
      peer.run(1);
      expect(peer.rest()).toMatchObject([{ seq: -1, length: 0 }]);
    });

    test('RFC 5482 3.1: a user timeout that it has chosen: CHANGEABLE is false', () => {
      const { peer, tcp, connection } = installed();
      connection.setOptions(peer.world.now, { userTimeout: seconds(5) });
      tcp.freeze(peer.world.now, connection);
      const { options } = tcp.snapshot(peer.world.now, connection);
      expect([options.userTimeoutChangeable, options.advertisedUserTimeoutUs]).toEqual([false, 5e6]);
      connection.write(peer.world.now, pattern(10));
      tcp.resume(peer.world.now, connection);
      peer.run(5_001);
      expect(connection.state).toBe('CLOSED');
    });

    test('SO_LINGER: the time of close() runs', () => {
      const { peer, tcp, connection } = installed();
      connection.setOptions(peer.world.now, { linger: seconds(3) });
      connection.close(peer.world.now);
      tcp.resume(peer.world.now, connection);
      expect(peer.rest()).toMatchObject([{ flags: FIN | ACK }]);
      peer.run(2_999);
      expect(connection.state).toBe('FIN-WAIT-1');
      peer.run(2);
      expect(connection.state).toBe('CLOSED');
    });
  });

  test('an address or a pair of ends that is not free here is refused', () => {
    const made = established();
    made.b.tcp.freeze(made.world.now, made.server().connection);
    const snapshot = made.b.tcp.snapshot(made.world.now, made.server().connection);
    expect(made.b.tcp.install(made.world.now, snapshot, { congestion: 'carry' })).toBe('address-in-use');
    expect(made.a.tcp.install(made.world.now, snapshot, { congestion: 'carry' })).toBe('address-not-available');
  });
});

describe('every state moves', () => {
  test('SYN-RECEIVED: the handshake ends on the new node, which tells connected', () => {
    const made = pair();
    made.world.runFor(milliseconds(15)); // the SYN,ACK is under way
    const [connection] = made.b.tcp.connectionsBetween(B, A);
    if (connection === undefined) throw new Error('no half-open connection');
    expect(connection.state).toBe('SYN-RECEIVED');
    const moved = move(made, made.b, connection, milliseconds(0), false);
    const told: string[] = [];
    moved.installed.events = { connected: () => told.push('connected') };
    moved.to.tcp.resume(made.world.now, moved.installed);
    made.world.runFor(milliseconds(100));
    expect([moved.installed.state, made.client.connection.state, told]).toEqual([
      'ESTABLISHED',
      'ESTABLISHED',
      ['connected'],
    ]);
  });

  test('SYN-RECEIVED with the text of a Fast Open (RFC 7413), read and answered: it goes on where it was', () => {
    const made = established({}, { client: { fastOpen: true }, server: { fastOpen: true } });
    const { world } = made;
    const remote = { address: B, port: made.client.connection.remote.port };
    const client = new App(world, expectOpen(made.a.tcp.connect(world.now, { remote, fastOpen: true })));
    world.filter = (segment) => (segment.from.equals(B) ? 'drop' : 'pass'); // no answer of the donor gets through
    client.send(pattern(500), true);
    world.runFor(milliseconds(15));
    const server = made.server();
    expect([server.connection.state, server.bytes]).toEqual(['SYN-RECEIVED', pattern(500)]);
    server.send(pattern(5000, 2), true);
    world.filter = undefined;
    const moved = move(made, made.b, server.connection, milliseconds(0), false);
    server.adopt(moved.installed);
    moved.to.tcp.resume(world.now, moved.installed);
    world.runFor(seconds(10));
    expect(server.told.filter((told) => told === 'connected')).toEqual(['connected']);
    const synAcks = world.sent.filter((s) => s.from.equals(B) && (s.header.flags & TCP_FLAG.syn) !== 0);
    expect(synAcks.map((s) => s.text.length)).toEqual([0, 0, 0]); // of the first connection, the donor, the acceptor
    expect([moved.installed.state, client.connection.state]).toEqual(['TIME-WAIT', 'TIME-WAIT']);
    expect([client.bytes, client.error]).toEqual([pattern(5000, 2), undefined]);
  });

  test.each(['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'LAST-ACK', 'TIME-WAIT'] as const)('%s', (state) => {
    const made = established({}, { server: { timeWait: seconds(2) } });
    const { client, world } = made;
    const server = made.server();
    client.autoShutdown = false;
    server.autoShutdown = false;
    const serverFirst = state === 'FIN-WAIT-1' || state === 'FIN-WAIT-2' || state === 'TIME-WAIT';
    (serverFirst ? server : client).connection.shutdown(world.now);
    if (state !== 'FIN-WAIT-1') world.runFor(milliseconds(25));
    if (state === 'TIME-WAIT') client.connection.shutdown(world.now);
    if (state === 'LAST-ACK') server.connection.shutdown(world.now);
    if (state === 'TIME-WAIT') world.runFor(milliseconds(11));
    expect(server.connection.state).toBe(state);
    const moved = move(made, made.b, server.connection, milliseconds(20), false);
    server.adopt(moved.installed);
    moved.to.tcp.resume(world.now, moved.installed);
    world.runFor(milliseconds(500));
    client.connection.shutdown(world.now);
    server.connection.shutdown(world.now);
    world.runFor(seconds(100));
    expect([client.error, server.error]).toEqual([undefined, undefined]);
    expect([client.connection.state, moved.installed.state]).toEqual(['CLOSED', 'CLOSED']);
    expect(world.sent.filter(isRst)).toEqual([]);
  });
});
