import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import { address } from '../../stack/wire/address.ts';
import {
  emitMobilityHeader,
  type MobilityMessage,
  mobilityHeaderLength,
  mobilityOptionOffset,
  parseMobilityHeader,
} from '../../stack/wire/mobility.ts';
import {
  AUTHENTICATION_AUTHENTICATOR,
  BINDING_AUTHORIZATION_AUTHENTICATOR,
  type MobilityOption,
} from '../../stack/wire/mobility-option.ts';
import { addresses, mobilityMessages, octets, RUNS } from './arbitraries.ts';
import { emitted } from './emitted.ts';

const HOME = address('2001:db8:100::80');
const CARE_OF = address('2001:db8:a::2');
const COOKIE = fromHex('0011223344556677');
const TOKEN = fromHex('8899aabbccddeeff');
const AUTHENTICATOR = fromHex('000102030405060708090a0b');

const emit = (message: MobilityMessage) =>
  emitted(mobilityHeaderLength(message), (into, at) => emitMobilityHeader(message, into, at));

/** The message without what only a parser adds. */
function withoutOffsets(message: MobilityMessage): MobilityMessage {
  const strip = (option: MobilityOption): MobilityOption => {
    if (option.kind !== 'authentication' && option.kind !== 'binding-authorization-data') return option;
    const { at: _, ...rest } = option;
    return rest;
  };
  return { ...message, options: message.options.map(strip) } as MobilityMessage;
}

function reparsed(bytes: Uint8Array): MobilityMessage | string {
  const header = parseMobilityHeader(bytes, 0, bytes.length);
  return header.ok ? withoutOffsets(header.value.message) : header.reason;
}

const BINDING_UPDATE = {
  kind: 'binding-update',
  sequence: 0x1234,
  acknowledge: true,
  home: false,
  linkLocal: false,
  keyManagement: false,
  lifetime: 105,
} as const;

const VECTORS: readonly (readonly [string, string, MobilityMessage])[] = [
  [
    'RFC 6275 6.1.2: binding refresh request',
    '3b 00 00 00 0000 0000',
    { kind: 'binding-refresh-request', options: [] },
  ],
  [
    'RFC 6275 6.1.3: home test init',
    '3b 01 01 00 0000 0000 0011223344556677',
    { kind: 'home-test-init', cookie: COOKIE, options: [] },
  ],
  [
    'RFC 6275 6.1.4: care-of test init',
    '3b 01 02 00 0000 0000 0011223344556677',
    { kind: 'care-of-test-init', cookie: COOKIE, options: [] },
  ],
  [
    'RFC 6275 6.1.5: home test',
    '3b 02 03 00 0000 0102 0011223344556677 8899aabbccddeeff',
    { kind: 'home-test', nonceIndex: 0x0102, cookie: COOKIE, token: TOKEN, options: [] },
  ],
  [
    'RFC 6275 6.1.6: care-of test',
    '3b 02 04 00 0000 0102 0011223344556677 8899aabbccddeeff',
    { kind: 'care-of-test', nonceIndex: 0x0102, cookie: COOKIE, token: TOKEN, options: [] },
  ],
  [
    'RFC 6275 6.1.7: binding update, nonce indices at 2n, authorization data at 8n + 2 and last',
    `3b 03 05 00 0000 1234 8000 0069
     04 04 0005 0006
     05 0c 000102030405060708090a0b`,
    {
      ...BINDING_UPDATE,
      options: [
        { kind: 'nonce-indices', home: 5, careOf: 6 },
        { kind: 'binding-authorization-data', authenticator: AUTHENTICATOR },
      ],
    },
  ],
  [
    'RFC 6275 6.2.7: authorization data alone is padded to 8n + 2',
    `3b 03 05 00 0000 1234 8000 0069
     01 04 00000000
     05 0c 000102030405060708090a0b`,
    {
      ...BINDING_UPDATE,
      options: [{ kind: 'binding-authorization-data', authenticator: AUTHENTICATOR }],
    },
  ],
  [
    'RFC 6275 6.2.5: alternate care-of address at 8n + 6',
    `3b 03 05 00 0000 1234 c000 0069
     01 00 03 10 20010db8000a00000000000000000002`,
    {
      ...BINDING_UPDATE,
      home: true,
      options: [{ kind: 'alternate-care-of', address: CARE_OF }],
    },
  ],
  [
    'RFC 6275 6.1.8: binding acknowledgement with refresh advice',
    '3b 01 06 00 0000 87 80 1234 0069 02 02 0020',
    {
      kind: 'binding-acknowledgement',
      status: 135,
      keyManagement: true,
      sequence: 0x1234,
      lifetime: 0x69,
      options: [{ kind: 'refresh-advice', interval: 32 }],
    },
  ],
  [
    'RFC 6275 6.1.9: binding error',
    '3b 02 07 00 0000 01 00 20010db8010000000000000000000080',
    { kind: 'binding-error', status: 1, home: HOME, options: [] },
  ],
  [
    'RFC 5648 4.1: binding identifier; RFC 4285 5, 6: replay protection at 8n + 2, authentication at 4n + 1',
    `3b 05 05 00 0000 1234 c000 0069
     23 04 0007 00 05
     0a 08 e0f0a0b0c0d0e0f0
     00 09 11 01 00000101 000102030405060708090a0b`,
    {
      ...BINDING_UPDATE,
      home: true,
      options: [
        { kind: 'binding-identifier', bid: 7, status: 0, simultaneous: false, priority: 5 },
        { kind: 'replay-protection', timestamp: 0xe0f0a0b0c0d0e0f0n },
        { kind: 'authentication', subtype: 1, spi: 0x101, authenticator: AUTHENTICATOR },
      ],
    },
  ],
  [
    'RFC 5648 4.1: a care-of address in the binding identifier is at 8n',
    `3b 04 05 00 0000 1234 c000 0069
     01 04 00000000 23 14 0007 00 85 20010db8000a00000000000000000002`,
    {
      ...BINDING_UPDATE,
      home: true,
      options: [{ kind: 'binding-identifier', bid: 7, status: 0, simultaneous: true, priority: 5, careOf: CARE_OF }],
    },
  ],
  [
    'RFC 6089 4.2, RFC 6088 3.2: all packets from one address go to BID 7',
    `3b 05 05 00 0000 1234 c000 0069
     2d 22 0003 000a 00 00
     02 02 0007
     03 16 02 00 8000 0000 20010db8000c00000000000000000009`,
    {
      ...BINDING_UPDATE,
      home: true,
      options: [
        {
          kind: 'flow-identification',
          fid: 3,
          priority: 10,
          status: 0,
          subOptions: [
            { kind: 'binding-reference', bids: [7] },
            { kind: 'traffic-selector', selector: { source: { first: address('2001:db8:c::9') } } },
          ],
        },
      ],
    },
  ],
  ['an unknown type', '3b 00 63 00 0000 0102', { kind: 'unknown', type: 0x63, body: fromHex('0102'), options: [] }],
];

describe('Mobility Header', () => {
  test.each(VECTORS)('%s: emit', (_name, hex, message) => {
    expect(toHex(emit(message))).toBe(toHex(fromHex(hex)));
  });

  test.each(VECTORS)('%s: parse', (_name, hex, message) => {
    expect(reparsed(fromHex(hex))).toEqual(message);
  });

  test('RFC 6275 6.1.1: header fields', () => {
    const bytes = fromHex('06 01 01 ff abcd 0000 0011223344556677 ffff');
    const header = parseMobilityHeader(bytes, 0, bytes.length);
    expect(header).toMatchObject({
      end: 16,
      value: { payloadProto: 6, headerLength: 16, type: 1, checksum: 0xabcd },
    });
  });

  test('RFC 6275 6.1.7: flags of later RFCs are kept, and written back', () => {
    const bytes = fromHex('3b 01 05 00 0000 1234 8ab0 0069 01 02 0000');
    const header = parseMobilityHeader(bytes, 0, bytes.length);
    expect(header.ok && header.value.message).toMatchObject({ acknowledge: true, home: false, otherFlags: 0x0ab0 });
    expect(header.ok && toHex(emit(header.value.message))).toBe(toHex(bytes));
  });

  test.each([
    ['home test init of 8 octets', '3b 00 01 00 0000 0000'],
    ['home test of 16 octets', '3b 01 03 00 0000 0000 0011223344556677'],
    ['binding update of 8 octets', '3b 00 05 00 0000 0000'],
    ['binding error of 16 octets', '3b 01 07 00 0000 0000 0011223344556677'],
  ])('RFC 6275 9.2: a %s is refused, with the pointer at Header Len', (_name, hex) => {
    const bytes = new Uint8Array([...new Uint8Array(40), ...fromHex(hex)]);
    expect(parseMobilityHeader(bytes, 40, bytes.length)).toEqual({
      ok: false,
      reason: 'mobility header too short for its message',
      pointer: 41,
    });
  });

  test('RFC 6275 6.1.1: a header that runs over the packet is refused', () => {
    expect(parseMobilityHeader(fromHex('3b 01 01 00 0000 0000'), 0, 8)).toMatchObject({ ok: false, pointer: 1 });
  });

  test('round trip', () => {
    fc.assert(
      fc.property(mobilityMessages, (message) => {
        const bytes = emit(message);
        expect(bytes.length % 8).toBe(0);
        expect(reparsed(bytes)).toEqual(message);
      }),
      RUNS,
    );
  });

  test('emit after parse gives the octets back, for canonical padding', () => {
    fc.assert(
      fc.property(mobilityMessages, (message) => {
        const bytes = emit(message);
        const header = parseMobilityHeader(bytes, 0, bytes.length);
        expect(header.ok && toHex(emit(header.value.message))).toBe(toHex(bytes));
      }),
      RUNS,
    );
  });
});

describe('mobility options', () => {
  const bindingUpdate = (options: string) => {
    const body = fromHex(options);
    const length = (12 + body.length) / 8 - 1;
    return new Uint8Array([...fromHex('3b'), length, ...fromHex('05 00 0000 1234 8000 0069'), ...body]);
  };

  test('RFC 6275 6.2.2, 6.2.3: more padding than is needed does not matter', () => {
    const bytes = bindingUpdate('00 00 00 00 01 00 01 04 00000000 04 04 0005 0006 00 00');
    expect(reparsed(bytes)).toEqual({ ...BINDING_UPDATE, options: [{ kind: 'nonce-indices', home: 5, careOf: 6 }] });
  });

  test('RFC 6275 6.2.1: an unknown option is kept, and the one behind it is read', () => {
    expect(reparsed(bindingUpdate('c8 02 abcd 04 04 0005 0006 00 00'))).toMatchObject({
      options: [{ kind: 'unknown', type: 0xc8, data: fromHex('abcd') }, { kind: 'nonce-indices' }],
    });
  });

  test('a known option of a wrong length is kept as an unknown one', () => {
    expect(reparsed(bindingUpdate('04 02 0005'))).toMatchObject({ options: [{ kind: 'unknown', type: 4 }] });
    expect(reparsed(bindingUpdate('23 08 0007 0000 01020304 00 00'))).toMatchObject({
      options: [{ kind: 'unknown', type: 35 }],
    });
  });

  test('RFC 6275 6.2.1: an option that runs over the header is malformed, with the pointer at its length', () => {
    const bytes = bindingUpdate('04 04 0005');
    expect(parseMobilityHeader(bytes, 0, bytes.length)).toEqual({
      ok: false,
      reason: 'mobility option runs over its header',
      pointer: 13,
    });
  });

  test('RFC 6275 6.2.7: the parser tells where the authenticator is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), octets(12), (offset, authenticator) => {
        const header = emit({
          ...BINDING_UPDATE,
          options: [
            { kind: 'nonce-indices', home: 1, careOf: 2 },
            { kind: 'binding-authorization-data', authenticator },
          ],
        });
        const bytes = new Uint8Array([...new Uint8Array(offset), ...header]);
        const parsed = parseMobilityHeader(bytes, offset, bytes.length);
        const option = parsed.ok ? parsed.value.message.options.at(-1) : undefined;
        const at = option?.kind === 'binding-authorization-data' ? (option.at ?? -1) : -1;
        expect((at - offset) % 8).toBe(2);
        const start = at + BINDING_AUTHORIZATION_AUTHENTICATOR;
        expect(bytes.slice(start, start + 12)).toEqual(authenticator);
        expect(start + 12).toBe(bytes.length);
      }),
      RUNS,
    );
  });

  test('RFC 4285 5: the place of an authenticator that is filled in later is known before', () => {
    fc.assert(
      fc.property(addresses, octets(12), (careOf, authenticator) => {
        const message: MobilityMessage = {
          ...BINDING_UPDATE,
          options: [
            { kind: 'alternate-care-of', address: careOf },
            { kind: 'authentication', subtype: 1, spi: 0x01020304, authenticator },
          ],
        };
        const at = mobilityOptionOffset(message, 'authentication') ?? -1;
        expect(at % 4).toBe(1);
        const bytes = emit(message);
        expect(toHex(bytes.subarray(at, at + 7))).toBe('09110101020304');
        const start = at + AUTHENTICATION_AUTHENTICATOR;
        expect(bytes.slice(start, start + 12)).toEqual(authenticator);
      }),
      RUNS,
    );
    expect(mobilityOptionOffset({ ...BINDING_UPDATE, options: [] }, 'authentication')).toBeUndefined();
  });

  test('an option over 255 octets is an error of the caller', () => {
    const message: MobilityMessage = {
      kind: 'binding-refresh-request',
      options: [{ kind: 'unknown', type: 200, data: new Uint8Array(256) }],
    };
    expect(() => emitMobilityHeader(message, new Uint8Array(400), 0)).toThrow(RangeError);
  });

  test.each([
    ['an end without a start', '2d 0e 0003 000a 00 00 03 06 02 00 4000 0000 00000000'],
    ['a field that is cut short', '2d 0f 0003 000a 00 00 03 07 02 00 0080 0000 1f 000000'],
    ['octets behind its last field', '2d 12 0003 000a 00 00 03 0a 02 00 0080 0000 1f90 0000'],
  ])('RFC 6088 3.2: a selector with %s is kept as it came', (_name, hex) => {
    const option = reparsed(bindingUpdate(hex));
    const subOptions = [{ kind: 'unknown', type: 3 }];
    expect(option).toMatchObject({ options: [{ kind: 'flow-identification', subOptions }] });
  });

  test('RFC 6089 4.3: a flow summary is option 44', () => {
    const bytes = emit({ ...BINDING_UPDATE, options: [{ kind: 'flow-summary', fids: [3, 0x1234] }] });
    expect(toHex(bytes.subarray(12, 18))).toBe('2c0400031234');
  });

  test('RFC 6088 3.2: every field of a selector in its order', () => {
    const selector = {
      spi: { first: 1, last: 2 },
      flowLabel: { first: 3 },
      sourcePort: { first: 0x1f90 },
      destinationPort: { first: 0x0050, last: 0x01bb },
      trafficClass: { first: 5 },
      nextHeader: { first: 6, last: 7 },
    };
    const bytes = emit({
      ...BINDING_UPDATE,
      options: [
        {
          kind: 'flow-identification',
          fid: 1,
          priority: 2,
          status: 3,
          subOptions: [{ kind: 'traffic-selector', selector }],
        },
      ],
    });
    // Flags A to P: E F G - I - K L M - O P.
    const expected =
      '2d 23 0001 0002 00 03 03 1b 02 00 0ebb 0000 00000001 00000002 00000003 1f90 0050 01bb 05 06 07 00';
    expect(toHex(bytes.subarray(12, 12 + 37))).toBe(toHex(fromHex(expected)).slice(0, 74));
  });
});
