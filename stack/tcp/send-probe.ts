// A tail loss probe on its way out (RFC 8985 7.3): one segment of new octets, if there are any and the peer's
// window takes them, else the last one of the flight once more. It may exceed the congestion window by itself.

import { after, type Instant } from '../core/time.ts';
import { currentMss } from './output.ts';
import { retransmit, transmitNew } from './send.ts';
import { mayProbe } from './tail-probe.ts';
import type { Tcb } from './tcb.ts';

/** TLP_send_probe. */
export function sendTailProbe(tcb: Tcb, now: Instant): void {
  const { flight, snd, tailProbe, timers } = tcb;
  const tail = flight.tail;
  if (tail === undefined || !mayProbe(tcb)) return;
  const mss = currentMss(tcb);
  const unsent = Math.min(mss, tcb.sendBuffer.end - snd.nxt);
  tailProbe.isRetransmission = unsent <= 0 || snd.nxt + unsent > snd.una + snd.wnd;
  if (tailProbe.isRetransmission) {
    retransmit(tcb, now, flight.cutFront(tail, Math.max(tail.start, tail.end - mss)), mss);
  } else {
    transmitNew(tcb, now, snd.nxt, snd.nxt + unsent);
  }
  tailProbe.endSeq = snd.nxt;
  timers.retransmit.set(after(now, tcb.rtt.rto));
}
