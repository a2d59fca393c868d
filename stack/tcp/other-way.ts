// Packets of a live connection take another way from now on: straight to the peer in place of a tunnel, or back into it,
// or to where the peer has moved. The round trip is measured anew, by what leaves from now on (RFC 6298 2.1), and what is
// still under way is not taken for lost because something on the new way overtakes it (RFC 8985 6.2 knows one path).
//
// The congestion window and ssthresh stay. TCP has no rule for a change of route, for it is seldom told of one: RFC 5681 goes
// on, by ACKs and losses. RFC 9000 9.4 would begin again with the initial window. Here ACKs of the old way go on to clock out
// what the new one gets, so there is no burst, and a window that is too large for it ends by loss like any other. A handoff
// chooses for itself (InstallOptions.congestion), for there another node begins to send.

import { after, type Instant } from '../core/time.ts';
import { forgetProbe } from './mtu-probe.ts';
import type { Tcb } from './tcb.ts';

export function takeOtherWay(tcb: Tcb, now: Instant): void {
  const { rtt, rack, flight, congestion, tuning, timers } = tcb;
  // Without back-off, which is no measure of the way.
  rack.leaveWay(flight.transmissions, rtt.rtoOfWay);
  rtt.pathChanged(now);
  congestion.onOtherWay(tcb.snd.nxt);
  tuning.restart(now, tcb.rcv.read);
  forgetProbe(tcb);
  if (timers.retransmit.armed) timers.retransmit.set(after(now, rtt.rto));
}
