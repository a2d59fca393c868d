// When events are told: at the end of the outermost call from below (a packet, a timer), one at a time. What a call
// from above causes is told at the next turn of the timers, never from inside that call.

import type { Instant } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import { tellEvents } from './events.ts';
import type { Tcb } from './tcb.ts';

export class EventQueue {
  readonly #pending: Tcb[] = [];
  readonly #wakeUp: Timer;
  /** How many calls from below are under way, one inside the other. */
  #depth = 0;
  #telling = false;

  constructor(timers: TimerQueue) {
    this.#wakeUp = timers.timer((now) => this.tell(now));
  }

  enter(): void {
    this.#depth += 1;
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** This TCB has something to tell. */
  add(tcb: Tcb, now: Instant): void {
    this.#pending.push(tcb);
    if (this.#depth === 0 && !this.#telling) this.#wakeUp.set(now);
  }

  /** What is pending waits for the next turn of the timers, which is now. */
  tellLater(now: Instant): void {
    if (this.#pending.length > 0) this.#wakeUp.set(now);
  }

  /** Tells what is pending, and what the owners' answers cause, unless a call further out will do it. */
  tell(now: Instant): void {
    if (this.#depth > 0 || this.#telling || this.#pending.length === 0) return;
    this.#telling = true;
    let told = 0;
    try {
      for (let tcb = this.#pending[told]; tcb !== undefined; tcb = this.#pending[told]) {
        told += 1;
        if (tcb.silence !== 'frozen') tellEvents(tcb, now); // thaw() comes back to it
      }
    } finally {
      this.#telling = false;
      this.#pending.splice(0, told);
      this.tellLater(now); // only where an owner threw
    }
  }
}
