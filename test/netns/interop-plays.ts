// What the two ends of a connection do, as a list of steps: the same list is played on our sockets and, in another
// process, on the kernel's. The outcome says what was sent, what came, and how it ended. A play is over when its
// socket has closed; nothing here has a bound on time but the test that plays it.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededPieces } from '../../tools/seeded-file.ts';

/** What net.Socket and ours have in common, as far as a play needs it. Both are made with allowHalfOpen. */
export interface PlayedSocket extends Duplex {
  readonly connecting: boolean;
  resetAndDestroy(): unknown;
  setKeepAlive(enable: boolean, initialDelayMs: number): unknown;
}

/** A step takes until what it says has happened; 'start-write' alone goes on beside the steps that follow. */
export type Step =
  | readonly ['write' | 'start-write', octets: number, seed: number]
  /** Sends back all that comes, and ends when the peer has. */
  | readonly ['echo']
  | readonly ['end' | 'reset' | 'destroy' | 'pause' | 'resume']
  | readonly ['sleep', ms: number]
  /** Until so many octets have come in all. */
  | readonly ['receive', octets: number]
  | readonly ['receive-end']
  /** Until there is as much unread as the stream takes, so that more is unread below it. */
  | readonly ['until-full']
  | readonly ['keep-alive', idleMs: number];

/** What only the end in the test's own process can do. */
export type OurStep =
  | Step
  /** Writes on and on, until something has happened. */
  | readonly ['write-until', happened: Promise<unknown>, seed: number];

export interface Side {
  readonly octets: number;
  /** SHA-256 in hexadecimal digits. */
  readonly hash: string;
}

export interface Outcome {
  readonly sent: Side;
  readonly received: Side;
  /** The peer has finished. */
  readonly ended: boolean;
  /** Code of the socket's error; null: none. */
  readonly error: string | null;
  /** The longest time a write waited until there was room for more. */
  readonly stalledMs: number;
  /** From the call that opened or accepted it until it had closed. */
  readonly tookMs: number;
}

const CHUNK = 64 * 1024;
/** Not a power of two: streams of different seeds, and parts of one stream, do not repeat in step. */
const CONTENT_PERIOD = 1_000_003;
const SEED_STEP = 7_919;

class Tally {
  octets = 0;
  readonly #hash = createHash('sha256');

  add(chunk: Uint8Array): void {
    this.octets += chunk.length;
    this.#hash.update(chunk);
  }

  side(): Side {
    return { octets: this.octets, hash: this.#hash.digest('hex') };
  }
}

/**
 * Plays the steps once there is a connection, and waits for the socket to close. Never rejects for what the peer does.
 * The seeds of the steps are relative to `seed`.
 */
export const play = (socket: PlayedSocket, steps: readonly OurStep[], seed = 0): Promise<Outcome> =>
  new Player(socket, seed).play(steps);

/** What the last segments of a connection may take until its port can be used again; longer where one is busy. */
const PORT_PAUSE_MS = 50;
const POLL_MS = 5;
const PORT_TAKEN: readonly (string | null)[] = ['EADDRINUSE', 'EADDRNOTAVAIL'];

/** Opens `count` connections: all at once, or one after the other where they share a port. */
export async function openAll(
  count: number,
  localPort: number | undefined,
  open: (i: number) => Promise<Outcome>,
): Promise<Outcome[]> {
  if (localPort === undefined) return Promise.all(Array.from({ length: count }, (_, i) => open(i)));
  const outcomes: Outcome[] = [];
  for (let i = 0; i < count; i++) {
    let outcome: Outcome;
    do {
      if (i > 0) await sleep(PORT_PAUSE_MS);
      outcome = await open(i);
    } while (i > 0 && PORT_TAKEN.includes(outcome.error));
    outcomes.push(outcome);
  }
  return outcomes;
}

class Player {
  readonly #socket: PlayedSocket;
  readonly #seed: number;
  readonly #sent = new Tally();
  readonly #received = new Tally();
  readonly #closed: Promise<unknown>;
  #ended = false;
  #echoes = false;
  #error: string | null = null;
  #stalledMs = 0;
  #onProgress = () => {};

  constructor(socket: PlayedSocket, seed: number) {
    this.#socket = socket;
    this.#seed = seed;
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', (error: Error & { code?: string }) => {
      this.#error ??= error.code ?? error.message;
    });
    socket.on('data', (chunk: Uint8Array) => this.#take(chunk));
    socket.on('end', () => {
      this.#ended = true;
      if (this.#echoes) socket.end();
      this.#onProgress();
    });
  }

  async play(steps: readonly OurStep[]): Promise<Outcome> {
    const from = performance.now();
    if (this.#socket.connecting) await Promise.race([once(this.#socket, 'connect').catch(() => {}), this.#closed]);
    for (const step of steps) {
      if (this.#socket.destroyed) break;
      await Promise.race([this.#play(step), this.#closed]);
    }
    await this.#closed;
    return {
      sent: this.#sent.side(),
      received: this.#received.side(),
      ended: this.#ended,
      error: this.#error,
      stalledMs: this.#stalledMs,
      tookMs: performance.now() - from,
    };
  }

  async #play(step: OurStep): Promise<void> {
    const socket = this.#socket;
    switch (step[0]) {
      case 'write':
        return this.#write(step[1], step[2]);
      case 'start-write':
        void this.#write(step[1], step[2]);
        return;
      case 'write-until':
        return this.#writeUntil(step[1], step[2]);
      case 'echo':
        this.#echoes = true;
        return;
      case 'end':
        socket.end();
        return;
      case 'reset':
        socket.resetAndDestroy();
        return;
      case 'destroy':
        socket.destroy();
        return;
      case 'pause':
        socket.pause();
        return;
      case 'resume':
        socket.resume();
        return;
      case 'sleep':
        return sleep(step[1]);
      case 'receive':
        return this.#until(() => this.#received.octets >= step[1]);
      case 'receive-end':
        return this.#until(() => this.#ended);
      case 'until-full':
        while (socket.readableLength < socket.readableHighWaterMark) await sleep(POLL_MS);
        return;
      case 'keep-alive':
        socket.setKeepAlive(true, step[1]);
        return;
    }
  }

  async #writeUntil(happened: Promise<unknown>, seed: number): Promise<void> {
    let over = false;
    const stop = (): void => {
      over = true;
    };
    happened.then(stop, stop);
    await this.#write(Number.POSITIVE_INFINITY, seed, () => over);
  }

  async #write(octets: number, seed: number, isOver = () => false): Promise<void> {
    for (const chunk of content(octets, seed + this.#seed)) {
      if (isOver() || !this.#socket.writable) return;
      this.#sent.add(chunk);
      if (this.#socket.write(chunk)) continue;
      const from = performance.now();
      await Promise.race([once(this.#socket, 'drain').catch(() => {}), this.#closed]);
      this.#stalledMs = Math.max(this.#stalledMs, performance.now() - from);
    }
  }

  #take(chunk: Uint8Array): void {
    this.#received.add(chunk);
    if (this.#echoes) {
      this.#sent.add(chunk);
      this.#socket.write(chunk);
    }
    this.#onProgress();
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onProgress = () => {
        if (holds()) resolve();
      };
      this.#onProgress();
    });
  }
}

let period: Uint8Array | undefined;

/** The octets of a stream, which follow from its seed, in chunks. */
function* content(octets: number, seed: number): Generator<Uint8Array> {
  period ??= Uint8Array.from(seededPieces(CONTENT_PERIOD, 1).next().value ?? []);
  let at = (seed * SEED_STEP) % CONTENT_PERIOD;
  for (let left = octets; left > 0; ) {
    const chunk = period.subarray(at, at + Math.min(CHUNK, left));
    yield chunk;
    left -= chunk.length;
    at = (at + chunk.length) % CONTENT_PERIOD;
  }
}
