// The face of a TCB towards its owner (api.ts): the user calls of RFC 9293 3.10.2 to 3.10.6. Whatever they cause
// is told later, never from inside the call.

import { elapsed, type Instant } from '../core/time.ts';
import type { Connection, ConnectionEvents, ConnectionInfo, Endpoint, TcpOptions, TcpState } from './api.ts';
import { sendSyn } from './handshake.ts';
import { boundedDelay } from './options.ts';
import { sendAck } from './output.ts';
import { tuneReceiveBuffer } from './receive-tuning.ts';
import { pipeOf } from './recovery.ts';
import { resetConnection } from './reset.ts';
import { output } from './send.ts';
import { sendBufferSize } from './send-space.ts';
import { isSynchronized, transition } from './state.ts';
import type { Tcb } from './tcb.ts';
import { close } from './time-wait.ts';
import { isTimerSet, setTimer } from './timers.ts';
import { chooseUserTimeout } from './user-timeout.ts';
import { windowUpdateDue } from './window.ts';

const NO_EVENTS: ConnectionEvents = {};

export class TcpConnection implements Connection {
  events: ConnectionEvents = NO_EVENTS;
  readonly #tcb: Tcb;

  constructor(tcb: Tcb) {
    this.#tcb = tcb;
  }

  static tcbOf(connection: TcpConnection): Tcb {
    return connection.#tcb;
  }

  get local(): Endpoint {
    return this.#tcb.local;
  }

  get remote(): Endpoint {
    return this.#tcb.remote;
  }

  get state(): TcpState {
    return this.#tcb.state;
  }

  get bytesWritten(): number {
    return this.#tcb.sendBuffer.end;
  }

  get bytesRead(): number {
    return this.#tcb.rcv.read;
  }

  get unacknowledged(): number {
    return this.#tcb.sendBuffer.length;
  }

  get readableBytes(): number {
    return this.#tcb.receiveBuffer.end - this.#tcb.rcv.read;
  }

  get urgentEnd(): number {
    return this.#tcb.rcv.up;
  }

  get frozen(): boolean {
    return this.#tcb.silence !== 'none';
  }

  get info(): ConnectionInfo {
    const { rtt, congestion, snd, ts, ecn, retransmits, sackPermitted, sendBuffer, receiveBuffer } = this.#tcb;
    return {
      srtt: rtt.srtt,
      minRtt: rtt.minRtt,
      recentRtt: rtt.recent,
      rto: rtt.rto,
      cwnd: congestion.cwnd,
      ssthresh: congestion.ssthresh,
      inFlight: pipeOf(this.#tcb),
      sendMss: snd.mss,
      retransmits,
      sackPermitted,
      timestamps: ts.on,
      ecn: ecn.on,
      fastOpened: this.#tcb.fastOpened,
      sendBuffer: sendBuffer.capacity,
      receiveBuffer: receiveBuffer.capacity,
    };
  }

  /** SEND. */
  write(now: Instant, bytes: Uint8Array, urgent = false): number {
    const tcb = this.#tcb;
    if (tcb.finQueued || !mayWrite(tcb.state)) return 0;
    const taken = tcb.silence === 'frozen' ? 0 : tcb.sendBuffer.append(bytes, sendBufferSize(tcb));
    if (urgent && taken > 0) tcb.snd.up = tcb.sendBuffer.end;
    if (taken < bytes.length) tcb.wantsWrite = true;
    if (taken > 0 && tcb.synHeld && tcb.silence === 'none') sendSyn(tcb, now);
    if (taken > 0) output(tcb, now);
    return taken;
  }

  /** RECEIVE. */
  read(now: Instant, max = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const tcb = this.#tcb;
    const { rcv, receiveBuffer } = tcb;
    const length = Math.min(max, this.readableBytes);
    if (length <= 0 || tcb.silence === 'frozen' || !mayRead(tcb)) return undefined;
    const bytes = receiveBuffer.view(rcv.read, length);
    rcv.read += bytes.length;
    receiveBuffer.release(rcv.read);
    if (rcv.fin !== undefined && rcv.read === receiveBuffer.end) receiveBuffer.dispose();
    tuneReceiveBuffer(tcb, now);
    if (tcb.silence === 'none' && rcv.fin === undefined && windowUpdateDue(tcb)) sendWindowUpdate(tcb, now);
    return bytes;
  }

  /** CLOSE. */
  shutdown(now: Instant): void {
    const tcb = this.#tcb;
    if (tcb.finQueued || !mayWrite(tcb.state)) return;
    tcb.finQueued = true;
    tcb.wantsWrite = false;
    if (tcb.synHeld && tcb.silence === 'none') sendSyn(tcb, now);
    // In SYN-SENT and SYN-RECEIVED the FIN waits until the connection is established (RFC 9293 3.10.4).
    if (tcb.state === 'ESTABLISHED') transition(tcb, now, 'FIN-WAIT-1');
    else if (tcb.state === 'CLOSE-WAIT') transition(tcb, now, 'LAST-ACK');
    output(tcb, now);
  }

  /** CLOSE, with SO_LINGER. */
  close(now: Instant): void {
    const tcb = this.#tcb;
    const { linger } = tcb.options;
    if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return;
    if (linger === 0) {
      this.abort(now);
      return;
    }
    this.shutdown(now);
    if (linger !== undefined && !tcb.finAcknowledged && !isTimerSet(tcb, 'linger'))
      setTimer(tcb, now, 'linger', linger);
  }

  /** ABORT. */
  abort(now: Instant): void {
    const tcb = this.#tcb;
    if (tcb.state === 'CLOSED') return;
    if (tcb.silence === 'none' && tcb.state !== 'SYN-SENT' && tcb.state !== 'TIME-WAIT') resetConnection(tcb, now);
    close(tcb, now, 'aborted');
  }

  setOptions(
    now: Instant,
    options: Partial<Pick<TcpOptions, 'noDelay' | 'delayedAck' | 'userTimeout' | 'keepAlive' | 'linger'>>,
  ): void {
    const tcb = this.#tcb;
    Object.assign(tcb.options, options);
    if (options.delayedAck !== undefined) tcb.options.delayedAck = boundedDelay(options.delayedAck);
    if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return;
    if (options.keepAlive !== undefined && isSynchronized(tcb.state)) restartKeepAlive(tcb, now);
    if (options.userTimeout !== undefined) chooseUserTimeout(tcb, now, options.userTimeout);
    if (tcb.silence !== 'none') return;
    if (options.userTimeout !== undefined && tcb.userTimeoutCopies > 0 && isSynchronized(tcb.state)) sendAck(tcb, now);
    if (options.noDelay === true) output(tcb, now);
  }
}

/** The TCB behind a connection of this layer. */
export function tcbOf(connection: Connection): Tcb {
  if (connection instanceof TcpConnection) return TcpConnection.tcbOf(connection);
  throw new Error('TCP: a connection of another layer');
}

/** States in which the application may still send. */
const mayWrite = (state: TcpState): boolean =>
  state === 'SYN-SENT' || state === 'SYN-RECEIVED' || state === 'ESTABLISHED' || state === 'CLOSE-WAIT';

/** RFC 9293 3.4: text that came with a SYN is not delivered before the connection is established, but for a Fast Open. */
const mayRead = (tcb: Tcb): boolean => tcb.usable || (tcb.state === 'CLOSED' && tcb.rcv.nxt > 0);

function sendWindowUpdate(tcb: Tcb, now: Instant): void {
  if (tcb.state === 'ESTABLISHED' || tcb.state === 'FIN-WAIT-1' || tcb.state === 'FIN-WAIT-2') sendAck(tcb, now);
}

function restartKeepAlive(tcb: Tcb, now: Instant): void {
  tcb.keepAliveProbes = 0;
  const { keepAlive } = tcb.options;
  const left = Math.max(0, keepAlive - elapsed(tcb.lastHeardAt, now)) as typeof keepAlive;
  if (keepAlive === 0) tcb.timers.keepAlive.cancel();
  else setTimer(tcb, now, 'keepAlive', left);
}
