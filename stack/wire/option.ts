// Options of the Hop-by-Hop and Destination Options headers (RFC 8200 4.2): how they are walked, what an
// unknown one asks for, and the Home Address option of RFC 6275 6.3 that a mobile node's packets carry.

import { setU8, setU16, u8 } from '../core/bytes.ts';
import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import { ADDRESS_LEN, type Address, readAddress } from './address.ts';

export const OPTION = {
  pad1: 0,
  padN: 1,
  /** RFC 2473 4.1.1. */
  tunnelEncapsulationLimit: 4,
  /** RFC 2711. */
  routerAlert: 5,
  /** RFC 6275 6.3. */
  homeAddress: 0xc9,
} as const;

/** Destination Options header with nothing but a Home Address option. */
export const HOME_ADDRESS_HEADER_LEN = 24;

/** Destination Options header with nothing but a Tunnel Encapsulation Limit. */
export const ENCAPSULATION_LIMIT_HEADER_LEN = 8;

/** Largest data of one option: its length field has 8 bits. */
export const MAX_OPTION_DATA = 255;

export interface Ipv6Option {
  readonly type: number;
  readonly data: Uint8Array;
  /** Offset of the option's type octet in the buffer it was parsed from. */
  readonly at: number;
}

/** What to do with a packet whose option `type` is not known: its two highest bits say it (RFC 8200 4.2). */
export type UnknownOptionAction = 'skip' | 'discard' | 'discard-icmp' | 'discard-icmp-unless-multicast';

const UNKNOWN_OPTION_ACTIONS = ['skip', 'discard', 'discard-icmp', 'discard-icmp-unless-multicast'] as const;

export const unknownOptionAction = (type: number): UnknownOptionAction =>
  UNKNOWN_OPTION_ACTIONS[(type >>> 6) & 3] ?? 'discard';

/**
 * The options in [start, end), padding left out. Each turn takes an octet or more and the area is at most
 * 2046 octets (the length of a header has 8 bits), which bounds the list.
 */
export function parseOptions(bytes: Uint8Array, start: number, end: number): Parsed<readonly Ipv6Option[]> {
  const options: Ipv6Option[] = [];
  let at = start;
  while (at < end) {
    const type = u8(bytes, at);
    if (type === OPTION.pad1) {
      at += 1;
      continue;
    }
    if (at + 2 > end) return malformed('option without a length', at);
    const dataEnd = at + 2 + u8(bytes, at + 1);
    if (dataEnd > end) return malformed('option runs over its header', at + 1);
    if (type !== OPTION.padN) options.push({ type, data: bytes.subarray(at + 2, dataEnd), at });
    at = dataEnd;
  }
  return parsed(options, end);
}

/** The largest alignment is 8 (RFC 8200 4.2, appendix A): more padding in a row aligns nothing. */
const MAX_PADDING = 7;

/**
 * RFC 8504 5.3: does an options area hold more options than `most`, or more padding in a row than any alignment needs?
 * Looked at before anything is made of it; whether it is well-formed is parseOptions()'s business.
 */
export function excessOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  most: number,
): 'too-many-options' | 'excess-padding' | undefined {
  let options = 0;
  let padding = 0;
  for (let at = start; at < end; ) {
    const type = u8(bytes, at);
    const length = type === OPTION.pad1 ? 1 : 2 + u8(bytes, at + 1);
    const isPadding = type === OPTION.pad1 || type === OPTION.padN;
    padding = isPadding ? padding + length : 0;
    options += isPadding ? 0 : 1;
    if (options > most) return 'too-many-options';
    if (padding > MAX_PADDING) return 'excess-padding';
    at += length;
  }
  return undefined;
}

/** RFC 6275 6.3. */
export function homeAddressOf(option: Ipv6Option): Parsed<Address> {
  if (option.type !== OPTION.homeAddress) return malformed('not a Home Address option', option.at);
  if (option.data.length !== ADDRESS_LEN) return malformed('length of the Home Address option', option.at + 1);
  return parsed(readAddress(option.data, 0), option.at + 2 + ADDRESS_LEN);
}

/** A Destination Options header with the Home Address option at 8n+6, as RFC 6275 6.3 wants it aligned. */
export function emitHomeAddressDestinationOptions(
  nextHeader: number,
  home: Address,
  into: Uint8Array,
  at: number,
): number {
  setU8(into, at, nextHeader);
  setU8(into, at + 1, HOME_ADDRESS_HEADER_LEN / 8 - 1);
  emitPadding(into, at + 2, at + 6);
  setU8(into, at + 6, OPTION.homeAddress);
  setU8(into, at + 7, ADDRESS_LEN);
  home.write(into, at + 8);
  return at + HOME_ADDRESS_HEADER_LEN;
}

/** A Destination Options header with a Tunnel Encapsulation Limit, laid out as RFC 2473 5.1 shows it. */
export function emitEncapsulationLimitDestinationOptions(
  nextHeader: number,
  limit: number,
  into: Uint8Array,
  at: number,
): number {
  setU8(into, at, nextHeader);
  setU8(into, at + 1, ENCAPSULATION_LIMIT_HEADER_LEN / 8 - 1);
  setU8(into, at + 2, OPTION.tunnelEncapsulationLimit);
  setU8(into, at + 3, 1);
  setU8(into, at + 4, limit);
  emitPadding(into, at + 5, at + ENCAPSULATION_LIMIT_HEADER_LEN);
  return at + ENCAPSULATION_LIMIT_HEADER_LEN;
}

/** Octets of an options header with these options, padded to a multiple of 8. */
export function optionsHeaderLength(options: readonly Pick<Ipv6Option, 'type' | 'data'>[]): number {
  let at = 2;
  for (const option of options) at = optionStart(option.type, at) + 2 + option.data.length;
  return (at + 7) & ~7;
}

/** A Hop-by-Hop or Destination Options header (RFC 8200 4.3, 4.6) with any options, each aligned as it asks. */
export function emitOptionsHeader(
  nextHeader: number,
  options: readonly Pick<Ipv6Option, 'type' | 'data'>[],
  into: Uint8Array,
  at: number,
): number {
  const length = optionsHeaderLength(options);
  setU8(into, at, nextHeader);
  setU8(into, at + 1, length / 8 - 1);
  let offset = 2;
  for (const { type, data } of options) {
    const start = optionStart(type, offset);
    emitPadding(into, at + offset, at + start);
    setU8(into, at + start, type);
    setU8(into, at + start + 1, data.length);
    into.set(data, at + start + 2);
    offset = start + 2 + data.length;
  }
  emitPadding(into, at + offset, at + length);
  return at + length;
}

/** Fills [from, to) with Pad1 or PadN (RFC 8200 4.2), of which mobility options have the same (RFC 6275 6.2.2). */
export function emitPadding(into: Uint8Array, from: number, to: number): void {
  if (to - from === 1) setU8(into, from, OPTION.pad1);
  else if (to > from) {
    setU16(into, from, (OPTION.padN << 8) | (to - from - 2));
    into.fill(0, from + 2, to);
  }
}

/** First offset from `from` on that is `remainder` modulo `unit`: the xn+y of the RFCs. */
export const alignUp = (from: number, unit: number, remainder: number): number =>
  from + ((((remainder - from) % unit) + unit) % unit);

function optionStart(type: number, from: number): number {
  if (type === OPTION.homeAddress) return alignUp(from, 8, 6);
  if (type === OPTION.routerAlert) return alignUp(from, 2, 0);
  return from;
}
