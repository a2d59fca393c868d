// Octets that the stream has handed over and TCP has not taken yet: what could not be written because the send buffer
// was full, the handshake was not done, or a handoff holds everything back. In order; each entry's `done`
// is called once its last octet is TCP's.

import { concatBytes } from '../core/bytes.ts';

export type Done = (error?: Error | null) => void;

interface Entry {
  readonly bytes: Uint8Array;
  readonly done: Done;
}

export class Outbox {
  readonly #entries: Entry[] = [];
  /** Octets of the first entry that TCP has already. */
  #taken = 0;

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Octets of the first entry that TCP has already: the stream still counts them as its own. */
  get taken(): number {
    return this.#taken;
  }

  /** Octets that TCP has not taken. */
  get length(): number {
    return this.#entries.reduce((sum, { bytes }) => sum + bytes.length, -this.#taken);
  }

  add(bytes: Uint8Array, done: Done): void {
    this.#entries.push({ bytes, done });
  }

  /**
   * Gives to `write` as much as it takes. A `done` may add an entry, which goes out in the same round.
   * Returns the number of octets taken.
   */
  flush(write: (bytes: Uint8Array) => number): number {
    let total = 0;
    for (let first = this.#entries[0]; first !== undefined; first = this.#entries[0]) {
      const taken = write(first.bytes.subarray(this.#taken));
      total += taken;
      this.#taken += taken;
      if (this.#taken < first.bytes.length) break;
      this.#taken = 0;
      this.#entries.shift();
      first.done();
    }
    return total;
  }

  /** Answers everything that is left; null where the application itself has let go, as net.Socket does. */
  fail(error: Error | null): void {
    this.#taken = 0;
    for (const { done } of this.#entries.splice(0)) done(error);
  }

  /** A copy of what is left. */
  rest(): Uint8Array {
    return concatBytes(...this.#entries.map(({ bytes }, i) => (i === 0 ? bytes.subarray(this.#taken) : bytes)));
  }
}
