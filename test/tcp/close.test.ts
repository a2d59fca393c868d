// RFC 9293 3.6 and what belongs to the end of a connection: FIN both ways in every order, TIME-WAIT, RST with the
// rules of RFC 5961, and segments that belong to no connection.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { CHALLENGE_ACKS, KEEPALIVE_PROBES } from '../../stack/tcp/limits.ts';
import { address } from '../../stack/wire/address.ts';
import { ACK, FIN, listening, OURS, opened, PSH, RST, ScriptedPeer, SYN } from './scripted-peer.ts';
import { A, B, established, pattern, type World } from './support.ts';

const resets = (world: World): number => world.sent.filter((s) => (s.header.flags & RST) !== 0).length;

describe('RFC 9293 3.6: closing', () => {
  test('one after the other: ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, CLOSED', () => {
    const { peer, app, connection } = opened();
    connection.shutdown(peer.world.now);
    expect(peer.next()).toMatchObject({ flags: FIN | ACK, seq: 0 });
    expect(connection.state).toBe('FIN-WAIT-1');
    peer.send({ ack: 1 });
    expect(connection.state).toBe('FIN-WAIT-2');
    peer.send({ flags: FIN | ACK, ack: 1 });
    expect(peer.next()).toMatchObject({ flags: ACK, seq: 1, ack: 1 });
    expect([connection.state, app.told.at(-1)]).toEqual(['TIME-WAIT', 'closed:ok']);
    peer.run(59_999);
    expect(connection.state).toBe('TIME-WAIT');
    peer.run(1);
    expect([connection.state, [...peer.host.tcp.connections()]]).toEqual(['CLOSED', []]);
  });

  test('the other way round: CLOSE-WAIT, LAST-ACK, CLOSED', () => {
    const { peer, app, connection } = opened();
    app.autoShutdown = false;
    peer.send({ flags: FIN | ACK, ack: 0 });
    expect(peer.next()).toMatchObject({ flags: ACK, ack: 1 });
    expect([connection.state, app.told]).toEqual(['CLOSE-WAIT', ['connected', 'peerFinished']]);
    connection.shutdown(peer.world.now);
    expect(peer.next()).toMatchObject({ flags: FIN | ACK, seq: 0, ack: 1 });
    expect(connection.state).toBe('LAST-ACK');
    peer.send({ ack: 1 });
    expect([connection.state, app.told.at(-1)]).toEqual(['CLOSED', 'closed:ok']);
  });

  test('FIN with the ACK of ours goes from FIN-WAIT-1 to TIME-WAIT', () => {
    const { peer, connection } = opened();
    connection.shutdown(peer.world.now);
    peer.send({ flags: FIN | ACK, ack: 1 });
    expect(connection.state).toBe('TIME-WAIT');
  });

  test('simultaneous close: CLOSING, then TIME-WAIT', () => {
    const { peer, connection } = opened();
    connection.shutdown(peer.world.now);
    peer.send({ flags: FIN | ACK, ack: 0 });
    expect(connection.state).toBe('CLOSING');
    peer.send({ ack: 1 });
    expect(connection.state).toBe('TIME-WAIT');
  });

  test('half-close: what the peer still sends is received after our FIN', () => {
    const { peer, app, connection } = opened();
    connection.shutdown(peer.world.now);
    peer.send({ ack: 1 });
    peer.send({ ack: 1, text: pattern(700) });
    peer.send({ ack: 1, text: pattern(700, 2), flags: ACK | FIN });
    expect(app.receivedLength).toBe(1400);
    expect(connection.state).toBe('TIME-WAIT');
  });

  test('half-close the other way: in CLOSE-WAIT we may still send', () => {
    const { peer, app } = opened();
    app.autoShutdown = false;
    peer.send({ flags: FIN | ACK, ack: 0 });
    peer.rest();
    app.send(pattern(500));
    expect(peer.next()).toMatchObject({ flags: ACK | PSH, length: 500 });
  });

  test('FIN follows the last octet, in one segment with it', () => {
    const { peer, app } = opened();
    app.send(pattern(1500), true);
    expect(peer.rest().map((s) => [s.seq, s.length, s.flags])).toEqual([
      [0, 1000, ACK],
      [1000, 500, ACK | PSH | FIN],
    ]);
  });

  test('a FIN out of order waits for the octets before it', () => {
    const { peer, app, connection } = opened();
    peer.send({ seq: 100, text: 50, flags: ACK | FIN, ack: 0 });
    expect([connection.state, app.told.includes('peerFinished')]).toEqual(['ESTABLISHED', false]);
    peer.send({ seq: 0, text: 100, ack: 0 });
    expect([app.receivedLength, app.told.includes('peerFinished')]).toEqual([150, true]);
  });

  test('a lost FIN is sent again', () => {
    const { peer, connection } = opened();
    connection.shutdown(peer.world.now);
    peer.rest();
    peer.run(1000);
    expect(peer.next()).toMatchObject({ flags: FIN | ACK, seq: 0 });
  });

  test('no RST over a whole life, whoever closes first', () => {
    for (const first of ['client', 'server'] as const) {
      const made = established();
      const [one, two] = first === 'client' ? [made.client, made.server()] : [made.server(), made.client];
      one.send(pattern(5000), true);
      made.world.runFor(seconds(100));
      expect([one.connection.state, two.connection.state]).toEqual(['CLOSED', 'CLOSED']);
      expect([one.error, two.error, resets(made.world)]).toEqual([undefined, undefined, 0]);
    }
  });
});

describe('TIME-WAIT', () => {
  const inTimeWait = (): ReturnType<typeof opened> => {
    const all = opened();
    all.connection.shutdown(all.peer.world.now);
    all.peer.send({ flags: FIN | ACK, ack: 1 });
    all.peer.rest();
    return all;
  };

  test('RFC 9293 3.10.7.4, eighth: a FIN that comes again is acknowledged, and 2 MSL begin anew', () => {
    const { peer, connection } = inTimeWait();
    peer.run(50_000);
    peer.send({ flags: FIN | ACK, seq: 0, ack: 1 });
    expect(peer.next()).toMatchObject({ flags: ACK, ack: 1 });
    peer.run(50_000);
    expect(connection.state).toBe('TIME-WAIT');
    peer.run(10_000);
    expect(connection.state).toBe('CLOSED');
  });

  test('RFC 9293 3.10.7.4, RFC 6191: a SYN above the old numbers opens a new connection', () => {
    const { peer, accepted } = listening();
    peer.send({ flags: SYN, seq: -1 });
    peer.next();
    peer.send({ ack: 0 });
    const [first] = accepted;
    first?.connection.shutdown(peer.world.now);
    peer.send({ flags: FIN | ACK, ack: 1 });
    expect(first?.connection.state).toBe('TIME-WAIT');
    const before = peer.ours ?? 0;
    peer.rest();
    peer.send({ flags: SYN, seq: 5000 });
    const answer = peer.next();
    expect(answer?.flags).toBe(SYN | ACK);
    expect(((peer.ours ?? 0) - before) | 0).toBeGreaterThan(1);
    expect(answer?.ack).toBe(5001);
  });
});

describe('RST', () => {
  test('RFC 9293 3.10.7.4, second: a RST at RCV.NXT ends the connection', () => {
    const { peer, app } = opened();
    peer.send({ flags: RST });
    expect([app.connection.state, app.error]).toEqual(['CLOSED', 'reset']);
  });

  test('RFC 5961 3.2: elsewhere in the window it is challenged, outside it is ignored', () => {
    const { peer, app } = opened();
    peer.send({ flags: RST, seq: 1000 });
    expect(peer.rest()).toMatchObject([{ flags: ACK, seq: 0, ack: 0 }]);
    peer.send({ flags: RST, seq: -5000 });
    peer.send({ flags: RST, seq: 10_000_000 });
    expect([peer.rest(), app.connection.state]).toEqual([[], 'ESTABLISHED']);
  });

  test('RFC 5961 4.2: a SYN in ESTABLISHED is challenged, whatever its number', () => {
    const { peer, app } = opened();
    peer.send({ flags: SYN, seq: 10 });
    peer.send({ flags: SYN, seq: -1_000_000 });
    expect(peer.rest()).toMatchObject([{ flags: ACK }, { flags: ACK }]);
    expect(app.connection.state).toBe('ESTABLISHED');
  });

  test('RFC 5961 5.2: an ACK older than any duplicate is challenged and its text is not taken', () => {
    const { peer, app } = opened({ window: 1000 });
    peer.send({ ack: -5000, text: 10 });
    expect(peer.rest()).toMatchObject([{ flags: ACK, ack: 0 }]);
    expect(app.receivedLength).toBe(0);
  });

  test('RFC 5961 7: challenge ACKs are rationed', () => {
    const { peer } = opened();
    for (let i = 0; i < 100; i++) peer.send({ flags: RST, seq: 1000 });
    expect(peer.rest().length).toBe(CHALLENGE_ACKS);
    peer.run(5000);
    peer.send({ flags: RST, seq: 1000 });
    expect(peer.rest().length).toBe(1);
  });

  test.each([
    ['SYNs', { flags: SYN, seq: -1_000_000 }],
    ['ACKs of what was never sent', { ack: 100_000 }],
  ])('RFC 5961 7: so are the answers to %s', (_case, script) => {
    const { peer } = opened();
    for (let i = 0; i < 100; i++) peer.send(script);
    expect(peer.rest().length).toBe(CHALLENGE_ACKS);
  });

  test('RFC 9293 3.10.5: abort sends a RST that the peer accepts, and tells its owner', () => {
    const { client, server, world } = established();
    client.connection.abort(world.now);
    world.runFor(milliseconds(50));
    expect([client.error, server().error]).toEqual(['aborted', 'reset']);
  });
});

describe('RFC 9293 3.10.7.1: segments to no connection', () => {
  const fresh = (): ScriptedPeer => {
    const peer = new ScriptedPeer();
    peer.ours = 0 as never;
    return peer;
  };

  test('without ACK: RST,ACK that acknowledges all of it', () => {
    const peer = fresh();
    peer.send({ flags: SYN | FIN, seq: -1, text: 10 });
    expect(peer.next()).toMatchObject({ flags: RST | ACK, ack: 11, window: 0 });
  });

  test('with ACK: RST at the number acknowledged', () => {
    const peer = fresh();
    peer.send({ ack: 1233, text: 10 });
    expect(peer.world.sent.map((s) => [s.header.flags, s.header.seq])).toEqual([[RST, 1234]]);
  });

  test('never for a RST', () => {
    const peer = fresh();
    peer.send({ flags: RST });
    peer.send({ flags: RST | ACK });
    expect(peer.rest()).toEqual([]);
  });

  test('RFC 9293 3.9.2.3: never to or from a multicast address', () => {
    const peer = fresh();
    peer.host.tcp.input(peer.world.now, {
      ...{ source: B, wireSource: B, protocol: 6, start: 0, hopLimit: 1, trafficClass: 0, gsoSize: 0 },
      destination: address('ff02::1'),
      wireDestination: A,
      bytes: new Uint8Array(20).fill(0x50),
      end: 20,
      checksumValid: true,
      hasHomeAddressOption: false,
      hasRoutingHeader2: false,
    });
    expect([peer.rest(), peer.host.tcp.counters.get('address')]).toEqual([[], 1]);
  });

  test('a wrong checksum is dropped and counted', () => {
    const peer = fresh();
    const bytes = new Uint8Array(20);
    bytes[12] = 0x50;
    bytes[13] = SYN;
    peer.host.ipv6.receive(
      peer.world.now,
      { at: peer.world.now, from: B, to: A, header: {} as never, text: bytes, gsoSize: 0, trafficClass: 0 },
      bytes,
    );
    expect([peer.rest(), peer.host.tcp.counters.get('checksum')]).toEqual([[], 1]);
  });

  test('onUnmatched may keep the answer back', () => {
    const peer = fresh();
    const seen: number[] = [];
    peer.host.tcp.onUnmatched = (_now, _packet, header) => {
      seen.push(header.destinationPort);
      return 'ignore';
    };
    peer.send({ flags: SYN, seq: -1 });
    expect([seen, peer.rest()]).toEqual([[OURS], []]);
  });
});

describe('RFC 9293 3.8.3 and 3.8.4: ends that fall silent', () => {
  test('the user timeout ends a connection whose data is not acknowledged, with a RST', () => {
    const { peer, app } = opened({ tcp: { userTimeout: seconds(20) } });
    app.send(pattern(10));
    peer.run(19_999);
    expect(app.closed).toBe(false);
    peer.run(2);
    expect([app.error, peer.rest().at(-1)?.flags]).toEqual(['timed-out', RST | ACK]);
  });

  test('keepalive probes an idle peer with an old number, and gives up when nobody answers', () => {
    const { peer, app } = opened({ tcp: { keepAlive: seconds(60) } });
    peer.run(59_000);
    expect(peer.rest()).toEqual([]);
    peer.run(1_000);
    expect(peer.rest()).toMatchObject([{ flags: ACK, seq: -1, length: 0 }]);
    peer.send({ ack: 0 });
    peer.run(75_000);
    expect(peer.rest().length).toBe(1);
    peer.run(KEEPALIVE_PROBES * 75_000);
    expect(app.error).toBe('timed-out');
    expect(peer.rest().length).toBe(KEEPALIVE_PROBES - 1 + 1); // the other probes, and the RST
  });
});
