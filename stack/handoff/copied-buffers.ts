// What a donor copies of its send buffers while the handoff is being prepared, kept at the acceptor until STATE
// brings the rest. Bounded: a donor copies for as long as the preparation takes.

import type { ConnectionName } from './messages.ts';

/** Octets of send buffers copied ahead that are kept, over all connections of a client: the latest ones. */
export const MAX_COPIED = 64 * 1024 * 1024;

/** Stretches of send buffers that came ahead of STATE. */
export class CopiedBuffers {
  readonly #buffers = new Map<string, { offset: number; end: number; chunks: Uint8Array[] }>();
  #total = 0;

  /** False: over the bound, or a stretch that overlaps the one before. */
  add(name: ConnectionName, offset: number, bytes: Uint8Array): boolean {
    const key = keyOf(name);
    let buffer = this.#buffers.get(key);
    if (buffer !== undefined && offset < buffer.end) return false;
    if (buffer === undefined || offset > buffer.end) {
      // A gap: all that was copied before it has been acknowledged since.
      if (buffer !== undefined) this.#total -= buffer.end - buffer.offset;
      buffer = { offset, end: offset, chunks: [] };
      this.#buffers.set(key, buffer);
    }
    buffer.chunks.push(bytes);
    buffer.end += bytes.length;
    this.#total += bytes.length;
    // While the app writes on, the client acknowledges: the oldest octets are the least likely to be wanted. Where
    // they are, the installation tells that they are missing.
    while (this.#total > MAX_COPIED && buffer.chunks.length > 1) {
      const dropped = buffer.chunks.shift()?.length ?? 0;
      buffer.offset += dropped;
      this.#total -= dropped;
    }
    return this.#total <= MAX_COPIED;
  }

  /** The copied stretch of a connection: where it begins in the stream, and its octets. */
  of(name: ConnectionName): { readonly offset: number; readonly chunks: readonly Uint8Array[] } | undefined {
    return this.#buffers.get(keyOf(name));
  }

  clear(): void {
    this.#buffers.clear();
    this.#total = 0;
  }
}

const keyOf = (name: ConnectionName): string => `${name.localPort}/${name.remotePort}`;
