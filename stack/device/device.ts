// What a link looks like to the stack: batches of frames in, batches of frames out. A frame is one IPv6
// packet, or a super-frame (one TCP packet of up to 64 KiB that the device or its peer cuts into segments).
//
// Who owns the bytes: in both directions they are the sender's and are lent for the length of the call.
// send() has copied or written them when it returns; a frames handler that keeps octets copies them.

import type { Instant } from '../core/time.ts';

/** The offload half of a frame: what virtio_net_hdr says. Absent: a plain packet with a complete checksum. */
export interface Offload {
  /**
   * Payload octets of each segment a super-frame is to be cut into (gso_size); 0 when it is one packet.
   */
  readonly gsoSize: number;
  /**
   * Where the checksum is incomplete: it covers [checksumStart, end) and its field, checksumOffset octets
   * on, holds only the folded pseudo-header sum. Absent: complete.
   */
  readonly checksumStart?: number;
  readonly checksumOffset?: number;
}

export interface Frame {
  readonly bytes: Uint8Array;
  readonly offload?: Offload;
}

export interface DeviceOffloads {
  /** The device completes transport checksums. */
  readonly checksum: boolean;
  /** The device cuts TCP super-frames (then `checksum` holds too). */
  readonly tso: boolean;
}

export const NO_OFFLOADS: DeviceOffloads = { checksum: false, tso: false };

export type FramesHandler = (now: Instant, frames: readonly Frame[]) => void;

export interface Device {
  readonly name: string;
  /** Largest packet, in octets. */
  readonly mtu: number;
  readonly offloads: DeviceOffloads;
  /** Frames that it keeps for us while we are busy; more are lost. Absent: no bound is known. */
  readonly queueFrames?: number;
  send(now: Instant, frames: readonly Frame[]): void;
  /** Sets the one receiver of what arrives. */
  onFrames(handler: FramesHandler): void;
  close(): void;
}
