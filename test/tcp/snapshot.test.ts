// Snapshots on the wire between two nodes: nothing is lost on the way, nothing hostile gets in, and the send buffer
// may travel apart.

import { Encoder } from 'cbor-x';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Instant, milliseconds } from '../../stack/core/time.ts';
import { tcbOf } from '../../stack/tcp/connection.ts';
import { MAX_FLIGHT_RUNS } from '../../stack/tcp/limits.ts';
import type { ConnectionSnapshot } from '../../stack/tcp/snapshot.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  missingFromSendBuffer,
  SNAPSHOT_VERSION,
  withoutSendBuffer,
  withSendBuffer,
} from '../../stack/tcp/snapshot.ts';
import { established, pattern } from './support.ts';

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

/** A connection in mid-transfer, with data in both buffers, out of order and SACKed: the first seed that has it all. */
function busy(): ConnectionSnapshot {
  for (let seed = 1; seed < 100; seed++) {
    const made = established({ seed });
    made.world.options.loss = 0.1;
    made.server().send(pattern(60_000));
    made.server().autoRead = false;
    made.client.send(pattern(60_000));
    made.world.runFor(milliseconds(45));
    const { connection } = made.server();
    made.b.tcp.freeze(made.world.now, connection);
    const snapshot = made.b.tcp.snapshot(made.world.now, connection);
    const { outOfOrder, send, receiveBuffer } = snapshot;
    if (outOfOrder.length > 0 && send.sacked.length > 0 && receiveBuffer.bytes.length > 0) return snapshot;
  }
  throw new Error('no seed gives a busy connection');
}

const plain = (snapshot: ConnectionSnapshot): unknown =>
  JSON.parse(JSON.stringify(snapshot, (_k, v: unknown) => (v instanceof Uint8Array ? [...v] : v)));

function reasonOf(value: unknown): string {
  const decoded = decodeSnapshot(encoder.encode(value));
  return decoded.ok ? 'accepted' : decoded.reason;
}

test('decode gives what encode took, octet for octet', () => {
  const s = busy();
  const decoded = decodeSnapshot(encodeSnapshot(s));
  expect(decoded.ok && plain(decoded.value)).toEqual(plain(s));
});

test('more SACKed ranges than a node takes: the first of them go along, for what is left out is only sent again', () => {
  const { b, world, server } = established();
  const { connection } = server();
  const { flight, snd, sendBuffer } = tcbOf(connection);
  const octets = 2 * MAX_FLIGHT_RUNS + 10;
  sendBuffer.append(new Uint8Array(octets));
  // As sent: each octet by itself, at an instant of its own.
  for (let at = 0; at < octets; at++) flight.push(at, at + 1, (world.now + at) as Instant, 1000);
  for (let at = 1; at < octets; at += 2) flight.markSacked(at, at + 1);
  snd.nxt = octets;
  b.tcp.freeze(world.now, connection);
  const decoded = decodeSnapshot(encodeSnapshot(b.tcp.snapshot(world.now, connection)));
  expect(decoded.ok ? decoded.value.send.sacked.length : decoded.reason).toBe(MAX_FLIGHT_RUNS);
});

test('another version is refused by name', () => {
  expect(reasonOf({ ...busy(), version: 7 })).toBe(`snapshot version 7, this node speaks ${SNAPSHOT_VERSION}`);
});

test('what is no CBOR, or no snapshot, is refused with a reason', () => {
  expect(decodeSnapshot(Uint8Array.of(0xff, 0x00))).toMatchObject({ ok: false });
  expect(decodeSnapshot(new Uint8Array(0))).toMatchObject({ ok: false });
  expect(reasonOf([1, 2])).toBe('snapshot is not a map');
  expect(reasonOf({ version: SNAPSHOT_VERSION })).toMatch(/^snapshot\.local is not a map/);
});

describe('each contradiction is refused', () => {
  const s = busy();
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ['una beyond nxt', { ...s, send: { ...s.send, una: s.send.nxt + 1 } }, /una is beyond/],
    ['nxt beyond end', { ...s, send: { ...s.send, nxt: s.send.end + 1 } }, /nxt is beyond/],
    ['a read position beyond the text', { ...s, receive: { ...s.receive, read: s.receive.nxt + 1 } }, /read is beyond/],
    [
      'a window beyond the buffer',
      { ...s, receive: { ...s.receive, edge: s.receive.edge + 1e8 } },
      /beyond the buffer/,
    ],
    ['a window beyond the largest ever', { ...s, send: { ...s.send, wnd: s.send.maxWnd + 1 } }, /largest ever/],
    [
      'a window beyond the buffer by more than its unit',
      {
        ...s,
        receive: { ...s.receive, edge: s.receive.read + s.options.receiveBuffer + 2 ** s.negotiated.receiveShift + 1 },
      },
      /beyond the buffer/,
    ],
    [
      'a receive buffer that is short',
      { ...s, receiveBuffer: { ...s.receiveBuffer, bytes: new Uint8Array(1) } },
      /not whole/,
    ],
    [
      'out-of-order octets outside',
      { ...s, outOfOrder: [{ offset: s.receive.edge, bytes: new Uint8Array(9) }] },
      /outside/,
    ],
    ['SACK out of order', { ...s, send: { ...s.send, sacked: [...s.send.sacked, ...s.send.sacked] } }, /SACKed/],
    [
      'send octets outside',
      { ...s, sendBuffer: [{ offset: s.send.end, bytes: new Uint8Array(1) }] },
      /outside the send/,
    ],
    ['SACK that was not agreed on', { ...s, negotiated: { ...s.negotiated, sackPermitted: false } }, /without SACK/],
    ['a scale not agreed on', { ...s, negotiated: { ...s.negotiated, windowScaling: false } }, /without the option/],
    ['a window from the future', { ...s, send: { ...s.send, wl1: s.receive.edge + 1 } }, /wl1 is beyond/],
    ['a window for what was not sent', { ...s, send: { ...s.send, wl2: s.send.nxt + 1 } }, /wl2 is beyond/],
    ['a state without its FIN', { ...s, state: 'LAST-ACK' }, /FIN/],
    [
      'a SYN that was not sent',
      { ...s, state: 'SYN-SENT', send: { ...s.send, una: -1, nxt: -1, sacked: [] }, ecn: { ...s.ecn, point: -1 } },
      /SYN has not been sent/,
    ],
    ['a state that cannot move', { ...s, state: 'LISTEN' }, /state is not one of/],
    ['a port of 0', { ...s, local: { ...s.local, port: 0 } }, /local\.port is not an integer/],
    ['an address of 4 octets', { ...s, remote: { ...s.remote, address: new Uint8Array(4) } }, /remote\.address/],
    ['a fraction for a position', { ...s, send: { ...s.send, una: 0.5 } }, /send\.una is not an integer/],
    ['NaN', { ...s, congestion: { ...s.congestion, cwnd: Number.NaN } }, /cwnd is not a number/],
  ];
  test.each(cases)('%s', (_name, value, reason) => {
    expect(reasonOf(value)).toMatch(reason);
  });
});

test('hostile octets never throw, and what is accepted can be installed', () => {
  const good = encodeSnapshot(busy());
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.option(fc.nat(good.length)), (changes, cut) => {
      const bytes = good.slice(0, cut ?? good.length);
      for (const [at, octet] of changes) bytes[at] = octet;
      const decoded = decodeSnapshot(bytes);
      if (!decoded.ok || missingFromSendBuffer(decoded.value).length > 0) return;
      const { world, b } = established({ seed: 9 });
      try {
        const installed = b.tcp.install(world.now, decoded.value, { congestion: 'restart' });
        if (typeof installed !== 'string') b.tcp.resume(world.now, installed);
      } catch (error) {
        throw new Error(`${String(error)} after ${JSON.stringify(changes)}`);
      }
      world.runFor(milliseconds(500));
    }),
    { numRuns: 150 },
  );
});

describe('the send buffer apart', () => {
  test('without it, all of it is missing; with it in pieces and to spare, nothing is', () => {
    const s = busy();
    const [chunk] = s.sendBuffer;
    if (chunk === undefined) throw new Error('no send buffer');
    const bare = withoutSendBuffer(s);
    expect(missingFromSendBuffer(bare)).toEqual([{ start: chunk.offset, end: s.send.end }]);
    const before = new Uint8Array(100);
    const whole = withSendBuffer(bare, chunk.offset - 100, [before, chunk.bytes.slice(0, 500), chunk.bytes.slice(500)]);
    expect(whole.ok && missingFromSendBuffer(whole.value)).toEqual([]);
  });

  test('what was copied ahead and what was written since make one buffer', () => {
    const s = busy();
    const [chunk] = s.sendBuffer;
    if (chunk === undefined) throw new Error('no send buffer');
    const upTo = chunk.offset + 1000;
    const rest = withoutSendBuffer(s, upTo);
    expect(rest.sendBuffer[0]?.offset).toBe(upTo);
    expect(withSendBuffer(rest, chunk.offset, [chunk.bytes.slice(0, 1000)]).ok).toBe(true);
  });

  test('a gap has its numbers in the reason', () => {
    const s = withoutSendBuffer(busy());
    expect(withSendBuffer(s, s.send.end - 10, [new Uint8Array(10)])).toMatchObject({
      ok: false,
      reason: `octets ${s.send.una} to ${s.send.end - 10} of the send buffer are missing`,
    });
  });
});
