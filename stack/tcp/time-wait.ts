// The two ways in which a connection ends: in TIME-WAIT (RFC 9293 3.6) and in CLOSED.

import { after, type Instant, times } from '../core/time.ts';
import { type Seq, seqAdd } from '../wire/seq.ts';
import { TCP_FLAG, type TcpHeader } from '../wire/tcp.ts';
import type { ConnectionError } from './api.ts';
import { EVENT, raise } from './events.ts';
import { LAST_ACK_LINGER_RTOS, MAX_TIME_WAITS } from './limits.ts';
import { positionOf, seqAt } from './position.ts';
import { transition } from './state.ts';
import type { Tcb } from './tcb.ts';

/** Our FIN is acknowledged and the peer's is here: wait 2 MSL for its retransmissions. */
export function enterTimeWait(tcb: Tcb, now: Instant): void {
  transition(tcb, now, 'TIME-WAIT');
  tcb.timers.keepTimeWaitAlone();
  tcb.timers.timeWait.set(after(now, tcb.options.timeWait));
  tcb.sendBuffer.dispose();
  tcb.layer.waits.add(tcb, now);
  raise(tcb, now, EVENT.closed);
}

/** The connections in TIME-WAIT. Beyond a number that memory bears the one that has waited longest makes room. */
export class TimeWaits {
  /** In the order in which they came. */
  readonly #tcbs = new Set<Tcb>();
  readonly #most: number;

  constructor(most = MAX_TIME_WAITS) {
    this.#most = most;
  }

  get size(): number {
    return this.#tcbs.size;
  }

  add(tcb: Tcb, now: Instant): void {
    const [oldest] = this.#tcbs;
    if (this.#tcbs.size >= this.#most && oldest !== undefined) close(oldest, now);
    this.#tcbs.add(tcb);
  }

  delete(tcb: Tcb): void {
    this.#tcbs.delete(tcb);
  }
}

/** The connection is over and leaves the table. What has been received can still be read. */
export function close(tcb: Tcb, now: Instant, error?: ConnectionError): void {
  if (tcb.state === 'CLOSED') return;
  const told = tcb.state === 'TIME-WAIT';
  transition(tcb, now, 'CLOSED');
  tcb.timers.cancelAll();
  tcb.sendBuffer.dispose();
  tcb.listener?.release(tcb, error === 'reset' ? now : undefined);
  tcb.layer.gone(tcb);
  if (told) return;
  tcb.error = error;
  raise(tcb, now, EVENT.closed);
}

/**
 * LAST-ACK is over: CLOSED towards everybody, but the table keeps the ends for a moment, so that a copy of the last
 * ACK (two were sent, or the network made two) dies in silence. Deviates from RFC 9293 3.10.7.1, which has it reset.
 */
export function closeAfterLastAck(tcb: Tcb, now: Instant): void {
  transition(tcb, now, 'CLOSED');
  tcb.timers.cancelAll();
  tcb.sendBuffer.dispose();
  tcb.timers.timeWait.set(after(now, times(tcb.rtt.rto, LAST_ACK_LINGER_RTOS)));
  raise(tcb, now, EVENT.closed);
}

/** The wait of TIME-WAIT, or of closeAfterLastAck(), is over. */
export function waitIsOver(tcb: Tcb, now: Instant): void {
  if (tcb.state === 'CLOSED') tcb.layer.gone(tcb);
  else close(tcb, now);
}

/** How far beyond the old connection's numbers the new one begins. */
const ISN_MARGIN = 65_536;

/**
 * RFC 9293 3.10.7.4 and RFC 6191 2: a SYN in TIME-WAIT that can only belong to a new connection, by its timestamp
 * or by its sequence number. Gives the number from which our new ISN has to start.
 */
export function newIncarnation(tcb: Tcb, header: TcpHeader): Seq | undefined {
  if (tcb.state !== 'TIME-WAIT' || (header.flags & ~(TCP_FLAG.ece | TCP_FLAG.cwr)) !== TCP_FLAG.syn) return undefined;
  return isNew(tcb, header) ? seqAdd(seqAt(tcb.snd.iss, tcb.snd.nxt), ISN_MARGIN) : undefined;
}

function isNew(tcb: Tcb, header: TcpHeader): boolean {
  const { timestamp } = header.options;
  // Above the last number seen, the FIN's: RCV.NXT itself is.
  const above = positionOf(tcb.rcv.irs, tcb.rcv.nxt, header.seq) >= tcb.rcv.nxt;
  if (timestamp === undefined) return above;
  if (!tcb.ts.on) return true; // nothing of the old connection has a timestamp
  const newer = (timestamp.value - tcb.ts.recent) | 0;
  return newer > 0 || (newer === 0 && above);
}
