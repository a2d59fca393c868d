// The Internet checksum (RFC 1071) and the IPv6 pseudo-header (RFC 8200 8.1). Sums are kept unfolded
// as plain numbers (at most 48 bits for any packet), so partial sums can simply be added.

import { u8 } from './bytes.ts';

/** Shorter ranges are not worth a look at them by words. */
const MIN_WORDWISE = 128;

/** The view of the buffer that was summed last: packets of one batch lie in one buffer. */
let words: Uint32Array = new Uint32Array(0);

/** Does this machine store the low octet of a word first? */
const LOW_OCTET_FIRST = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Adds bytes[start, end) as 16-bit big-endian words to `sum`. An odd last octet is padded with 0. */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  const isEven = ((bytes.byteOffset + start) & 1) === 0;
  if (!isEven || end - start < MIN_WORDWISE) return sum + sumOctets(bytes, start, end);
  const from = start + (-(bytes.byteOffset + start) & 3);
  const to = end - ((bytes.byteOffset + end) & 3);
  return sum + sumOctets(bytes, start, from) + sumAligned(bytes, from, to) + sumOctets(bytes, to, end);
}

function sumOctets(bytes: Uint8Array, start: number, end: number): number {
  let high = 0;
  let low = 0;
  let at = start;
  for (const last = end - 1; at < last; at += 2) {
    high += u8(bytes, at);
    low += u8(bytes, at + 1);
  }
  if (at < end) high += u8(bytes, at);
  return high * 256 + low;
}

/**
 * Whole words of 32 bits in the machine's own order: the sum of swapped octets is the swapped sum (RFC 1071 2 (B)).
 * Halves are summed apart, so that nothing overflows.
 */
function sumAligned(bytes: Uint8Array, start: number, end: number): number {
  if (words.buffer !== bytes.buffer) words = new Uint32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2);
  const view = words;
  let at = (bytes.byteOffset + start) >>> 2;
  const last = (bytes.byteOffset + end) >>> 2;
  let high = 0;
  let low = 0;
  for (const unrolled = last - 3; at < unrolled; at += 4) {
    const a = view[at] ?? 0;
    const b = view[at + 1] ?? 0;
    const c = view[at + 2] ?? 0;
    const d = view[at + 3] ?? 0;
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
  }
  for (; at < last; at++) {
    const word = view[at] ?? 0;
    low += word & 0xffff;
    high += word >>> 16;
  }
  const sum = fold(low + high);
  return LOW_OCTET_FIRST ? ((sum & 0xff) << 8) | (sum >>> 8) : sum;
}

/** Folds a sum to 16 bits without complementing it. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}

/** The checksum field for a sum: one's complement of the folded sum. */
export const checksumOf = (sum: number): number => ~fold(sum) & 0xffff;

/** True when a sum that includes the checksum field is right. */
export const checksumHolds = (sum: number): boolean => fold(sum) === 0xffff;
