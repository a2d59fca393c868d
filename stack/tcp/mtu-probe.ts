// Packetization Layer Path MTU Discovery at TCP (RFC 4821 7): one segment larger than the path MTU is under way, and this
// is what its fate says. It arrived: the path carries that size. It was lost alone: that size, and no congestion. It
// was lost with others, or its octets went again for another reason: nothing is known. Which size to try is IPv6's
// search (ipv6/mtu-search.ts), when to send it send-mtu-probe.ts. Nothing of this travels in a snapshot: the way
// from another node is another path, and a probe in flight is octets in flight like any others.

import { after, type Instant, ZERO } from '../core/time.ts';
import type { Run } from './flight.ts';
import { MAX_PROBE_BACKOFF, MTU_PROBE_PAUSE_RTTS } from './limits.ts';
import type { Position } from './position.ts';
import type { Tcb } from './tcb.ts';

export class MtuProbe {
  /** Of the packet on the wire; 0: none is under way. */
  size = 0;
  /** Its text is [start, end), of the last probe where none is under way. */
  start: Position = 0;
  end: Position = 0;
  /** No other before this. */
  notBefore: Instant = 0 as Instant;
  /** Probes in a row that taught nothing. */
  inconclusive = 0;

  /** Lost as part of a probe, and not sent again since: no sign of congestion (RFC 4821 7.4). */
  spares(run: Run): boolean {
    return run.start >= this.start && run.end <= this.end && (run.resent || !run.retransmitted);
  }
}

/** An ACK has been taken: does it acknowledge the probe? */
export function takeProbeArrival(tcb: Tcb, now: Instant): void {
  const { mtuProbe, snd } = tcb;
  if (mtuProbe.size === 0) return;
  const run = snd.una >= mtuProbe.end ? undefined : runOfProbe(tcb);
  if (run === undefined ? snd.una >= mtuProbe.end : run.sacked) conclude(tcb, now, 'arrived');
}

/** Losses have been marked (SACK): is the probe among them, and is it the only one? */
export function takeProbeLoss(tcb: Tcb, now: Instant): void {
  const { mtuProbe, flight, recovery } = tcb;
  if (mtuProbe.size === 0) return;
  const run = runOfProbe(tcb);
  if (run === undefined || !run.lost) return;
  let alone = recovery.phase === 'open';
  for (let lost = flight.nextLost(); lost !== undefined && alone; lost = lost.next) {
    alone = !lost.awaitsRetransmission || mtuProbe.spares(lost);
  }
  conclude(tcb, now, alone ? 'lost' : 'unknown');
}

/**
 * Without SACK: duplicate ACKs say that the head of the flight is lost. True where that is the probe: it is marked, goes
 * again in segments that fit, and no recovery begins.
 */
export function probeIsLostHead(tcb: Tcb, now: Instant): boolean {
  const { mtuProbe, flight, snd, recovery } = tcb;
  if (mtuProbe.size === 0 || snd.una !== mtuProbe.start) return false;
  flight.markHeadLost(mtuProbe.end - mtuProbe.start);
  recovery.point = mtuProbe.end - 1; // duplicates until the probe is acknowledged mean nothing more
  conclude(tcb, now, 'lost');
  return true;
}

/** A router says that the probe is too big. IPv6's search has heard of it. */
export function probeIsTooBig(tcb: Tcb, now: Instant, position: Position): boolean {
  const { mtuProbe, flight } = tcb;
  if (mtuProbe.size === 0 || position < mtuProbe.start || position >= mtuProbe.end) return false;
  const run = runOfProbe(tcb);
  if (run !== undefined) flight.markLost(run);
  mtuProbe.size = 0;
  mtuProbe.notBefore = after(now, tcb.rtt.srtt ?? ZERO);
  return true;
}

/** Octets of the probe leave again: whatever is acknowledged now is no word about it. */
export function noteProbeResent(tcb: Tcb, now: Instant, start: Position, end: Position): void {
  const { mtuProbe } = tcb;
  if (mtuProbe.size !== 0 && start < mtuProbe.end && end > mtuProbe.start) conclude(tcb, now, 'unknown');
}

/** The packets go another way now. */
export function forgetProbe(tcb: Tcb): void {
  tcb.mtuProbe.size = 0;
}

/** RFC 4821 7.4: after a probe that was lost not at once again; after one that taught nothing, ever later. */
function conclude(tcb: Tcb, now: Instant, outcome: 'arrived' | 'lost' | 'unknown'): void {
  const { mtuProbe, layer, local, remote } = tcb;
  const { size } = mtuProbe;
  mtuProbe.size = 0;
  mtuProbe.inconclusive = outcome === 'unknown' ? mtuProbe.inconclusive + 1 : 0;
  const pause = MTU_PROBE_PAUSE_RTTS * 2 ** Math.min(mtuProbe.inconclusive, MAX_PROBE_BACKOFF);
  if (outcome !== 'arrived') mtuProbe.notBefore = (now + pause * (tcb.rtt.srtt ?? ZERO)) as Instant;
  if (outcome !== 'unknown') {
    layer.ipv6.reportProbe(now, local.address, remote.address, size, outcome === 'arrived');
  }
}

/** The run that begins with the probe, while all of it is in flight. */
function runOfProbe({ mtuProbe, flight }: Tcb): Run | undefined {
  const run = flight.lastStartingBefore(mtuProbe.start + 1);
  return run !== undefined && run.end >= mtuProbe.end ? run : undefined;
}
