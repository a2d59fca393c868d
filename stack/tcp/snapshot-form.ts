// The form of a snapshot: a plain value of numbers, strings, booleans, octets and lists of these. Numbers in the
// streams are positions (position.ts); times are ages relative to the moment of the cut, so the clocks of two
// nodes need not agree.

import type { EcnOption, TcpState } from './api.ts';
import type { CongestionState } from './congestion/congestion.ts';
import type { RttState } from './rtt.ts';
import type { TimerAges } from './timers.ts';

/** Raised whenever a field changes its meaning; a node refuses a snapshot of another version. */
export const SNAPSHOT_VERSION = 3;

/** Octets of a stream: the first one is at `offset`. */
export interface StreamChunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface StreamRange {
  readonly start: number;
  readonly end: number;
}

export interface EndpointSnapshot {
  /** 16 octets. */
  readonly address: Uint8Array;
  readonly port: number;
}

export interface ConnectionSnapshot {
  readonly version: typeof SNAPSHOT_VERSION;
  readonly local: EndpointSnapshot;
  readonly remote: EndpointSnapshot;
  readonly state: TcpState;
  readonly passive: boolean;
  /** Text of the SYN was taken on a Fast Open cookie: in SYN-RECEIVED the application has the connection already. */
  readonly fastOpened: boolean;
  readonly options: OptionsSnapshot;
  readonly negotiated: NegotiatedSnapshot;
  readonly send: SendSnapshot;
  readonly receive: ReceiveSnapshot;
  readonly timestamps: TimestampSnapshot;
  readonly ecn: EcnSnapshot;
  /** What is written and not acknowledged; pieces may be missing while they travel apart. */
  readonly sendBuffer: readonly StreamChunk[];
  /** What is received in order and not read. */
  readonly receiveBuffer: StreamChunk;
  readonly outOfOrder: readonly StreamChunk[];
  readonly rtt: RttState;
  readonly congestion: CongestionState;
  /** What is left of each timer. */
  readonly timers: TimerAges;
  readonly attempts: AttemptsSnapshot;
}

export interface OptionsSnapshot {
  /** As large as they are at the cut, and as they may become. */
  readonly sendBuffer: number;
  readonly maxSendBuffer: number;
  readonly receiveBuffer: number;
  readonly maxReceiveBuffer: number;
  readonly congestion: 'cubic' | 'newreno';
  readonly ecn: EcnOption;
  readonly noDelay: boolean;
  readonly delayedAckUs: number;
  readonly userTimeoutUs: number;
  /** RFC 5482 3.1: ENABLED, CHANGEABLE, ADV_UTO. */
  readonly userTimeoutOption: boolean;
  readonly userTimeoutChangeable: boolean;
  readonly advertisedUserTimeoutUs: number;
  readonly lingerUs?: number;
  readonly keepAliveUs: number;
  readonly timeWaitUs: number;
}

export interface NegotiatedSnapshot {
  readonly peerMss: number;
  readonly advertisedMss: number;
  readonly sackPermitted: boolean;
  readonly timestamps: boolean;
  readonly windowScaling: boolean;
  readonly sendShift: number;
  readonly receiveShift: number;
}

export interface SendSnapshot {
  readonly iss: number;
  readonly una: number;
  readonly nxt: number;
  readonly wnd: number;
  readonly wl1: number;
  readonly wl2: number;
  readonly maxWnd: number;
  /** Behind the last urgent octet. */
  readonly up: number;
  /** Behind the last octet written: where the FIN is or will be. */
  readonly end: number;
  /** shutdown() was called; the FIN is sent when nxt > end. */
  readonly fin: boolean;
  /** What of [una, nxt) is SACKed. */
  readonly sacked: readonly StreamRange[];
  readonly synRetransmitted: boolean;
}

export interface ReceiveSnapshot {
  readonly irs: number;
  readonly nxt: number;
  /** The right edge advertised. */
  readonly edge: number;
  readonly lastAckSent: number;
  readonly mss: number;
  readonly up: number;
  /** Position of the next octet to read. */
  readonly read: number;
  /** Where the peer's FIN is: received in order, or ahead of octets that are missing. */
  readonly fin?: number;
  readonly outOfOrderFin?: number;
  /** A duplicate not reported yet (RFC 2883). */
  readonly duplicate?: StreamRange;
  /** Octets accepted since the last ACK. */
  readonly unacknowledgedText: number;
}

export interface TimestampSnapshot {
  /** TSval at the moment of the cut: not below any that was sent. */
  readonly value: number;
  /** TS.Recent, and how old it is. */
  readonly recent: number;
  readonly recentAgeUs: number;
}

/** RFC 3168: what ecn.ts keeps. */
export interface EcnSnapshot {
  readonly on: boolean;
  readonly echo: boolean;
  readonly cwrDue: boolean;
  readonly point: number;
}

export interface AttemptsSnapshot {
  readonly timeouts: number;
  readonly retransmits: number;
  readonly windowProbes: number;
  readonly keepAliveProbes: number;
}
