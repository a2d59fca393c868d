// RFC 9293 3.10.7.4, first check: is the segment inside the receive window? PAWS (RFC 7323 5) comes before it,
// and what lies outside the window is cut off after it.

import { after, type Instant } from '../../core/time.ts';
import { isOldTimestamp, takeTimestamp } from '../options.ts';
import { emitRange } from '../output.ts';
import { SYN_POSITION } from '../position.ts';
import type { Segment, Verdict } from '../segment.ts';
import type { Tcb } from '../tcb.ts';
import { receiveWindow } from '../window.ts';

export function checkSequence(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  if (checkPaws(tcb, now, seg) === 'drop') return 'drop';
  const window = receiveWindow(tcb);
  if (!isAcceptable(tcb, seg, window)) return refuse(tcb, now, seg);
  const { timestamp } = seg.header.options;
  if (tcb.ts.on && timestamp !== undefined) takeTimestamp(tcb, now, timestamp.value, seg.seq);
  const wanted = seg.length;
  noteDuplicate(tcb, seg);
  seg.trim(tcb.rcv.nxt, tcb.rcv.edge);
  if (window === 0 && wanted > 0) tcb.ackNow = true; // a window probe
  return 'continue';
}

/** RFC 7323 5.3, R1 to R3, and 3.2: a segment without the option is dropped in silence. */
function checkPaws(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  if (!tcb.ts.on || seg.isRst) return 'continue';
  const { timestamp } = seg.header.options;
  if (timestamp === undefined) {
    tcb.layer.counters.bump('no-timestamp');
    return 'drop';
  }
  if (!isOldTimestamp(tcb, now, timestamp.value)) return 'continue';
  tcb.layer.counters.bump('paws');
  return refuse(tcb, now, seg);
}

/**
 * The table of RFC 9293 3.4. Beyond it, what that section asks for as "special allowance" for valid ACKs, URGs
 * and RSTs: a segment at the very edge of the window (all of it is in flight) goes on, with nothing left of its text.
 */
function isAcceptable(tcb: Tcb, seg: Segment, window: number): boolean {
  const { nxt } = tcb.rcv;
  const { seq, length } = seg;
  if (length === 0) return seq >= nxt && seq <= nxt + window;
  if (window === 0) return seq === nxt;
  return (seq >= nxt && seq < nxt + window) || (seq + length - 1 >= nxt && seq + length - 1 < nxt + window);
}

/** An unacceptable segment is answered with an ACK, unless it is a RST. */
function refuse(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  if (seg.isRst) return 'drop';
  if (isSynAgain(tcb, seg)) {
    if (tcb.challenges.take(now)) emitRange(tcb, now, SYN_POSITION, SYN_POSITION + 1, true);
    return 'drop';
  }
  noteDuplicate(tcb, seg);
  if (tcb.state === 'TIME-WAIT' && seg.fin) tcb.timers.timeWait.set(after(now, tcb.options.timeWait));
  // Text that comes again is answered each time: our ACK may have been lost. The rest is rationed.
  if (seg.textLength > 0 || seg.fin || tcb.challenges.take(now)) tcb.ackNow = true;
  return 'drop';
}

/** Our SYN,ACK was lost: a bare ACK would not help a peer in SYN-SENT (RFC 9293 3.10.7.3 drops it). */
const isSynAgain = (tcb: Tcb, seg: Segment): boolean =>
  tcb.state === 'SYN-RECEIVED' && seg.isSyn && !seg.isAck && seg.seq === SYN_POSITION;

/** RFC 2883 4: what has been received before is reported with the next ACK. */
function noteDuplicate(tcb: Tcb, seg: Segment): void {
  const end = Math.min(seg.textStart + seg.textLength, tcb.rcv.nxt);
  if (!tcb.sackPermitted || seg.textLength === 0 || seg.textStart >= end || seg.textStart < 0) return;
  tcb.reassembly.duplicate = { start: seg.textStart, end };
  tcb.ackNow = true;
}
