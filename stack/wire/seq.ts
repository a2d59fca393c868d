// TCP sequence numbers (RFC 9293 3.4): arithmetic modulo 2^32 and the comparisons that go with it. Two
// numbers can be compared as long as they lie less than 2^31 apart, which any window allows for.

import type { Brand } from '../core/brand.ts';

/** An unsigned 32-bit sequence number. */
export type Seq = Brand<number, 'Seq'>;

/** Takes a number modulo 2^32. */
export const seq = (n: number): Seq => (n >>> 0) as Seq;

export const seqAdd = (a: Seq, n: number): Seq => ((a + n) >>> 0) as Seq;

/** How far `a` is ahead of `b`: a - b as a signed 32-bit number, negative where `a` is behind. */
export const seqDiff = (a: Seq, b: Seq): number => (a - b) | 0;

export const seqLt = (a: Seq, b: Seq): boolean => ((a - b) | 0) < 0;
export const seqLte = (a: Seq, b: Seq): boolean => ((a - b) | 0) <= 0;
export const seqGt = (a: Seq, b: Seq): boolean => ((a - b) | 0) > 0;
export const seqGte = (a: Seq, b: Seq): boolean => ((a - b) | 0) >= 0;
export const seqMax = (a: Seq, b: Seq): Seq => (seqLt(a, b) ? b : a);
export const seqMin = (a: Seq, b: Seq): Seq => (seqLt(a, b) ? a : b);
