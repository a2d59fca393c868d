// Runs a TimerQueue in real time. One timerfd on Node's event loop stands for the earliest deadline: setTimeout
// has a granularity of 1 ms, TCP's pacing and delayed ACKs want microseconds. It is set anew only when a deadline
// comes before the one it is set for, once for all the changes of one turn of the loop; a deadline that moved
// further away costs one idle wakeup at the old time and nothing else.

import { type Clock, type Instant, NEVER } from '../stack/core/time.ts';
import type { TimerQueue } from '../stack/core/timer-queue.ts';
import { addon, type Handle } from './addon.ts';

export class TimerDriver {
  readonly #queue: TimerQueue;
  readonly #clock: Clock;
  readonly #timer: Handle;
  #armedFor: Instant = NEVER;
  /** A turn of the loop has changed deadlines and will arm when it ends, or runDue() is at work. */
  #settling = false;
  #closed = false;

  /** @param clock has to run on CLOCK_MONOTONIC: MonotonicClock. */
  constructor(queue: TimerQueue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
    this.#timer = addon().openTimer(() => this.#expired());
    queue.onEarlier = () => this.#settleSoon();
    this.#settleSoon();
  }

  /** Armed timers alone no longer keep the process running. */
  unref(): void {
    addon().keepAlive(this.#timer, false);
  }

  /** No timer of the queue runs after this. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.onEarlier = undefined;
    addon().close(this.#timer);
  }

  #settleSoon(): void {
    if (this.#settling) return;
    this.#settling = true;
    queueMicrotask(() => this.#settle());
  }

  #settle(): void {
    this.#settling = false;
    const next = this.#queue.nextDeadline();
    if (this.#closed || next >= this.#armedFor) return;
    this.#armedFor = next;
    addon().armTimer(this.#timer, next);
  }

  #expired(): void {
    if (this.#closed) return;
    this.#armedFor = NEVER;
    this.#settling = true;
    try {
      this.#queue.runDue(this.#clock.now());
    } finally {
      this.#settle(); // an action that throws must not stop the others' time
    }
  }
}
