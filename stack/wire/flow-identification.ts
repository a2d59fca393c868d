// What a Flow Identification mobility option carries (RFC 6089 4.2): which bindings a flow goes to (binding
// reference, by BID) and which packets belong to it (traffic selector, with the binary IPv6
// selector of RFC 6088 3.2). Selectors of other formats are kept as they came.

import { concatBytes, setU8, setU16, setU32, u8, u16, u32 } from '../core/bytes.ts';
import { assertNever, malformed, type Parsed, parsed } from '../core/parsed.ts';
import { ADDRESS_LEN, type Address, readAddress } from './address.ts';

export const FLOW_SUB_OPTION = { pad1: 0, padN: 1, bindingReference: 2, trafficSelector: 3 } as const;

/** TS Format of RFC 6088 3.2. */
export const TRAFFIC_SELECTOR_IPV6 = 2;

/** One value, or all from `first` to `last`. */
export interface SelectorRange<T> {
  readonly first: T;
  readonly last?: T;
}

/** RFC 6088 3.2; an absent field matches every packet. Directions are those of packets to the mobile node. */
export interface Ipv6TrafficSelector {
  readonly source?: SelectorRange<Address>;
  readonly destination?: SelectorRange<Address>;
  readonly spi?: SelectorRange<number>;
  readonly flowLabel?: SelectorRange<number>;
  readonly sourcePort?: SelectorRange<number>;
  readonly destinationPort?: SelectorRange<number>;
  readonly trafficClass?: SelectorRange<number>;
  readonly nextHeader?: SelectorRange<number>;
}

export type FlowSubOption =
  | { readonly kind: 'binding-reference'; readonly bids: readonly number[] }
  | { readonly kind: 'traffic-selector'; readonly selector: Ipv6TrafficSelector }
  | { readonly kind: 'unknown'; readonly type: number; readonly data: Uint8Array };

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Fields in the order of their flag bits (A is the highest) and of their place behind the flags. */
const ADDRESS_FIELDS = ['source', 'destination'] as const;
const NUMBER_FIELDS = [
  ['spi', 4],
  ['flowLabel', 4],
  ['sourcePort', 2],
  ['destinationPort', 2],
  ['trafficClass', 1],
  ['nextHeader', 1],
] as const;

/** TS Format, Reserved, the flags A to P and 16 reserved bits. */
const SELECTOR_FIXED_LEN = 6;

/** The sub-options in [start, end): at most 249 octets, for the option's length has 8 bits. */
export function parseFlowSubOptions(bytes: Uint8Array, start: number, end: number): Parsed<readonly FlowSubOption[]> {
  const subOptions: FlowSubOption[] = [];
  let at = start;
  while (at < end) {
    const type = u8(bytes, at);
    if (type === FLOW_SUB_OPTION.pad1) {
      at += 1;
      continue;
    }
    if (at + 2 > end) return malformed('flow sub-option without a length', at);
    const dataEnd = at + 2 + u8(bytes, at + 1);
    if (dataEnd > end) return malformed('flow sub-option runs over its option', at + 1);
    if (type !== FLOW_SUB_OPTION.padN) subOptions.push(readSubOption(type, bytes.subarray(at + 2, dataEnd)));
    at = dataEnd;
  }
  return parsed(subOptions, end);
}

/** Sub-options one behind the other, each at an even offset (RFC 6089 4.2.1). */
export function flowSubOptionBytes(subOptions: readonly FlowSubOption[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let odd = false;
  for (const subOption of subOptions) {
    const { type, data } = subOptionForm(subOption);
    if (odd) parts.push(Uint8Array.of(FLOW_SUB_OPTION.pad1));
    parts.push(Uint8Array.of(type, data.length), data);
    odd = data.length % 2 === 1;
  }
  return concatBytes(...parts);
}

function readSubOption(type: number, data: Uint8Array): FlowSubOption {
  if (type === FLOW_SUB_OPTION.bindingReference && data.length > 0 && data.length % 2 === 0) {
    const bids: number[] = [];
    for (let at = 0; at < data.length; at += 2) bids.push(u16(data, at));
    return { kind: 'binding-reference', bids };
  }
  if (type === FLOW_SUB_OPTION.trafficSelector && u8(data, 0) === TRAFFIC_SELECTOR_IPV6) {
    const selector = readSelector(data);
    if (selector !== undefined) return { kind: 'traffic-selector', selector };
  }
  return { kind: 'unknown', type, data };
}

function subOptionForm(subOption: FlowSubOption): { readonly type: number; readonly data: Uint8Array } {
  switch (subOption.kind) {
    case 'binding-reference': {
      const data = new Uint8Array(2 * subOption.bids.length);
      subOption.bids.forEach((bid, i) => {
        setU16(data, 2 * i, bid);
      });
      return { type: FLOW_SUB_OPTION.bindingReference, data };
    }
    case 'traffic-selector':
      return { type: FLOW_SUB_OPTION.trafficSelector, data: selectorBytes(subOption.selector) };
    case 'unknown':
      return { type: subOption.type, data: subOption.data };
    default:
      return assertNever(subOption);
  }
}

/** Undefined where the fields are not those the flags announce, or a range ends that does not begin. */
function readSelector(data: Uint8Array): Ipv6TrafficSelector | undefined {
  if (data.length < SELECTOR_FIXED_LEN) return undefined;
  const selector: Writable<Ipv6TrafficSelector> = {};
  let flags = u16(data, 2);
  let at = SELECTOR_FIXED_LEN;
  // Takes the two highest flags of those that are left, and the one or two fields they stand for.
  const range = <T>(size: number, read: (at: number) => T): SelectorRange<T> | undefined => {
    const first = (flags & 0x8000) !== 0;
    const last = (flags & 0x4000) !== 0;
    flags = (flags << 2) & 0xffff;
    if (!first) {
      if (last) at = Number.POSITIVE_INFINITY;
      return undefined;
    }
    const from = at;
    at += last ? 2 * size : size;
    return last ? { first: read(from), last: read(from + size) } : { first: read(from) };
  };
  for (const name of ADDRESS_FIELDS) {
    const addresses = range(ADDRESS_LEN, (from) => readAddress(data, from));
    if (addresses !== undefined) selector[name] = addresses;
  }
  for (const [name, size] of NUMBER_FIELDS) {
    const numbers = range(size, (from) => readNumber(data, from, size));
    if (numbers !== undefined) selector[name] = numbers;
  }
  return at === data.length ? selector : undefined;
}

function selectorBytes(selector: Ipv6TrafficSelector): Uint8Array {
  const fields: Uint8Array[] = [];
  let flags = 0;
  const add = <T>(range: SelectorRange<T> | undefined, toBytes: (value: T) => Uint8Array): void => {
    flags <<= 2;
    if (range === undefined) return;
    flags |= range.last === undefined ? 2 : 3;
    fields.push(toBytes(range.first));
    if (range.last !== undefined) fields.push(toBytes(range.last));
  };
  for (const name of ADDRESS_FIELDS) add(selector[name], (address) => address.toBytes());
  for (const [name, size] of NUMBER_FIELDS) add(selector[name], (value) => numberBytes(value, size));
  const fixed = new Uint8Array(SELECTOR_FIXED_LEN);
  setU8(fixed, 0, TRAFFIC_SELECTOR_IPV6);
  setU16(fixed, 2, flags);
  return concatBytes(fixed, ...fields);
}

const readNumber = (data: Uint8Array, at: number, size: 1 | 2 | 4): number =>
  size === 1 ? u8(data, at) : size === 2 ? u16(data, at) : u32(data, at);

function numberBytes(value: number, size: 1 | 2 | 4): Uint8Array {
  const bytes = new Uint8Array(size);
  if (size === 1) setU8(bytes, 0, value);
  else if (size === 2) setU16(bytes, 0, value);
  else setU32(bytes, 0, value);
  return bytes;
}
