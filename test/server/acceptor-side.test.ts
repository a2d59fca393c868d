// AcceptorSide: connections, apps, gate and mobile node of an acceptor, over fakes of all of these.

import { describe, expect, test } from 'vitest';
import { Counters } from '../../stack/core/counters.ts';
import { ZERO } from '../../stack/core/time.ts';
import { CopiedBuffers } from '../../stack/handoff/copied-buffers.ts';
import type { ConnectionState } from '../../stack/handoff/messages.ts';
import { AcceptorSide } from '../../stack/server/acceptor-side.ts';
import { PacketGate } from '../../stack/server/packet-gate.ts';
import type { TcpState } from '../../stack/tcp/api.ts';
import { encodeSnapshot, SNAPSHOT_VERSION, withoutSendBuffer } from '../../stack/tcp/snapshot.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { FakeApp, settled } from './fake-app.ts';
import { FakeConnection, FakeIpv6, FakeMobile, FakeTcp, snapshotOf, World } from './fakes.ts';

const HOME = address('2001:db8:1::80');
const CARE_OF = address('2001:db8:b::1');
const DONOR = address('2001:db8:a::1');
const CLIENT = address('2001:db8:c::1');
const PORT = 80;

function setup() {
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
  const told: string[] = [];
  const side = new AcceptorSide({
    client: CLIENT,
    donorCareOf: DONOR,
    clock: { now: () => world.now },
    tcp,
    mobile,
    gate,
    install: { congestion: 'restart' },
    appOf: (port) => (port === PORT ? app : undefined),
    latencies: () => ({ donor: ZERO, client: ZERO }),
    send: () => {},
    finished: () => {},
    acceptor: () => ({
      testsDone: () => told.push('tests done'),
      installed: () => told.push('installed'),
      failed: (_now, reason) => told.push(`failed: ${reason}`),
    }),
  });
  return { world, tcp, app, mobile, told, side };
}

interface Moved {
  readonly localPort?: number;
  readonly remotePort?: number;
  readonly client?: Address;
  readonly home?: Address;
  readonly state?: TcpState;
  readonly sendBuffer?: Uint8Array;
  readonly copiedTo?: number;
  readonly app?: unknown;
}

/** A connection as a donor sends it. */
function moved(shape: Moved = {}): ConnectionState {
  const { localPort = PORT, remotePort = 4001, app = { state: `state of ${remotePort}` } } = shape;
  const local = { address: shape.home ?? HOME, port: localPort };
  const connection = new FakeConnection(
    local,
    { address: shape.client ?? CLIENT, port: remotePort },
    shape.state ?? 'ESTABLISHED',
  );
  const snapshot = snapshotOf(connection, shape.sendBuffer ?? new Uint8Array(0));
  return { localPort, remotePort, tcb: encodeSnapshot(withoutSendBuffer(snapshot, shape.copiedTo ?? 0)), app };
}

const NOTHING = new CopiedBuffers();

describe('tests', () => {
  test('are the business of the mobile node, which knows what is missing', () => {
    const { world, mobile, told, side } = setup();
    side.runTests(world.now);
    expect([told, mobile.asked]).toEqual([[], ['tests']]);
  });
});

describe('install', () => {
  test('brings every connection to life, and its app with the state it gave', () => {
    const { world, tcp, app, told, side } = setup();
    side.install(world.now, [moved(), moved({ remotePort: 4002 })], NOTHING);
    expect(told).toEqual(['installed']);
    expect(tcp.asked).toEqual(['install 80/4001', 'install 80/4002']);
    expect(app.restored).toEqual(['state of 4001', 'state of 4002']);
  });

  test('joins what was copied ahead to what came with STATE', () => {
    const { world, tcp, told, side } = setup();
    const whole = Uint8Array.from({ length: 10 }, (_, n) => n);
    const copied = new CopiedBuffers();
    copied.add({ localPort: PORT, remotePort: 4001 }, 0, whole.subarray(0, 4));
    copied.add({ localPort: PORT, remotePort: 4001 }, 4, whole.subarray(4, 7));
    side.install(world.now, [moved({ sendBuffer: whole, copiedTo: 7 })], copied);
    expect(told).toEqual(['installed']);
    const [snapshot] = tcp.installed;
    const octets = [...(snapshot?.sendBuffer ?? [])]
      .sort((a, b) => a.offset - b.offset)
      .flatMap(({ bytes }) => [...bytes]);
    expect(octets).toEqual([...whole]);
  });

  test('refuses a send buffer with a hole in it', () => {
    const { world, tcp, told, side } = setup();
    const copied = new CopiedBuffers();
    copied.add({ localPort: PORT, remotePort: 4001 }, 0, Uint8Array.of(0, 1));
    side.install(world.now, [moved({ sendBuffer: new Uint8Array(10), copiedTo: 7 })], copied);
    expect(told).toEqual(['failed: octets 2 to 7 of the send buffer are missing']);
    expect(tcp.asked).toEqual([]);
  });

  test('without an app where the donor had none: the handshake ends here, and the app is told then', () => {
    const { world, tcp, app, told, side } = setup();
    const early = moved({ app: null });
    tcp.install = (_now, snapshot) => {
      const connection = new FakeConnection(
        { address: HOME, port: snapshot.local.port },
        { address: CLIENT, port: snapshot.remote.port },
        'SYN-RECEIVED',
      );
      tcp.clients.push(connection);
      return connection;
    };
    side.install(world.now, [early], NOTHING);
    expect([told, app.asked]).toEqual([['installed'], []]);
    side.resume(world.now);
    expect(app.asked).toEqual([]);
    tcp.clients[0]?.establish(world.now);
    expect(app.asked).toEqual(['accept 4001']);
  });

  test.each<[string, ConnectionState, string]>([
    ['for a port that nobody serves here', moved({ localPort: 81 }), 'no service on port 81 here'],
    ['of another client', moved({ client: address('2001:db8:c::2') }), 'a connection of another client'],
    ['of another address of ours', moved({ home: CARE_OF }), 'a connection of another client'],
    ['that is no snapshot', { ...moved(), tcb: Uint8Array.of(0xff) }, 'snapshot is not CBOR'],
  ])('refuses a connection %s', (_what, state, reason) => {
    const { world, tcp, told, side } = setup();
    side.install(world.now, [state], NOTHING);
    expect(told).toEqual([`failed: ${reason}`]);
    expect(tcp.asked).toEqual([]);
  });

  test('refuses the snapshot of another version, and names both', () => {
    const { world, told, side } = setup();
    const connection = new FakeConnection(
      { address: HOME, port: PORT },
      { address: CLIENT, port: 4001 },
      'ESTABLISHED',
    );
    const newer = { ...snapshotOf(connection, new Uint8Array(0)), version: SNAPSHOT_VERSION + 1 };
    const tcb = encodeSnapshot(newer as ReturnType<typeof snapshotOf>);
    side.install(world.now, [{ ...moved(), tcb }], NOTHING);
    expect(told).toEqual([`failed: snapshot version ${SNAPSHOT_VERSION + 1}, this node speaks ${SNAPSHOT_VERSION}`]);
  });

  test('refuses where TCP does', () => {
    const { world, tcp, told, side } = setup();
    tcp.installRefusals.set(PORT, 'address-in-use');
    side.install(world.now, [moved()], NOTHING);
    expect(told).toEqual(['failed: cannot install port 80: address-in-use']);
  });
});

describe('apps that refuse', () => {
  test('at once: those behind are not asked any more', () => {
    const { world, app, told, side } = setup();
    app.restores = () => 'no such file';
    side.install(world.now, [moved(), moved({ remotePort: 4002 })], NOTHING);
    expect(told).toEqual(['failed: no such file']);
    expect(app.asked).toEqual(['restore 4001']);
  });

  test('later: the installation waits for all of them', async () => {
    const { world, app, told, side } = setup();
    const answers: ((refusal: string | undefined) => void)[] = [];
    app.restores = () => new Promise((resolve) => answers.push(resolve));
    side.install(world.now, [moved(), moved({ remotePort: 4002 })], NOTHING);
    answers[0]?.(undefined);
    await settled();
    expect(told).toEqual([]);
    answers[1]?.('no such file');
    await settled();
    expect(told).toEqual(['failed: no such file']);
  });

  test.each([
    [
      'throwing',
      () => {
        throw new Error('disk on fire');
      },
    ],
    ['rejecting', () => Promise.reject(new Error('disk on fire'))],
  ])('by %s', async (_how, restores) => {
    const { world, app, told, side } = setup();
    app.restores = restores;
    side.install(world.now, [moved()], NOTHING);
    await settled();
    expect(told).toEqual(['failed: disk on fire']);
  });

  test('one at once, one by a promise that rejects later: no rejection is left unheard', async () => {
    const { world, app, told, side } = setup();
    let reject: (reason: Error) => void = () => {};
    app.restores = (connection) => {
      if (connection.remote.port === 4002) return 'no such file';
      return new Promise((_resolve, no) => {
        reject = no;
      });
    };
    side.install(world.now, [moved(), moved({ remotePort: 4002 })], NOTHING);
    reject(new Error('later'));
    await settled();
    expect(told[0]).toBe('failed: no such file');
  });
});

describe('taking over, giving back', () => {
  test('apps go on before their connections speak: what they say goes out in place of a bare ACK', () => {
    const { world, tcp, app, side } = setup();
    side.install(world.now, [moved()], NOTHING);
    app.resume = () => expect(tcp.asked).toEqual(['install 80/4001']);
    side.resume(world.now);
    expect(tcp.asked).toEqual(['install 80/4001', 'resume 80/4001']);
    expect.assertions(2);
  });

  test('a connection that its app gives up as it takes over does not speak', () => {
    const { world, tcp, app, side } = setup();
    side.install(world.now, [moved()], NOTHING);
    tcp.asked.length = 0;
    app.resume = (now, connection) => connection.abort(now);
    side.resume(world.now);
    expect(tcp.asked).toEqual([]);
  });

  test('a nudge reaches every connection', () => {
    const { world, tcp, side } = setup();
    side.install(world.now, [moved(), moved({ remotePort: 4002 })], NOTHING);
    tcp.asked.length = 0;
    side.nudge(world.now);
    expect(tcp.asked).toEqual(['nudge 80/4001', 'nudge 80/4002']);
  });

  test('discard forgets connections and correspondent, and apps let go', () => {
    const { world, tcp, app, mobile, side } = setup();
    side.install(world.now, [moved(), moved({ remotePort: 4002 })], NOTHING);
    side.discard(world.now);
    expect(tcp.clients).toEqual([]);
    expect(app.asked.slice(-2)).toEqual(['released 4001', 'released 4002']);
    expect(mobile.asked).toEqual(['forget-correspondent']);
  });

  test('a handoff that is over holds no connection any more', () => {
    const { world, tcp, side } = setup();
    side.install(world.now, [moved()], NOTHING);
    side.finished(world.now, { ok: true });
    tcp.asked.length = 0;
    side.nudge(world.now);
    expect(tcp.asked).toEqual([]);
  });
});
