// RFC 9293 3.5 and 3.10.7.2 to 3.10.7.4, up to ESTABLISHED: opening in all ways, and what may go wrong.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { secretsFor } from '../../stack/tcp/isn.ts';
import { MAX_SYN_ACK_RETRANSMITS } from '../../stack/tcp/limits.ts';
import { ACK, FIN, listening, OURS, opened, RST, ScriptedPeer, SYN } from './scripted-peer.ts';
import { A, App, B, established, expectOpen, PORT, pattern, World } from './support.ts';

const connect = (peer: ScriptedPeer): App =>
  new App(
    peer.world,
    expectOpen(peer.host.tcp.connect(peer.world.now, { remote: { address: B, port: PORT }, localPort: OURS })),
  );

describe('active open', () => {
  test('RFC 9293 3.7.1, 7323 2.5, 2018 2: the SYN offers MSS, window scale, SACK and timestamps', () => {
    const peer = new ScriptedPeer();
    connect(peer);
    const syn = peer.next();
    expect(syn).toMatchObject({ flags: SYN, seq: -1, window: 65_535, length: 0 });
    expect(syn?.options).toMatchObject({ mss: 1440, windowScale: 9, sackPermitted: true, timestamp: { echo: 0 } });
  });

  test('RFC 6691: the MSS option leaves room for what the path in may carry', () => {
    const peer = new ScriptedPeer();
    peer.host.ipv6.pathOverride = { receiveOverhead: 40 };
    connect(peer);
    expect(peer.next()?.options.mss).toBe(1400);
  });

  test('RFC 9293 3.10.7.3: SYN,ACK establishes and is acknowledged at once', () => {
    const peer = new ScriptedPeer();
    const app = connect(peer);
    peer.next();
    peer.send({ flags: SYN | ACK, seq: -1, ack: 0 });
    expect(peer.next()).toMatchObject({ flags: ACK, seq: 0, ack: 0, length: 0 });
    expect([app.connection.state, app.told]).toEqual(['ESTABLISHED', ['connected']]);
  });

  test('RFC 9293 3.10.7.3, first: an ACK of what was not sent is reset with its own number', () => {
    const peer = new ScriptedPeer();
    const app = connect(peer);
    peer.next();
    peer.send({ flags: SYN | ACK, seq: -1, ack: 77 });
    expect(peer.next()).toMatchObject({ flags: RST, seq: 77 });
    expect(app.connection.state).toBe('SYN-SENT');
  });

  test('RFC 9293 3.10.7.3, second: a RST that acknowledges the SYN refuses the connection', () => {
    const peer = new ScriptedPeer();
    const app = connect(peer);
    peer.next();
    peer.send({ flags: RST | ACK, seq: -1, ack: 0 });
    expect([app.connection.state, app.error]).toEqual(['CLOSED', 'refused']);
  });

  test('RFC 5961 3.2: a RST without an acceptable ACK does nothing in SYN-SENT', () => {
    const peer = new ScriptedPeer();
    const app = connect(peer);
    peer.next();
    peer.send({ flags: RST, seq: -1 });
    peer.send({ flags: RST | ACK, seq: -1, ack: 5 });
    expect(app.connection.state).toBe('SYN-SENT');
    expect(peer.rest()).toEqual([]);
  });

  test('RFC 6298 5.5: the SYN is sent again after 1, 2, 4 and 8 s, until the user timeout', () => {
    const peer = new ScriptedPeer({ tcp: {} });
    const app = connect(peer);
    peer.run(400_000);
    expect(peer.rest().map((s) => s.at)).toEqual([
      0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000, 243_000,
    ]);
    expect(app.error).toBe('timed-out');
  });

  test('RFC 5681 3.1: after a lost SYN the first window is one segment', () => {
    const peer = new ScriptedPeer();
    const app = connect(peer);
    peer.run(1500);
    peer.rest();
    peer.send({ flags: SYN | ACK, seq: -1, ack: 0, options: { mss: 1000 } });
    peer.rest();
    app.send(pattern(5000));
    expect(peer.rest().map((s) => s.length)).toEqual([1000]);
  });

  test('RFC 6928 2: the initial window is ten segments', () => {
    const { peer, app } = opened();
    app.send(pattern(50_000));
    expect(peer.rest().map((s) => s.length)).toEqual(new Array(10).fill(1000));
  });

  test('RFC 9293 3.9.2.2: a hard ICMPv6 error about our SYN ends the attempt; one with a wrong number does not', () => {
    const peer = new ScriptedPeer();
    const app = connect(peer);
    const syn = peer.world.sent[0]?.header;
    const quote = (seq: number): Uint8Array => {
      const bytes = new Uint8Array(8);
      const view = new DataView(bytes.buffer);
      view.setUint16(0, OURS);
      view.setUint16(2, PORT);
      view.setUint32(4, seq);
      return bytes;
    };
    const report = { kind: 'unreachable', code: 4, parameter: 0, local: A, remote: B } as const;
    peer.host.ipv6.icmp({ ...report, quoted: quote(((syn?.seq ?? 0) + 1000) >>> 0) });
    expect(app.connection.state).toBe('SYN-SENT');
    peer.host.ipv6.icmp({ ...report, quoted: quote(syn?.seq ?? 0) });
    expect([app.connection.state, app.error]).toEqual(['CLOSED', 'unreachable']);
  });
});

describe('passive open', () => {
  test('RFC 9293 3.10.7.2: SYN,ACK answers with the options that the SYN brought, and no others', () => {
    const { peer } = listening();
    peer.send({ flags: SYN, seq: -1, options: { mss: 1300, sackPermitted: true } });
    const answer = peer.next();
    expect(answer).toMatchObject({ flags: SYN | ACK, seq: -1, ack: 0 });
    expect(answer?.options).toEqual({ mss: 1440, sackPermitted: true });
  });

  test('accept is told first, connected then, when the ACK comes', () => {
    const { peer, accepted } = listening();
    peer.send({ flags: SYN, seq: -1 });
    peer.next();
    expect(accepted).toEqual([]);
    peer.send({ ack: 0 });
    expect(accepted.map((app) => [app.connection.state, app.told])).toEqual([['ESTABLISHED', ['connected']]]);
  });

  test('a SYN that comes again gets the SYN,ACK again, at once', () => {
    const { peer } = listening();
    peer.send({ flags: SYN, seq: -1 });
    peer.send({ flags: SYN, seq: -1 });
    expect(peer.rest()).toMatchObject([
      { flags: SYN | ACK, seq: -1, ack: 0 },
      { flags: SYN | ACK, seq: -1, ack: 0 },
    ]);
  });

  test('RFC 9293 3.10.7.4, fifth: in SYN-RECEIVED an ACK of something else is reset', () => {
    const { peer, accepted } = listening();
    peer.send({ flags: SYN, seq: -1 });
    peer.next();
    peer.send({ ack: 9 });
    expect(peer.next()).toMatchObject({ flags: RST, seq: 9 });
    expect(accepted).toEqual([]);
  });

  test('RFC 9293 3.10.7.2: an ACK to a listener is reset, a RST is ignored', () => {
    const { peer } = listening();
    peer.ours = 0 as never;
    peer.send({ flags: RST });
    expect(peer.rest()).toEqual([]);
    peer.send({ ack: 41 });
    expect(peer.next()).toMatchObject({ flags: RST });
  });

  test('RFC 9293 3.4: text on a SYN is taken, and delivered when the connection is established', () => {
    const { peer, accepted } = listening();
    peer.send({ flags: SYN, seq: -1, text: pattern(100), options: { mss: 1000 } });
    expect(peer.next()).toMatchObject({ flags: SYN | ACK, ack: 100 });
    peer.send({ seq: 100, ack: 0 });
    expect(accepted[0]?.bytes).toEqual(pattern(100));
  });

  test('RFC 9293 3.10.7.4, seventh and eighth: text and FIN may come with the ACK that establishes', () => {
    const { peer, accepted } = listening();
    peer.send({ flags: SYN, seq: -1 });
    peer.next();
    peer.send({ flags: ACK | FIN, ack: 0, text: pattern(30) });
    expect(accepted[0]?.bytes).toEqual(pattern(30));
    expect(accepted[0]?.told).toEqual(['connected', 'readable', 'peerFinished']);
  });

  test('half-open connections are bounded by the backlog, and leave it when they time out', () => {
    const { peer } = listening({ listen: { backlog: 3 } });
    for (let port = 1000; port < 1003; port++) {
      peer.port = port;
      peer.send({ flags: SYN, seq: -1 });
    }
    expect(peer.rest().length).toBe(3);
    peer.run(200_000);
    expect(peer.rest().length).toBe(3 * MAX_SYN_ACK_RETRANSMITS);
    expect([...peer.host.tcp.connections()]).toEqual([]);
    peer.port = 2000;
    peer.send({ flags: SYN, seq: -1 });
    expect([...peer.host.tcp.connections()].length).toBe(1);
  });

  test('a listener that closes resets what is half open', () => {
    const peer = new ScriptedPeer();
    const listener = expectOpen(peer.host.tcp.listen({ port: OURS }, () => {}));
    peer.send({ flags: SYN, seq: -1 });
    peer.next();
    listener.close(peer.world.now);
    expect(peer.next()).toMatchObject({ flags: RST | ACK });
    expect([...peer.host.tcp.connections()]).toEqual([]);
  });
});

test('RFC 9293 3.5: simultaneous open reaches ESTABLISHED, and data flows both ways', () => {
  const world = new World();
  const [a, b] = [world.host(A), world.host(B)];
  const open = (from: typeof a, to: typeof A, localPort: number, port: number): App =>
    new App(world, expectOpen(from.tcp.connect(world.now, { remote: { address: to, port }, localPort })));
  const one = open(a, B, 1111, 2222);
  const two = open(b, A, 2222, 1111);
  world.runFor(milliseconds(100));
  expect([one.connection.state, two.connection.state]).toEqual(['ESTABLISHED', 'ESTABLISHED']);
  one.send(pattern(3000, 1), true);
  two.send(pattern(3000, 2), true);
  world.runFor(seconds(1));
  expect([one.bytes, two.bytes]).toEqual([pattern(3000, 2), pattern(3000, 1)]);
});

test('RFC 9293 3.10.4: what is written and shut down before the connection is there goes out after it', () => {
  const { server, client } = established({}, {});
  expect(client.connection.state).toBe('ESTABLISHED');
  const peer = new ScriptedPeer();
  const early = connect(peer);
  early.send(pattern(10), true);
  peer.next();
  peer.send({ flags: SYN | ACK, seq: -1, ack: 0 });
  expect(peer.rest()).toMatchObject([{ seq: 0, length: 10 }]);
  expect(early.connection.state).toBe('FIN-WAIT-1');
  expect(server().connection.state).toBe('ESTABLISHED');
});

test('opens that cannot be', () => {
  const world = new World();
  const { tcp, ipv6 } = world.host(A);
  const remote = { address: B, port: PORT };
  expect(tcp.connect(world.now, { remote, localAddress: B })).toBe('address-not-available');
  expect(tcp.listen({ port: 1, address: B }, () => {})).toBe('address-not-available');
  expectOpen(tcp.listen({ port: 1 }, () => {}));
  expect(tcp.listen({ port: 1 }, () => {})).toBe('address-in-use');
  expectOpen(tcp.connect(world.now, { remote, localPort: 9 }));
  expect(tcp.connect(world.now, { remote, localPort: 9 })).toBe('address-in-use');
  ipv6.selectSource = () => undefined as never;
  expect(tcp.connect(world.now, { remote })).toBe('no-route');
});

test('RFC 6528 3: the ISN moves on a tick in 4 us, and depends on all four ends and the secret', () => {
  const key = Uint8Array.of(1);
  const [l, r] = [
    { address: A, port: 1 },
    { address: B, port: 2 },
  ];
  const isn = (...p: Parameters<typeof secretsFor>): number => secretsFor(...p).isn;
  const at = isn(key, 0 as never, l, r);
  expect((isn(key, 4000 as never, l, r) - at) >>> 0).toBe(1000);
  const others = [
    isn(Uint8Array.of(2), 0 as never, l, r),
    isn(key, 0 as never, { ...l, port: 3 }, r),
    isn(key, 0 as never, r, l),
  ];
  expect(new Set([at, ...others]).size).toBe(4);
});

test('RFC 6056 3.3.3: local ports differ and come from the ephemeral range', () => {
  const world = new World();
  const { tcp } = world.host(A);
  const ports = Array.from(
    { length: 50 },
    () => expectOpen(tcp.connect(world.now, { remote: { address: B, port: PORT } })).local.port,
  );
  expect(new Set(ports).size).toBe(50);
  expect(ports.every((port) => port >= 32_768 && port <= 60_999)).toBe(true);
});
