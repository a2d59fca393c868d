// What the handoff asks of an app (DESIGN.md section 7, "App contract"): one app serves one port of the
// contact address on every member; the state it gives on the donor is what it gets on the acceptor.
// Synchronous where the app can be; a Promise where it has to wait (bounded by the handoff's timeouts).

import type { Instant } from '../core/time.ts';
import type { Connection } from '../tcp/api.ts';

/** Any value that CBOR can carry. */
export type AppState = unknown;

/** Why the acceptor's app cannot take over: the client then stays with the donor. */
export type Refusal = string;

export interface HandoffApp {
  /** A new client connection, just established. The app sets connection.events. */
  accept(now: Instant, connection: Connection): void;
  /** Donor: write no more to this connection from now on. TCP runs on; reading may go on until save(). */
  quiesce(now: Instant, connection: Connection): void;
  /**
   * Donor: the state at the last octet written and read. From the call on the app neither writes nor reads
   * this connection.
   */
  save(now: Instant, connection: Connection): AppState | Promise<AppState>;
  /** Donor, after a failure: go on as if nothing had happened. Acceptor, after restore(): the client is ours, go on. */
  resume(now: Instant, connection: Connection): void;
  /** The connection is another member's now (or never became ours): let go of it, without close or reset. */
  released(now: Instant, connection: Connection): void;
  /** Acceptor: take over with this state. The connection is silent and nothing may be written until resume(). */
  restore(now: Instant, connection: Connection, state: AppState): Refusal | undefined | Promise<Refusal | undefined>;
}
