// The transmission control block (RFC 9293 3.3.1): all state of one connection, as data with the RFC's names.
// Behaviour lives in the files around it, one duty each. Sequence variables are positions (position.ts).

import type { Counters } from '../core/counters.ts';
import type { Instant } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import type { Trace } from '../core/trace.ts';
import type { Ipv6Port, Path } from '../ipv6/port.ts';
import type { Seq } from '../wire/seq.ts';
import type { Connection, ConnectionError, Endpoint, ExpandedTcpOptions, TcpObserver, TcpState } from './api.ts';
import { ChallengeBudget } from './challenge.ts';
import type { ChunkPool } from './chunk-pool.ts';
import type { CongestionControl } from './congestion/congestion.ts';
import { Doubt } from './doubt.ts';
import { Ecn } from './ecn.ts';
import type { FastOpenCache } from './fast-open-cache.ts';
import { Flight } from './flight.ts';
import { DEFAULT_MSS, USER_TIMEOUT_COPIES } from './limits.ts';
import type { TcpListener } from './listener.ts';
import { MtuProbe } from './mtu-probe.ts';
import { type Position, SYN_POSITION } from './position.ts';
import { Rack } from './rack.ts';
import { Reassembly } from './reassembly.ts';
import { ReceiveTuning } from './receive-tuning.ts';
import { Recovery } from './recovery.ts';
import { RttEstimator } from './rtt.ts';
import { SentCopies } from './sent-copies.ts';
import { isSynchronized } from './state.ts';
import { StreamBuffer } from './stream-buffer.ts';
import { TailProbe } from './tail-probe.ts';
import type { TimeWaits } from './time-wait.ts';
import { ConnectionTimers, type TimerAges, type TimerKind } from './timers.ts';

/** What a TCB needs of the layer it lives in. */
export interface TcbLayer {
  readonly ipv6: Ipv6Port;
  readonly timers: TimerQueue;
  readonly trace: Trace;
  readonly observer: TcpObserver;
  readonly counters: Counters;
  readonly chunks: ChunkPool;
  readonly fastOpenServers: FastOpenCache;
  readonly waits: TimeWaits;
  timerExpired(tcb: Tcb, now: Instant, kind: TimerKind): void;
  /** The TCB has events to tell when the call is over. */
  eventsPending(tcb: Tcb, now: Instant): void;
  /** Memory is used up: somebody has to give something back. */
  relieve(now: Instant): void;
  /** CLOSED: the TCB leaves the table. */
  gone(tcb: Tcb): void;
}

/** Send sequence variables. */
export interface SendVariables {
  readonly iss: Seq;
  una: Position;
  nxt: Position;
  /** In octets, scaled. */
  wnd: number;
  wl1: Position;
  wl2: Position;
  /** The largest window the peer ever offered (MAX.SND.WND of RFC 5961 5.2). */
  maxWnd: number;
  /** SND.UP: behind the last urgent octet (RFC 6093 4); 0: there was none. */
  up: Position;
  /** The MSS option of the peer. */
  peerMss: number;
  /** Octets of text in a full segment on the present path, options of every segment left out. */
  mss: number;
  /** Snd.Wind.Shift. */
  shift: number;
  /** When text or FIN was sent last. */
  lastSentAt: Instant;
}

/** Receive sequence variables. */
export interface ReceiveVariables {
  irs: Seq;
  nxt: Position;
  /** RCV.NXT + RCV.WND: the right edge that was advertised. Never moves left. */
  edge: Position;
  /** Last.ACK.sent of RFC 7323 4.3. */
  lastAckSent: Position;
  /** Rcv.Wind.Shift. */
  shift: number;
  /** Octets of text in the peer's full segments, as seen. */
  mss: number;
  /** The MSS option we sent. */
  advertisedMss: number;
  /** RCV.UP: behind the last urgent octet; the octets are delivered in line (RFC 6093). */
  up: Position;
  /** Where the peer's FIN is, once it has been received in order. */
  fin: Position | undefined;
  /** The position of the next octet to hand to the application. */
  read: Position;
}

/** RFC 7323 3 to 5. */
export interface TimestampState {
  /** Negotiated. */
  on: boolean;
  /** Added to our clock of milliseconds: TSval. */
  offset: number;
  /** TS.Recent and when it was taken. */
  recent: number;
  recentAt: Instant;
  /** Since when this node sends them. An echo of an older TSval is another node's: no RTT sample. */
  firstAt: Instant;
}

/** 'frozen': given away. 'installed': taken over, not resumed yet. Neither sends anything. */
export type Silence = 'none' | 'frozen' | 'installed';

export class Tcb {
  readonly layer: TcbLayer;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly options: { -readonly [K in keyof ExpandedTcpOptions]: ExpandedTcpOptions[K] };
  /** From a passive open. */
  readonly passive: boolean;
  /** RFC 6437: of every packet of this connection, wherever it lives. */
  readonly flowLabel: number;
  readonly timers: ConnectionTimers;
  readonly rtt = new RttEstimator();
  readonly flight = new Flight();
  readonly recovery = new Recovery();
  readonly rack = new Rack();
  readonly copies = new SentCopies();
  readonly doubt = new Doubt();
  readonly ecn = new Ecn();
  readonly tailProbe = new TailProbe();
  readonly mtuProbe = new MtuProbe();
  readonly reassembly = new Reassembly();
  readonly challenges = new ChallengeBudget();
  readonly tuning: ReceiveTuning;
  readonly sendBuffer: StreamBuffer;
  readonly receiveBuffer: StreamBuffer;
  readonly snd: SendVariables;
  readonly rcv: ReceiveVariables;
  readonly ts: TimestampState;
  congestion: CongestionControl;
  path: Path;
  state: TcpState = 'CLOSED';
  sackPermitted = false;
  windowScaling = false;

  /** shutdown() was called: FIN follows the last octet. */
  finQueued = false;
  /** An ACK is due with this call. */
  ackNow = false;
  /** Octets accepted since the last ACK. */
  unacknowledgedText = 0;
  /** The congestion window stopped the last attempt to send. */
  cwndLimited = false;
  /** A write() was cut short: tell when there is space. */
  wantsWrite = false;
  /** Timeouts in a row, and retransmitted segments in all. */
  timeouts = 0;
  retransmits = 0;
  synRetransmitted = false;
  /** The Fast Open option of our SYN or SYN,ACK (RFC 7413); empty: asks for a cookie. */
  fastOpenCookie: Uint8Array | undefined;
  /** Pure ACKs that are still to carry the user timeout option (RFC 5482). */
  userTimeoutCopies: number;
  /** Text of the SYN was taken on the strength of a cookie. */
  fastOpened = false;
  /** The SYN waits for the first text: a Fast Open that has its cookie. */
  synHeld = false;
  /** Keepalive probes without an answer. */
  keepAliveProbes = 0;
  /** Zero-window probes since the window closed, answered or not. */
  windowProbes = 0;
  lastHeardAt: Instant;

  silence: Silence = 'none';
  error: ConnectionError | undefined;
  pendingEvents = 0;
  /** Set by connection.ts: the face of this TCB. */
  declare connection: Connection;
  /** Told of an empty send buffer beside the owner: the handoff. */
  onDrained: ((now: Instant) => void) | undefined;
  /** Whose passive open it is. */
  listener: TcpListener | undefined;
  /** What was left of each timer when the connection was frozen. */
  frozenTimers: TimerAges = {};
  /** Next TCB with the same hash (demux.ts). */
  nextInBucket: Tcb | undefined;
  /** Neighbours among those whose peer's address has the same hash (demux.ts). */
  nextOfPeer: Tcb | undefined;
  previousOfPeer: Tcb | undefined;

  constructor(layer: TcbLayer, now: Instant, seed: TcbSeed) {
    this.layer = layer;
    this.local = seed.local;
    this.remote = seed.remote;
    this.options = { ...seed.options };
    this.passive = seed.passive;
    this.userTimeoutCopies = seed.options.userTimeoutOption ? USER_TIMEOUT_COPIES : 0;
    this.flowLabel = seed.flowLabel;
    this.path = seed.path;
    this.congestion = seed.congestion;
    this.lastHeardAt = now;
    this.tuning = new ReceiveTuning(now);
    this.flight.sink = this.rack;
    this.sendBuffer = new StreamBuffer(seed.options.sendBuffer, 0, layer.chunks, true);
    this.receiveBuffer = new StreamBuffer(seed.options.receiveBuffer, 0, layer.chunks);
    this.timers = new ConnectionTimers(layer.timers, (at, kind) => layer.timerExpired(this, at, kind));
    this.snd = {
      iss: seed.iss,
      una: SYN_POSITION,
      nxt: SYN_POSITION,
      wnd: 0,
      wl1: SYN_POSITION,
      wl2: SYN_POSITION,
      maxWnd: 0,
      up: 0,
      peerMss: DEFAULT_MSS,
      mss: DEFAULT_MSS,
      shift: 0,
      lastSentAt: now,
    };
    this.rcv = {
      irs: seed.irs,
      nxt: SYN_POSITION,
      edge: SYN_POSITION,
      lastAckSent: SYN_POSITION,
      shift: seed.receiveShift,
      mss: 0,
      advertisedMss: seed.advertisedMss,
      up: 0,
      fin: undefined,
      read: 0,
    };
    this.ts = { on: false, offset: seed.timestampOffset, recent: 0, recentAt: now, firstAt: now };
  }

  /** RFC 7413: the handshake is not done, and yet text is delivered and sent. */
  get early(): boolean {
    return this.fastOpened && this.passive && this.state === 'SYN-RECEIVED';
  }

  /** The application has this connection, and may read and write. */
  get usable(): boolean {
    return isSynchronized(this.state) || this.early;
  }

  get hasUnsentText(): boolean {
    return this.sendBuffer.end > this.snd.nxt;
  }

  /** FIN occupies the position behind the last octet. */
  get finSent(): boolean {
    return this.finQueued && this.snd.nxt > this.sendBuffer.end;
  }

  get finAcknowledged(): boolean {
    return this.finQueued && this.snd.una > this.sendBuffer.end;
  }

  /** Something was sent, or is waiting to be sent, and is not acknowledged. */
  get hasWork(): boolean {
    return !this.flight.isEmpty || this.hasUnsentText || (this.finQueued && !this.finSent);
  }
}

/** What has to be known before there is a TCB. */
export interface TcbSeed {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly options: ExpandedTcpOptions;
  readonly passive: boolean;
  readonly path: Path;
  readonly congestion: CongestionControl;
  readonly iss: Seq;
  readonly irs: Seq;
  readonly receiveShift: number;
  readonly advertisedMss: number;
  readonly timestampOffset: number;
  readonly flowLabel: number;
}
