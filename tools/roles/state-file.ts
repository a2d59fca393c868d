// A file that holds the last whole state of a role, whenever the process or the machine stops: a new one is written
// beside it, brought to the disk and renamed over it. Changes that follow each other closely are written together.

import { readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a process that is killed can lose. */
const DELAY_MS = 100;
/** Until a write that failed is tried again: the disk may have room by then. */
const RETRY_MS = 5000;
/** Who is registered from where is nobody else's business. */
const OWNER_ONLY = 0o600;

export class StateFile {
  readonly #path: string;
  readonly #take: () => Uint8Array;
  readonly #warn: (text: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #isDirty = false;
  #writing: Promise<void> | undefined;
  /** One warning for all failures in a row. */
  #failing = false;

  /** `take` gives the state as it is then. */
  constructor(path: string, take: () => Uint8Array, warn: (text: string) => void) {
    this.#path = path;
    this.#take = take;
    this.#warn = warn;
  }

  /** Written in a short while. */
  changed(): void {
    this.#isDirty = true;
    const delay = this.#failing ? RETRY_MS : DELAY_MS;
    if (this.#writing === undefined) this.#timer ??= setTimeout(() => this.#start(), delay);
  }

  /** All that has changed is on the disk, or was told to be lost. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    clearTimeout(this.#timer);
    if (this.#isDirty) await this.#write();
  }

  #start(): void {
    this.#timer = undefined;
    this.#writing = this.#write().then(() => {
      this.#writing = undefined;
      if (this.#isDirty) this.changed();
    });
  }

  async #write(): Promise<void> {
    this.#isDirty = false;
    try {
      await replaceFile(this.#path, this.#take());
      this.#failing = false;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#failing) this.#warn(`${this.#path}: the state cannot be written (${reason})`);
      this.#failing = true;
      this.#isDirty = true;
    }
  }
}

/** What is in the file; undefined: there is none. Throws the error of node:fs, which names the path. */
export function readStateFile(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.new`;
  await rm(beside, { force: true }); // of a process that was killed while it wrote
  const file = await open(beside, 'wx', OWNER_ONLY);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await syncDirectory(dirname(path));
}

/** The name too has to be on the disk. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
