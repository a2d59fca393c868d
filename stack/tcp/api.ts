// The synchronous face of TCP: what a socket, the simulator and the handoff use. Every call brings the
// time; nothing waits; what happens later is told through ConnectionEvents.

import type { Random } from '../core/random.ts';
import type { Duration, Instant } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import type { Trace } from '../core/trace.ts';
import type { Ipv6Port, ReceivedPacket } from '../ipv6/port.ts';
import type { Address } from '../wire/address.ts';
import type { TcpHeader } from '../wire/tcp.ts';
import type { ConnectionSnapshot } from './snapshot.ts';

/** RFC 9293 3.3.2. */
export type TcpState =
  | 'CLOSED'
  | 'LISTEN'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT';

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** Why a connection ended without a clean close; the socket turns these into Node's error codes. */
export type ConnectionError =
  | 'refused' // ECONNREFUSED: RST in answer to our SYN
  | 'reset' // ECONNRESET: RST later, or data arrived for a socket that was closed for reading
  | 'timed-out' // ETIMEDOUT: user timeout or connect timeout
  | 'unreachable' // EHOSTUNREACH, from a hard ICMPv6 error on our SYN, or no route
  | 'aborted'; // ECONNABORTED: abort() by our own side

/** Told at most one at a time and never from inside write(), read() or shutdown() of the same connection. */
export interface ConnectionEvents {
  /** The handshake is done (for an accepted connection, told before accept's callback returns to the caller). */
  connected?(now: Instant): void;
  /** The peer has said that octets up to urgentEnd are urgent: octets that come in line (RFC 9293 3.8.5, RFC 6093). */
  urgent?(now: Instant): void;
  /** There is data to read(), where there was none. */
  readable?(now: Instant): void;
  /** Space in the send buffer after a write() that took less than it was given. */
  writable?(now: Instant): void;
  /** The peer's FIN has arrived and every octet before it is in the receive buffer (or read). */
  peerFinished?(now: Instant): void;
  /** The last event: the connection is CLOSED or in TIME-WAIT. `error` absent: both sides closed in order. */
  closed?(now: Instant, error?: ConnectionError): void;
  /** All that was written has been acknowledged (send buffer empty), where it was not: what `drain` waits for. */
  drained?(now: Instant): void;
}

export type EcnOption = 'on' | 'passive' | 'off';

export interface TcpOptions {
  /** Send buffer in octets, to begin with; alone it is a fixed size. Default 128 KiB, and it grows. */
  readonly sendBuffer?: number;
  /** How far the send buffer may grow with the congestion window. Default `sendBuffer`, or else 16 MiB. */
  readonly maxSendBuffer?: number;
  /** Receive buffer in octets, to begin with; alone it is a fixed size. Default 128 KiB, and it grows. */
  readonly receiveBuffer?: number;
  /** How far the receive buffer may grow with what is read in a round trip. Default `receiveBuffer`, or else 16 MiB. */
  readonly maxReceiveBuffer?: number;
  readonly congestion?: 'cubic' | 'newreno';
  /** Explicit Congestion Notification (RFC 3168): ask for it, or take it where the peer asks. Default 'passive'. */
  readonly ecn?: EcnOption;
  /** Nagle's algorithm off. Default false (as net.Socket: on). */
  readonly noDelay?: boolean;
  /** Delayed ACK (RFC 9293 3.8.6.3). 0: acknowledge each segment at once. Default 40 ms. */
  readonly delayedAck?: Duration;
  /** Give up when data stays unacknowledged for so long (RFC 5482). Default 5 minutes. */
  readonly userTimeout?: Duration;
  /**
   * User timeout option (RFC 5482): tells the peer our userTimeout, and where that was not chosen by the application, lets
   * the peer's raise it, to an hour at most. Default false.
   */
  readonly userTimeoutOption?: boolean;
  /**
   * What close() does (SO_LINGER). 0: RST at once. More: RST when the peer has not acknowledged all octets and the FIN
   * after so long. Default: neither; TCP goes on for as long as userTimeout lets it.
   */
  readonly linger?: Duration;
  /** Keepalive idle time (RFC 9293 3.8.4); 0: off. Default 0. */
  readonly keepAlive?: Duration;
  /** Default 60 s (2 MSL). */
  readonly timeWait?: Duration;
}

export interface Connection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly state: TcpState;
  /** Set once, right after open or in accept. */
  events: ConnectionEvents;
  /** Octets accepted from write() / handed out by read() since the connection began, across handoffs. */
  readonly bytesWritten: number;
  readonly bytesRead: number;
  /** Octets written but not acknowledged (sent or not). */
  readonly unacknowledged: number;
  /** Octets ready for read(). */
  readonly readableBytes: number;
  /** Where the peer's urgent octets end in its stream, as far as it has said; those below bytesRead are read. 0: none yet. */
  readonly urgentEnd: number;
  readonly frozen: boolean;
  readonly info: ConnectionInfo;

  /**
   * Takes what the send buffer has room for and returns the number of octets taken (copied). `urgent`: the peer is
   * told that they are (RFC 9293 3.8.5); new applications should not use it (RFC 6093 5, SHLD-13).
   */
  write(now: Instant, bytes: Uint8Array, urgent?: boolean): number;
  /** The next octets in order, at most `max`, now the caller's; undefined when there are none. */
  read(now: Instant, max?: number): Uint8Array | undefined;
  /** FIN after all that was written: no more write(). Reading goes on. */
  shutdown(now: Instant): void;
  /**
   * CLOSE by an application that is through with both directions: shutdown(), and what the option `linger` says. What
   * of the peer's octets was not read, or still comes, is its owner's to answer with abort() (RFC 2525 2.17).
   */
  close(now: Instant): void;
  /** RST, and the connection is gone. */
  abort(now: Instant): void;
  setOptions(
    now: Instant,
    options: Partial<Pick<TcpOptions, 'noDelay' | 'delayedAck' | 'userTimeout' | 'keepAlive' | 'linger'>>,
  ): void;
}

/** Figures for logs, status and tests. */
export interface ConnectionInfo {
  readonly srtt: Duration | undefined;
  /** The least RTT seen on this path. */
  readonly minRtt: Duration | undefined;
  /** The least of the last samples: the round trip as the path's queue makes it now. */
  readonly recentRtt: Duration | undefined;
  readonly rto: Duration;
  readonly cwnd: number;
  readonly ssthresh: number;
  readonly inFlight: number;
  readonly sendMss: number;
  readonly retransmits: number;
  readonly sackPermitted: boolean;
  readonly timestamps: boolean;
  /** Both ends have agreed to ECN. */
  readonly ecn: boolean;
  /** Text of the SYN was taken before the handshake was done (RFC 7413). */
  readonly fastOpened: boolean;
  /** What the buffers hold at most, as they are now. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
}

export interface ListenOptions extends TcpOptions {
  /** Absent: any of our addresses. */
  readonly address?: Address;
  /** 0: a free port. */
  readonly port: number;
  readonly backlog?: number;
  /**
   * TCP Fast Open (RFC 7413): text of a SYN with a good cookie is delivered at once, and may be answered before the
   * handshake is done. It may also be delivered twice, as two connections: for requests that can bear it. Default false.
   */
  readonly fastOpen?: boolean;
}

export interface Listener {
  readonly address: Address | undefined;
  readonly port: number;
  close(now: Instant): void;
}

export interface ConnectOptions extends TcpOptions {
  readonly remote: Endpoint;
  readonly localAddress?: Address;
  readonly localPort?: number;
  /**
   * TCP Fast Open (RFC 7413): with a cookie from an earlier connection to that address, the SYN waits for the first
   * write() before the next turn of the timers and carries it. Without one it asks for a cookie. Default false.
   */
  readonly fastOpen?: boolean;
}

/** Why an open was not possible at once. */
export type OpenError = 'address-in-use' | 'address-not-available' | 'no-route';

/** What the simulator and the client tool watch; all parts optional, none may call back into TCP. */
export interface TcpObserver {
  /**
   * A segment that carried new octets was accepted into the receive buffer or the out-of-order queue.
   * `offset`: position of its first octet in the peer's stream (0 = first octet after SYN).
   */
  dataAccepted?(now: Instant, connection: Connection, packet: ReceivedPacket, offset: number, length: number): void;
  /** A segment with an acceptable ACK that acknowledges or repeats SND.UNA (for uploads). */
  ackAccepted?(now: Instant, connection: Connection, packet: ReceivedPacket): void;
  segmentSent?(now: Instant, connection: Connection, segment: SentSegment): void;
}

export interface SentSegment {
  readonly offset: number;
  readonly length: number;
  readonly retransmission: boolean;
  readonly rst: boolean;
}

export interface TcpEnvironment {
  readonly ipv6: Ipv6Port;
  readonly timers: TimerQueue;
  readonly random: Random;
  /** Key of ISNs (RFC 6528), timestamp offsets, ports (RFC 6056), flow labels and cookies; shared by the members of a group. */
  readonly secret: Uint8Array;
  /** Seconds that all members of a group agree on, for SYN and Fast Open cookies. Default: our own clock. */
  readonly wallSeconds?: (now: Instant) => number;
  readonly trace?: Trace;
  readonly observer?: TcpObserver;
  /** Octets that the buffers of all connections may hold. Default 512 MiB. */
  readonly maxMemory?: number;
}

export type ExpandedTcpOptions = Required<Omit<TcpOptions, 'linger'>> & {
  readonly linger: Duration | undefined;
  /** CHANGEABLE and ADV_UTO of RFC 5482 3.1. */
  readonly userTimeoutChangeable: boolean;
  readonly advertisedUserTimeout: Duration;
};

/** How an installed connection starts on its new node. */
export interface InstallOptions {
  /** Congestion state after the move (DESIGN.md 7): 'restart' = initial window, old ssthresh. */
  readonly congestion: 'restart' | 'carry';
}

/** The TCP layer of a host. Implemented by class Tcp in tcp.ts. */
export interface TcpLayer {
  listen(options: ListenOptions, accept: (now: Instant, connection: Connection) => void): Listener | OpenError;
  connect(now: Instant, options: ConnectOptions): Connection | OpenError;
  /** Every connection there is, TIME-WAIT included. */
  connections(): Iterable<Connection>;
  /** Those between one of our addresses and a peer address (a handoff moves all of them). */
  connectionsBetween(local: Address, remote: Address): Connection[];

  /**
   * Asked before a segment that belongs to no connection and no listener is answered with RST (RFC 9293 3.10.7.1):
   * another member of the group may own the connection.
   */
  onUnmatched: ((now: Instant, packet: ReceivedPacket, header: TcpHeader) => 'reset' | 'ignore') | undefined;

  // --- handoff -----------------------------------------------------------------------------------------
  /** Tells the handoff, beside the app's own events, each time the send buffer of this connection runs empty, and at its end. */
  onDrained(connection: Connection, handler: ((now: Instant) => void) | undefined): void;
  /** No output from now on: timers stand still, no ACK, no RST. Segments that arrive are not for TCP any more. */
  freeze(now: Instant, connection: Connection): void;
  /** Takes back a freeze: timers go on where they stood. */
  thaw(now: Instant, connection: Connection): void;
  /** The whole state of a frozen connection. Does not change it. */
  snapshot(now: Instant, connection: Connection): ConnectionSnapshot;
  /** The octets written but unacknowledged from stream offset `from` on (what is copied ahead of a handoff). */
  copySendBuffer(connection: Connection, from: number): { readonly offset: number; readonly bytes: Uint8Array };
  /** A frozen connection is gone from this node, without a word to the peer. No events. */
  forget(connection: Connection): void;
  /** Brings a snapshot to life, frozen: silent until resume(). 'address-in-use' if the four-tuple exists here. */
  install(now: Instant, snapshot: ConnectionSnapshot, options: InstallOptions): Connection | OpenError;
  /** Ends the silence of an installed connection: sends data that may be sent, or else a pure ACK, at once. */
  resume(now: Instant, connection: Connection): void;
  /** Sends the oldest unacknowledged octets again (and an ACK where there are none): after a Binding Acknowledgement. */
  nudge(now: Instant, connection: Connection): void;
}
