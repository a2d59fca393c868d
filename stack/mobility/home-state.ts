// What a home agent has to remember when its process starts again, as octets: bindings, sequence numbers of those that
// ended a moment ago, the greatest timestamps (RFC 4285 6), flow bindings. Times are the time of day, so that what ended
// meanwhile has ended. Holds no keys. Parsing never throws; what is in a state of ours but cannot be is refused whole.
//
//   'HPHA' | version (2) | 0 (2) | members (4) | flows (4) | members, 56 octets each | flows
//   a flow: home address (16) | its owner's BID (2) | FID (2) | FID-PRI (2) | length (2) | sub-options (RFC 6089 4.2.1)

import { EMPTY, equalBytes, setU16, setU32, setU64, u16, u32, u64 } from '../core/bytes.ts';
import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import { type Address, readAddress, UNSPECIFIED } from '../wire/address.ts';
import { flowSubOptionBytes, parseFlowSubOptions } from '../wire/flow-identification.ts';
import { type FlowBinding, flowOption } from './flow-binding.ts';

export interface MemberState {
  readonly home: Address;
  /** 0: the home address is one node's own. */
  readonly bid: number;
  /** Undefined: not bound. */
  readonly careOf: Address | undefined;
  /** Of the binding, or of the one that ended. Undefined: none is remembered. */
  readonly sequence: number | undefined;
  /** BID-PRI of the binding. */
  readonly priority: number;
  /** When the binding, or the memory of its sequence number, ends: NTP 64-bit format. */
  readonly until: bigint;
  readonly lastTimestamp: bigint | undefined;
}

export interface FlowState {
  readonly home: Address;
  readonly flow: FlowBinding;
}

export interface HomeState {
  readonly members: readonly MemberState[];
  readonly flows: readonly FlowState[];
}

const MAGIC = 0x4850_4841;
const VERSION = 2;
const HEADER_LEN = 16;
const MEMBER_LEN = 56;
/** Without its sub-options. */
const FLOW_LEN = 24;
const MAX_PRIORITY = 127;

const FLAG = { bound: 1, sequence: 2, timestamp: 4, all: 7 } as const;

export function emitHomeState({ members, flows }: HomeState): Uint8Array {
  const subOptions = flows.map(({ flow }) => flowSubOptionBytes(flowOption(flow).subOptions));
  const flowsLen = subOptions.reduce((sum, { length }) => sum + FLOW_LEN + length, 0);
  const bytes = new Uint8Array(HEADER_LEN + members.length * MEMBER_LEN + flowsLen);
  setU32(bytes, 0, MAGIC);
  setU16(bytes, 4, VERSION);
  setU32(bytes, 8, members.length);
  setU32(bytes, 12, flows.length);
  let at = HEADER_LEN;
  for (const member of members) {
    emitMember(member, bytes, at);
    at += MEMBER_LEN;
  }
  flows.forEach((flow, i) => {
    at = emitFlow(flow, subOptions[i] ?? EMPTY, bytes, at);
  });
  return bytes;
}

function emitFlow({ home, flow }: FlowState, subOptions: Uint8Array, bytes: Uint8Array, at: number): number {
  home.write(bytes, at);
  setU16(bytes, at + 16, flow.owner);
  setU16(bytes, at + 18, flow.fid);
  setU16(bytes, at + 20, flow.priority);
  setU16(bytes, at + 22, subOptions.length);
  bytes.set(subOptions, at + FLOW_LEN);
  return at + FLOW_LEN + subOptions.length;
}

function emitMember(member: MemberState, bytes: Uint8Array, at: number): void {
  const { home, bid, careOf, sequence, priority, until, lastTimestamp } = member;
  const flags =
    (careOf === undefined ? 0 : FLAG.bound) |
    (sequence === undefined ? 0 : FLAG.sequence) |
    (lastTimestamp === undefined ? 0 : FLAG.timestamp);
  home.write(bytes, at);
  setU16(bytes, at + 16, bid);
  setU16(bytes, at + 18, flags);
  setU16(bytes, at + 20, sequence ?? 0);
  setU16(bytes, at + 22, priority);
  (careOf ?? UNSPECIFIED).write(bytes, at + 24);
  setU64(bytes, at + 40, until);
  setU64(bytes, at + 48, lastTimestamp ?? 0n);
}

export function parseHomeState(bytes: Uint8Array): Parsed<HomeState> {
  if (bytes.length < HEADER_LEN || u32(bytes, 0) !== MAGIC) return malformed("not a home agent's state", 0);
  const version = u16(bytes, 4);
  if (version !== VERSION) return malformed(`state of version ${version}, where ${VERSION} is known`, 4);
  if (u16(bytes, 6) !== 0) return malformed('reserved octets', 6);
  const memberCount = u32(bytes, 8);
  const flowCount = u32(bytes, 12);
  const flowsAt = HEADER_LEN + memberCount * MEMBER_LEN;
  if (bytes.length < flowsAt + flowCount * FLOW_LEN) return malformed('state of another length than it says', 8);
  const members: MemberState[] = [];
  for (let at = HEADER_LEN; at < flowsAt; at += MEMBER_LEN) {
    const member = parseMember(bytes, at);
    if (!member.ok) return member;
    members.push(member.value);
  }
  const flows: FlowState[] = [];
  let end = flowsAt;
  while (flows.length < flowCount) {
    const flow = parseFlow(bytes, end);
    if (!flow.ok) return flow;
    flows.push(flow.value);
    end = flow.end;
  }
  if (bytes.length !== end) return malformed('state of another length than it says', 8);
  return parsed({ members, flows }, end);
}

/** As emitFlow() writes it, to the octet. */
function parseFlow(bytes: Uint8Array, at: number): Parsed<FlowState> {
  if (bytes.length - at < FLOW_LEN) return malformed('flow truncated', at);
  const end = at + FLOW_LEN + u16(bytes, at + 22);
  if (end > bytes.length) return malformed('flow truncated', at + 22);
  const subOptions = parseFlowSubOptions(bytes, at + FLOW_LEN, end);
  if (!subOptions.ok) return subOptions;
  const [reference, selector] = subOptions.value;
  if (reference?.kind !== 'binding-reference' || selector?.kind !== 'traffic-selector') {
    return malformed('a flow without bindings or selector', at + FLOW_LEN);
  }
  const flow: FlowBinding = {
    owner: u16(bytes, at + 16),
    fid: u16(bytes, at + 18),
    priority: u16(bytes, at + 20),
    selector: selector.selector,
    bids: reference.bids,
  };
  const octets = flowSubOptionBytes(flowOption(flow).subOptions);
  if (!equalBytes(octets, bytes.subarray(at + FLOW_LEN, end)))
    return malformed('a flow in another form', at + FLOW_LEN);
  return parsed({ home: readAddress(bytes, at), flow }, end);
}

function parseMember(bytes: Uint8Array, at: number): Parsed<MemberState> {
  const flags = u16(bytes, at + 18);
  const priority = u16(bytes, at + 22);
  const careOf = readAddress(bytes, at + 24);
  const sequence = u16(bytes, at + 20);
  const lastTimestamp = u64(bytes, at + 48);
  const bound = (flags & FLAG.bound) !== 0;
  const hasSequence = (flags & FLAG.sequence) !== 0;
  const hasTimestamp = (flags & FLAG.timestamp) !== 0;
  if ((flags & ~FLAG.all) !== 0) return malformed('flags that nobody knows', at + 18);
  if (bound && !hasSequence) return malformed('a binding without sequence number', at + 18);
  if ((!hasSequence && sequence !== 0) || (!hasTimestamp && lastTimestamp !== 0n)) {
    return malformed('a value that the flags deny', at + 18);
  }
  if (bound ? priority < 1 || priority > MAX_PRIORITY : priority !== 0) return malformed('priority', at + 22);
  if (bound ? !careOf.isRoutableUnicast : !careOf.isUnspecified) return malformed('care-of address', at + 24);
  const member: MemberState = {
    home: readAddress(bytes, at),
    bid: u16(bytes, at + 16),
    careOf: bound ? careOf : undefined,
    sequence: hasSequence ? sequence : undefined,
    priority,
    until: u64(bytes, at + 40),
    lastTimestamp: hasTimestamp ? lastTimestamp : undefined,
  };
  return parsed(member, at + MEMBER_LEN);
}
