// The handshake (RFC 9293 3.5): SYN-SENT (3.10.7.3) with simultaneous open, a SYN for a listener (3.10.7.2), and
// what all ways have in common when they reach ESTABLISHED. Text that comes with a SYN is taken at once and told
// when the connection is established.

import { after, type Instant } from '../core/time.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import { TCP_FLAG, type TcpHeader } from '../wire/tcp.ts';
import type { TcpOptions as WireOptions } from '../wire/tcp-option.ts';
import { takeAck } from './ack-input.ts';
import { takeEcnSetup } from './ecn.ts';
import { EVENT, raise } from './events.ts';
import { afterFastOpen, textForSyn } from './fast-open.ts';
import { MIN_MSS } from './limits.ts';
import { takeSynOptions } from './options.ts';
import { emitRange } from './output.ts';
import { positionOf, SYN_POSITION } from './position.ts';
import { takeFin, takeText } from './receive.ts';
import { afterSynLoss } from './recovery.ts';
import { resetUnmatched } from './reset.ts';
import { Segment, type Verdict } from './segment.ts';
import { transition } from './state.ts';
import type { Tcb } from './tcb.ts';
import { close } from './time-wait.ts';

/** RFC 7413 4.2.2: text is refused, so that it comes again, where a Fast Open was tried and is not to be. */
export type TextOfSyn = 'take' | 'refuse';

/** The first segment of an active open, with what text may go along (RFC 7413 4.2.1). */
export function sendSyn(tcb: Tcb, now: Instant): void {
  if (tcb.state === 'CLOSED') transition(tcb, now, 'SYN-SENT');
  tcb.synHeld = false;
  const end = SYN_POSITION + 1 + textForSyn(tcb, now);
  tcb.snd.nxt = end;
  tcb.flight.push(SYN_POSITION, end, now, tcb.snd.mss);
  tcb.timers.retransmit.set(after(now, tcb.rtt.rto)); // where the SYN was held, it stood for the turn of the timers
  emitRange(tcb, now, SYN_POSITION, end, false);
}

/** RFC 9293 3.10.7.2, third: a SYN for a listener, with its options; answers SYN,ACK. */
export function acceptSyn(tcb: Tcb, now: Instant, header: TcpHeader, packet: ReceivedPacket, text: TextOfSyn): void {
  transition(tcb, now, 'SYN-RECEIVED');
  tcb.rcv.edge = Math.min(0xffff, tcb.receiveBuffer.capacity);
  const seg = new Segment(tcb, header, packet);
  if (text === 'refuse') seg.trim(0, 0);
  takeSyn(tcb, now, seg);
  tcb.snd.nxt = SYN_POSITION + 1;
  tcb.flight.push(SYN_POSITION, SYN_POSITION + 1, now, tcb.snd.mss);
  emitRange(tcb, now, SYN_POSITION, SYN_POSITION + 1, false);
}

/** What acceptSyn() would have left of a SYN with these options: a SYN cookie says them. The ACK at hand follows. */
export function openFromCookie(tcb: Tcb, now: Instant, options: WireOptions, ecn: boolean): void {
  transition(tcb, now, 'SYN-RECEIVED');
  tcb.rcv.nxt = SYN_POSITION + 1;
  tcb.rcv.lastAckSent = SYN_POSITION + 1;
  tcb.rcv.mss = MIN_MSS;
  tcb.rcv.edge = Math.min(0xffff, tcb.receiveBuffer.capacity);
  takeSynOptions(tcb, now, options);
  tcb.ecn.on = ecn;
  tcb.snd.nxt = SYN_POSITION + 1;
  tcb.flight.push(SYN_POSITION, SYN_POSITION + 1, now, tcb.snd.mss);
  tcb.flight.stopTiming(); // when the SYN,ACK was sent is not known
}

/** RFC 9293 3.10.7.3. */
export function inSynSent(tcb: Tcb, now: Instant, header: TcpHeader, packet: ReceivedPacket): void {
  if (tcb.synHeld) sendSyn(tcb, now); // whatever this is, it comes before the first text
  const { flags } = header;
  const isAck = (flags & TCP_FLAG.ack) !== 0;
  const ack = positionOf(tcb.snd.iss, tcb.snd.una, header.ack);
  if (isAck && (ack <= tcb.snd.una || ack > tcb.snd.nxt)) {
    resetUnmatched(tcb.layer.ipv6, now, packet, header); // first: none for a RST
    return;
  }
  if ((flags & TCP_FLAG.rst) !== 0) {
    if (isAck) close(tcb, now, 'refused'); // second
    return;
  }
  if ((flags & TCP_FLAG.syn) === 0) return; // fifth
  tcb.rcv.irs = header.seq;
  const seg = new Segment(tcb, header, packet);
  seg.trim(0, tcb.rcv.edge);
  takeSyn(tcb, now, seg); // fourth
  if (isAck) {
    establish(tcb, now, seg);
    afterFastOpen(tcb, now, seg);
    tcb.ackNow = true;
    takeFin(tcb, now, seg);
    return;
  }
  transition(tcb, now, 'SYN-RECEIVED');
  tcb.fastOpenCookie = undefined; // both are clients: there is nobody to whom it would mean something
  emitRange(tcb, now, SYN_POSITION, SYN_POSITION + 1, false);
}

/** RCV.NXT and the options of the peer's SYN; its text waits in the receive buffer. */
function takeSyn(tcb: Tcb, now: Instant, seg: Segment): void {
  tcb.rcv.nxt = SYN_POSITION + 1;
  tcb.rcv.mss = MIN_MSS;
  takeSynOptions(tcb, now, seg.header.options);
  takeEcnSetup(tcb, seg.header.flags);
  tcb.snd.wnd = seg.wnd;
  tcb.snd.maxWnd = seg.wnd;
  tcb.snd.wl1 = seg.seq;
  seg.trim(0, tcb.rcv.edge);
  takeText(tcb, now, seg);
  if (seg.fin) tcb.reassembly.fin = seg.finAt;
}

/** The peer has acknowledged our SYN. */
export function establish(tcb: Tcb, now: Instant, seg: Segment): void {
  const told = tcb.early;
  transition(tcb, now, 'ESTABLISHED');
  takeAck(tcb, now, seg);
  if (tcb.synRetransmitted) afterSynLoss(tcb);
  tcb.listener?.release(tcb);
  if (!told) tellOpen(tcb, now);
  if (tcb.options.keepAlive > 0) tcb.timers.keepAlive.set(after(now, tcb.options.keepAlive));
  if (tcb.finQueued) transition(tcb, now, 'FIN-WAIT-1'); // CLOSE came before (RFC 9293 3.10.4)
}

/**
 * RFC 9293 3.5, figure 7, line 6: the SYN,ACK of a peer whose SYN has crossed ours establishes. It repeats a SYN that
 * lies before the window, so the checks of 3.10.7.4 by their letter would drop it. A peer that goes by the letter
 * drops ours: hence the ACK.
 */
export function takeCrossedSynAck(tcb: Tcb, now: Instant, seg: Segment): boolean {
  if (!seg.isSyn || !seg.isAck || seg.isRst || tcb.passive) return false;
  if (seg.seq !== SYN_POSITION || seg.length !== 1 || seg.ack !== tcb.snd.nxt) return false;
  establish(tcb, now, seg);
  tcb.ackNow = true;
  return true;
}

/** The application gets the connection. */
export function tellOpen(tcb: Tcb, now: Instant): void {
  if (tcb.listener !== undefined) tcb.listener.untaken += 1;
  raise(tcb, now, EVENT.connected | (tcb.passive ? EVENT.accept : 0));
  if (tcb.connection.readableBytes > 0) raise(tcb, now, EVENT.readable);
}

/** RFC 9293 3.10.7.4, fifth check in SYN-RECEIVED: an ACK of something else is reset. */
export function refuseHandshake(tcb: Tcb, now: Instant, seg: Segment): Verdict {
  resetUnmatched(tcb.layer.ipv6, now, seg.packet, seg.header);
  return 'drop';
}
