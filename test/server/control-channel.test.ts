// PlainControlChannel over a TCP layer that the test plays: frames in and out, dialling again, who may speak.

import { describe, expect, test } from 'vitest';
import { concatBytes, setU32 } from '../../stack/core/bytes.ts';
import { Counters } from '../../stack/core/counters.ts';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import {
  decodeMessage,
  encodeMessage,
  frameLength,
  type HandoffMessage,
  MAX_FRAME,
} from '../../stack/handoff/messages.ts';
import { MAX_BACKLOG, PlainControlChannel } from '../../stack/server/control-channel.ts';
import { FrameReader } from '../../stack/server/frame-reader.ts';
import { address } from '../../stack/wire/address.ts';
import { type FakeConnection, FakeTcp, World } from './fakes.ts';

const OURS = address('2001:db8:a::1');
const B = { name: 'b', careOf: address('2001:db8:b::1'), controlPort: 7000 };
const C = { name: 'c', careOf: address('2001:db8:d::1'), controlPort: 7001 };
const STRANGER = address('2001:db8:bad::1');
const PORT = 7000;
const ID = '000102030405060708090a0b0c0d0e0f';

const READY: HandoffMessage = { kind: 'ready', id: ID };
const COMMIT: HandoffMessage = { kind: 'commit', id: ID };
const abort = (reason: string): HandoffMessage => ({ kind: 'abort', id: ID, reason });
const copy = (length: number): HandoffMessage => ({
  kind: 'copy',
  id: ID,
  connection: { localPort: 80, remotePort: 4000 },
  offset: 0,
  bytes: new Uint8Array(length),
});

function setup() {
  const world = new World();
  const tcp = new FakeTcp();
  const counters = new Counters();
  const got: [string, HandoffMessage][] = [];
  const downs: string[] = [];
  const open = () =>
    new PlainControlChannel(world.now, {
      tcp,
      timers: world.timers,
      counters,
      address: OURS,
      port: PORT,
      peers: [B, C],
      handlers: {
        message: (_now, from, message) => got.push([from, message]),
        down: (_now, member) => downs.push(member),
      },
    });
  /** The connections opened to a member, first to last. */
  const dialled = (peer: typeof B) => tcp.opened.filter((c) => c.remote.address.equals(peer.careOf));
  const last = (peer: typeof B): FakeConnection => {
    const found = dialled(peer).at(-1);
    if (found === undefined) throw new Error(`nobody dialled ${peer.name}`);
    return found;
  };
  return { world, tcp, counters, got, downs, open, dialled, last };
}

/** A frame as a later version of homeport might send it. */
function nextVersion(message: HandoffMessage): Uint8Array {
  const frame = encodeMessage(message);
  const at = frame.findIndex((octet, n) => octet === 0x61 && frame[n + 1] === 'v'.charCodeAt(0)) + 2; // CBOR: text of 1
  return frame.map((octet, n) => (n === at ? octet + 1 : octet));
}

/** The messages in a stream of frames. */
function messagesIn(stream: Uint8Array): HandoffMessage[] {
  const reader = new FrameReader(frameLength);
  reader.push(stream);
  const found: HandoffMessage[] = [];
  for (let frame = reader.next(); frame?.ok; frame = reader.next()) {
    const message = decodeMessage(frame.value.subarray(4));
    if (message.ok) found.push(message.value);
  }
  return found;
}

describe('opening', () => {
  test('listens at the care-of address and dials every member from it, kept warm', () => {
    const { tcp, open, last } = setup();
    open();
    expect(tcp.listening).toMatchObject({ address: OURS, port: PORT, noDelay: true, keepAlive: seconds(15) });
    expect(last(B)).toMatchObject({ remote: { address: B.careOf, port: 7000 }, local: { address: OURS } });
    expect(last(C).remote.port).toBe(7001);
  });

  test('throws with address and port where the port is taken', () => {
    const { tcp, open } = setup();
    tcp.refusal = 'address-in-use';
    expect(open).toThrow('control port 7000 of 2001:db8:a::1: address-in-use');
  });

  test('a member is up once its connection is established, not before', () => {
    const { world, open, last } = setup();
    const channel = open();
    expect(channel.isUp('b')).toBe(false);
    last(B).establish(world.now);
    expect([channel.isUp('b'), channel.isUp('c'), channel.isUp('nobody')]).toEqual([true, false, false]);
  });

  test('latency is half the least round trip, in whole microseconds; unknown without a connection', () => {
    const { world, open, last } = setup();
    const channel = open();
    last(B).establish(world.now);
    last(B).info = { ...last(B).info, minRtt: milliseconds(0.333) };
    expect(channel.latency('b')).toBe(167);
    expect(channel.latency('nobody')).toBeUndefined();
    last(B).end(world.now, 'reset');
    expect(channel.latency('b')).toBeUndefined();
  });
});

describe('sending', () => {
  test('RFC 5681 3.1: a new connection begins with octets that open its congestion window, as one whole message', () => {
    const { world, open, last } = setup();
    open();
    const begun: Uint8Array[] = [];
    last(B).onWrite = (bytes) => begun.push(bytes);
    last(B).establish(world.now);
    const [hello] = messagesIn(concatBytes(...begun));
    expect(hello?.kind).toBe('hello');
    expect(concatBytes(...begun).length).toBeGreaterThan(10 * 1460);
  });

  test('goes out as frames, in order, to the member named', () => {
    const { world, open, last } = setup();
    const channel = open();
    last(B).establish(world.now);
    last(C).establish(world.now);
    channel.send(world.now, 'b', READY);
    channel.send(world.now, 'b', COMMIT);
    expect(messagesIn(last(B).takeWritten())).toEqual([READY, COMMIT]);
    expect(last(C).takeWritten()).toHaveLength(0);
  });

  test('waits for the handshake', () => {
    const { world, open, last } = setup();
    const channel = open();
    channel.send(world.now, 'b', READY);
    expect(last(B).takeWritten()).toHaveLength(0);
    last(B).establish(world.now);
    expect(messagesIn(last(B).takeWritten())).toEqual([READY]);
  });

  test('goes on where a full send buffer stopped it', () => {
    const { world, open, last } = setup();
    const channel = open();
    last(B).establish(world.now);
    last(B).room = 10;
    const sent = [copy(1000), READY, abort('x'.repeat(100))];
    for (const message of sent) channel.send(world.now, 'b', message);
    const pieces = [last(B).takeWritten()];
    expect(pieces[0]).toHaveLength(10);
    for (let n = 0; n < 20; n++) {
      last(B).makeRoom(world.now, 100);
      pieces.push(last(B).takeWritten());
    }
    expect(messagesIn(concatBytes(...pieces))).toEqual(sent);
  });

  test('to nobody we know is no error', () => {
    const { world, open, tcp } = setup();
    open().send(world.now, 'nobody', READY);
    expect(tcp.opened.every((c) => c.takeWritten().length === 0)).toBe(true);
  });

  test('the backlog of a member is bounded; beyond it messages are lost, counted, and later ones go out again', () => {
    const { world, open, last, counters } = setup();
    const channel = open();
    last(B).establish(world.now);
    last(B).room = 0;
    const size = 16 * 1024 * 1024;
    for (let n = 0; n < 4; n++) channel.send(world.now, 'b', copy(size));
    expect(counters.get('control-backlog-full')).toBe(1);
    last(B).makeRoom(world.now, Number.POSITIVE_INFINITY);
    const written = last(B).takeWritten();
    expect(written.length).toBeLessThanOrEqual(MAX_BACKLOG);
    expect(messagesIn(written)).toHaveLength(3);
    channel.send(world.now, 'b', READY);
    expect(messagesIn(last(B).takeWritten())).toEqual([READY]);
  });

  test('a frame that the other side would have to refuse is not sent', () => {
    const { world, open, last, counters } = setup();
    const channel = open();
    last(B).establish(world.now);
    channel.send(world.now, 'b', copy(MAX_FRAME));
    expect(counters.get('control-frame-too-long')).toBe(1);
    expect(last(B).takeWritten()).toHaveLength(0);
  });
});

describe('room: what would leave at once', () => {
  test('is the congestion window without what is in flight', () => {
    const { world, open, last } = setup();
    const channel = open();
    expect([channel.room('nobody'), channel.room('b')]).toEqual([0, 0]);
    last(B).establish(world.now);
    last(B).info = { ...last(B).info, cwnd: 14_000, inFlight: 4_000 };
    last(B).unacknowledgedBytes = new Uint8Array(4_000);
    expect(channel.room('b')).toBe(10_000);
  });

  test('is none while anything waits, here or in the send buffer', () => {
    const { world, open, last } = setup();
    const channel = open();
    last(B).establish(world.now);
    last(B).unacknowledgedBytes = new Uint8Array(1);
    expect(channel.room('b')).toBe(0);
    last(B).unacknowledgedBytes = new Uint8Array(0);
    expect(channel.room('b')).toBeGreaterThan(0);
    last(B).room = 0;
    channel.send(world.now, 'b', READY);
    expect(channel.room('b')).toBe(0);
  });
});

describe('a connection that breaks', () => {
  test('is told, and dialled again after a while, later each time', () => {
    const { world, open, dialled, last, downs } = setup();
    open();
    const waits = [200, 400, 800, 1600, 3200, 5000, 5000];
    for (const [n, wait] of waits.entries()) {
      last(B).end(world.now, 'timed-out');
      expect(downs).toHaveLength(n + 1);
      world.pass(milliseconds(wait - 1));
      expect(dialled(B)).toHaveLength(n + 1);
      world.pass(milliseconds(1));
      expect(dialled(B)).toHaveLength(n + 2);
    }
    expect(new Set(downs)).toEqual(new Set(['b']));
  });

  test('a handshake that is done makes the next wait short again', () => {
    const { world, open, dialled, last } = setup();
    open();
    for (const wait of [200, 400, 800]) {
      last(B).end(world.now, 'refused');
      world.pass(milliseconds(wait));
    }
    last(B).establish(world.now);
    last(B).end(world.now, 'reset');
    world.pass(milliseconds(200));
    expect(dialled(B)).toHaveLength(5);
  });

  test('is dialled again where there was no route at first', () => {
    const { world, tcp, open, dialled } = setup();
    open();
    tcp.opened[0]?.end(world.now, 'unreachable');
    tcp.refusal = 'no-route';
    world.pass(seconds(2));
    expect(dialled(B)).toHaveLength(1);
    tcp.refusal = undefined;
    world.pass(seconds(5));
    expect(dialled(B)).toHaveLength(2);
  });

  test('takes what was half sent with it; what is said when it is told goes out on the next', () => {
    const { world, open, last, downs } = setup();
    const channel = open();
    last(B).establish(world.now);
    last(B).room = 5;
    channel.send(world.now, 'b', copy(1000));
    last(B).end(world.now, 'reset');
    expect(downs).toEqual(['b']);
    channel.send(world.now, 'b', READY);
    world.pass(milliseconds(200));
    last(B).establish(world.now);
    expect(messagesIn(last(B).takeWritten())).toEqual([READY]);
  });

  test('that the peer finishes is finished by us too, and dialled again', () => {
    const { world, open, last, dialled, downs } = setup();
    open();
    const first = last(B);
    first.establish(world.now);
    first.events.peerFinished?.(world.now);
    expect(first.finished).toBe(true);
    expect(downs).toEqual(['b']);
    world.pass(milliseconds(200));
    expect(dialled(B)).toHaveLength(2);
  });
});

describe('a member that was not there', () => {
  test('is dialled again as soon as it is heard, when the last SYN is old', () => {
    const { world, tcp, open, dialled, downs } = setup();
    open();
    world.pass(milliseconds(999));
    tcp.arrive(world.now, B.careOf);
    expect(dialled(B)).toHaveLength(1);
    world.pass(milliseconds(1));
    tcp.arrive(world.now, B.careOf);
    expect(dialled(B).map((c) => c.aborted)).toEqual([true, false]);
    world.pass(seconds(60));
    expect([dialled(B).length, downs]).toEqual([2, ['b']]); // the first incoming connection, replaced
  });

  test('one that is connected is left alone', () => {
    const { world, tcp, open, dialled, last } = setup();
    open();
    last(B).establish(world.now);
    world.pass(seconds(60));
    tcp.arrive(world.now, B.careOf);
    expect(dialled(B).map((c) => c.aborted)).toEqual([false]);
  });
});

describe('receiving', () => {
  test('messages are told with the name of the member whose address they come from', () => {
    const { world, tcp, open, got } = setup();
    open();
    tcp.arrive(world.now, B.careOf).receive(world.now, encodeMessage(READY));
    tcp.arrive(world.now, C.careOf).receive(world.now, encodeMessage(COMMIT));
    expect(got).toEqual([
      ['b', READY],
      ['c', COMMIT],
    ]);
  });

  test('frames may come in any pieces, or be there before the connection is accepted', () => {
    const { world, tcp, open, got } = setup();
    open();
    const stream = concatBytes(encodeMessage(READY), encodeMessage(COMMIT));
    const connection = tcp.arrive(world.now, B.careOf, stream.subarray(0, 7));
    for (let at = 7; at < stream.length; at++) connection.receive(world.now, stream.subarray(at, at + 1));
    expect(got.map(([, message]) => message)).toEqual([READY, COMMIT]);
  });

  test('who is no member is reset and counted', () => {
    const { world, tcp, open, got, counters, downs } = setup();
    open();
    const connection = tcp.arrive(world.now, STRANGER, encodeMessage(READY));
    expect(connection.aborted).toBe(true);
    expect(counters.get('control-refused-not-a-member')).toBe(1);
    expect([got, downs]).toEqual([[], []]);
  });

  test.each([
    ['another version', nextVersion(READY)],
    ['no CBOR', Uint8Array.of(0, 0, 0, 2, 0xff, 0xff)],
    ['an empty frame', Uint8Array.of(0, 0, 0, 0)],
    ['a frame of 4 GiB', Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
  ])('%s breaks the connection; nothing behind it is taken', (_what, bytes) => {
    const { world, tcp, open, got, counters, downs } = setup();
    open();
    const connection = tcp.arrive(world.now, B.careOf);
    connection.receive(world.now, concatBytes(encodeMessage(COMMIT), bytes, encodeMessage(READY)));
    expect(connection.aborted).toBe(true);
    expect(counters.get('control-malformed')).toBe(1);
    expect(got).toEqual([['b', COMMIT]]);
    expect(downs).toEqual(['b']);
  });

  test('why a member is not understood is told, until it is', () => {
    const { world, tcp, open } = setup();
    const channel = open();
    expect(channel.complaint('b')).toBeUndefined();
    tcp.arrive(world.now, B.careOf).receive(world.now, nextVersion(READY));
    expect(channel.complaint('b')).toBe('control message version 2, this node speaks version 1');
    expect(channel.complaint('c')).toBeUndefined();
    tcp.arrive(world.now, B.careOf).receive(world.now, encodeMessage(READY));
    expect(channel.complaint('b')).toBeUndefined();
  });

  test('a member that connects anew has lost its connection: the old one is reset and told', () => {
    const { world, tcp, open, got, downs } = setup();
    open();
    const old = tcp.arrive(world.now, B.careOf);
    const next = tcp.arrive(world.now, B.careOf);
    expect([old.aborted, next.aborted]).toEqual([true, false]);
    expect(downs).toEqual(['b']);
    old.receive(world.now, encodeMessage(COMMIT));
    next.receive(world.now, encodeMessage(READY));
    expect(got).toEqual([['b', READY]]);
  });

  test('one connection a member: many do not pile up', () => {
    const { world, tcp, open } = setup();
    open();
    const all = Array.from({ length: 100 }, () => tcp.arrive(world.now, B.careOf));
    expect(all.filter((connection) => !connection.aborted)).toEqual(all.slice(-1));
  });

  test('a connection of a member that breaks is told', () => {
    const { world, tcp, open, downs } = setup();
    open();
    tcp.arrive(world.now, C.careOf).end(world.now, 'timed-out');
    expect(downs).toEqual(['c']);
  });
});

describe('closing', () => {
  test('ends listener and connections, and dials nobody any more', () => {
    const { world, tcp, open, last, dialled } = setup();
    const channel = open();
    last(B).establish(world.now);
    const incoming = tcp.arrive(world.now, B.careOf);
    channel.close(world.now);
    expect(tcp.listening).toBeUndefined();
    expect([last(B).finished, incoming.aborted]).toEqual([true, true]);
    world.pass(seconds(60));
    expect(dialled(B)).toHaveLength(1);
  });

  test('a frame too long by its head alone is refused before its octets come', () => {
    const { world, tcp, open, counters } = setup();
    open();
    const head = new Uint8Array(4);
    setU32(head, 0, MAX_FRAME + 1);
    expect(tcp.arrive(world.now, B.careOf, head).aborted).toBe(true);
    expect(counters.get('control-malformed')).toBe(1);
  });
});
