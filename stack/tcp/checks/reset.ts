// RFC 9293 3.10.7.4, second check: the RST bit, with the defence of RFC 5961 3 against a blind one: only a RST at
// exactly RCV.NXT resets; elsewhere in the window it is answered with a challenge ACK.

import type { Instant } from '../../core/time.ts';
import type { Segment, Verdict } from '../segment.ts';
import type { Tcb } from '../tcb.ts';
import { close } from '../time-wait.ts';

export function checkReset(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  if (!seg.isRst) return 'continue';
  // Deviates from RFC 9293 3.10.7.4 as RFC 1337 3 (F1) has it: a RST that an old duplicate has drawn out of the peer
  // must not end TIME-WAIT, or the next connection meets the duplicates that are left.
  if (tcb.state === 'TIME-WAIT') return 'drop';
  if (seg.seq !== tcb.rcv.nxt) {
    if (tcb.challenges.take(now)) tcb.ackNow = true;
    return 'drop';
  }
  // SYN-RECEIVED of a passive open goes back to LISTEN: the listener is its own object here, and stays.
  if (tcb.state === 'SYN-RECEIVED') close(tcb, now, tcb.passive ? 'reset' : 'refused');
  else if (isOver(tcb)) close(tcb, now);
  else close(tcb, now, 'reset');
  return 'drop';
}

/** Both directions are complete: nothing that the application cares for is lost. */
const isOver = (tcb: Tcb): boolean => tcb.rcv.fin !== undefined && tcb.finQueued && tcb.sendBuffer.length === 0;
