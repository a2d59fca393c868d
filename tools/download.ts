// A download over HTTP/1.1 through any stream that a connect function gives: our socket, or the kernel's. Counts,
// hashes and times what arrives, and writes it to a file or nowhere. It does not resume and does not follow
// redirects. A file appears under its name only when it is whole.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { explain, UserError } from './errors.ts';

export interface DownloadOptions {
  /** As the user gave it, for messages. */
  readonly url: string;
  /** What goes into the Host field: name or address, with the port where it is not 80. */
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  readonly connect: () => Duplex;
  /** Where the file goes; absent: nowhere, it is only counted and hashed. */
  readonly output?: string | undefined;
  /** Told of each piece. `total` is undefined where the server does not say. */
  readonly onProgress?: (received: number, total: number | undefined) => void;
  /** Milliseconds on a clock of any origin. Default performance.now(). */
  readonly now?: () => number;
  readonly signal?: AbortSignal | undefined;
}

export interface DownloadResult {
  readonly bytes: number;
  /** Hexadecimal digits. */
  readonly sha256: string;
  /** From the call to the last octet. */
  readonly durationMs: number;
  /** From the call to the response head. */
  readonly firstByteMs: number;
  /** The longest wait for the next octets, once the response had begun. */
  readonly longestStallMs: number;
}

/** Downloads one file. Rejects with a UserError that says what went wrong; nothing is left behind then. */
export async function download(options: DownloadOptions): Promise<DownloadResult> {
  const sink = await Sink.open(options.output);
  try {
    const result = await receive(options, sink);
    await sink.keep();
    return result;
  } catch (error) {
    await sink.discard();
    if (error instanceof UserError) throw error;
    throw new UserError(`${options.url}: ${explain(error)}`);
  }
}

async function receive(options: DownloadOptions, sink: Sink): Promise<DownloadResult> {
  const { url, now = () => performance.now(), onProgress } = options;
  const started = now();
  const response = await respond(options);
  const firstByteMs = now() - started;
  const total = lengthOf(response);
  const hash = createHash('sha256');
  let bytes = 0;
  let longestStallMs = 0;
  try {
    let waiting = now();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      longestStallMs = Math.max(longestStallMs, now() - waiting);
      bytes += chunk.length;
      hash.update(chunk);
      await sink.write(chunk);
      onProgress?.(bytes, total);
      waiting = now();
    }
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    // node:http says no more than 'aborted' when the connection ends inside a response.
    const what = error instanceof Error && error.message === 'aborted' ? 'the connection ended' : explain(error);
    throw new UserError(`${url}: ${what} after ${bytes} of ${total ?? 'an unknown number of'} octets`);
  } finally {
    response.destroy();
  }
  return { bytes, sha256: hash.digest('hex'), durationMs: now() - started, firstByteMs, longestStallMs };
}

async function respond(options: DownloadOptions): Promise<IncomingMessage> {
  const { url, host, path, connect, signal } = options;
  const asked = request({
    createConnection: connect,
    path,
    headers: { host, accept: '*/*' },
    ...(signal && { signal }),
  });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  if (response.statusCode === 200) return response;
  response.destroy();
  throw new UserError(`${url}: the server answers ${response.statusCode} ${response.statusMessage}`);
}

function lengthOf(response: IncomingMessage): number | undefined {
  const field = response.headers['content-length'];
  return field === undefined ? undefined : Number(field);
}

/** A file in the making, under another name until it is whole; or nowhere at all. */
class Sink {
  readonly #file: { readonly handle: FileHandle; readonly part: string; readonly path: string } | undefined;

  private constructor(file: { readonly handle: FileHandle; readonly part: string; readonly path: string } | undefined) {
    this.#file = file;
  }

  static async open(path: string | undefined): Promise<Sink> {
    if (path === undefined) return new Sink(undefined);
    const part = `${path}.part`;
    try {
      return new Sink({ handle: await open(part, 'w'), part, path });
    } catch (error) {
      throw new UserError(`cannot write ${explain(error)}`);
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; this.#file !== undefined && at < chunk.length; ) {
      at += (await this.#file.handle.write(chunk, at)).bytesWritten;
    }
  }

  async keep(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#file.handle.close();
    await rename(this.#file.part, this.#file.path);
  }

  async discard(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#file.handle.close().catch(() => {}); // closed already where the renaming failed
    await rm(this.#file.part, { force: true });
  }
}
