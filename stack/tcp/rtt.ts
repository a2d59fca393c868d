// Round-trip time and retransmission timeout (RFC 6298), with the smaller gains of RFC 7323 appendix G where
// several samples are taken in one round trip. Samples come from the flight (Karn's rule there) or, for what
// was retransmitted, from echoed timestamps.

import { type Duration, type Instant, ZERO } from '../core/time.ts';
import { CLOCK_GRANULARITY, INITIAL_RTO, MAX_RTO, MIN_RTO, RTO_AFTER_SYN_LOSS } from './limits.ts';

const ALPHA = 1 / 8;
const BETA = 1 / 4;
const K = 4;
/** Samples of which the least is the round trip of now (as many as HyStart++ takes, RFC 9406 4.2). */
const RECENT_SAMPLES = 8;

export interface RttState {
  readonly srttUs: number | undefined;
  readonly rttvarUs: number;
  readonly minRttUs: number | undefined;
  readonly rtoUs: number;
  readonly backoff: number;
}

export class RttEstimator {
  srtt: Duration | undefined;
  minRtt: Duration | undefined;
  /** The sample of the ACK at hand, or 0. */
  latest: Duration = ZERO;
  /** Timeouts since the last sample: each doubles the RTO (RFC 6298 5.5), and only a sample ends it (Karn). */
  backoff = 0;
  #rttvar = 0;
  /** SRTT and RTTVAR as they were when the timer ran out first (RFC 4015 3.2, step 0). */
  #before: { readonly srtt: number; readonly rttvar: number } | undefined;
  /** The next sample starts from these, or from itself where it is larger (step 8). */
  #atLeast: { readonly srtt: number; readonly rttvar: number } | undefined;
  #rto: number = INITIAL_RTO;
  /** Only what left after this took the way that is measured; undefined: all did. */
  #since: Instant | undefined;
  /** The last samples, the oldest at #oldest. */
  readonly #recent: number[] = [];
  #oldest = 0;

  /** With back-off. */
  get rto(): Duration {
    return Math.min(MAX_RTO, this.#rto * (1 << Math.min(this.backoff, 16))) as Duration;
  }

  /** Without back-off: within this a segment is acknowledged. */
  get rtoOfWay(): Duration {
    return this.#rto as Duration;
  }

  /** The least of the last samples: the round trip as the path's queue makes it now, without what jitter adds. */
  get recent(): Duration | undefined {
    return this.#recent.length === 0 ? undefined : (Math.min(...this.#recent) as Duration);
  }

  /** `samplesPerRtt`: how many of these are expected in one round trip (RFC 7323 appendix G). */
  sample(rtt: Duration, samplesPerRtt = 1): void {
    const r = Math.max(1, rtt);
    this.latest = r as Duration;
    this.backoff = 0;
    if (this.minRtt === undefined || r < this.minRtt) this.minRtt = r as Duration;
    this.#recent[this.#oldest] = r;
    this.#oldest = (this.#oldest + 1) % RECENT_SAMPLES;
    if (this.srtt === undefined || this.#atLeast !== undefined) {
      this.srtt = Math.max(r, this.#atLeast?.srtt ?? 0) as Duration;
      this.#rttvar = Math.max(r / 2, this.#atLeast?.rttvar ?? 0);
      this.#atLeast = undefined;
    } else {
      const share = 1 / Math.max(1, samplesPerRtt);
      this.#rttvar += BETA * share * (Math.abs(this.srtt - r) - this.#rttvar);
      this.srtt = (this.srtt + ALPHA * share * (r - this.srtt)) as Duration;
    }
    const rto = this.srtt + Math.max(CLOCK_GRANULARITY, K * this.#rttvar);
    this.#rto = Math.min(MAX_RTO, Math.max(MIN_RTO, Math.round(rto)));
  }

  /** The retransmission timer has run out (RFC 6298 5.5). */
  onTimeout(): void {
    if (this.backoff === 0 && this.srtt !== undefined) {
      this.#before = { srtt: this.srtt + 2 * CLOCK_GRANULARITY, rttvar: this.#rttvar };
    }
    this.backoff += 1;
  }

  /** It should not have: the path is slower, for now, than it was taken to be (RFC 4015 3.2, step 8). */
  onSpuriousTimeout(): void {
    this.backoff = 0;
    this.#atLeast = this.#before;
  }

  /**
   * What was measured is of another path: the next sample counts as the first, and only what leaves from now on gives
   * one. Until then RFC 6298 2.1 is in force: no less than a second, for nothing is known of this path.
   */
  pathChanged(now: Instant): void {
    this.#since = now;
    this.#rto = Math.max(this.#rto, INITIAL_RTO);
    this.srtt = undefined;
    this.minRtt = undefined;
    this.#atLeast = undefined;
    this.#recent.length = 0;
    this.#oldest = 0;
  }

  /** May what was sent then give a sample? */
  measures(sentAt: Instant): boolean {
    return this.#since === undefined || sentAt > this.#since;
  }

  /** RFC 6298 5.7: the handshake is over and its SYN had to be sent again. */
  afterSynLoss(): void {
    this.backoff = 0;
    this.#rto = Math.max(this.#rto, RTO_AFTER_SYN_LOSS);
  }

  state(): RttState {
    return {
      srttUs: this.srtt,
      rttvarUs: this.#rttvar,
      minRttUs: this.minRtt,
      rtoUs: this.#rto,
      backoff: this.backoff,
    };
  }

  restore(state: RttState): void {
    this.srtt = state.srttUs as Duration | undefined;
    this.minRtt = state.minRttUs as Duration | undefined;
    this.backoff = state.backoff;
    this.#rttvar = state.rttvarUs;
    this.#rto = Math.min(MAX_RTO, Math.max(MIN_RTO, state.rtoUs));
  }
}
