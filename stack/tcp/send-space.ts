// How much an application may have written and not acknowledged: the send buffer, which grows with the flight (one window
// that is under way, and one to follow it without a pause), and when a writer that was cut short is told to go on.

import type { Instant } from '../core/time.ts';
import { EVENT, raise } from './events.ts';
import { TIGHT_BUFFER } from './limits.ts';
import type { Tcb } from './tcb.ts';

/**
 * Beyond this size a buffer has left the processor's cache, and every octet costs more: it is for paths that need it.
 * The round trip, its least, tells: in it no device of ours carries more than 40 Gbit/s.
 */
const CACHED_BUFFER = 1024 * 1024;
const MOST_OCTETS_PER_US = 5_000;

/** A write() that was cut short is told of space when there is this much of the buffer. */
const WRITABLE_SHARE = 1 / 4;

/** What the buffer may hold now: less than it has room for while memory is tight. */
export const sendBufferSize = ({ layer, sendBuffer }: Tcb): number =>
  layer.chunks.isTight ? Math.min(sendBuffer.capacity, TIGHT_BUFFER) : sendBuffer.capacity;

/** SND.UNA has moved: the buffer follows cwnd while the writer is what waits, and whoever waits for room is told. */
export function tellSpace(tcb: Tcb, now: Instant): void {
  const { sendBuffer } = tcb;
  if (sendBuffer.length === 0) raise(tcb, now, EVENT.drained);
  if (!tcb.wantsWrite || tcb.finQueued) return;
  growSendBuffer(tcb);
  const size = sendBufferSize(tcb);
  if (size - sendBuffer.length < size * WRITABLE_SHARE) return;
  tcb.wantsWrite = false;
  raise(tcb, now, EVENT.writable);
}

/** What the peer's window never lets go needs no room beside what it does, and what only stands in a queue needs none. */
function growSendBuffer(tcb: Tcb): void {
  const { sendBuffer, options, rtt } = tcb;
  if (sendBuffer.capacity >= options.maxSendBuffer || tcb.layer.chunks.isTight) return;
  const path = Math.max(CACHED_BUFFER, MOST_OCTETS_PER_US * (rtt.minRtt ?? Number.POSITIVE_INFINITY));
  const wanted = Math.min(2 * Math.min(tcb.congestion.cwnd, tcb.snd.maxWnd), path);
  if (wanted > sendBuffer.capacity) sendBuffer.grow(Math.min(options.maxSendBuffer, Math.ceil(wanted)));
}
