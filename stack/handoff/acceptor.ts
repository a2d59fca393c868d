// The acceptor's side of a handoff as a state machine: pure, driven by messages and events, acting through
// AcceptorActions. DESIGN.md section 7. It may give the client back (ABORT) as long as it has emitted nothing towards the
// client: no Binding Update, no acknowledgement, no data. From then on the client is its own. A plain client gets no tests
// and no Binding Update: the home agent is asked for a flow binding (RFC 6089), which says nothing to the client yet.

import { assertNever } from '../core/parsed.ts';
import { after, type Duration, EPOCH, type Instant, microseconds, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { CorrespondentSnapshot } from '../mobility/api.ts';
import type { Address } from '../wire/address.ts';
import { CopiedBuffers } from './copied-buffers.ts';
import type { ConnectionName, ConnectionState, HandoffId, HandoffMessage } from './messages.ts';
import type { Strategy } from './strategy.ts';

/** A donor that has gone quiet before STATE does not keep the client's packets held for longer. */
export const STATE_TIMEOUT: Duration = seconds(60);
/** An app that does not take over within this time refuses. */
export const RESTORE_TIMEOUT: Duration = seconds(5);
/** Statuses of a Binding Acknowledgement from here on are refusals (RFC 6275 6.1.8). */
const REFUSED = 128;
/** The Binding Update is never held back for longer, whatever queue the donor reports. */
export const MAX_HOLD_BACK: Duration = seconds(2);
/**
 * The client's word on the Binding Update, which is sent again at 1, 3 and 7 s (RFC 6275 11.8), and later still: then the
 * handoff is over without it. A client that has gone must not keep donor and operator waiting for the last of them.
 */
export const BINDING_TIMEOUT: Duration = seconds(10);
/** The home agent's word on the flow binding of a plain client is waited for so long: three to four sendings of the request. */
export const FLOW_TIMEOUT: Duration = seconds(10);

export interface AcceptorActions {
  send(now: Instant, message: HandoffMessage): void;
  /** From now on the client's packets are kept (bounded), an older tombstone for it is gone. */
  hold(now: Instant): void;
  importCorrespondent(now: Instant, snapshot: CorrespondentSnapshot): void;
  /** Home test and care-of test, as far as tokens are missing; Acceptor.testsDone() answers, perhaps at once. */
  runTests(now: Instant): void;
  /**
   * Brings connections and apps to life, silent; Acceptor.installed() or .failed() answers, perhaps at once.
   * `copied` is lent for the length of the call.
   */
  install(now: Instant, connections: readonly ConnectionState[], copied: CopiedBuffers): void;
  /** One-way latencies as this node has measured them: from the donor, and to the client. */
  latencies(): { readonly donor: Duration; readonly client: Duration };
  /** Sends the Binding Update; false when the tokens are gone. */
  bind(now: Instant): boolean;
  /** Asks the home agent for the packets of this (plain) client; Acceptor.flowBound() answers. */
  bindFlow(now: Instant): void;
  /** Packets to the client go straight from our care-of address (or through the home agent), binding or not. */
  route(now: Instant, route: 'direct' | 'home-agent'): void;
  /** The connections speak, apps go on, what was held is taken in. */
  resume(now: Instant): void;
  /** The first data was lost for want of a binding: send it again. */
  nudge(now: Instant): void;
  /** Nothing of this client stays here; what was held goes back to the donor. */
  discard(now: Instant): void;
  finished(now: Instant, outcome: AcceptorOutcome): void;
}

export type AcceptorOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export type AcceptorPhase = 'testing' | 'ready' | 'installing' | 'holding-back' | 'binding' | 'done' | 'failed';

export interface AcceptorOptions {
  readonly id: HandoffId;
  readonly epoch: number;
  readonly client: Address;
  readonly strategy: Strategy;
  readonly timers: TimerQueue;
  readonly actions: AcceptorActions;
}

export class Acceptor {
  readonly id: HandoffId;
  readonly client: Address;
  readonly epoch: number;
  readonly #o: AcceptorOptions;
  readonly #timeout: Timer;
  readonly #copied = new CopiedBuffers();
  #phase: AcceptorPhase = 'testing';
  /** Without Mobile IPv6: reached through the home agent, whoever has it. */
  #plain = false;
  /** Something may have gone to the client. */
  #emitted = false;
  /** The client has refused something for want of a binding since our data went out. */
  #refused = false;
  /** The Binding Update does not leave before this moment. */
  #bindFrom: Instant = EPOCH;

  constructor(options: AcceptorOptions) {
    this.id = options.id;
    this.client = options.client;
    this.epoch = options.epoch;
    this.#o = options;
    this.#timeout = options.timers.timer((now) => this.#timedOut(now));
  }

  get phase(): AcceptorPhase {
    return this.#phase;
  }

  /** Begins the work that PREPARE asks for. */
  start(now: Instant, correspondent: CorrespondentSnapshot): void {
    const { actions, strategy } = this.#o;
    this.#timeout.set(after(now, STATE_TIMEOUT));
    actions.hold(now);
    // On-demand means what it says: a home test of its own, even where the donor has a good token.
    const known = strategy.tokens === 'on-demand' ? { ...correspondent, homeToken: undefined } : correspondent;
    actions.importCorrespondent(now, known);
    this.#plain = correspondent.plainRemainingUs > 0;
    if (this.#plain) this.testsDone(now);
    else actions.runTests(now);
  }

  testsDone(now: Instant): void {
    if (this.#phase !== 'testing') return;
    this.#phase = 'ready';
    this.#o.actions.send(now, { kind: 'ready', id: this.id });
  }

  message(now: Instant, message: HandoffMessage): void {
    if (message.id !== this.id) return;
    switch (message.kind) {
      case 'copy':
        return this.#copy(now, message.connection, message.offset, message.bytes);
      case 'state':
        if (this.#phase === 'failed') return this.#refuseForEver(now);
        return this.#state(now, message);
      case 'abort':
        // Before STATE the donor may change its mind; after it, it has given the client away.
        if (this.#phase === 'testing' || this.#phase === 'ready') this.#end(now, message.reason);
        return;
      case 'query':
        return this.#answer(now);
      case 'prepare':
        // Repeated: say again what was said.
        if (this.#phase === 'failed') return this.#refuseForEver(now);
        if (this.#phase === 'ready') this.#o.actions.send(now, { kind: 'ready', id: this.id });
        return;
      case 'hello':
      case 'ready':
      case 'commit':
      case 'installed':
        return; // a donor's business
      default:
        assertNever(message);
    }
  }

  /** Connections and apps are in place. */
  installed(now: Instant): void {
    if (this.#phase !== 'installing') return;
    if (now >= this.#bindFrom) return this.#bind(now);
    this.#phase = 'holding-back';
    this.#timeout.set(this.#bindFrom);
  }

  /** A failure while nothing has been emitted: the client goes back to the donor. */
  failed(now: Instant, reason: string): void {
    if (!this.#mayAbort()) return;
    this.#o.actions.send(now, { kind: 'abort', id: this.id, reason });
    this.#end(now, reason);
  }

  bindingAcknowledged(now: Instant, status: number): void {
    if (this.#phase !== 'binding' || this.#plain) return;
    if (status >= REFUSED) return this.#reachThroughHomeAgent(now);
    const { actions, strategy } = this.#o;
    // The way is direct now because there is a binding, and for as long as there is one.
    if (strategy.binding === 'confirmed') actions.resume(now);
    else if (this.#refused) actions.nudge(now);
    this.#commit(now);
  }

  /** The home agent's answer about a plain client. */
  flowBound(now: Instant, status: number): void {
    if (this.#phase !== 'binding' || !this.#plain) return;
    if (status >= REFUSED) this.#flowMissing(now, `the home agent refuses the flow binding (status ${status})`);
    else {
      this.#speak(now);
      this.#commit(now);
    }
  }

  bindingError(): void {
    this.#refused = true;
  }

  /** The client does not answer tests or Binding Updates. */
  unresponsive(now: Instant): void {
    if (this.#phase === 'testing') return this.failed(now, 'the client does not answer the return routability tests');
    if (this.#phase === 'binding' && !this.#plain) this.#reachThroughHomeAgent(now);
  }

  channelDown(now: Instant): void {
    // With STATE here the client is ours, whatever becomes of the channel; without, the donor has kept it.
    if (this.#phase === 'testing' || this.#phase === 'ready')
      this.#end(now, 'the control connection to the donor broke');
  }

  #copy(now: Instant, name: ConnectionName, offset: number, bytes: Uint8Array): void {
    if (this.#phase !== 'testing' && this.#phase !== 'ready') return;
    if (!this.#copied.add(name, offset, bytes)) this.failed(now, 'copied buffers do not fit together or are too large');
  }

  #state(now: Instant, state: Extract<HandoffMessage, { kind: 'state' }>): void {
    if (this.#phase === 'testing') return this.failed(now, 'STATE came before READY');
    if (this.#phase !== 'ready') return;
    const { actions, strategy } = this.#o;
    this.#phase = 'installing';
    this.#timeout.set(after(now, RESTORE_TIMEOUT));
    const known =
      strategy.tokens === 'on-demand' ? { ...state.correspondent, homeToken: undefined } : state.correspondent;
    actions.importCorrespondent(now, known);
    // The donor's last packet should be at the client before our Binding Update shuts the donor out.
    const latency = actions.latencies();
    const ahead = strategy.buffers === 'carry' ? state.donorTailUs - latency.donor - latency.client : 0;
    this.#bindFrom = after(now, microseconds(Math.min(Math.max(0, ahead), MAX_HOLD_BACK)));
    actions.install(now, state.connections, this.#copied);
    this.#copied.clear();
  }

  #bind(now: Instant): void {
    const { actions, strategy } = this.#o;
    // Set before the deed: from here on the client is ours.
    this.#phase = 'binding';
    this.#timeout.cancel();
    if (this.#plain) return this.#bindFlow(now);
    this.#timeout.set(after(now, BINDING_TIMEOUT));
    this.#emitted = true;
    if (!actions.bind(now)) {
      this.#emitted = false;
      return this.failed(now, 'the keygen tokens have expired');
    }
    if (strategy.binding === 'confirmed') return;
    actions.route(now, 'direct');
    actions.resume(now);
  }

  /** Until the home agent has it, what the client sends comes by way of the donor. */
  #bindFlow(now: Instant): void {
    const { actions, strategy } = this.#o;
    this.#timeout.set(after(now, FLOW_TIMEOUT));
    actions.bindFlow(now);
    if (strategy.binding === 'optimistic') this.#speak(now);
  }

  /**
   * A plain client to whom nothing was said goes back. Else it stays: the donor's tombstone forwards what the home agent
   * sends there.
   */
  #flowMissing(now: Instant, reason: string): void {
    if (this.#emitted) this.#commit(now);
    else this.failed(now, reason);
  }

  #speak(now: Instant): void {
    if (this.#emitted) return;
    this.#emitted = true;
    this.#o.actions.resume(now);
  }

  /** No binding to be had: the client takes what comes through the home agent whatever its binding (DESIGN.md 5). */
  #reachThroughHomeAgent(now: Instant): void {
    const { actions, strategy } = this.#o;
    actions.route(now, 'home-agent');
    if (strategy.binding === 'confirmed') actions.resume(now);
    else actions.nudge(now); // what went out directly was lost
    this.#commit(now);
  }

  #commit(now: Instant): void {
    this.#phase = 'done';
    this.#timeout.cancel();
    this.#o.actions.send(now, { kind: 'commit', id: this.id });
    this.#o.actions.finished(now, { ok: true });
  }

  #answer(now: Instant): void {
    const { actions } = this.#o;
    switch (this.#phase) {
      case 'done':
        return actions.send(now, { kind: 'commit', id: this.id });
      case 'holding-back':
      case 'binding':
      case 'installing':
        return actions.send(now, { kind: 'installed', id: this.id });
      case 'testing':
      case 'ready':
        // The donor has sent STATE and it never came: the client is not ours and never will be by this id.
        return this.failed(now, 'STATE did not arrive');
      case 'failed':
        return this.#refuseForEver(now);
      default:
        assertNever(this.#phase);
    }
  }

  /** What was given back stays with the donor: this id is refused for ever. */
  #refuseForEver(now: Instant): void {
    this.#o.actions.send(now, { kind: 'abort', id: this.id, reason: 'given back before' });
  }

  #mayAbort(): boolean {
    return !this.#emitted && this.#phase !== 'done' && this.#phase !== 'failed';
  }

  #timedOut(now: Instant): void {
    switch (this.#phase) {
      case 'testing':
      case 'ready':
        return this.failed(now, `the donor sent no STATE within ${STATE_TIMEOUT / 1e6} s`);
      case 'installing':
        return this.failed(now, `the app did not take over within ${RESTORE_TIMEOUT / 1e6} s`);
      case 'holding-back':
        return this.#bind(now);
      case 'binding':
        if (!this.#plain) return this.#reachThroughHomeAgent(now);
        return this.#flowMissing(now, `the home agent did not answer within ${FLOW_TIMEOUT / 1e6} s`);
      case 'done':
      case 'failed':
        return;
      default:
        assertNever(this.#phase);
    }
  }

  #end(now: Instant, reason: string): void {
    this.#phase = 'failed';
    this.#timeout.cancel();
    this.#copied.clear();
    this.#o.actions.discard(now);
    this.#o.actions.finished(now, { ok: false, reason });
  }
}
