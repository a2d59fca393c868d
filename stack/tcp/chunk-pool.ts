// The memory of all buffers of a layer, in chunks: what is held is counted against one budget, as Linux does it with
// tcp_mem. When three quarters of it are gone memory is tight: no buffer grows, and windows come down to a few
// segments as what was promised is used up (the right edge never moves). When all of it is gone octets out of order go
// first, and each connection may hold only what its application waits for. Chunks of send buffers, whose octets never leave
// them, are used again, so that an idle connection holds none.

export const CHUNK_LEN = 65_536;
/** Chunks that wait to be used again: 4 MiB, what a few busy connections set free at once. */
const MAX_SPARE = 64;
/** What is left then is for windows that are promised already. */
const TIGHT_SHARE = 3 / 4;

export class ChunkPool {
  /** Octets of the chunks in use. */
  held = 0;
  readonly budget: number;
  readonly #spare: Uint8Array[] = [];

  constructor(budget: number = Number.POSITIVE_INFINITY) {
    this.budget = budget;
  }

  get isTight(): boolean {
    return this.held > this.budget * TIGHT_SHARE;
  }

  get isExhausted(): boolean {
    return this.held >= this.budget;
  }

  take(length: number, reuse: boolean): Uint8Array {
    this.held += length;
    const spare = reuse && length === CHUNK_LEN ? this.#spare.pop() : undefined;
    return spare ?? new Uint8Array(length);
  }

  /** `reuse`: nobody else sees its octets. */
  give(chunk: Uint8Array, reuse: boolean): void {
    this.held -= chunk.length;
    if (reuse && chunk.length === CHUNK_LEN && this.#spare.length < MAX_SPARE) this.#spare.push(chunk);
  }
}
