// The Internet checksum (RFC 1071) and the IPv6 pseudo-header (RFC 8200 8.1). Sums are kept unfolded
// as plain numbers (at most 48 bits for any packet), so partial sums can simply be added.

import { u8 } from './bytes.ts';

/** Adds bytes[start, end) as 16-bit big-endian words to `sum`. An odd last octet is padded with 0. */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  let at = start;
  const even = end - ((end - start) & 1);
  // Octets in even and odd places are summed apart: no shift in the loop, no overflow of a double.
  let high = 0;
  let low = 0;
  for (const unrolled = even - 6; at < unrolled; at += 8) {
    high += u8(bytes, at) + u8(bytes, at + 2) + u8(bytes, at + 4) + u8(bytes, at + 6);
    low += u8(bytes, at + 1) + u8(bytes, at + 3) + u8(bytes, at + 5) + u8(bytes, at + 7);
  }
  for (; at < even; at += 2) {
    high += u8(bytes, at);
    low += u8(bytes, at + 1);
  }
  if (at < end) high += u8(bytes, at);
  total += high * 256 + low;
  return total;
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
