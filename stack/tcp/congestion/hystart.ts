// HyStart++ (RFC 9406): the first slow start ends where the round trip begins to grow, before it has filled the
// queue of the path and lost a window of segments in it. Growth goes on at a quarter of the pace for five rounds,
// to see whether it was jitter. Told which ACKs come; says by what the growth of slow start is to be divided.

import type { AckEvent } from './congestion.ts';

/** RFC 9406 4.3, in microseconds where it is a time. */
const MIN_RTT_THRESH = 4_000;
const MAX_RTT_THRESH = 16_000;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;

export class HyStart {
  /** The round is over when this is acknowledged. */
  #windowEnd = 0;
  #lastRoundMin = Number.POSITIVE_INFINITY;
  #roundMin = Number.POSITIVE_INFINITY;
  #samples = 0;
  /** The round is of octets that took the way before this one: it is waited for, not measured. */
  #otherWay = false;
  /** cssBaselineMinRtt; undefined: in slow start proper. */
  #baseline: number | undefined;
  #cssRounds = 0;

  /** 1: slow start as ever; 4: conservative slow start; 0: slow start is over. */
  divisor(ack: AckEvent): number {
    const ofOtherWay = this.#otherWay; // so is the ACK that ends such a round
    if (ack.una >= this.#windowEnd) this.#beginRound(ack.nxt);
    if (ack.rtt > 0 && !ofOtherWay) {
      this.#roundMin = Math.min(this.#roundMin, ack.rtt);
      this.#samples += 1;
    }
    if (this.#samples >= N_RTT_SAMPLE) this.#judge();
    if (this.#baseline === undefined) return 1;
    return this.#cssRounds > CSS_ROUNDS ? 0 : CSS_GROWTH_DIVISOR;
  }

  /** Packets take another way from position `nxt` on: its longer round trip is no queue. */
  restart(nxt: number): void {
    this.#windowEnd = nxt;
    this.#otherWay = true;
    this.#roundMin = Number.POSITIVE_INFINITY;
    this.#samples = 0;
    this.#baseline = undefined;
    this.#cssRounds = 0;
  }

  #beginRound(windowEnd: number): void {
    this.#windowEnd = windowEnd;
    this.#otherWay = false;
    this.#lastRoundMin = this.#roundMin;
    this.#roundMin = Number.POSITIVE_INFINITY;
    this.#samples = 0;
    if (this.#baseline !== undefined) this.#cssRounds += 1;
  }

  #judge(): void {
    if (this.#baseline !== undefined) {
      if (this.#roundMin < this.#baseline) this.#baseline = undefined; // it was jitter
      return;
    }
    const threshold = Math.min(MAX_RTT_THRESH, Math.max(MIN_RTT_THRESH, this.#lastRoundMin / MIN_RTT_DIVISOR));
    if (this.#roundMin < this.#lastRoundMin + threshold) return;
    this.#baseline = this.#roundMin;
    this.#cssRounds = 1; // the rest of this round is the first
  }
}
