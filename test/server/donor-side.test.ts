// DonorSide: connections, apps, gate and mobile node of a donor, over fakes of all of these.

import { describe, expect, test } from 'vitest';
import { Counters } from '../../stack/core/counters.ts';
import { milliseconds } from '../../stack/core/time.ts';
import type { DonorOutcome } from '../../stack/handoff/donor.ts';
import type { HandoffMessage } from '../../stack/handoff/messages.ts';
import { DonorSide } from '../../stack/server/donor-side.ts';
import { PacketGate } from '../../stack/server/packet-gate.ts';
import type { TcpState } from '../../stack/tcp/api.ts';
import { decodeSnapshot } from '../../stack/tcp/snapshot.ts';
import { address } from '../../stack/wire/address.ts';
import { FakeApp, settled } from './fake-app.ts';
import { FakeConnection, FakeIpv6, FakeMobile, FakeTcp, World } from './fakes.ts';

const HOME = address('2001:db8:1::80');
const CARE_OF = address('2001:db8:a::1');
const ACCEPTOR = address('2001:db8:b::1');
const CLIENT = address('2001:db8:c::1');
const ID = '000102030405060708090a0b0c0d0e0f';
const PORT = 80;

function setup(states: readonly TcpState[] = ['ESTABLISHED', 'ESTABLISHED']) {
  const world = new World();
  const tcp = new FakeTcp();
  const app = new FakeApp();
  const mobile = new FakeMobile(HOME, CARE_OF);
  const gate = new PacketGate({
    ipv6: new FakeIpv6().mobility,
    counters: new Counters(),
    homeAddress: HOME,
    careOf: CARE_OF,
  });
  const connect = (state: TcpState): FakeConnection => {
    const remotePort = 4001 + tcp.clients.length;
    const connection = new FakeConnection({ address: HOME, port: PORT }, { address: CLIENT, port: remotePort }, state);
    tcp.clients.push(connection);
    return connection;
  };
  for (const state of states) connect(state);
  const sent: HandoffMessage[] = [];
  const told: string[] = [];
  const outcomes: DonorOutcome[] = [];
  const room = { octets: 1_000_000 };
  const side = new DonorSide({
    id: ID,
    client: CLIENT,
    acceptorCareOf: ACCEPTOR,
    clock: { now: () => world.now },
    tcp,
    mobile,
    gate,
    appOf: (port) => (port === PORT ? app : undefined),
    send: (_now, message) => sent.push(message),
    room: () => room.octets,
    finished: (_now, outcome) => outcomes.push(outcome),
    donor: () => ({
      drained: () => told.push('drained'),
      saved: () => told.push('saved'),
      failed: (_now, reason) => told.push(`failed: ${reason}`),
    }),
  });
  return { world, tcp, app, mobile, gate, connect, sent, told, outcomes, room, side };
}

describe('quiesce', () => {
  test('asks the app of each connection, and hears of each that drains', () => {
    const { world, tcp, app, side, told } = setup();
    side.quiesce(world.now);
    expect(app.asked).toEqual(['quiesce 4001', 'quiesce 4002']);
    for (const handler of tcp.drainHandlers.values()) handler(world.now);
    expect(told).toEqual(['drained', 'drained']);
  });

  test('leaves out connections that no app has: before the handshake is done, in TIME-WAIT', () => {
    const { world, tcp, app, side } = setup(['SYN-RECEIVED', 'TIME-WAIT', 'CLOSE-WAIT']);
    side.quiesce(world.now);
    expect(app.asked).toEqual(['quiesce 4003']);
    expect(tcp.drainHandlers.size).toBe(1);
  });

  test('RFC 7413 4.2.2: after a Fast Open the app has the connection before the handshake is done', () => {
    const { world, tcp, app, side } = setup(['SYN-RECEIVED', 'SYN-RECEIVED']);
    const [early] = tcp.clients;
    if (early !== undefined) early.info = { ...early.info, fastOpened: true };
    app.saves = () => 'its state';
    side.quiesce(world.now);
    side.save(world.now);
    expect(app.asked).toEqual(['quiesce 4001', 'save 4001']);
    side.freeze(world.now);
    expect(side.collect(world.now).map((state) => state.app)).toEqual([{ state: 'its state' }, null]);
    side.release(world.now);
    expect(app.asked.at(-1)).toBe('released 4001');
  });

  test('drained is when every connection whose app was asked is', () => {
    const { world, tcp, side, connect } = setup();
    side.quiesce(world.now);
    for (const connection of tcp.clients) connection.unacknowledgedBytes = new Uint8Array(5);
    expect(side.isDrained()).toBe(false);
    for (const connection of tcp.clients) connection.unacknowledgedBytes = new Uint8Array(0);
    expect(side.isDrained()).toBe(true);
    // It came later; its app still writes. Its octets go along.
    connect('ESTABLISHED').unacknowledgedBytes = new Uint8Array(5);
    expect(side.isDrained()).toBe(true);
  });
});

describe('save', () => {
  test('of apps that answer at once is done at once', () => {
    const { world, side, told } = setup();
    side.save(world.now);
    expect(told).toEqual(['saved']);
  });

  test('waits for every app', async () => {
    const { world, app, side, told } = setup();
    const answers: ((state: unknown) => void)[] = [];
    app.saves = () => new Promise((resolve) => answers.push(resolve));
    side.save(world.now);
    answers[1]?.('two');
    await settled();
    expect(told).toEqual([]);
    answers[0]?.('one');
    await settled();
    expect(told).toEqual(['saved']);
    side.freeze(world.now);
    expect(side.collect(world.now).map((state) => state.app)).toEqual([{ state: 'one' }, { state: 'two' }]);
  });

  test('asks the app of a connection that was established while others saved: it does not move without its app', async () => {
    const { world, tcp, app, side, told, connect } = setup(['ESTABLISHED', 'SYN-RECEIVED']);
    const answers: ((state: unknown) => void)[] = [];
    side.quiesce(world.now);
    app.saves = () => new Promise((resolve) => answers.push(resolve));
    side.save(world.now);
    connect('ESTABLISHED');
    for (const connection of tcp.clients) connection.state = 'ESTABLISHED';
    answers.shift()?.('first');
    await settled();
    expect(told).toEqual([]);
    for (const answer of answers) answer('later');
    await settled();
    expect(told).toEqual(['saved']);
    expect(app.asked).toEqual(['quiesce 4001', 'save 4001', 'quiesce 4002', 'save 4002', 'quiesce 4003', 'save 4003']);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('disk on fire');
      },
      'disk on fire',
    ],
    ['rejects', () => Promise.reject(new Error('disk on fire')), 'disk on fire'],
    ['rejects with no Error', () => Promise.reject('smoke'), 'smoke'],
    ['gives what CBOR cannot carry', () => ({ callback: () => 0 }), 'Unknown type'],
    ['promises what CBOR cannot carry', async () => Symbol('x'), 'Unknown type'],
  ])('by an app that %s fails the handoff, and nothing else', async (_what, saves, reason) => {
    const { world, app, side, told } = setup();
    app.saves = saves;
    side.save(world.now);
    await settled();
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`failed: the app gave no state: ${reason}`);
  });

  test('one app throws while another still waits and then rejects: no rejection is left unheard', async () => {
    const { world, app, side, told } = setup();
    let reject: (reason: Error) => void = () => {};
    app.saves = (connection) => {
      if (connection.remote.port === 4002) throw new Error('at once');
      return new Promise((_resolve, no) => {
        reject = no;
      });
    };
    side.save(world.now);
    await settled();
    reject(new Error('later'));
    await settled();
    expect(told).toEqual(['failed: the app gave no state: at once']);
  });

  test('that comes after the handoff has ended stops nobody any more', async () => {
    const { world, app, side, connect } = setup(['ESTABLISHED']);
    let answer: (state: unknown) => void = () => {};
    app.saves = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    side.save(world.now);
    side.thaw(world.now);
    side.finished(world.now, { ok: false, reason: 'too late' });
    connect('ESTABLISHED');
    answer('at last');
    await settled();
    expect(app.asked).not.toContain('quiesce 4002');
  });
});

describe('freeze, collect, release', () => {
  test('every connection is frozen, and its snapshot goes out with the state of its app', () => {
    const { world, tcp, side } = setup(['ESTABLISHED', 'SYN-RECEIVED']);
    side.save(world.now);
    side.freeze(world.now);
    expect(tcp.clients.every((connection) => connection.frozen)).toBe(true);
    const states = side.collect(world.now);
    expect(states).toMatchObject([
      { localPort: PORT, remotePort: 4001, app: { state: { port: 4001 } } },
      { localPort: PORT, remotePort: 4002, app: null },
    ]);
  });

  test('the tail is what mobility measured, and the queue that the connections see', () => {
    const { world, tcp, side, mobile } = setup();
    mobile.latency = milliseconds(20);
    for (const connection of tcp.clients) connection.info = { ...connection.info, recentRtt: milliseconds(65) };
    side.freeze(world.now);
    expect(side.tail()).toBe(milliseconds(45));
  });

  test('connections are forgotten, apps let go, the correspondent forgotten', () => {
    const { world, tcp, app, side, mobile } = setup();
    side.freeze(world.now);
    side.release(world.now);
    expect(tcp.clients).toEqual([]);
    expect(app.asked).toEqual(['released 4001', 'released 4002']);
    expect(mobile.asked).toEqual(['suspend', 'forget-correspondent']);
  });

  test.each(['CLOSED', 'TIME-WAIT'] as const)(
    'a connection that is %s since its app was asked moves without it: the app hears of the end on the donor',
    (state) => {
      const { world, tcp, app, side } = setup();
      side.save(world.now);
      for (const connection of tcp.clients.slice(0, 1)) connection.state = state;
      app.asked.length = 0;
      side.freeze(world.now);
      expect(app.asked).toEqual(['resume 4001']);
      const moved = side.collect(world.now).filter((entry) => entry.app !== null);
      expect(moved.map((entry) => entry.remotePort)).toEqual([4002]);
      side.thaw(world.now);
      expect(app.asked).toEqual(['resume 4001', 'resume 4002']);
    },
  );

  test('a thaw tells every app that was asked, also where its connection has ended', () => {
    const { world, tcp, app, side } = setup();
    side.quiesce(world.now);
    tcp.clients[0]?.end(world.now);
    app.asked.length = 0;
    side.thaw(world.now);
    expect(app.asked).toEqual(['resume 4001', 'resume 4002']);
  });

  test('an app that cannot give the state of a connection that the client has ended stops nobody', async () => {
    const { world, tcp, app, side, told } = setup();
    app.saves = () => Promise.reject(new Error('the socket is closed'));
    tcp.clients.splice(1);
    side.save(world.now);
    tcp.clients[0]?.end(world.now);
    await settled();
    expect(told).toEqual(['saved']);
  });

  test('while a client is given away its mobile node says nothing to it', () => {
    const { world, mobile, side } = setup();
    side.freeze(world.now);
    expect(mobile.asked).toEqual(['suspend']);
    side.thaw(world.now);
    expect(mobile.asked).toEqual(['suspend', 'wake']);
  });

  test('a connection that is closed is not moved', () => {
    const { world, tcp, side } = setup();
    tcp.clients[0]?.end(world.now);
    side.freeze(world.now);
    expect(side.collect(world.now).map((state) => state.remotePort)).toEqual([4002]);
  });
});

describe('thaw', () => {
  test('before the freeze only sets the apps going that were stopped', () => {
    const { world, tcp, app, side, connect } = setup(['ESTABLISHED']);
    side.quiesce(world.now);
    connect('ESTABLISHED');
    side.thaw(world.now);
    expect(app.asked).toEqual(['quiesce 4001', 'resume 4001']);
    expect(tcp.asked).toEqual([]);
    expect(tcp.drainHandlers.size).toBe(0);
  });

  test('after it connections speak before their apps write', () => {
    const { world, tcp, app, side } = setup(['ESTABLISHED']);
    side.save(world.now);
    side.freeze(world.now);
    app.resume = () => expect(tcp.clients[0]?.frozen).toBe(false);
    side.thaw(world.now);
    expect(tcp.asked).toEqual(['freeze 80/4001', 'thaw 80/4001']);
    expect.assertions(2);
  });
});

describe('copies ahead', () => {
  const buffer = (length: number) => Uint8Array.from({ length }, (_, n) => n);

  test('go out in messages of bounded size, from where the client has acknowledged', () => {
    const { world, tcp, side, sent } = setup(['ESTABLISHED']);
    const [connection] = tcp.clients;
    if (connection === undefined) throw new Error('no connection');
    connection.firstUnacknowledged = 1000;
    connection.unacknowledgedBytes = buffer(600 * 1024);
    side.copyAhead(world.now);
    const copies = sent.flatMap((message) => (message.kind === 'copy' ? [message] : []));
    expect(copies.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
      [1000, 256 * 1024],
      [1000 + 256 * 1024, 256 * 1024],
      [1000 + 512 * 1024, 88 * 1024],
    ]);
  });

  test('go out once; the snapshot has what came later', () => {
    const { world, tcp, side, sent } = setup(['ESTABLISHED']);
    const [connection] = tcp.clients;
    if (connection === undefined) throw new Error('no connection');
    connection.unacknowledgedBytes = buffer(100);
    side.copyAhead(world.now);
    side.copyAhead(world.now);
    expect(sent).toHaveLength(1);
    connection.unacknowledgedBytes = buffer(130);
    side.freeze(world.now);
    const [state] = side.collect(world.now);
    const snapshot = decodeSnapshot(state?.tcb ?? new Uint8Array(0));
    if (!snapshot.ok) throw new Error(snapshot.reason);
    expect(snapshot.value.sendBuffer.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([[100, 30]]);
  });

  test('have caught up when STATE would leave at once', () => {
    const { world, tcp, side, room } = setup(['ESTABLISHED']);
    room.octets = 1_000;
    expect(side.hasCaughtUp()).toBe(false);
    room.octets = 2_000;
    expect(side.hasCaughtUp()).toBe(true);
    tcp.clients[0]?.receive(world.now, new Uint8Array(5_000));
    expect(side.hasCaughtUp()).toBe(false);
  });
});
