// Home test and care-of test with one client (RFC 6275 5.2.5), the two tokens they give, and those of them that come from or go
// to another member.

import { after, type Duration, elapsed, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { MobilityMessage } from '../wire/mobility.ts';
import type { KeygenToken } from './api.ts';
import { type HeldToken, KeygenTest } from './return-routability.ts';

/**
 * A token that ends sooner is got anew when tests are asked for: so long may it take from there to the Binding Update,
 * with both tests sent three times and a handoff's preparation in between.
 */
const TOKEN_RESERVE: Duration = seconds(30);

export type TestKind = 'home' | 'care-of';

/** Which of the two. */
export interface TestChoice {
  readonly home: boolean;
  readonly careOf: boolean;
}

export const BOTH: TestChoice = { home: true, careOf: true };

export interface TestPairCalls {
  newCookie(which: TestKind): Uint8Array;
  sendInit(now: Instant, which: TestKind, cookie: Uint8Array): void;
  /** One of the tokens is there. */
  done(now: Instant): void;
  /** No answer to the last try of one of the tests. */
  failed(now: Instant): void;
  /** renewInTime() was called, and it is time. */
  renewalDue(now: Instant): void;
}

export class TestPair {
  readonly home: KeygenTest;
  readonly careOf: KeygenTest;
  readonly #renewal: Timer;

  constructor(timers: TimerQueue, calls: TestPairCalls) {
    const make = (which: TestKind): KeygenTest =>
      new KeygenTest(timers, {
        newCookie: () => calls.newCookie(which),
        sendInit: (now, cookie) => calls.sendInit(now, which, cookie),
        done: (now) => calls.done(now),
        failed: (now) => calls.failed(now),
      });
    this.home = make('home');
    this.careOf = make('care-of');
    this.#renewal = timers.timer((now) => calls.renewalDue(now));
  }

  get running(): boolean {
    return this.home.running || this.careOf.running;
  }

  /** Both, or undefined. */
  tokens(now: Instant): { readonly home: HeldToken; readonly careOf: HeldToken } | undefined {
    const home = this.home.held(now);
    const careOf = this.careOf.held(now);
    return home === undefined || careOf === undefined ? undefined : { home, careOf };
  }

  /** Those of the tests that are asked for, and whose token is missing or ends soon. */
  start(now: Instant, which: TestChoice): void {
    const needed = after(now, TOKEN_RESERVE);
    if (which.home && this.home.held(needed) === undefined) this.home.start(now);
    if (which.careOf && this.careOf.held(needed) === undefined) this.careOf.start(now);
  }

  stop(): void {
    this.home.stop();
    this.careOf.stop();
  }

  discard(which: TestChoice): void {
    if (which.home) this.home.discardToken();
    if (which.careOf) this.careOf.discardToken();
  }

  /** Is this an init message of ours that waits for its answer? */
  areAsking(message: MobilityMessage): boolean {
    if (message.kind === 'home-test-init') return this.home.isOurs(message.cookie);
    return message.kind === 'care-of-test-init' && this.careOf.isOurs(message.cookie);
  }

  /** Has the tests repeated before the first token of the two ends, where both are there. */
  renewInTime(now: Instant): void {
    const tokens = this.tokens(now);
    if (tokens === undefined) return;
    const end = Math.min(tokens.home.expiresAt, tokens.careOf.expiresAt) as Instant;
    this.#renewal.set(after(now, Math.max(0, elapsed(now, end) - TOKEN_RESERVE) as Duration));
  }

  letEnd(): void {
    this.#renewal.cancel();
  }

  /** The home token depends on the home address alone: another member can use it. */
  homeToken(now: Instant): KeygenToken | undefined {
    const held = this.home.held(now);
    if (held === undefined) return undefined;
    return { token: held.token, nonceIndex: held.nonceIndex, remainingUs: elapsed(now, held.expiresAt) };
  }

  /** Takes what homeToken() gave to another member, unless ours is good for longer. */
  adoptHomeToken(now: Instant, { token, nonceIndex, remainingUs }: KeygenToken): void {
    if (remainingUs <= 0) return;
    const held: HeldToken = { token: token.slice(), nonceIndex, expiresAt: after(now, remainingUs as Duration) };
    const ours = this.home.held(now);
    if (ours === undefined || ours.expiresAt < held.expiresAt) this.home.adopt(held);
  }
}
