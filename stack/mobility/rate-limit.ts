// Limits for messages that a stranger can make us send (Binding Error, ICMPv6 errors): RFC 4443 2.4(f) and RFC 6275
// 9.3.3 ask for them. Token buckets, one for each site and one for all, so that a flood from one site costs nobody
// else his answers. Integer microseconds; no timer, a bucket fills as time is told.

import { type Duration, elapsed, type Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { siteOf } from './site-shares.ts';

/** Sites with a bucket of their own at a time; whose bucket is forgotten begins with a full one. */
const MAX_SITES = 256;

export interface Rate {
  /** Messages at once. */
  readonly burst: number;
  /** Then one for each. */
  readonly interval: Duration;
}

class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAt: Instant | undefined;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  take(now: Instant): boolean {
    const { burst, interval } = this.#rate;
    this.#filledAt ??= now;
    const earned = Math.floor(elapsed(this.#filledAt, now) / interval);
    if (earned > 0) {
      this.#tokens = Math.min(burst, this.#tokens + earned);
      this.#filledAt = (this.#filledAt + earned * interval) as Instant;
    }
    if (this.#tokens === 0) return false;
    this.#tokens--;
    return true;
  }
}

export class RateLimit {
  readonly #rateOfSite: Rate;
  readonly #all: TokenBucket;
  /** The oldest first. */
  readonly #sites = new Map<string, TokenBucket>();

  constructor(rateOfSite: Rate, rateOfAll: Rate) {
    this.#rateOfSite = rateOfSite;
    this.#all = new TokenBucket(rateOfAll);
  }

  /** May one more go out now, to this address? */
  take(now: Instant, to: Address): boolean {
    return this.#bucketOf(siteOf(to)).take(now) && this.#all.take(now);
  }

  #bucketOf(site: string): TokenBucket {
    const known = this.#sites.get(site);
    if (known !== undefined) return known;
    const [oldest] = this.#sites.keys();
    if (oldest !== undefined && this.#sites.size >= MAX_SITES) this.#sites.delete(oldest);
    const made = new TokenBucket(this.#rateOfSite);
    this.#sites.set(site, made);
    return made;
  }
}
