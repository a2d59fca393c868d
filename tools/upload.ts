// An upload by PUT over HTTP/1.1 through any stream that a connect function gives. Counts, hashes and times what is
// sent. It waits for 100 Continue before the body, so that a refusal costs no transfer.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { explain, UserError } from './errors.ts';

export interface UploadOptions {
  /** As the user gave it, for messages. */
  readonly url: string;
  /** What goes into the Host field: name or address, with the port where it is not 80. */
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  readonly connect: () => Duplex;
  /** What is sent. */
  readonly file: string;
  /** Told of each piece that TCP has taken. */
  readonly onProgress?: (sent: number, total: number) => void;
}

export interface UploadResult {
  readonly bytes: number;
  /** Hexadecimal digits. */
  readonly sha256: string;
  /** 201: created, 204: replaced. */
  readonly status: number;
  /** From the call to the response. */
  readonly durationMs: number;
}

/** RFC 9110 10.1.1: a server need not know of it; after so long the body goes all the same. */
const CONTINUE_MS = 1_000;
const PIECE = 64 * 1024;

/** Rejects with a UserError that says what went wrong. */
export async function upload(options: UploadOptions): Promise<UploadResult> {
  const { url, file } = options;
  const { size } = await stat(file);
  const started = performance.now();
  const asked = request({
    method: 'PUT',
    createConnection: options.connect,
    path: options.path,
    headers: { host: options.host, 'content-length': size, expect: '100-continue' },
  });
  try {
    const answered = once(asked, 'response').then(([response]) => response as IncomingMessage);
    answered.catch(() => {}); // it is awaited below, or the body has failed before
    asked.flushHeaders();
    const early = await Promise.race([mayGo(asked), answered]);
    const sha256 = early === undefined ? await sendBody(asked, options, size, answered) : '';
    const response = await answered;
    const status = response.statusCode ?? 0;
    if (status !== 201 && status !== 204) throw new UserError(`${url}: the server answers ${await whyNot(response)}`);
    response.resume();
    return { bytes: size, sha256, status, durationMs: performance.now() - started };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${url}: ${explain(error)}`);
  } finally {
    asked.destroy();
  }
}

/** Until the server wants the body, or says nothing. */
async function mayGo(asked: ClientRequest): Promise<undefined> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    once(asked, 'continue'),
    new Promise((resolve) => {
      timer = setTimeout(resolve, CONTINUE_MS);
    }),
  ]).finally(() => clearTimeout(timer));
  return undefined;
}

/** Gives the hash of what was sent. Ends early when the server has answered. */
async function sendBody(
  asked: ClientRequest,
  { file, onProgress }: UploadOptions,
  size: number,
  answered: Promise<unknown>,
): Promise<string> {
  const hash = createHash('sha256');
  let sent = 0;
  let refused = false;
  const done = answered.then(() => {
    refused = true;
  });
  done.catch(() => {});
  for await (const piece of createReadStream(file, { highWaterMark: PIECE }) as AsyncIterable<Buffer>) {
    if (refused) break;
    hash.update(piece);
    sent += piece.length;
    if (!asked.write(piece)) await Promise.race([once(asked, 'drain'), done]);
    onProgress?.(sent, size);
  }
  asked.end();
  return hash.digest('hex');
}

async function whyNot(response: IncomingMessage): Promise<string> {
  const said = (await text(response).catch(() => '')).trim().split('\n')[0] ?? '';
  return said === '' ? `${response.statusCode} ${response.statusMessage}` : said;
}
