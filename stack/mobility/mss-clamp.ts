// The MSS option of a SYN that passes a gateway, brought down to what leaves room for the extra headers on the way
// (RFC 9293 3.7.1, RFC 6691; the checksum follows by RFC 1624). As a client gateway does for both ends, which do
// not know of the headers it puts in.

import { setU16, u8, u16 } from '../core/bytes.ts';
import { fold } from '../core/checksum.ts';
import { TCP_CHECKSUM, TCP_FLAG, TCP_HEADER_LEN } from '../wire/tcp.ts';
import { TCP_OPTION } from '../wire/tcp-option.ts';

const DATA_OFFSET_AT = 12;
const FLAGS_AT = 13;
const MSS_OPTION_LEN = 4;

/** Is the TCP header at `start` that of a SYN? */
export const isSyn = (bytes: Uint8Array, start: number): boolean =>
  start + TCP_HEADER_LEN <= bytes.length && (u8(bytes, start + FLAGS_AT) & TCP_FLAG.syn) !== 0;

/** Where the value of the MSS option of a SYN is, if it is more than `most`. */
export function mssAbove(bytes: Uint8Array, start: number, most: number): number | undefined {
  const end = start + (u8(bytes, start + DATA_OFFSET_AT) >>> 4) * 4;
  if (end > bytes.length) return undefined;
  for (let at = start + TCP_HEADER_LEN; at < end; ) {
    const kind = u8(bytes, at);
    if (kind === TCP_OPTION.end) return undefined;
    if (kind === TCP_OPTION.noOperation) {
      at += 1;
      continue;
    }
    const length = at + 1 < end ? u8(bytes, at + 1) : 0;
    if (length < 2 || at + length > end) return undefined;
    if (kind === TCP_OPTION.mss && length === MSS_OPTION_LEN) return u16(bytes, at + 2) > most ? at + 2 : undefined;
    at += length;
  }
  return undefined;
}

/** Writes another MSS in place. `complete`: the checksum is, and follows; else whoever completes it sees the new value. */
export function setMss(bytes: Uint8Array, start: number, at: number, mss: number, complete: boolean): void {
  const before = u16(bytes, at);
  setU16(bytes, at, mss);
  if (!complete) return;
  // RFC 1624 3, [Eqn. 3]: HC' = ~(~HC + ~m + m'), of words at even offsets from the header; a value at an odd one
  // counts with its octets swapped (RFC 1071 2 (B)).
  const word = (value: number): number => ((at - start) % 2 === 0 ? value : ((value & 0xff) << 8) | (value >>> 8));
  const field = start + TCP_CHECKSUM;
  setU16(bytes, field, ~fold((~u16(bytes, field) & 0xffff) + (~word(before) & 0xffff) + word(mss)) & 0xffff);
}
