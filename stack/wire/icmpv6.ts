// ICMPv6 messages (RFC 4443): echo and errors in full, everything else as type, code and body. The checksum
// needs the pseudo-header and is its caller's: not checked here, written as 0. The code of an echo message is
// not looked at and written as 0.

import { setU8, setU16, setU32, u8, u16, u32 } from '../core/bytes.ts';
import { assertNever, malformed, type Parsed, parsed } from '../core/parsed.ts';

export const ICMPV6_HEADER_LEN = 8;

/** Offset of the checksum field. */
export const ICMPV6_CHECKSUM = 2;

export const ICMPV6 = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
} as const;

/** Codes of Destination Unreachable (RFC 4443 3.1). */
export const UNREACHABLE_CODE = {
  noRoute: 0,
  prohibited: 1,
  beyondScope: 2,
  address: 3,
  port: 4,
  sourcePolicy: 5,
  rejectRoute: 6,
} as const;

/** Codes of Time Exceeded (RFC 4443 3.3). */
export const TIME_EXCEEDED_CODE = { hopLimit: 0, reassembly: 1 } as const;

/** Codes of Parameter Problem (RFC 4443 3.4; incomplete chain: RFC 7112 5). */
export const PARAMETER_PROBLEM_CODE = { field: 0, nextHeader: 1, option: 2, incompleteChain: 3 } as const;

export interface Icmpv6Echo {
  readonly kind: 'echo-request' | 'echo-reply';
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** Types below 128 (RFC 4443 2.1), known or not. */
export interface Icmpv6Error {
  readonly kind: 'error';
  readonly type: number;
  readonly code: number;
  /** The 32 bits behind the checksum: MTU of a Packet Too Big, pointer of a Parameter Problem, else unused. */
  readonly parameter: number;
  /** As much of the offending packet as the sender could quote. */
  readonly quoted: Uint8Array;
}

export interface Icmpv6Other {
  readonly kind: 'other';
  readonly type: number;
  readonly code: number;
  /** All behind the checksum. */
  readonly body: Uint8Array;
}

export type Icmpv6Message = Icmpv6Echo | Icmpv6Error | Icmpv6Other;

const FIRST_INFORMATIONAL_TYPE = 128;
const OTHER_HEADER_LEN = 4;

export const isIcmpv6Error = (type: number): boolean => type < FIRST_INFORMATIONAL_TYPE;

export function parseIcmpv6(bytes: Uint8Array, start: number, end: number): Parsed<Icmpv6Message> {
  if (end - start < OTHER_HEADER_LEN) return malformed('ICMPv6 header truncated', start);
  const type = u8(bytes, start);
  const code = u8(bytes, start + 1);
  const echo = type === ICMPV6.echoRequest || type === ICMPV6.echoReply;
  if (!echo && !isIcmpv6Error(type)) {
    return parsed({ kind: 'other', type, code, body: bytes.subarray(start + OTHER_HEADER_LEN, end) }, end);
  }
  if (end - start < ICMPV6_HEADER_LEN) return malformed('ICMPv6 message truncated', start);
  const rest = bytes.subarray(start + ICMPV6_HEADER_LEN, end);
  if (!echo) return parsed({ kind: 'error', type, code, parameter: u32(bytes, start + 4), quoted: rest }, end);
  const kind = type === ICMPV6.echoRequest ? 'echo-request' : 'echo-reply';
  return parsed({ kind, identifier: u16(bytes, start + 4), sequence: u16(bytes, start + 6), data: rest }, end);
}

export function icmpv6Length(message: Icmpv6Message): number {
  switch (message.kind) {
    case 'echo-request':
    case 'echo-reply':
      return ICMPV6_HEADER_LEN + message.data.length;
    case 'error':
      return ICMPV6_HEADER_LEN + message.quoted.length;
    case 'other':
      return OTHER_HEADER_LEN + message.body.length;
    default:
      return assertNever(message);
  }
}

/** The checksum field is left 0. */
export function emitIcmpv6(message: Icmpv6Message, into: Uint8Array, at: number): number {
  switch (message.kind) {
    case 'echo-request':
    case 'echo-reply':
      emitStart(message.kind === 'echo-request' ? ICMPV6.echoRequest : ICMPV6.echoReply, 0, into, at);
      setU16(into, at + 4, message.identifier);
      setU16(into, at + 6, message.sequence);
      into.set(message.data, at + ICMPV6_HEADER_LEN);
      break;
    case 'error':
      emitStart(message.type, message.code, into, at);
      setU32(into, at + 4, message.parameter);
      into.set(message.quoted, at + ICMPV6_HEADER_LEN);
      break;
    case 'other':
      emitStart(message.type, message.code, into, at);
      into.set(message.body, at + OTHER_HEADER_LEN);
      break;
    default:
      assertNever(message);
  }
  return at + icmpv6Length(message);
}

function emitStart(type: number, code: number, into: Uint8Array, at: number): void {
  setU8(into, at, type);
  setU8(into, at + 1, code);
  setU16(into, at + ICMPV6_CHECKSUM, 0);
}
