// ICMPv6 error packets of the lab's router (RFC 4443 2.4, 3.1, 3.3): which packets may cause one, and the whole
// packet with as much of the offending one as fits.

import { setU16 } from '../../stack/core/bytes.ts';
import { checksumOf, sumWords } from '../../stack/core/checksum.ts';
import type { Address } from '../../stack/wire/address.ts';
import { emitIcmpv6, ICMPV6_CHECKSUM, ICMPV6_HEADER_LEN, isIcmpv6Error } from '../../stack/wire/icmpv6.ts';
import {
  emitIpv6Header,
  IPV6_HEADER_LEN,
  MINIMUM_MTU,
  PROTOCOL,
  parseIpv6Header,
  pseudoHeaderSum,
} from '../../stack/wire/ipv6.ts';

const MAX_QUOTED = MINIMUM_MTU - IPV6_HEADER_LEN - ICMPV6_HEADER_LEN;
const HOP_LIMIT = 64;

/**
 * RFC 4443 2.4 (e): no error for an ICMPv6 error. Extension headers in front of one are not walked: an error
 * about an error ends there, since ours carries none.
 */
export function mayCauseError(packet: Uint8Array): boolean {
  const header = parseIpv6Header(packet);
  if (!header.ok) return false;
  return header.value.nextHeader !== PROTOCOL.icmpv6 || !isIcmpv6Error(packet[IPV6_HEADER_LEN] ?? 0);
}

export interface ErrorFields {
  readonly type: number;
  readonly code: number;
  readonly source: Address;
  readonly destination: Address;
  readonly offending: Uint8Array;
}

export function icmpv6ErrorPacket(error: ErrorFields): Uint8Array {
  const { type, code, source, destination } = error;
  const quoted = error.offending.subarray(0, MAX_QUOTED);
  const length = ICMPV6_HEADER_LEN + quoted.length;
  const packet = new Uint8Array(IPV6_HEADER_LEN + length);
  const nextHeader = PROTOCOL.icmpv6;
  const start = emitIpv6Header(
    { trafficClass: 0, flowLabel: 0, payloadLength: length, nextHeader, hopLimit: HOP_LIMIT, source, destination },
    packet,
    0,
  );
  emitIcmpv6({ kind: 'error', type, code, parameter: 0, quoted }, packet, start);
  const sum = pseudoHeaderSum(source, destination, nextHeader, length);
  setU16(packet, start + ICMPV6_CHECKSUM, checksumOf(sumWords(packet, start, packet.length, sum)));
  return packet;
}
