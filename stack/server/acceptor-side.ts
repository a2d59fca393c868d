// What an Acceptor's actions do on a member: bring connections and their apps to life, bind the client,
// or put everything back. One object a handoff.

import { equalBytes } from '../core/bytes.ts';
import type { Clock, Duration, Instant } from '../core/time.ts';
import type { AcceptorActions, AcceptorOutcome } from '../handoff/acceptor.ts';
import type { CopiedBuffers } from '../handoff/copied-buffers.ts';
import type { ConnectionState, HandoffMessage } from '../handoff/messages.ts';
import type { CorrespondentSnapshot, MobileNodeLayer } from '../mobility/api.ts';
import type { Connection, InstallOptions, TcpLayer } from '../tcp/api.ts';
import { decodeSnapshot, withSendBuffer } from '../tcp/snapshot.ts';
import type { Address } from '../wire/address.ts';
import type { HandoffApp, Refusal } from './app-contract.ts';
import type { PacketGate } from './packet-gate.ts';

export interface AcceptorSideOptions {
  readonly client: Address;
  readonly donorCareOf: Address;
  readonly clock: Clock;
  readonly tcp: TcpLayer;
  readonly mobile: MobileNodeLayer;
  readonly gate: PacketGate;
  readonly install: InstallOptions;
  readonly appOf: (port: number) => HandoffApp | undefined;
  readonly latencies: () => { readonly donor: Duration; readonly client: Duration };
  readonly send: (now: Instant, message: HandoffMessage) => void;
  readonly finished: (now: Instant, outcome: AcceptorOutcome) => void;
  /** Answers to the Acceptor that owns these actions. */
  readonly acceptor: () => {
    testsDone(now: Instant): void;
    installed(now: Instant): void;
    failed(now: Instant, reason: string): void;
  };
}

interface Installed {
  readonly connection: Connection;
  /** Absent where no app is attached (before the handshake is done, in TIME-WAIT). */
  readonly app: HandoffApp | undefined;
}

export class AcceptorSide implements AcceptorActions {
  readonly #o: AcceptorSideOptions;
  readonly #installed: Installed[] = [];

  constructor(options: AcceptorSideOptions) {
    this.#o = options;
  }

  send(now: Instant, message: HandoffMessage): void {
    this.#o.send(now, message);
  }

  hold(_now: Instant): void {
    this.#o.gate.hold(this.#o.client);
  }

  importCorrespondent(now: Instant, snapshot: CorrespondentSnapshot): void {
    this.#o.mobile.importCorrespondent(now, snapshot);
  }

  runTests(now: Instant): void {
    this.#o.mobile.runTests(now, this.#o.client, { home: true, careOf: true });
  }

  install(now: Instant, connections: readonly ConnectionState[], copied: CopiedBuffers): void {
    const { acceptor, clock } = this.#o;
    const waiting: Promise<Refusal | undefined>[] = [];
    let refusal: Refusal | undefined;
    try {
      for (const state of connections) {
        const answer = this.#installOne(now, state, copied);
        if (answer instanceof Promise) waiting.push(answer);
        else refusal = answer;
        if (refusal !== undefined) break;
      }
    } catch (error: unknown) {
      refusal = messageOf(error);
    }
    if (refusal !== undefined) acceptor().failed(now, refusal);
    else if (waiting.length === 0) acceptor().installed(now);
    // After a failure too: no promise may reject unheard. The acceptor knows when an answer comes too late.
    if (waiting.length === 0) return;
    Promise.all(waiting).then(
      (answers) => this.#restored(clock.now(), answers),
      (error: unknown) => acceptor().failed(clock.now(), messageOf(error)),
    );
  }

  latencies(): { readonly donor: Duration; readonly client: Duration } {
    return this.#o.latencies();
  }

  bind(now: Instant): boolean {
    return this.#o.mobile.sendBindingUpdate(now, this.#o.client);
  }

  bindFlow(now: Instant): void {
    this.#o.mobile.bindFlow(now, this.#o.client);
  }

  route(now: Instant, route: 'direct' | 'home-agent'): void {
    this.#o.mobile.useRoute(now, this.#o.client, route);
  }

  resume(now: Instant): void {
    // Apps first: what they have to say goes out in place of a bare acknowledgement.
    for (const { connection, app } of this.#installed) app?.resume(now, connection);
    for (const { connection } of this.#installed) {
      // Unless its app has just given it up.
      if (connection.state !== 'CLOSED') this.#o.tcp.resume(now, connection);
    }
    this.#o.gate.open(now, this.#o.client);
  }

  nudge(now: Instant): void {
    for (const { connection } of this.#installed) this.#o.tcp.nudge(now, connection);
  }

  discard(now: Instant): void {
    for (const { connection, app } of this.#installed) {
      this.#o.tcp.forget(connection);
      app?.released(now, connection);
    }
    this.#installed.length = 0;
    this.#o.mobile.forgetCorrespondent(this.#o.client);
    this.#o.gate.forward(now, this.#o.client, this.#o.donorCareOf);
  }

  finished(now: Instant, outcome: AcceptorOutcome): void {
    // A member remembers its handoffs, but not the connections they brought.
    this.#installed.length = 0;
    this.#o.finished(now, outcome);
  }

  #restored(now: Instant, answers: readonly (Refusal | undefined)[]): void {
    const refusal = answers.find((answer) => answer !== undefined);
    if (refusal === undefined) this.#o.acceptor().installed(now);
    else this.#o.acceptor().failed(now, refusal);
  }

  /** A reason when it cannot be done; a promise of one where the app takes its time; undefined when all is well. */
  #installOne(
    now: Instant,
    state: ConnectionState,
    copied: CopiedBuffers,
  ): Refusal | Promise<Refusal | undefined> | undefined {
    const decoded = decodeSnapshot(state.tcb);
    if (!decoded.ok) return decoded.reason;
    const app = this.#o.appOf(state.localPort);
    if (app === undefined) return `no service on port ${state.localPort} here`;
    const ahead = copied.of(state);
    const whole = ahead === undefined ? decoded : withSendBuffer(decoded.value, ahead.offset, ahead.chunks);
    if (!whole.ok) return whole.reason;
    if (!isBetween(whole.value, this.#o.mobile.homeAddress, this.#o.client)) return 'a connection of another client';
    const connection = this.#o.tcp.install(now, whole.value, this.#o.install);
    if (typeof connection === 'string') return `cannot install port ${state.localPort}: ${connection}`;
    if (!isRecord(state.app)) {
      this.#installed.push({ connection, app: undefined });
      // The handshake ends here: the app gets the connection as if it had come to this member.
      if (connection.state === 'SYN-RECEIVED') connection.events = { connected: (at) => app.accept(at, connection) };
      return undefined;
    }
    this.#installed.push({ connection, app });
    return app.restore(now, connection, state.app.state);
  }
}

/** The connection is one between our home address and this client: a donor cannot plant another. */
function isBetween(
  snapshot: { readonly local: { readonly address: Uint8Array }; readonly remote: { readonly address: Uint8Array } },
  home: Address,
  client: Address,
): boolean {
  return equalBytes(snapshot.local.address, home.toBytes()) && equalBytes(snapshot.remote.address, client.toBytes());
}

const isRecord = (value: unknown): value is { readonly state?: unknown } => typeof value === 'object' && value !== null;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
