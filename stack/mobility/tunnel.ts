// IPv6-in-IPv6 (RFC 2473) as mobility uses it: taking the inner packet out, and turning an ICMPv6 error that
// came back from inside a tunnel into one for the sender of the inner packet. Sending through a tunnel is
// IPv6's own (Ipv6Mobility.tunnel); who may send through one is each role's own.

import type { ReceivedPacket } from '../ipv6/port.ts';
import { ICMPV6, UNREACHABLE_CODE } from '../wire/icmpv6.ts';
import { IPV6_HEADER_LEN, type Ipv6Header, MINIMUM_MTU, PROTOCOL, parseIpv6Header } from '../wire/ipv6.ts';
import type { IcmpError } from './icmp-error.ts';

export interface InnerPacket {
  readonly header: Ipv6Header;
  /** The whole inner packet, without what may stand behind it. Lent like the outer one. */
  readonly bytes: Uint8Array;
}

/** The packet inside a received tunnel packet (upper layer: protocol 41). */
export function innerPacketOf(outer: ReceivedPacket): InnerPacket | undefined {
  return innerPacket(outer.bytes.subarray(outer.start, outer.end), true);
}

function innerPacket(bytes: Uint8Array, whole: boolean): InnerPacket | undefined {
  const parse = parseIpv6Header(bytes);
  if (!parse.ok) return undefined;
  const length = IPV6_HEADER_LEN + parse.value.payloadLength;
  if (whole && length > bytes.length) return undefined;
  return { header: parse.value, bytes: bytes.subarray(0, length) };
}

/** The tunnel packet that an ICMPv6 error quotes, and what is left of the packet inside it. */
export function quotedTunnelPacket(
  quoted: Uint8Array,
): { readonly outer: Ipv6Header; readonly inner: InnerPacket } | undefined {
  const outer = parseIpv6Header(quoted);
  if (!outer.ok || outer.value.nextHeader !== PROTOCOL.ipv6) return undefined;
  const inner = innerPacket(quoted.subarray(outer.end), false);
  return inner === undefined ? undefined : { outer: outer.value, inner };
}

/** RFC 2473 8.2: what the source of the inner packet is told of an error on the way through the tunnel. */
export function relayedTunnelError(error: IcmpError): IcmpError {
  if (error.type === ICMPV6.packetTooBig) {
    const mtu = Math.max((error.parameter ?? 0) - IPV6_HEADER_LEN, MINIMUM_MTU);
    return { type: ICMPV6.packetTooBig, code: 0, parameter: mtu };
  }
  return { type: ICMPV6.unreachable, code: UNREACHABLE_CODE.address };
}
