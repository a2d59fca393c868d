// The way from us to ourselves. A packet to an address of ours comes back in when the timers run next, at the
// same instant: never from inside the call that sent it, so no layer is re-entered.

import type { Instant } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import type { Device, DeviceOffloads, Frame, FramesHandler } from '../device/device.ts';

/** The largest IPv6 packet without a jumbo payload option, rounded down to a multiple of 8 for fragments. */
const LOOPBACK_MTU = 65_528;

/** Packets that wait for the timers. */
const MAX_LOOPBACK_FRAMES = 4096;

export class LoopbackDevice implements Device {
  readonly name = 'lo';
  readonly mtu = LOOPBACK_MTU;
  /** Octets do not go bad in memory. */
  readonly offloads: DeviceOffloads = { checksum: true, tso: false };
  readonly #timer: Timer;
  #queue: Frame[] = [];
  #handler: FramesHandler | undefined;

  constructor(timers: TimerQueue) {
    this.#timer = timers.timer((now) => {
      const frames = this.#queue;
      this.#queue = [];
      this.#handler?.(now, frames);
    });
  }

  send(now: Instant, frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.#queue.length >= MAX_LOOPBACK_FRAMES) return;
      this.#queue.push({ ...frame, bytes: frame.bytes.slice() });
    }
    this.#timer.set(now);
  }

  onFrames(handler: FramesHandler): void {
    this.#handler = handler;
  }

  close(): void {
    this.#timer.cancel();
    this.#queue = [];
  }
}
