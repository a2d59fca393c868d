// A TUN interface as a Device: batches of frames with their offloads, to and from the Linux kernel. Duty: memory
// for the batches, counters, errors that say what to do. What the header of a frame means is in offload.ts; it does
// not look into packets, complete checksums or cut super-frames: that is the IPv6 layer's, before it sends.

import type { Clock, Instant } from '../stack/core/time.ts';
import type { Device, DeviceOffloads, Frame, FramesHandler } from '../stack/device/device.ts';
import { NO_OFFLOADS } from '../stack/device/device.ts';
import { addon, COUNTER_NAMES, type Handle, isSystemError, TUN_F, WORD, WORDS } from './addon.ts';
import { readOffload, writeOffload } from './offload.ts';
import { explainOpenError } from './open-error.ts';

/** Frames of one batch, either way. */
const BATCH = 256;
/** Room for one batch: 15 of the largest frames, and no more than a core's cache holds. */
const RING_LEN = 1024 * 1024;
/** Frames that the kernel keeps for us, where we may say: a window of 16 MiB and some. Its own 500 lose bursts. */
const QUEUE_LEN = 16_384;

export interface TunOptions {
  /** Name of the interface, at most 15 octets. One that exists and is ours to use is taken over. */
  readonly name: string;
  /** Network namespace to make it in: a name of `ip netns`, or a path such as /proc/PID/ns/net. Default: the current one. */
  readonly netns?: string;
  readonly mtu: number;
  /**
   * 'none': every packet fits the MTU and has its checksum. 'tso': the kernel hands us and takes TCP super-frames and
   * incomplete checksums. 'tso+uso': UDP super-frames come in too, where the kernel has them (Linux 6.2); for those
   * who can cut them.
   */
  readonly offloads: 'none' | 'tso' | 'tso+uso';
  readonly clock: Clock;
}

const OFFLOAD_FLAGS = {
  none: 0,
  tso: TUN_F.csum | TUN_F.tso6,
  'tso+uso': TUN_F.csum | TUN_F.tso6 | TUN_F.uso4 | TUN_F.uso6,
} as const;

export type ClosedHandler = (reason: string) => void;

/** Opens a TUN interface and brings it up. Throws an Error with one line that says what is missing and what to do. */
export function openTun(options: TunOptions): TunDevice {
  return new TunDevice(options);
}

export class TunDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offloads: DeviceOffloads;
  /** What the interface has: of one that was set up beforehand it may be less than we would ask for. */
  readonly queueFrames: number;
  readonly #clock: Clock;
  readonly #ring = new Uint8Array(RING_LEN);
  readonly #received = new Uint32Array(BATCH * WORDS);
  readonly #outgoing = new Uint32Array(BATCH * WORDS);
  readonly #outgoingBytes: Uint8Array[] = [];
  readonly #counts = new Float64Array(COUNTER_NAMES.length);
  readonly #handle: Handle;
  #overMtu = 0;
  #unclaimed = 0;
  #handler: FramesHandler | undefined;
  #closedHandler: ClosedHandler | undefined;
  #open = true;

  constructor(options: TunOptions) {
    this.name = options.name;
    this.mtu = options.mtu;
    this.offloads = options.offloads === 'none' ? NO_OFFLOADS : { checksum: true, tso: true };
    this.#clock = options.clock;
    this.#handle = this.#openInterface(options);
    this.queueFrames = addon().queueLength(this.#handle);
  }

  send(_now: Instant, frames: readonly Frame[]): void {
    let count = 0;
    for (const frame of frames) {
      if (!this.#prepare(frame, count)) continue;
      count += 1;
      if (count < BATCH) continue;
      this.#flush(count);
      count = 0;
    }
    this.#flush(count);
  }

  onFrames(handler: FramesHandler): void {
    this.#handler = handler;
  }

  /** Told once, with the reason, when the interface is deleted by somebody else. An open one keeps its namespace alive. */
  onClosed(handler: ClosedHandler): void {
    this.#closedHandler = handler;
  }

  /** What went through and what was dropped, by reason. */
  counters(): Record<string, number> {
    const counts: Record<string, number> = { 'dropped-over-mtu': this.#overMtu, 'received-unclaimed': this.#unclaimed };
    for (const [i, name] of COUNTER_NAMES.entries()) counts[name] = this.#counts[i] ?? 0;
    return counts;
  }

  /** The open interface alone no longer keeps the process running. */
  unref(): void {
    addon().keepAlive(this.#handle, false);
  }

  /** Deletes the interface, unless it was there before; no frame comes or goes after this. */
  close(): void {
    this.#open = false;
    addon().close(this.#handle);
  }

  #openInterface(options: TunOptions): Handle {
    checkOptions(options);
    const netns = namespacePath(options.netns);
    try {
      return addon().openTun(
        options.name,
        netns,
        options.mtu,
        QUEUE_LEN,
        OFFLOAD_FLAGS[options.offloads],
        this.#ring,
        this.#received,
        this.#counts,
        (count) => this.#deliver(count),
        (code) => this.#gone(code),
      );
    } catch (error) {
      throw isSystemError(error) ? explainOpenError(error, options.name, netns) : error;
    }
  }

  #deliver(count: number): void {
    const handler = this.#handler;
    if (handler === undefined) {
      this.#unclaimed += count;
      return;
    }
    const frames: Frame[] = [];
    for (let base = 0; base < count * WORDS; base += WORDS) {
      const at = this.#received[base + WORD.at] ?? 0;
      const bytes = this.#ring.subarray(at, at + (this.#received[base + WORD.length] ?? 0));
      const offload = readOffload(this.#received, base);
      frames.push(offload === undefined ? { bytes } : { bytes, offload });
    }
    handler(this.#clock.now(), frames);
  }

  /** Puts a frame into place `slot` of the outgoing batch; false for one that no link of this MTU could carry. */
  #prepare(frame: Frame, slot: number): boolean {
    if (frame.offload?.checksumStart !== undefined && !this.offloads.checksum) {
      throw new Error(`incomplete checksum in a frame for ${this.name}, which has no checksum offload`);
    }
    // The kernel takes a packet over the MTU as if nothing were wrong; a wire would not.
    if (writeOffload(frame, this.#outgoing, slot * WORDS) > this.mtu) {
      this.#overMtu += 1;
      return false;
    }
    this.#outgoingBytes[slot] = frame.bytes;
    return true;
  }

  #flush(count: number): void {
    if (count > 0 && this.#open) addon().send(this.#handle, this.#outgoingBytes, this.#outgoing, count);
    this.#outgoingBytes.length = 0; // lent for the length of the call
  }

  #gone(code: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#closedHandler?.(`interface ${this.name} is gone (${code})`);
  }
}

/** linux/if.h: IFNAMSIZ less the closing 0; no '%', which the kernel would number. */
const INTERFACE_NAME = /^[A-Za-z0-9_.-]{1,15}$/;
/** RFC 8200 5, and the most that the length field of an IPv6 header can tell. */
const MIN_MTU = 1280;
const MAX_MTU = 65_535;

function checkOptions({ name, mtu }: TunOptions): void {
  if (!INTERFACE_NAME.test(name) || name === '.' || name === '..') {
    throw new Error(`not a name for an interface: '${name}' (1 to 15 letters, digits, '-', '_' or '.')`);
  }
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU) {
    throw new Error(`not an MTU for IPv6: ${mtu} (${MIN_MTU} to ${MAX_MTU})`);
  }
}

/** Where `ip netns add NAME` puts a namespace. */
const namespacePath = (netns: string | undefined): string =>
  netns === undefined || netns.includes('/') ? (netns ?? '') : `/run/netns/${netns}`;
