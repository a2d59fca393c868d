// What kernel peers and our stack exchange: octets that follow from a seed over HTTP/1.1, on whatever sockets.
// GET /LENGTH/SEED gives them; PUT takes any and answers with their SHA-256. So both ends can tell what
// was sent and what came without a file between them.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { seededPieces } from '../seeded-file.ts';

/** An HTTP server of content that listens nowhere: give it sockets with emit('connection', socket), or listen(). */
export const contentServer = (): Server => createServer(serveContent);

export const contentPath = (length: number, seed: number): string => `/${length}/${seed}`;

/** SHA-256 in hexadecimal digits of what GET contentPath(length, seed) gives. */
export function contentHash(length: number, seed: number): string {
  const hash = createHash('sha256');
  for (const piece of seededPieces(length, seed)) hash.update(piece);
  return hash.digest('hex');
}

/** The octets as a stream. */
export const contentStream = (length: number, seed: number): Readable => Readable.from(copies(length, seed));

/** SHA-256 of all that a stream brings. */
export async function hashOfStream(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}

/** A piece is good only until the next one is made, and a stream keeps several. */
function* copies(length: number, seed: number): Generator<Uint8Array> {
  for (const piece of seededPieces(length, seed)) yield piece.slice();
}

const serveContent: RequestListener = (request, response) => {
  // A connection that breaks is the client's to report: it has not got what it asked for.
  answer(request, response).catch(() => response.destroy());
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'PUT') {
    response.end(`${await hashOfStream(request)}\n`);
    return;
  }
  const [, length, seed] = /^\/(\d+)\/(\d+)$/.exec(request.url ?? '') ?? [];
  if (length === undefined || seed === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader('Content-Length', length);
  await pipeline(contentStream(Number(length), Number(seed)), response);
}
