// The clients whose bindings the mobile node keeps fresh, until they have no connection here any more: a binding
// that nobody uses is not renewed for ever.

import { after, type Duration, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Address } from '../wire/address.ts';

/** How often clients are looked for that have no connection left. */
const SWEEP_INTERVAL: Duration = seconds(60);

export interface BoundClientsOptions {
  readonly timers: TimerQueue;
  /** Clients with a connection, or on their way here. */
  readonly inUse: () => ReadonlySet<string>;
  readonly forget: (now: Instant, client: Address) => void;
}

export class BoundClients {
  readonly #o: BoundClientsOptions;
  readonly #clients = new Map<string, Address>();
  readonly #sweep: Timer;

  constructor(options: BoundClientsOptions) {
    this.#o = options;
    this.#sweep = options.timers.timer((now) => this.#forgetThoseThatLeft(now));
  }

  add(now: Instant, client: Address): void {
    this.#clients.set(client.key, client);
    if (!this.#sweep.armed) this.#sweep.set(after(now, SWEEP_INTERVAL));
  }

  #forgetThoseThatLeft(now: Instant): void {
    const inUse = this.#o.inUse();
    for (const [key, client] of this.#clients) {
      if (inUse.has(key)) continue;
      this.#clients.delete(key);
      this.#o.forget(now, client);
    }
    if (this.#clients.size > 0) this.#sweep.set(after(now, SWEEP_INTERVAL));
  }
}
