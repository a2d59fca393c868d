// The binding cache of a correspondent (RFC 6275 9.1): home address -> care-of address, with what is needed
// to keep, refresh and end an entry. An entry that ended stays behind as a memory of its sequence number
// until no nonce of its time is recognized any more, so that an old update cannot be replayed (5.2.8).

import { after, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Detour } from '../ipv6/hooks.ts';
import type { Address } from '../wire/address.ts';
import { MAX_NONCE_LIFETIME } from './constants.ts';

/** Bindings held at a time. A peer can make as many as it has home addresses that answer a HoT. */
export const MAX_BINDINGS = 4096;
/** Sequence numbers remembered of bindings that ended. */
export const MAX_REMEMBERED_SEQUENCES = 4096;
/** How many entries get a second chance before one goes all the same. */
const REPLACEMENT_CANDIDATES = 16;
/** Errors from the path within ERROR_WINDOW that end a binding (RFC 6275 9.3.4: persistent ones). */
const PERSISTENT_ERRORS = 5;
const ERROR_WINDOW = seconds(60);

/** What a valid Binding Update says. */
export interface BindingTerms {
  readonly home: Address;
  readonly careOf: Address;
  /** The address of ours that the update was sent to: the source of a Binding Refresh Request. */
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
  readonly #bindings = new Map<string, Binding>();
  readonly #ended = new Map<string, EndedBinding>();
  readonly #timers: TimerQueue;
  readonly #onTimer: (now: Instant, binding: Binding) => void;
  readonly #limit: number;

  /** `onTimer` is called when a binding's timer, which it sets itself, is due. */
  constructor(timers: TimerQueue, onTimer: (now: Instant, binding: Binding) => void, limit: number = MAX_BINDINGS) {
    this.#timers = timers;
    this.#onTimer = onTimer;
    this.#limit = limit;
  }

  get size(): number {
    return this.#bindings.size;
  }

  /** The entry for this home address. It ends by its timer, which runs at the very instant of expiry. */
  find(home: Address): Binding | undefined {
    return this.#bindings.get(home.key);
  }

  /** The last sequence number accepted for this home address, also of a binding that ended a short while ago. */
  lastSequence(now: Instant, home: Address): number | undefined {
    const binding = this.#bindings.get(home.key);
    if (binding !== undefined) return binding.sequence;
    const ended = this.#ended.get(home.key);
    return ended !== undefined && ended.forgetAt > now ? ended.sequence : undefined;
  }

  /** RFC 6275 9.5.2: makes or replaces the entry. `evicted` lost its place to it, the table being full. */
  set(now: Instant, terms: BindingTerms): { readonly binding: Binding; readonly evicted: Binding | undefined } {
    const old = this.#bindings.get(terms.home.key);
    const evicted = old === undefined && this.#bindings.size >= this.#limit ? this.#evict(now) : undefined;
    old?.timer.cancel();
    const binding: Binding = {
      ...terms,
      grantedAt: now,
      detour: { careOfDestination: terms.careOf },
      timer: this.#timers.timer((due) => this.#onTimer(due, binding)),
      used: false,
      errors: 0,
      firstErrorAt: now,
    };
    this.#ended.delete(terms.home.key);
    this.#toBack(binding);
    return { binding, evicted };
  }

  /** RFC 6275 9.5.3, also at expiry. `sequence` is the last one accepted, to be remembered. */
  end(now: Instant, home: Address, sequence: number): void {
    this.#bindings.get(home.key)?.timer.cancel();
    this.#bindings.delete(home.key);
    this.#ended.delete(home.key);
    if (this.#ended.size >= MAX_REMEMBERED_SEQUENCES) this.#forgetOldest();
    this.#ended.set(home.key, { sequence, forgetAt: after(now, MAX_NONCE_LIFETIME) });
  }

  /** An ICMPv6 error came back from the way to the care-of address. True: once too often, the entry is gone. */
  noteError(now: Instant, binding: Binding): boolean {
    if (binding.errors === 0 || now - binding.firstErrorAt > ERROR_WINDOW) {
      binding.errors = 0;
      binding.firstErrorAt = now;
    }
    binding.errors++;
    if (binding.errors < PERSISTENT_ERRORS) return false;
    this.end(now, binding.home, binding.sequence);
    return true;
  }

  /** Second chance (RFC 6275 9.6 leaves the policy open): the oldest entry not used of late, in a bounded search. */
  #evict(now: Instant): Binding | undefined {
    let victim: Binding | undefined;
    for (let looks = 0; looks < REPLACEMENT_CANDIDATES; looks++) {
      [victim] = this.#bindings.values();
      if (victim === undefined || !victim.used) break;
      victim.used = false;
      this.#toBack(victim);
    }
    if (victim !== undefined) this.end(now, victim.home, victim.sequence);
    return victim;
  }

  #toBack(binding: Binding): void {
    this.#bindings.delete(binding.home.key);
    this.#bindings.set(binding.home.key, binding);
  }

  #forgetOldest(): void {
    const [oldest] = this.#ended.keys();
    if (oldest !== undefined) this.#ended.delete(oldest);
  }
}
