// SEGMENT ARRIVES for a connection (RFC 9293 3.10.7): the RFC's list of checks in the RFC's order, each a
// function of its own, and at the end all that is to be sent because of it.

import type { Instant } from '../core/time.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import type { TcpHeader } from '../wire/tcp.ts';
import { checkAck } from './checks/ack.ts';
import { checkReset } from './checks/reset.ts';
import { checkSequence } from './checks/sequence.ts';
import { checkSyn } from './checks/syn.ts';
import { checkUrgent } from './checks/urgent.ts';
import { takeMark } from './ecn.ts';
import { inSynSent, takeCrossedSynAck } from './handshake.ts';
import { takeFin, takeText } from './receive.ts';
import { Segment } from './segment.ts';
import { output } from './send.ts';
import { receives } from './state.ts';
import type { Tcb } from './tcb.ts';
import { takeUserTimeout } from './user-timeout.ts';

export function segmentArrives(tcb: Tcb, now: Instant, header: TcpHeader, packet: ReceivedPacket): void {
  tcb.lastHeardAt = now;
  tcb.keepAliveProbes = 0;
  if (tcb.state === 'SYN-SENT') inSynSent(tcb, now, header, packet);
  else runChecks(tcb, now, new Segment(tcb, header, packet));
  output(tcb, now);
}

/** RFC 9293 3.10.7.4. */
function runChecks(tcb: Tcb, now: Instant, seg: Segment): void {
  if (tcb.state === 'SYN-RECEIVED' && takeCrossedSynAck(tcb, now, seg)) return;
  if (checkSequence(tcb, now, seg) === 'drop') return; // first
  if (checkReset(tcb, now, seg) === 'drop') return; // second
  // Third: security and compartment, which IPv6 does not have.
  if (checkSyn(tcb, now, seg) === 'drop') return; // fourth
  if (checkAck(tcb, now, seg) === 'drop') return; // fifth
  const { userTimeout } = seg.header.options;
  if (userTimeout !== undefined) takeUserTimeout(tcb, now, userTimeout);
  checkUrgent(tcb, now, seg); // sixth
  if (!receives(tcb.state)) return;
  takeMark(tcb, seg);
  takeText(tcb, now, seg); // seventh
  takeFin(tcb, now, seg); // eighth
}
