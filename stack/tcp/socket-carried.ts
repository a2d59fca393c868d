// What sits in the stream on top of a TCP connection and has to move with it: octets taken from TCP that
// the application has not consumed, octets the application has written that TCP has not taken. The
// value travels in the handoff's STATE message beside the application's own state.

import type { Duplex } from 'node:stream';

export interface Carried {
  /** Taken from TCP, not yet consumed by the application. */
  readonly pendingRead: Uint8Array;
  /** Written by the application, not yet taken by TCP. */
  readonly pendingWrite: Uint8Array;
  /** The application has called end(): a FIN follows pendingWrite. */
  readonly writeEnded: boolean;
}

/** What a socket saves for its handoff: the stream's part and the application's. */
export interface SocketState extends Carried {
  readonly app: unknown;
}

/** Checks what arrived from another member; undefined when it is no SocketState. */
export function socketStateOf(value: unknown): SocketState | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { pendingRead, pendingWrite, writeEnded, app } = value as Partial<Record<keyof SocketState, unknown>>;
  if (!(pendingRead instanceof Uint8Array) || !(pendingWrite instanceof Uint8Array)) return undefined;
  if (typeof writeEnded !== 'boolean') return undefined;
  return { pendingRead, pendingWrite, writeEnded, app };
}

/**
 * Remembers the end of what was pushed into a Readable, so that the octets still in its buffer can be
 * told without taking them out: they are the last `readableLength` octets pushed.
 */
export class ReadTail {
  #chunks: Uint8Array[] = [];

  /** `chunk` is about to be pushed; `buffered` octets of the earlier ones are still unread. */
  push(chunk: Uint8Array, buffered: number): void {
    this.#trim(buffered);
    this.#chunks.push(chunk);
  }

  /** A copy of the last `length` octets pushed; undefined where the reader has put back more than is known here. */
  last(length: number): Uint8Array | undefined {
    const out = new Uint8Array(length);
    let at = length;
    for (const chunk of this.#chunks.toReversed()) {
      const part = chunk.subarray(Math.max(0, chunk.length - at));
      at -= part.length;
      out.set(part, at);
    }
    return at === 0 ? out : undefined;
  }

  /** Forgets whole chunks in front of the last `keep` octets. */
  #trim(keep: number): void {
    let kept = 0;
    let first = this.#chunks.length;
    while (first > 0 && kept < keep) {
      first -= 1;
      kept += this.#chunks[first]?.length ?? 0;
    }
    if (first > 0) this.#chunks = this.#chunks.slice(first);
  }
}

/** A write that waits inside a Writable behind the one in progress. */
export interface WaitingWrite {
  readonly chunk: Uint8Array;
  callback: (error?: Error | null) => void;
}

/** Writable.writableBuffer: not in Node's manual, but what net.Socket itself counts bytesWritten with. */
export const waitingWrites = (stream: Duplex): readonly WaitingWrite[] =>
  (stream as Duplex & { readonly writableBuffer: readonly WaitingWrite[] }).writableBuffer;

/** The application's state, which may be a promise of it; rejects when it takes too long. */
export async function stateInTime(state: unknown, deadlineMs: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`the application did not give its state within ${deadlineMs} ms`);
    timer = setTimeout(reject, deadlineMs, error);
  });
  try {
    return await Promise.race([state, late]);
  } finally {
    clearTimeout(timer);
  }
}
