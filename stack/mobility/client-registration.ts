// One entry of the Binding Update List (RFC 6275 11.1): how far we are with one client. Runs the two tests,
// sends the Binding Update and sends it again until it is acknowledged (11.7.2, 11.7.3, 11.8), keeps the
// binding fresh, and remembers a client that cannot do any of it. How messages go out is MobileNode's.

import { after, type Duration, elapsed, type Instant, seconds, times } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Address } from '../wire/address.ts';
import { BINDING_STATUS, type BindingAcknowledgement, type MobilityMessage } from '../wire/mobility.ts';
import type { CorrespondentSnapshot, MobileNodeEvents, RouteOptimization } from './api.ts';
import { FIRST_REJECTION, INITIAL_BINDACK_TIMEOUT, LIFETIME_UNIT, sequenceIsNewer } from './constants.ts';
import { bindingManagementKey } from './rr-keys.ts';
import { BOTH, type TestChoice, type TestKind, TestPair } from './test-pair.ts';
import { type OutstandingUpdate, UpdateExchange, type UpdateTerms } from './update-exchange.ts';
import type { UpdatePolicy } from './update-policy.ts';

/** How long a client that did not answer, or refused, is left alone (RFC 6275 11.3.5: "some period of time"). */
export const PLAIN_MEMORY: Duration = seconds(300);
/** A binding is renewed when this part of its life is over; where that fails it is tried again until the end. */
const RENEWAL_FRACTION = 4 / 5;
const RENEWAL_RETRY: Duration = seconds(10);
/** What an entry needs of the mobile node it belongs to. */
export interface RegistrationCalls {
  readonly timers: TimerQueue;
  readonly policy: UpdatePolicy;
  readonly events: MobileNodeEvents;
  newCookie(which: TestKind): Uint8Array;
  sendTestInit(now: Instant, client: Address, which: TestKind, cookie: Uint8Array): void;
  sendUpdate(now: Instant, client: Address, terms: UpdateTerms): void;
  /** For the Lifetime field: never beyond our own home registration (RFC 6275 11.7.2). */
  lifetimeUnits(now: Instant): number;
  /** The way of packets to this client has changed. */
  routeChanged(now: Instant, client: Address): void;
}

export class ClientRegistration {
  readonly client: Address;
  readonly tests: TestPair;
  readonly #calls: RegistrationCalls;
  readonly #updates: UpdateExchange;
  readonly #renewal: Timer;
  readonly #expiry: Timer;
  readonly #forgiveness: Timer;
  /** When the binding at the client ends; undefined: there is none that we know of. */
  #boundUntil: Instant | undefined;
  /** Until then it is taken for a client without Mobile IPv6. */
  #plainUntil: Instant | undefined;
  #suspended = false;
  /** As useRoute says; undefined: direct if bound. */
  #route: 'direct' | 'home-agent' | undefined;
  /** From the last update to its acknowledgement. */
  #updateRoundTrip: Duration | undefined;
  /** A Binding Update is to follow as soon as both tokens are there. */
  #wantsBinding = false;

  constructor(client: Address, sequence: number, calls: RegistrationCalls) {
    this.client = client;
    this.#calls = calls;
    this.tests = new TestPair(calls.timers, {
      newCookie: (which) => calls.newCookie(which),
      sendInit: (now, which, cookie) => calls.sendTestInit(now, client, which, cookie),
      done: (now) => this.#testDone(now),
      failed: (now) => this.#failed(now),
      renewalDue: (now) => this.runTests(now, BOTH),
    });
    this.#updates = new UpdateExchange(calls.timers, sequence, {
      terms: (now) => this.#terms(now),
      send: (now, terms) => this.#send(now, terms),
      tokensEnded: (now) => this.optimize(now),
      failed: (now) => this.#failed(now),
    });
    this.#renewal = calls.timers.timer((now) => this.optimize(now));
    this.#expiry = calls.timers.timer((now) => this.#expired(now));
    this.#forgiveness = calls.timers.timer(() => {
      this.#plainUntil = undefined;
    });
  }

  state(): RouteOptimization {
    if (this.#plainUntil !== undefined) return 'plain';
    if (this.#boundUntil !== undefined) return 'bound';
    if (this.#updates.running) return 'updating';
    return this.tests.running ? 'testing' : 'none';
  }

  /** Do packets to the client leave from the care-of address, with a Home Address option? */
  get direct(): boolean {
    return this.#route === undefined ? this.#boundUntil !== undefined : this.#route === 'direct';
  }

  /** One way, by the latest exchange over the direct path. */
  get latency(): Duration | undefined {
    const roundTrip = this.#updateRoundTrip ?? this.tests.careOf.roundTrip;
    return roundTrip === undefined ? undefined : times(roundTrip, 1 / 2);
  }

  /** An exchange with the client is under way: an error it sends now may be about it. */
  get busy(): boolean {
    return this.#updates.running || this.tests.running;
  }

  hasTokens(now: Instant): boolean {
    return this.tests.tokens(now) !== undefined;
  }

  /** RFC 6275 11.7.2: both tests where needed, then the update. */
  optimize(now: Instant): void {
    if (this.#plainUntil !== undefined || this.#suspended) return;
    this.#wantsBinding = true;
    if (this.hasTokens(now)) this.sendUpdate(now);
    else this.runTests(now, BOTH);
  }

  runTests(now: Instant, which: TestChoice): void {
    if (this.#plainUntil !== undefined || this.#suspended) return;
    this.tests.start(now, which);
    if (!this.busy && this.hasTokens(now)) this.#calls.events.testsDone?.(now, this.client);
  }

  /** A new update, at once or as soon as the rate allows. False: a token is missing. */
  sendUpdate(now: Instant): boolean {
    if (this.#suspended || !this.hasTokens(now)) return false;
    const measured = this.#calls.policy.firstWait === 'round-trips' ? this.tests.careOf.roundTrip : undefined;
    this.#forgive();
    this.#updates.transmit(now, measured === undefined ? INITIAL_BINDACK_TIMEOUT : times(measured, 2));
    return true;
  }

  useRoute(now: Instant, route: 'direct' | 'home-agent'): void {
    const before = this.direct;
    this.#route = route;
    if (this.direct !== before) this.#calls.routeChanged(now, this.client);
  }

  /** RFC 6275 11.7.3. `verify` checks the authenticator under a key. */
  acknowledge(now: Instant, ack: BindingAcknowledgement, verify: (kbm: Uint8Array) => boolean): void {
    const update = this.#updates.outstanding;
    if (update === undefined) return;
    const { status } = ack;
    if (status >= BINDING_STATUS.expiredHomeNonce && status <= BINDING_STATUS.expiredNonces) {
      // These come unauthenticated (9.5.4): believed only for the very update that is outstanding.
      if (ack.sequence === update.terms.sequence) this.#repeatTests(now, status);
    } else if (!verify(update.terms.kbm)) {
      return;
    } else if (status === BINDING_STATUS.sequenceOutOfWindow) {
      this.#updates.sequence = ack.sequence;
      this.#updates.resendSoon(now);
    } else if (ack.sequence === update.terms.sequence) {
      // Accepted for no time at all is as good as refused, and asking again at once would never end.
      if (status < FIRST_REJECTION && ack.lifetime > 0) this.#bound(now, update, ack);
      else this.#refuse(now);
      this.#calls.events.bindingAcknowledged?.(now, this.client, status);
    }
  }

  /** Binding Error 1 (RFC 6275 11.3.6): the client has no binding, or not yet the one our update is to make. */
  bindingError(now: Instant): void {
    if (this.#suspended) return;
    if (this.#updates.outstanding !== undefined) this.#updates.resendSoon(now);
    else if (this.#boundUntil !== undefined) this.#expired(now);
    this.#calls.events.bindingError?.(now, this.client);
  }

  /** Binding Error 2 (RFC 6275 11.3.6): the client knows no mobility. Nothing proves it, so it ends no binding. */
  unable(now: Instant): void {
    if (this.busy) this.#failed(now);
  }

  /**
   * An ICMPv6 Parameter Problem about a message to the client (RFC 6275 11.3.5). Anybody can send one: it counts where it
   * quotes the cookie, or the authenticator, of what waits for an answer, for these show but on the way to the client.
   */
  parameterProblem(now: Instant, quoted: MobilityMessage, verify: (kbm: Uint8Array) => boolean): void {
    if (this.#hasSent(quoted, verify)) this.unable(now);
  }

  #hasSent(message: MobilityMessage, verify: (kbm: Uint8Array) => boolean): boolean {
    if (this.tests.areAsking(message)) return true;
    const terms = this.#updates.outstanding?.terms;
    if (message.kind !== 'binding-update' || terms === undefined) return false;
    return message.sequence === terms.sequence && verify(terms.kbm);
  }

  /** Binding Refresh Request (RFC 6275 11.7.4): both tests, whatever tokens there are, then the update. */
  refreshRequested(now: Instant): void {
    if (this.#boundUntil === undefined || this.busy || this.#suspended) return;
    this.tests.discard(BOTH);
    this.optimize(now);
  }

  /** Nothing is sent to the client, whatever comes or falls due, until wake(). What is known stays. */
  suspend(): void {
    this.#suspended = true;
    this.#endExchange();
    this.#renewal.cancel();
    this.#expiry.cancel();
    this.tests.letEnd();
  }

  /** The binding may have changed hands meanwhile: the client is asked to take it from us again. */
  wake(now: Instant): void {
    if (!this.#suspended) return;
    this.#suspended = false;
    if (this.#boundUntil === undefined) return;
    this.#expiry.set(this.#boundUntil);
    this.optimize(now);
  }

  snapshot(now: Instant): CorrespondentSnapshot {
    return {
      client: this.client,
      homeToken: this.tests.homeToken(now),
      lastSequence: this.#updates.sequence,
      bindingRemainingUs: this.#boundUntil === undefined ? 0 : Math.max(0, elapsed(now, this.#boundUntil)),
      plainRemainingUs: this.#plainUntil === undefined ? 0 : Math.max(0, elapsed(now, this.#plainUntil)),
    };
  }

  /** Adds what another member knew to what we know (a care-of token got ahead of time stays). */
  adopt(now: Instant, snapshot: CorrespondentSnapshot): void {
    const { homeToken, lastSequence, plainRemainingUs } = snapshot;
    if (homeToken !== undefined) this.tests.adoptHomeToken(now, homeToken);
    // Until now this member had no binding at the client, so the donor's number is the one that counts.
    const counts = this.#boundUntil === undefined || sequenceIsNewer(lastSequence, this.#updates.sequence);
    if (counts) this.#updates.sequence = lastSequence;
    // What is left of it, and no more: a client that goes from member to member is tried again in its time.
    if (plainRemainingUs > 0) this.#takeForPlain(after(now, Math.min(plainRemainingUs, PLAIN_MEMORY) as Duration));
    else this.#forgive();
  }

  /** Ends every timer: the entry is forgotten. */
  stop(): void {
    this.tests.stop();
    this.tests.letEnd();
    this.#updates.end();
    for (const timer of [this.#renewal, this.#expiry, this.#forgiveness]) timer.cancel();
  }

  #testDone(now: Instant): void {
    if (!this.hasTokens(now)) return;
    if (this.#wantsBinding) this.sendUpdate(now);
    this.#keepTokens(now);
    this.#calls.events.testsDone?.(now, this.client);
  }

  /** With the tokens there are. */
  #terms(now: Instant): Omit<UpdateTerms, 'sequence'> | undefined {
    const tokens = this.tests.tokens(now);
    if (tokens === undefined) return undefined;
    const { home, careOf } = tokens;
    return {
      acknowledge: this.#calls.policy.acknowledge,
      lifetime: this.#calls.lifetimeUnits(now),
      homeNonceIndex: home.nonceIndex,
      careOfNonceIndex: careOf.nonceIndex,
      kbm: bindingManagementKey(home.token, careOf.token),
    };
  }

  #send(now: Instant, terms: UpdateTerms): void {
    this.#calls.sendUpdate(now, this.client, terms);
    if (!terms.acknowledge) this.#hold(now, now, times(LIFETIME_UNIT, terms.lifetime));
  }

  #repeatTests(now: Instant, status: number): void {
    const { expiredHomeNonce, expiredCareOfNonce } = BINDING_STATUS;
    this.tests.discard({ home: status !== expiredCareOfNonce, careOf: status !== expiredHomeNonce });
    this.#updates.end();
    this.optimize(now);
  }

  /** RFC 6275 11.7.3: the lifetime counts from the sending of the update. */
  #bound(now: Instant, { sentAt, terms }: OutstandingUpdate, ack: BindingAcknowledgement): void {
    this.#updateRoundTrip = elapsed(sentAt, now);
    this.#hold(now, sentAt, times(LIFETIME_UNIT, Math.min(ack.lifetime, terms.lifetime)));
  }

  #hold(now: Instant, sentAt: Instant, lifetime: Duration): void {
    this.#updates.end();
    this.#wantsBinding = false;
    const before = this.direct;
    this.#route = undefined;
    this.#boundUntil = after(sentAt, lifetime);
    this.#expiry.set(this.#boundUntil);
    if (this.#calls.policy.renew) this.#renewal.set(after(sentAt, times(lifetime, RENEWAL_FRACTION)));
    this.#keepTokens(now);
    if (!before) this.#calls.routeChanged(now, this.client);
  }

  /** While there is a binding. */
  #keepTokens(now: Instant): void {
    if (this.#calls.policy.keepTokens && this.#boundUntil !== undefined) this.tests.renewInTime(now);
  }

  /** The binding is gone, and wanted back, unless bindings are not renewed. */
  #expired(now: Instant): void {
    this.#endBinding(now);
    if (this.#calls.policy.renew) this.optimize(now);
  }

  #endBinding(now: Instant): void {
    const before = this.direct;
    this.#boundUntil = undefined;
    this.#expiry.cancel();
    this.#renewal.cancel();
    this.tests.letEnd();
    if (before !== this.direct) this.#calls.routeChanged(now, this.client);
  }

  /** No answer to the last try. While there is a binding yet, that is no reason to take the client for plain. */
  #failed(now: Instant): void {
    if (this.#boundUntil !== undefined) {
      this.#endExchange();
      this.#renewal.set(after(now, RENEWAL_RETRY));
      return;
    }
    this.#refuse(now);
    this.#calls.events.unresponsive?.(now, this.client);
  }

  /** Back to the home agent, and no more tries for a while (MAX_RO_FAILURE, 11.3.5). */
  #refuse(now: Instant): void {
    this.#endExchange();
    this.#takeForPlain(after(now, PLAIN_MEMORY));
    this.useRoute(now, 'home-agent');
    this.#endBinding(now);
    this.#route = undefined;
  }

  #endExchange(): void {
    this.tests.stop();
    this.#updates.end();
    this.#wantsBinding = false;
  }

  #takeForPlain(until: Instant): void {
    this.#plainUntil = until;
    this.#forgiveness.set(until);
  }

  #forgive(): void {
    this.#plainUntil = undefined;
    this.#forgiveness.cancel();
  }
}
