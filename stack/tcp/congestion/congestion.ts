// What a congestion controller is: it owns cwnd and ssthresh, is given events, and never sees the TCB.
// Loss detection, recovery and the pipe are not its business (recovery.ts, flight.ts). All sizes in octets.

import type { Duration, Instant } from '../../core/time.ts';
import type { HyStart } from './hystart.ts';

/** Octets were acknowledged outside of fast recovery. Lent for the call. */
export interface AckEvent {
  now: Instant;
  /** Octets newly acknowledged. */
  acked: number;
  /** The smoothed RTT, or 0 before the first sample. */
  srtt: Duration;
  /** The sample that this ACK gave, or 0. */
  rtt: Duration;
  /** SND.UNA and SND.NXT, to count round trips by. */
  una: number;
  nxt: number;
  /** The window, not the application or the receiver, was what held the sender back. */
  cwndLimited: boolean;
}

/** What travels in a snapshot; `extra`: figures that only this controller understands. */
export interface CongestionState {
  readonly algorithm: CongestionName;
  readonly cwnd: number;
  readonly ssthresh: number;
  readonly extra: Readonly<Record<string, number>>;
}

export type CongestionName = 'cubic' | 'newreno';

export interface CongestionControl {
  readonly name: CongestionName;
  readonly cwnd: number;
  /** Infinity until the first loss. */
  readonly ssthresh: number;
  onAck(event: AckEvent): void;
  /** A loss found by duplicate ACKs, once a window. `flightSize`: octets sent and not acknowledged. */
  onLoss(now: Instant, flightSize: number): void;
  /** `repeated`: not the first timeout for the same octets (RFC 5681 3.1 keeps ssthresh then). */
  onTimeout(now: Instant, flightSize: number, repeated: boolean): void;
  /** The last onLoss, or onTimeout that was not repeated, was for nothing: as before, with no burst (RFC 4015 3.2). */
  onSpurious(flightSize: number): void;
  /** Nothing was sent for longer than an RTO (RFC 5681 4.1). */
  onIdle(now: Instant): void;
  /** The SYN had to be sent again (RFC 5681 3.1). */
  onSynLoss(): void;
  onMssChange(mss: number): void;
  /** From position `nxt` on packets take another way, with another round trip; the window stays. */
  onOtherWay(nxt: number): void;
  /** A new path about which nothing is known but the old ssthresh: initial window. */
  onNewPath(now: Instant): void;
  state(now: Instant): CongestionState;
}

/**
 * What a reduction starts from: FlightSize (RFC 5681 (4), RFC 9438 4.6), but no more than cwnd. Limited transmit does
 * not count (RFC 5681 3.2, step 2); and in a long recovery new octets leave for SACKed ones, so that FlightSize grows
 * to many windows: a timeout would raise ssthresh.
 */
export const usedWindow = (cwnd: number, flightSize: number): number => Math.min(cwnd, flightSize);

/** What a reduction took away (RFC 4015 3.2, step 0). */
export interface Window {
  cwnd: number;
  ssthresh: number;
}

/**
 * RFC 4015 3.2, steps 0 and 6: no more than an initial window leaves at once; slow start brings the rest, up to where
 * the window was.
 */
export function giveBack(window: Window, prior: Window, flightSize: number, mss: number): void {
  window.cwnd = Math.max(window.cwnd, Math.min(prior.cwnd, flightSize + initialWindow(mss)));
  window.ssthresh = Math.max(prior.ssthresh, prior.cwnd);
}

/** RFC 7661 4.4.2: slow start may go on up to here, which was not too much before. */
export const thresholdAfterIdle = (cwnd: number): number => (3 * cwnd) / 4;

/** RFC 6928 2. */
export const initialWindow = (mss: number): number => Math.min(10 * mss, Math.max(2 * mss, 14_600));

/**
 * RFC 5681 3.1: the window grows by what was acknowledged, up to ssthresh. Returns the octets left for avoidance. The
 * first slow start, whose end is not known, is HyStart++'s to end.
 */
export function slowStart(window: Window, event: AckEvent, hyStart: HyStart): number {
  const { acked } = event;
  if (window.cwnd >= window.ssthresh) return acked;
  if (window.ssthresh === Number.POSITIVE_INFINITY) {
    const divisor = hyStart.divisor(event);
    if (divisor > 0) window.cwnd += acked / divisor;
    else window.ssthresh = window.cwnd;
    return 0;
  }
  const grown = Math.min(window.cwnd + acked, window.ssthresh);
  const left = acked - (grown - window.cwnd);
  window.cwnd = grown;
  return left;
}
