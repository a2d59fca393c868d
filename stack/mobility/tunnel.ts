// Taking the inner packet out of an IPv6-in-IPv6 packet (RFC 2473 3.3). Sending through a tunnel and relaying the
// errors that come back from inside one are IPv6's own; who may send through one is each role's own.

import type { ReceivedPacket } from '../ipv6/port.ts';
import { IPV6_HEADER_LEN, type Ipv6Header, parseIpv6Header } from '../wire/ipv6.ts';

export interface InnerPacket {
  readonly header: Ipv6Header;
  /** The whole inner packet, without what may stand behind it. Lent like the outer one. */
  readonly bytes: Uint8Array;
}

/** The packet inside a received tunnel packet (upper layer: protocol 41); undefined where it is not whole. */
export function innerPacketOf(outer: ReceivedPacket): InnerPacket | undefined {
  const bytes = outer.bytes.subarray(outer.start, outer.end);
  const header = parseIpv6Header(bytes);
  if (!header.ok) return undefined;
  const length = IPV6_HEADER_LEN + header.value.payloadLength;
  return length > bytes.length ? undefined : { header: header.value, bytes: bytes.subarray(0, length) };
}
