// A connection given away and taken over (DESIGN.md 7): frozen and thawed on one node, installed silent and
// resumed on another. Neither a frozen nor an installed connection sends anything.

import { after, type Instant } from '../core/time.ts';
import { EVENT, raise } from './events.ts';
import { sendSyn } from './handshake.ts';
import { currentMss, emitRange, sendAck } from './output.ts';
import { SYN_POSITION } from './position.ts';
import { output, refreshPath, retransmit } from './send.ts';
import { sendBufferSize } from './send-space.ts';
import { isSynchronized } from './state.ts';
import type { Tcb } from './tcb.ts';

export function freeze(tcb: Tcb, now: Instant): void {
  if (tcb.silence !== 'none' || tcb.state === 'CLOSED') return;
  if (tcb.synHeld) sendSyn(tcb, now);
  tcb.silence = 'frozen';
  tcb.frozenTimers = tcb.timers.ages(now);
  tcb.timers.cancelAll();
}

/** What came in the meantime is gone or comes again: an ACK tells the peer where we stand. */
export function thaw(tcb: Tcb, now: Instant): void {
  if (tcb.silence !== 'frozen') return;
  tcb.silence = 'none';
  if (tcb.pendingEvents !== 0) tcb.layer.eventsPending(tcb, now);
  if (tcb.state === 'CLOSED') return; // aborted meanwhile: nothing runs on
  tcb.timers.start(now, tcb.frozenTimers);
  tcb.flight.stopTiming();
  refreshPath(tcb, now);
  if (tcb.wantsWrite && tcb.sendBuffer.length < sendBufferSize(tcb)) {
    tcb.wantsWrite = false;
    raise(tcb, now, EVENT.writable);
  }
  speak(tcb, now);
}

/** The first word of the new node, and to its owner: what there is to read. */
export function resume(tcb: Tcb, now: Instant): void {
  if (tcb.silence !== 'installed') return;
  tcb.silence = 'none';
  if (tcb.state === 'CLOSED') return; // aborted meanwhile
  tcb.timers.start(now, tcb.frozenTimers);
  if (tcb.state === 'TIME-WAIT') tcb.layer.waits.add(tcb, now);
  // These two speak of octets that this node has not sent.
  tcb.timers.reordering.cancel();
  tcb.timers.tailProbe.cancel();
  // The peer has had no chance to answer on this path: the clock of the retransmission starts now.
  if (!tcb.flight.isEmpty) tcb.timers.retransmit.set(after(now, tcb.rtt.rto));
  refreshPath(tcb, now);
  if (tcb.rcv.up > tcb.rcv.read) raise(tcb, now, EVENT.urgent);
  if (tcb.usable && tcb.connection.readableBytes > 0) raise(tcb, now, EVENT.readable);
  if (tcb.rcv.fin !== undefined && tcb.state !== 'TIME-WAIT') raise(tcb, now, EVENT.peerFinished);
  speak(tcb, now);
}

/** Data if any may be sent, else an ACK; before the handshake is over its own segment. In TIME-WAIT only answers leave. */
function speak(tcb: Tcb, now: Instant): void {
  if (tcb.state === 'TIME-WAIT') return;
  const head = tcb.flight.head;
  if (!isSynchronized(tcb.state) && head !== undefined) emitRange(tcb, now, SYN_POSITION, SYN_POSITION + 1, true);
  else tcb.ackNow = true;
  output(tcb, now);
}

/**
 * The peer has dropped what came from us so far (RFC 6275 9.3.1, a Binding Error): the oldest octets go again,
 * the donor's included, and everything this node has sent as far as the window allows. No congestion is inferred.
 */
export function nudge(tcb: Tcb, now: Instant): void {
  if (tcb.silence !== 'none' || tcb.state === 'CLOSED') return;
  const { flight } = tcb;
  for (let run = flight.head; run !== undefined; run = run.next) {
    if (!run.inherited && !run.resent) flight.markLost(run);
  }
  tcb.recovery.blamelessBelow = tcb.snd.nxt;
  const head = flight.head;
  if (head === undefined) sendAck(tcb, now);
  else if (!head.sacked) retransmit(tcb, now, head, currentMss(tcb));
  output(tcb, now);
}
