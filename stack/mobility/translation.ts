// What a client gateway changes in packets that pass it, as pure functions over octets: where the headers are, a Home
// Address option out of a packet (RFC 6275 9.3.1), a type 2 routing header into one or out of a quote (9.3.2, 6.4).
// The checksums of the upper layers stay as they are: they cover the home address before and after (6.3.1, 6.4.1).

import { setU16, u8, u16 } from '../core/bytes.ts';
import type { Frame } from '../ipv6/hooks.ts';
import type { Address } from '../wire/address.ts';
import {
  emitRoutingHeader2,
  headerLengthAt,
  homeAddressOfRoutingHeader2,
  isExtensionHeader,
  parseFragmentHeader,
  parseOptionsHeader,
  parseRoutingHeader,
  ROUTING_HEADER_2_LEN,
} from '../wire/extension-header.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, PROTOCOL } from '../wire/ipv6.ts';
import { emitOptionsHeader, homeAddressOf, OPTION, optionsHeaderLength } from '../wire/option.ts';

/** No sensible sender needs more (RFC 8504 5.3 lets a node set a limit). */
const MAX_EXTENSION_HEADERS = 32;

/** An extension header, and the Next Header field that names it. */
interface HeaderPlace {
  readonly at: number;
  readonly end: number;
  readonly nextHeaderAt: number;
}

export interface Headers {
  /** The upper layer; of a later fragment, what its Fragment header names. */
  readonly protocol: number;
  readonly start: number;
  /** Is the beginning of the upper layer in this packet? */
  readonly hasUpperLayer: boolean;
  /** Where a routing header goes: behind Hop-by-Hop Options, before all else (RFC 8200 4.1). */
  readonly routingAt: number;
  readonly routingNextHeaderAt: number;
  readonly routing: HeaderPlace | undefined;
  /** A Home Address option, in front of any Fragment header (RFC 6275 6.3). */
  readonly home: (HeaderPlace & { readonly address: Address }) | undefined;
}

type Walk = { -readonly [K in keyof Headers]: Headers[K] };

/** Walks the packet; undefined where a header is malformed, or has no end: that is for the receiver to judge. */
export function headersOf(bytes: Uint8Array, end: number = bytes.length): Headers | undefined {
  const walk: Walk = {
    protocol: u8(bytes, IPV6_FIELD.nextHeader),
    start: IPV6_HEADER_LEN,
    hasUpperLayer: true,
    routingAt: IPV6_HEADER_LEN,
    routingNextHeaderAt: IPV6_FIELD.nextHeader,
    routing: undefined,
    home: undefined,
  };
  let nextHeaderAt: number = IPV6_FIELD.nextHeader;
  for (let count = 0; isExtensionHeader(walk.protocol); count++) {
    const at = walk.start;
    if (count >= MAX_EXTENSION_HEADERS || at + 8 > end) return undefined;
    const place = { at, end: at + headerLengthAt(walk.protocol, bytes, at), nextHeaderAt };
    if (place.end > end || !noteHeader(walk, bytes, place)) return undefined;
    walk.protocol = u8(bytes, at);
    walk.start = place.end;
    nextHeaderAt = at;
    if (!walk.hasUpperLayer) break;
  }
  return walk;
}

/** false: malformed. */
function noteHeader(walk: Walk, bytes: Uint8Array, place: HeaderPlace): boolean {
  if (walk.protocol === PROTOCOL.hopByHop) {
    walk.routingAt = place.end;
    walk.routingNextHeaderAt = place.at;
  } else if (walk.protocol === PROTOCOL.routing) {
    walk.routing ??= place;
  } else if (walk.protocol === PROTOCOL.fragment) {
    const fragment = parseFragmentHeader(bytes, place.at, place.end);
    if (fragment.ok && fragment.value.offset > 0) walk.hasUpperLayer = false;
  } else {
    return noteHomeAddress(walk, bytes, place);
  }
  return true;
}

/** At most one Home Address option a packet (RFC 6275 6.3). */
function noteHomeAddress(walk: Walk, bytes: Uint8Array, place: HeaderPlace): boolean {
  const header = parseOptionsHeader(bytes, place.at, place.end);
  if (!header.ok) return false;
  for (const option of header.value.options) {
    if (option.type !== OPTION.homeAddress) continue;
    const home = homeAddressOf(option);
    if (!home.ok || walk.home !== undefined) return false;
    walk.home = { ...place, address: home.value };
  }
  return true;
}

/** Octets [at, at + removed) replaced by as many new ones as `inserted` says. */
interface Splice {
  readonly at: number;
  readonly removed: number;
  readonly inserted: number;
}

/** Room for a packet of so many octets; its own until the batch has left. */
export type Allocate = (length: number) => Uint8Array;

/** A copy of the frame with other octets in one place of its header chain, lengths and offsets put right. */
function spliced(frame: Frame, { at, removed, inserted }: Splice, allocate: Allocate): Frame {
  const growth = inserted - removed;
  const bytes = allocate(frame.bytes.length + growth);
  bytes.set(frame.bytes.subarray(0, at));
  bytes.set(frame.bytes.subarray(at + removed), at + inserted);
  setU16(bytes, IPV6_FIELD.payloadLength, u16(bytes, IPV6_FIELD.payloadLength) + growth);
  const { offload } = frame;
  if (offload?.checksumStart === undefined) return { ...frame, bytes };
  return { bytes, offload: { ...offload, checksumStart: offload.checksumStart + growth } };
}

/** A copy that nothing is put into or taken out of. */
export const copied = (frame: Frame, allocate: Allocate): Frame =>
  spliced(frame, { at: IPV6_HEADER_LEN, removed: 0, inserted: 0 }, allocate);

/** RFC 6275 9.3.2: to the care-of address, by way of a type 2 routing header with the home address. */
export function withRoutingHeader2(
  frame: Frame,
  headers: Pick<Headers, 'routingAt' | 'routingNextHeaderAt'>,
  to: { readonly home: Address; readonly careOf: Address },
  allocate: Allocate,
): Frame {
  const { routingAt: at, routingNextHeaderAt } = headers;
  const out = spliced(frame, { at, removed: 0, inserted: ROUTING_HEADER_2_LEN }, allocate);
  emitRoutingHeader2(u8(frame.bytes, routingNextHeaderAt), to.home, out.bytes, at);
  out.bytes[routingNextHeaderAt] = PROTOCOL.routing;
  to.careOf.write(out.bytes, IPV6_FIELD.destination);
  return out;
}

/**
 * RFC 6275 9.3.1: from the home address, without the option. The whole header goes where it held nothing else; else it
 * is made anew of the others (padding in the option's place would be more in a row than receivers take, RFC 8504 5.3).
 */
export function withoutHomeAddress(frame: Frame, home: NonNullable<Headers['home']>, allocate: Allocate): Frame {
  const { at, end, nextHeaderAt } = home;
  const header = parseOptionsHeader(frame.bytes, at, end);
  const others = header.ok ? header.value.options.filter(({ type }) => type !== OPTION.homeAddress) : [];
  const inserted = others.length === 0 ? 0 : optionsHeaderLength(others);
  const out = spliced(frame, { at, removed: end - at, inserted }, allocate);
  if (inserted === 0) out.bytes[nextHeaderAt] = u8(frame.bytes, at);
  else emitOptionsHeader(u8(frame.bytes, at), others, out.bytes, at);
  home.address.write(out.bytes, IPV6_FIELD.source);
  return out;
}

/** What was sent, of a quote of what left with a type 2 routing header; undefined: the quote has none. */
export function withoutRoutingHeader2(
  quoted: Uint8Array,
): { readonly home: Address; readonly bytes: Uint8Array } | undefined {
  if (quoted.length < IPV6_HEADER_LEN) return undefined;
  const routing = routingHeader2Of(quoted);
  if (routing === undefined) return undefined;
  const { at, end, nextHeaderAt } = routing.place;
  const bytes = new Uint8Array(quoted.length - (end - at));
  bytes.set(quoted.subarray(0, at));
  bytes.set(quoted.subarray(end), at);
  bytes[nextHeaderAt] = u8(quoted, at);
  setU16(bytes, IPV6_FIELD.payloadLength, u16(quoted, IPV6_FIELD.payloadLength) - (end - at));
  routing.home.write(bytes, IPV6_FIELD.destination);
  return { home: routing.home, bytes };
}

/** The quote may end anywhere behind the routing header: only what leads to it is walked. */
function routingHeader2Of(quoted: Uint8Array): { readonly place: HeaderPlace; readonly home: Address } | undefined {
  let nextHeaderAt: number = IPV6_FIELD.nextHeader;
  let at = IPV6_HEADER_LEN;
  if (u8(quoted, nextHeaderAt) === PROTOCOL.hopByHop && at + 8 <= quoted.length) {
    nextHeaderAt = at;
    at += headerLengthAt(PROTOCOL.hopByHop, quoted, at);
  }
  if (u8(quoted, nextHeaderAt) !== PROTOCOL.routing || at + ROUTING_HEADER_2_LEN > quoted.length) return undefined;
  const routing = parseRoutingHeader(quoted, at);
  const home = routing.ok ? homeAddressOfRoutingHeader2(routing.value) : routing;
  return home.ok ? { place: { at, end: at + ROUTING_HEADER_2_LEN, nextHeaderAt }, home: home.value } : undefined;
}
