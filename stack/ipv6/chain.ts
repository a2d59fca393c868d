// A quick walk over a header chain (RFC 8200 4), for packets that are quoted, answered or looked at but not
// processed: it finds the upper layer and the home addresses on the way (RFC 6275 6.3, 6.4) and judges nothing.
// Options are stepped over; input has a walk of its own that obeys them (extension-headers.ts).

import { u8 } from '../core/bytes.ts';
import type { Address } from '../wire/address.ts';
import { readAddress } from '../wire/address.ts';
import {
  headerLengthAt,
  isExtensionHeader,
  parseFragmentHeader,
  parseOptionsHeader,
  parseRoutingHeader,
  ROUTING_HEADER_2_LEN,
  ROUTING_TYPE_2,
} from '../wire/extension-header.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, PROTOCOL } from '../wire/ipv6.ts';
import { homeAddressOf, OPTION } from '../wire/option.ts';

/** No sensible sender needs more (RFC 8504 5.3 lets a host set a limit). */
export const MAX_EXTENSION_HEADERS = 32;

/** In one Hop-by-Hop or Destination Options header, padding not counted: the default of RFC 8504 5.3. */
export const MAX_OPTIONS = 8;

export interface HeaderChain {
  /** The upper layer, or the header that the walk could not get past. */
  readonly protocol: number;
  readonly start: number;
  /** The walk reached the upper layer, or the data of a fragment that is not the first. */
  readonly complete: boolean;
  /** Offset of the fragment; 0 where there is no Fragment header, or it is the first one. */
  readonly fragmentOffset: number;
  /** From a Home Address option. */
  readonly home: Address | undefined;
  /** From a type 2 routing header; the other of destination and this is the care-of address. */
  readonly routed: { readonly address: Address; readonly segmentsLeft: number } | undefined;
}

/** Walks the packet bytes[0, end), whose IPv6 header is known to be there. */
export function walkHeaders(bytes: Uint8Array, end: number): HeaderChain {
  let protocol = u8(bytes, IPV6_FIELD.nextHeader);
  let at = IPV6_HEADER_LEN;
  let home: Address | undefined;
  let routed: HeaderChain['routed'];
  const stop = (complete: boolean, fragmentOffset = 0): HeaderChain => ({
    protocol,
    start: at,
    complete,
    fragmentOffset,
    home,
    routed,
  });
  for (let count = 0; isExtensionHeader(protocol); count++) {
    if (count >= MAX_EXTENSION_HEADERS || at + 8 > end) return stop(false);
    const next = at + headerLengthAt(protocol, bytes, at);
    if (next > end) return stop(false);
    if (protocol === PROTOCOL.destinationOptions) home ??= homeAddressIn(bytes, at, next);
    else if (protocol === PROTOCOL.routing) routed ??= routingHeader2In(bytes, at, next);
    else if (protocol === PROTOCOL.fragment) {
      const fragment = parseFragmentHeader(bytes, at, next);
      if (fragment.ok && fragment.value.offset > 0) {
        protocol = fragment.value.nextHeader;
        at = next;
        return stop(true, fragment.value.offset);
      }
    }
    protocol = u8(bytes, at);
    at = next;
  }
  return stop(true);
}

/** Smallest headers of upper layers, for the question whether a first fragment holds the whole chain. */
const LEAST_HEADER: Readonly<Record<number, number>> = {
  [PROTOCOL.tcp]: 20,
  [PROTOCOL.udp]: 8,
  [PROTOCOL.icmpv6]: 4,
  [PROTOCOL.ipv6]: IPV6_HEADER_LEN,
  [PROTOCOL.mobility]: 8,
  [PROTOCOL.none]: 0,
};

/** RFC 7112 5: a first fragment has to hold every header up to and including that of the upper layer. */
export function holdsWholeChain(bytes: Uint8Array, end: number): boolean {
  const chain = walkHeaders(bytes, end);
  return chain.complete && end - chain.start >= (LEAST_HEADER[chain.protocol] ?? 1);
}

function homeAddressIn(bytes: Uint8Array, at: number, end: number): Address | undefined {
  const header = parseOptionsHeader(bytes, at, end);
  if (!header.ok) return undefined;
  const option = header.value.options.find((candidate) => candidate.type === OPTION.homeAddress);
  const home = option === undefined ? undefined : homeAddressOf(option);
  return home?.ok === true ? home.value : undefined;
}

function routingHeader2In(bytes: Uint8Array, at: number, end: number): HeaderChain['routed'] {
  const header = parseRoutingHeader(bytes, at, end);
  if (!header.ok || header.value.type !== ROUTING_TYPE_2 || end - at !== ROUTING_HEADER_2_LEN) return undefined;
  return { address: readAddress(bytes, at + 8), segmentsLeft: header.value.segmentsLeft };
}
