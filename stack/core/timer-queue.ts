// Timers on a virtual clock: a binary heap of deadlines. Whoever drives the stack asks nextDeadline()
// and calls runDue(now); nothing here waits. A timer that is set again to a later time keeps its place
// in the heap and is moved when it comes up, so pushing a retransmission timer back costs nothing.

import { type Instant, NEVER } from './time.ts';

export interface Timer {
  /** NEVER while the timer is not set. */
  readonly deadline: Instant;
  readonly armed: boolean;
  /** Sets or moves the deadline. */
  set(at: Instant): void;
  cancel(): void;
  /** Cancels for good: the queue lets go of the timer at once, where cancel() leaves it until its time has come. */
  remove(): void;
}

/** One that is never set: for whoever has timers no more. */
export const DEAD_TIMER: Timer = Object.freeze({ deadline: NEVER, armed: false, set() {}, cancel() {}, remove() {} });

class QueuedTimer implements Timer {
  deadline: Instant = NEVER;
  /** Key under which the heap knows this timer; may be earlier than the deadline, never later. */
  key: Instant = NEVER;
  index = -1;
  readonly action: (now: Instant) => void;
  readonly #queue: TimerQueue;

  constructor(queue: TimerQueue, action: (now: Instant) => void) {
    this.#queue = queue;
    this.action = action;
  }

  get armed(): boolean {
    return this.deadline !== NEVER;
  }

  set(at: Instant): void {
    this.deadline = at;
    if (at === NEVER) return;
    if (this.index < 0) this.#queue.insert(this);
    else if (at < this.key) this.#queue.moveEarlier(this);
  }

  cancel(): void {
    this.deadline = NEVER;
  }

  remove(): void {
    this.deadline = NEVER;
    this.#queue.remove(this);
  }
}

export class TimerQueue {
  readonly #heap: QueuedTimer[] = [];
  /** Told when the earliest deadline moves nearer, so that a real-time driver can wake up sooner. */
  onEarlier: (() => void) | undefined;

  /** Timers that the queue holds, some of them cancelled. */
  get size(): number {
    return this.#heap.length;
  }

  /** A timer that runs `action` once each time its deadline is reached. Not set at first. */
  timer(action: (now: Instant) => void): Timer {
    return new QueuedTimer(this, action);
  }

  /** The earliest deadline of all timers, NEVER when none is set. */
  nextDeadline(): Instant {
    const first = this.#settle();
    return first === undefined ? NEVER : first.deadline;
  }

  /** Runs every timer whose deadline is not later than `now`, in the order of their deadlines. */
  runDue(now: Instant): void {
    for (let first = this.#settle(); first !== undefined && first.deadline <= now; first = this.#settle()) {
      this.#removeFirst();
      first.deadline = NEVER;
      first.action(now);
    }
  }

  insert(timer: QueuedTimer): void {
    timer.key = timer.deadline;
    this.#heap.push(timer);
    this.#siftUp(this.#heap.length - 1, timer);
    if (this.#heap[0] === timer) this.onEarlier?.();
  }

  moveEarlier(timer: QueuedTimer): void {
    timer.key = timer.deadline;
    this.#siftUp(timer.index, timer);
    if (this.#heap[0] === timer) this.onEarlier?.();
  }

  remove(timer: QueuedTimer): void {
    const { index } = timer;
    if (index < 0) return;
    timer.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === timer) return;
    if (last.key < timer.key) this.#siftUp(index, last);
    else this.#siftDown(index, last);
  }

  /** Brings a timer whose key is its true deadline to the top; drops cancelled ones on the way. */
  #settle(): QueuedTimer | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.deadline === first.key) return first;
      if (first.deadline === NEVER) this.#removeFirst();
      else {
        first.key = first.deadline;
        this.#siftDown(0, first);
      }
    }
    return undefined;
  }

  #removeFirst(): void {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return;
    first.index = -1;
    if (last !== first) this.#siftDown(0, last);
  }

  #siftUp(from: number, timer: QueuedTimer): void {
    let i = from;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = this.#heap[up];
      if (parent === undefined || parent.key <= timer.key) break;
      this.#place(i, parent);
      i = up;
    }
    this.#place(i, timer);
  }

  #siftDown(from: number, timer: QueuedTimer): void {
    const heap = this.#heap;
    let i = from;
    for (;;) {
      let down = 2 * i + 1;
      let child = heap[down];
      if (child === undefined) break;
      const right = heap[down + 1];
      if (right !== undefined && right.key < child.key) {
        child = right;
        down += 1;
      }
      if (child.key >= timer.key) break;
      this.#place(i, child);
      i = down;
    }
    this.#place(i, timer);
  }

  #place(i: number, timer: QueuedTimer): void {
    this.#heap[i] = timer;
    timer.index = i;
  }
}
