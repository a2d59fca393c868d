// A file that a capture is appended to. Octets are gathered in memory and written when the buffer is full, a
// short while after the first of them came, on close() and when the process exits. What does not fit the bound
// of the file, or cannot be written (disk full), is counted and never lost in silence. The encoding is
// stack/wire/pcapng.ts; only whole blocks come in, and a block is written whole or not at all.

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/** Written at once when the buffer holds this much: a write of it to the page cache takes some 50 us. */
const BUFFER_LEN = 256 * 1024;
/** How long a packet may stay in memory: what a killed process can lose. */
const FLUSH_MS = 200;
const DEFAULT_MAX_BYTES = 4 * 1024 ** 3;

export interface CaptureFileOptions {
  /** Bound of the file's size; 4 GiB unless given. */
  readonly maxBytes?: number;
}

export class CaptureFile {
  readonly path: string;
  readonly #maxBytes: number;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_LEN);
  readonly #onExit = (): void => this.close();
  #used = 0;
  #written = 0;
  #dropped = 0;
  #failure: Error | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Blocks in the buffer: lost together if it cannot be written. */
  #pendingBlocks = 0;

  /** Creates the file, or empties it. Throws the error of node:fs, which names the path. */
  constructor(path: string, options: CaptureFileOptions = {}) {
    this.path = path;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#fd = openSync(path, 'w');
    process.once('exit', this.#onExit);
  }

  /** Blocks that are not in the file: over its bound, after close(), or after a failed write. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why nothing more is written, after a write has failed. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Octets taken so far. */
  get length(): number {
    return this.#written + this.#used;
  }

  /** Appends one block. The octets are copied. */
  write(block: Uint8Array): void {
    if (this.#closed || this.#failure !== undefined || this.length + block.length > this.#maxBytes) {
      this.#dropped += 1;
      return;
    }
    if (this.#used + block.length > BUFFER_LEN) this.flush();
    this.#pendingBlocks += 1;
    if (block.length > BUFFER_LEN) {
      this.#writeOut(block);
      return;
    }
    this.#buffer.set(block, this.#used);
    this.#used += block.length;
    this.#flushTimer ??= setTimeout(() => this.flush(), FLUSH_MS).unref();
  }

  /** Hands everything taken so far to the operating system. */
  flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const used = this.#used;
    this.#used = 0;
    if (used > 0) this.#writeOut(this.#buffer.subarray(0, used));
  }

  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    process.removeListener('exit', this.#onExit);
    closeSync(this.#fd);
  }

  /** A failed write leaves the file as it was after the last whole one. */
  #writeOut(bytes: Uint8Array): void {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
      this.#written += bytes.length;
    } catch (error) {
      this.#dropped += this.#pendingBlocks;
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      this.#truncate();
    }
    this.#pendingBlocks = 0;
  }

  #truncate(): void {
    try {
      ftruncateSync(this.#fd, this.#written);
    } catch {
      // not a regular file: a pipe or /dev/full has no end to cut off
    }
  }
}
