// Super-frames for tests: a TCP packet as a stack with TSO hands it to a device.

import { setU16 } from '../../stack/core/bytes.ts';
import { fold } from '../../stack/core/checksum.ts';
import type { Frame } from '../../stack/device/device.ts';
import type { Address } from '../../stack/wire/address.ts';
import { address } from '../../stack/wire/address.ts';
import { emitRoutingHeader2, ROUTING_HEADER_2_LEN } from '../../stack/wire/extension-header.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { emitHomeAddressDestinationOptions, HOME_ADDRESS_HEADER_LEN } from '../../stack/wire/option.ts';
import { seq } from '../../stack/wire/seq.ts';
import { emitTcpHeader, TCP_CHECKSUM, tcpHeaderLength } from '../../stack/wire/tcp.ts';

export const SOURCE = address('2001:db8:a::1');
export const DESTINATION = address('2001:db8:b::2');

export interface SuperFrameShape {
  readonly payload: Uint8Array;
  readonly gsoSize: number;
  readonly flags: number;
  readonly seq: number;
  /** Goes into a Home Address option, and into the checksum in place of the source. */
  readonly homeSource?: Address;
  /** Goes into a type 2 routing header, and into the checksum in place of the destination. */
  readonly homeDestination?: Address;
  readonly timestamps?: boolean;
}

/** What tcpSuperFrame lays out: where the TCP header begins, and the addresses that its checksum covers. */
export interface SuperFrame {
  readonly frame: Frame;
  readonly tcp: number;
  readonly source: Address;
  readonly destination: Address;
}

export function tcpSuperFrame(shape: SuperFrameShape): SuperFrame {
  const options = shape.timestamps === true ? { timestamp: { value: 7, echo: 9 } } : {};
  const extensions =
    (shape.homeDestination ? ROUTING_HEADER_2_LEN : 0) + (shape.homeSource ? HOME_ADDRESS_HEADER_LEN : 0);
  const tcp = IPV6_HEADER_LEN + extensions;
  const segmentLength = tcpHeaderLength(options) + shape.payload.length;
  const bytes = new Uint8Array(tcp + segmentLength);
  const protocols = [
    ...(shape.homeDestination ? [PROTOCOL.routing] : []),
    ...(shape.homeSource ? [PROTOCOL.destinationOptions] : []),
    PROTOCOL.tcp,
  ];
  let at = emitIpv6Header(
    {
      trafficClass: 0,
      flowLabel: 0,
      payloadLength: bytes.length - IPV6_HEADER_LEN,
      nextHeader: protocols.shift() ?? PROTOCOL.none,
      hopLimit: 64,
      source: SOURCE,
      destination: DESTINATION,
    },
    bytes,
    0,
  );
  if (shape.homeDestination) {
    at = emitRoutingHeader2(protocols.shift() ?? PROTOCOL.none, shape.homeDestination, bytes, at);
  }
  if (shape.homeSource) {
    at = emitHomeAddressDestinationOptions(protocols.shift() ?? PROTOCOL.none, shape.homeSource, bytes, at);
  }
  at = emitTcpHeader(
    {
      sourcePort: 80,
      destinationPort: 40000,
      seq: seq(shape.seq),
      ack: seq(5),
      flags: shape.flags,
      window: 1000,
      checksum: 0,
      urgentPointer: 0,
      options,
    },
    bytes,
    at,
  );
  bytes.set(shape.payload, at);
  const source = shape.homeSource ?? SOURCE;
  const destination = shape.homeDestination ?? DESTINATION;
  setU16(bytes, tcp + TCP_CHECKSUM, fold(pseudoHeaderSum(source, destination, PROTOCOL.tcp, segmentLength)));
  const offload = { gsoSize: shape.gsoSize, checksumStart: tcp, checksumOffset: TCP_CHECKSUM };
  return { frame: { bytes, offload }, tcp, source, destination };
}
