// A tee: every packet that passes a Device is shown to a sink too, as it was on the wire. Super-frames are
// shown as the kernel would have cut them, partial checksums completed; the frames themselves pass untouched.

import type { Instant } from '../core/time.ts';
import type { Device, DeviceOffloads, Frame, FramesHandler } from './device.ts';
import { cutSuperFrame } from './segment.ts';

/** 'in': came from the link to the stack. */
export type Direction = 'in' | 'out';

/** The octets are lent for the length of the call. */
export type PacketSink = (now: Instant, direction: Direction, packet: Uint8Array) => void;

export class RecordDevice implements Device {
  readonly #device: Device;
  readonly #sink: PacketSink;

  constructor(device: Device, sink: PacketSink) {
    this.#device = device;
    this.#sink = sink;
  }

  get name(): string {
    return this.#device.name;
  }

  get mtu(): number {
    return this.#device.mtu;
  }

  get offloads(): DeviceOffloads {
    return this.#device.offloads;
  }

  send(now: Instant, frames: readonly Frame[]): void {
    this.#show(now, 'out', frames);
    this.#device.send(now, frames);
  }

  onFrames(handler: FramesHandler): void {
    this.#device.onFrames((now, frames) => {
      this.#show(now, 'in', frames);
      handler(now, frames);
    });
  }

  close(): void {
    this.#device.close();
  }

  #show(now: Instant, direction: Direction, frames: readonly Frame[]): void {
    for (const frame of frames) {
      for (const packet of cutSuperFrame(frame)) this.#sink(now, direction, packet);
    }
  }
}
