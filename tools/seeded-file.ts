// Files whose every octet follows from a seed: the same on each machine. Lines of 63 random letters, because the
// dissectors of Wireshark that guess (and HTTP's, where a capture begins inside a response) find protocols and
// malformed packets in random octets. Written a piece at a time, hashed on the way.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { SeededRandom } from '../stack/core/random.ts';

const PIECE = 1024 * 1024;

/** Writes `length` octets to `path` and gives their SHA-256 in hexadecimal digits. */
export async function writeSeededFile(path: string, length: number, seed: number): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  try {
    for (const piece of seededPieces(length, seed)) {
      hash.update(piece);
      await file.write(piece);
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

const ALPHABET = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const LINE = 64;
const NEWLINE = 10;

/** The octets of such a file. A piece is valid until the next one is asked for. */
export function* seededPieces(length: number, seed: number): Generator<Uint8Array, void, undefined> {
  const random = new SeededRandom(seed);
  const octets = new Uint8Array(PIECE);
  for (let left = length; left > 0; left -= PIECE) {
    for (let i = 0; i < PIECE; i += 4) {
      const word = random.u32();
      for (let k = 0; k < 4; k++) octets[i + k] = ALPHABET[(word >>> (6 * k)) & 63] ?? 0;
    }
    for (let i = LINE - 1; i < PIECE; i += LINE) octets[i] = NEWLINE;
    yield left >= PIECE ? octets : octets.subarray(0, left);
  }
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex');
}
