// Space for packets on their way out: one buffer, filled from the front and used again as soon as everything
// in it has been sent. A packet stays untouched while it waits in a batch: a full buffer is left to its packets
// and a new one taken.

import { HEADROOM, type PacketSpace } from './port.ts';

/** Sixteen super-frames. */
const ARENA_OCTETS = 1024 * 1024;

/** Packets begin at a multiple of this, for the benefit of word-wise copying. */
const ALIGNMENT = 8;

export class Arena {
  #buffer = new Uint8Array(ARENA_OCTETS);
  #at = 0;

  take(length: number): PacketSpace {
    const needed = (HEADROOM + length + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (this.#at + needed > this.#buffer.length) {
      this.#buffer = new Uint8Array(Math.max(ARENA_OCTETS, needed));
      this.#at = 0;
    }
    const start = this.#at + HEADROOM;
    this.#at += needed;
    return { buffer: this.#buffer, start };
  }

  /** Is this the buffer that packets are taken from now? */
  owns(buffer: Uint8Array): boolean {
    return buffer === this.#buffer;
  }

  /** All that was taken may be overwritten. */
  reset(): void {
    this.#at = 0;
  }
}
