// The last step out: frames of one batch of input, or of one run of the timers, are collected per device and
// leave in one Device.send each; outside of a batch a frame leaves at once. The octets of a waiting frame are
// in the arena or belong to nobody else.

import type { Counters } from '../core/counters.ts';
import type { Instant } from '../core/time.ts';
import type { Device, Frame } from '../device/device.ts';
import { Arena } from './arena.ts';
import type { PacketSpace } from './port.ts';

/** A batch that grows beyond this leaves early: it bounds the arena, and keeps the link busy meanwhile. */
const MAX_WAITING_FRAMES = 512;

/** A device as the stack holds it. */
export class Port {
  readonly device: Device;
  /** Frames that wait for the end of the batch. */
  waiting: Frame[] = [];

  constructor(device: Device) {
    this.device = device;
  }
}

export class Egress {
  readonly #arena = new Arena();
  readonly #counters: Counters;
  #depth = 0;
  #flushing = false;
  #waiting = 0;
  #busy: Port[] = [];

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  begin(): void {
    this.#depth += 1;
  }

  end(now: Instant): void {
    this.#depth -= 1;
    if (this.#depth === 0) this.#flush(now);
  }

  send(now: Instant, port: Port, frame: Frame): void {
    if (port.waiting.length === 0) this.#busy.push(port);
    port.waiting.push(frame);
    this.#waiting += 1;
    if (this.#depth === 0 || this.#waiting >= MAX_WAITING_FRAMES) this.#flush(now);
  }

  allocate(length: number): PacketSpace {
    if (this.#idle) this.#arena.reset();
    return this.#arena.take(length);
  }

  /** Do these octets stay as they are until the batch has been sent? */
  keeps(buffer: Uint8Array): boolean {
    return this.#idle || this.#arena.owns(buffer);
  }

  get #idle(): boolean {
    return this.#depth === 0 && !this.#flushing && this.#waiting === 0;
  }

  /** A device may answer from inside send(): what that causes is sent by the loop that is running already. */
  #flush(now: Instant): void {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (let port = this.#busy.shift(); port !== undefined; port = this.#busy.shift()) {
        const frames = port.waiting;
        port.waiting = [];
        this.#waiting -= frames.length;
        this.#counters.bump('out', frames.length);
        port.device.send(now, frames);
      }
    } finally {
      this.#flushing = false;
    }
    this.#arena.reset();
  }
}
