// TCP segments with numbers as they are on the wire, checksum included, and streams in which every octet says which
// sequence number it has: what is delivered or sent can be checked wherever it lies.

import { checksumOf, sumWords } from '../../stack/core/checksum.ts';
import type { Address } from '../../stack/wire/address.ts';
import { PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { emitTcpHeader, TCP_CHECKSUM, type TcpHeaderFields, tcpHeaderLength } from '../../stack/wire/tcp.ts';
import { NO_TCP_OPTIONS } from '../../stack/wire/tcp-option.ts';

const GOLDEN = 0x9e3779b1;

/** The octet at sequence number `seq` of stream `stream`. */
export const octetAt = (stream: number, seq: number): number => Math.imul((seq | 0) ^ stream, GOLDEN) >>> 24;

/** `length` octets from sequence number `seq` on. */
export function octetsAt(stream: number, seq: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = octetAt(stream, seq + i);
  return bytes;
}

/** The first offset at which `bytes` are not the stream's from `seq` on; undefined: they are. */
export function strays(stream: number, seq: number, bytes: Uint8Array): number | undefined {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== octetAt(stream, seq + i)) return i;
  return undefined;
}

export function makeSegment(from: Address, to: Address, header: TcpHeaderFields, text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(tcpHeaderLength(header.options ?? NO_TCP_OPTIONS) + text.length);
  bytes.set(text, emitTcpHeader(header, bytes, 0));
  const sum = sumWords(bytes, 0, bytes.length, pseudoHeaderSum(from, to, PROTOCOL.tcp, bytes.length));
  const checksum = checksumOf(sum);
  bytes[TCP_CHECKSUM] = checksum >>> 8;
  bytes[TCP_CHECKSUM + 1] = checksum & 0xff;
  return bytes;
}
