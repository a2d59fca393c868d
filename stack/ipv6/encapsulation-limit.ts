// The Tunnel Encapsulation Limit (RFC 2473 4.1.1): how many times more a packet may be put into a tunnel. It stands in a
// Destination Options header of a packet that is in one already; whoever encapsulates it again counts down.

import { u8 } from '../core/bytes.ts';
import { headerLengthAt, parseOptionsHeader } from '../wire/extension-header.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, PROTOCOL } from '../wire/ipv6.ts';
import { OPTION } from '../wire/option.ts';

/** Offset of the limit in a packet; undefined: it has none. Looks no further than the first Destination Options header. */
export function encapsulationLimitAt(packet: Uint8Array): number | undefined {
  let protocol = u8(packet, IPV6_FIELD.nextHeader);
  let at = IPV6_HEADER_LEN;
  if (protocol === PROTOCOL.hopByHop) {
    const next = at + headerLengthAt(protocol, packet, at);
    protocol = u8(packet, at);
    at = next;
  }
  if (protocol !== PROTOCOL.destinationOptions) return undefined;
  const header = parseOptionsHeader(packet, at);
  if (!header.ok) return undefined;
  const option = header.value.options.find(({ type, data }) => {
    return type === OPTION.tunnelEncapsulationLimit && data.length === 1;
  });
  return option === undefined ? undefined : option.at + 2;
}
