// RFC 9293 3.10.7.4, sixth check: the URG bit. Urgent octets are delivered in line, as RFC 6093 2 and 6 advise; the
// application is told that there are some, asynchronously (RFC 9293 3.8.5, MUST-32), and can ask how many are left (MUST-33).

import type { Instant } from '../../core/time.ts';
import { TCP_FLAG } from '../../wire/tcp.ts';
import { EVENT, raise } from '../events.ts';
import type { Segment } from '../segment.ts';
import { receives } from '../state.ts';
import type { Tcb } from '../tcb.ts';

export function checkUrgent(tcb: Tcb, now: Instant, seg: Segment): void {
  if ((seg.header.flags & TCP_FLAG.urg) === 0 || !receives(tcb.state)) return;
  // RFC 6093 4: it points behind the last urgent octet.
  const up = seg.seq + seg.header.urgentPointer;
  if (up <= seg.seq || up <= tcb.rcv.up || up <= tcb.rcv.read) return;
  tcb.rcv.up = up;
  raise(tcb, now, EVENT.urgent);
}
