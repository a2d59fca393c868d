// Slow start and congestion avoidance of RFC 5681, counting octets (RFC 3465). Slow start takes all octets an
// ACK covers, not two segments at most: super-frames are acknowledged in one piece.

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

export class NewReno implements CongestionControl {
  readonly name = 'newreno';
  cwnd: number;
  ssthresh = Number.POSITIVE_INFINITY;
  #mss: number;
  /** Octets acknowledged towards the next increase in congestion avoidance. */
  #acked = 0;
  #prior: Window | undefined;
  #hyStart = new HyStart();

  constructor(mss: number, state?: CongestionState) {
    this.#mss = mss;
    this.cwnd = state?.cwnd ?? initialWindow(mss);
    if (state !== undefined) this.ssthresh = state.ssthresh;
  }

  onAck(event: AckEvent): void {
    if (!event.cwndLimited) return; // RFC 7661 4.1: a window that was not used does not grow
    this.#acked += slowStart(this, event, this.#hyStart);
    if (this.#acked >= this.cwnd) {
      this.#acked -= this.cwnd;
      this.cwnd += this.#mss;
    }
  }

  onLoss(_now: Instant, flightSize: number): void {
    this.#reduce(flightSize);
    this.cwnd = Math.min(this.cwnd, this.ssthresh);
    this.#acked = 0;
  }

  onTimeout(_now: Instant, flightSize: number, repeated: boolean): void {
    if (!repeated) this.#reduce(flightSize);
    this.cwnd = this.#mss;
    this.#acked = 0;
  }

  onSpurious(flightSize: number): void {
    if (this.#prior !== undefined) giveBack(this, this.#prior, flightSize, this.#mss);
    this.#prior = undefined;
  }

  onIdle(): void {
    this.#prior = undefined;
    this.ssthresh = Math.max(this.ssthresh, thresholdAfterIdle(this.cwnd));
    this.cwnd = Math.min(this.cwnd, initialWindow(this.#mss));
    this.#hyStart = new HyStart();
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
    this.cwnd = initialWindow(this.#mss);
    this.#hyStart = new HyStart();
    this.#acked = 0;
    this.#prior = undefined;
  }

  state(): CongestionState {
    return { algorithm: 'newreno', cwnd: this.cwnd, ssthresh: this.ssthresh, extra: {} };
  }

  /** RFC 5681 3.1 (4). */
  #reduce(flightSize: number): void {
    this.#prior = { cwnd: this.cwnd, ssthresh: this.ssthresh };
    this.ssthresh = Math.max(usedWindow(this.cwnd, flightSize) / 2, 2 * this.#mss);
  }
}
