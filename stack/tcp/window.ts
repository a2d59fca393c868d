// The receive window: what is advertised (RFC 9293 3.8.6, with the receiver's silly window avoidance of
// 3.8.6.2.2) and when its opening is worth a segment of its own. The right edge never moves left.

import { MIN_MSS, QUEUE_SHARE, TIGHT_BUFFER } from './limits.ts';
import type { Tcb } from './tcb.ts';

/** What the buffer may hold now: less than it has room for while memory is tight. */
const bufferSize = ({ layer, receiveBuffer }: Tcb): number =>
  layer.chunks.isTight ? Math.min(receiveBuffer.capacity, TIGHT_BUFFER) : receiveBuffer.capacity;

/** Octets of the buffer that neither hold data in order nor wait for the application. */
const freeSpace = (tcb: Tcb): number => bufferSize(tcb) - (tcb.receiveBuffer.end - tcb.rcv.read);

/** RCV.WND, counted from the first octet of text where the peer's SYN is still to come. */
export const receiveWindow = (tcb: Tcb): number => Math.max(0, tcb.rcv.edge - windowStart(tcb));

const windowStart = (tcb: Tcb): number => Math.max(0, tcb.rcv.nxt);

/** The largest window that there ever is: the whole buffer, as far as 16 bits can say it and the device's queue holds it. */
const largestWindow = (tcb: Tcb): number => Math.min(bufferSize(tcb), 0xffff << tcb.rcv.shift, queueSize(tcb));

/** Octets of full segments that find room in the queue of the device, should they come as one burst. */
const queueSize = ({ path, rcv }: Tcb): number => path.queueFrames * QUEUE_SHARE * Math.max(MIN_MSS, rcv.mss);

/** The window that may be offered now. */
function windowToOffer(tcb: Tcb): number {
  const current = receiveWindow(tcb);
  const free = Math.min(freeSpace(tcb), largestWindow(tcb));
  const step = Math.min(bufferSize(tcb) / 2, Math.max(1, tcb.rcv.mss));
  return free - current >= step ? free : current;
}

/** The window field of a segment that leaves now; moves the right edge to what it says. */
export function advertiseWindow(tcb: Tcb, syn: boolean): number {
  const { rcv } = tcb;
  // RFC 7323 2.2: never scaled in a SYN.
  const unit = syn ? 1 : 1 << rcv.shift;
  const start = windowStart(tcb);
  const current = receiveWindow(tcb);
  const offer = windowToOffer(tcb);
  let field = Math.floor(offer / unit);
  // Rounding down must not pull the edge back (RFC 7323 2.4), and rounding up must not outgrow the buffer.
  if (field * unit < current && start + (field + 1) * unit < rcv.read + tcb.receiveBuffer.capacity + unit) field += 1;
  field = Math.min(0xffff, field);
  rcv.edge = Math.max(rcv.edge, start + field * unit);
  return field;
}

/** After a read: is the window so much larger now that the peer should be told at once? */
export function windowUpdateDue(tcb: Tcb): boolean {
  const current = receiveWindow(tcb);
  const gain = windowToOffer(tcb) - current;
  const largest = largestWindow(tcb);
  if (gain >= largest / 2) return true;
  return gain >= 2 * tcb.rcv.mss && current <= largest / 4;
}
