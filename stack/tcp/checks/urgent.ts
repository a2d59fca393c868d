// RFC 9293 3.10.7.4, sixth check: the URG bit. Urgent octets are delivered in line, as RFC 6093 2 and 6 advise,
// so all there is to do is to remember RCV.UP.

import { TCP_FLAG } from '../../wire/tcp.ts';
import type { Segment } from '../segment.ts';
import { receives } from '../state.ts';
import type { Tcb } from '../tcb.ts';

export function checkUrgent(tcb: Tcb, seg: Segment): void {
  if ((seg.header.flags & TCP_FLAG.urg) === 0 || !receives(tcb.state)) return;
  tcb.rcv.up = Math.max(tcb.rcv.up, seg.seq + seg.header.urgentPointer);
}
