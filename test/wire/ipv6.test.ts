import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import { checksumHolds, checksumOf, fold, sumWords } from '../../stack/core/checksum.ts';
import { address } from '../../stack/wire/address.ts';
import {
  emitIpv6Header,
  IPV6_HEADER_LEN,
  type Ipv6Header,
  parseIpv6Header,
  pseudoHeaderSum,
} from '../../stack/wire/ipv6.ts';
import { addresses, ipv6Headers, octets, RUNS } from './arbitraries.ts';
import { emitted } from './emitted.ts';

const VECTOR = fromHex(`
  6 b8 12345 0014 06 40
  20010db8 00000000 00000000 00000001
  20010db8 000a0000 00000000 0000beef`);
const HEADER: Ipv6Header = {
  trafficClass: 0xb8,
  flowLabel: 0x12345,
  payloadLength: 20,
  nextHeader: 6,
  hopLimit: 64,
  source: address('2001:db8::1'),
  destination: address('2001:db8:a::beef'),
};

const emit = (header: Ipv6Header) => emitted(IPV6_HEADER_LEN, (into, at) => emitIpv6Header(header, into, at));

describe('IPv6 header', () => {
  test('RFC 8200 3: every field is read from its place', () => {
    expect(parseIpv6Header(VECTOR)).toEqual({ ok: true, value: HEADER, end: 40 });
  });

  test('RFC 8200 3: every field is written to its place', () => {
    expect(toHex(emit(HEADER))).toBe(toHex(VECTOR));
  });

  test('a header is read at any offset', () => {
    const shifted = new Uint8Array([1, 2, 3, ...VECTOR, 4]);
    expect(parseIpv6Header(shifted, 3)).toEqual({ ok: true, value: HEADER, end: 43 });
  });

  test('RFC 8200 3: any version but 6 is refused', () => {
    const other = Uint8Array.from(VECTOR);
    other[0] = 0x4b;
    expect(parseIpv6Header(other)).toEqual({ ok: false, reason: 'IP version is not 6', pointer: 0 });
  });

  test('39 octets are not a header', () => {
    expect(parseIpv6Header(VECTOR.subarray(0, 39))).toMatchObject({ ok: false, reason: 'IPv6 header truncated' });
  });

  test('parse after emit gives the header back', () => {
    fc.assert(
      fc.property(ipv6Headers, (header) => {
        expect(parseIpv6Header(emit(header))).toEqual({ ok: true, value: header, end: 40 });
      }),
      RUNS,
    );
  });

  test('emit after parse gives the octets back', () => {
    fc.assert(
      fc.property(octets(40), (bytes) => {
        bytes[0] = 0x60 | ((bytes[0] ?? 0) & 0x0f);
        const header = parseIpv6Header(bytes);
        expect(header.ok && toHex(emit(header.value))).toBe(toHex(bytes));
      }),
      RUNS,
    );
  });
});

describe('pseudo-header', () => {
  test('RFC 8200 8.1: the sum is that of the pseudo-header written out', () => {
    const lengths = fc.integer({ min: 0, max: 0x1ffff });
    fc.assert(
      fc.property(
        addresses,
        addresses,
        fc.integer({ min: 0, max: 255 }),
        lengths,
        (source, destination, protocol, length) => {
          const written = new Uint8Array(40);
          source.write(written, 0);
          destination.write(written, 16);
          new DataView(written.buffer).setUint32(32, length);
          written[39] = protocol;
          expect(fold(pseudoHeaderSum(source, destination, protocol, length))).toBe(fold(sumWords(written, 0, 40)));
        },
      ),
      RUNS,
    );
  });

  test('RFC 4443 2.3: the checksum of a known echo request', () => {
    // ping6 ::1 -> ::1, identifier 0x1234, sequence 1, no data: words 8000 1234 0001, pseudo-header 1 + 1 + 8 + 58.
    const echo = fromHex('8000 0000 1234 0001');
    const sum = pseudoHeaderSum(address('::1'), address('::1'), 58, echo.length);
    const checksum = checksumOf(sumWords(echo, 0, echo.length, sum));
    expect(checksum).toBe(0xffff - (0x8000 + 0x1234 + 0x0001 + 1 + 1 + 8 + 58));
    echo.set([checksum >> 8, checksum & 0xff], 2);
    expect(checksumHolds(sumWords(echo, 0, echo.length, sum))).toBe(true);
  });
});
