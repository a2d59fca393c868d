// The binding caches of a correspondent (RFC 6275 9.1): home address -> care-of address, one cache for each address of
// ours, with what is needed to keep, refresh and end an entry. All of them share one bound. An entry that ended stays behind as a memory of its sequence number
// until no nonce of its time is recognized any more, so that an old update cannot be replayed (5.2.8).

import { after, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Detour } from '../ipv6/hooks.ts';
import type { Address } from '../wire/address.ts';
import { MAX_NONCE_LIFETIME } from './constants.ts';
import { SiteShares } from './site-shares.ts';

/** Bindings held at a time, and remembered after their end. A peer can make one for each of its home addresses. */
export const MAX_BINDINGS = 4096;
/** Errors from the path within ERROR_WINDOW that end a binding (RFC 6275 9.3.4: persistent ones). */
const PERSISTENT_ERRORS = 5;
const ERROR_WINDOW = seconds(60);

/** What a valid Binding Update says. */
export interface BindingTerms {
  readonly home: Address;
  readonly careOf: Address;
  /** The address of ours that the update was sent to, whose cache this is: the source of a Binding Refresh Request. */
  readonly local: Address;
  readonly sequence: number;
  readonly expiresAt: Instant;
}

export interface Binding extends BindingTerms {
  readonly grantedAt: Instant;
  /** What the output hook gives for packets to `home`: made once, for it is asked for each packet. */
  readonly detour: Detour;
  /** Expiry, and the steps on the way to it. */
  readonly timer: Timer;
  /** Packets used the entry since somebody last looked (and cleared it). */
  used: boolean;
  errors: number;
  firstErrorAt: Instant;
}

interface EndedBinding {
  readonly sequence: number;
  readonly forgetAt: Instant;
}

export class BindingCache {
  readonly #bindings: SiteShares<Binding>;
  readonly #ended: SiteShares<EndedBinding>;
  readonly #timers: TimerQueue;
  readonly #onTimer: (now: Instant, binding: Binding) => void;
  /** What was found last: packets come in trains, and a key of text is dear. */
  #last: { readonly local: Address; readonly home: Address; readonly binding: Binding | undefined } | undefined;

  /** `onTimer` is called when a binding's timer, which it sets itself, is due. */
  constructor(timers: TimerQueue, onTimer: (now: Instant, binding: Binding) => void, limit: number = MAX_BINDINGS) {
    this.#timers = timers;
    this.#onTimer = onTimer;
    this.#bindings = new SiteShares(limit, spareOnceIfUsed);
    this.#ended = new SiteShares(limit);
  }

  get size(): number {
    return this.#bindings.size;
  }

  /** All entries, in no order that means anything. */
  values(): IterableIterator<Binding> {
    return this.#bindings.values();
  }

  /** Our address's entry for this home address. It ends by its timer, which runs at the very instant of expiry. */
  find(local: Address, home: Address): Binding | undefined {
    if (this.#last?.home.equals(home) === true && this.#last.local.equals(local)) return this.#last.binding;
    const binding = this.#bindings.get(keyOf(local, home));
    this.#last = { local, home, binding };
    return binding;
  }

  /**
   * The last sequence number accepted for this home address at ours, also of a binding that ended a short while ago: whatever
   * nonces an update rests on, for a number that begins anew would let those of before be replayed (RFC 6275 5.2.8).
   */
  lastSequence(now: Instant, local: Address, home: Address): number | undefined {
    const binding = this.find(local, home);
    if (binding !== undefined) return binding.sequence;
    const ended = this.#ended.get(keyOf(local, home));
    return ended !== undefined && ended.forgetAt > now ? ended.sequence : undefined;
  }

  /** RFC 6275 9.5.2: makes or replaces the entry. `evicted` lost its place to it, the table being full (9.6). */
  set(now: Instant, terms: BindingTerms): { readonly binding: Binding; readonly evicted: Binding | undefined } {
    const key = keyOf(terms.local, terms.home);
    this.#bindings.get(key)?.timer.cancel();
    this.#last = undefined;
    const binding: Binding = {
      ...terms,
      grantedAt: now,
      detour: { careOfDestination: terms.careOf },
      timer: this.#timers.timer((due) => this.#onTimer(due, binding)),
      used: false,
      errors: 0,
      firstErrorAt: now,
    };
    this.#ended.delete(key);
    const evicted = this.#bindings.set(key, terms.home, binding);
    evicted?.timer.cancel();
    if (evicted !== undefined) this.end(now, evicted);
    return { binding, evicted };
  }

  /** RFC 6275 9.5.3, also at expiry. `sequence` is the last one accepted, to be remembered. */
  end(now: Instant, { local, home, sequence }: Pick<BindingTerms, 'local' | 'home' | 'sequence'>): void {
    const key = keyOf(local, home);
    this.#bindings.get(key)?.timer.cancel();
    this.#bindings.delete(key);
    this.#last = undefined;
    this.#ended.set(key, home, { sequence, forgetAt: after(now, MAX_NONCE_LIFETIME) });
  }

  /** An ICMPv6 error came back from the way to the care-of address. True: once too often, the entry is gone. */
  noteError(now: Instant, binding: Binding): boolean {
    if (binding.errors === 0 || now - binding.firstErrorAt > ERROR_WINDOW) {
      binding.errors = 0;
      binding.firstErrorAt = now;
    }
    binding.errors++;
    if (binding.errors < PERSISTENT_ERRORS) return false;
    this.end(now, binding);
    return true;
  }
}

const keyOf = (local: Address, home: Address): string => home.key + local.key;

/** Second chance: an entry that packets use stays while there are others of its share that none use. */
function spareOnceIfUsed(binding: Binding): boolean {
  const { used } = binding;
  binding.used = false;
  return used;
}
