// The directory behind a file server: files opened by a path that cannot lead out of it, and their identity. Two
// members serve their own copies of a file; that they are the same is told by size and SHA-256. A hash is
// computed once for each version of a file (device, inode, size, times) and remembered.

import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, opendir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { isOurs } from './file-upload.ts';

/** Hashes that are remembered. */
const MAX_HASHES = 4096;
/** Files that warm() looks at. */
const MAX_WARM_FILES = 1024;
/** Octets hashed at one go: a fraction of a millisecond, so that connections do not wait. */
const HASH_CHUNK = 256 * 1024;

const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class FileStore {
  readonly #root: string;
  readonly #hashes = new Map<string, Promise<string>>();
  /** Hashes that are ready, by the same key. */
  readonly #known = new Map<string, string>();

  private constructor(root: string) {
    this.#root = root;
  }

  /** The directory, without links. */
  get root(): string {
    return this.#root;
  }

  /** Throws an Error that names the directory when it is none. */
  static async open(directory: string): Promise<FileStore> {
    const root = await realpath(directory).catch(() => undefined);
    if (root === undefined || !(await stat(root)).isDirectory()) throw new Error(`not a directory: '${directory}'`);
    return new FileStore(root);
  }

  /** A regular file by its path below the directory; undefined when there is none, or it lies outside. */
  async openFile(path: string): Promise<OpenFile | undefined> {
    if (isOurs(path)) return undefined;
    // Links are followed here, and what they lead to has to lie inside; the last step must not be a link again.
    const real = await realpath(join(this.#root, path)).catch(() => undefined);
    if (real === undefined || !real.startsWith(this.#root.endsWith(sep) ? this.#root : this.#root + sep))
      return undefined;
    const handle = await open(real, OPEN_FLAGS).catch(() => undefined);
    if (handle === undefined) return undefined;
    const stats = await handle.stat({ bigint: true });
    if (stats.isFile()) return new OpenFile(this, path, real, handle, stats);
    await handle.close();
    return undefined;
  }

  /** Computes the hashes of all files ahead of time, so that a handoff does not have to wait for them. */
  async warm(): Promise<void> {
    let left = MAX_WARM_FILES;
    for await (const entry of await opendir(this.#root, { recursive: true })) {
      if (!entry.isFile()) continue;
      if (left-- === 0) return;
      const file = await this.openFile(relative(this.#root, join(entry.parentPath, entry.name)));
      await file?.sha256().catch(() => {}); // unreadable, or changing: nothing that is needed now
      await file?.close();
    }
  }

  knownHash(key: string): string | undefined {
    return this.#known.get(key);
  }

  /** The hash of the file that is at `real` and has this key. */
  hash(key: string, real: string): Promise<string> {
    let hash = this.#hashes.get(key);
    if (hash === undefined) {
      hash = this.#compute(key, real);
      hash.catch(() => this.#hashes.delete(key));
      this.#hashes.set(key, hash);
      this.#forgetOldest();
    }
    return hash;
  }

  async #compute(key: string, real: string): Promise<string> {
    const handle = await open(real, OPEN_FLAGS);
    try {
      const hash = createHash('sha256');
      const chunk = Buffer.allocUnsafe(HASH_CHUNK);
      for (let at = 0; ; ) {
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
        if (bytesRead === 0) break;
        hash.update(chunk.subarray(0, bytesRead));
        at += bytesRead;
      }
      if (keyOf(await handle.stat({ bigint: true })) !== key) throw new Error(`'${real}' has changed`);
      const digest = hash.digest('hex');
      this.#known.set(key, digest);
      return digest;
    } finally {
      await handle.close();
    }
  }

  #forgetOldest(): void {
    const [oldest] = this.#hashes.keys();
    if (this.#hashes.size <= MAX_HASHES || oldest === undefined) return;
    this.#hashes.delete(oldest);
    this.#known.delete(oldest);
  }
}

export class OpenFile {
  /** As it was asked for. */
  readonly path: string;
  readonly size: number;
  readonly #store: FileStore;
  readonly #real: string;
  readonly #handle: FileHandle;
  readonly #key: string;
  readonly #sizeAndTime: string;

  constructor(store: FileStore, path: string, real: string, handle: FileHandle, stats: BigIntStats) {
    this.#store = store;
    this.path = path;
    this.#real = real;
    this.#handle = handle;
    this.size = Number(stats.size);
    this.#key = keyOf(stats);
    this.#sizeAndTime = `"${stats.size.toString(16)}-${stats.mtimeNs.toString(16)}"`;
  }

  /**
   * Strong entity tags of this version, the one to send first: by content where that is known (the same on every
   * member that has the same file), by size and time of change where not.
   */
  get tags(): readonly [string, ...string[]] {
    const hash = this.#store.knownHash(this.#key);
    return hash === undefined ? [this.#sizeAndTime] : [`"${hash.slice(0, 32)}"`, this.#sizeAndTime];
  }

  /** Rejects when the file has changed since it was opened. */
  sha256(): Promise<string> {
    return this.#store.hash(this.#key, this.#real);
  }

  /** Octets from `offset` on: `length` of them, fewer only where the file ends. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const chunk = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(chunk, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return chunk.subarray(0, filled);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

const keyOf = (stats: BigIntStats): string =>
  [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');
