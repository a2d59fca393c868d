// Whole packets for the mobility tests: built from parts with complete checksums, and taken apart again into
// what a test wants to see. Written against wire/ alone, so that it can judge what stack/mobility emits.

import { setU8, setU16, toHex, u8 } from '../../stack/core/bytes.ts';
import { checksumHolds, checksumOf, sumWords } from '../../stack/core/checksum.ts';
import { type Address, readAddress } from '../../stack/wire/address.ts';
import { emitRoutingHeader2, ROUTING_HEADER_2_LEN } from '../../stack/wire/extension-header.ts';
import { emitIcmpv6, type Icmpv6Message, icmpv6Length, parseIcmpv6 } from '../../stack/wire/icmpv6.ts';
import {
  emitIpv6Header,
  IPV6_FIELD,
  IPV6_HEADER_LEN,
  PROTOCOL,
  parseIpv6Header,
  pseudoHeaderSum,
} from '../../stack/wire/ipv6.ts';
import {
  emitMobilityHeader,
  type MobilityMessage,
  mobilityHeaderLength,
  parseMobilityHeader,
} from '../../stack/wire/mobility.ts';
import { emitHomeAddressDestinationOptions, HOME_ADDRESS_HEADER_LEN } from '../../stack/wire/option.ts';

export interface PacketParts {
  readonly source: Address;
  readonly destination: Address;
  /** Into a Home Address option. */
  readonly home?: Address;
  /** Into a type 2 routing header. */
  readonly route?: Address;
  readonly hopLimit?: number;
  readonly protocol: number;
  readonly upper: Uint8Array;
  /** Octet offset of the checksum in `upper`. */
  readonly checksumAt?: number;
}

export function packet(parts: PacketParts): Uint8Array {
  const { source, destination, home, route, protocol, upper, checksumAt } = parts;
  const extensions = (home ? HOME_ADDRESS_HEADER_LEN : 0) + (route ? ROUTING_HEADER_2_LEN : 0);
  const bytes = new Uint8Array(IPV6_HEADER_LEN + extensions + upper.length);
  const behindRoute = home ? PROTOCOL.destinationOptions : protocol;
  const nextHeader = route ? PROTOCOL.routing : behindRoute;
  const { hopLimit = 64 } = parts;
  const payloadLength = extensions + upper.length;
  const header = { trafficClass: 0, flowLabel: 0, payloadLength, nextHeader, hopLimit, source, destination };
  let at = emitIpv6Header(header, bytes, 0);
  if (route) at = emitRoutingHeader2(behindRoute, route, bytes, at);
  if (home) at = emitHomeAddressDestinationOptions(protocol, home, bytes, at);
  bytes.set(upper, at);
  if (checksumAt !== undefined) {
    setU16(bytes, at + checksumAt, 0);
    const pseudo = pseudoHeaderSum(home ?? source, route ?? destination, protocol, upper.length);
    setU16(bytes, at + checksumAt, checksumOf(sumWords(bytes, at, bytes.length, pseudo)));
  }
  return bytes;
}

type Way = Pick<PacketParts, 'source' | 'destination' | 'home' | 'route'>;

export function mobilityBytes(message: MobilityMessage): Uint8Array {
  const bytes = new Uint8Array(mobilityHeaderLength(message));
  emitMobilityHeader(message, bytes, 0);
  return bytes;
}

export const mobilityPacket = (way: Way, message: MobilityMessage | Uint8Array): Uint8Array => {
  const upper = message instanceof Uint8Array ? message : mobilityBytes(message);
  return packet({ ...way, protocol: PROTOCOL.mobility, upper, checksumAt: 4 });
};

export function icmpPacket(way: Way, message: Icmpv6Message): Uint8Array {
  const upper = new Uint8Array(icmpv6Length(message));
  emitIcmpv6(message, upper, 0);
  return packet({ ...way, protocol: PROTOCOL.icmpv6, upper, checksumAt: 2 });
}

export const echoRequest = (way: Way, sequence = 1): Uint8Array =>
  icmpPacket(way, { kind: 'echo-request', identifier: 7, sequence, data: Uint8Array.of(1, 2, 3, 4) });

/** What answers echoRequest(). */
export const echoReply = (way: Way, sequence = 1): Uint8Array =>
  icmpPacket(way, { kind: 'echo-reply', identifier: 7, sequence, data: Uint8Array.of(1, 2, 3, 4) });

export const tunnelPacket = (source: Address, destination: Address, inner: Uint8Array): Uint8Array =>
  packet({ source, destination, protocol: PROTOCOL.ipv6, upper: inner });

/**
 * A packet as text to compare, eight octets a line, without its flow label, nor that of what it tunnels: those are the
 * sender's secret.
 */
export function octets(bytes: Uint8Array): string {
  const plain = bytes.slice();
  for (let at = 0, next: number = PROTOCOL.ipv6; next === PROTOCOL.ipv6; at += IPV6_HEADER_LEN) {
    plain.fill(0, at + 2, at + 4);
    setU8(plain, at + 1, u8(plain, at + 1) & 0xf0);
    next = u8(plain, at + IPV6_FIELD.nextHeader);
  }
  return toHex(plain).replace(/.{16}(?=.)/g, '$&\n');
}

/** A packet taken apart. */
export interface Seen {
  readonly source: Address;
  readonly destination: Address;
  readonly hopLimit: number;
  readonly home: Address | undefined;
  readonly route: Address | undefined;
  readonly protocol: number;
  readonly checksumHolds: boolean;
  readonly mobility: MobilityMessage | undefined;
  readonly icmp: Icmpv6Message | undefined;
  readonly inner: Seen | undefined;
  readonly bytes: Uint8Array;
  /** Where the upper layer begins. */
  readonly start: number;
}

export function see(bytes: Uint8Array): Seen {
  const header = parseIpv6Header(bytes);
  if (!header.ok) throw new Error(`not an IPv6 packet: ${header.reason}`);
  const { source, destination, hopLimit, nextHeader } = header.value;
  let protocol = nextHeader;
  let start = IPV6_HEADER_LEN;
  let home: Address | undefined;
  let route: Address | undefined;
  while (protocol === PROTOCOL.destinationOptions || protocol === PROTOCOL.routing) {
    // Both headers of mobility have 24 octets, with the address in the last 16.
    const address = readAddress(bytes, start + 8);
    if (protocol === PROTOCOL.routing) route = address;
    else home = address;
    protocol = u8(bytes, start);
    start += 24;
  }
  const end = bytes.length;
  const pseudo = pseudoHeaderSum(home ?? source, route ?? destination, protocol, end - start);
  const mobility = protocol === PROTOCOL.mobility ? parseMobilityHeader(bytes, start, end) : undefined;
  const icmp = protocol === PROTOCOL.icmpv6 ? parseIcmpv6(bytes, start, end) : undefined;
  return {
    source,
    destination,
    hopLimit,
    home,
    route,
    protocol,
    checksumHolds: checksumHolds(sumWords(bytes, start, end, pseudo)),
    mobility: mobility?.ok ? mobility.value.message : undefined,
    icmp: icmp?.ok ? icmp.value : undefined,
    inner: protocol === PROTOCOL.ipv6 ? see(bytes.subarray(start)) : undefined,
    bytes,
    start,
  };
}
