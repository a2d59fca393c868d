// When a probe for the path MTU leaves (RFC 4821 7.2 to 7.4): only where IPv6 asks for one, which it does after large
// packets were seen to vanish; with new octets; in an undisturbed flight; and with enough behind it that its loss is
// found by what follows, and not by a timeout.

import type { Instant } from '../core/time.ts';
import { DUP_THRESH } from './limits.ts';
import { effectiveMss, largestPacket } from './options.ts';
import { currentMss, emitRange } from './output.ts';
import { sendRoom } from './recovery.ts';
import { isSynchronized } from './state.ts';
import type { Tcb } from './tcb.ts';

/**
 * 'sent': one is under way now. 'wait': one is due, and both windows have room for it as soon as more has been
 * acknowledged: nothing else should leave before it. 'none': go on as ever.
 */
export type ProbeVerdict = 'sent' | 'wait' | 'none';

export function sendMtuProbe(tcb: Tcb, now: Instant): ProbeVerdict {
  const { path, mtuProbe, snd, flight } = tcb;
  if (
    largestPacket(tcb, path.probe) < path.probe ||
    mtuProbe.size !== 0 ||
    now < mtuProbe.notBefore ||
    !isUndisturbed(tcb)
  )
    return 'none';
  const mss = currentMss(tcb);
  const length = probeLength(tcb);
  // RFC 4821 7.2, 7.3: data for the probe and for those who tell of its loss.
  const needed = length + (DUP_THRESH + 1) * mss;
  if (length <= mss || tcb.sendBuffer.end - snd.nxt < needed) return 'none';
  if (snd.wnd < needed || tcb.congestion.cwnd < needed) return 'none';
  if (snd.una + snd.wnd - snd.nxt < needed || sendRoom(tcb) < length) {
    tcb.cwndLimited = true;
    return flight.isEmpty ? 'none' : 'wait';
  }
  const start = snd.nxt;
  const end = start + length;
  mtuProbe.size = path.probe;
  mtuProbe.start = start;
  mtuProbe.end = end;
  flight.push(start, end, now, length);
  snd.nxt = end;
  tcb.tailProbe.restart = true;
  tcb.recovery.prr.onSent(length);
  tcb.layer.trace(now, { layer: 'tcp', event: 'mtu-probe-sent', detail: { offset: start, length, size: path.probe } });
  emitRange(tcb, now, start, end, false, true);
  return 'sent';
}

/** No loss, no hint of one, nothing of the last probe left, and no SACK blocks to take the probe's place. */
function isUndisturbed({ state, recovery, flight, mtuProbe, snd, reassembly }: Tcb): boolean {
  if (!isSynchronized(state) || recovery.phase !== 'open' || recovery.dupAcks > 0) return false;
  return (
    !flight.hasSacked && flight.nextLost() === undefined && snd.una >= mtuProbe.end && reassembly.blockCount(1) === 0
  );
}

/** Text of a packet of Path.probe octets. */
function probeLength({ path, snd, ts }: Tcb): number {
  return effectiveMss({ ...path, mtu: path.probe }, snd.peerMss, ts.on);
}
