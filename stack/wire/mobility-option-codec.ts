// Mobility options to and from octets (RFC 6275 6.2). Padding is left out when read and made anew when written,
// so that each option is aligned as its RFC asks: emit(parse(b)) equals b where b is padded no more than that,
// and parse(emit(x)) equals x always.

import { concatBytes, setU8, setU16, setU32, setU64, u8, u16, u32, u64 } from '../core/bytes.ts';
import { assertNever, malformed, type Parsed, parsed } from '../core/parsed.ts';
import { ADDRESS_LEN, readAddress } from './address.ts';
import { flowSubOptionBytes, parseFlowSubOptions } from './flow-identification.ts';
import {
  type Authentication,
  type BindingIdentifier,
  type FlowIdentification,
  type FlowSummary,
  MOBILITY_OPTION,
  type MobilityOption,
} from './mobility-option.ts';
import { alignUp, emitPadding, MAX_OPTION_DATA } from './option.ts';

/** The options in [start, end), which is at most 2 KiB (the Header Len of a Mobility Header has 8 bits). */
export function parseMobilityOptions(bytes: Uint8Array, start: number, end: number): Parsed<readonly MobilityOption[]> {
  const options: MobilityOption[] = [];
  let at = start;
  while (at < end) {
    const type = u8(bytes, at);
    if (type === MOBILITY_OPTION.pad1) {
      at += 1;
      continue;
    }
    if (at + 2 > end) return malformed('mobility option without a length', at);
    const dataEnd = at + 2 + u8(bytes, at + 1);
    if (dataEnd > end) return malformed('mobility option runs over its header', at + 1);
    if (type !== MOBILITY_OPTION.padN) {
      const data = bytes.subarray(at + 2, dataEnd);
      options.push(readOption(type, data, at) ?? { kind: 'unknown', type, data });
    }
    at = dataEnd;
  }
  return parsed(options, end);
}

/** Undefined: not known, or not of its right length. */
function readOption(type: number, data: Uint8Array, at: number): MobilityOption | undefined {
  const length = data.length;
  switch (type) {
    case MOBILITY_OPTION.bindingRefreshAdvice:
      return length === 2 ? { kind: 'refresh-advice', interval: u16(data, 0) } : undefined;
    case MOBILITY_OPTION.alternateCareOf:
      return length === ADDRESS_LEN ? { kind: 'alternate-care-of', address: readAddress(data, 0) } : undefined;
    case MOBILITY_OPTION.nonceIndices:
      return length === 4 ? { kind: 'nonce-indices', home: u16(data, 0), careOf: u16(data, 2) } : undefined;
    case MOBILITY_OPTION.bindingAuthorizationData:
      return length > 0 ? { kind: 'binding-authorization-data', authenticator: data, at } : undefined;
    case MOBILITY_OPTION.mnIdentifier:
      return length > 1 ? { kind: 'mn-identifier', subtype: u8(data, 0), identifier: data.subarray(1) } : undefined;
    case MOBILITY_OPTION.authentication:
      return length > 5
        ? { kind: 'authentication', subtype: u8(data, 0), spi: u32(data, 1), authenticator: data.subarray(5), at }
        : undefined;
    case MOBILITY_OPTION.replayProtection:
      return length === 8 ? { kind: 'replay-protection', timestamp: u64(data, 0) } : undefined;
    case MOBILITY_OPTION.bindingIdentifier:
      return readBindingIdentifier(data);
    case MOBILITY_OPTION.flowIdentification:
      return readFlowIdentification(data);
    case MOBILITY_OPTION.flowSummary:
      return readFlowSummary(data);
    default:
      return undefined;
  }
}

/** RFC 5648 4.1, with the BID-PRI of RFC 6089 4.1. An IPv4 care-of address is not for this stack. */
function readBindingIdentifier(data: Uint8Array): BindingIdentifier | undefined {
  if (data.length !== 4 && data.length !== 4 + ADDRESS_LEN) return undefined;
  const flags = u8(data, 3);
  return {
    kind: 'binding-identifier',
    bid: u16(data, 0),
    status: u8(data, 2),
    simultaneous: (flags & 0x80) !== 0,
    priority: flags & 0x7f,
    ...(data.length > 4 && { careOf: readAddress(data, 4) }),
  };
}

function readFlowIdentification(data: Uint8Array): FlowIdentification | undefined {
  if (data.length < 6) return undefined;
  const subOptions = parseFlowSubOptions(data, 6, data.length);
  if (!subOptions.ok) return undefined;
  return {
    kind: 'flow-identification',
    fid: u16(data, 0),
    priority: u16(data, 2),
    status: u8(data, 5),
    subOptions: subOptions.value,
  };
}

function readFlowSummary(data: Uint8Array): FlowSummary | undefined {
  if (data.length === 0 || data.length % 2 !== 0) return undefined;
  const fids: number[] = [];
  for (let at = 0; at < data.length; at += 2) fids.push(u16(data, at));
  return { kind: 'flow-summary', fids };
}

/** An option ready to be written: its alignment is unit * n + remainder from the start of the Mobility Header. */
interface WireForm {
  readonly type: number;
  readonly unit: number;
  readonly remainder: number;
  readonly data: Uint8Array;
}

const form = (type: number, unit: number, remainder: number, data: Uint8Array): WireForm => ({
  type,
  unit,
  remainder,
  data,
});

function wireForm(option: MobilityOption): WireForm {
  switch (option.kind) {
    case 'refresh-advice':
      return form(MOBILITY_OPTION.bindingRefreshAdvice, 2, 0, words(option.interval));
    case 'alternate-care-of':
      return form(MOBILITY_OPTION.alternateCareOf, 8, 6, option.address.toBytes());
    case 'nonce-indices':
      return form(MOBILITY_OPTION.nonceIndices, 2, 0, words(option.home, option.careOf));
    case 'binding-authorization-data':
      return form(MOBILITY_OPTION.bindingAuthorizationData, 8, 2, option.authenticator);
    case 'mn-identifier':
      return form(MOBILITY_OPTION.mnIdentifier, 1, 0, concatBytes(Uint8Array.of(option.subtype), option.identifier));
    case 'authentication':
      return form(MOBILITY_OPTION.authentication, 4, 1, authenticationData(option));
    case 'replay-protection':
      return form(MOBILITY_OPTION.replayProtection, 8, 2, timestampData(option.timestamp));
    case 'binding-identifier':
      return bindingIdentifierForm(option);
    case 'flow-identification':
      return form(MOBILITY_OPTION.flowIdentification, 2, 0, flowIdentificationData(option));
    case 'flow-summary':
      return form(MOBILITY_OPTION.flowSummary, 2, 0, words(...option.fids));
    case 'unknown':
      return form(option.type, 1, 0, option.data);
    default:
      return assertNever(option);
  }
}

function words(...values: readonly number[]): Uint8Array {
  const data = new Uint8Array(2 * values.length);
  for (const [i, value] of values.entries()) setU16(data, 2 * i, value);
  return data;
}

function authenticationData(option: Authentication): Uint8Array {
  const fixed = new Uint8Array(5);
  setU8(fixed, 0, option.subtype);
  setU32(fixed, 1, option.spi);
  return concatBytes(fixed, option.authenticator);
}

function timestampData(timestamp: bigint): Uint8Array {
  const data = new Uint8Array(8);
  setU64(data, 0, timestamp);
  return data;
}

/** Aligned so that the care-of address, where there is one, sits at a multiple of 8 (RFC 5648 4.1). */
function bindingIdentifierForm(option: BindingIdentifier): WireForm {
  const fixed = new Uint8Array(4);
  setU16(fixed, 0, option.bid);
  setU8(fixed, 2, option.status);
  setU8(fixed, 3, (option.simultaneous ? 0x80 : 0) | option.priority);
  const type = MOBILITY_OPTION.bindingIdentifier;
  return option.careOf === undefined
    ? form(type, 2, 0, fixed)
    : form(type, 8, 2, concatBytes(fixed, option.careOf.toBytes()));
}

function flowIdentificationData(option: FlowIdentification): Uint8Array {
  const fixed = new Uint8Array(6);
  setU16(fixed, 0, option.fid);
  setU16(fixed, 2, option.priority);
  setU8(fixed, 5, option.status);
  return concatBytes(fixed, flowSubOptionBytes(option.subOptions));
}

/** Where each option goes in a Mobility Header whose options begin at `from`, and where the header ends. */
export function layOutMobilityOptions(
  options: readonly MobilityOption[],
  from: number,
): { readonly starts: readonly number[]; readonly end: number } {
  const placed = place(options.map(wireForm), from);
  return { starts: placed.starts, end: placed.end };
}

/**
 * Writes the options of the Mobility Header that begins at `header`, from offset `from` of it on, padded to a
 * multiple of 8 octets. Throws a RangeError where an option has more than 255 octets.
 */
export function emitMobilityOptions(
  options: readonly MobilityOption[],
  into: Uint8Array,
  header: number,
  from: number,
): number {
  const forms = options.map(wireForm);
  const { starts, end } = place(forms, from);
  let at = from;
  for (const [i, { type, data }] of forms.entries()) {
    if (data.length > MAX_OPTION_DATA) throw new RangeError(`mobility option ${type} over 255 octets`);
    const start = starts[i] ?? at;
    emitPadding(into, header + at, header + start);
    setU8(into, header + start, type);
    setU8(into, header + start + 1, data.length);
    into.set(data, header + start + 2);
    at = start + 2 + data.length;
  }
  emitPadding(into, header + at, header + end);
  return header + end;
}

function place(forms: readonly WireForm[], from: number): { starts: number[]; end: number } {
  const starts: number[] = [];
  let at = from;
  for (const { unit, remainder, data } of forms) {
    const start = alignUp(at, unit, remainder);
    starts.push(start);
    at = start + 2 + data.length;
  }
  return { starts, end: alignUp(at, 8, 0) };
}
