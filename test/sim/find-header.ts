// Finds the upper-layer header of a packet behind tunnels, routing headers and options: for taps that look at the wire.

import { u8 } from '../../stack/core/bytes.ts';
import { IPV6_HEADER_LEN, PROTOCOL } from '../../stack/wire/ipv6.ts';

const MAX_HEADERS = 10;

/** Offset of the header with this protocol number, or undefined where the packet carries none. */
export function findHeader(packet: Uint8Array, protocol: number): number | undefined {
  let next = u8(packet, 6);
  let at = IPV6_HEADER_LEN;
  for (let headers = 0; headers < MAX_HEADERS && at < packet.length; headers++) {
    if (next === protocol) return at;
    switch (next) {
      case PROTOCOL.ipv6:
        next = u8(packet, at + 6);
        at += IPV6_HEADER_LEN;
        break;
      case PROTOCOL.routing:
      case PROTOCOL.destinationOptions:
      case PROTOCOL.hopByHop:
        next = u8(packet, at);
        at += (u8(packet, at + 1) + 1) * 8;
        break;
      default:
        return undefined;
    }
  }
  return undefined;
}

export const findTcp = (packet: Uint8Array): number | undefined => findHeader(packet, PROTOCOL.tcp);
