// RFC 9293 3.10.7.4, fifth check: the ACK field, state by state.

import { assertNever } from '../../core/parsed.ts';
import type { Instant } from '../../core/time.ts';
import { takeAck } from '../ack-input.ts';
import { establish, refuseHandshake } from '../handshake.ts';
import type { Segment, Verdict } from '../segment.ts';
import { transition } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { closeAfterLastAck, enterTimeWait } from '../time-wait.ts';

export function checkAck(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  if (!seg.isAck) return 'drop';
  const { state } = tcb;
  switch (state) {
    case 'SYN-RECEIVED':
      return inSynReceived(tcb, now, seg);
    case 'ESTABLISHED':
    case 'FIN-WAIT-2':
    case 'CLOSE-WAIT':
      return takeAck(tcb, now, seg);
    case 'FIN-WAIT-1':
      return inFinWait1(tcb, now, seg);
    case 'CLOSING':
      if (takeAck(tcb, now, seg) === 'drop') return 'drop';
      if (tcb.finAcknowledged) enterTimeWait(tcb, now);
      return 'continue';
    case 'LAST-ACK':
      if (takeAck(tcb, now, seg) === 'drop') return 'drop';
      if (tcb.finAcknowledged) closeAfterLastAck(tcb, now);
      return 'continue';
    case 'TIME-WAIT': // a FIN that comes again lies before the window: see refuse() in sequence.ts
    case 'CLOSED':
    case 'LISTEN':
    case 'SYN-SENT': // these three have procedures of their own
      return 'drop';
    default:
      return assertNever(state);
  }
}

function inSynReceived(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  if (seg.ack <= tcb.snd.una || seg.ack > tcb.snd.nxt) return refuseHandshake(tcb, now, seg);
  establish(tcb, now, seg);
  return 'continue';
}

function inFinWait1(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  if (takeAck(tcb, now, seg) === 'drop') return 'drop';
  if (tcb.finAcknowledged) transition(tcb, now, 'FIN-WAIT-2');
  return 'continue';
}
