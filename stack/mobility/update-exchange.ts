// One Binding Update to a client, from its sending to its acknowledgement (RFC 6275 11.7.2, 11.8): sent again with
// back-off, each time under a sequence number of its own, never more than three in a second. What the acknowledgement
// means is ClientRegistration's.

import { after, type Duration, type Instant, times } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import { INITIAL_BINDACK_TIMEOUT, MAX_BINDACK_TIMEOUT } from './constants.ts';
import { UpdateRate } from './update-rate.ts';

/** Updates sent in one exchange, Binding Errors making for quick ones: the client answers all but what we need. */
const MAX_UPDATE_TRIES = 40;

/** What a Binding Update to the client is made of. */
export interface UpdateTerms {
  readonly sequence: number;
  readonly acknowledge: boolean;
  readonly lifetime: number;
  readonly homeNonceIndex: number;
  readonly careOfNonceIndex: number;
  readonly kbm: Uint8Array;
}

/** A Binding Update that waits for its acknowledgement. */
export interface OutstandingUpdate {
  readonly terms: UpdateTerms;
  readonly sentAt: Instant;
  /** Until it is sent again. */
  readonly wait: Duration;
  readonly tries: number;
}

export interface UpdateExchangeCalls {
  /** What an update made now consists of, but for its number; undefined: a token is missing. */
  terms(now: Instant): Omit<UpdateTerms, 'sequence'> | undefined;
  send(now: Instant, terms: UpdateTerms): void;
  /** Tokens ran out before the acknowledgement came; the exchange has ended. */
  tokensEnded(now: Instant): void;
  /** No answer to the last try. */
  failed(now: Instant): void;
}

export class UpdateExchange {
  /** Of the last update; the next one's is one more. */
  sequence: number;
  readonly #calls: UpdateExchangeCalls;
  readonly #resend: Timer;
  readonly #rate = new UpdateRate();
  #outstanding: OutstandingUpdate | undefined;
  /** The next sending is due early (or held back by the rate) and is followed by this wait, not a doubled one. */
  #nextWait: Duration | undefined;

  constructor(timers: TimerQueue, sequence: number, calls: UpdateExchangeCalls) {
    this.sequence = sequence;
    this.#calls = calls;
    this.#resend = timers.timer((now) => this.#resendDue(now));
  }

  /** Undefined too while the first update is held back by the rate. */
  get outstanding(): OutstandingUpdate | undefined {
    return this.#outstanding;
  }

  get running(): boolean {
    return this.#outstanding !== undefined || this.#nextWait !== undefined;
  }

  /** Sends an update, at once or as soon as the rate allows. It is sent again after `wait`. */
  transmit(now: Instant, wait: Duration): void {
    const made = this.#calls.terms(now);
    if (made === undefined) {
      this.end();
      this.#calls.tokensEnded(now);
      return;
    }
    const earliest = this.#rate.earliest(now);
    if (earliest > now) {
      this.#nextWait = wait;
      this.#resend.set(earliest);
      return;
    }
    this.sequence = (this.sequence + 1) & 0xffff;
    const terms = { ...made, sequence: this.sequence };
    this.#nextWait = undefined;
    this.#outstanding = { terms, sentAt: now, wait, tries: (this.#outstanding?.tries ?? 0) + 1 };
    this.#rate.note(now);
    this.#resend.set(after(now, wait));
    this.#calls.send(now, terms);
  }

  /** Sends the outstanding update again at once, or as soon as the rate allows, and without backing off further. */
  resendSoon(now: Instant): void {
    if (this.#outstanding === undefined) return;
    this.#nextWait = this.#outstanding.wait;
    this.#resend.set(this.#rate.earliest(now));
  }

  end(): void {
    this.#outstanding = undefined;
    this.#nextWait = undefined;
    this.#resend.cancel();
  }

  /** RFC 6275 11.8: doubling, until MAX_BINDACK_TIMEOUT has been waited. */
  #resendDue(now: Instant): void {
    const early = this.#nextWait;
    const { wait, tries } = this.#outstanding ?? { wait: INITIAL_BINDACK_TIMEOUT, tries: 0 };
    if (tries >= MAX_UPDATE_TRIES || (early === undefined && wait >= MAX_BINDACK_TIMEOUT)) this.#calls.failed(now);
    else this.transmit(now, early ?? (Math.min(times(wait, 2), MAX_BINDACK_TIMEOUT) as Duration));
  }
}
