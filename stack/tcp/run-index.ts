// Runs of the flight in the order of their positions, to be searched: an array beside the linked list, so that what a
// peer's SACK blocks or losses point at is found in a few steps, however many runs there are and wherever it lies.

import type { Run } from './flight.ts';
import type { Position } from './position.ts';

/** Empty places at the front that are tolerated. */
const MAX_SLACK = 1024;

export class RunIndex {
  #runs: (Run | undefined)[] = [];
  /** The first that counts: what lies before it has left. */
  #from = 0;

  get first(): Run | undefined {
    return this.#runs[this.#from];
  }

  /** A run behind all others. */
  push(run: Run): void {
    this.#runs.push(run);
  }

  /** Does nothing where the run is there already. */
  add(run: Run): void {
    const at = this.#firstFrom(run.start);
    if (at === this.#runs.length) this.#runs.push(run);
    else if (this.#runs[at] !== run) this.#runs.splice(at, 0, run);
  }

  /** Does nothing where the run is not there. */
  remove(run: Run): void {
    const at = this.#runs[this.#from] === run ? this.#from : this.#firstFrom(run.start);
    if (this.#runs[at] !== run) return;
    if (at === this.#from) this.#dropFirst();
    else if (at === this.#runs.length - 1) this.#runs.pop();
    else this.#runs.splice(at, 1);
  }

  lastStartingBefore(position: Position): Run | undefined {
    const at = this.#firstFrom(position) - 1;
    return at < this.#from ? undefined : this.#runs[at];
  }

  clear(): void {
    this.#runs.length = 0;
    this.#from = 0;
  }

  #dropFirst(): void {
    this.#runs[this.#from] = undefined;
    this.#from += 1;
    if (this.#from === this.#runs.length) this.clear();
    else if (this.#from > MAX_SLACK && this.#from > this.#runs.length / 2) {
      this.#runs = this.#runs.slice(this.#from);
      this.#from = 0;
    }
  }

  /** Where the first run that starts at or behind `position` is, or would be. */
  #firstFrom(position: Position): number {
    let low = this.#from;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.start ?? Number.POSITIVE_INFINITY) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
