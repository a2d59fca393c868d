// The ECN field on its way through IPv6: fragments (RFC 3168 5.3), tunnels (RFC 6040), upper layers.

import { describe, expect, test } from 'vitest';
import { address } from '../../stack/wire/address.ts';
import { ECN, ecnOutOfTunnel, setEcn } from '../../stack/wire/ecn.ts';
import { fragment, HOST, header, PEER, packet, START, world } from './world.ts';

const { notEct, ect0, ect1, ce } = ECN;
const marked = (bytes: Uint8Array, ecn: number): Uint8Array => {
  setEcn(bytes, ecn);
  return bytes;
};

describe('RFC 3168 5.3: fragments', () => {
  const original = Uint8Array.from({ length: 24 }, (_, i) => i);
  const piece = (from: number, ecn: number): Uint8Array => {
    const extensions = [fragment({ offset: from, more: from < 16, id: 1 })];
    return marked(packet({ extensions, payload: original.subarray(from, from + 8) }), ecn);
  };
  const together = (...fields: readonly number[]) => {
    const made = world();
    made.arrive(START, ...fields.map((ecn, i) => piece(8 * i, ecn)));
    return { field: made.upper.packets[0]?.trafficClass, dropped: made.ipv6.counters.get('drop.fragment-ecn') };
  };

  test.each([
    ['first', [ce, ect0, ect0]],
    ['middle', [ect0, ce, ect0]],
    ['last', [ect1, ect1, ce]],
  ] as const)('a mark on the %s one is one on the whole', (_which, fields) => {
    expect(together(...fields)).toEqual({ field: ce, dropped: 0 });
  });

  test('without a mark it stays what it was', () => {
    expect(together(ect0, ect0, ect0).field).toBe(ect0);
    expect(together(notEct, notEct, notEct).field).toBe(notEct);
  });

  test('marked beside one that is not ECN-capable: dropped', () => {
    expect(together(notEct, ce, notEct)).toEqual({ field: undefined, dropped: 1 });
  });
});

test('RFC 6040 4.1: the outer header of a tunnel has the field of the inner one', () => {
  for (const ecn of [notEct, ect1, ect0, ce]) {
    const made = world();
    const inner = marked(packet({ source: address('2001:db8:5::1'), destination: address('2001:db8:f::1') }), ecn);
    made.ipv6.tunnel(START, inner, HOST, PEER);
    expect(made.sent().map((frame) => header(frame).trafficClass & 3)).toEqual([ecn]);
  }
});

test('RFC 6040 4.2: what comes out of a tunnel, inner by outer', () => {
  const table = [notEct, ect0, ect1, ce].map((inner) =>
    [notEct, ect0, ect1, ce].map((outer) => ecnOutOfTunnel(inner, outer)),
  );
  expect(table).toEqual([
    [notEct, notEct, notEct, undefined],
    [ect0, ect0, ect1, ce],
    [ect1, ect1, ect1, ce],
    [ce, ce, ce, ce],
  ]);
});

test('setEcn leaves DSCP and flow label alone', () => {
  const bytes = Uint8Array.of(0x6f, 0xff, 0xff, 0xff);
  expect([...marked(bytes, notEct)]).toEqual([0x6f, 0xcf, 0xff, 0xff]);
  expect([...marked(bytes, ce)]).toEqual([0x6f, 0xff, 0xff, 0xff]);
});
