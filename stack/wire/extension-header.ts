// IPv6 extension headers (RFC 8200 4): fragment, routing (with type 2 of RFC 6275 6.4), hop-by-hop and
// destination options. Reserved bits are ignored when read and zero when written, as RFC 8200 asks; all
// else comes out as it went in. The order of headers and what to do about them is ipv6/'s business.

import { setU8, setU16, setU32, u8, u16, u32 } from '../core/bytes.ts';
import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import { ADDRESS_LEN, type Address, readAddress } from './address.ts';
import { PROTOCOL } from './ipv6.ts';
import { type Ipv6Option, parseOptions } from './option.ts';

export const FRAGMENT_HEADER_LEN = 8;
export const ROUTING_TYPE_2 = 2;
export const ROUTING_HEADER_2_LEN = 24;

/** Octets in front of a routing header's type-specific data. */
const ROUTING_FIXED_LEN = 4;

export interface FragmentHeader {
  readonly nextHeader: number;
  /** Of this fragment in the original's fragmentable part, in octets: a multiple of 8. */
  readonly offset: number;
  /** The M flag: this is not the last fragment. */
  readonly more: boolean;
  readonly id: number;
}

export interface RoutingHeaderFields {
  readonly nextHeader: number;
  readonly type: number;
  readonly segmentsLeft: number;
  /** Type-specific data: all behind Segments Left. 8n + 4 octets. */
  readonly data: Uint8Array;
}

export interface RoutingHeader extends RoutingHeaderFields {
  /** Of the whole header, in octets. */
  readonly headerLength: number;
  /** Offset of the header in the buffer it was parsed from. */
  readonly at: number;
}

export interface OptionsHeader {
  readonly nextHeader: number;
  readonly options: readonly Ipv6Option[];
}

/** Is this one of the headers between the IPv6 header and the upper layer that homeport can step over? */
export const isExtensionHeader = (protocol: number): boolean =>
  protocol === PROTOCOL.hopByHop ||
  protocol === PROTOCOL.routing ||
  protocol === PROTOCOL.fragment ||
  protocol === PROTOCOL.destinationOptions;

/**
 * Octets of the header of kind `protocol` at `at`, by its own length field: extension headers, AH (whose unit
 * is 4 octets, RFC 4302 2.2) and the mobility header. Not checked against the end of the packet; at least 8.
 */
export function headerLengthAt(protocol: number, bytes: Uint8Array, at: number): number {
  if (protocol === PROTOCOL.fragment) return FRAGMENT_HEADER_LEN;
  const length = u8(bytes, at + 1);
  return protocol === PROTOCOL.ah ? (length + 2) * 4 : (length + 1) * 8;
}

/** RFC 8200 4.5. */
export function parseFragmentHeader(bytes: Uint8Array, at: number, end = bytes.length): Parsed<FragmentHeader> {
  if (end - at < FRAGMENT_HEADER_LEN) return malformed('fragment header truncated', at);
  const word = u16(bytes, at + 2);
  const header = { nextHeader: u8(bytes, at), offset: word & 0xfff8, more: (word & 1) === 1, id: u32(bytes, at + 4) };
  return parsed(header, at + FRAGMENT_HEADER_LEN);
}

export function emitFragmentHeader(header: FragmentHeader, into: Uint8Array, at: number): number {
  setU8(into, at, header.nextHeader);
  setU8(into, at + 1, 0);
  setU16(into, at + 2, (header.offset & 0xfff8) | (header.more ? 1 : 0));
  setU32(into, at + 4, header.id);
  return at + FRAGMENT_HEADER_LEN;
}

/** RFC 8200 4.4. */
export function parseRoutingHeader(bytes: Uint8Array, at: number, end = bytes.length): Parsed<RoutingHeader> {
  const whole = headerWithin(PROTOCOL.routing, bytes, at, end);
  if (!whole.ok) return whole;
  const header: RoutingHeader = {
    nextHeader: u8(bytes, at),
    headerLength: whole.value,
    type: u8(bytes, at + 2),
    segmentsLeft: u8(bytes, at + 3),
    data: bytes.subarray(at + ROUTING_FIXED_LEN, whole.end),
    at,
  };
  return parsed(header, whole.end);
}

export function emitRoutingHeader(header: RoutingHeaderFields, into: Uint8Array, at: number): number {
  const length = ROUTING_FIXED_LEN + header.data.length;
  if (length % 8 !== 0) throw new RangeError('a routing header is a multiple of 8 octets');
  setU8(into, at, header.nextHeader);
  setU8(into, at + 1, length / 8 - 1);
  setU8(into, at + 2, header.type);
  setU8(into, at + 3, header.segmentsLeft);
  into.set(header.data, at + ROUTING_FIXED_LEN);
  return at + length;
}

/** RFC 6275 6.4.1. */
export function emitRoutingHeader2(nextHeader: number, home: Address, into: Uint8Array, at: number): number {
  setU8(into, at, nextHeader);
  setU8(into, at + 1, ROUTING_HEADER_2_LEN / 8 - 1);
  setU8(into, at + 2, ROUTING_TYPE_2);
  setU8(into, at + 3, 1);
  setU32(into, at + 4, 0);
  home.write(into, at + 8);
  return at + ROUTING_HEADER_2_LEN;
}

/** The home address in a type 2 routing header that has not been consumed: the checks of RFC 6275 6.4.1. */
export function homeAddressOfRoutingHeader2(header: RoutingHeader): Parsed<Address> {
  if (header.type !== ROUTING_TYPE_2) return malformed('not a type 2 routing header', header.at + 2);
  if (header.headerLength !== ROUTING_HEADER_2_LEN) {
    return malformed('length of the type 2 routing header', header.at + 1);
  }
  if (header.segmentsLeft !== 1) return malformed('segments left of the type 2 routing header', header.at + 3);
  return parsed(
    readAddress(header.data, ROUTING_HEADER_2_LEN - ROUTING_FIXED_LEN - ADDRESS_LEN),
    header.at + ROUTING_HEADER_2_LEN,
  );
}

/** Hop-by-Hop and Destination Options headers (RFC 8200 4.3, 4.6). */
export function parseOptionsHeader(bytes: Uint8Array, at: number, end = bytes.length): Parsed<OptionsHeader> {
  const whole = headerWithin(PROTOCOL.destinationOptions, bytes, at, end);
  if (!whole.ok) return whole;
  const options = parseOptions(bytes, at + 2, whole.end);
  if (!options.ok) return options;
  return parsed({ nextHeader: u8(bytes, at), options: options.value }, whole.end);
}

/** The header's length, checked against the end of the packet. */
function headerWithin(protocol: number, bytes: Uint8Array, at: number, end: number): Parsed<number> {
  if (end - at < 8) return malformed('extension header truncated', at);
  const length = headerLengthAt(protocol, bytes, at);
  if (end - at < length) return malformed('extension header runs over the packet', at + 1);
  return parsed(length, at + length);
}
