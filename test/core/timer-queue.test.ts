import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Instant, NEVER } from '../../stack/core/time.ts';
import { type Timer, TimerQueue } from '../../stack/core/timer-queue.ts';

const TIMERS = 6;
const at = (n: number): Instant => n as Instant;

/** What the queue has to behave like: a plain list of deadlines. */
class Model {
  readonly deadlines = new Map<number, number>();

  next(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.deadlines.values());
  }

  /** Deadlines of the timers that are due, in order. */
  run(now: number): number[] {
    const due = [...this.deadlines].filter(([, deadline]) => deadline <= now);
    for (const [id] of due) this.deadlines.delete(id);
    return due.map(([, deadline]) => deadline).sort((a, b) => a - b);
  }
}

const ids = fc.integer({ min: 0, max: TIMERS - 1 });
const instants = fc.integer({ min: 0, max: 40 });
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('set' as const), id: ids, at: instants }),
    fc.record({ do: fc.constant('set' as const), id: ids, at: instants }),
    fc.record({ do: fc.constant('cancel' as const), id: ids }),
    fc.record({ do: fc.constant('remove' as const), id: ids }),
    fc.record({ do: fc.constant('next' as const) }),
    fc.record({ do: fc.constant('run' as const), at: instants }),
  ),
  { maxLength: 60 },
);

describe('timer queue', () => {
  test('the last timer takes the place of one that is removed, and rises from there', () => {
    const queue = new TimerQueue();
    const ran: number[] = [];
    const deadlines = [1, 10, 2, 11, 12, 3, 4, 13, 14, 15, 16, 5, 6, 7, 8]; // as they lie in the heap
    const timers = deadlines.map((deadline) => {
      const timer = queue.timer(() => ran.push(deadline));
      timer.set(at(deadline));
      return timer;
    });
    timers[3]?.remove();
    expect(queue.size).toBe(14);
    queue.runDue(at(20));
    expect(ran).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16]);
  });

  test('behaves like a plain list of deadlines, for any sequence of set, cancel, remove, nextDeadline and runDue', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const queue = new TimerQueue();
        const model = new Model();
        const ran: number[] = [];
        const timers = Array.from({ length: TIMERS }, (_, id) => queue.timer(() => ran.push(id)));
        for (const step of sequence) {
          if (step.do === 'set') {
            timers[step.id]?.set(at(step.at));
            model.deadlines.set(step.id, step.at);
          } else if (step.do === 'cancel') {
            timers[step.id]?.cancel();
            model.deadlines.delete(step.id);
          } else if (step.do === 'remove') {
            timers[step.id]?.remove();
            model.deadlines.delete(step.id);
          } else if (step.do === 'next') {
            expect(queue.nextDeadline()).toBe(model.next());
          } else {
            const before = new Map(model.deadlines);
            ran.length = 0;
            queue.runDue(at(step.at));
            const due = model.run(step.at);
            expect(ran.map((id) => before.get(id))).toEqual(due);
            expect(new Set(ran).size, 'no timer runs twice').toBe(due.length);
          }
          expect(timers.map((timer) => timer.armed)).toEqual(timers.map((_, id) => model.deadlines.has(id)));
        }
        expect(queue.nextDeadline()).toBe(model.next());
      }),
      { seed: 0x686f6d65, numRuns: 2_000 },
    );
  });

  test('an action may set its own timer again, and others', () => {
    const queue = new TimerQueue();
    const log: string[] = [];
    const other = queue.timer((now) => log.push(`other ${now}`));
    const timer: Timer = queue.timer((now) => {
      log.push(`timer ${now}`);
      other.set(at(15));
      if (log.length < 2) timer.set(at(12));
    });
    timer.set(at(10));
    queue.runDue(at(20));
    expect(log).toEqual(['timer 20', 'timer 20', 'other 20']);
    expect(queue.nextDeadline()).toBe(NEVER);
  });

  test('an action may cancel a timer that is due as well', () => {
    const queue = new TimerQueue();
    let ran = false;
    const victim = queue.timer(() => {
      ran = true;
    });
    queue.timer(() => victim.cancel()).set(at(1));
    victim.set(at(2));
    queue.runDue(at(5));
    expect(ran).toBe(false);
  });

  test('a timer set to NEVER is not armed', () => {
    const queue = new TimerQueue();
    const timer = queue.timer(() => {});
    timer.set(at(3));
    timer.set(NEVER);
    expect([timer.armed, queue.nextDeadline()]).toEqual([false, NEVER]);
  });

  test('a driver that wakes up at the last deadline it was told of, or on onEarlier, never oversleeps', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const queue = new TimerQueue();
        let wakeUp: number = NEVER;
        queue.onEarlier = () => {
          wakeUp = queue.nextDeadline();
        };
        const model = new Model();
        const timers = Array.from({ length: TIMERS }, () => queue.timer(() => {}));
        for (const step of sequence) {
          if (step.do === 'set') {
            model.deadlines.set(step.id, step.at);
            timers[step.id]?.set(at(step.at));
          } else if (step.do === 'cancel') {
            model.deadlines.delete(step.id);
            timers[step.id]?.cancel();
          } else if (step.do === 'run') {
            model.run(step.at);
            queue.runDue(at(step.at));
            wakeUp = queue.nextDeadline();
          }
          expect(wakeUp).toBeLessThanOrEqual(model.next());
        }
      }),
      { seed: 0x686f6d65, numRuns: 2_000 },
    );
  });
});
