// Was a recovery called for? A segment that was only late is sent again for nothing, and the window is cut for
// nothing. Evidence that it was so: an ACK that echoes the timestamp of the original (Eifel detection, RFC 3522), a
// D-SACK for every copy (RFC 3708), or, after a timeout without timestamps, F-RTO (RFC 5682, f-rto.ts). Then the
// window is given back (RFC 4015, RFC 9438 4.9) and the RTO grows up to what the path has shown.
// What a donor sent before a handoff is judged alike: its timestamps are older than any of ours.

import type { Instant } from '../core/time.ts';
import { judgeByNewData } from './f-rto.ts';
import { endRecovery } from './recovery.ts';
import type { Segment } from './segment.ts';
import type { Tcb } from './tcb.ts';

export type Evidence = 'timestamps' | 'd-sack' | 'f-rto';

/** After the scoreboard and SND.UNA have taken an ACK in, before losses are looked for. */
export function judgeRecovery(tcb: Tcb, now: Instant, seg: Segment, advanced: boolean): void {
  const { doubt, snd, recovery } = tcb;
  if (doubt.about === 'nothing') return;
  const evidence = findEvidence(tcb, seg, advanced);
  if (evidence !== undefined) undo(tcb, now, evidence);
  else if (recovery.phase === 'open' && snd.una > doubt.until) doubt.end();
}

function findEvidence(tcb: Tcb, seg: Segment, advanced: boolean): Evidence | undefined {
  if (advanced && isEchoOfOriginal(tcb, seg)) return 'timestamps';
  if (tcb.rack.duplicate !== undefined && tcb.copies.allReported) return 'd-sack';
  return judgeByNewData(tcb, advanced) ? 'f-rto' : undefined;
}

/** RFC 3522 3.2, steps 4 and 5: the first ACK that advances tells, and it alone. */
function isEchoOfOriginal(tcb: Tcb, seg: Segment): boolean {
  const { doubt, snd } = tcb;
  const echo = seg.header.options.timestamp?.echo;
  if (!tcb.ts.on || echo === undefined || doubt.retransmitTs === undefined) return false;
  const older = ((echo - doubt.retransmitTs) | 0) < 0;
  doubt.retransmitTs = undefined;
  // All ACKs of a flight may have been lost: the copy is then answered with an old echo, and reported as a duplicate.
  return older && tcb.rack.duplicate === undefined && (doubt.peerReports || snd.una < snd.nxt);
}

/** RFC 4015 3.2, for timeouts and fast recoveries alike. */
function undo(tcb: Tcb, now: Instant, evidence: Evidence): void {
  const { doubt, recovery, flight, snd, rack } = tcb;
  const { about } = doubt;
  if (recovery.phase !== 'open') {
    flight.forgetLosses();
    endRecovery(tcb);
  }
  tcb.congestion.onSpurious(snd.nxt - snd.una);
  if (about === 'timeout') tcb.rtt.onSpuriousTimeout();
  // The original came behind later ones: RACK sees that only where it was not sent again (RFC 8985 6.2, step 3).
  else rack.reorderingSeen = true;
  tcb.tailProbe.restart = true;
  tcb.layer.counters.bump(`spurious-${about}`);
  tcb.layer.trace(now, { layer: 'tcp', event: 'undo', detail: { about, evidence, cwnd: tcb.congestion.cwnd } });
  doubt.end();
}
