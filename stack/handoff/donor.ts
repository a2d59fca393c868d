// The donor's side of a handoff as a state machine: pure, driven by messages and events, acting through
// DonorActions. DESIGN.md section 7: STATE is its point of no return. Before STATE any failure thaws the
// client at once; after it only an explicit ABORT of the acceptor does, and a silent acceptor is asked
// with QUERY until it answers. It knows nothing of sockets, packets or the control channel.

import { assertNever } from '../core/parsed.ts';
import { after, type Duration, type Instant, microseconds, milliseconds, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { CorrespondentSnapshot } from '../mobility/api.ts';
import type { Address } from '../wire/address.ts';
import type { ConnectionState, HandoffId, HandoffMessage } from './messages.ts';
import type { Strategy } from './strategy.ts';

/** The acceptor has to answer PREPARE (tests included) within this time. */
export const PREPARE_TIMEOUT: Duration = seconds(10);
/** A client that does not acknowledge (a closed window, say) must not keep its connections quiet for longer. */
export const DRAIN_TIMEOUT: Duration = seconds(10);
/** An app that does not give its state in this time keeps its client. */
export const SAVE_TIMEOUT: Duration = seconds(5);
/** Send buffers are copied ahead this often while the handoff is being prepared. */
export const COPY_INTERVAL: Duration = milliseconds(2);
/** A control channel that is slower than the app writes does not put the handoff off for longer. */
export const CATCH_UP_TIMEOUT: Duration = seconds(3);
/** How often a silent acceptor is asked, and how often at the most (the user timeout of RFC 5482: 5 minutes). */
export const QUERY_INTERVAL: Duration = seconds(2);
export const MAX_QUERIES = 150;

/** What the donor makes happen; all of it concerns the one client of the handoff. */
export interface DonorActions {
  send(now: Instant, message: HandoffMessage): void;
  /** The apps write no more; TCP runs on. */
  quiesce(now: Instant): void;
  /** Is every octet that the apps wrote acknowledged? Told again through Donor.drained(). */
  isDrained(): boolean;
  /** Asks the apps for their states; Donor.saved() or Donor.failed() answers, perhaps at once. */
  save(now: Instant): void;
  /** No output from now on; what arrives for the client's connections is held. */
  freeze(now: Instant): void;
  /** Sends what the send buffers hold beyond what was copied before, as 'copy' messages. */
  copyAhead(now: Instant): void;
  /** Is all that was copied on its way, and would STATE leave at once behind it? */
  hasCaughtUp(): boolean;
  /** The frozen connections and the apps' states, less what was copied ahead. */
  collect(now: Instant): readonly ConnectionState[];
  correspondent(now: Instant): CorrespondentSnapshot;
  /** How long until the last packet sent is at the client, the queue on the path included. */
  tail(): Duration;
  /** What is held, and all that comes later, goes to the acceptor. */
  forward(now: Instant): void;
  /** Everything goes on here as if nothing had happened. Also undoes forward(). */
  thaw(now: Instant): void;
  /** The connections are the acceptor's: forget them without a word to the client. */
  release(now: Instant): void;
  finished(now: Instant, outcome: DonorOutcome): void;
}

export type DonorOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export type DonorPhase =
  | 'idle'
  | 'quiescing'
  | 'preparing'
  | 'catching-up'
  | 'draining'
  | 'saving'
  | 'shipped'
  | 'done'
  | 'failed';

export interface DonorOptions {
  readonly id: HandoffId;
  readonly epoch: number;
  readonly client: Address;
  readonly strategy: Strategy;
  readonly timers: TimerQueue;
  readonly actions: DonorActions;
}

export class Donor {
  readonly id: HandoffId;
  readonly client: Address;
  readonly #o: DonorOptions;
  readonly #timeout: Timer;
  readonly #copyTimer: Timer;
  #phase: DonorPhase = 'idle';
  #queries = 0;

  constructor(options: DonorOptions) {
    this.id = options.id;
    this.client = options.client;
    this.#o = options;
    this.#timeout = options.timers.timer((now) => this.#timedOut(now));
    this.#copyTimer = options.timers.timer((now) => this.#copyAgain(now));
  }

  get phase(): DonorPhase {
    return this.#phase;
  }

  start(now: Instant): void {
    if (this.#phase !== 'idle') return;
    if (this.#o.strategy.tokens === 'prefetched') this.#prepare(now);
    else {
      this.#o.actions.quiesce(now);
      if (this.#o.strategy.buffers === 'carry') this.#prepare(now);
      else this.#await(now, 'quiescing', DRAIN_TIMEOUT);
      this.drained(now);
    }
  }

  /** The last octet that the apps wrote has been acknowledged. */
  drained(now: Instant): void {
    if (!this.#o.actions.isDrained()) return;
    if (this.#phase === 'quiescing') this.#prepare(now);
    else if (this.#phase === 'draining') this.#save(now);
  }

  message(now: Instant, message: HandoffMessage): void {
    if (message.id !== this.id) return;
    switch (message.kind) {
      case 'ready':
        if (this.#phase === 'preparing') this.#ready(now);
        return;
      case 'commit':
        if (this.#phase === 'shipped') this.#commit(now);
        return;
      case 'abort':
        this.failed(now, message.reason, 'acceptor');
        return;
      case 'installed':
        // The acceptor has it and works on the binding: go on waiting for as long as it takes.
        if (this.#phase === 'shipped') this.#queries = 0;
        return;
      case 'hello':
      case 'prepare':
      case 'copy':
      case 'state':
      case 'query':
        return; // an acceptor's business
      default:
        assertNever(message);
    }
  }

  /** The apps have given their states. */
  saved(now: Instant): void {
    if (this.#phase !== 'saving') return;
    const { actions } = this.#o;
    actions.freeze(now);
    const tail = actions.tail();
    this.#await(now, 'shipped', QUERY_INTERVAL);
    actions.send(now, {
      kind: 'state',
      id: this.id,
      correspondent: actions.correspondent(now),
      connections: actions.collect(now),
      donorTailUs: tail,
    });
    actions.forward(now);
  }

  /** Something went wrong. Before STATE the client stays here; after it only the acceptor can give it back. */
  failed(now: Instant, reason: string, by: 'donor' | 'acceptor' = 'donor'): void {
    if (this.#phase === 'done' || this.#phase === 'failed') return;
    if (this.#phase === 'shipped' && by === 'donor') return;
    if (by === 'donor') this.#o.actions.send(now, { kind: 'abort', id: this.id, reason });
    this.#end('failed');
    this.#o.actions.thaw(now);
    this.#o.actions.finished(now, { ok: false, reason });
  }

  /** The control connection to the acceptor is down. */
  channelDown(now: Instant): void {
    if (this.#phase === 'shipped') this.#query(now);
    else this.failed(now, 'the control connection to the acceptor broke');
  }

  #prepare(now: Instant): void {
    const { actions, id, epoch, client, strategy } = this.#o;
    this.#await(now, 'preparing', PREPARE_TIMEOUT);
    actions.send(now, { kind: 'prepare', id, epoch, client, strategy, correspondent: actions.correspondent(now) });
    if (strategy.buffers === 'carry') this.#copyAgain(now);
  }

  #copyAgain(now: Instant): void {
    if (this.#phase !== 'preparing' && this.#phase !== 'catching-up') return;
    this.#o.actions.copyAhead(now);
    this.#copyTimer.set(after(now, COPY_INTERVAL));
    // A STATE that queued behind copies would be seen by the client: stop only when it can leave at once.
    if (this.#phase === 'catching-up' && this.#o.actions.hasCaughtUp()) this.#stop(now);
  }

  #ready(now: Instant): void {
    if (this.#o.strategy.buffers === 'carry') {
      this.#await(now, 'catching-up', CATCH_UP_TIMEOUT);
      this.#copyAgain(now);
    } else {
      this.#o.actions.quiesce(now);
      this.#await(now, 'draining', DRAIN_TIMEOUT);
      this.drained(now);
    }
  }

  #stop(now: Instant): void {
    this.#copyTimer.cancel();
    this.#o.actions.quiesce(now);
    this.#save(now);
  }

  #save(now: Instant): void {
    this.#await(now, 'saving', SAVE_TIMEOUT);
    this.#o.actions.save(now);
  }

  #commit(now: Instant): void {
    this.#end('done');
    this.#o.actions.release(now);
    this.#o.actions.finished(now, { ok: true });
  }

  #query(now: Instant): void {
    this.#queries += 1;
    if (this.#queries > MAX_QUERIES) {
      this.#end('failed');
      this.#o.actions.release(now);
      this.#o.actions.finished(now, { ok: false, reason: 'the acceptor fell silent after it was given the client' });
      return;
    }
    this.#timeout.set(after(now, QUERY_INTERVAL));
    this.#o.actions.send(now, { kind: 'query', id: this.id });
  }

  #timedOut(now: Instant): void {
    switch (this.#phase) {
      case 'quiescing':
      case 'draining':
        return this.failed(now, `the client did not acknowledge all data within ${DRAIN_TIMEOUT / 1e6} s`);
      case 'preparing':
        return this.failed(now, `the acceptor was not ready within ${PREPARE_TIMEOUT / 1e6} s`);
      case 'catching-up':
        return this.#stop(now);
      case 'saving':
        return this.failed(now, `the app did not give its state within ${SAVE_TIMEOUT / 1e6} s`);
      case 'shipped':
        return this.#query(now);
      case 'idle':
      case 'done':
      case 'failed':
        return;
      default:
        assertNever(this.#phase);
    }
  }

  #await(now: Instant, phase: DonorPhase, timeout: Duration): void {
    this.#phase = phase;
    this.#timeout.set(after(now, timeout));
  }

  #end(phase: 'done' | 'failed'): void {
    this.#phase = phase;
    this.#timeout.cancel();
    this.#copyTimer.cancel();
  }
}

/**
 * How long the last packet sent takes to the client: the latency that mobility has measured on this very path, plus
 * the queue that the connections' round trips show now. (The least round trip of TCP would not do for the latency: it
 * may be that of the detour through the home agent with which every connection begins. Nor the smoothed one for the
 * queue: whatever delays an acknowledgement, on either side, counts in it.)
 */
export function tailOf(
  latency: Duration | undefined,
  rtts: readonly { readonly recentRtt: Duration | undefined }[],
): Duration {
  if (latency === undefined) return microseconds(0);
  let queue = 0;
  for (const { recentRtt } of rtts) queue = Math.max(queue, (recentRtt ?? 0) - 2 * latency);
  return microseconds(latency + queue);
}
