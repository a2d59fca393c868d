// RACK (RFC 8985 6): a segment is lost when one sent later has arrived and it had a round trip and a reordering
// window of time to do so itself. Being a matter of time, it finds lost retransmissions too, and waits for what is
// merely late. In force where SACK is negotiated. What a donor sent before a handoff counts as sent when it was
// installed here (restore.ts): never earlier than it was. Nothing of RACK travels: reordering belongs to a path.

import { after, type Duration, EPOCH, elapsed, type Instant, ZERO } from '../core/time.ts';
import type { DeliverySink, Run } from './flight.ts';
import { DUP_THRESH, MAX_LATE_RUNS, REO_WND_PERSIST } from './limits.ts';
import type { Position } from './position.ts';
import type { Range } from './reassembly.ts';
import type { Tcb } from './tcb.ts';

/** RFC 8985 6.2, step 4: the window is counted in quarters of the least RTT. */
const REO_WND_SHARE = 1 / 4;

export class Rack implements DeliverySink {
  /** Of the segment sent last among those delivered: RACK.xmit_ts, RACK.end_seq; its round trip: RACK.rtt. */
  xmitTs: Instant = EPOCH;
  /** Its place among all transmissions (Run.order): a batch of ACKs is one instant, but what it lets go leaves in order. */
  #xmitOrder = 0;
  endSeq: Position = 0;
  /** Undefined until a segment of ours was delivered. */
  rtt: Duration | undefined;
  reorderingSeen = false;
  reoWndMult = 1;
  /** Of the ACK at hand: the duplicate its D-SACK reports (RFC 2883), be it a copy of ours or the network's. */
  duplicate: Range | undefined;
  /** RACK.fack, and as it was before the ACK at hand: all that one ACK brings may have come in order. */
  #fack: Position = 0;
  #fackBefore: Position = 0;
  #reoWndPersist = REO_WND_PERSIST;
  /** RACK.dsack_round: no second step before SND.UNA is here. */
  #dsackRound: Position | undefined;
  /** What was sent until then (Run.order) took another way, on which it may need this long (other-way.ts). */
  #formerOrder = 0;
  #formerPatience: Duration = ZERO;
  /** A copy that we sent was not needed, says the ACK at hand. */
  #spurious = false;
  #now: Instant = EPOCH;
  #minRtt: Duration = ZERO;
  #echoedUntil: Instant = EPOCH;

  /**
   * An ACK is about to be taken. `echoedUntil`: what was sent at or after it cannot have caused a cumulative
   * ACK with this timestamp echo; undefined: there is none.
   */
  begin(now: Instant, minRtt: Duration | undefined, echoedUntil: Instant | undefined): void {
    this.#now = now;
    this.#minRtt = minRtt ?? ZERO;
    this.#echoedUntil = echoedUntil ?? after(now, 1 as Duration);
    this.#fackBefore = this.#fack;
    this.#spurious = false;
    this.duplicate = undefined;
  }

  /** Octets newly acknowledged: TSecr tells which copy it was that came (RFC 7323 4.3). */
  acknowledged(run: Run): void {
    if (!(run.retransmitted && run.sentAt >= this.#echoedUntil)) this.#update(run);
    this.#detectReordering(run);
  }

  /** Octets newly SACKed. The echo is that of the last segment in order and says nothing of these. */
  sacked(run: Run): void {
    this.#update(run);
    this.#detectReordering(run);
  }

  /**
   * A D-SACK; `ours`: of a copy that we sent to repair a loss. Deviates from RFC 8985 6.2, step 4: what we sent only
   * once was duplicated by the network. A tail loss probe that was not needed is no sign of reordering (7.4).
   */
  noteDuplicate(start: Position, end: Position, ours: boolean): void {
    this.duplicate = { start, end };
    if (ours) this.#spurious = true;
  }

  /** RACK_sent_after: was what is delivered sent after `run`? Of one instant, both its place and its number have to say so. */
  isAfter(run: Run): boolean {
    if (this.xmitTs !== run.sentAt) return this.xmitTs > run.sentAt;
    return this.endSeq > run.end && this.#xmitOrder >= run.order;
  }

  /** What is sent after transmission `order` takes another way; what was sent until then has `patience` to arrive. */
  leaveWay(order: number, patience: Duration): void {
    this.#formerOrder = order;
    this.#formerPatience = patience;
  }

  /** How much longer than `usual` to wait for a segment: not at all where it went the way that RACK.rtt is of. */
  patienceWith(run: Run, usual: number): number {
    const overtaken = this.#tookFormerWay(run) && this.#xmitOrder > this.#formerOrder;
    return overtaken ? Math.max(usual, this.#formerPatience) : usual;
  }

  /** RFC 8985 6.2, step 4, DSACK-based adaptation: once a round, at most. */
  adapt(una: Position, nxt: Position): void {
    if (this.#dsackRound !== undefined && una >= this.#dsackRound) this.#dsackRound = undefined;
    if (!this.#spurious || this.#dsackRound !== undefined) return;
    this.#spurious = false;
    this.#dsackRound = nxt;
    this.#reoWndPersist = REO_WND_PERSIST;
    this.reoWndMult += 1;
    // The copy came beside an original that was only late: that is reordering, seen from its other side.
    this.reorderingSeen = true;
  }

  /** The same step: the window shrinks again after 16 recoveries without a D-SACK. */
  onRecoveryEnd(): void {
    this.#reoWndPersist -= 1;
    if (this.#reoWndPersist <= 0) this.reoWndMult = 1;
  }

  /** Step 2. */
  #update(run: Run): void {
    if (run.inherited && !run.resent) return; // when it was sent is not known here
    const rtt = elapsed(run.sentAt, this.#now);
    // Too quick for the copy: the original came.
    if (run.retransmitted && rtt < this.#minRtt) return;
    this.rtt = rtt;
    if (run.sentAt < this.xmitTs || (run.sentAt === this.xmitTs && run.end <= this.endSeq)) return;
    this.xmitTs = run.sentAt;
    this.#xmitOrder = run.order;
    this.endSeq = run.end;
  }

  /** Step 3. */
  #detectReordering(run: Run): void {
    if (run.end > this.#fack) this.#fack = run.end;
    const late = run.end < this.#fackBefore && !run.retransmitted;
    if (late && !this.#tookFormerWay(run)) this.reorderingSeen = true;
  }

  /** Not of what a donor sent: when is not known, and it goes again on evidence (sack.ts). */
  #tookFormerWay(run: Run): boolean {
    return run.order <= this.#formerOrder && !run.inherited;
  }
}

/** RFC 8985 6.2, step 5: marks what is lost by now, and sets the timer for what may be soon. */
export function detectLossByTime(tcb: Tcb, now: Instant): void {
  const { rack, flight, timers } = tcb;
  let timeout = 0;
  if (rack.rtt !== undefined) {
    const patience = rack.rtt + reorderingWindow(tcb);
    let late = 0;
    let next: Run | undefined;
    for (let run = flight.sent.oldest; run !== undefined && run.sentAt <= rack.xmitTs; run = next) {
      next = run.sentAfter;
      if (!rack.isAfter(run)) continue; // of the same instant
      const remaining = run.sentAt + rack.patienceWith(run, patience) - now;
      if (remaining <= 0) {
        flight.markLostAgain(run);
        continue;
      }
      timeout = Math.max(timeout, remaining);
      late += 1;
      if (late === MAX_LATE_RUNS) {
        timeout = Math.max(timeout, rack.xmitTs + patience - now); // by then all of them are due, but for another way's
        break;
      }
    }
  }
  if (timeout > 0) timers.reordering.set(after(now, timeout as Duration));
  else timers.reordering.cancel();
}

/** RFC 8985 6.3: what was sent until then is late by now; without RACK that is everything. */
export function lateAt(tcb: Tcb, now: Instant): Instant {
  const { rtt } = tcb.rack;
  if (!tcb.sackPermitted || rtt === undefined) return now;
  return (now - rtt - reorderingWindow(tcb)) as Instant;
}

/** RACK.reo_wnd, step 4: none where loss is plain and reordering was never seen. */
function reorderingWindow(tcb: Tcb): number {
  const { rack, rtt, recovery } = tcb;
  if (!rack.reorderingSeen && (recovery.phase !== 'open' || enoughSacked(tcb))) return 0;
  const window = rack.reoWndMult * REO_WND_SHARE * (rtt.minRtt ?? rack.rtt ?? 0);
  return Math.min(window, rtt.srtt ?? Number.POSITIVE_INFINITY);
}

/** RACK.segs_sacked >= DupThresh. The scoreboard counts octets; small segments show as ACKs with SACK news. */
const enoughSacked = (tcb: Tcb): boolean =>
  tcb.recovery.dupAcks >= DUP_THRESH || tcb.flight.sackedOctets > (DUP_THRESH - 1) * tcb.snd.mss;
