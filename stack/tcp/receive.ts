// The text of an acceptable segment on its way into the receive buffer (RFC 9293 3.10.7.4, seventh and eighth
// check): copied once, to where it belongs, in order or not; and the policy of acknowledging it (RFC 9293
// 3.8.6.3, RFC 5681 4.2): at once for every second full segment, and whenever something is out of order.

import { after, type Instant } from '../core/time.ts';
import { EVENT, raise } from './events.ts';
import { measureRoundTrip } from './receive-tuning.ts';
import type { Segment } from './segment.ts';
import { transition } from './state.ts';
import type { Tcb } from './tcb.ts';
import { enterTimeWait } from './time-wait.ts';

/** The text of a segment that has been trimmed to the window. */
export function takeText(tcb: Tcb, now: Instant, seg: Segment): void {
  const length = seg.textLength;
  const start = seg.textStart;
  if (length <= 0 || pastFin(tcb, start + length)) return;
  learnMss(tcb, seg);
  const { rcv, receiveBuffer, reassembly } = tcb;
  if (start > rcv.nxt) {
    takeOutOfOrder(tcb, now, seg);
    return;
  }
  if (!hasMemory(tcb, now, receiveBuffer.end === rcv.read)) {
    tcb.ackNow = true;
    return;
  }
  const hadReadable = receiveBuffer.end > rcv.read;
  receiveBuffer.write(start, seg.packet.bytes, seg.textAt, seg.textEnd);
  const gap = !reassembly.isEmpty;
  rcv.nxt = gap ? reassembly.advance(start + length) : start + length;
  receiveBuffer.end = rcv.nxt;
  tcb.layer.observer.dataAccepted?.(now, tcb.connection, seg.packet, start, length);
  measureRoundTrip(tcb, now, seg);
  if (!hadReadable && tcb.usable) raise(tcb, now, EVENT.readable);
  acknowledgeText(tcb, now, length, gap);
}

function takeOutOfOrder(tcb: Tcb, now: Instant, seg: Segment): void {
  tcb.ackNow = true; // RFC 5681 4.2: a duplicate ACK at once
  const end = seg.textStart + seg.textLength;
  if (!hasMemory(tcb, now, false) || !tcb.reassembly.add(seg.textStart, end)) {
    tcb.layer.counters.bump('out-of-order-dropped');
    tcb.reassembly.refuse(seg.textStart, end);
    return;
  }
  tcb.receiveBuffer.write(seg.textStart, seg.packet.bytes, seg.textAt, seg.textEnd);
  tcb.layer.observer.dataAccepted?.(now, tcb.connection, seg.packet, seg.textStart, seg.textLength);
}

/** Where all memory is used up only what an application waits for is taken (`awaited`): nobody stands still for ever. */
function hasMemory(tcb: Tcb, now: Instant, awaited: boolean): boolean {
  const { layer } = tcb;
  if (!layer.chunks.isExhausted) return true;
  layer.relieve(now);
  if (!layer.chunks.isExhausted || awaited) return true;
  layer.counters.bump('out-of-memory');
  return false;
}

/** RFC 2018 8: what is out of order is given up, and not reported any more. */
export function dropOutOfOrder(tcb: Tcb): void {
  if (tcb.reassembly.isEmpty) return;
  tcb.reassembly.clear();
  tcb.receiveBuffer.releaseBeyond();
  tcb.layer.counters.bump('out-of-order-given-up');
}

/** Octets behind the peer's FIN: no honest peer sends them. */
function pastFin(tcb: Tcb, end: number): boolean {
  const fin = tcb.rcv.fin ?? tcb.reassembly.fin;
  return fin !== undefined && end > fin;
}

/** What the peer calls a full segment: super-frames say it, else the largest one seen. */
function learnMss(tcb: Tcb, seg: Segment): void {
  const { rcv } = tcb;
  const { gsoSize } = seg.packet;
  const size = gsoSize > 0 ? Math.min(gsoSize, seg.textLength) : seg.textLength;
  if (size > rcv.mss) rcv.mss = Math.min(size, rcv.advertisedMss);
}

/** `gap`: the segment filled a gap or part of one, which is acknowledged at once. */
function acknowledgeText(tcb: Tcb, now: Instant, length: number, gap: boolean): void {
  tcb.unacknowledgedText += length;
  if (gap || tcb.unacknowledgedText >= 2 * tcb.rcv.mss || tcb.options.delayedAck === 0) tcb.ackNow = true;
  else if (!tcb.timers.delayedAck.armed) tcb.timers.delayedAck.set(after(now, tcb.options.delayedAck));
}

/** Eighth check: the FIN, as soon as every octet before it is there. */
export function takeFin(tcb: Tcb, now: Instant, seg: Segment): void {
  const { rcv, reassembly } = tcb;
  if (seg.fin && rcv.fin === undefined && reassembly.fin === undefined && seg.finAt >= lastKnown(tcb)) {
    reassembly.fin = seg.finAt;
    tcb.ackNow = true;
  }
  if (rcv.fin !== undefined || reassembly.fin !== rcv.nxt) return;
  rcv.fin = rcv.nxt;
  rcv.nxt += 1;
  reassembly.fin = undefined;
  tcb.ackNow = true;
  if (rcv.read === tcb.receiveBuffer.end) tcb.receiveBuffer.dispose(); // nothing will ever come to it
  raise(tcb, now, EVENT.peerFinished);
  afterFin(tcb, now);
}

/** A FIN below octets that have already come is a lie. */
function lastKnown(tcb: Tcb): number {
  const { islands } = tcb.reassembly;
  return Math.max(tcb.rcv.nxt, islands[islands.length - 1]?.end ?? 0);
}

function afterFin(tcb: Tcb, now: Instant): void {
  if (tcb.state === 'ESTABLISHED') {
    transition(tcb, now, 'CLOSE-WAIT');
  } else if (tcb.state === 'FIN-WAIT-1') {
    if (tcb.finAcknowledged) enterTimeWait(tcb, now);
    else transition(tcb, now, 'CLOSING');
  } else if (tcb.state === 'FIN-WAIT-2') {
    enterTimeWait(tcb, now);
  }
}
