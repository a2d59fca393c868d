import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import { emitIcmpv6, ICMPV6, type Icmpv6Message, icmpv6Length, parseIcmpv6 } from '../../stack/wire/icmpv6.ts';
import { icmpv6Messages, RUNS } from './arbitraries.ts';
import { emitted } from './emitted.ts';

const emit = (message: Icmpv6Message) => emitted(icmpv6Length(message), (into, at) => emitIcmpv6(message, into, at));

const VECTORS: readonly (readonly [string, string, Icmpv6Message])[] = [
  [
    'RFC 4443 4.1: echo request',
    '80 00 0000 beef 0007 6869',
    { kind: 'echo-request', identifier: 0xbeef, sequence: 7, data: fromHex('6869') },
  ],
  [
    'RFC 4443 4.2: echo reply',
    '81 00 0000 beef 0007',
    { kind: 'echo-reply', identifier: 0xbeef, sequence: 7, data: new Uint8Array(0) },
  ],
  [
    'RFC 4443 3.1: destination unreachable, port',
    '01 04 0000 00000000 6000',
    { kind: 'error', type: ICMPV6.unreachable, code: 4, parameter: 0, quoted: fromHex('6000') },
  ],
  [
    'RFC 4443 3.2: packet too big, with its MTU',
    '02 00 0000 00000500 6000',
    { kind: 'error', type: ICMPV6.packetTooBig, code: 0, parameter: 1280, quoted: fromHex('6000') },
  ],
  [
    'RFC 4443 3.4: parameter problem, with its pointer',
    '04 02 0000 0000002e 6000',
    { kind: 'error', type: ICMPV6.parameterProblem, code: 2, parameter: 46, quoted: fromHex('6000') },
  ],
  [
    'RFC 4443 2.1: the highest type of an error, not known',
    '7f 01 0000 01020304',
    { kind: 'error', type: 127, code: 1, parameter: 0x01020304, quoted: new Uint8Array(0) },
  ],
  [
    'RFC 4443 2.1: an unknown type from 128 on is informational',
    '92 00 0000 0102',
    { kind: 'other', type: 146, code: 0, body: fromHex('0102') },
  ],
];

describe('ICMPv6', () => {
  test.each(VECTORS)('%s: parse', (_name, hex, message) => {
    const bytes = fromHex(hex);
    expect(parseIcmpv6(bytes, 0, bytes.length)).toEqual({ ok: true, value: message, end: bytes.length });
  });

  test.each(VECTORS)('%s: emit', (_name, hex, message) => {
    expect(toHex(emit(message))).toBe(toHex(fromHex(hex)));
  });

  test('a message without its 8 octets is refused', () => {
    for (const hex of ['', '80 00 00', '80 00 0000 beef 00', '01 00 0000 000000']) {
      const bytes = fromHex(hex);
      expect(parseIcmpv6(bytes, 0, bytes.length)).toMatchObject({ ok: false, pointer: 0 });
    }
  });

  test('round trip', () => {
    fc.assert(
      fc.property(icmpv6Messages, (message) => {
        const bytes = emit(message);
        expect(parseIcmpv6(bytes, 0, bytes.length)).toEqual({ ok: true, value: message, end: bytes.length });
      }),
      RUNS,
    );
  });
});
