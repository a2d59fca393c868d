// One half of return routability as the mobile node runs it (RFC 6275 5.2.5, 11.6.1, 11.6.2): an init message
// with a fresh cookie, sent again with back-off (11.8), the keygen token that answers it, and that token's life.
// Home and care-of test differ only in the way their init message goes, which is the caller's.

import { equalSecret } from '../core/bytes.ts';
import { after, type Duration, elapsed, type Instant, times } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Test } from '../wire/mobility.ts';
import { INITIAL_BINDACK_TIMEOUT, MAX_RO_FAILURE, MAX_TOKEN_LIFETIME } from './constants.ts';

export interface HeldToken {
  readonly token: Uint8Array;
  readonly nonceIndex: number;
  /** End of its 210 s. */
  readonly expiresAt: Instant;
}

export interface KeygenTestCalls {
  newCookie(): Uint8Array;
  sendInit(now: Instant, cookie: Uint8Array): void;
  /** The token is there. */
  done(now: Instant): void;
  /** No answer to the last try. */
  failed(now: Instant): void;
}

export class KeygenTest {
  readonly #calls: KeygenTestCalls;
  readonly #retry: Timer;
  /** Cookie of the latest init message; undefined while no test runs. */
  #cookie: Uint8Array | undefined;
  #sentAt: Instant = 0 as Instant;
  #wait: Duration = INITIAL_BINDACK_TIMEOUT;
  #tries = 0;
  #held: HeldToken | undefined;
  #roundTrip: Duration | undefined;

  constructor(timers: TimerQueue, calls: KeygenTestCalls) {
    this.#calls = calls;
    this.#retry = timers.timer((now) => this.#timeout(now));
  }

  get running(): boolean {
    return this.#cookie !== undefined;
  }

  /** From the init message to its answer, the last time there was one. */
  get roundTrip(): Duration | undefined {
    return this.#roundTrip;
  }

  /** Is this the cookie of the init message that waits for its answer? */
  isOurs(cookie: Uint8Array): boolean {
    return this.#cookie !== undefined && equalSecret(this.#cookie, cookie);
  }

  held(now: Instant): HeldToken | undefined {
    return this.#held !== undefined && this.#held.expiresAt > now ? this.#held : undefined;
  }

  /** Does nothing while a test runs already. */
  start(now: Instant): void {
    if (this.running) return;
    this.#tries = 0;
    this.#wait = INITIAL_BINDACK_TIMEOUT;
    this.#send(now);
  }

  stop(): void {
    this.#cookie = undefined;
    this.#retry.cancel();
  }

  /** RFC 6275 11.6.2. False: not an answer to the latest init message. */
  answer(now: Instant, test: Test): boolean {
    if (!this.isOurs(test.cookie)) return false;
    this.stop();
    this.#roundTrip = elapsed(this.#sentAt, now);
    this.adopt({ token: test.token.slice(), nonceIndex: test.nonceIndex, expiresAt: after(now, MAX_TOKEN_LIFETIME) });
    this.#calls.done(now);
    return true;
  }

  /** Takes a token that somebody else was given for the same address. */
  adopt(token: HeldToken): void {
    this.#held = token;
  }

  /** The correspondent no longer recognizes the nonce behind the token. */
  discardToken(): void {
    this.#held = undefined;
  }

  /** Each try has a cookie of its own (RFC 6275 11.8). */
  #send(now: Instant): void {
    this.#tries++;
    this.#sentAt = now;
    this.#cookie = this.#calls.newCookie();
    this.#retry.set(after(now, this.#wait));
    this.#calls.sendInit(now, this.#cookie);
  }

  #timeout(now: Instant): void {
    if (this.#tries < MAX_RO_FAILURE) {
      this.#wait = times(this.#wait, 2);
      this.#send(now);
      return;
    }
    this.stop();
    this.#calls.failed(now);
  }
}
