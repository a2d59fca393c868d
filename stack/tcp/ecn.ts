// Explicit Congestion Notification (RFC 3168 6.1, as RFC 8311 has left it): agreed on in the SYNs; new text leaves as
// ECT(0); a router's CE mark is echoed (ECE) until the sender says that it has slowed down (CWR), and is to the sender
// what a loss is, once a window. Classic ECN: one signal a round trip, no AccECN, ECT(1) is never sent.

import type { Instant } from '../core/time.ts';
import { ECN, isCe } from '../wire/ecn.ts';
import { TCP_FLAG } from '../wire/tcp.ts';
import type { EcnOption } from './api.ts';
import { type Position, SYN_POSITION } from './position.ts';
import type { Segment } from './segment.ts';
import type { Tcb } from './tcb.ts';

const { syn: SYN, ack: ACK, ece: ECE, cwr: CWR } = TCP_FLAG;
const SETUP = SYN | ECE | CWR;

export class Ecn {
  /** Both SYNs have agreed. */
  on = false;
  /** A mark has come: every ACK says so until CWR comes. */
  echo = false;
  /** The window was reduced: the next new text says so. */
  cwrDue = false;
  /** SND.NXT at the last reduction for a mark: no other until it is acknowledged. */
  point: Position = SYN_POSITION;
}

/** RFC 3168 6.1.1: an ECN-setup SYN. */
export const asksForEcn = (flags: number, option: EcnOption): boolean =>
  (flags & (SETUP | ACK)) === SETUP && option !== 'off';

/** The peer's SYN, or its SYN,ACK to ours. */
export function takeEcnSetup(tcb: Tcb, flags: number): void {
  const asked = tcb.options.ecn === 'on' && !tcb.synRetransmitted;
  const answered = (flags & (SETUP | ACK)) === (SYN | ACK | ECE);
  tcb.ecn.on = (answered && asked) || asksForEcn(flags, tcb.options.ecn);
}

/** Flags of our SYN or SYN,ACK. A SYN that has to be sent again asks no more: perhaps it was that (6.1.1.1). */
export function ecnFlagsOfSyn(tcb: Tcb): number {
  if (tcb.state === 'SYN-SENT') return tcb.options.ecn === 'on' && !tcb.synRetransmitted ? ECE | CWR : 0;
  return tcb.ecn.on ? ECE : 0;
}

/** Flags of any other segment; `newText`: it carries octets that were never sent before. */
export function ecnFlags(tcb: Tcb, newText: boolean): number {
  const { ecn } = tcb;
  let flags = ecn.echo ? ECE : 0;
  if (ecn.cwrDue && newText) {
    flags |= CWR;
    ecn.cwrDue = false;
  }
  return flags;
}

/** The ECN field of a segment: new text alone may be marked (6.1.4, 6.1.5, 6.1.6). */
export const ecnField = (tcb: Tcb, newText: boolean): number => (tcb.ecn.on && newText ? ECN.ect0 : ECN.notEct);

/** Receiver (6.1.3): of a segment whose text is inside the window; marks of others may be forged (6.1.5). */
export function takeMark(tcb: Tcb, seg: Segment): void {
  const { ecn } = tcb;
  if (!ecn.on || seg.textLength === 0) return;
  if ((seg.header.flags & CWR) !== 0) ecn.echo = false;
  if (!isCe(seg.packet.trafficClass) || ecn.echo) return;
  ecn.echo = true;
  tcb.ackNow = true; // a sender with a small window would wait for the delayed ACK
}

/** Sender (6.1.2): an ACK with ECE: a reduction as for a loss, but once a window, and not in one that had one. */
export function takeEcho(tcb: Tcb, now: Instant, seg: Segment): void {
  const { ecn, snd, recovery } = tcb;
  if (!ecn.on || (seg.header.flags & (ECE | SYN)) !== ECE || isReducedForMark(tcb)) return;
  const flightSize = snd.nxt - recovery.ackStart.una; // as it was before this ACK
  if (recovery.phase !== 'open' || flightSize === 0) return;
  tcb.congestion.onLoss(now, flightSize);
  tcb.doubt.end(); // what the network says is not taken back (RFC 4015 3.2)
  ecn.point = snd.nxt;
  ecn.cwrDue = true;
  tcb.layer.counters.bump('ecn-reduction');
  tcb.layer.trace(now, { layer: 'tcp', event: 'ecn-reduction', detail: { una: snd.una, point: snd.nxt } });
}

/** The window was reduced for a mark on what is still in flight: it does not grow, and is not reduced again. */
export const isReducedForMark = ({ ecn, snd }: Tcb): boolean =>
  ecn.on && snd.una <= ecn.point && ecn.point > SYN_POSITION;
