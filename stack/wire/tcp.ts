// The TCP header (RFC 9293 3.1). On the data path: one pass, no closures, and the usual layout of options
// (NOP, NOP, timestamp) recognized by one comparison. The reserved bits are ignored when read and zero when
// written (RFC 9293 3.1); the checksum is neither checked nor made here, for it needs the pseudo-header.

import { setU8, setU16, setU32, u8, u16, u32 } from '../core/bytes.ts';
import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import type { Seq } from './seq.ts';
import {
  emitTcpOptions,
  MAX_TCP_OPTIONS_LEN,
  NO_TCP_OPTIONS,
  parseTcpOptions,
  type TcpOptions,
  tcpOptionsLength,
} from './tcp-option.ts';

export const TCP_HEADER_LEN = 20;

/** Offset of the checksum field. */
export const TCP_CHECKSUM = 16;

export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;

/** What a header is written from: a parsed one, or one made by hand. */
export interface TcpHeaderFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: Seq;
  readonly ack: Seq;
  /** Bits of TCP_FLAG. */
  readonly flags: number;
  /** As it is in the header: not scaled. */
  readonly window: number;
  /** Default 0, for IPv6 or the device to fill in. */
  readonly checksum?: number;
  /** Default 0. */
  readonly urgentPointer?: number;
  /** Default none. */
  readonly options?: TcpOptions;
}

export interface TcpHeader extends TcpHeaderFields {
  /** Of the payload from the start of the header, in octets. */
  readonly dataOffset: number;
  readonly checksum: number;
  readonly urgentPointer: number;
  readonly options: TcpOptions;
}

/** The header of the segment in [start, end); `end` of the result is the first octet of the payload. */
export function parseTcpHeader(bytes: Uint8Array, start: number, end: number): Parsed<TcpHeader> {
  if (end - start < TCP_HEADER_LEN) return malformed('TCP header truncated', start);
  const dataOffset = (u8(bytes, start + 12) >>> 4) * 4;
  if (dataOffset < TCP_HEADER_LEN || dataOffset > end - start) return malformed('TCP data offset', start + 12);
  const options = parseTcpOptions(bytes, start + TCP_HEADER_LEN, start + dataOffset);
  if (!options.ok) return options;
  const header: TcpHeader = {
    sourcePort: u16(bytes, start),
    destinationPort: u16(bytes, start + 2),
    seq: u32(bytes, start + 4) as Seq,
    ack: u32(bytes, start + 8) as Seq,
    dataOffset,
    flags: u8(bytes, start + 13),
    window: u16(bytes, start + 14),
    checksum: u16(bytes, start + TCP_CHECKSUM),
    urgentPointer: u16(bytes, start + 18),
    options: options.value,
  };
  return parsed(header, start + dataOffset);
}

/** Octets of the header with these options. */
export const tcpHeaderLength = (options: TcpOptions): number => TCP_HEADER_LEN + tcpOptionsLength(options);

/** The data offset follows from the options. Throws a RangeError where they do not fit a header. */
export function emitTcpHeader(header: TcpHeaderFields, into: Uint8Array, at: number): number {
  const end = emitTcpOptions(header.options ?? NO_TCP_OPTIONS, into, at + TCP_HEADER_LEN);
  if (end - at > TCP_HEADER_LEN + MAX_TCP_OPTIONS_LEN) throw new RangeError('TCP options over 40 octets');
  setU16(into, at, header.sourcePort);
  setU16(into, at + 2, header.destinationPort);
  setU32(into, at + 4, header.seq);
  setU32(into, at + 8, header.ack);
  setU8(into, at + 12, (end - at) << 2); // (length / 4) in the upper 4 bits
  setU8(into, at + 13, header.flags);
  setU16(into, at + 14, header.window);
  setU16(into, at + TCP_CHECKSUM, header.checksum ?? 0);
  setU16(into, at + 18, header.urgentPointer ?? 0);
  return end;
}
