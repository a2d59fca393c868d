// Cutting a packet of ours into fragments (RFC 8200 4.5): echo replies, mobility messages and tunnelled packets that do not
// fit the path. TCP never needs it: its segments follow the path MTU.

import { setU8, setU16, u8 } from '../core/bytes.ts';
import { emitFragmentHeader, FRAGMENT_HEADER_LEN } from '../wire/extension-header.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, PROTOCOL } from '../wire/ipv6.ts';

/** The Per-Fragment headers of a packet: what is repeated in front of every fragment. */
export interface PerFragmentHeaders {
  /** Where the fragmentable part begins. */
  readonly end: number;
  /** Offset of the Next Header field that has to say Fragment. */
  readonly nextHeaderAt: number;
}

/** A packet without extension headers, or the outer header of a tunnel. */
export const IPV6_HEADER_ONLY: PerFragmentHeaders = { end: IPV6_HEADER_LEN, nextHeaderAt: IPV6_FIELD.nextHeader };

/** The fragments of `packet`, none larger than `mtu` (at least 1280), each with octets of its own. */
export function fragmentPacket(
  packet: Uint8Array,
  headers: PerFragmentHeaders,
  mtu: number,
  id: number,
): readonly Uint8Array[] {
  const room = (mtu - headers.end - FRAGMENT_HEADER_LEN) & ~7;
  if (room < 8) throw new RangeError(`no room for fragments in an MTU of ${mtu}`);
  const fragments: Uint8Array[] = [];
  const nextHeader = u8(packet, headers.nextHeaderAt);
  for (let from = headers.end; from < packet.length; from += room) {
    const to = Math.min(from + room, packet.length);
    const fragment = new Uint8Array(headers.end + FRAGMENT_HEADER_LEN + to - from);
    fragment.set(packet.subarray(0, headers.end));
    setU8(fragment, headers.nextHeaderAt, PROTOCOL.fragment);
    setU16(fragment, IPV6_FIELD.payloadLength, fragment.length - IPV6_HEADER_LEN);
    const more = to < packet.length;
    const at = emitFragmentHeader({ nextHeader, offset: from - headers.end, more, id }, fragment, headers.end);
    fragment.set(packet.subarray(from, to), at);
    fragments.push(fragment);
  }
  return fragments;
}
