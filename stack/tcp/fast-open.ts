// TCP Fast Open of a connection that we open (RFC 7413 4.2.1): what goes along with its SYN, what is learnt from the
// answer, and what happens where there is none. The server's side is in passive-open.ts.

import { EMPTY } from '../core/bytes.ts';
import type { Instant } from '../core/time.ts';
import { IPV6_HEADER_LEN } from '../wire/ipv6.ts';
import { tcpHeaderLength } from '../wire/tcp.ts';
import { synOptions } from './options.ts';
import type { Segment } from './segment.ts';
import { transition } from './state.ts';
import type { Tcb } from './tcb.ts';

/** The SYN will ask for a cookie; or it has one, and waits for text until the timers turn. */
export function beginFastOpen(tcb: Tcb, now: Instant): void {
  const server = tcb.layer.fastOpenServers.find(now, tcb.local.address, tcb.remote.address);
  if (server === 'paused') return;
  tcb.fastOpenCookie = server === 'unknown' ? EMPTY : server.cookie;
  if (server === 'unknown') return;
  tcb.snd.peerMss = server.mss;
  tcb.synHeld = true;
  transition(tcb, now, 'SYN-SENT');
  tcb.timers.retransmit.set(now);
}

/** How much text the SYN takes along: what fits one segment with its options. */
export function textForSyn(tcb: Tcb, now: Instant): number {
  if (tcb.fastOpenCookie === undefined || tcb.fastOpenCookie.length === 0) return 0;
  const header = tcpHeaderLength(synOptions(tcb, now));
  const largest = Math.min(tcb.path.mtu - IPV6_HEADER_LEN - header, tcb.snd.peerMss - header + 20) - tcb.path.overhead;
  tcb.snd.mss = Math.max(1, largest); // one segment, no super-frame
  return Math.max(0, Math.min(largest, tcb.sendBuffer.end));
}

/** The SYN,ACK is here, and its acknowledgment taken. */
export function afterFastOpen(tcb: Tcb, now: Instant, seg: Segment): void {
  const { snd, flight, fastOpenCookie: sent } = tcb;
  const [ours, theirs] = [tcb.local.address, tcb.remote.address];
  const servers = tcb.layer.fastOpenServers;
  const { fastOpenCookie: given } = seg.header.options;
  tcb.fastOpened = snd.nxt > 0 && snd.una === snd.nxt;
  if (sent !== undefined) {
    const refused = snd.nxt > 0 && snd.una <= 0; // none of the text; a part is what a short path leaves of it
    if (given !== undefined) servers.learn(ours, theirs, given, snd.peerMss);
    else if (refused) servers.failed(now, ours, theirs);
    else if (sent.length > 0) servers.learn(ours, theirs, sent, snd.peerMss);
  }
  // Text that was not taken goes again as any other; that is no sign of congestion.
  for (let run = flight.head; run !== undefined; run = run.next) flight.markLost(run);
  tcb.recovery.blamelessBelow = snd.nxt;
}

/** 4.1.3.1: a SYN with the option had no answer, or a bad one. It goes on without, and so do others for a while. */
export function abandonFastOpen(tcb: Tcb, now: Instant): void {
  if (tcb.fastOpenCookie === undefined) return;
  const { fastOpenServers } = tcb.layer;
  if (tcb.state === 'SYN-SENT') fastOpenServers.failed(now, tcb.local.address, tcb.remote.address);
  tcb.fastOpenCookie = undefined;
}
