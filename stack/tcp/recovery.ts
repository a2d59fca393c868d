// Loss recovery: when there is evidence of a loss, and when a recovery is over. With SACK it is RACK that finds
// losses (rack.ts), in the recovery of RFC 6675 at the pace of PRR (prr.ts); without, every duplicate ACK is counted
// as one segment that has left the network, which gives RFC 6582 (NewReno) and limited transmit (RFC 3042) from the
// same pipe. The congestion controller is told once a window.

import { EPOCH, elapsed, type Instant, ZERO } from '../core/time.ts';
import type { AckEvent } from './congestion/congestion.ts';
import { isReducedForMark } from './ecn.ts';
import { beginFRto, type FRto } from './f-rto.ts';
import type { Run } from './flight.ts';
import { DUP_THRESH } from './limits.ts';
import { probeIsLostHead, takeProbeLoss } from './mtu-probe.ts';
import { type Position, SYN_POSITION } from './position.ts';
import { Prr } from './prr.ts';
import { detectLossByTime, lateAt } from './rack.ts';
import { markInheritedLost } from './sack.ts';
import type { Tcb } from './tcb.ts';

/** What an ACK is about to change, noted before: PRR and F-RTO count the difference. */
interface AckStart {
  delivered: number;
  revived: number;
  una: Position;
}

/** 'recovery': fast recovery. 'loss': after a timeout. */
export type RecoveryPhase = 'open' | 'recovery' | 'loss';

export class Recovery {
  phase: RecoveryPhase = 'open';
  /** RecoveryPoint (RFC 6675), recover (RFC 6582): SND.NXT when the loss was found. */
  point: Position = SYN_POSITION;
  dupAcks = 0;
  /** The next retransmission leaves whatever the pipe says (RFC 6675 5, step 4.3; RFC 6582 3.2, step 5). */
  force = false;
  readonly prr = new Prr();
  readonly ackStart: AckStart = { delivered: 0, revived: 0, una: SYN_POSITION };
  fRto: FRto = 'off';
  /** What is marked lost below was dropped for a reason that is no congestion. */
  blamelessBelow: Position = SYN_POSITION;
}

/** Filled in for each ACK: the controllers keep nothing of it. */
const ackEvent: AckEvent = { now: EPOCH, acked: 0, srtt: ZERO, rtt: ZERO, una: 0, nxt: 0, cwndLimited: false };

/** RFC 6675's pipe; without SACK the segments that duplicate ACKs stand for are taken off. */
export function pipeOf(tcb: Tcb): number {
  if (tcb.sackPermitted) return tcb.flight.pipe;
  return Math.max(0, tcb.flight.pipe - tcb.recovery.dupAcks * tcb.snd.mss);
}

/** Octets that the congestion window lets go now; negative: none for a while. */
export function sendRoom(tcb: Tcb): number {
  const { recovery, congestion } = tcb;
  const window = tcb.sackPermitted && recovery.phase === 'recovery' ? recovery.prr.window : congestion.cwnd;
  return window - pipeOf(tcb);
}

/** SND.UNA has moved by `acked` octets (SYN and FIN not counted). */
export function onAdvance(tcb: Tcb, now: Instant, acked: number): void {
  const { recovery, snd } = tcb;
  // The ACK that ends a fast recovery does not open the window as well (RFC 6582 3.2, step 3).
  const grows = recovery.phase !== 'recovery' && acked > 0 && !isReducedForMark(tcb);
  if (recovery.phase !== 'open' && snd.una >= recovery.point) endRecovery(tcb);
  else if (recovery.phase === 'recovery') onPartialAck(tcb, acked);
  else if (recovery.phase === 'open') recovery.dupAcks = 0;
  if (grows) {
    ackEvent.now = now;
    ackEvent.acked = recovery.phase === 'loss' ? newlyArrived(tcb, acked) : acked;
    ackEvent.srtt = tcb.rtt.srtt ?? ZERO;
    ackEvent.rtt = tcb.rtt.latest;
    ackEvent.una = snd.una;
    ackEvent.nxt = snd.nxt;
    ackEvent.cwndLimited = tcb.cwndLimited;
    tcb.congestion.onAck(ackEvent);
  }
}

/**
 * RFC 3465 2.2: after a timeout an ACK may cover much that had arrived before. With SACK it is known what had; without,
 * one segment counts.
 */
const newlyArrived = ({ sackPermitted, flight, recovery, snd }: Tcb, acked: number): number =>
  Math.min(acked, sackPermitted ? flight.delivered - recovery.ackStart.delivered : snd.mss);

/** An ACK that repeats SND.UNA as RFC 5681 2 means it, or that brings SACK news (RFC 6675 2). */
export function onDuplicateAck(tcb: Tcb): void {
  // After a timeout the copies of what was sent before it cause duplicates that mean nothing.
  if (tcb.recovery.phase !== 'loss') tcb.recovery.dupAcks += 1;
}

/** An ACK is about to be taken. */
export function beginAck(tcb: Tcb): void {
  const { ackStart } = tcb.recovery;
  ackStart.delivered = tcb.flight.delivered;
  ackStart.revived = tcb.flight.revived;
  ackStart.una = tcb.snd.una;
}

/** After every ACK: losses, and what PRR makes of it. */
export function endAck(tcb: Tcb, now: Instant): void {
  const { recovery, flight, snd, congestion } = tcb;
  const lostBefore = flight.losses;
  detectLoss(tcb, now);
  if (!tcb.sackPermitted || recovery.phase !== 'recovery') return;
  const { delivered, una } = recovery.ackStart;
  const safe = snd.una > una && flight.losses === lostBefore;
  recovery.prr.onAck(flight.delivered - delivered, flight.pipe, congestion.ssthresh, safe, snd.mss);
}

/** After every ACK, and when the reordering timer runs out: is there evidence of a loss? */
export function detectLoss(tcb: Tcb, now: Instant): void {
  const { recovery, flight, snd } = tcb;
  tcb.rack.adapt(snd.una, snd.nxt);
  const head = flight.head;
  if (head === undefined) {
    tcb.timers.reordering.cancel();
    return;
  }
  if (tcb.sackPermitted) {
    markInheritedLost(tcb);
    detectLossByTime(tcb, now);
  }
  takeProbeLoss(tcb, now);
  if (recovery.phase !== 'open') return;
  if (!(tcb.sackPermitted ? isLossMarked(tcb, head) : isLossCounted(tcb))) return;
  if (!tcb.sackPermitted && probeIsLostHead(tcb, now)) return;
  // Without SACK nothing else says which octets it is.
  if (!tcb.sackPermitted) flight.markHeadLost(snd.mss);
  beginRecovery(tcb, now);
}

/** A run that was marked lost for congestion, be it sent again already: then in the recovery before this. */
function isLossMarked(tcb: Tcb, head: Run): boolean {
  if (head.lost && isBlamed(tcb, head)) return true;
  let lost = tcb.flight.nextLost();
  // Behind a probe for the path MTU there may be true losses.
  while (lost !== undefined && (!lost.awaitsRetransmission || tcb.mtuProbe.spares(lost))) lost = lost.next;
  return lost !== undefined && isBlamed(tcb, lost);
}

const isBlamed = ({ recovery, mtuProbe }: Tcb, run: Run): boolean =>
  run.start >= recovery.blamelessBelow && !mtuProbe.spares(run);

/** RFC 6582 3.2, step 2: duplicates of what was sent before the last loss mean nothing new. */
const isLossCounted = ({ recovery, snd }: Tcb): boolean => recovery.dupAcks >= DUP_THRESH && snd.una > recovery.point;

function beginRecovery(tcb: Tcb, now: Instant): void {
  const { recovery, snd, flight } = tcb;
  recovery.phase = 'recovery';
  tcb.tailProbe.endSeq = undefined;
  recovery.point = snd.nxt;
  recovery.force = flight.nextLost() !== undefined;
  // Without what this very ACK has brought, if it is an ACK that began it (RFC 9937 6.2).
  const before = snd.nxt - snd.una - flight.sackedOctets + flight.delivered - recovery.ackStart.delivered;
  recovery.prr.begin(before, flight.pipe);
  tcb.ecn.cwrDue = tcb.ecn.on; // RFC 3168 6.1.2: whatever the reason
  if (!isReducedForMark(tcb)) {
    tcb.congestion.onLoss(now, snd.nxt - snd.una);
    tcb.doubt.begin('recovery');
    tcb.copies.begin();
  }
  tcb.layer.trace(now, { layer: 'tcp', event: 'fast-recovery', detail: { una: snd.una, point: snd.nxt } });
}

/** The retransmission timer ran out (RFC 6298 5.4 to 5.6, RFC 5681 3.1). */
export function onTimeoutLoss(tcb: Tcb, now: Instant): void {
  const { recovery, flight, snd } = tcb;
  // RFC 2018 8: the octets at SND.UNA were SACKed and yet not acknowledged: the peer has dropped them.
  if (flight.head?.sacked === true) flight.forgetSacks();
  const repeated = tcb.timeouts > 0;
  tcb.congestion.onTimeout(now, snd.nxt - snd.una, repeated);
  tcb.ecn.cwrDue = tcb.ecn.on;
  flight.markHeadLost(snd.mss);
  flight.markLostSentUntil(lateAt(tcb, now));
  tcb.timers.reordering.cancel();
  tcb.tailProbe.endSeq = undefined;
  if (!repeated) {
    tcb.doubt.begin('timeout');
    tcb.copies.begin();
  }
  beginFRto(tcb, repeated || recovery.phase === 'loss');
  recovery.phase = 'loss';
  recovery.point = snd.nxt;
  recovery.dupAcks = 0;
  recovery.force = true;
}

/** RFC 6582 3.2, step 3: only a part of what was out is acknowledged: the next hole is right there. */
function onPartialAck(tcb: Tcb, acked: number): void {
  if (tcb.sackPermitted) return;
  const { recovery, flight, snd } = tcb;
  // "Deflate by the octets acknowledged, and add back one segment": one of them was the retransmission.
  recovery.dupAcks = Math.max(0, recovery.dupAcks - Math.max(0, Math.round(acked / snd.mss) - 1));
  flight.markHeadLost(snd.mss);
  recovery.force = true;
}

export function endRecovery(tcb: Tcb): void {
  const { recovery } = tcb;
  recovery.phase = 'open';
  recovery.dupAcks = 0;
  recovery.force = false;
  recovery.fRto = 'off';
  tcb.doubt.until = tcb.snd.nxt;
  tcb.rack.onRecoveryEnd();
}

/** The SYN of this connection took more than one attempt (RFC 5681 3.1, RFC 6298 5.7). */
export function afterSynLoss(tcb: Tcb): void {
  tcb.congestion.onSynLoss();
  tcb.rtt.afterSynLoss();
}

export const idleFor = (tcb: Tcb, now: Instant): number => elapsed(tcb.snd.lastSentAt, now);
