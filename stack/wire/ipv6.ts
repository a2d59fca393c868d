// The IPv6 header (RFC 8200 3) and the pseudo-header of upper-layer checksums (RFC 8200 8.1). Whether the
// payload length fits what arrived is for the input path to judge: this file reads and writes 40 octets.

import { setU8, setU16, setU32, u8, u16, u32 } from '../core/bytes.ts';
import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import { ADDRESS_LEN, type Address, readAddress } from './address.ts';

export const IPV6_HEADER_LEN = 40;

/** Every link carries packets of this size (RFC 8200 5). */
export const MINIMUM_MTU = 1280;

/** Offsets in the IPv6 header of fields that an ICMPv6 Parameter Problem or an in-place change points at. */
export const IPV6_FIELD = { payloadLength: 4, nextHeader: 6, hopLimit: 7, source: 8, destination: 24 } as const;

/** Next header values, of extension headers and upper layers (IANA "Assigned Internet Protocol Numbers"). */
export const PROTOCOL = {
  hopByHop: 0,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  none: 59,
  destinationOptions: 60,
  mobility: 135,
} as const;

export interface Ipv6Header {
  /** DSCP (6 bits) and ECN (2 bits). */
  readonly trafficClass: number;
  readonly flowLabel: number;
  /** Octets behind this header, extension headers included. */
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Address;
  readonly destination: Address;
}

export function parseIpv6Header(bytes: Uint8Array, at = 0): Parsed<Ipv6Header> {
  if (bytes.length - at < IPV6_HEADER_LEN) return malformed('IPv6 header truncated', at);
  const first = u32(bytes, at);
  if (first >>> 28 !== 6) return malformed('IP version is not 6', at);
  const header: Ipv6Header = {
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    payloadLength: u16(bytes, at + IPV6_FIELD.payloadLength),
    nextHeader: u8(bytes, at + IPV6_FIELD.nextHeader),
    hopLimit: u8(bytes, at + IPV6_FIELD.hopLimit),
    source: readAddress(bytes, at + IPV6_FIELD.source),
    destination: readAddress(bytes, at + IPV6_FIELD.destination),
  };
  return parsed(header, at + IPV6_HEADER_LEN);
}

export function emitIpv6Header(header: Ipv6Header, into: Uint8Array, at: number): number {
  setU32(into, at, (6 << 28) | (header.trafficClass << 20) | header.flowLabel);
  setU16(into, at + IPV6_FIELD.payloadLength, header.payloadLength);
  setU8(into, at + IPV6_FIELD.nextHeader, header.nextHeader);
  setU8(into, at + IPV6_FIELD.hopLimit, header.hopLimit);
  header.source.write(into, at + IPV6_FIELD.source);
  header.destination.write(into, at + IPV6_FIELD.source + ADDRESS_LEN);
  return at + IPV6_HEADER_LEN;
}

/**
 * Unfolded sum of the pseudo-header, to be passed on to core/checksum's sumWords. `destination` is the final
 * one where a routing header is present, and `source` the home address where a Home Address option is
 * (RFC 8200 8.1, RFC 6275 6.3 and 6.4); `length` is that of the upper-layer header and its data.
 */
export function pseudoHeaderSum(source: Address, destination: Address, protocol: number, length: number): number {
  return addressSum(source) + addressSum(destination) + (length >>> 16) + (length & 0xffff) + protocol;
}

const addressSum = (a: Address): number => wordSum(a.w0) + wordSum(a.w1) + wordSum(a.w2) + wordSum(a.w3);
const wordSum = (word: number): number => (word >>> 16) + (word & 0xffff);
