// Whole packets for the tests of tun/: ICMPv6 echo, and TCP with its checksum left to the device.

import { setU16, u16 } from '../../stack/core/bytes.ts';
import { checksumOf, fold, sumWords } from '../../stack/core/checksum.ts';
import type { Frame } from '../../stack/device/device.ts';
import type { Address } from '../../stack/wire/address.ts';
import { emitIcmpv6, type Icmpv6Message, icmpv6Length } from '../../stack/wire/icmpv6.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { emitTcpHeader, TCP_CHECKSUM, type TcpHeaderFields, tcpHeaderLength } from '../../stack/wire/tcp.ts';
import { NO_TCP_OPTIONS } from '../../stack/wire/tcp-option.ts';

export interface Ends {
  readonly source: Address;
  readonly destination: Address;
}

const header = (ends: Ends, nextHeader: number, payloadLength: number) => ({
  ...ends,
  trafficClass: 0,
  flowLabel: 0,
  hopLimit: 64,
  nextHeader,
  payloadLength,
});

export function icmpv6Packet(ends: Ends, message: Icmpv6Message): Uint8Array {
  const length = icmpv6Length(message);
  const packet = new Uint8Array(IPV6_HEADER_LEN + length);
  const start = emitIpv6Header(header(ends, PROTOCOL.icmpv6, length), packet, 0);
  emitIcmpv6(message, packet, start);
  const sum = pseudoHeaderSum(ends.source, ends.destination, PROTOCOL.icmpv6, length);
  setU16(packet, start + 2, checksumOf(sumWords(packet, start, packet.length, sum)));
  return packet;
}

export interface Extension {
  /** Type of the header that follows IPv6. */
  readonly type: number;
  /** Writes it in front of TCP and returns the offset behind it. */
  readonly emit: (into: Uint8Array, at: number) => number;
  readonly length: number;
}

/**
 * A TCP packet whose checksum field holds the folded pseudo-header sum, as a stack hands it to a device with
 * offloads. `seen`: the addresses that the checksum covers, where an extension header makes them differ.
 */
export function tcpFrame(
  ends: Ends,
  tcp: TcpHeaderFields,
  payload: Uint8Array,
  gsoSize = 0,
  extension?: Extension,
  seen: Ends = ends,
): Frame {
  const length = tcpHeaderLength(tcp.options ?? NO_TCP_OPTIONS) + payload.length;
  const before = extension?.length ?? 0;
  const bytes = new Uint8Array(IPV6_HEADER_LEN + before + length);
  emitIpv6Header(header(ends, extension?.type ?? PROTOCOL.tcp, before + length), bytes, 0);
  const start = extension?.emit(bytes, IPV6_HEADER_LEN) ?? IPV6_HEADER_LEN;
  bytes.set(payload, emitTcpHeader(tcp, bytes, start));
  setU16(bytes, start + TCP_CHECKSUM, fold(pseudoHeaderSum(seen.source, seen.destination, PROTOCOL.tcp, length)));
  return { bytes, offload: { gsoSize, checksumStart: start, checksumOffset: TCP_CHECKSUM } };
}

/** One hop further, as a router leaves it. */
export function afterOneHop(packet: Uint8Array): Uint8Array {
  const next = packet.slice();
  setU16(next, 6, u16(next, 6) - 1);
  return next;
}
