// What the mobility roles are built from, and the part of a mobile node's state that belongs to one
// correspondent and moves with it in a handoff.

import type { Random } from '../core/random.ts';
import type { Duration, Instant } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import type { Trace } from '../core/trace.ts';
import type { Ipv6Mobility } from '../ipv6/hooks.ts';
import type { Ipv6Port } from '../ipv6/port.ts';
import type { Address } from '../wire/address.ts';

export interface MobilityEnvironment {
  readonly ipv6: Ipv6Port & Ipv6Mobility;
  readonly timers: TimerQueue;
  readonly random: Random;
  /** Wall-clock time in NTP 64-bit format, for the replay protection of RFC 4285; injected like all time. */
  readonly ntpTime?: (now: Instant) => bigint;
  readonly trace?: Trace;
}

/** A keygen token as it was received (RFC 6275 5.2.5), and what is left of its 210 s. */
export interface KeygenToken {
  readonly token: Uint8Array;
  readonly nonceIndex: number;
  /** Remaining life in microseconds at the moment of the snapshot. */
  readonly remainingUs: number;
}

/** Everything a server node knows of its registration with one client: what a handoff carries along. */
export interface CorrespondentSnapshot {
  readonly client: Address;
  /** Depends on the home address alone: worth handing over. */
  readonly homeToken: KeygenToken | undefined;
  /** Sequence number of the last Binding Update sent (16 bits); the next one is greater modulo 2^16. */
  readonly lastSequence: number;
  /** Does the client have a binding, and how long is it still good? 0: none. */
  readonly bindingRemainingUs: number;
  /** How long the client is still taken for plain, in microseconds; 0: it is not. */
  readonly plainRemainingUs: number;
}

/**
 * How far a server node is with one client. 'plain': without Mobile IPv6, or refusing a binding, and served through the
 * home agent for a while (RFC 6275 11.3.5).
 */
export type RouteOptimization = 'none' | 'testing' | 'updating' | 'bound' | 'plain';

/** Ahead of the other clients that the home agent has yet to be asked about, or behind them. */
export type FlowTurn = 'first' | 'last';

/**
 * How many bindings the home agent keeps for a home address. 'many': one a member (RFC 5648), and flow bindings (RFC
 * 6089). 'one', as RFC 6275 alone has it: the contact node's, through which the others send and are reached.
 */
export type BindingsAtHome = 'many' | 'one';

/** What a mobile node tells of its correspondents. None may call back synchronously into the same correspondent. */
export interface MobileNodeEvents {
  /** Both keygen tokens for this client are there. */
  testsDone?(now: Instant, client: Address): void;
  /** A Binding Acknowledgement with status 0 (accepted) or an error that ends the attempt (status as received). */
  bindingAcknowledged?(now: Instant, client: Address, status: number): void;
  /** A Binding Error 1 came: the client has no binding for us (yet). */
  bindingError?(now: Instant, client: Address): void;
  /** No answer after the last retransmission, or a Parameter Problem for a mobility header: a plain client. */
  unresponsive?(now: Instant, client: Address): void;
  /** A home test whose init cookie bears another member's Binding Identifier: whole packet, to be relayed to it. */
  relayHomeTest?(now: Instant, bid: number, packet: Uint8Array): void;
  /** The home agent answered our home registration. */
  homeRegistered?(now: Instant, status: number): void;
  /** The home agent's word on bindFlow(): below 128 it sends us what comes from this (plain) client (RFC 6089 4.2). */
  flowBound?(now: Instant, client: Address, status: number): void;
}

/** The mobile node side of a server node, towards correspondents. Implemented by class MobileNode. */
export interface MobileNodeLayer {
  readonly homeAddress: Address;
  readonly careOf: Address;
  /** Does the home agent take flow bindings? Where it does not, bindFlow() does nothing: plain clients stay. */
  readonly canBindFlows: boolean;
  /** Registers (and keeps registered) with the home agent; `preferred`: this member is the default (contact node). */
  registerHome(now: Instant): void;
  /** Runs both tests where needed, then binds: sends a Binding Update with A=1 and keeps the binding fresh. */
  optimize(now: Instant, client: Address): void;
  stateOf(client: Address): RouteOptimization;
  /** Home test and care-of test, no update: testsDone tells when both tokens are there. Uses tokens good for a while. */
  runTests(now: Instant, client: Address, which: { readonly home: boolean; readonly careOf: boolean }): void;
  /** Sends a Binding Update now with the tokens there are; retransmitted until acknowledged. False: no tokens. */
  sendBindingUpdate(now: Instant, client: Address): boolean;
  /** From now on (or not) packets to this client carry HAO from our care-of address, even before the BA is there. */
  useRoute(now: Instant, client: Address, route: 'direct' | 'home-agent'): void;
  /** One-way latency to the client, half the round trip of the last care-of test or Binding Update; undefined: not measured. */
  latencyTo(client: Address): Duration | undefined;
  /** The client is being given away: no message to it, no answer to one of its own, until wakeCorrespondent(). */
  suspendCorrespondent(client: Address): void;
  /** The client stays after all: its binding is made sure of at once. */
  wakeCorrespondent(now: Instant, client: Address): void;
  exportCorrespondent(now: Instant, client: Address): CorrespondentSnapshot;
  /** Takes over a client's state from another member: silent, sends nothing. */
  importCorrespondent(now: Instant, snapshot: CorrespondentSnapshot): void;
  /**
   * Has the home agent send us what comes from this (plain) client (RFC 6089); flowBound tells whether it does. Default turn:
   * 'first'.
   */
  bindFlow(now: Instant, client: Address, turn?: FlowTurn): void;
  /** Is the home agent asked for this client's packets, or sends them already? */
  hasFlow(client: Address): boolean;
  /** The client has left: the home agent sends its packets wherever those of others go. */
  unbindFlow(now: Instant, client: Address): void;
  /** Forgets the client without a word (the donor's side, after a handoff). */
  forgetCorrespondent(client: Address): void;
}
