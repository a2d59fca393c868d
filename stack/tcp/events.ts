// What a connection has to tell its owner is collected here and told when the call into TCP that caused it is
// over, one event at a time, so that an owner may call back into TCP from any of them.

import type { Instant } from '../core/time.ts';
import type { Tcb } from './tcb.ts';

/** Bits in Tcb.pendingEvents, in the order in which they are told. */
export const EVENT = {
  accept: 1,
  connected: 2,
  urgent: 128,
  readable: 4,
  peerFinished: 8,
  writable: 16,
  drained: 32,
  closed: 64,
} as const;

export function raise(tcb: Tcb, now: Instant, event: number): void {
  if (tcb.pendingEvents === 0) tcb.layer.eventsPending(tcb, now);
  tcb.pendingEvents |= event;
}

/** Tells what has been collected. The owner may do anything meanwhile, `forget` and a new event included. */
export function tellEvents(tcb: Tcb, now: Instant): void {
  const pending = tcb.pendingEvents;
  tcb.pendingEvents = 0;
  const { connection } = tcb;
  if ((pending & EVENT.accept) !== 0) tcb.listener?.take(now, connection);
  if ((pending & EVENT.connected) !== 0) connection.events.connected?.(now);
  if ((pending & EVENT.urgent) !== 0 && tcb.rcv.up > tcb.rcv.read) connection.events.urgent?.(now);
  if ((pending & EVENT.readable) !== 0 && connection.readableBytes > 0) connection.events.readable?.(now);
  if ((pending & EVENT.peerFinished) !== 0) connection.events.peerFinished?.(now);
  if ((pending & EVENT.writable) !== 0) connection.events.writable?.(now);
  if ((pending & EVENT.drained) !== 0 && connection.unacknowledged === 0) {
    connection.events.drained?.(now);
    tcb.onDrained?.(now);
  }
  if ((pending & EVENT.closed) !== 0) {
    connection.events.closed?.(now, tcb.error);
    tcb.onDrained?.(now); // a handoff that waits for acknowledgements need not wait for this one's
  }
}
