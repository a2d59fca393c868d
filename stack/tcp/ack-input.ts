// The acknowledgment of an acceptable segment (RFC 9293 3.10.7.4, fifth check, ESTABLISHED): SND.UNA moves, the
// send window is updated, the round trip is measured, and loss recovery hears of it.

import { after, type Duration, elapsed, type Instant, ZERO } from '../core/time.ts';
import { takeEcho } from './ecn.ts';
import type { Acknowledged } from './flight.ts';
import { takeProbeArrival } from './mtu-probe.ts';
import { echoAge, timestampTick } from './options.ts';
import { beginAck, endAck, onAdvance, onDuplicateAck } from './recovery.ts';
import { takeSackBlocks } from './sack.ts';
import type { Segment, Verdict } from './segment.ts';
import { tellSpace } from './send-space.ts';
import { judgeRecovery } from './spurious.ts';
import { isSynchronized } from './state.ts';
import { takeProbeAnswer } from './tail-probe.ts';
import type { Tcb } from './tcb.ts';
import { userDeadline } from './user-timeout.ts';

export function takeAck(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  const { snd } = tcb;
  if (seg.ack > snd.nxt) {
    // Acknowledges what was never sent. Rationed: two ends that disagree would answer each other for ever.
    if (tcb.challenges.take(now)) tcb.ackNow = true;
    return 'drop';
  }
  if (seg.ack < snd.una - snd.maxWnd) {
    // RFC 5961 5.2: too old to be a duplicate; a blind injection.
    if (tcb.challenges.take(now)) tcb.ackNow = true;
    return 'drop';
  }
  if (seg.ack < snd.una) return 'continue';
  if (tcb.sackPermitted) tcb.rack.begin(now, tcb.rtt.minRtt, echoedUntil(tcb, now, seg));
  beginAck(tcb);
  const fresh = takeSackBlocks(tcb, seg);
  const advanced = seg.ack > snd.una;
  if (advanced) advance(tcb, now, seg);
  else if (isDuplicate(tcb, seg, fresh)) onDuplicateAck(tcb);
  updateSendWindow(tcb, now, seg);
  judgeRecovery(tcb, now, seg, advanced);
  takeEcho(tcb, now, seg);
  takeProbeArrival(tcb, now);
  endAck(tcb, now);
  takeProbeAnswer(tcb, now, seg, advanced);
  tcb.layer.observer.ackAccepted?.(now, tcb.connection, seg.packet);
  return 'continue';
}

/** The end of the tick of our timestamp clock that this ACK echoes; undefined: it echoes none of ours. */
function echoedUntil(tcb: Tcb, now: Instant, seg: Segment): Instant | undefined {
  const age = echoAge(tcb, now, seg);
  return age === undefined ? undefined : (((timestampTick(now) - age + 1) * 1000) as Instant);
}

/** RFC 5681 2; with SACK what counts is that it brings news (RFC 6675 2). */
function isDuplicate(tcb: Tcb, seg: Segment, fresh: number): boolean {
  if (tcb.flight.isEmpty) return false;
  if (tcb.sackPermitted) return fresh > 0;
  // While the window is shut these are answers to its probes.
  return seg.length === 0 && seg.wnd === tcb.snd.wnd && seg.wnd > 0;
}

/** SND.UNA moves to SEG.ACK. */
function advance(tcb: Tcb, now: Instant, seg: Segment): void {
  const { snd, sendBuffer, timers } = tcb;
  const before = Math.min(Math.max(0, snd.una), sendBuffer.end);
  const acknowledged = tcb.flight.acknowledge(seg.ack);
  snd.una = seg.ack;
  const textEnd = Math.min(Math.max(0, snd.una), sendBuffer.end);
  sendBuffer.release(textEnd);
  measure(tcb, now, seg, acknowledged);
  tcb.timeouts = 0;
  tcb.tailProbe.restart = true;
  onAdvance(tcb, now, textEnd - before);
  // RFC 6298 5.2 and 5.3.
  if (tcb.flight.isEmpty) timers.retransmit.cancel();
  else timers.retransmit.set(after(now, tcb.rtt.rto));
  if (tcb.hasWork) timers.userTimeout.set(userDeadline(tcb, now));
  if (textEnd > before) tellSpace(tcb, now);
}

/** RFC 6298 3: from what was sent once; for retransmissions from the echoed timestamp (RFC 7323 4.1). */
function measure(tcb: Tcb, now: Instant, seg: Segment, acknowledged: Acknowledged): void {
  tcb.rtt.latest = ZERO;
  // RFC 7323 appendix G: how many samples of this size one round trip brings.
  const flightSize = acknowledged.octets + tcb.snd.nxt - tcb.snd.una;
  const perRtt = Math.ceil(flightSize / Math.max(acknowledged.octets, 2 * tcb.snd.mss));
  if (acknowledged.sentAt !== undefined && !acknowledged.retransmitted) {
    if (tcb.rtt.measures(acknowledged.sentAt)) tcb.rtt.sample(elapsed(acknowledged.sentAt, now), perRtt);
    return;
  }
  const ticks = echoAge(tcb, now, seg);
  if (ticks === undefined) return;
  // Within one tick: a tick at most. Zero would stay for ever as the least round trip, and RACK would wait for nothing.
  const age = (Math.max(1, ticks) * 1000) as Duration;
  if (tcb.rtt.measures((now - age) as Instant)) tcb.rtt.sample(age, perRtt);
}

/** RFC 9293 3.10.7.4: SND.WND follows the newest segment, which SND.WL1 and SND.WL2 tell. */
export function updateSendWindow(tcb: Tcb, now: Instant, seg: Segment): void {
  const { snd } = tcb;
  if (seg.seq < snd.wl1 || (seg.seq === snd.wl1 && seg.ack < snd.wl2)) return;
  snd.wl1 = seg.seq;
  snd.wl2 = seg.ack;
  // RFC 9293 3.8.6.1: while the peer answers probes, the connection stays, however long its window is shut.
  if (seg.wnd === 0 && tcb.hasWork) tcb.timers.userTimeout.set(userDeadline(tcb, now));
  if (seg.wnd === snd.wnd) return;
  if (snd.wnd === 0) {
    tcb.timers.probe.cancel();
    tcb.windowProbes = 0;
    tcb.rtt.backoff = 0; // it was the window, not the network
    if (tcb.timers.retransmit.armed) tcb.timers.retransmit.set(after(now, tcb.rtt.rto));
    sendWithdrawnAgain(tcb, now);
  }
  snd.wnd = seg.wnd;
  snd.maxWnd = Math.max(snd.maxWnd, seg.wnd);
}

/**
 * What is in flight when a window opens again was sent before the peer took the window back (MUST-34): it has dropped it,
 * but for what it cannot have had yet when it opened the window. So shutting it again and again draws nothing out of us.
 */
function sendWithdrawnAgain(tcb: Tcb, now: Instant): void {
  const { flight, recovery, snd, rtt } = tcb;
  if (!isSynchronized(tcb.state)) return;
  flight.markLostSentUntil((now - (rtt.minRtt ?? ZERO)) as Instant);
  recovery.blamelessBelow = snd.nxt;
}
