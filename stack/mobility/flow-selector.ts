// Does a packet belong to a flow? The IPv6 selector of RFC 6088 3.2 against the headers of a packet on its way to a home
// address. All fragments of a packet have to go one way: where it is cut, what only its first piece shows is not looked at.

import { u8, u16, u32 } from '../core/bytes.ts';
import type { ForwardedPacket } from '../ipv6/hooks.ts';
import { type Address, readAddress } from '../wire/address.ts';
import { headerLengthAt, isExtensionHeader, parseFragmentHeader } from '../wire/extension-header.ts';
import type { Ipv6TrafficSelector, SelectorRange } from '../wire/flow-identification.ts';
import { ICMPV6_HEADER_LEN, isIcmpv6Error } from '../wire/icmpv6.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, PROTOCOL, parseIpv6Header } from '../wire/ipv6.ts';

/** What a selector can ask for; undefined: the packet has no such thing, or does not show it. */
export interface FlowFields {
  readonly source: Address;
  readonly destination: Address;
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly nextHeader: number;
  readonly spi: number | undefined;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
}

/** Headers that are stepped over; a packet with more has no upper layer here (RFC 8504 5.3 allows a limit). */
const MAX_EXTENSION_HEADERS = 32;
/** TCP, UDP, DCCP, SCTP: two ports come first in all of them. */
const WITH_PORTS: ReadonlySet<number> = new Set([PROTOCOL.tcp, PROTOCOL.udp, 33, 132]);
const PORTS_LEN = 4;
/** Where ESP (RFC 4303 2) and AH (RFC 4302 2) have their SPI. */
const SPI_AT: Readonly<Record<number, number>> = { [PROTOCOL.esp]: 0, [PROTOCOL.ah]: 4 };
const SPI_LEN = 4;

/** Of a whole packet, whose IPv6 header is known to be there. */
export function flowFieldsOf(packet: Uint8Array): FlowFields {
  const { protocol, at } = upperLayerOf(packet);
  const hasPorts = WITH_PORTS.has(protocol) && at !== undefined && at + PORTS_LEN <= packet.length;
  const spiAt = at === undefined ? undefined : SPI_AT[protocol] !== undefined ? at + SPI_AT[protocol] : undefined;
  const word = u32(packet, 0);
  return {
    source: readAddress(packet, IPV6_FIELD.source),
    destination: readAddress(packet, IPV6_FIELD.destination),
    trafficClass: (word >>> 20) & 0xff,
    flowLabel: word & 0xfffff,
    nextHeader: protocol,
    spi: spiAt !== undefined && spiAt + SPI_LEN <= packet.length ? u32(packet, spiAt) : undefined,
    sourcePort: hasPorts ? u16(packet, at) : undefined,
    destinationPort: hasPorts ? u16(packet, at + 2) : undefined,
  };
}

/**
 * Whose conversation with the home address a packet belongs to: its source's; but an ICMPv6 error, which may come from any
 * router on the way, belongs to that which it is about.
 */
export function clientOf({ source, destination, bytes }: ForwardedPacket): Address {
  const first = u8(bytes, IPV6_FIELD.nextHeader);
  if (first !== PROTOCOL.icmpv6 && !isExtensionHeader(first)) return source; // most packets: no walk
  const { protocol, at } = upperLayerOf(bytes);
  const isError = protocol === PROTOCOL.icmpv6 && at !== undefined && at < bytes.length && isIcmpv6Error(u8(bytes, at));
  if (!isError) return source;
  const about = parseIpv6Header(bytes.subarray(at + ICMPV6_HEADER_LEN));
  return about.ok && about.value.source.equals(destination) ? about.value.destination : source;
}

/** Every field that the selector has must be there and fit (RFC 6088 3.2). */
export function selects(selector: Ipv6TrafficSelector, fields: FlowFields): boolean {
  return (
    holdsAddress(selector.source, fields.source) &&
    holdsAddress(selector.destination, fields.destination) &&
    holdsNumber(selector.spi, fields.spi) &&
    holdsNumber(selector.flowLabel, fields.flowLabel) &&
    holdsNumber(selector.sourcePort, fields.sourcePort) &&
    holdsNumber(selector.destinationPort, fields.destinationPort) &&
    holdsNumber(selector.trafficClass, fields.trafficClass) &&
    holdsNumber(selector.nextHeader, fields.nextHeader)
  );
}

/** A range that ends before it begins. */
export function isReversed({ source, destination, ...numbers }: Ipv6TrafficSelector): boolean {
  const addresses = [source, destination].some(
    (range) => range?.last !== undefined && range.last.key < range.first.key,
  );
  return addresses || Object.values(numbers).some(({ first, last }) => last !== undefined && last < first);
}

/** The only field of a selector that has no other: one source address. */
export function onlySource({ source, ...others }: Ipv6TrafficSelector): Address | undefined {
  return source?.last === undefined && Object.keys(others).length === 0 ? source?.first : undefined;
}

function holdsAddress(range: SelectorRange<Address> | undefined, address: Address): boolean {
  if (range === undefined) return true;
  if (range.last === undefined) return range.first.equals(address);
  return range.first.key <= address.key && address.key <= range.last.key;
}

function holdsNumber(range: SelectorRange<number> | undefined, value: number | undefined): boolean {
  if (range === undefined) return true;
  return value !== undefined && range.first <= value && value <= (range.last ?? range.first);
}

/** Its protocol and place. No place: the chain does not end here, or the packet is in pieces. */
function upperLayerOf(packet: Uint8Array): { readonly protocol: number; readonly at: number | undefined } {
  let protocol = u8(packet, IPV6_FIELD.nextHeader);
  let at = IPV6_HEADER_LEN;
  for (let count = 0; isExtensionHeader(protocol); count++) {
    if (count >= MAX_EXTENSION_HEADERS || at + 8 > packet.length) return { protocol, at: undefined };
    if (protocol === PROTOCOL.fragment) {
      const fragment = parseFragmentHeader(packet, at);
      const whole = fragment.ok && fragment.value.offset === 0 && !fragment.value.more; // RFC 6946
      if (!whole) return { protocol: u8(packet, at), at: undefined };
    }
    const next = at + headerLengthAt(protocol, packet, at);
    protocol = u8(packet, at);
    at = next;
  }
  return { protocol, at: at <= packet.length ? at : undefined };
}
