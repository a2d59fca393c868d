// What was sent again lately: only a D-SACK (RFC 2883) of these octets is of our making; any other tells of a
// network that duplicates. Asked by RACK (was a copy needless?) and by spurious.ts (was every copy since then?).

import { MAX_REMEMBERED_COPIES } from './limits.ts';
import type { Position } from './position.ts';

interface Copy {
  readonly start: Position;
  readonly end: Position;
  readonly round: number;
}

export class SentCopies {
  /** Oldest first. */
  readonly #copies: Copy[] = [];
  #round = 0;
  #sent = 0;
  #reported = 0;

  /** Counts from here on: see allReported. */
  begin(): void {
    this.#round += 1;
    this.#sent = 0;
    this.#reported = 0;
  }

  /** Each octet that was sent again since begin() has been reported as a duplicate, and there were some. */
  get allReported(): boolean {
    return this.#sent > 0 && this.#reported === this.#sent;
  }

  /** [start, end) leaves once more. */
  note(start: Position, end: Position): void {
    this.#sent += end - start;
    this.#copies.push({ start, end, round: this.#round });
    this.#bound();
  }

  /**
   * The peer reports [start, end) as received twice: returns how many of these octets are copies of ours. Each
   * report answers for one copy, the oldest, even where an octet left three times.
   */
  strike(start: Position, end: Position, from = 0): number {
    if (start >= end) return 0;
    const at = this.#copies.findIndex((copy, i) => i >= from && copy.start < end && start < copy.end);
    const copy = this.#copies[at];
    if (copy === undefined) return 0;
    const left = Math.max(start, copy.start);
    const right = Math.min(end, copy.end);
    const rest = [
      { ...copy, end: left },
      { ...copy, start: right },
    ].filter((part) => part.start < part.end);
    this.#copies.splice(at, 1, ...rest);
    if (copy.round === this.#round) this.#reported += right - left;
    const behind = at + rest.length;
    const others = this.strike(start, left, behind) + this.strike(right, end, behind);
    this.#bound();
    return right - left + others;
  }

  /** What is forgotten is never reported: allReported stays false. */
  #bound(): void {
    while (this.#copies.length > MAX_REMEMBERED_COPIES) this.#copies.shift();
  }
}
