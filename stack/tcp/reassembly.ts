// The out-of-order queue as a list of islands beyond RCV.NXT (their octets lie in the receive buffer already),
// and what SACK says of it: the block touched last comes first (RFC 2018 4), in front of it the duplicate that
// was just received (D-SACK, RFC 2883).

import { MAX_OUT_OF_ORDER_RANGES } from './limits.ts';
import type { Position } from './position.ts';

/** Octets [start, end) of a stream. */
export interface Range {
  start: Position;
  end: Position;
}

/** Blocks remembered in the order in which they were touched: what one ACK can carry. */
const RECENT = 4;

export class Reassembly {
  /** In order, disjoint, not adjacent. */
  readonly islands: Range[] = [];
  /** The islands touched last, newest first. */
  readonly #recent: Range[] = [];
  /** To be reported in the next ACK, once. */
  duplicate: Range | undefined;
  /** The newest segment, which was not kept: reported in the next ACK all the same, first and once (RFC 2018 8). */
  #refused: Range | undefined;
  /** Where the peer's FIN is, if it came ahead of octets that are missing. */
  fin: Position | undefined;

  get isEmpty(): boolean {
    return this.islands.length === 0;
  }

  /**
   * Octets [start, end), out of order, have come. False: there is no room for another island, they are not
   * taken. What was there already becomes the duplicate to report.
   */
  add(start: Position, end: Position): boolean {
    const first = this.#firstEndingAtOrAfter(start);
    let last = first;
    let merged: Range | undefined;
    for (let island = this.islands[last]; island !== undefined && island.start <= end; island = this.islands[last]) {
      if (merged === undefined) this.#noteOverlap(island, start, end);
      merged = { start: Math.min(merged?.start ?? start, island.start), end: Math.max(end, island.end) };
      this.#forget(island);
      last += 1;
    }
    if (merged === undefined && this.islands.length >= MAX_OUT_OF_ORDER_RANGES) return false;
    const range = merged ?? { start, end };
    this.islands.splice(first, last - first, range);
    this.#touch(range);
    return true;
  }

  refuse(start: Position, end: Position): void {
    this.#refused = { start, end };
  }

  /** None of it is held any more. */
  clear(): void {
    this.islands.length = 0;
    this.#recent.length = 0;
  }

  /** RCV.NXT has come to `nxt`: returns how far the octets now reach in order. */
  advance(nxt: Position): Position {
    let reach = nxt;
    for (let island = this.islands[0]; island !== undefined && island.start <= reach; island = this.islands[0]) {
      reach = Math.max(reach, island.end);
      this.islands.shift();
      this.#forget(island);
    }
    return reach;
  }

  /** At most `max` blocks for the SACK option; the duplicate is taken out. */
  takeBlocks(max: number): Range[] {
    const blocks: Range[] = [];
    if (this.duplicate !== undefined) {
      blocks.push(this.duplicate);
      this.duplicate = undefined;
    }
    if (this.#refused !== undefined && blocks.length < max) {
      blocks.push(this.#refused);
      this.#refused = undefined;
    }
    for (const range of this.#recent) if (blocks.length < max) blocks.push(range);
    for (const range of this.islands) {
      if (blocks.length >= max) break;
      if (!blocks.includes(range)) blocks.push(range);
    }
    return blocks;
  }

  /** How many blocks takeBlocks(max) would give. */
  blockCount(max: number): number {
    return Math.min(
      max,
      this.islands.length + (this.duplicate === undefined ? 0 : 1) + (this.#refused === undefined ? 0 : 1),
    );
  }

  /** RFC 2883 4: only the duplicate part of a segment is reported. */
  #noteOverlap(island: Range, start: Position, end: Position): void {
    const left = Math.max(start, island.start);
    const right = Math.min(end, island.end);
    if (left < right) this.duplicate = { start: left, end: right };
  }

  #touch(range: Range): void {
    this.#recent.unshift(range);
    if (this.#recent.length > RECENT) this.#recent.pop();
  }

  #forget(range: Range): void {
    const at = this.#recent.indexOf(range);
    if (at >= 0) this.#recent.splice(at, 1);
  }

  #firstEndingAtOrAfter(position: Position): number {
    let low = 0;
    let high = this.islands.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.islands[middle]?.end ?? Number.POSITIVE_INFINITY) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
