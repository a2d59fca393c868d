// A file that a client is sending: under a name of its own until it is whole, then renamed, so that nobody sees half of
// it. Members that serve one directory can go on with it: what has been written is found there under that name.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';

/** Names that begin so are ours, and neither served nor written to by clients. */
export const UPLOAD_PREFIX = '.upload-';
const ID_OCTETS = 12;
const ID = /^[0-9a-f]{24}$/;
const UPLOAD_NAME = /^\.upload-[0-9a-f]{24}$/;
/** A session ends when nothing has moved for two minutes; the rest is for clocks that differ. */
const ABANDONED_MS = 3600 * 1000;

const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const REOPEN_FLAGS = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const FILE_MODE = 0o644;

/** What another member needs to go on. Checked when it arrives. */
export interface UploadState {
  /** Of its temporary name. */
  readonly id: string;
  /** Below the directory. */
  readonly path: string;
  /** Of the whole. */
  readonly length: number;
  /** Octets that are in the file. */
  readonly offset: number;
  /** It is whole, and has its own name: this is what it was. */
  readonly stored: Stored | null;
  readonly keepAlive: boolean;
}

export type Stored = 'created' | 'replaced';

/** Why a file of this name cannot be written; the status of HTTP that says so. */
export interface NotWritable {
  readonly status: 400 | 403 | 409 | 411 | 417 | 500 | 503 | 507;
  readonly reason: string;
}

export class Upload {
  readonly id: string;
  readonly path: string;
  readonly length: number;
  readonly keepAlive: boolean;
  /** Octets written so far. */
  offset: number;
  stored: Stored | null;
  readonly #root: string;
  readonly #handle: FileHandle;
  #open = true;

  private constructor(root: string, handle: FileHandle, state: UploadState) {
    this.#root = root;
    this.#handle = handle;
    this.id = state.id;
    this.path = state.path;
    this.length = state.length;
    this.offset = state.offset;
    this.stored = state.stored;
    this.keepAlive = state.keepAlive;
  }

  /** Rejects with the system's error, such as ENOSPC. */
  static async begin(root: string, path: string, length: number, keepAlive: boolean): Promise<Upload | NotWritable> {
    const problem = await problemWith(root, path);
    if (problem !== undefined) return problem;
    const id = randomBytes(ID_OCTETS).toString('hex');
    const handle = await open(join(root, UPLOAD_PREFIX + id), CREATE_FLAGS, FILE_MODE);
    return new Upload(root, handle, { id, path, length, offset: 0, stored: null, keepAlive });
  }

  /** Goes on with what another member has begun; a text says why that cannot be done here. */
  static async reopen(root: string, state: UploadState): Promise<Upload | string> {
    const name = UPLOAD_PREFIX + state.id;
    if (state.stored !== null) {
      // Nothing is left to write: any handle will do for the answer.
      const handle = await open(root, constants.O_RDONLY);
      return new Upload(root, handle, state);
    }
    // The name comes from another node, and is to be that of a file in this directory.
    const problem = await problemWith(root, state.path);
    if (problem !== undefined) return `'${state.path}' cannot be stored here: ${problem.reason}`;
    const handle = await open(join(root, name), REOPEN_FLAGS).catch(() => undefined);
    if (handle === undefined) return `no upload '${name}' here: members that take uploads need one directory`;
    const { size } = await handle.stat();
    if (size >= state.offset) return new Upload(root, handle, state);
    await handle.close();
    return `'${name}' has ${size} octets here, not ${state.offset}`;
  }

  get state(): UploadState {
    const { id, path, length, offset, stored, keepAlive } = this;
    return { id, path, length, offset, stored, keepAlive };
  }

  /** Rejects with the system's error. What comes twice is written twice, at the same place. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(chunk, at, chunk.length - at, this.offset + at);
      at += bytesWritten;
    }
    this.offset += chunk.length;
  }

  /** All octets are there: it gets its name, and is on the disk. */
  async store(): Promise<void> {
    const target = join(this.#root, this.path);
    const stored = (await lstat(target).catch(() => undefined)) === undefined ? 'created' : 'replaced';
    await this.#handle.sync();
    await rename(join(this.#root, UPLOAD_PREFIX + this.id), target);
    await syncDirectory(dirname(target));
    this.stored = stored;
  }

  /** Lets go of it; the file stays as it is. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }

  /** It will never be whole. */
  async discard(): Promise<void> {
    await this.close();
    if (this.stored === null) await rm(join(this.#root, UPLOAD_PREFIX + this.id), { force: true });
  }
}

/** A new name is on the disk when its directory is; some file systems have no such thing to offer. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EINVAL')) throw error;
  } finally {
    await handle.close();
  }
}

/** Uploads that a member left behind when its process was killed. Those of other members here, which move, stay. */
export async function removeAbandoned(root: string, nowMs: number): Promise<void> {
  const names = await readdir(root);
  for (const name of names.filter((each) => UPLOAD_NAME.test(each))) {
    const path = join(root, name);
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isFile() === true && nowMs - stat.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

/** The path leads to a file's place in the directory, and to nothing that is no file. */
async function problemWith(root: string, path: string): Promise<NotWritable | undefined> {
  if (isOurs(path)) return { status: 403, reason: 'the name is not for clients' };
  const target = join(root, path);
  const folder = await realpath(dirname(target)).catch(() => undefined);
  if (folder === undefined) return { status: 409, reason: 'no such directory' };
  if (folder !== root && !folder.startsWith(root.endsWith(sep) ? root : root + sep)) {
    return { status: 403, reason: 'outside of what is served' };
  }
  const there = await lstat(target).catch(() => undefined);
  return there === undefined || there.isFile() ? undefined : { status: 409, reason: 'the name is not that of a file' };
}

/** Is this path one of an upload under way? */
export const isOurs = (path: string): boolean => basename(path).startsWith(UPLOAD_PREFIX);

type Unchecked<T> = Partial<Record<keyof T, unknown>>;

/** Undefined for anything that is no UploadState. */
export function uploadStateOf(value: object): UploadState | undefined {
  const { id, path, length, offset, stored, keepAlive } = value as Unchecked<UploadState>;
  if (typeof id !== 'string' || !ID.test(id) || typeof path !== 'string' || typeof keepAlive !== 'boolean')
    return undefined;
  if (!isOffset(length) || !isOffset(offset) || offset > length) return undefined;
  if (stored !== null && stored !== 'created' && stored !== 'replaced') return undefined;
  return { id, path, length, offset, stored, keepAlive };
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
