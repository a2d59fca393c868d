import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import { seq } from '../../stack/wire/seq.ts';
import {
  emitTcpHeader,
  parseTcpHeader,
  TCP_FLAG,
  type TcpHeaderFields,
  tcpHeaderLength,
} from '../../stack/wire/tcp.ts';
import {
  emitTcpOptions,
  NO_TCP_OPTIONS,
  parseTcpOptions,
  type TcpOptions,
  tcpOptionsLength,
} from '../../stack/wire/tcp-option.ts';
import { octets, RUNS, tcpHeaders, tcpOptions } from './arbitraries.ts';
import { emitted } from './emitted.ts';

const emitOptions = (options: TcpOptions) =>
  emitted(tcpOptionsLength(options), (into, at) => emitTcpOptions(options, into, at));
const emitHeader = (header: TcpHeaderFields) =>
  emitted(tcpHeaderLength(header.options ?? NO_TCP_OPTIONS), (into, at) => emitTcpHeader(header, into, at));
const parseOptions = (hex: string) => parseTcpOptions(fromHex(hex), 0, fromHex(hex).length);

describe('TCP header', () => {
  const vector = fromHex('1f90 c001 01020304 a0b0c0d0 8 018 0200 abcd 0000 0101080a 11223344 55667788 6869');
  const header = {
    sourcePort: 8080,
    destinationPort: 49153,
    seq: seq(0x01020304),
    ack: seq(0xa0b0c0d0),
    dataOffset: 32,
    flags: TCP_FLAG.ack | TCP_FLAG.psh,
    window: 512,
    checksum: 0xabcd,
    urgentPointer: 0,
    options: { timestamp: { value: 0x11223344, echo: 0x55667788 } },
  };

  test('RFC 9293 3.1: every field is read from its place, and the payload begins behind the options', () => {
    expect(parseTcpHeader(vector, 0, vector.length)).toEqual({ ok: true, value: header, end: 32 });
  });

  test('RFC 9293 3.1: every field is written to its place', () => {
    expect(toHex(emitHeader(header))).toBe(toHex(vector.subarray(0, 32)));
  });

  test('checksum, urgent pointer and options may be left out and are zero', () => {
    const bytes = emitHeader({ sourcePort: 1, destinationPort: 2, seq: seq(3), ack: seq(4), flags: 4, window: 5 });
    expect(toHex(bytes)).toBe('0001000200000003000000045004000500000000');
  });

  test('RFC 9293 3.1: the reserved bits are ignored', () => {
    const odd = Uint8Array.from(vector);
    odd[12] = 0x8f;
    expect(parseTcpHeader(odd, 0, odd.length)).toEqual(parseTcpHeader(vector, 0, vector.length));
  });

  test.each([
    ['under 5', 0x40],
    ['beyond the segment', 0x90],
  ])('RFC 9293 3.1: a data offset %s is refused', (_name, octet) => {
    const odd = Uint8Array.from(vector);
    odd[12] = octet;
    expect(parseTcpHeader(odd, 0, odd.length)).toEqual({ ok: false, reason: 'TCP data offset', pointer: 12 });
  });

  test('19 octets are not a header', () => {
    expect(parseTcpHeader(vector, 0, 19)).toMatchObject({ ok: false, reason: 'TCP header truncated' });
  });

  test('options over 40 octets are an error of the caller', () => {
    const block = { left: seq(1), right: seq(2) };
    const options = { timestamp: { value: 1, echo: 2 }, sack: [block, block, block, block] };
    const into = new Uint8Array(100);
    expect(() => emitTcpHeader({ ...header, options }, into, 0)).toThrow(RangeError);
  });

  test('round trip', () => {
    fc.assert(
      fc.property(tcpHeaders, (fields) => {
        const bytes = emitHeader(fields);
        const value = { ...fields, dataOffset: bytes.length };
        expect(parseTcpHeader(bytes, 0, bytes.length)).toEqual({ ok: true, value, end: bytes.length });
      }),
      RUNS,
    );
  });

  test('emit after parse gives the octets back, for segments without options', () => {
    fc.assert(
      fc.property(octets(20), (bytes) => {
        bytes[12] = 0x50;
        const parsed = parseTcpHeader(bytes, 0, 20);
        expect(parsed.ok && toHex(emitHeader(parsed.value))).toBe(toHex(bytes));
      }),
      RUNS,
    );
  });
});

describe('TCP options', () => {
  const LINUX_LAYOUTS: readonly (readonly [string, string, TcpOptions])[] = [
    [
      'SYN: MSS, SACK permitted, timestamp, window scale',
      '020405a0 0402080a 00000001 00000000 01030307',
      { mss: 1440, sackPermitted: true, timestamp: { value: 1, echo: 0 }, windowScale: 7 },
    ],
    ['SYN without timestamps', '020405a0 01010402 01030307', { mss: 1440, sackPermitted: true, windowScale: 7 }],
    ['data', '0101080a 00000009 00000008', { timestamp: { value: 9, echo: 8 } }],
    [
      'duplicate ACK with two SACK blocks',
      '0101080a 00000009 00000008 01010512 00000010 00000020 00000030 00000040',
      {
        timestamp: { value: 9, echo: 8 },
        sack: [
          { left: seq(0x10), right: seq(0x20) },
          { left: seq(0x30), right: seq(0x40) },
        ],
      },
    ],
    ['RFC 5482 2: user timeout of 5 minutes', '1c048005', { userTimeout: { granularity: 'minutes', value: 5 } }],
    ['RFC 7413 4.1.1: request for a cookie', '22020000', { fastOpenCookie: new Uint8Array(0) }],
  ];

  test.each(LINUX_LAYOUTS)('%s: parse', (_name, hex, options) => {
    expect(parseOptions(hex)).toEqual({ ok: true, value: options, end: fromHex(hex).length });
  });

  test.each(LINUX_LAYOUTS)('%s: emit', (_name, hex, options) => {
    expect(toHex(emitOptions(options))).toBe(toHex(fromHex(hex)));
  });

  test('RFC 9293 3.1: options may begin at any octet', () => {
    expect(parseOptions('01 080a 00000009 00000008 00')).toMatchObject({ value: { timestamp: { value: 9, echo: 8 } } });
  });

  test('RFC 9293 3.1: nothing behind End of Option List is looked at', () => {
    expect(parseOptions('00 02 04 05')).toEqual({ ok: true, value: {}, end: 4 });
  });

  test.each([
    ['0', '01 02 00 00', 2],
    ['1', '01 02 01 00', 2],
    ['beyond the header', '02 05 05a0', 1],
  ])('RFC 9293 3.1, MUST-7: an option length of %s is refused', (_name, hex, pointer) => {
    expect(parseOptions(hex)).toEqual({ ok: false, reason: 'length of a TCP option', pointer });
  });

  test('RFC 9293 3.1: an option cut off in front of its length is refused', () => {
    expect(parseOptions('01 01 01 02')).toEqual({ ok: false, reason: 'TCP option without a length', pointer: 3 });
  });

  test.each([
    ['MSS of 3 octets', '02 03 05 00', 2],
    ['window scale of 4 octets', '03 04 01 02', 3],
    ['timestamp of 6 octets', '08 06 01020304 00 00', 8],
    ['SACK of 7 octets', '05 07 0102030405 00', 5],
    ['SACK without a block', '05 02 00 00', 5],
  ])('%s is kept as an unknown option', (_name, hex, kind) => {
    const options = parseOptions(hex);
    expect(options.ok && options.value).toEqual({ unknown: [{ kind, data: expect.any(Uint8Array) }] });
  });

  test('round trip, padded to 4 octets', () => {
    fc.assert(
      fc.property(tcpOptions, (options) => {
        const bytes = emitOptions(options);
        expect(bytes.length % 4).toBe(0);
        expect(parseTcpOptions(bytes, 0, bytes.length)).toEqual({ ok: true, value: options, end: bytes.length });
      }),
      RUNS,
    );
  });
});
