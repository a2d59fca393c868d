// Real time for the stack: a monotonic clock in whole microseconds, and the wall clock in the 64-bit NTP format
// (RFC 5905 6) that the replay protection of RFC 4285 carries. Nothing in stack/ reads a clock; it is given these.

import { type Clock, type Duration, elapsed, type Instant, microseconds } from '../stack/core/time.ts';

/** CLOCK_MONOTONIC, so that the timers of the addon run on the same time. */
export class MonotonicClock implements Clock {
  now(): Instant {
    const [seconds, nanoseconds] = process.hrtime();
    return (seconds * 1_000_000 + Math.floor(nanoseconds / 1_000)) as Instant;
  }
}

/** Seconds from the NTP epoch (1900) to the Unix epoch (1970). */
const NTP_UNIX_OFFSET_S = 2_208_988_800n;
/** A wall clock that is further off than this has been set (NTP's own step threshold): follow it. */
const STEP: Duration = microseconds(128_000);

/**
 * Wall-clock time for instants of a monotonic clock. Microsecond steps, and never backwards unless the system's
 * clock is set: a timestamp that repeats would be refused as a replay.
 */
export class WallClock {
  readonly #readMs: () => number;
  #anchor: Instant;
  #anchorUs: number;

  /** @param readMs wall-clock time in milliseconds since 1970; the system's unless a test brings its own. */
  constructor(clock: Clock, readMs: () => number = Date.now) {
    this.#readMs = readMs;
    this.#anchor = clock.now();
    this.#anchorUs = readMs() * 1_000;
  }

  /** Microseconds since 1970. */
  unixUs(now: Instant): number {
    const wallUs = this.#readMs() * 1_000;
    const steadyUs = this.#anchorUs + elapsed(this.#anchor, now);
    if (Math.abs(wallUs - steadyUs) <= STEP) return steadyUs;
    this.#anchor = now;
    this.#anchorUs = wallUs;
    return wallUs;
  }

  /** RFC 5905 6: 32 bits of seconds since 1900, 32 bits of fraction. */
  ntpTime = (now: Instant): bigint => {
    const us = BigInt(this.unixUs(now));
    const seconds = us / 1_000_000n + NTP_UNIX_OFFSET_S;
    const fraction = ((us % 1_000_000n) << 32n) / 1_000_000n;
    return BigInt.asUintN(64, (seconds << 32n) | fraction);
  };

  /** Nanoseconds since 1970, as pcapng wants them. */
  unixNs = (now: Instant): bigint => BigInt(this.unixUs(now)) * 1_000n;
}
