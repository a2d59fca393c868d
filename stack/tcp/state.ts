// The one door for a change of state: it knows the edges of RFC 9293 figure 5 and leaves a trace.

import type { Instant } from '../core/time.ts';
import type { TcpState } from './api.ts';
import type { Tcb } from './tcb.ts';

/** Every state may also end in CLOSED (RST, abort, timeout). */
const EDGES: Readonly<Record<TcpState, readonly TcpState[]>> = {
  CLOSED: ['SYN-SENT', 'SYN-RECEIVED'],
  LISTEN: [],
  'SYN-SENT': ['SYN-RECEIVED', 'ESTABLISHED'],
  'SYN-RECEIVED': ['ESTABLISHED', 'FIN-WAIT-1', 'CLOSE-WAIT'],
  ESTABLISHED: ['FIN-WAIT-1', 'CLOSE-WAIT'],
  'FIN-WAIT-1': ['FIN-WAIT-2', 'CLOSING', 'TIME-WAIT'],
  'FIN-WAIT-2': ['TIME-WAIT'],
  'CLOSE-WAIT': ['LAST-ACK'],
  CLOSING: ['TIME-WAIT'],
  'LAST-ACK': [],
  'TIME-WAIT': [],
};

export function transition(tcb: Tcb, now: Instant, to: TcpState): void {
  const from = tcb.state;
  if (to !== 'CLOSED' && !EDGES[from].includes(to)) throw new Error(`TCP: no way from ${from} to ${to}`);
  tcb.state = to;
  tcb.layer.trace(now, { layer: 'tcp', event: 'state', detail: { from, to, port: tcb.remote.port } });
}

/** States in which the peer's octets are taken: until its FIN. */
export const receives = (state: TcpState): boolean =>
  state === 'ESTABLISHED' || state === 'FIN-WAIT-1' || state === 'FIN-WAIT-2';

/** States in which octets or a FIN may be on their way: all after the handshake but TIME-WAIT. */
export const sends = (state: TcpState): boolean =>
  state === 'ESTABLISHED' ||
  state === 'CLOSE-WAIT' ||
  state === 'FIN-WAIT-1' ||
  state === 'CLOSING' ||
  state === 'LAST-ACK';

/** RFC 9293 3.3.2: both sides have agreed on sequence numbers. */
export const isSynchronized = (state: TcpState): boolean =>
  state !== 'CLOSED' && state !== 'LISTEN' && state !== 'SYN-SENT' && state !== 'SYN-RECEIVED';
