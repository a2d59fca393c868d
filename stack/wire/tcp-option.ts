// TCP options (RFC 9293 3.1, 7323, 2018, 5482, 7413). Parsed in one pass into a struct of the known ones;
// written in one fixed order, the one Linux uses, padded to 4 octets. So parse(emit(x)) equals x always, and
// emit(parse(b)) equals b for that order. An option whose length is not its own is kept as an unknown one.

import { setU8, setU16, setU32, u8, u16, u32 } from '../core/bytes.ts';
import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import { type Seq, seq } from './seq.ts';

export const TCP_OPTION = {
  end: 0,
  noOperation: 1,
  mss: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamp: 8,
  userTimeout: 28,
  fastOpen: 34,
} as const;

/** The data offset has 4 bits: 60 octets of header, 20 of them fixed. */
export const MAX_TCP_OPTIONS_LEN = 40;

/** What fits beside nothing else; with timestamps it is 3 (RFC 2018 3). */
export const MAX_SACK_BLOCKS = 4;

/** NOP, NOP, timestamp: how the timestamp option is put on each segment (RFC 7323 appendix A). */
export const TIMESTAMP_OPTION_LEN = 12;

const NOP_NOP_TIMESTAMP = 0x0101080a;
const NOP_NOP_SACK = 0x010105;

export interface SackBlock {
  readonly left: Seq;
  readonly right: Seq;
}

export interface TcpTimestamp {
  /** TSval. */
  readonly value: number;
  /** TSecr. */
  readonly echo: number;
}

export interface TcpUserTimeout {
  readonly granularity: 'seconds' | 'minutes';
  /** 15 bits. */
  readonly value: number;
}

export interface UnknownTcpOption {
  readonly kind: number;
  readonly data: Uint8Array;
}

export interface TcpOptions {
  readonly mss?: number;
  /** The shift count as it came: RFC 7323 2.3 takes 14 for anything above. */
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  readonly sack?: readonly SackBlock[];
  readonly timestamp?: TcpTimestamp;
  readonly userTimeout?: TcpUserTimeout;
  /** Empty: a request for a cookie (RFC 7413 4.1.1). */
  readonly fastOpenCookie?: Uint8Array;
  readonly unknown?: readonly UnknownTcpOption[];
}

export const NO_TCP_OPTIONS: TcpOptions = Object.freeze({});

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The options in [start, end), which is at most 40 octets long in a segment. */
export function parseTcpOptions(bytes: Uint8Array, start: number, end: number): Parsed<TcpOptions> {
  if (start === end) return parsed(NO_TCP_OPTIONS, end);
  if (end - start === TIMESTAMP_OPTION_LEN && u32(bytes, start) === NOP_NOP_TIMESTAMP) {
    return parsed({ timestamp: { value: u32(bytes, start + 4), echo: u32(bytes, start + 8) } }, end);
  }
  const options: Writable<TcpOptions> = {};
  let at = start;
  while (at < end) {
    const kind = u8(bytes, at);
    if (kind === TCP_OPTION.end) break; // what follows is padding (RFC 9293 3.1)
    if (kind === TCP_OPTION.noOperation) {
      at += 1;
      continue;
    }
    // RFC 9293 3.1 MUST-7: an illegal length, zero for one, must do no harm.
    if (at + 2 > end) return malformed('TCP option without a length', at);
    const length = u8(bytes, at + 1);
    if (length < 2 || at + length > end) return malformed('length of a TCP option', at + 1);
    takeOption(options, kind, bytes, at + 2, at + length);
    at += length;
  }
  return parsed(options, end);
}

/** One option with its data in [at, end). */
function takeOption(options: Writable<TcpOptions>, kind: number, bytes: Uint8Array, at: number, end: number): void {
  const length = end - at;
  if (kind === TCP_OPTION.timestamp && length === 8) {
    options.timestamp = { value: u32(bytes, at), echo: u32(bytes, at + 4) };
  } else if (kind === TCP_OPTION.sack && length >= 8 && length % 8 === 0) {
    options.sack = readSackBlocks(bytes, at, end);
  } else if (kind === TCP_OPTION.mss && length === 2) {
    options.mss = u16(bytes, at);
  } else if (kind === TCP_OPTION.windowScale && length === 1) {
    options.windowScale = u8(bytes, at);
  } else if (kind === TCP_OPTION.sackPermitted && length === 0) {
    options.sackPermitted = true;
  } else if (kind === TCP_OPTION.userTimeout && length === 2) {
    const word = u16(bytes, at);
    options.userTimeout = { granularity: word >>> 15 === 1 ? 'minutes' : 'seconds', value: word & 0x7fff };
  } else if (kind === TCP_OPTION.fastOpen) {
    options.fastOpenCookie = bytes.subarray(at, end);
  } else {
    options.unknown = [...(options.unknown ?? []), { kind, data: bytes.subarray(at, end) }];
  }
}

function readSackBlocks(bytes: Uint8Array, start: number, end: number): SackBlock[] {
  const blocks: SackBlock[] = [];
  for (let at = start; at < end; at += 8) blocks.push({ left: seq(u32(bytes, at)), right: seq(u32(bytes, at + 4)) });
  return blocks;
}

/** Octets that emitTcpOptions writes, padding included. */
export function tcpOptionsLength(options: TcpOptions): number {
  let length = 0;
  if (options.mss !== undefined) length += 4;
  if (options.timestamp !== undefined)
    length += TIMESTAMP_OPTION_LEN; // with SACK Permitted in place of the NOPs
  else if (options.sackPermitted === true) length += 4;
  if (options.windowScale !== undefined) length += 4;
  if (options.userTimeout !== undefined) length += 4;
  if (options.sack !== undefined && options.sack.length > 0) length += 4 + 8 * options.sack.length;
  if (options.fastOpenCookie !== undefined) length += 2 + options.fastOpenCookie.length;
  if (options.unknown !== undefined) for (const { data } of options.unknown) length += 2 + data.length;
  return (length + 3) & ~3;
}

/** What does not fit the 40 octets of a header is the caller's to leave out; an empty SACK list is left out here. */
export function emitTcpOptions(options: TcpOptions, into: Uint8Array, start: number): number {
  let at = start;
  if (options.mss !== undefined) at = emitWord(into, at, (TCP_OPTION.mss << 24) | (4 << 16) | options.mss);
  at = emitTimestampAndSackPermitted(options, into, at);
  if (options.windowScale !== undefined) {
    at = emitWord(
      into,
      at,
      (TCP_OPTION.noOperation << 24) | (TCP_OPTION.windowScale << 16) | (3 << 8) | options.windowScale,
    );
  }
  if (options.userTimeout !== undefined) {
    const { granularity, value } = options.userTimeout;
    const word = (granularity === 'minutes' ? 0x8000 : 0) | value;
    at = emitWord(into, at, (TCP_OPTION.userTimeout << 24) | (4 << 16) | word);
  }
  if (options.sack !== undefined && options.sack.length > 0) at = emitSack(options.sack, into, at);
  if (options.fastOpenCookie !== undefined) at = emitOption(TCP_OPTION.fastOpen, options.fastOpenCookie, into, at);
  if (options.unknown !== undefined)
    for (const { kind, data } of options.unknown) at = emitOption(kind, data, into, at);
  while ((at - start) % 4 !== 0) {
    setU8(into, at, TCP_OPTION.end);
    at += 1;
  }
  return at;
}

function emitTimestampAndSackPermitted(options: TcpOptions, into: Uint8Array, at: number): number {
  const sackPermitted = (TCP_OPTION.sackPermitted << 8) | 2;
  if (options.timestamp === undefined) {
    return options.sackPermitted === true ? emitWord(into, at, 0x01010000 | sackPermitted) : at;
  }
  setU32(into, at, NOP_NOP_TIMESTAMP);
  if (options.sackPermitted === true) setU16(into, at, sackPermitted);
  setU32(into, at + 4, options.timestamp.value);
  setU32(into, at + 8, options.timestamp.echo);
  return at + TIMESTAMP_OPTION_LEN;
}

function emitSack(blocks: readonly SackBlock[], into: Uint8Array, start: number): number {
  let at = emitWord(into, start, (NOP_NOP_SACK << 8) | (2 + 8 * blocks.length));
  for (const { left, right } of blocks) {
    setU32(into, at, left);
    setU32(into, at + 4, right);
    at += 8;
  }
  return at;
}

function emitOption(kind: number, data: Uint8Array, into: Uint8Array, at: number): number {
  setU8(into, at, kind);
  setU8(into, at + 1, 2 + data.length);
  into.set(data, at + 2);
  return at + 2 + data.length;
}

function emitWord(into: Uint8Array, at: number, word: number): number {
  setU32(into, at, word);
  return at + 4;
}
