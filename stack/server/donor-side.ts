// What a Donor's actions do on a member: the client's connections, their apps, the packet gate and the
// mobile node. One object a handoff.

import type { Clock, Duration, Instant } from '../core/time.ts';
import { ZERO } from '../core/time.ts';
import { type DonorActions, type DonorOutcome, tailOf } from '../handoff/donor.ts';
import {
  type ConnectionName,
  type ConnectionState,
  encodeValue,
  type HandoffId,
  type HandoffMessage,
} from '../handoff/messages.ts';
import type { CorrespondentSnapshot, MobileNodeLayer } from '../mobility/api.ts';
import type { Connection, TcpLayer } from '../tcp/api.ts';
import { encodeSnapshot, withoutSendBuffer } from '../tcp/snapshot.ts';
import type { Address } from '../wire/address.ts';
import type { HandoffApp } from './app-contract.ts';
import type { PacketGate } from './packet-gate.ts';

/** Octets of one 'copy' message. */
const COPY_CHUNK = 256 * 1024;
/** About what a connection takes in STATE when its send buffer has been copied ahead and nothing waits to be read. */
const TCB_SIZE = 1_200;

export interface DonorSideOptions {
  readonly id: HandoffId;
  readonly client: Address;
  readonly acceptorCareOf: Address;
  readonly clock: Clock;
  readonly tcp: TcpLayer;
  readonly mobile: MobileNodeLayer;
  readonly gate: PacketGate;
  readonly appOf: (port: number) => HandoffApp | undefined;
  readonly send: (now: Instant, message: HandoffMessage) => void;
  /** Octets that would leave for the acceptor at once. */
  readonly room: () => number;
  readonly finished: (now: Instant, outcome: DonorOutcome) => void;
  /** Answers of the Donor that owns these actions. */
  readonly donor: () => {
    drained(now: Instant): void;
    saved(now: Instant): void;
    failed(now: Instant, reason: string): void;
  };
}

export class DonorSide implements DonorActions {
  readonly #o: DonorSideOptions;
  /** End of what has been copied ahead, by connection. */
  readonly #copiedTo = new Map<Connection, number>();
  readonly #states = new Map<Connection, unknown>();
  /** Connections whose app has been asked to stop writing. */
  readonly #quiet = new Set<Connection>();
  #tail: Duration = ZERO;
  #ended = false;

  constructor(options: DonorSideOptions) {
    this.#o = options;
  }

  send(now: Instant, message: HandoffMessage): void {
    this.#o.send(now, message);
  }

  quiesce(now: Instant): void {
    for (const connection of this.#connections()) {
      const app = this.#appOf(connection);
      if (app === undefined) continue;
      app.quiesce(now, connection);
      this.#quiet.add(connection);
      this.#o.tcp.onDrained(connection, (at) => this.#o.donor().drained(at));
    }
  }

  /** Of the apps that were asked: what a later connection has sent goes along with its state. */
  isDrained(): boolean {
    return this.#connections().every((connection) => connection.unacknowledged === 0 || !this.#quiet.has(connection));
  }

  /** Asks every app that has given no state yet; anew when the last has answered, for connections have come since. */
  save(now: Instant): void {
    if (this.#ended) return; // an app that took too long must not stop others now
    const { donor, clock } = this.#o;
    const waiting: Promise<void>[] = [];
    try {
      for (const connection of this.#connections()) this.#saveOne(now, connection, waiting);
    } catch (error: unknown) {
      waiting.push(Promise.reject(error)); // beside those that wait already: none may reject unheard
    }
    if (waiting.length === 0) return donor().saved(now);
    Promise.all(waiting).then(
      () => this.save(clock.now()),
      (error: unknown) => donor().failed(clock.now(), `the app gave no state: ${messageOf(error)}`),
    );
  }

  freeze(now: Instant): void {
    this.#dismissEnded(now);
    const connections = this.#connections();
    this.#tail = tailOf(
      this.#o.mobile.latencyTo(this.#o.client),
      connections.map((connection) => connection.info),
    );
    this.#o.gate.hold(this.#o.client);
    this.#o.mobile.suspendCorrespondent(this.#o.client);
    for (const connection of connections) {
      this.#o.tcp.onDrained(connection, undefined);
      this.#o.tcp.freeze(now, connection);
    }
  }

  copyAhead(now: Instant): void {
    for (const connection of this.#connections()) {
      const { offset, bytes } = this.#o.tcp.copySendBuffer(connection, this.#copiedTo.get(connection) ?? 0);
      for (let from = 0; from < bytes.length; from += COPY_CHUNK) {
        const chunk = bytes.subarray(from, from + COPY_CHUNK);
        this.send(now, {
          kind: 'copy',
          id: this.#o.id,
          connection: nameOf(connection),
          offset: offset + from,
          bytes: chunk,
        });
      }
      if (bytes.length > 0) this.#copiedTo.set(connection, offset + bytes.length);
    }
  }

  hasCaughtUp(): boolean {
    let size = 0;
    for (const connection of this.#connections()) size += TCB_SIZE + connection.readableBytes;
    return this.#o.room() >= size;
  }

  collect(now: Instant): ConnectionState[] {
    return this.#connections().map((connection) => {
      const snapshot = this.#o.tcp.snapshot(now, connection);
      const tcb = encodeSnapshot(withoutSendBuffer(snapshot, this.#copiedTo.get(connection) ?? 0));
      const app = this.#states.has(connection) ? { state: this.#states.get(connection) } : null;
      return { ...nameOf(connection), tcb, app };
    });
  }

  correspondent(now: Instant): CorrespondentSnapshot {
    return this.#o.mobile.exportCorrespondent(now, this.#o.client);
  }

  tail(): Duration {
    return this.#tail;
  }

  forward(now: Instant): void {
    this.#o.gate.forward(now, this.#o.client, this.#o.acceptorCareOf);
  }

  thaw(now: Instant): void {
    for (const connection of this.#connections()) {
      this.#o.tcp.onDrained(connection, undefined);
      if (connection.frozen) this.#o.tcp.thaw(now, connection);
    }
    for (const connection of this.#quiet) this.#o.appOf(connection.local.port)?.resume(now, connection);
    this.#o.mobile.wakeCorrespondent(now, this.#o.client);
    this.#o.gate.open(now, this.#o.client);
  }

  release(now: Instant): void {
    for (const connection of this.#connections()) {
      const app = this.#appOf(connection);
      this.#o.tcp.forget(connection);
      app?.released(now, connection);
    }
    this.#o.mobile.forgetCorrespondent(this.#o.client);
  }

  finished(now: Instant, outcome: DonorOutcome): void {
    this.#ended = true;
    if (outcome.ok) this.#o.gate.settle(this.#o.client);
    this.#o.finished(now, outcome);
  }

  #saveOne(now: Instant, connection: Connection, waiting: Promise<void>[]): void {
    const app = this.#appOf(connection);
    if (app === undefined || this.#states.has(connection)) return;
    if (!this.#quiet.has(connection)) {
      app.quiesce(now, connection);
      this.#quiet.add(connection);
    }
    const state = app.save(now, connection);
    if (!(state instanceof Promise)) return this.#keep(connection, state);
    const saved = state.then((value) => this.#keep(connection, value));
    // Where the client has ended the connection meanwhile, nothing is left to move, and nothing is wrong.
    waiting.push(saved.catch((error: unknown) => (connection.state === 'CLOSED' ? undefined : Promise.reject(error))));
  }

  /** A connection that has ended since its app was asked moves without the app, or not at all: the app hears of it here. */
  #dismissEnded(now: Instant): void {
    for (const connection of this.#quiet) {
      if (connection.state !== 'CLOSED' && connection.state !== 'TIME-WAIT') continue;
      this.#quiet.delete(connection);
      this.#states.delete(connection);
      this.#o.appOf(connection.local.port)?.resume(now, connection);
    }
  }

  /** What CBOR cannot carry has to be known here: after the freeze it would be too late. */
  #keep(connection: Connection, state: unknown): void {
    encodeValue(state);
    this.#states.set(connection, state);
  }

  #connections(): Connection[] {
    return this.#o.tcp
      .connectionsBetween(this.#o.mobile.homeAddress, this.#o.client)
      .filter((connection) => connection.state !== 'CLOSED');
  }

  /**
   * The app of a connection that has one: not before the handshake is done, but for a Fast Open (RFC 7413); not in
   * TIME-WAIT any more.
   */
  #appOf(connection: Connection): HandoffApp | undefined {
    const { state } = connection;
    if (state === 'TIME-WAIT' || (state === 'SYN-RECEIVED' && !connection.info.fastOpened)) return undefined;
    return this.#o.appOf(connection.local.port);
  }
}

const nameOf = (connection: Connection): ConnectionName => ({
  localPort: connection.local.port,
  remotePort: connection.remote.port,
});

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
