// ICMPv6 errors about our segments (RFC 9293 3.9.2.2, RFC 5927): believed only where the quoted sequence number is
// in flight. Hard errors end a handshake and nothing else; Packet Too Big makes segments smaller and sends again
// what was too large, with no word to congestion control (RFC 8201 5.4).

import { u16, u32 } from '../core/bytes.ts';
import type { Instant } from '../core/time.ts';
import type { IcmpErrorReport } from '../ipv6/port.ts';
import { seq } from '../wire/seq.ts';
import { abandonFastOpen, textForSyn } from './fast-open.ts';
import { probeIsTooBig } from './mtu-probe.ts';
import { type Position, positionOf } from './position.ts';
import { output, refreshPath, retransmit } from './send.ts';
import type { Tcb } from './tcb.ts';
import { close } from './time-wait.ts';

/** The ports and the sequence number of the segment that an error quotes. */
export interface QuotedSegment {
  readonly localPort: number;
  readonly remotePort: number;
  readonly seq: number;
}

const QUOTE_LEN = 8;

export function quotedSegment(quoted: Uint8Array): QuotedSegment | undefined {
  if (quoted.length < QUOTE_LEN) return undefined;
  return { localPort: u16(quoted, 0), remotePort: u16(quoted, 2), seq: u32(quoted, 4) };
}

/** RFC 5927 4.1. */
export function isInFlight(tcb: Tcb, quoted: QuotedSegment): boolean {
  const position = positionOf(tcb.snd.iss, tcb.snd.una, seq(quoted.seq));
  return position >= tcb.snd.una && position < tcb.snd.nxt;
}

export function icmpErrorArrives(tcb: Tcb, now: Instant, report: IcmpErrorReport, quoted: QuotedSegment): void {
  if (!isInFlight(tcb, quoted)) return;
  if (report.kind === 'packet-too-big') {
    tooBig(tcb, now, positionOf(tcb.snd.iss, tcb.snd.una, seq(quoted.seq)));
    return;
  }
  // RFC 9293 3.9.2.2 and RFC 5461 4.1: while there is no connection, there is none to be lost.
  const opening = tcb.state === 'SYN-SENT' || (tcb.state === 'SYN-RECEIVED' && !tcb.passive);
  if (!opening || !isHard(report)) return;
  abandonFastOpen(tcb, now);
  close(tcb, now, 'unreachable');
}

/** Time Exceeded is transient; so is a Parameter Problem with a pointer into what a middle box may have changed. */
function isHard(report: IcmpErrorReport): boolean {
  return report.kind === 'unreachable' || (report.kind === 'parameter-problem' && report.code === 1);
}

function tooBig(tcb: Tcb, now: Instant, position: Position): void {
  refreshPath(tcb, now);
  if (tcb.state === 'SYN-SENT') {
    shrinkSyn(tcb, now);
    return;
  }
  if (!probeIsTooBig(tcb, now, position)) markTooBig(tcb, position);
  output(tcb, now);
}

/** RFC 7413 4.2.1: a SYN with less text, where there was too much; it is no SYN that the network has lost. */
function shrinkSyn(tcb: Tcb, now: Instant): void {
  const { synRetransmitted } = tcb;
  const { head } = tcb.flight;
  const length = 1 + textForSyn(tcb, now);
  if (head === undefined || length >= head.length) return;
  retransmit(tcb, now, head, length);
  tcb.synRetransmitted = synRetransmitted;
}

/** Every segment of the old size has met the same fate, be it a copy. If the one that is quoted fits, that is no news. */
function markTooBig({ flight, snd, recovery }: Tcb, position: Position): void {
  const quoted = flight.lastStartingBefore(position + 1);
  if (quoted === undefined || quoted.mss <= snd.mss) return;
  for (let run = flight.head; run !== undefined; run = run.next) {
    if (run.mss <= snd.mss || run.length <= snd.mss) continue;
    flight.markLostAgain(run);
    recovery.blamelessBelow = snd.nxt;
  }
}
