// A token bucket for messages that a stranger can make us send (Binding Error, ICMPv6 errors): RFC 4443
// 2.4(f) and RFC 6275 9.3.3 ask for a limit. Integer microseconds; no timer, it fills as time is told.

import { type Duration, elapsed, type Instant } from '../core/time.ts';

export class TokenBucket {
  readonly #burst: number;
  readonly #interval: Duration;
  #tokens: number;
  #filledAt: Instant | undefined;

  /** `burst` messages at once, then one for each `interval`. */
  constructor(burst: number, interval: Duration) {
    this.#burst = burst;
    this.#interval = interval;
    this.#tokens = burst;
  }

  /** May one more go out now? */
  take(now: Instant): boolean {
    this.#filledAt ??= now;
    const earned = Math.floor(elapsed(this.#filledAt, now) / this.#interval);
    if (earned > 0) {
      this.#tokens = Math.min(this.#burst, this.#tokens + earned);
      this.#filledAt = (this.#filledAt + earned * this.#interval) as Instant;
    }
    if (this.#tokens === 0) return false;
    this.#tokens--;
    return true;
  }
}
