// Handoff messages on the wire: what is sent arrives as it was; what a hostile or another peer sends is
// refused with a reason, and never throws.

import { Encoder } from 'cbor-x';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setU32, u32 } from '../../stack/core/bytes.ts';
import {
  decodeMessage,
  encodeMessage,
  encodeValue,
  frameLength,
  type HandoffMessage,
  MAX_CONNECTIONS,
  MAX_FRAME,
  MESSAGE_VERSION,
} from '../../stack/handoff/messages.ts';
import { PRESETS } from '../../stack/handoff/strategy.ts';
import { address } from '../../stack/wire/address.ts';
import { messages } from './arbitraries.ts';

const LENGTH_OCTETS = 4;
const ID = '00112233445566778899aabbccddeeff';
const CLIENT = address('2001:db8:c::1');
const CORRESPONDENT = {
  client: CLIENT,
  homeToken: undefined,
  lastSequence: 7,
  bindingRemainingUs: 0,
  plainRemainingUs: 0,
};
const TOKEN = { token: new Uint8Array(8).fill(5), nonceIndex: 3, remainingUs: 1_000_000 };
const TCB = Uint8Array.of(1, 2, 3);

const PREPARE: HandoffMessage = {
  kind: 'prepare',
  id: ID,
  epoch: 3,
  client: CLIENT,
  strategy: PRESETS.fast,
  correspondent: { ...CORRESPONDENT, homeToken: TOKEN },
};
const STATE: HandoffMessage = {
  kind: 'state',
  id: ID,
  correspondent: CORRESPONDENT,
  connections: [{ localPort: 80, remotePort: 4000, tcb: TCB, app: { state: { sent: 17 } } }],
  donorTailUs: 20_000,
};
const COPY: HandoffMessage = {
  kind: 'copy',
  id: ID,
  connection: { localPort: 80, remotePort: 4000 },
  offset: 2 ** 40,
  bytes: TCB,
};

const bodyOf = (message: HandoffMessage): Uint8Array => encodeMessage(message).subarray(LENGTH_OCTETS);

/** The message as its plain map, for spoiling a field of it. */
function plainMap(message: HandoffMessage): Record<string, unknown> {
  const plain: Record<string, unknown> = { v: MESSAGE_VERSION, ...message };
  if ('client' in message) plain.client = message.client.toBytes();
  if ('correspondent' in message)
    plain.correspondent = { ...message.correspondent, client: message.correspondent.client.toBytes() };
  return plain;
}

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const decodeMap = (map: unknown) => decodeMessage(new Uint8Array(encoder.encode(map)));

/** `map` with the field at `path` replaced. */
function withField(map: Record<string, unknown>, path: string, value: unknown): Record<string, unknown> {
  const [head = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...map, [head]: value };
  const inner = map[head];
  if (Array.isArray(inner)) return { ...map, [head]: [withField(inner[0], rest.join('.'), value)] };
  return { ...map, [head]: withField(inner as Record<string, unknown>, rest.join('.'), value) };
}

describe('round trip', () => {
  test('every message arrives as it was sent', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const frame = encodeMessage(message);
        expect(frameLength(frame, 0)).toMatchObject({ ok: true, value: frame.length });
        const decoded = decodeMessage(frame.subarray(LENGTH_OCTETS));
        expect(decoded).toMatchObject({ ok: true, end: frame.length - LENGTH_OCTETS });
        if (decoded.ok) expect(plainMap(decoded.value)).toEqual(plainMap(message));
      }),
      { numRuns: 500 },
    );
  });

  test('the plain maps that the refusals below spoil are good before that', () => {
    for (const message of [PREPARE, STATE, COPY]) expect(decodeMap(plainMap(message)).ok).toBe(true);
  });

  test('a token is a copy: it outlives the frame it came in, which may hold megabytes', () => {
    const body = bodyOf(PREPARE).slice();
    const decoded = decodeMessage(body);
    body.fill(0xee);
    expect(decoded.ok && decoded.value.kind === 'prepare' && decoded.value.correspondent.homeToken?.token).toEqual(
      TOKEN.token,
    );
  });

  test('fields that this version does not know are left out, not refused', () => {
    const decoded = decodeMap({ ...plainMap(PREPARE), urgency: 9 });
    expect(decoded.ok && Object.keys(decoded.value).sort()).toEqual(Object.keys(PREPARE).sort());
  });
});

describe('frame length', () => {
  test('cannot be told before its four octets are there', () => {
    for (let length = 0; length < LENGTH_OCTETS; length++)
      expect(frameLength(new Uint8Array(length), 0)).toBeUndefined();
    expect(frameLength(new Uint8Array(6), 3)).toBeUndefined();
  });

  test('counts its own octets, at any offset', () => {
    const bytes = new Uint8Array(7);
    setU32(bytes, 3, 100);
    expect(frameLength(bytes, 3)).toEqual({ ok: true, value: 104, end: 7 });
  });

  test('is refused beyond MAX_FRAME, whatever follows', () => {
    const bytes = new Uint8Array(4);
    setU32(bytes, 0, MAX_FRAME);
    expect(frameLength(bytes, 0)).toMatchObject({ ok: true, value: MAX_FRAME + LENGTH_OCTETS });
    setU32(bytes, 0, MAX_FRAME + 1);
    expect(frameLength(bytes, 0)).toMatchObject({
      ok: false,
      reason: expect.stringContaining(`${MAX_FRAME + 1} octets`),
    });
    setU32(bytes, 0, 0xffff_ffff);
    expect(frameLength(bytes, 0)).toMatchObject({ ok: false, pointer: 0 });
  });

  test('is what encodeMessage wrote', () => {
    const frame = encodeMessage(STATE);
    expect(u32(frame, 0)).toBe(frame.length - LENGTH_OCTETS);
  });
});

describe('version', () => {
  test.each([0, 2, 99, -1, 1.5])('%s is refused by naming both versions', (v) => {
    expect(decodeMap({ ...plainMap(PREPARE), v })).toMatchObject({
      ok: false,
      reason: `control message version ${v}, this node speaks version ${MESSAGE_VERSION}`,
    });
  });

  test.each([
    ['missing', undefined],
    ['a string', '1'],
    ['a very long string', 'x'.repeat(100_000)],
    ['a map that cannot become text', { toString: null, valueOf: null }],
    ['an array', [1]],
  ])('%s is refused with a short reason', (_what, v) => {
    const decoded = decodeMap({ ...plainMap(PREPARE), v });
    expect(decoded).toMatchObject({ ok: false, reason: expect.stringContaining('without a version') });
  });
});

describe('refused', () => {
  const badWords = [-1, 65_536, 1.5, '80', null, undefined, Number.NaN];
  const badCounts = [-1, 0.5, '1', null, undefined, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60];
  const badIds = [
    '',
    ID.slice(1),
    `${ID}0`,
    ID.toUpperCase(),
    `${ID.slice(1)}g`,
    `${ID.slice(1)}\n`,
    5,
    null,
    undefined,
  ];
  const addressOf = (text: string) => address(text).toBytes();
  const badClients = [
    new Uint8Array(15),
    new Uint8Array(17),
    '2001:db8:c::1',
    undefined,
    addressOf('::'),
    addressOf('::1'),
    addressOf('ff02::1'),
    addressOf('fe80::1'),
  ];
  const badBytes = ['abc', 5, [1, 2], null, undefined];

  const CASES: readonly [HandoffMessage, string, readonly unknown[]][] = [
    [PREPARE, 'kind', ['PREPARE', '', 'toString', 5, undefined, null]],
    [PREPARE, 'id', badIds],
    [PREPARE, 'epoch', badCounts],
    [PREPARE, 'client', badClients],
    [PREPARE, 'strategy', [undefined, null, 'fast', []]],
    [PREPARE, 'strategy.tokens', ['none', undefined]],
    [PREPARE, 'strategy.buffers', ['DRAIN', undefined]],
    [PREPARE, 'strategy.binding', [true, undefined]],
    [PREPARE, 'correspondent', [undefined, null, []]],
    [PREPARE, 'correspondent.client', badClients],
    [PREPARE, 'correspondent.lastSequence', badWords],
    [PREPARE, 'correspondent.bindingRemainingUs', badCounts],
    [PREPARE, 'correspondent.plainRemainingUs', [-1, 'no', undefined]],
    [PREPARE, 'correspondent.homeToken', [null, 5, new Uint8Array(8)]],
    [PREPARE, 'correspondent.homeToken.token', [new Uint8Array(7), new Uint8Array(9), 'abcdefgh', undefined]],
    [PREPARE, 'correspondent.homeToken.nonceIndex', badWords],
    [PREPARE, 'correspondent.homeToken.remainingUs', badCounts],
    [COPY, 'connection', [undefined, 80, [80, 4000]]],
    [COPY, 'connection.localPort', badWords],
    [COPY, 'connection.remotePort', badWords],
    [COPY, 'offset', badCounts],
    [COPY, 'bytes', badBytes],
    [STATE, 'connections', [undefined, {}, [5], [null], [[]]]],
    [STATE, 'connections.localPort', badWords],
    [STATE, 'connections.remotePort', badWords],
    [STATE, 'connections.tcb', badBytes],
    [STATE, 'correspondent', [undefined]],
    [STATE, 'donorTailUs', badCounts],
    [{ kind: 'abort', id: ID, reason: '' }, 'reason', [undefined, 5, null, {}]],
  ];

  const named = CASES.map(([message, path, values]) => [message.kind, path, message, values] as const);
  test.each(named)('%s with a bad %s', (_kind, path, message, values) => {
    for (const value of values) {
      const decoded = decodeMap(withField(plainMap(message), path, value));
      expect(decoded, `${message.kind} with ${path} = ${String(value)}`).toMatchObject({
        ok: false,
        reason: 'control message has a bad or missing field',
      });
    }
  });

  test('more connections than a client may have', () => {
    const connections = (n: number) =>
      Array.from({ length: n }, () => ({ localPort: 1, remotePort: 2, tcb: TCB, app: null }));
    expect(decodeMap({ ...plainMap(STATE), connections: connections(MAX_CONNECTIONS) }).ok).toBe(true);
    expect(decodeMap({ ...plainMap(STATE), connections: connections(MAX_CONNECTIONS + 1) }).ok).toBe(false);
  });

  test.each([
    ['a number', 5],
    ['text', 'text'],
    ['null', null],
    ['an empty array', []],
    ['an array', [1, 2]],
    ['octets', new Uint8Array(4)],
    ['true', true],
  ])('%s, which is no map', (_what, value) => {
    expect(decodeMap(value)).toMatchObject({ ok: false, reason: 'control message is not a map' });
  });

  test('a reason of any length is cut to a bounded one', () => {
    const decoded = decodeMap({ v: MESSAGE_VERSION, kind: 'abort', id: ID, reason: 'x'.repeat(10_000) });
    expect(decoded.ok && decoded.value.kind === 'abort' && decoded.value.reason.length).toBe(500);
  });
});

describe('hostile octets', () => {
  test('random octets are refused and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeMessage(bytes).ok).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  test('a message cut short anywhere is refused', () => {
    for (const message of [PREPARE, STATE, COPY]) {
      const body = bodyOf(message);
      for (let length = 0; length < body.length; length++)
        expect(decodeMessage(body.subarray(0, length)).ok).toBe(false);
    }
  });

  test('octets behind the message are refused', () => {
    const body = bodyOf(STATE);
    const longer = new Uint8Array(body.length + 1);
    longer.set(body);
    expect(decodeMessage(longer).ok).toBe(false);
  });

  test('a flipped octet gives a message or a refusal, never an exception', () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, flip) => {
        const body = bodyOf(message).slice();
        body[at % body.length] = (body[at % body.length] ?? 0) ^ flip;
        expect(typeof decodeMessage(body).ok).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['array of 4 Gi entries', '9affffffff'],
    ['array of 31 Mi entries, in one, in one ...', '9a01f00000'.repeat(1000)],
    ['map of 4 Gi entries', 'baffffffff'],
    ['byte string of 4 GiB', '5affffffff'],
    ['byte string of 2^64 - 1 octets', '5bffffffffffffffff'],
    ['text of 4 GiB', '7affffffff'],
    ['a hundred thousand arrays in one another', '81'.repeat(100_000)],
    ['a hundred thousand open arrays', '9f'.repeat(100_000)],
    ['a hundred thousand tags', 'c1'.repeat(100_000)],
  ])('%s is refused without taking the memory it asks for', (_what, hex) => {
    const bytes = Uint8Array.from(hex.match(/../g) ?? [], (octets) => Number.parseInt(octets, 16));
    expect(decodeMessage(bytes)).toMatchObject({ ok: false, reason: 'control message is not CBOR' });
  });

  test('nothing that was decoded reaches into the prototype of all objects', () => {
    // {"v": 1, "__proto__": {"kind": "ready"}}
    const hostile = 'a2617601695f5f70726f746f5f5fa1646b696e64657265616479';
    const bytes = Uint8Array.from(hostile.match(/../g) ?? [], (octets) => Number.parseInt(octets, 16));
    expect(decodeMessage(bytes).ok).toBe(false);
    expect(Object.hasOwn(Object.prototype, 'kind')).toBe(false);
  });
});

test('what cannot be carried throws at the side that wants to carry it', () => {
  expect(() => encodeValue({ callback: () => 0 })).toThrow();
  expect(() => encodeValue(Symbol('x'))).toThrow();
});
