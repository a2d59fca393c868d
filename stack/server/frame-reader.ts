// Cuts a stream of octets into frames whose length their first octets tell. Holds at most one frame and
// the pieces it came in; the length function bounds what a frame may be.

import type { Parsed } from '../core/parsed.ts';
import { parsed } from '../core/parsed.ts';

/** Length of the frame that begins at `at`, undefined while that cannot be told yet. */
export type FrameLength = (bytes: Uint8Array, at: number) => Parsed<number> | undefined;

export class FrameReader {
  readonly #lengthOf: FrameLength;
  #pieces: Uint8Array[] = [];
  #held = 0;
  /** Length of the frame at the front, as soon as it is known. */
  #wanted: number | undefined;

  constructor(lengthOf: FrameLength) {
    this.#lengthOf = lengthOf;
  }

  /** Takes the next octets of the stream (kept, not copied). */
  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#held += bytes.length;
  }

  /** The next whole frame, its length octets included; undefined until it is there. */
  next(): Parsed<Uint8Array> | undefined {
    if (this.#wanted === undefined) {
      const length = this.#lengthOf(this.#joined(), 0);
      if (length === undefined) return undefined;
      if (!length.ok) return length;
      this.#wanted = length.value;
    }
    if (this.#held < this.#wanted) return undefined;
    const all = this.#joined();
    const frame = all.subarray(0, this.#wanted);
    this.#pieces = all.length > frame.length ? [all.subarray(frame.length)] : [];
    this.#held -= frame.length;
    this.#wanted = undefined;
    return parsed(frame, frame.length);
  }

  #joined(): Uint8Array {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    // Piece by piece, not as arguments of one call: a frame that comes in tiny segments has very many.
    const all = new Uint8Array(this.#held);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [all];
    return all;
  }
}
