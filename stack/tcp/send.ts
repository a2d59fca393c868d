// What to send now: lost octets first, then new ones as far as both windows, Nagle and the silly window
// avoidance of RFC 9293 3.8.6.2.1 let them go; and an ACK if none of that carried it. Every entry point of a connection ends here.

import { after, type Instant } from '../core/time.ts';
import type { Run } from './flight.ts';
import { SWS_OVERRIDE } from './limits.ts';
import { noteProbeResent } from './mtu-probe.ts';
import { timestampValue, updateSendMss } from './options.ts';
import { takeOtherWay } from './other-way.ts';
import { currentMss, emitRange, maxText, sendAck } from './output.ts';
import { type Position, SYN_POSITION } from './position.ts';
import { idleFor, sendRoom } from './recovery.ts';
import { sendMtuProbe } from './send-mtu-probe.ts';
import { isSynchronized, sends } from './state.ts';
import { armTailProbe } from './tail-probe.ts';
import type { Tcb } from './tcb.ts';
import { userDeadline } from './user-timeout.ts';

/** Sends all that may leave now. */
export function output(tcb: Tcb, now: Instant): void {
  if (tcb.silence !== 'none' || tcb.state === 'CLOSED') return;
  // RFC 5682 2.1, step 2 b: after the first copy is answered, new octets go instead of more copies.
  const repaired = tcb.recovery.fRto === 'second-ack' || sendLost(tcb, now);
  if (repaired && (sends(tcb.state) || tcb.early)) sendNew(tcb, now);
  if (tcb.ackNow) sendAck(tcb, now);
  armTimers(tcb, now);
}

/**
 * RFC 6675 5, step 4.3 and C; after a timeout RFC 6298 5.4: the lost octets, in order. False: there are more, and
 * nothing new leaves before them.
 */
function sendLost(tcb: Tcb, now: Instant): boolean {
  const { flight, recovery } = tcb;
  for (let run = flight.nextLost(); run !== undefined; run = flight.nextLost()) {
    const room = sendRoom(tcb);
    const mss = currentMss(tcb);
    if (!recovery.force && room < Math.min(mss, run.length)) {
      tcb.cwndLimited = true;
      return false;
    }
    const inWindow = windowFor(tcb, run);
    if (inWindow <= 0) return false;
    const length = recovery.force ? mss : wholeSegments(room, mss);
    recovery.force = false;
    if (!retransmit(tcb, now, run, Math.min(length, maxText(tcb, mss, run.start), inWindow))) return false;
  }
  return true;
}

/**
 * How much of `run` may be sent again. A peer that shrinks its window (RFC 9293 3.8.6, MUST-34) may still take what it has
 * once let go: RFC 7323 2.4 has it sent again once, and from then on only what the window shows (SHLD-16).
 */
function windowFor(tcb: Tcb, run: Run): number {
  const copied = run.retransmitted && !run.inherited && isSynchronized(tcb.state);
  return copied ? tcb.snd.una + tcb.snd.wnd - run.start : Number.POSITIVE_INFINITY;
}

/** Sends at most `length` octets from the start of `run` again; false when the packet could not leave. */
export function retransmit(tcb: Tcb, now: Instant, run: Run, length: number): boolean {
  const part = tcb.flight.resend(run, length, now, currentMss(tcb));
  tcb.copies.note(part.start, part.end);
  tcb.doubt.copyLeaves(timestampValue(tcb, now));
  noteProbeResent(tcb, now, part.start, part.end);
  tcb.recovery.prr.onSent(part.length);
  if (part.start < 0) tcb.synRetransmitted = true;
  const verdict = emitRange(tcb, now, part.start, part.end, true);
  if (verdict === 'too-big') refreshPath(tcb, now);
  tcb.layer.trace(now, { layer: 'tcp', event: 'retransmit', detail: { offset: part.start, length: part.length } });
  return verdict === 'sent';
}

/** Whole segments that fit; less than one counts as one (the caller has checked that it may go). */
const wholeSegments = (room: number, mss: number): number => (room < mss ? mss : room - (room % mss));

function sendNew(tcb: Tcb, now: Instant): void {
  const { snd } = tcb;
  // RFC 5681 4.1: after an idle time the old window says nothing of the path any more.
  if (tcb.flight.isEmpty && tcb.hasUnsentText && idleFor(tcb, now) > tcb.rtt.rto) tcb.congestion.onIdle(now);
  if (tcb.path.probe !== 0 && sendMtuProbe(tcb, now) === 'wait') return;
  for (let length = nextLength(tcb); length >= 0; length = nextLength(tcb)) {
    const start = snd.nxt;
    const textEnd = start + length;
    const fin = tcb.finQueued && !tcb.early && textEnd === tcb.sendBuffer.end && snd.una + snd.wnd > textEnd;
    if (length === 0 && !fin) return;
    if (!transmitNew(tcb, now, start, fin ? textEnd + 1 : textEnd)) return;
  }
}

/** Sends new octets: what is to leave, from SND.NXT on. */
export function transmitNew(tcb: Tcb, now: Instant, start: Position, end: Position): boolean {
  tcb.flight.push(start, end, now, currentMss(tcb));
  tcb.snd.nxt = end;
  tcb.tailProbe.restart = true;
  tcb.recovery.prr.onSent(end - start);
  const verdict = emitRange(tcb, now, start, end, false);
  if (verdict === 'too-big') refreshPath(tcb, now);
  return verdict === 'sent';
}

/** How much new text the next packet takes: 0 for a FIN alone, -1 for nothing at all. */
function nextLength(tcb: Tcb): number {
  const { snd } = tcb;
  const unsent = tcb.sendBuffer.end - snd.nxt;
  const window = snd.una + snd.wnd - snd.nxt;
  tcb.cwndLimited = false;
  if (unsent < 0 || (unsent === 0 && !tcb.finQueued)) return -1;
  if (unsent === 0) return window > 0 ? 0 : -1;
  const mss = currentMss(tcb);
  const usable = Math.min(unsent, window, maxText(tcb, mss, snd.nxt));
  const length = usable < mss ? smallLength(tcb, usable, unsent) : usableSegments(tcb, usable, unsent, mss);
  return length > 0 ? limitByCongestion(tcb, length, mss) : -1;
}

/** Without Nagle's algorithm: as the application wants it, and for urgent octets. */
const goesAtOnce = ({ options, snd }: Tcb): boolean => options.noDelay || snd.up > snd.nxt;

/** At least one full segment is at hand: the ragged end goes along only where it may go alone. */
function usableSegments(tcb: Tcb, usable: number, unsent: number, mss: number): number {
  if (usable === unsent && (goesAtOnce(tcb) || tcb.finQueued)) return usable;
  return usable - (usable % mss);
}

/** RFC 9293 3.8.6.2.1, (2) and (3), and Nagle's algorithm (RFC 9293 3.7.4): less than a segment can go. */
function smallLength(tcb: Tcb, usable: number, unsent: number): number {
  // A SYN,ACK that is on its way is no text: what answers text of a SYN (RFC 7413) does not wait for its ACK.
  const idle = tcb.snd.una === tcb.snd.nxt || tcb.snd.nxt === SYN_POSITION + 1;
  if (usable === unsent) return idle || goesAtOnce(tcb) || tcb.finQueued ? usable : 0;
  return (idle || goesAtOnce(tcb)) && usable >= tcb.snd.maxWnd / 2 ? usable : 0;
}

function limitByCongestion(tcb: Tcb, length: number, mss: number): number {
  const room = sendRoom(tcb);
  if (length <= room) return length;
  tcb.cwndLimited = true;
  if (room >= mss) return room - (room % mss);
  return tcb.flight.isEmpty ? Math.min(length, mss) : -1;
}

function armTimers(tcb: Tcb, now: Instant): void {
  const { timers } = tcb;
  if (!tcb.flight.isEmpty) {
    if (!timers.retransmit.armed) timers.retransmit.set(after(now, tcb.rtt.rto));
    timers.probe.cancel();
  } else if (sends(tcb.state) && tcb.hasWork) {
    // Nothing in flight and something to send: the window is shut, or too small to be worth a segment.
    if (!timers.probe.armed) timers.probe.set(after(now, tcb.snd.wnd === 0 ? tcb.rtt.rto : SWS_OVERRIDE));
  } else {
    timers.probe.cancel();
  }
  armTailProbe(tcb, now);
  if (!tcb.hasWork) timers.userTimeout.cancel();
  else if (!timers.userTimeout.armed) timers.userTimeout.set(userDeadline(tcb, now));
}

/** The path has changed: segments get their new size; what is in flight may still arrive. */
export function refreshPath(tcb: Tcb, now: Instant): void {
  const before = tcb.path;
  tcb.path = tcb.layer.ipv6.path(now, tcb.local.address, tcb.remote.address);
  if (tcb.path.way !== before.way) takeOtherWay(tcb, now);
  updateSendMss(tcb);
}
