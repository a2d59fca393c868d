// A window of a byte stream, addressed by position, in chunks of 64 KiB: the send buffer, and the receive
// buffer together with its out-of-order octets (each is written where it belongs). Finding a position is one
// division, dropping acknowledged octets moves nothing. What a receive buffer hands out as a view() stays as it
// is for ever: no octet is written twice, and chunks are left to the garbage collector. A send buffer, whose
// octets never leave it, uses its chunks again.

import { EMPTY } from '../core/bytes.ts';
import { CHUNK_LEN, ChunkPool } from './chunk-pool.ts';
import type { Position } from './position.ts';

/** What the first chunk of a stream may measure. */
const FIRST_CHUNK_LENS = [2_048, 16_384, CHUNK_LEN] as const;
/** Takes over what is handed on: counted against no budget. */
const NOBODYS = new ChunkPool();

export class StreamBuffer {
  /** First position that is kept. */
  start: Position = 0;
  /** Behind the last octet in order. */
  end: Position = 0;
  capacity: number;
  /** Chunk number n (positions n * CHUNK_LEN on) sits in slot n modulo the number of slots. */
  #slots: (Uint8Array | undefined)[];
  #pool: ChunkPool;
  readonly #reuse: boolean;

  /** `reuse`: chunks are used again, and a view() is good only until release(). */
  constructor(capacity: number, start: Position = 0, pool: ChunkPool = NOBODYS, reuse = false) {
    this.capacity = capacity;
    this.#pool = pool;
    this.#reuse = reuse;
    this.start = start;
    this.end = start;
    this.#slots = new Array<Uint8Array | undefined>(slotsFor(capacity)).fill(undefined);
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Makes room for more; what is kept stays where it is in the stream. */
  grow(capacity: number): void {
    const before = this.#slots;
    const count = slotsFor(capacity);
    this.capacity = capacity;
    if (count <= before.length) return;
    this.#slots = new Array<Uint8Array | undefined>(count).fill(undefined);
    const first = Math.floor(this.start / CHUNK_LEN);
    for (let n = first; n < first + before.length; n++) this.#slots[n % count] = before[n % before.length];
  }

  /** Takes what there is room for, up to `limit` octets in all, and returns how much that was. */
  append(bytes: Uint8Array, limit: number = this.capacity): number {
    const taken = Math.max(0, Math.min(bytes.length, limit - this.length));
    this.write(this.end, bytes, 0, taken);
    this.end += taken;
    return taken;
  }

  /** Puts bytes[from, to) at a position in [start, start + span of the slots); does not move `end`. */
  write(position: Position, bytes: Uint8Array, from: number, to: number): void {
    let at = position;
    for (let next = from; next < to; ) {
      const offset = at % CHUNK_LEN;
      const length = Math.min(to - next, CHUNK_LEN - offset);
      const chunk = this.#chunkForWrite(at, offset + length);
      if (length === bytes.length) chunk.set(bytes, offset);
      else chunk.set(bytes.subarray(next, next + length), offset);
      next += length;
      at += length;
    }
  }

  /** Copies `length` octets from `position` on into the caller's buffer. */
  copy(position: Position, length: number, into: Uint8Array, at: number): void {
    let from = position;
    let to = at;
    for (let left = length; left > 0; ) {
      const part = this.view(from, left);
      if (part.length === 0) throw new Error('stream buffer: octets that are not there');
      into.set(part, to);
      from += part.length;
      to += part.length;
      left -= part.length;
    }
  }

  /** The octets from `position` on that lie in one piece, at most `max`: a view, not a copy. */
  view(position: Position, max: number): Uint8Array {
    const chunk = this.#slots[Math.floor(position / CHUNK_LEN) % this.#slots.length];
    if (chunk === undefined) return EMPTY;
    const offset = position % CHUNK_LEN;
    return chunk.subarray(offset, Math.min(CHUNK_LEN, offset + max));
  }

  slice(from: Position, to: Position): Uint8Array {
    const out = new Uint8Array(to - from);
    this.copy(from, out.length, out, 0);
    return out;
  }

  /** Drops all that lies before `position`; a whole chunk that nobody else sees goes back even when it is half used. */
  release(position: Position): void {
    const idle = this.#reuse && position === this.end && position >= CHUNK_LEN;
    const behind = Math.floor(position / CHUNK_LEN) + (idle ? 1 : 0);
    for (let n = Math.floor(this.start / CHUNK_LEN); n < behind; n++) this.#drop(n % this.#slots.length);
    this.start = position;
  }

  /** Drops what lies behind `end`: octets out of order. The chunk that `end` lies in stays. */
  releaseBeyond(): void {
    const first = Math.floor(this.start / CHUNK_LEN);
    const kept = Math.floor(this.end / CHUNK_LEN);
    for (let n = kept + 1; n < first + this.#slots.length; n++) this.#drop(n % this.#slots.length);
  }

  /** Gives the memory back: nothing more will be written or read. */
  dispose(): void {
    for (let slot = 0; slot < this.#slots.length; slot++) this.#drop(slot);
    this.#slots.length = 0;
    this.start = this.end;
  }

  /** What is left is the reader's: it can still be read, and counts no more. */
  handOver(): void {
    for (const chunk of this.#slots) if (chunk !== undefined) this.#pool.give(chunk, false);
    this.#pool = NOBODYS;
  }

  #drop(slot: number): void {
    const chunk = this.#slots[slot];
    if (chunk === undefined) return;
    this.#slots[slot] = undefined;
    this.#pool.give(chunk, this.#reuse);
  }

  /** The chunk that `position` lies in, with room for `end` octets. */
  #chunkForWrite(position: Position, end: number): Uint8Array {
    const slot = Math.floor(position / CHUNK_LEN) % this.#slots.length;
    const chunk = this.#slots[slot];
    if (chunk !== undefined && chunk.length >= end) return chunk;
    const fresh = this.#pool.take(position < CHUNK_LEN ? firstChunkLen(end) : CHUNK_LEN, this.#reuse);
    if (chunk !== undefined) {
      fresh.set(chunk); // views of the old one stay what they were
      this.#pool.give(chunk, false);
    }
    this.#slots[slot] = fresh;
    return fresh;
  }
}

const firstChunkLen = (end: number): number => FIRST_CHUNK_LENS.find((length) => length >= end) ?? CHUNK_LEN;

/** A window of `capacity` octets may begin and end inside a chunk, and overshoot by the window's granularity. */
const slotsFor = (capacity: number): number => Math.ceil(capacity / CHUNK_LEN) + 2;
