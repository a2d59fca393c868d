// How many ACKs a connection sends in answer to segments that prove nothing: challenge ACKs (RFC 5961 7), and
// ACKs for segments outside the window that carry no text (two ends that disagree would answer each other for
// ever). Counted per connection: a shared count lets one peer probe another's connection (CVE-2016-5696).

import type { Instant } from '../core/time.ts';
import { CHALLENGE_ACKS, CHALLENGE_PERIOD } from './limits.ts';

export class ChallengeBudget {
  #periodFrom: Instant | undefined;
  #spent = 0;

  /** True when one more may be sent. */
  take(now: Instant): boolean {
    if (this.#periodFrom === undefined || now - this.#periodFrom >= CHALLENGE_PERIOD) {
      this.#periodFrom = now;
      this.#spent = 0;
    }
    this.#spent += 1;
    return this.#spent <= CHALLENGE_ACKS;
  }
}
