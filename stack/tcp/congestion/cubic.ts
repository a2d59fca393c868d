// CUBIC (RFC 9438). Windows are kept in octets; the cubic function counts in segments and seconds, as the
// RFC's constants do.

import type { Instant } from '../../core/time.ts';
import {
  type AckEvent,
  type CongestionControl,
  type CongestionState,
  giveBack,
  initialWindow,
  slowStart,
  thresholdAfterIdle,
  usedWindow,
  type Window,
} from './congestion.ts';
import { HyStart } from './hystart.ts';

const C = 0.4; // RFC 9438 5.1, segments / s^3
const BETA = 0.7; // RFC 9438 4.6
const ALPHA = (3 * (1 - BETA)) / (1 + BETA); // RFC 9438 4.3
const US = 1e-6;

/** What CUBIC keeps of a congestion avoidance stage. */
interface Epoch {
  startedAt: Instant;
  /** Seconds until the window is back at wMax. */
  k: number;
  /** Octets. */
  origin: number;
  /** What Reno would have, in octets (RFC 9438 4.3). */
  wEst: number;
}

/** What a reduction takes away, all of it (RFC 9438 4.9.1). */
interface Prior extends Window {
  readonly wMax: number;
  readonly cwndPrior: number;
  readonly epoch: Epoch | undefined;
}

export class Cubic implements CongestionControl {
  readonly name = 'cubic';
  cwnd: number;
  ssthresh = Number.POSITIVE_INFINITY;
  #mss: number;
  /** cwnd before the last reduction, after fast convergence; 0: none yet. */
  #wMax = 0;
  #cwndPrior = 0;
  #epoch: Epoch | undefined;
  #prior: Prior | undefined;
  #hyStart = new HyStart();
  #lastAckAt = 0 as Instant;

  constructor(mss: number, state?: CongestionState) {
    this.#mss = mss;
    this.cwnd = state?.cwnd ?? initialWindow(mss);
    if (state === undefined) return;
    this.ssthresh = state.ssthresh;
    this.#wMax = state.extra.wMax ?? 0;
    this.#cwndPrior = state.extra.cwndPrior ?? 0;
  }

  onAck(event: AckEvent): void {
    if (!event.cwndLimited) {
      this.#standStill(event.now);
      return;
    }
    const acked = slowStart(this, event, this.#hyStart);
    if (acked > 0 && this.cwnd >= this.ssthresh) this.#avoid(event, acked);
    this.#lastAckAt = event.now;
  }

  onLoss(_now: Instant, flightSize: number): void {
    this.#reduce(flightSize);
    this.cwnd = Math.min(this.cwnd, this.ssthresh);
  }

  onTimeout(_now: Instant, flightSize: number, repeated: boolean): void {
    if (!repeated) this.#reduce(flightSize);
    this.#wMax = 0; // RFC 9438 4.8: the next stage starts with K = 0
    this.cwnd = this.#mss;
  }

  onSpurious(flightSize: number): void {
    const prior = this.#prior;
    if (prior === undefined) return;
    giveBack(this, prior, flightSize, this.#mss);
    this.#wMax = prior.wMax;
    this.#cwndPrior = prior.cwndPrior;
    this.#epoch = prior.epoch;
    this.#prior = undefined;
  }

  onIdle(): void {
    this.ssthresh = Math.max(this.ssthresh, thresholdAfterIdle(this.cwnd));
    this.#startAgain(Math.min(this.cwnd, initialWindow(this.#mss)));
  }

  onSynLoss(): void {
    this.cwnd = this.#mss;
  }

  onMssChange(mss: number): void {
    this.#mss = mss;
    this.cwnd = Math.max(this.cwnd, mss);
  }

  onOtherWay(nxt: number): void {
    this.#hyStart.restart(nxt);
  }

  onNewPath(): void {
    this.#startAgain(initialWindow(this.#mss));
  }

  state(): CongestionState {
    const extra = { wMax: this.#wMax, cwndPrior: this.#cwndPrior };
    return { algorithm: 'cubic', cwnd: this.cwnd, ssthresh: this.ssthresh, extra };
  }

  /** From a small window; the one that was is where the cubic function levels out, as after a loss. */
  #startAgain(cwnd: number): void {
    this.#wMax = Math.max(this.#wMax, this.cwnd);
    this.cwnd = cwnd;
    this.#epoch = undefined;
    this.#prior = undefined;
    this.#hyStart = new HyStart();
  }

  /** RFC 9438 4.6 and 4.7. */
  #reduce(flightSize: number): void {
    const { cwnd, ssthresh } = this;
    this.#prior = { cwnd, ssthresh, wMax: this.#wMax, cwndPrior: this.#cwndPrior, epoch: this.#epoch };
    this.#cwndPrior = this.cwnd;
    this.#wMax = this.cwnd < this.#wMax ? (this.cwnd * (1 + BETA)) / 2 : this.cwnd;
    this.ssthresh = Math.max(usedWindow(this.cwnd, flightSize) * BETA, 2 * this.#mss);
    this.#epoch = undefined;
  }

  /** RFC 9438 4.2 to 4.5. */
  #avoid(event: AckEvent, acked: number): void {
    const epoch = this.#epoch ?? this.#beginEpoch(event.now);
    const t = (event.now - epoch.startedAt) * US;
    const alpha = epoch.wEst < this.#cwndPrior ? ALPHA : 1;
    epoch.wEst += (alpha * acked * this.#mss) / this.cwnd;
    if (this.#cubic(epoch, t) < epoch.wEst) {
      this.cwnd = Math.max(this.cwnd, epoch.wEst); // the Reno-friendly region
      return;
    }
    const ahead = this.#cubic(epoch, t + event.srtt * US);
    const target = Math.min(Math.max(ahead, this.cwnd), 1.5 * this.cwnd);
    this.cwnd += ((target - this.cwnd) * acked) / this.cwnd;
  }

  /** W_cubic(t), in octets. */
  #cubic(epoch: Epoch, t: number): number {
    return C * (t - epoch.k) ** 3 * this.#mss + epoch.origin;
  }

  #beginEpoch(now: Instant): Epoch {
    const origin = Math.max(this.#wMax, this.cwnd);
    const k = Math.cbrt((origin - this.cwnd) / this.#mss / C);
    this.#epoch = { startedAt: now, k, origin, wEst: this.cwnd };
    return this.#epoch;
  }

  /** RFC 9438 5.8: time in which the window was not used does not count. */
  #standStill(now: Instant): void {
    if (this.#epoch !== undefined) {
      this.#epoch.startedAt = (this.#epoch.startedAt + Math.max(0, now - this.#lastAckAt)) as Instant;
    }
    this.#lastAckAt = now;
  }
}
