// F-RTO (RFC 5682, basic and with SACK): after a timeout the oldest segment goes again, and when that is answered,
// two new segments instead of more copies. If what is acknowledged next was sent before the timeout and only once, the
// timeout was spurious. For peers without timestamps: with them the first ACK tells it already (spurious.ts).

import type { Tcb } from './tcb.ts';

/** 'first-ack', 'second-ack': what is waited for, steps 2 and 3 of RFC 5682 2.1 and 3.1. */
export type FRto = 'off' | 'first-ack' | 'second-ack';

/** Step 1. Not where a timeout is being recovered from already. */
export function beginFRto(tcb: Tcb, repeated: boolean): void {
  tcb.recovery.fRto = tcb.ts.on || repeated ? 'off' : 'first-ack';
}

/** Takes an ACK after a timeout; true: the timeout was spurious. */
export function judgeByNewData(tcb: Tcb, advanced: boolean): boolean {
  const { recovery, flight } = tcb;
  if (recovery.fRto === 'off') return false;
  if (recovery.phase !== 'loss') {
    recovery.fRto = 'off'; // all that was out is acknowledged
  } else if (recovery.fRto === 'first-ack') {
    // Step 2: nothing new, or no room for it: the conventional way. With SACK what comes before fills the scoreboard, no more.
    if (advanced || !tcb.sackPermitted) recovery.fRto = advanced && maySendNew(tcb) ? 'second-ack' : 'off';
  } else {
    const delivered = flight.delivered - recovery.ackStart.delivered;
    const revived = flight.revived - recovery.ackStart.revived;
    if (revived > 0 && revived === delivered) return true; // step 3 b
    if (delivered > 0 || !tcb.sackPermitted) giveUp(tcb); // step 3 a: new octets came, older ones did not
  }
  return false;
}

const maySendNew = ({ sendBuffer, snd }: Tcb): boolean => sendBuffer.end > snd.nxt && snd.una + snd.wnd > snd.nxt;

/** The conventional way, from a window of three segments: the two that are out and a copy. */
function giveUp({ recovery }: Tcb): void {
  recovery.fRto = 'off';
  recovery.force = true;
}
