// The timers of one connection. They can all be stopped at once with what is left of each (a frozen connection)
// and set going again, here or on another node.

import { after, type Duration, elapsed, type Instant, NEVER } from '../core/time.ts';
import { DEAD_TIMER, type Timer, type TimerQueue } from '../core/timer-queue.ts';
import type { Tcb } from './tcb.ts';

export const TIMER_KINDS = [
  'retransmit',
  'reordering',
  'tailProbe',
  'probe',
  'delayedAck',
  'keepAlive',
  'timeWait',
  'userTimeout',
  'linger',
] as const;
export type TimerKind = (typeof TIMER_KINDS)[number];

/** What is left of each timer that is set, in microseconds. */
export type TimerAges = Readonly<Partial<Record<TimerKind, number>>>;

export class ConnectionTimers {
  retransmit: Timer;
  /** RFC 8985 6.2, step 5: what is late until then is lost. */
  reordering: Timer;
  /** RFC 8985 7.2: PTO. */
  tailProbe: Timer;
  /** Zero-window probe, and the override of the sender's silly window avoidance. */
  probe: Timer;
  delayedAck: Timer;
  keepAlive: Timer;
  readonly timeWait: Timer;
  userTimeout: Timer;
  /** After close(): until all is acknowledged (SO_LINGER). */
  linger: Timer;

  constructor(queue: TimerQueue, expired: (now: Instant, kind: TimerKind) => void) {
    const timer = (kind: TimerKind): Timer => queue.timer((now) => expired(now, kind));
    this.retransmit = timer('retransmit');
    this.reordering = timer('reordering');
    this.tailProbe = timer('tailProbe');
    this.probe = timer('probe');
    this.delayedAck = timer('delayedAck');
    this.keepAlive = timer('keepAlive');
    this.timeWait = timer('timeWait');
    this.userTimeout = timer('userTimeout');
    this.linger = timer('linger');
  }

  /** None is set after it, and the queue holds on to none. */
  cancelAll(): void {
    for (const kind of TIMER_KINDS) this[kind].remove();
  }

  /** TIME-WAIT has one timer: the others' memory goes. */
  keepTimeWaitAlone(): void {
    this.cancelAll();
    for (const kind of TIMER_KINDS) if (kind !== 'timeWait') this[kind] = DEAD_TIMER;
  }

  /** What is left of each; the timers run on. */
  ages(now: Instant): TimerAges {
    const ages: Partial<Record<TimerKind, number>> = {};
    for (const kind of TIMER_KINDS) {
      const { deadline } = this[kind];
      if (deadline !== NEVER) ages[kind] = Math.max(0, elapsed(now, deadline));
    }
    return ages;
  }

  start(now: Instant, ages: TimerAges): void {
    for (const kind of TIMER_KINDS) {
      const left = ages[kind];
      if (left !== undefined) this[kind].set(after(now, left as Duration));
    }
  }
}

/** Sets a timer that the owner of a connection asks for: of a silent one what is left of it when it speaks again. */
export function setTimer(tcb: Tcb, now: Instant, kind: TimerKind, left: Duration): void {
  if (tcb.silence === 'none') tcb.timers[kind].set(after(now, left));
  else tcb.frozenTimers = { ...tcb.frozenTimers, [kind]: left };
}

export const isTimerSet = (tcb: Tcb, kind: TimerKind): boolean =>
  tcb.silence === 'none' ? tcb.timers[kind].armed : tcb.frozenTimers[kind] !== undefined;
