// What the timeline has to know of a packet: its addresses on the wire and behind the Home Address option or the
// type 2 routing header, and its TCP segment or Mobility Header. Steps through the headers with the stack's own
// parsers; a packet that is something else, malformed or cut short is undefined.

import type { Address } from '../../stack/wire/address.ts';
import {
  headerLengthAt,
  homeAddressOfRoutingHeader2,
  isExtensionHeader,
  parseOptionsHeader,
  parseRoutingHeader,
} from '../../stack/wire/extension-header.ts';
import { IPV6_HEADER_LEN, PROTOCOL, parseIpv6Header } from '../../stack/wire/ipv6.ts';
import { type MobilityMessage, parseMobilityHeader } from '../../stack/wire/mobility.ts';
import { homeAddressOf, OPTION } from '../../stack/wire/option.ts';
import type { Seq } from '../../stack/wire/seq.ts';
import { parseTcpHeader } from '../../stack/wire/tcp.ts';

interface Addresses {
  /** As the upper layer sees them. */
  readonly source: Address;
  readonly destination: Address;
  readonly wireSource: Address;
}

export interface TcpSegment extends Addresses {
  readonly kind: 'tcp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: Seq;
  readonly flags: number;
  /** Octets of payload in the packet as it was, even if the capture holds fewer. */
  readonly length: number;
}

export interface MobilityPacket extends Addresses {
  readonly kind: 'mobility';
  readonly message: MobilityMessage;
}

/** No chain of a packet that the lab carries comes near this. */
const MAX_HEADERS = 8;

export function dissect(bytes: Uint8Array): TcpSegment | MobilityPacket | undefined {
  const header = parseIpv6Header(bytes);
  if (!header.ok) return undefined;
  const { source: wireSource, payloadLength } = header.value;
  const end = Math.min(bytes.length, IPV6_HEADER_LEN + payloadLength);
  let { source, destination, nextHeader: protocol } = header.value;
  let at = IPV6_HEADER_LEN;
  for (let count = 0; count < MAX_HEADERS && isExtensionHeader(protocol); count++) {
    if (protocol === PROTOCOL.fragment) return undefined;
    if (protocol === PROTOCOL.destinationOptions) source = homeAddressIn(bytes, at, end) ?? source;
    if (protocol === PROTOCOL.routing) destination = routedTo(bytes, at, end) ?? destination;
    const length = headerLengthAt(protocol, bytes, at);
    protocol = bytes[at] ?? PROTOCOL.none;
    at += length;
    if (at > end) return undefined;
  }
  const addresses = { source, destination, wireSource };
  if (protocol === PROTOCOL.mobility) {
    const parsed = parseMobilityHeader(bytes, at, end);
    return parsed.ok ? { kind: 'mobility', ...addresses, message: parsed.value.message } : undefined;
  }
  if (protocol !== PROTOCOL.tcp) return undefined;
  const tcp = parseTcpHeader(bytes, at, end);
  if (!tcp.ok) return undefined;
  const { sourcePort, destinationPort, seq, flags } = tcp.value;
  const length = IPV6_HEADER_LEN + payloadLength - tcp.end;
  return { kind: 'tcp', ...addresses, sourcePort, destinationPort, seq, flags, length };
}

function homeAddressIn(bytes: Uint8Array, at: number, end: number): Address | undefined {
  const header = parseOptionsHeader(bytes, at, end);
  const option = header.ok ? header.value.options.find((o) => o.type === OPTION.homeAddress) : undefined;
  const home = option === undefined ? undefined : homeAddressOf(option);
  return home?.ok === true ? home.value : undefined;
}

function routedTo(bytes: Uint8Array, at: number, end: number): Address | undefined {
  const header = parseRoutingHeader(bytes, at, end);
  const home = header.ok ? homeAddressOfRoutingHeader2(header.value) : undefined;
  return home?.ok === true ? home.value : undefined;
}
