// Segments on their way out: header, options and text are put into IPv6's buffer and handed over. What is sent
// when is decided in send.ts; here it is only done, and what follows from any segment that carries an ACK is
// noted. The TCB is up to date before IPv6 gets the packet, for that call may lead back into TCP.

import type { Instant } from '../core/time.ts';
import type { SendVerdict } from '../ipv6/port.ts';
import { PROTOCOL } from '../wire/ipv6.ts';
import { seq } from '../wire/seq.ts';
import { emitTcpHeader, TCP_CHECKSUM, TCP_FLAG, type TcpHeaderFields, tcpHeaderLength } from '../wire/tcp.ts';
import { MAX_SACK_BLOCKS, NO_TCP_OPTIONS, type SackBlock, type TcpOptions as WireOptions } from '../wire/tcp-option.ts';
import { ecnField, ecnFlags, ecnFlagsOfSyn } from './ecn.ts';
import { MAX_IPV6_PAYLOAD, MAX_SACK_BLOCKS_BESIDE_TIMESTAMP } from './limits.ts';
import { synOptions, timestampValue } from './options.ts';
import { type Position, SYN_POSITION, seqAt } from './position.ts';
import type { Range } from './reassembly.ts';
import type { Tcb } from './tcb.ts';
import { withUserTimeout } from './user-timeout.ts';
import { advertiseWindow } from './window.ts';

const MAX_TCP_HEADER_LEN = 60;

/** Octets of text in a full segment that leaves now: SACK blocks take their place from it (RFC 6691). */
export function currentMss(tcb: Tcb): number {
  if (!tcb.sackPermitted) return tcb.snd.mss;
  const blocks = tcb.reassembly.blockCount(maxSackBlocks(tcb));
  return blocks === 0 ? tcb.snd.mss : Math.max(1, tcb.snd.mss - 4 - 8 * blocks);
}

/** RFC 2018 4: as many as fit. */
const maxSackBlocks = (tcb: Tcb): number => (tcb.ts.on ? MAX_SACK_BLOCKS_BESIDE_TIMESTAMP : MAX_SACK_BLOCKS);

/**
 * The largest text of one packet from `start` on: a segment, or the whole segments that a super-frame can carry. Not
 * where it is urgent: a device that cuts a super-frame copies the urgent pointer, which counts from its segment.
 */
export function maxText(tcb: Tcb, mss: number, start: Position): number {
  if (!tcb.path.gso || start < tcb.snd.up) return mss;
  const room = MAX_IPV6_PAYLOAD - tcb.path.overhead - MAX_TCP_HEADER_LEN;
  return Math.max(mss, room - (room % mss));
}

/**
 * Sends positions [start, end) of our stream, SYN and FIN among them where they belong, with an ACK as soon as
 * there is something to acknowledge. An empty range is a pure ACK at `start`. `probe`: in one piece, whatever the
 * path MTU (mtu-probe.ts).
 */
export function emitRange(
  tcb: Tcb,
  now: Instant,
  start: Position,
  end: Position,
  retransmission: boolean,
  probe = false,
): SendVerdict {
  const syn = start === SYN_POSITION && end > start;
  const textStart = Math.max(0, start);
  const length = Math.max(0, Math.min(end, tcb.sendBuffer.end) - textStart);
  const mss = probe ? end - start : currentMss(tcb);
  const newText = length > 0 && !retransmission && !syn;
  const header: TcpHeaderFields = {
    sourcePort: tcb.local.port,
    destinationPort: tcb.remote.port,
    seq: seqAt(tcb.snd.iss, start),
    ack: tcb.state === 'SYN-SENT' ? seq(0) : seqAt(tcb.rcv.irs, tcb.rcv.nxt),
    flags: flagsOf(tcb, start, end, length) | (syn ? ecnFlagsOfSyn(tcb) : ecnFlags(tcb, newText)),
    urgentPointer: urgentPointer(tcb, start),
    window: advertiseWindow(tcb, syn),
    options: optionsOf(tcb, now, start, end),
  };
  noteAckSent(tcb);
  if (end > start) tcb.snd.lastSentAt = now;
  if (retransmission) tcb.retransmits += 1;
  tcb.layer.observer.segmentSent?.(now, tcb.connection, { offset: textStart, length, retransmission, rst: false });
  return sendPacket(tcb, now, header, ecnField(tcb, newText), textStart, length, mss, probe);
}

/** A pure ACK at SND.NXT. */
export function sendAck(tcb: Tcb, now: Instant): void {
  emitRange(tcb, now, tcb.snd.nxt, tcb.snd.nxt, false);
}

/**
 * RFC 9293 3.8.5: on every segment up to the last urgent octet, a pure ACK too, for it tells of urgent octets that a shut
 * window keeps back. Further away than 16 bits can say (MUST-31) it points as far as they do.
 */
const urgentPointer = ({ snd }: Tcb, start: Position): number =>
  start >= 0 ? Math.min(0xffff, Math.max(0, snd.up - start)) : 0;

function flagsOf(tcb: Tcb, start: Position, end: Position, length: number): number {
  let flags = tcb.state === 'SYN-SENT' ? 0 : TCP_FLAG.ack;
  if (urgentPointer(tcb, start) > 0) flags |= TCP_FLAG.urg;
  if (start === end) return flags;
  const textEnd = tcb.sendBuffer.end;
  if (start === SYN_POSITION) flags |= TCP_FLAG.syn;
  if (tcb.finQueued && end > textEnd) flags |= TCP_FLAG.fin;
  // RFC 9293 3.9.1.2: all that is written is pushed; the flag marks where the buffer ran empty.
  if (length > 0 && end >= textEnd && start !== SYN_POSITION) flags |= TCP_FLAG.psh;
  return flags;
}

function optionsOf(tcb: Tcb, now: Instant, start: Position, end: Position): WireOptions {
  if (start === SYN_POSITION && end > start) return synOptions(tcb, now);
  const options = segmentOptions(tcb, now);
  const hasRoom = start === end && options.sack === undefined;
  return tcb.userTimeoutCopies > 0 && hasRoom ? withUserTimeout(tcb, options) : options;
}

/** Options of a segment that is no SYN. The duplicate of a D-SACK is taken out: it is reported once. */
function segmentOptions(tcb: Tcb, now: Instant): WireOptions {
  const blocks = tcb.sackPermitted && tcb.reassembly.blockCount(1) > 0;
  if (!tcb.ts.on) return blocks ? { sack: sackBlocks(tcb) } : NO_TCP_OPTIONS;
  const timestamp = { value: timestampValue(tcb, now), echo: tcb.ts.recent };
  return blocks ? { timestamp, sack: sackBlocks(tcb) } : { timestamp };
}

function sackBlocks(tcb: Tcb): SackBlock[] {
  const { irs } = tcb.rcv;
  const block = (range: Range): SackBlock => ({ left: seqAt(irs, range.start), right: seqAt(irs, range.end) });
  return tcb.reassembly.takeBlocks(maxSackBlocks(tcb)).map(block);
}

/** RCV.NXT is acknowledged by the segment that leaves now. */
function noteAckSent(tcb: Tcb): void {
  tcb.ackNow = false;
  tcb.unacknowledgedText = 0;
  tcb.rcv.lastAckSent = tcb.rcv.nxt;
  tcb.timers.delayedAck.cancel();
}

function sendPacket(
  tcb: Tcb,
  now: Instant,
  header: TcpHeaderFields,
  trafficClass: number,
  textStart: Position,
  length: number,
  mss: number,
  probe: boolean,
): SendVerdict {
  const { ipv6 } = tcb.layer;
  const headerLength = tcpHeaderLength(header.options ?? NO_TCP_OPTIONS);
  const { buffer, start } = ipv6.allocate(headerLength + length);
  const textAt = emitTcpHeader(header, buffer, start);
  if (length > 0) tcb.sendBuffer.copy(textStart, length, buffer, textAt);
  const packet = {
    source: tcb.local.address,
    destination: tcb.remote.address,
    protocol: PROTOCOL.tcp,
    buffer,
    start,
    end: textAt + length,
    checksumOffset: TCP_CHECKSUM,
    flowLabel: tcb.flowLabel,
    trafficClass,
  };
  if (probe) return ipv6.send(now, { ...packet, probe });
  return ipv6.send(now, length > mss ? { ...packet, gsoSize: mss } : packet);
}
