// What a client gateway changes in a packet, as octets: whatever goes in comes out again, headers in any legal order,
// super-frames and incomplete checksums included; and nothing of it needs another upper-layer checksum.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setU8, setU16, u8, u16 } from '../../stack/core/bytes.ts';
import { checksumHolds, checksumOf, sumWords } from '../../stack/core/checksum.ts';
import type { Frame } from '../../stack/ipv6/hooks.ts';
import {
  headersOf,
  withoutHomeAddress,
  withoutRoutingHeader2,
  withRoutingHeader2,
} from '../../stack/mobility/translation.ts';
import { address } from '../../stack/wire/address.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { emitHomeAddressDestinationOptions, HOME_ADDRESS_HEADER_LEN } from '../../stack/wire/option.ts';
import { packet } from './packets.ts';

const CLIENT = address('2001:db8:c::1');
const HOME = address('2001:db8:100::1');
const CARE_OF = address('2001:db8:a::1');
const CHECKSUM_AT = 16;

const allocate = (length: number): Uint8Array => new Uint8Array(length);

interface Piece {
  readonly protocol: number;
  /** Octets behind the Next Header field. */
  readonly rest: readonly number[];
}

const HOP_BY_HOP: Piece = { protocol: PROTOCOL.hopByHop, rest: [0, 5, 2, 0, 0, 1, 0] }; // router alert
const ENCAPSULATION_LIMIT: Piece = { protocol: PROTOCOL.destinationOptions, rest: [0, 4, 1, 4, 1, 1, 0] };
const FRAGMENT: Piece = { protocol: PROTOCOL.fragment, rest: [0, 0, 1, 9, 9, 9, 9] };
const LATER_FRAGMENT: Piece = { protocol: PROTOCOL.fragment, rest: [0, 1, 1, 9, 9, 9, 9] };

/** RFC 8200 4.1: each may be there or not, in this order. `routed`: in front of what is behind a routing header. */
const chains = fc
  .tuple(
    fc.constantFrom<Piece[]>([], [HOP_BY_HOP]),
    fc.constantFrom<Piece[]>([], [FRAGMENT], [LATER_FRAGMENT]),
    fc.constantFrom<Piece[]>([], [ENCAPSULATION_LIMIT]),
  )
  .map(([first, fragment, last]) => [...first, ...fragment, ...last]);

/** A packet from the client to the home address: these headers, then TCP with a right checksum. */
function built(pieces: readonly Piece[], payload: Uint8Array, source = CLIENT, destination = HOME): Uint8Array {
  const headers = pieces.flatMap(({ rest }, i) => [pieces[i + 1]?.protocol ?? PROTOCOL.tcp, ...rest]);
  const tcp = Uint8Array.from([0, 80, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x10, 9, 9, 0, 0, 0, 0, ...payload]);
  const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.tcp, tcp.length);
  setU16(tcp, CHECKSUM_AT, checksumOf(sumWords(tcp, 0, tcp.length, pseudo)));
  const bytes = new Uint8Array(IPV6_HEADER_LEN + headers.length + tcp.length);
  const nextHeader = pieces[0]?.protocol ?? PROTOCOL.tcp;
  const payloadLength = bytes.length - IPV6_HEADER_LEN;
  emitIpv6Header(
    { trafficClass: 2, flowLabel: 77, payloadLength, nextHeader, hopLimit: 64, source, destination },
    bytes,
    0,
  );
  bytes.set(headers, IPV6_HEADER_LEN);
  bytes.set(tcp, IPV6_HEADER_LEN + headers.length);
  return bytes;
}

/** As a mobile node sends it: by its care-of address, the home address in an option in the legal place (RFC 6275 6.3). */
function withHomeAddress(bytes: Uint8Array): Uint8Array {
  const headers = headersOf(bytes);
  if (headers === undefined) throw new Error('malformed');
  const { routingAt: at, routingNextHeaderAt } = headers;
  const out = new Uint8Array(bytes.length + HOME_ADDRESS_HEADER_LEN);
  out.set(bytes.subarray(0, at));
  emitHomeAddressDestinationOptions(u8(bytes, routingNextHeaderAt), HOME, out, at);
  out.set(bytes.subarray(at), at + HOME_ADDRESS_HEADER_LEN);
  setU8(out, routingNextHeaderAt, PROTOCOL.destinationOptions);
  setU16(out, 4, u16(bytes, 4) + HOME_ADDRESS_HEADER_LEN);
  CARE_OF.write(out, 8);
  return out;
}

const read = (bytes: Uint8Array): NonNullable<ReturnType<typeof headersOf>> => {
  const headers = headersOf(bytes);
  if (headers === undefined) throw new Error('malformed');
  return headers;
};

describe('RFC 6275 9.3.2: a type 2 routing header', () => {
  test('put into any legal packet and taken out of its quote again leaves the packet that was', () => {
    fc.assert(
      fc.property(chains, fc.uint8Array({ maxLength: 64 }), (pieces, payload) => {
        const before = built(pieces, payload);
        const out = withRoutingHeader2({ bytes: before }, read(before), { home: HOME, careOf: CARE_OF }, allocate);
        expect(withoutRoutingHeader2(out.bytes)).toEqual({ home: HOME, bytes: before });
      }),
    );
  });

  test('RFC 8200 4.1: stands behind Hop-by-Hop Options and in front of all else', () => {
    const before = built([HOP_BY_HOP, FRAGMENT, ENCAPSULATION_LIMIT], new Uint8Array(0));
    const { bytes } = withRoutingHeader2({ bytes: before }, read(before), { home: HOME, careOf: CARE_OF }, allocate);
    expect([u8(bytes, 6), u8(bytes, 40), u8(bytes, 48)]).toEqual([
      PROTOCOL.hopByHop,
      PROTOCOL.routing,
      PROTOCOL.fragment,
    ]);
  });

  test('a quote that ends anywhere behind it is understood, one that ends before is not', () => {
    const before = built([], new Uint8Array(40));
    const { bytes } = withRoutingHeader2({ bytes: before }, read(before), { home: HOME, careOf: CARE_OF }, allocate);
    for (let end = 0; end < bytes.length; end++) {
      const original = withoutRoutingHeader2(bytes.subarray(0, end));
      if (end < 64) expect(original).toBeUndefined();
      else expect(original?.bytes).toEqual(before.subarray(0, end - 24));
    }
  });
});

describe('RFC 6275 9.3.1: the Home Address option', () => {
  test('taken out of any legal packet leaves what the home address would have sent', () => {
    fc.assert(
      fc.property(chains, fc.uint8Array({ maxLength: 64 }), (pieces, payload) => {
        const plain = built(pieces, payload, HOME, CLIENT);
        const bytes = withHomeAddress(plain);
        const { home } = read(bytes);
        expect(home && withoutHomeAddress({ bytes }, home, allocate).bytes).toEqual(plain);
      }),
    );
  });

  test('other options of its header stay, without padding that receivers refuse', () => {
    const upper = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
    const plain = packet({ source: CARE_OF, destination: CLIENT, home: HOME, protocol: PROTOCOL.none, upper });
    // The padding in front of the option is a Tunnel Encapsulation Limit now.
    plain.set([4, 1, 9, 0], 42);
    const { home } = read(plain);
    const out = home && withoutHomeAddress({ bytes: plain }, home, allocate).bytes;
    expect([...(out?.subarray(40) ?? [])]).toEqual([PROTOCOL.none, 0, 4, 1, 9, 1, 1, 0, ...upper]);
    expect(out && u16(out, 4)).toBe(16);
  });

  test('two of them, or one of another length, are for the receiver to judge', () => {
    const twice = withHomeAddress(withHomeAddress(built([], new Uint8Array(0), HOME, CLIENT)));
    expect(headersOf(twice)).toBeUndefined();
    const short = withHomeAddress(built([], new Uint8Array(0), HOME, CLIENT));
    setU8(short, 47, 15);
    expect(headersOf(short)).toBeUndefined();
  });
});

test('RFC 6275 6.3.1, 6.4.1: the upper-layer checksum is right before and after', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (payload) => {
      const out = built([], payload);
      const sent = withRoutingHeader2({ bytes: out }, read(out), { home: HOME, careOf: CARE_OF }, allocate).bytes;
      const length = 20 + payload.length;
      const sum = (bytes: Uint8Array, from: number) =>
        sumWords(bytes, from, bytes.length, pseudoHeaderSum(CLIENT, HOME, PROTOCOL.tcp, length));
      expect([checksumHolds(sum(out, 40)), checksumHolds(sum(sent, 64))]).toEqual([true, true]);
    }),
  );
});

test('a super-frame stays one, its checksum and segment size where they were', () => {
  const bytes = built([HOP_BY_HOP], new Uint8Array(5000));
  const frame: Frame = { bytes, offload: { gsoSize: 1400, checksumStart: 48, checksumOffset: 16 } };
  const out = withRoutingHeader2(frame, read(bytes), { home: HOME, careOf: CARE_OF }, allocate);
  expect(out.offload).toEqual({ gsoSize: 1400, checksumStart: 72, checksumOffset: 16 });
  const inward = withHomeAddress(built([], new Uint8Array(5000), HOME, CLIENT));
  const { home } = read(inward);
  const offload = { gsoSize: 1400, checksumStart: 64, checksumOffset: 16 };
  expect(home && withoutHomeAddress({ bytes: inward, offload }, home, allocate).offload).toEqual({
    ...offload,
    checksumStart: 40,
  });
});

test('any octets are walked to an end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 200 }), (bytes) => {
      const headers = headersOf(bytes);
      expect(headers === undefined || headers.start <= bytes.length).toBe(true);
      withoutRoutingHeader2(bytes);
    }),
  );
});
