import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import { address } from '../../stack/wire/address.ts';
import {
  emitFragmentHeader,
  emitRoutingHeader,
  emitRoutingHeader2,
  FRAGMENT_HEADER_LEN,
  headerLengthAt,
  homeAddressOfRoutingHeader2,
  parseFragmentHeader,
  parseOptionsHeader,
  parseRoutingHeader,
  ROUTING_HEADER_2_LEN,
} from '../../stack/wire/extension-header.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import {
  emitEncapsulationLimitDestinationOptions,
  emitHomeAddressDestinationOptions,
  emitOptionsHeader,
  homeAddressOf,
  OPTION,
  optionsHeaderLength,
  unknownOptionAction,
} from '../../stack/wire/option.ts';
import { addresses, fragmentHeaders, ipv6Options, octets, RUNS, routingHeaders, u8s } from './arbitraries.ts';
import { emitted } from './emitted.ts';

const HOME = address('2001:db8:100::80');

describe('fragment header', () => {
  const vector = fromHex('3a 00 05a9 cafef00d');

  test('RFC 8200 4.5: offset in units of 8 octets, M flag, identification', () => {
    const value = { nextHeader: 58, offset: 1448, more: true, id: 0xcafef00d };
    expect(parseFragmentHeader(vector, 0)).toEqual({ ok: true, value, end: 8 });
    expect(toHex(emitted(8, (into, at) => emitFragmentHeader(value, into, at)))).toBe(toHex(vector));
  });

  test('RFC 8200 4.5: the reserved octet and bits are ignored', () => {
    const odd = fromHex('3a ff 05af cafef00d');
    expect(parseFragmentHeader(odd, 0)).toEqual(parseFragmentHeader(vector, 0));
  });

  test('a header cut by the end of the packet is refused', () => {
    expect(parseFragmentHeader(vector, 0, 7)).toMatchObject({ ok: false, reason: 'fragment header truncated' });
  });

  test('round trip', () => {
    fc.assert(
      fc.property(fragmentHeaders, (header) => {
        const bytes = emitted(FRAGMENT_HEADER_LEN, (into, at) => emitFragmentHeader(header, into, at));
        expect(parseFragmentHeader(bytes, 0)).toEqual({ ok: true, value: header, end: 8 });
      }),
      RUNS,
    );
  });
});

describe('routing header', () => {
  const vector = fromHex('06 02 02 01 00000000 20010db8 01000000 00000000 00000080');

  test('RFC 6275 6.4.1: a type 2 routing header as the RFC draws it', () => {
    const bytes = emitted(ROUTING_HEADER_2_LEN, (into, at) => emitRoutingHeader2(6, HOME, into, at));
    expect(toHex(bytes)).toBe(toHex(vector));
  });

  test('RFC 6275 6.4.1: the home address comes out of it', () => {
    const header = parseRoutingHeader(vector, 0);
    expect(header).toMatchObject({
      ok: true,
      end: 24,
      value: { nextHeader: 6, type: 2, segmentsLeft: 1, headerLength: 24 },
    });
    expect(header.ok && homeAddressOfRoutingHeader2(header.value)).toEqual({ ok: true, value: HOME, end: 24 });
  });

  test.each([
    ['RFC 6275 6.4.1: Hdr Ext Len other than 2', 1, 4, 'length of the type 2 routing header'],
    ['RFC 6275 6.4.1: Segments Left 0', 3, 0, 'segments left of the type 2 routing header'],
    ['RFC 6275 6.4.1: Segments Left 2', 3, 2, 'segments left of the type 2 routing header'],
    ['another type', 2, 0, 'not a type 2 routing header'],
  ])('%s is refused, with the pointer at that octet', (_name, offset, value, reason) => {
    const bytes = new Uint8Array(64);
    bytes.set(vector, 8);
    bytes[8 + offset] = value;
    const header = parseRoutingHeader(bytes, 8);
    expect(header.ok && homeAddressOfRoutingHeader2(header.value)).toEqual({ ok: false, reason, pointer: 8 + offset });
  });

  test('a header that runs over the packet is refused, with the pointer at its length', () => {
    expect(parseRoutingHeader(vector, 0, 23)).toMatchObject({ ok: false, pointer: 1 });
  });

  test('round trip, for any type', () => {
    fc.assert(
      fc.property(routingHeaders, (header) => {
        const bytes = emitted(4 + header.data.length, (into, at) => emitRoutingHeader(header, into, at));
        const value = { ...header, headerLength: bytes.length, at: 0 };
        expect(parseRoutingHeader(bytes, 0)).toEqual({ ok: true, value, end: bytes.length });
      }),
      RUNS,
    );
  });
});

describe('options headers', () => {
  const vector = fromHex('06 02 01 02 0000 c9 10 20010db8 01000000 00000000 00000080');

  test('RFC 6275 6.3: a Home Address option at 8n + 6, behind a PadN of four octets', () => {
    const bytes = emitted(24, (into, at) => emitHomeAddressDestinationOptions(6, HOME, into, at));
    expect(toHex(bytes)).toBe(toHex(vector));
  });

  test('RFC 6275 6.3: the home address comes out of it', () => {
    const header = parseOptionsHeader(vector, 0);
    expect(header).toMatchObject({ ok: true, end: 24, value: { nextHeader: 6, options: [{ type: 0xc9, at: 6 }] } });
    const option = header.ok ? header.value.options[0] : undefined;
    expect(option && homeAddressOf(option)).toEqual({ ok: true, value: HOME, end: 24 });
  });

  test('RFC 6275 6.3: a Home Address option of another length is refused', () => {
    const option = { type: OPTION.homeAddress, data: new Uint8Array(15), at: 46 };
    expect(homeAddressOf(option)).toEqual({ ok: false, reason: 'length of the Home Address option', pointer: 47 });
  });

  test('RFC 2473 5.1: a Tunnel Encapsulation Limit as the RFC draws it', () => {
    const bytes = emitted(8, (into, at) => emitEncapsulationLimitDestinationOptions(41, 4, into, at));
    expect(toHex(bytes)).toBe(toHex(fromHex('29 00 04 01 04 01 01 00')));
  });

  test('RFC 8200 4.2: Pad1 and PadN are stepped over', () => {
    const bytes = fromHex('3b 01 00 00 05 02 0000 01 04 00000000 00 00');
    expect(parseOptionsHeader(bytes, 0)).toEqual({
      ok: true,
      value: { nextHeader: 59, options: [{ type: 5, data: bytes.subarray(6, 8), at: 4 }] },
      end: 16,
    });
  });

  test('RFC 8200 4.2: an option that runs over its header is malformed, with the pointer at its length', () => {
    expect(parseOptionsHeader(fromHex('3b 00 05 05 00 00 00 00 0000'), 0)).toEqual({
      ok: false,
      reason: 'option runs over its header',
      pointer: 3,
    });
  });

  test('RFC 8200 4.2: an option type alone in the last octet is malformed', () => {
    expect(parseOptionsHeader(fromHex('3b 00 00 00 00 00 00 05'), 0)).toMatchObject({ ok: false, pointer: 7 });
  });

  test.each([
    [0x3e, 'skip'],
    [0x7e, 'discard'],
    [0xbe, 'discard-icmp'],
    [0xfe, 'discard-icmp-unless-multicast'],
    [OPTION.homeAddress, 'discard-icmp-unless-multicast'],
  ] as const)('RFC 8200 4.2: an unknown option of type %i asks for: %s', (type, action) => {
    expect(unknownOptionAction(type)).toBe(action);
  });

  test('round trip: options of any type and length, each header a multiple of 8 octets', () => {
    fc.assert(
      fc.property(u8s, ipv6Options, (nextHeader, options) => {
        const length = optionsHeaderLength(options);
        expect(length % 8).toBe(0);
        const bytes = emitted(length, (into, at) => emitOptionsHeader(nextHeader, options, into, at));
        const header = parseOptionsHeader(bytes, 0);
        expect(header.ok && header.value.nextHeader).toBe(nextHeader);
        expect(header.ok && header.value.options.map(({ type, data }) => ({ type, data }))).toEqual(options);
      }),
      RUNS,
    );
  });

  test('RFC 6275 6.3: a Home Address option is at 8n + 6 whatever stands before it', () => {
    fc.assert(
      fc.property(ipv6Options, addresses, (before, home) => {
        const options = [...before, { type: OPTION.homeAddress, data: home.toBytes() }];
        const bytes = emitted(optionsHeaderLength(options), (into, at) => emitOptionsHeader(59, options, into, at));
        const header = parseOptionsHeader(bytes, 0);
        const option = header.ok ? header.value.options.at(-1) : undefined;
        expect((option?.at ?? 0) % 8).toBe(6);
        expect(option && homeAddressOf(option)).toMatchObject({ ok: true, value: home });
      }),
      RUNS,
    );
  });
});

describe('headerLengthAt', () => {
  test.each([
    ['hop-by-hop options: 8 octets beyond the first 8', PROTOCOL.hopByHop, 24],
    ['fragment: always 8 (RFC 8200 4.5)', PROTOCOL.fragment, 8],
    ['AH: units of 4 octets, minus 2 (RFC 4302 2.2)', PROTOCOL.ah, 16],
    ['mobility: 8 octets beyond the first 8 (RFC 6275 6.1.1)', PROTOCOL.mobility, 24],
  ])('%s', (_name, protocol, length) => {
    expect(headerLengthAt(protocol, fromHex('3b02'), 0)).toBe(length);
  });

  test('is never less than 8: a walk over headers makes progress', () => {
    fc.assert(
      fc.property(u8s, octets(0, 8), (protocol, bytes) => {
        expect(headerLengthAt(protocol, bytes, 0)).toBeGreaterThanOrEqual(8);
      }),
      RUNS,
    );
  });
});
