// Member: which handoffs begin, which are refused, and what is answered about those that nobody knows. Whole
// handoffs between members are in test/sim.

import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { decodeMessage, encodeMessage, frameLength, type HandoffMessage } from '../../stack/handoff/messages.ts';
import { PRESETS } from '../../stack/handoff/strategy.ts';
import type { HandoffReport } from '../../stack/server/departures.ts';
import { FrameReader } from '../../stack/server/frame-reader.ts';
import { Member } from '../../stack/server/member.ts';
import { RECOGNITION_TIME } from '../../stack/server/recognition.ts';
import { address } from '../../stack/wire/address.ts';
import { FakeApp } from './fake-app.ts';
import { FakeConnection, FakeIpv6, FakeMobile, FakeTcp, World } from './fakes.ts';

const HOME = address('2001:db8:1::80');
const CARE_OF = address('2001:db8:a::1');
const B = { name: 'b', careOf: address('2001:db8:b::1'), controlPort: 7000, bid: 2 };
const C = { name: 'c', careOf: address('2001:db8:d::1'), controlPort: 7000, bid: 3 };
const CLIENT = address('2001:db8:c::1');
const PORT = 80;
const ID = '000102030405060708090a0b0c0d0e0f';
const OTHER_ID = 'ffeeddccbbaa99887766554433221100';

const prepare = (id: string, epoch: number, client = CLIENT): HandoffMessage => ({
  kind: 'prepare',
  id,
  epoch,
  client,
  strategy: PRESETS.prefetched,
  correspondent: { client, homeToken: undefined, lastSequence: 1, bindingRemainingUs: 0, plainRemainingUs: 0 },
});

function setup() {
  const world = new World();
  const tcp = new FakeTcp();
  const ipv6 = new FakeIpv6();
  const app = new FakeApp();
  const mobile = new FakeMobile(HOME, CARE_OF);
  const member = new Member({
    tcp,
    ipv6: ipv6.mobility,
    mobile: (events) => {
      mobile.events = events;
      return mobile;
    },
    timers: world.timers,
    random: new SeededRandom(1),
    clock: { now: () => world.now },
    controlPort: 7000,
    peers: [B, C],
  });
  member.start(world.now);
  const controlTo = (peer: typeof B): FakeConnection => {
    const found = tcp.opened.findLast((connection) => connection.remote.address.equals(peer.careOf));
    if (found === undefined) throw new Error(`nobody dialled ${peer.name}`);
    return found;
  };
  for (const peer of [B, C]) controlTo(peer).establish(world.now);
  const controlFrom = new Map([B, C].map((peer) => [peer.name, tcp.arrive(world.now, peer.careOf)]));
  /** A message from another member. */
  const says = (peer: typeof B, message: HandoffMessage) =>
    controlFrom.get(peer.name)?.receive(world.now, encodeMessage(message));
  /** What was said to another member since the last look. */
  const heard = (peer: typeof B): HandoffMessage[] => {
    const reader = new FrameReader(frameLength);
    reader.push(controlTo(peer).takeWritten());
    const messages: HandoffMessage[] = [];
    for (let frame = reader.next(); frame?.ok; frame = reader.next()) {
      const message = decodeMessage(frame.value.subarray(4));
      if (message.ok) messages.push(message.value);
    }
    return messages;
  };
  /** A client with a connection here. */
  const connect = () => {
    const connection = new FakeConnection(
      { address: HOME, port: PORT },
      { address: CLIENT, port: 4001 + tcp.clients.length },
      'ESTABLISHED',
    );
    tcp.clients.push(connection);
    return connection;
  };
  const reports: HandoffReport[] = [];
  const handoff = (to: string) =>
    member.handoff(world.now, CLIENT, to, PRESETS.prefetched, (report) => reports.push(report));
  member.serve(PORT, app);
  return { world, tcp, ipv6, app, mobile, member, controlTo, says, heard, connect, reports, handoff };
}

const kinds = (messages: readonly HandoffMessage[]) => messages.map(({ kind }) => kind);
const reasons = (messages: readonly HandoffMessage[]) =>
  messages.map((message) => (message.kind === 'abort' ? message.reason : message.kind));

describe('a handoff that cannot begin says why', () => {
  test('to a node that nobody knows, with those that are known', () => {
    const { connect, handoff } = setup();
    connect();
    expect(handoff('z')).toBe("unknown node 'z': the members this node knows are b, c");
  });

  test('of a client that is not here', () => {
    expect(setup().handoff('b')).toBe('no client 2001:db8:c::1 here');
  });

  test('to a node that is not connected', () => {
    const { world, connect, controlTo, handoff } = setup();
    connect();
    controlTo(B).end(world.now, 'timed-out');
    expect(handoff('b')).toBe("node 'b' is not connected");
  });

  test('of a client that is being handed off, or is just coming in', () => {
    const one = setup();
    one.connect();
    expect(one.handoff('b')).toBeUndefined();
    expect(one.handoff('c')).toBe('client 2001:db8:c::1 is being handed off already');
    const other = setup();
    other.says(B, prepare(ID, 1));
    other.connect();
    expect(other.handoff('c')).toBe('client 2001:db8:c::1 is just coming in');
  });
});

describe('a handoff of a client of which it is not known yet whether it is bound or plain', () => {
  const early = () => {
    const scene = setup();
    scene.connect();
    scene.mobile.state = 'testing';
    expect(scene.handoff('b')).toBeUndefined();
    expect(scene.heard(B)).toEqual([]);
    return scene;
  };

  test.each(['bound', 'plain'] as const)('begins as soon as it is %s, behind the event that says so', (state) => {
    const { world, mobile, heard } = early();
    mobile.state = state;
    if (state === 'bound') mobile.events.bindingAcknowledged?.(world.now, CLIENT, 0);
    else mobile.events.unresponsive?.(world.now, CLIENT);
    expect(heard(B)).toEqual([]);
    world.pass(milliseconds(0));
    expect(kinds(heard(B))).toEqual(['prepare']);
  });

  test('fails where that takes too long', () => {
    const { world, heard, reports } = early();
    world.pass(RECOGNITION_TIME);
    expect(reports).toMatchObject([
      { to: 'b', outcome: { ok: false, reason: expect.stringMatching('no binding for this node yet') } },
    ]);
    expect(heard(B)).toEqual([]);
  });

  test('fails where the client has gone meanwhile', () => {
    const { world, tcp, mobile, reports } = early();
    tcp.clients.length = 0;
    mobile.state = 'bound';
    mobile.events.bindingAcknowledged?.(world.now, CLIENT, 0);
    world.pass(milliseconds(0));
    expect(reports).toMatchObject([{ outcome: { ok: false, reason: 'no client 2001:db8:c::1 here' } }]);
  });

  test('is one handoff: a second is refused', () => {
    expect(early().handoff('c')).toBe('client 2001:db8:c::1 is being handed off already');
  });
});

describe('a handoff that goes out', () => {
  test('has an id of its own, and an epoch one higher than the last', () => {
    const { world, connect, handoff, says, heard, reports } = setup();
    connect();
    handoff('b');
    const [first] = heard(B);
    expect(first).toMatchObject({ kind: 'prepare', epoch: 1, client: CLIENT });
    says(B, { kind: 'abort', id: first?.id ?? '', reason: 'no room' });
    expect(reports).toMatchObject([{ to: 'b', outcome: { ok: false, reason: 'no room' }, endedAt: world.now }]);
    handoff('c');
    const [second] = heard(C);
    expect(second).toMatchObject({ kind: 'prepare', epoch: 2 });
    expect(second?.id).not.toBe(first?.id);
  });

  test('that was refused because this node missed handoffs begins once more, behind the last of them', () => {
    const { connect, handoff, says, heard, reports } = setup();
    connect();
    handoff('b');
    const [first] = heard(B);
    says(B, { kind: 'abort', id: first?.id ?? '', reason: 'epoch 1 of this client is past', epoch: 7 });
    expect(reports).toEqual([]);
    const [second] = heard(B);
    expect(second).toMatchObject({ kind: 'prepare', epoch: 8 });
    says(B, { kind: 'abort', id: second?.id ?? '', reason: 'epoch 8 of this client is past', epoch: 9 });
    expect(heard(B)).toEqual([]);
    expect(reports).toMatchObject([{ outcome: { ok: false, reason: 'epoch 8 of this client is past' } }]);
  });

  test('listens to the member it goes to, and to no other', () => {
    const { connect, handoff, says, heard, reports } = setup();
    connect();
    handoff('b');
    const id = heard(B)[0]?.id ?? '';
    says(C, { kind: 'abort', id, reason: 'none of my business' });
    expect(reports).toEqual([]);
    says(B, { kind: 'abort', id, reason: 'no room' });
    expect(reports).toHaveLength(1);
  });

  test('that went well leaves no connection here', () => {
    const { tcp, app, connect, handoff, says, heard, reports } = setup();
    connect();
    handoff('b');
    const id = heard(B)[0]?.id ?? '';
    says(B, { kind: 'ready', id });
    expect(kinds(heard(B))).toEqual(['state']);
    says(B, { kind: 'commit', id });
    expect(reports).toMatchObject([{ outcome: { ok: true } }]);
    expect(tcp.clients).toEqual([]);
    expect(app.asked).toEqual(['quiesce 4001', 'save 4001', 'released 4001']);
  });

  test('fails with its control connection, and goes on here', () => {
    const { world, app, connect, controlTo, handoff, says, heard, reports } = setup();
    connect().unacknowledgedBytes = new Uint8Array(5);
    handoff('b');
    says(B, { kind: 'ready', id: heard(B)[0]?.id ?? '' });
    controlTo(B).end(world.now, 'timed-out');
    expect(reports).toMatchObject([{ outcome: { ok: false } }]);
    expect(app.asked).toEqual(['quiesce 4001', 'resume 4001']);
  });
});

describe('a handoff that comes in', () => {
  test('is answered with READY where both tokens are there', () => {
    const { says, heard } = setup();
    says(B, prepare(ID, 1));
    expect(heard(B)).toEqual([{ kind: 'ready', id: ID }]);
  });

  test('is refused while another brings the same client', () => {
    const { says, heard } = setup();
    says(B, prepare(ID, 1));
    says(C, prepare(OTHER_ID, 2));
    expect(reasons(heard(C))).toEqual(['the client is just coming in']);
  });

  test('is refused for an epoch that is past', () => {
    const { says, heard } = setup();
    says(B, prepare(ID, 5));
    says(B, { kind: 'abort', id: ID, reason: 'changed my mind' });
    heard(B);
    says(C, prepare(OTHER_ID, 5));
    expect(heard(C)).toMatchObject([{ kind: 'abort', reason: 'epoch 5 of this client is past', epoch: 5 }]);
  });

  test('is refused where the client has connections here, and these are left in peace', () => {
    const { world, ipv6, connect, member, says, heard } = setup();
    const connection = connect();
    says(B, prepare(ID, 1));
    expect(reasons(heard(B))).toEqual(['this node has connections of the client itself']);
    expect([connection.frozen, ipv6.tunnelled, ipv6.injected]).toEqual([false, [], []]);
    expect(member.clients()).toEqual([{ client: CLIENT, connections: 1 }]);
    world.pass(seconds(100));
    expect(heard(B)).toEqual([]);
  });

  test('is refused where the state is of another client than the handoff', () => {
    const { says, heard } = setup();
    const forged = { ...prepare(ID, 1), client: address('2001:db8:c::9') } as HandoffMessage;
    says(B, forged);
    expect(reasons(heard(B))).toEqual(['the correspondent state is of another client']);
  });

  test('listens to the member it comes from, and to no other', () => {
    const { says, heard } = setup();
    says(B, prepare(ID, 1));
    heard(B);
    says(C, { kind: 'query', id: ID });
    expect([heard(B), heard(C)]).toEqual([[], []]);
  });
});

describe('a handoff that nobody knows', () => {
  test.each([
    ['QUERY', { kind: 'query', id: ID }],
    [
      'STATE',
      {
        kind: 'state',
        id: ID,
        correspondent: {
          client: CLIENT,
          homeToken: undefined,
          lastSequence: 1,
          bindingRemainingUs: 0,
          plainRemainingUs: 0,
        },
        connections: [],
        donorTailUs: 0,
      },
    ],
  ] as const)('%s is answered with ABORT', (_name, message) => {
    const { says, heard } = setup();
    says(B, message);
    expect(reasons(heard(B))).toEqual(['this node knows nothing of the handoff']);
  });

  test('anything else is not answered', () => {
    const { says, heard } = setup();
    for (const kind of ['ready', 'commit', 'installed'] as const) says(B, { kind, id: ID });
    says(B, { kind: 'abort', id: ID, reason: 'x' });
    expect(heard(B)).toEqual([]);
  });
});

test('a port that is taken is an error that names it', () => {
  const { tcp, app, member } = setup();
  tcp.refusal = 'address-in-use';
  expect(() => member.serve(81, app)).toThrow('port 81 of 2001:db8:1::80: address-in-use');
});
