// RFC 9293 3.10.7.4, fourth check: the SYN bit (the third, on security compartments, has no meaning in IPv6).

import type { Instant } from '../../core/time.ts';
import type { Segment, Verdict } from '../segment.ts';
import type { Tcb } from '../tcb.ts';
import { close } from '../time-wait.ts';

export function checkSyn(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  if (!seg.isSyn) return 'continue';
  if (tcb.state === 'SYN-RECEIVED' && tcb.passive) {
    close(tcb, now, 'reset'); // back to LISTEN
    return 'drop';
  }
  // RFC 5961 4.2: whatever its numbers, a challenge ACK; a peer that has lost its state answers with a good RST.
  if (tcb.challenges.take(now)) tcb.ackNow = true;
  return 'drop';
}
