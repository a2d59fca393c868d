import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Address, address, LOOPBACK, Prefix, prefix, readAddress, UNSPECIFIED } from '../../stack/wire/address.ts';
import { addresses, prefixes, RUNS } from './arbitraries.ts';

describe('address', () => {
  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ])('RFC 5952 4: %s is written %s', (text, canonical) => {
    expect(address(text).toString()).toBe(canonical);
  });

  test.each(['', 'g::1', '1::2::3', '2001:db8::/64', 'fe80::1%eth0', '192.0.2.1', '1:2:3:4:5:6:7:8:9', '::12345'])(
    '%j is not an address, and the error says so',
    (text) => {
      expect(() => address(text)).toThrow(`not an IPv6 address: '${text}'`);
    },
  );

  test('text and octets, there and back', () => {
    fc.assert(
      fc.property(addresses, (a) => {
        expect(address(a.toString()).equals(a)).toBe(true);
        expect(readAddress(a.toBytes(), 0).equals(a)).toBe(true);
      }),
      RUNS,
    );
  });

  test('equals, key and hash agree with the octets', () => {
    fc.assert(
      fc.property(addresses, addresses, (a, b) => {
        const same = a.toBytes().join() === b.toBytes().join();
        expect(a.equals(b)).toBe(same);
        expect(a.key === b.key).toBe(same);
        const copy = new Address(a.w0, a.w1, a.w2, a.w3);
        expect([copy.key, copy.hash]).toEqual([a.key, a.hash]);
        expect(a.key < b.key).toBe(compareOctets(a, b) < 0);
      }),
      RUNS,
    );
  });

  test.each([
    ['::', { isUnspecified: true, isRoutableUnicast: false }],
    ['::1', { isLoopback: true, isRoutableUnicast: false }],
    ['ff02::1', { isMulticast: true, isRoutableUnicast: false }],
    ['fe80::1', { isLinkLocal: true, isRoutableUnicast: false }],
    ['febf::1', { isLinkLocal: true, isRoutableUnicast: false }],
    ['fec0::1', { isLinkLocal: false, isRoutableUnicast: true }],
    ['2001:db8::1', { isUnspecified: false, isLoopback: false, isMulticast: false, isRoutableUnicast: true }],
  ])('RFC 4291 2.4: the kind of %s', (text, kind) => {
    expect(address(text)).toMatchObject(kind);
  });

  test('the named ones', () => {
    expect([UNSPECIFIED.toString(), LOOPBACK.toString()]).toEqual(['::', '::1']);
  });
});

describe('prefix', () => {
  test.each([
    ['2001:db8:1:2:3::/64', '2001:db8:1:2::/64'],
    ['2001:db8::ff/0', '::/0'],
    ['2001:db8::ff/128', '2001:db8::ff/128'],
    ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
  ])('%s zeroes its host bits: %s', (text, canonical) => {
    expect(prefix(text).toString()).toBe(canonical);
  });

  test.each(['2001:db8::', '2001:db8::/129', '2001:db8::/', '2001:db8::/6 4', '::/1/2', '::/-1', '::/1.5'])(
    '%j is not a prefix, and the error says so',
    (text) => {
      expect(() => prefix(text)).toThrow(`not an IPv6 prefix: '${text}'`);
    },
  );

  test('contains exactly the addresses that share its first bits', () => {
    fc.assert(
      fc.property(prefixes, fc.integer({ min: 0, max: 127 }), (p, bit) => {
        const bytes = p.base.toBytes();
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
        expect(p.contains(p.base)).toBe(true);
        expect(p.contains(readAddress(bytes, 0))).toBe(bit >= p.length);
      }),
      RUNS,
    );
  });

  test('text, there and back', () => {
    fc.assert(
      fc.property(prefixes, (p) => {
        const again = prefix(p.toString());
        expect([again.base.key, again.length]).toEqual([p.base.key, p.length]);
        expect(new Prefix(p.base, p.length).base.key).toBe(p.base.key);
      }),
      RUNS,
    );
  });
});

function compareOctets(a: Address, b: Address): number {
  const [x, y] = [a.toBytes(), b.toBytes()];
  const at = x.findIndex((octet, i) => octet !== y[i]);
  return at < 0 ? 0 : (x[at] ?? 0) - (y[at] ?? 0);
}
