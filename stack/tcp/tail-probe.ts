// Tail Loss Probe (RFC 8985 7): when the end of a flight is not acknowledged for two round trips, one segment goes
// out to draw the SACK that lets RACK work, instead of waiting for the RTO and falling to a window of one segment.
// Here: when the probe timer (PTO) runs, and what the answer to a probe says (7.4). It is sent in send-probe.ts.

import { after, type Duration, type Instant, times } from '../core/time.ts';
import { isReducedForMark } from './ecn.ts';
import { MAX_PEER_ACK_DELAY, MIN_PTO, PTO_WITHOUT_RTT } from './limits.ts';
import type { Position } from './position.ts';
import type { Segment } from './segment.ts';
import { isSynchronized } from './state.ts';
import type { Tcb } from './tcb.ts';

export class TailProbe {
  /** TLP.end_seq: SND.NXT when the probe left; undefined: no probe is unanswered. */
  endSeq: Position | undefined;
  /** TLP.is_retrans. */
  isRetransmission = false;
  /** New octets left, or SND.UNA moved: the timer starts anew. */
  restart = false;
}

/**
 * 7.2 and 7.3: where a probe can help. Not in a recovery or with SACKed octets (RACK is at work then), not into a shut
 * window, and not for what another node sent before a handoff: that goes again on evidence or RTO only.
 */
export function mayProbe(tcb: Tcb): boolean {
  const { flight, recovery, snd, tailProbe } = tcb;
  const tail = flight.tail;
  if (!tcb.sackPermitted || !isSynchronized(tcb.state) || tail === undefined) return false;
  if (tail.inherited && !tail.resent) return false;
  return recovery.phase === 'open' && !flight.hasSacked && snd.wnd > 0 && tailProbe.endSeq === undefined;
}

/** At the end of every call; the retransmission timer is set already. */
export function armTailProbe(tcb: Tcb, now: Instant): void {
  const { tailProbe, timers } = tcb;
  const { restart } = tailProbe;
  tailProbe.restart = false;
  if (!mayProbe(tcb)) timers.tailProbe.cancel();
  // The PTO is never later than the RTO; at the same instant the probe goes first (expiry.ts).
  else if (restart)
    timers.tailProbe.set(Math.min(after(now, probeTimeout(tcb)), timers.retransmit.deadline) as Instant);
}

/** 7.2, TLP_calc_PTO. */
function probeTimeout(tcb: Tcb): Duration {
  const { rtt, snd } = tcb;
  if (rtt.srtt === undefined) return PTO_WITHOUT_RTT;
  const alone = snd.nxt - snd.una <= snd.mss;
  return Math.max(MIN_PTO, times(rtt.srtt, 2) + (alone ? MAX_PEER_ACK_DELAY : 0)) as Duration;
}

/** 7.4, TLP_process_ack: did the probe repair a loss that nobody else will find? Then it was congestion. */
export function takeProbeAnswer(tcb: Tcb, now: Instant, seg: Segment, advanced: boolean): void {
  const { tailProbe, rack, recovery } = tcb;
  const { endSeq } = tailProbe;
  if (endSeq === undefined || seg.ack < endSeq) return;
  const reported = rack.duplicate !== undefined && rack.duplicate.end === endSeq;
  const bare = !advanced && seg.length === 0 && (seg.header.options.sack ?? []).length === 0;
  if (tailProbe.isRetransmission && !reported && seg.ack > endSeq) {
    tailProbe.endSeq = undefined;
    if (recovery.phase === 'open' && !isReducedForMark(tcb)) reduceForLoss(tcb, now);
    return;
  }
  // New octets, or both copies arrived: nothing was lost.
  if (!tailProbe.isRetransmission || reported || bare) tailProbe.endSeq = undefined;
}

/** The copy was the repair: there is nothing to doubt, and what was doubted before is no more the last reduction. */
function reduceForLoss(tcb: Tcb, now: Instant): void {
  tcb.congestion.onLoss(now, tcb.snd.nxt - tcb.snd.una);
  tcb.doubt.end();
  tcb.ecn.cwrDue = tcb.ecn.on;
}
