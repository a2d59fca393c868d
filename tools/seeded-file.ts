// Files whose every octet follows from a seed: the same on each machine, and no compression or cache makes a
// transfer of them look better than it is. Written a piece at a time, hashed on the way.

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

/** The octets of such a file. A piece is valid until the next one is asked for. */
export function* seededPieces(length: number, seed: number): Generator<Uint8Array, void, undefined> {
  const random = new SeededRandom(seed);
  const words = new Uint32Array(PIECE / 4);
  const octets = new Uint8Array(words.buffer);
  for (let left = length; left > 0; left -= PIECE) {
    // The order of octets in a word is the machine's; every platform of Node's is little-endian.
    for (let i = 0; i < words.length; i++) words[i] = random.u32();
    yield left >= PIECE ? octets : octets.subarray(0, left);
  }
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex');
}
