// Two Devices back to back: what goes into one end comes out of the other, in order, octets copied. For
// tests and the simulator. Without a delay the far end is called within send(), but never from inside
// itself: what it sends meanwhile waits for its turn, so two stacks may talk without deep recursion.

import { after, type Duration, type Instant } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Device, DeviceOffloads, Frame, FramesHandler } from './device.ts';
import { NO_OFFLOADS } from './device.ts';

export interface PipeOptions {
  /** Names of the two ends. */
  readonly names?: readonly [string, string];
  /** Default 1500. A larger packet is dropped, a super-frame is judged by the segments it is cut into. */
  readonly mtu?: number;
  /** Default: none. A pipe that is said to offload passes frames on with their offload data. */
  readonly offloads?: DeviceOffloads;
  /** Deferred delivery: each batch arrives `delay` later, when this queue runs. Absent: at once. */
  readonly deferred?: { readonly timers: TimerQueue; readonly delay: Duration };
}

const DEFAULT_MTU = 1500;

/** Batches under way in one pipe, both directions. Beyond this the receiver does not keep up, and they are lost. */
const MAX_BATCHES_UNDER_WAY = 65_536;

interface Batch {
  readonly due: Instant;
  readonly to: PipeEnd;
  readonly frames: readonly Frame[];
}

/** One end of a pipe. */
export class PipeEnd implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offloads: DeviceOffloads;
  /** Frames lost here: over the MTU, or no room, or closed. */
  dropped = 0;
  #handler: FramesHandler | undefined;
  #transmit: ((now: Instant, frames: readonly Frame[]) => boolean) | undefined;

  constructor(name: string, mtu: number, offloads: DeviceOffloads) {
    this.name = name;
    this.mtu = mtu;
    this.offloads = offloads;
  }

  send(now: Instant, frames: readonly Frame[]): void {
    const fitting = frames.filter((frame) => (frame.offload?.gsoSize ?? 0) > 0 || frame.bytes.length <= this.mtu);
    this.dropped += frames.length - fitting.length;
    if (fitting.length > 0 && this.#transmit?.(now, fitting.map(copyFrame)) !== true) this.dropped += fitting.length;
  }

  onFrames(handler: FramesHandler): void {
    this.#handler = handler;
  }

  close(): void {
    this.#handler = undefined;
    this.#transmit = undefined;
  }

  /** Joins this end to the rest of the pipe; `transmit` tells whether it took the frames. */
  connect(transmit: (now: Instant, frames: readonly Frame[]) => boolean): void {
    this.#transmit = transmit;
  }

  arrive(now: Instant, frames: readonly Frame[]): void {
    this.#handler?.(now, frames);
  }
}

/** Makes the two ends of a pipe. */
export function pipe(options: PipeOptions = {}): [PipeEnd, PipeEnd] {
  const [nameA, nameB] = options.names ?? ['a', 'b'];
  const mtu = options.mtu ?? DEFAULT_MTU;
  const offloads = options.offloads ?? NO_OFFLOADS;
  const a = new PipeEnd(nameA, mtu, offloads);
  const b = new PipeEnd(nameB, mtu, offloads);
  const wire = options.deferred === undefined ? immediateWire() : deferredWire(options.deferred);
  a.connect((now, frames) => wire(now, b, frames));
  b.connect((now, frames) => wire(now, a, frames));
  return [a, b];
}

type Wire = (now: Instant, to: PipeEnd, frames: readonly Frame[]) => boolean;

/** Delivers within the outermost send(); sends made meanwhile are queued behind. */
function immediateWire(): Wire {
  const queue: Batch[] = [];
  let delivering = false;
  return (now, to, frames) => {
    if (queue.length >= MAX_BATCHES_UNDER_WAY) return false;
    queue.push({ due: now, to, frames });
    if (delivering) return true;
    delivering = true;
    try {
      for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) batch.to.arrive(now, batch.frames);
    } finally {
      delivering = false;
      queue.length = 0;
    }
    return true;
  };
}

/** Delivers `delay` later, from a timer. */
function deferredWire(options: { readonly timers: TimerQueue; readonly delay: Duration }): Wire {
  const queue: Batch[] = [];
  const timer: Timer = options.timers.timer((now) => {
    while ((queue[0]?.due ?? Number.POSITIVE_INFINITY) <= now) {
      const batch = queue.shift();
      batch?.to.arrive(now, batch.frames);
    }
    if (queue[0] !== undefined) timer.set(queue[0].due);
  });
  return (now, to, frames) => {
    if (queue.length >= MAX_BATCHES_UNDER_WAY) return false;
    queue.push({ due: after(now, options.delay), to, frames });
    if (queue[0] !== undefined) timer.set(queue[0].due);
    return true;
  };
}

const copyFrame = (frame: Frame): Frame => ({ ...frame, bytes: frame.bytes.slice() });
