// Time as the stack sees it: whole microseconds on a monotonic clock whose origin means nothing.
// Nothing below the host reads a clock; an Instant always comes in as a parameter.

import type { Brand } from './brand.ts';

/** A point in time, in microseconds since an arbitrary origin; never negative. */
export type Instant = Brand<number, 'Instant'>;

/** A span of time in microseconds. */
export type Duration = Brand<number, 'Duration'>;

/** Later than every instant: the deadline of a timer that is not set. */
export const NEVER = Number.POSITIVE_INFINITY as Instant;
export const EPOCH = 0 as Instant;
export const ZERO = 0 as Duration;

export const microseconds = (n: number): Duration => Math.round(n) as Duration;
export const milliseconds = (n: number): Duration => Math.round(n * 1_000) as Duration;
export const seconds = (n: number): Duration => Math.round(n * 1_000_000) as Duration;

export const after = (t: Instant, d: Duration): Instant => (t + d) as Instant;
export const elapsed = (from: Instant, to: Instant): Duration => (to - from) as Duration;
export const times = (d: Duration, factor: number): Duration => Math.round(d * factor) as Duration;
export const toMilliseconds = (d: Duration): number => d / 1_000;
export const toSeconds = (d: Duration): number => d / 1_000_000;

/** Where code at the edge (socket, runtime, simulator) gets the time from. */
export interface Clock {
  now(): Instant;
}
