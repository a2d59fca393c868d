// The control channel between the members of a group: framed handoff messages over TCP on our own stack.
// Each member keeps one connection to each other member open and warm, on which it sends; what it receives
// comes on the connections the others opened. This is the plain form: who speaks is told by the address
// alone. ControlChannel is the place where mutual TLS goes.

import type { Counters } from '../core/counters.ts';
import {
  after,
  type Duration,
  elapsed,
  type Instant,
  microseconds,
  milliseconds,
  seconds,
  ZERO,
} from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import {
  decodeMessage,
  encodeMessage,
  frameLength,
  HANDOFF_ID_LEN,
  type HandoffMessage,
  MAX_FRAME,
} from '../handoff/messages.ts';
import type { Connection, Listener, TcpLayer } from '../tcp/api.ts';
import type { Address } from '../wire/address.ts';
import { FrameReader } from './frame-reader.ts';

/** Another member, as the control channel reaches it. */
export interface ControlPeer {
  readonly name: string;
  readonly careOf: Address;
  readonly controlPort: number;
}

export interface ControlHandlers {
  message(now: Instant, from: string, message: HandoffMessage): void;
  /** The connection to (or from) this member broke. */
  down(now: Instant, member: string): void;
}

export interface ControlChannel {
  send(now: Instant, to: string, message: HandoffMessage): void;
  /** Half the round trip to this member, as far as it has been measured. */
  latency(member: string): Duration | undefined;
  /** Octets that would leave for this member at once; none while anything still waits to be sent. */
  room(member: string): number;
  /** Is the connection to this member up? */
  isUp(member: string): boolean;
  /** Why the last message of this member was not understood (another version, say); undefined: it was. */
  complaint(member: string): string | undefined;
  close(now: Instant): void;
}

/** Octets that may wait for a member whose connection is not up (or not quick enough): the buffers of one big client. */
export const MAX_BACKLOG = 64 * 1024 * 1024;
const FIRST_REDIAL: Duration = milliseconds(200);
const LAST_REDIAL: Duration = seconds(5);
/** A SYN that is so old without an answer has been lost, and is sent again ever later (RFC 6298 5.5). */
const STALE_DIAL: Duration = seconds(1);
/** Keepalive of idle control connections: a dead member is noticed, a live one stays warm. */
const KEEPALIVE: Duration = seconds(15);
const USER_TIMEOUT: Duration = seconds(20);
const BUFFER = 4 * 1024 * 1024;
/**
 * A connection whose SYN was lost (the other member was not there yet) starts with a window of one segment (RFC 5681
 * 3.1), and would have it still when the first handoff comes. These octets open it.
 */
export const WARM_UP = encodeMessage({
  kind: 'hello',
  id: '0'.repeat(2 * HANDOFF_ID_LEN),
  padding: new Uint8Array(32 * 1024),
});
/** In front of each frame's body. */
const LENGTH_OCTETS = 4;

export interface ControlOptions {
  readonly tcp: TcpLayer;
  readonly timers: TimerQueue;
  readonly counters: Counters;
  readonly address: Address;
  readonly port: number;
  readonly peers: readonly ControlPeer[];
  readonly handlers: ControlHandlers;
}

const CONNECTION_OPTIONS = {
  noDelay: true,
  delayedAck: ZERO,
  keepAlive: KEEPALIVE,
  userTimeout: USER_TIMEOUT,
  sendBuffer: BUFFER,
  receiveBuffer: BUFFER,
} as const;

export class PlainControlChannel implements ControlChannel {
  readonly #o: ControlOptions;
  readonly #outgoing = new Map<string, Outgoing>();
  /** The connection that each other member sends on: the latest it has opened. */
  readonly #incoming = new Map<string, Connection>();
  readonly #complaints = new Map<string, string>();
  readonly #listener: Listener;

  /** Throws when the control port is taken. */
  constructor(now: Instant, options: ControlOptions) {
    this.#o = options;
    const listener = options.tcp.listen(
      { address: options.address, port: options.port, ...CONNECTION_OPTIONS },
      (at, c) => this.#accepted(at, c),
    );
    if (typeof listener === 'string')
      throw new Error(`control port ${options.port} of ${options.address}: ${listener}`);
    this.#listener = listener;
    for (const peer of options.peers) {
      const outgoing = new Outgoing(peer, options);
      this.#outgoing.set(peer.name, outgoing);
      outgoing.dial(now);
    }
  }

  send(now: Instant, to: string, message: HandoffMessage): void {
    this.#outgoing.get(to)?.send(now, encodeMessage(message));
  }

  latency(member: string): Duration | undefined {
    return this.#outgoing.get(member)?.latency;
  }

  room(member: string): number {
    return this.#outgoing.get(member)?.room ?? 0;
  }

  isUp(member: string): boolean {
    return this.#outgoing.get(member)?.isUp === true;
  }

  complaint(member: string): string | undefined {
    return this.#complaints.get(member);
  }

  close(now: Instant): void {
    this.#listener.close(now);
    for (const outgoing of this.#outgoing.values()) outgoing.close(now);
    for (const connection of [...this.#incoming.values()]) connection.abort(now);
  }

  #accepted(now: Instant, connection: Connection): void {
    const peer = this.#o.peers.find((p) => p.careOf.equals(connection.remote.address));
    if (peer === undefined) {
      this.#o.counters.bump('control-refused-not-a-member');
      connection.abort(now);
      return;
    }
    const reader = new FrameReader(frameLength);
    // A member that opens another has lost the one before: what that one holds back is void.
    this.#incoming.get(peer.name)?.abort(now);
    this.#incoming.set(peer.name, connection);
    this.#outgoing.get(peer.name)?.peerIsThere(now);
    const broken = (at: Instant) => {
      if (this.#incoming.get(peer.name) === connection) this.#incoming.delete(peer.name);
      this.#o.handlers.down(at, peer.name);
    };
    const readable = (at: Instant): void => {
      for (let bytes = connection.read(at); bytes !== undefined; bytes = connection.read(at)) reader.push(bytes);
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        const message = frame.ok ? decodeMessage(frame.value.subarray(LENGTH_OCTETS)) : frame;
        if (!message.ok) {
          // A member that talks nonsense (or another version) is not talked to.
          this.#o.counters.bump('control-malformed');
          this.#complaints.set(peer.name, message.reason);
          connection.abort(at);
          return;
        }
        this.#complaints.delete(peer.name);
        this.#o.handlers.message(at, peer.name, message.value);
      }
    };
    connection.events = { readable, peerFinished: (at) => connection.shutdown(at), closed: broken };
    readable(now);
  }
}

/** The connection on which this member sends to one other. */
class Outgoing {
  readonly #peer: ControlPeer;
  readonly #o: ControlOptions;
  readonly #redial: Timer;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #delay = FIRST_REDIAL;
  #dialledAt: Instant | undefined;
  #connection: Connection | undefined;
  #closing = false;

  constructor(peer: ControlPeer, options: ControlOptions) {
    this.#peer = peer;
    this.#o = options;
    this.#redial = options.timers.timer((now) => this.dial(now));
  }

  get isUp(): boolean {
    return this.#connection?.state === 'ESTABLISHED';
  }

  get latency(): Duration | undefined {
    const rtt = this.#connection?.info.minRtt;
    return rtt === undefined ? undefined : microseconds(rtt / 2);
  }

  get room(): number {
    const connection = this.#connection;
    if (connection === undefined || !this.isUp || this.#queued > 0) return 0;
    const { inFlight, cwnd } = connection.info;
    return connection.unacknowledged > inFlight ? 0 : Math.max(0, cwnd - inFlight);
  }

  dial(now: Instant): void {
    if (this.#connection !== undefined || this.#closing) return;
    this.#dialledAt = now;
    const remote = { address: this.#peer.careOf, port: this.#peer.controlPort };
    const connection = this.#o.tcp.connect(now, { remote, localAddress: this.#o.address, ...CONNECTION_OPTIONS });
    if (typeof connection === 'string') return this.#retry(now);
    this.#connection = connection;
    connection.events = {
      connected: (at) => {
        this.#delay = FIRST_REDIAL;
        this.#queue.unshift(WARM_UP);
        this.#queued += WARM_UP.length;
        this.#pump(at);
      },
      writable: (at) => this.#pump(at),
      peerFinished: (at) => connection.shutdown(at),
      closed: (at) => {
        this.#connection = undefined;
        this.#retry(at);
        this.#o.handlers.down(at, this.#peer.name);
      },
    };
  }

  /** The other member has come (back): what was dialled in vain before need not wait for its next time. */
  peerIsThere(now: Instant): void {
    if (this.isUp || this.#closing || elapsed(this.#dialledAt ?? now, now) < STALE_DIAL) return;
    const stale = this.#connection;
    this.#connection = undefined;
    if (stale !== undefined) stale.events = {};
    stale?.abort(now);
    this.#redial.cancel();
    this.dial(now);
  }

  send(now: Instant, frame: Uint8Array): void {
    if (frame.length > LENGTH_OCTETS + MAX_FRAME) {
      // The other side would break the connection, and with it every handoff on it.
      this.#o.counters.bump('control-frame-too-long');
      return;
    }
    if (this.#queued + frame.length > MAX_BACKLOG) {
      this.#o.counters.bump('control-backlog-full');
      return;
    }
    this.#queue.push(frame);
    this.#queued += frame.length;
    this.#pump(now);
  }

  close(now: Instant): void {
    this.#closing = true;
    this.#redial.cancel();
    this.#connection?.shutdown(now);
  }

  #pump(now: Instant): void {
    const connection = this.#connection;
    if (connection === undefined || connection.state !== 'ESTABLISHED') return;
    for (let frame = this.#queue[0]; frame !== undefined; frame = this.#queue[0]) {
      const taken = connection.write(now, frame);
      this.#queued -= taken;
      if (taken < frame.length) {
        this.#queue[0] = frame.subarray(taken);
        return;
      }
      this.#queue.shift();
    }
  }

  #retry(now: Instant): void {
    // What was half sent is of no use on a new connection; the handoff's QUERY asks what became of it.
    this.#queue.length = 0;
    this.#queued = 0;
    this.#redial.set(after(now, this.#delay));
    this.#delay = Math.min(2 * this.#delay, LAST_REDIAL) as Duration;
  }
}
