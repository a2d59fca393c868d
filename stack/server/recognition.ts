// Handoffs asked for before it is known what their client is: bound, or plain. They wait until it is, for a bounded time.

import { after, type Duration, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { RouteOptimization } from '../mobility/api.ts';
import type { Address } from '../wire/address.ts';

/** A client that does not answer the tests is known to be plain after three tries, of 1, 2 and 4 s (RFC 6275 11.8). */
export const RECOGNITION_TIME: Duration = seconds(8);

/** Is the client one that can be handed over? */
export const isRecognized = (state: RouteOptimization): boolean => state === 'bound' || state === 'plain';

export class Recognition {
  readonly #timers: TimerQueue;
  readonly #waiting = new Map<string, Timer>();

  constructor(timers: TimerQueue) {
    this.#timers = timers;
  }

  /** Does a handoff of this client wait? */
  has(client: Address): boolean {
    return this.#waiting.has(client.key);
  }

  /** Calls `then` as soon as somebody calls changed() for this client, and no later than the time that it may take. */
  wait(now: Instant, client: Address, then: (now: Instant) => void): void {
    const timer = this.#timers.timer((at) => {
      this.#waiting.delete(client.key);
      timer.remove();
      then(at);
    });
    this.#waiting.set(client.key, timer);
    timer.set(after(now, RECOGNITION_TIME));
  }

  /** Something was learned about the client. What waits for it goes on once this event is over, and not within it. */
  changed(now: Instant, client: Address): void {
    this.#waiting.get(client.key)?.set(now);
  }
}
