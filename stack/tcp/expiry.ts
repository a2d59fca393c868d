// What each timer of a connection does when it runs out: retransmission (RFC 6298 5), zero-window probe (RFC
// 9293 3.8.6.1), delayed ACK, keepalive (3.8.4), 2 MSL and user timeout (3.10.8).

import { assertNever } from '../core/parsed.ts';
import { after, type Duration, type Instant, times } from '../core/time.ts';
import { MINIMUM_MTU } from '../wire/ipv6.ts';
import { abandonFastOpen } from './fast-open.ts';
import type { Run } from './flight.ts';
import { sendSyn } from './handshake.ts';
import {
  KEEPALIVE_INTERVAL,
  KEEPALIVE_PROBES,
  MAX_RTO,
  MAX_SYN_ACK_RETRANSMITS,
  MAX_SYN_ACK_RETRANSMITS_FLOODED,
  R1_RETRANSMITS,
  R1_WITH_EVIDENCE,
} from './limits.ts';
import { largestPacket } from './options.ts';
import { currentMss, emitRange } from './output.ts';
import { beginAck, detectLoss, onTimeoutLoss } from './recovery.ts';
import { resetConnection } from './reset.ts';
import { output, retransmit, transmitNew } from './send.ts';
import { sendTailProbe } from './send-probe.ts';
import { isSynchronized } from './state.ts';
import { mayProbe } from './tail-probe.ts';
import type { Tcb } from './tcb.ts';
import { close, waitIsOver } from './time-wait.ts';
import type { TimerKind } from './timers.ts';

export function onTimer(tcb: Tcb, now: Instant, kind: TimerKind): void {
  switch (kind) {
    case 'retransmit':
      onRetransmissionTimeout(tcb, now);
      break;
    case 'reordering':
      beginAck(tcb); // no ACK: nothing was delivered
      detectLoss(tcb, now);
      break;
    case 'tailProbe':
      sendTailProbe(tcb, now);
      break;
    case 'probe':
      onProbe(tcb, now);
      break;
    case 'delayedAck':
      tcb.ackNow = true;
      break;
    case 'keepAlive':
      onKeepAlive(tcb, now);
      break;
    case 'timeWait':
      waitIsOver(tcb, now);
      break;
    case 'userTimeout':
    case 'linger':
      onUserTimeout(tcb, now);
      break;
    default:
      assertNever(kind);
  }
  output(tcb, now);
}

function onRetransmissionTimeout(tcb: Tcb, now: Instant): void {
  const { flight, snd, timers } = tcb;
  const head = flight.head;
  if (head === undefined) {
    if (tcb.synHeld) sendSyn(tcb, now); // nothing was written for it
    return;
  }
  if (timers.tailProbe.deadline <= now && mayProbe(tcb)) {
    timers.tailProbe.cancel(); // RFC 8985 7.2: a PTO as late as the RTO stands in for it, once
    sendTailProbe(tcb, now);
    return;
  }
  if (tcb.state === 'SYN-RECEIVED' && tcb.passive && tcb.timeouts >= maxSynAckRetransmits(tcb, now)) {
    close(tcb, now, 'timed-out');
    return;
  }
  tcb.layer.trace(now, { layer: 'tcp', event: 'timeout', detail: { una: snd.una, nxt: snd.nxt, rto: tcb.rtt.rto } });
  // A shut window is no congestion, and no fault of the path: the oldest segment goes out alone, as a probe (RFC 9293
  // 3.8.6, MUST-35).
  const shut = isSynchronized(tcb.state) && snd.wnd === 0;
  if (isSynchronized(tcb.state) && !shut) onTimeoutLoss(tcb, now);
  else if (head.start < 0) sendSynAgain(tcb, now, head);
  else retransmit(tcb, now, head, currentMss(tcb));
  if (!shut) tcb.timeouts += 1;
  tcb.rtt.onTimeout();
  timers.retransmit.set(after(now, tcb.rtt.rto));
  if (!shut) suspectPath(tcb, now);
}

/** RFC 7413 4.1.3.1 and 4.2.2: without text, and without what may have been the reason that nobody answers. */
function sendSynAgain(tcb: Tcb, now: Instant, head: Run): void {
  abandonFastOpen(tcb, now);
  retransmit(tcb, now, head, 1);
}

/** A half-open connection makes room sooner when others are waiting. */
const maxSynAckRetransmits = (tcb: Tcb, now: Instant): number =>
  tcb.listener?.isFlooded(now) === true ? MAX_SYN_ACK_RETRANSMITS_FLOODED : MAX_SYN_ACK_RETRANSMITS;

/** RFC 9293 3.8.3, R1: perhaps it is large packets that do not get through (RFC 8201 1, RFC 4821 7.7). */
function suspectPath(tcb: Tcb, now: Instant): void {
  if (tcb.timeouts !== (onlySmallPass(tcb) ? R1_WITH_EVIDENCE : R1_RETRANSMITS)) return;
  const { flight, path, snd, local, remote } = tcb;
  if (flight.head === undefined) return;
  // A segment need not be full to be too large: the ragged end of a write that left alone, or with it the flight.
  const size = largestPacket(tcb, path.mtu) - Math.max(0, snd.mss - flight.head.length);
  if (size <= MINIMUM_MTU) return;
  tcb.layer.ipv6.reportBlackHole(now, local.address, remote.address, size);
}

/** What has arrived of the flight is less than a full segment each time; or no full segment has arrived ever. */
function onlySmallPass({ flight, snd }: Tcb): boolean {
  if (!flight.hasSacked) return snd.una <= 0;
  for (let run = flight.head; run !== undefined; run = run.next) {
    if (run.sacked && run.length >= snd.mss) return false;
  }
  return true;
}

/** Nothing in flight, something to send, and the window shut or too small. */
function onProbe(tcb: Tcb, now: Instant): void {
  const { snd, timers } = tcb;
  const window = snd.una + snd.wnd - snd.nxt;
  if (window > 0 && tcb.hasUnsentText) {
    // RFC 9293 3.8.6.2.1, (4): the override timeout. What fits goes, however little.
    const end = snd.nxt + Math.min(window, tcb.sendBuffer.end - snd.nxt, currentMss(tcb));
    transmitNew(tcb, now, snd.nxt, end);
    return;
  }
  // Deviates from RFC 9293 3.8.6.1: the probe brings no new octet but an old number, as Linux and BSD do it. It
  // is answered just the same, and nothing is in flight that a peer with a shut window has to drop.
  emitRange(tcb, now, snd.una - 1, snd.una - 1, false);
  tcb.windowProbes += 1;
  timers.probe.set(after(now, probeInterval(tcb)));
}

function onKeepAlive(tcb: Tcb, now: Instant): void {
  const { keepAlive } = tcb.options;
  if (keepAlive === 0 || !isSynchronized(tcb.state) || tcb.state === 'TIME-WAIT') return;
  const idleUntil = after(tcb.lastHeardAt, keepAlive);
  if (now < idleUntil || tcb.hasWork) {
    tcb.timers.keepAlive.set(now < idleUntil ? idleUntil : after(now, keepAlive));
    return;
  }
  if (tcb.keepAliveProbes >= KEEPALIVE_PROBES) {
    resetConnection(tcb, now);
    close(tcb, now, 'timed-out');
    return;
  }
  tcb.keepAliveProbes += 1;
  emitRange(tcb, now, tcb.snd.una - 1, tcb.snd.una - 1, false);
  tcb.timers.keepAlive.set(after(now, KEEPALIVE_INTERVAL));
}

/** RFC 9293 3.10.8: the peer has acknowledged nothing for too long. */
function onUserTimeout(tcb: Tcb, now: Instant): void {
  if (!tcb.hasWork) return;
  if (isSynchronized(tcb.state)) resetConnection(tcb, now);
  close(tcb, now, 'timed-out');
}

/** RFC 9293 3.8.6.1: growing as the retransmission timeout does. */
const probeInterval = (tcb: Tcb): Duration =>
  Math.min(MAX_RTO, times(tcb.rtt.rto, 1 << Math.min(tcb.windowProbes, 16))) as Duration;
