// Apps for simulations, on both sides of the app contract: every octet of a stream is a function of its offset,
// so each side can tell at once whether what it reads is whole and in order.

import { after, type Duration, type Instant } from '../../stack/core/time.ts';
import type { Timer, TimerQueue } from '../../stack/core/timer-queue.ts';
import type { HandoffApp } from '../../stack/server/app-contract.ts';
import type { Connection, ConnectionError } from '../../stack/tcp/api.ts';

/** A period that is prime, so that a shift by any segment size shows. */
const PERIOD = 65_521;
const PATTERN = Uint8Array.from(
  { length: 2 * PERIOD },
  (_, i) => ((i % PERIOD) * 31 + ((i % PERIOD) >> 8) * 17) & 0xff,
);

/** Octets [offset, offset + length) of the endless test stream; at most PERIOD at a time. */
export function streamBytes(offset: number, length: number): Uint8Array {
  const from = offset % PERIOD;
  return PATTERN.subarray(from, from + Math.min(length, PERIOD));
}

/** Where `bytes` differ from the test stream at `offset`, or -1. */
export function firstDifference(bytes: Uint8Array, offset: number): number {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== PATTERN[(offset + i) % PERIOD]) return offset + i;
  return -1;
}

/** One end of a connection that writes `toSend` octets of the stream and reads until the peer's FIN. */
export interface StreamProgress {
  sent: number;
  received: number;
  /** Offset of the first wrong octet, -1 while all is well. */
  wrongAt: number;
  finished: boolean;
  closed: boolean;
  error: ConnectionError | undefined;
}

export const newProgress = (): StreamProgress => ({
  sent: 0,
  received: 0,
  wrongAt: -1,
  finished: false,
  closed: false,
  error: undefined,
});

/** Reads all there is, checking it. */
export function readStream(now: Instant, connection: Connection, progress: StreamProgress): void {
  for (let bytes = connection.read(now); bytes !== undefined; bytes = connection.read(now)) {
    if (progress.wrongAt < 0) progress.wrongAt = firstDifference(bytes, progress.received);
    progress.received += bytes.length;
  }
}

/** Writes as much as the send buffer takes, FIN after the last octet. */
export function writeStream(now: Instant, connection: Connection, progress: StreamProgress, toSend: number): void {
  while (progress.sent < toSend) {
    const chunk = streamBytes(progress.sent, toSend - progress.sent);
    const taken = connection.write(now, chunk);
    progress.sent += taken;
    if (taken < chunk.length) return;
  }
  if (!progress.finished) {
    progress.finished = true;
    connection.shutdown(now);
  }
}

/** Sends `toSend` octets as quickly as TCP takes them, reads what comes; either number may be 0. */
export class BulkApp implements HandoffApp {
  readonly #toSend: number;
  /** By remote port; survives nothing: the acceptor's app makes its own from the state. */
  readonly progress = new Map<number, StreamProgress>();
  readonly #quiet = new Set<Connection>();

  constructor(toSend: number) {
    this.#toSend = toSend;
  }

  accept(now: Instant, connection: Connection): void {
    this.#attach(connection, newProgress());
    this.#write(now, connection);
  }

  quiesce(_now: Instant, connection: Connection): void {
    this.#quiet.add(connection);
  }

  save(_now: Instant, connection: Connection): unknown {
    const progress = this.#of(connection);
    connection.events = {};
    return { ...progress, error: null };
  }

  resume(now: Instant, connection: Connection): void {
    this.#quiet.delete(connection);
    this.#attach(connection, this.#of(connection));
    readStream(now, connection, this.#of(connection));
    this.#write(now, connection);
  }

  released(_now: Instant, connection: Connection): void {
    this.#quiet.delete(connection);
    this.progress.delete(connection.remote.port);
  }

  restore(_now: Instant, connection: Connection, state: unknown): string | undefined {
    this.progress.set(connection.remote.port, { ...(state as StreamProgress), error: undefined });
    return undefined;
  }

  #attach(connection: Connection, progress: StreamProgress): void {
    this.progress.set(connection.remote.port, progress);
    connection.events = {
      readable: (now) => readStream(now, connection, progress),
      writable: (now) => this.#write(now, connection),
      closed: (_now, error) => {
        progress.closed = true;
        progress.error = error;
      },
    };
  }

  #write(now: Instant, connection: Connection): void {
    if (!this.#quiet.has(connection)) writeStream(now, connection, this.#of(connection), this.#toSend);
  }

  #of(connection: Connection): StreamProgress {
    return this.progress.get(connection.remote.port) ?? newProgress();
  }
}

/** Writes one segment's worth at a steady pace: the premise of the handoff-time formulas. */
export class PacedApp implements HandoffApp {
  readonly #timers: TimerQueue;
  readonly #interval: Duration;
  readonly #size: number;
  readonly #writers = new Map<Connection, { readonly timer: Timer; offset: number; received: number }>();

  constructor(timers: TimerQueue, interval: Duration, size: number) {
    this.#timers = timers;
    this.#interval = interval;
    this.#size = size;
  }

  accept(now: Instant, connection: Connection): void {
    this.#start(now, connection, 0, 0);
  }

  quiesce(_now: Instant, connection: Connection): void {
    this.#writers.get(connection)?.timer.cancel();
  }

  save(_now: Instant, connection: Connection): unknown {
    const writer = this.#writers.get(connection);
    return { offset: writer?.offset ?? 0, received: writer?.received ?? 0 };
  }

  resume(now: Instant, connection: Connection): void {
    const writer = this.#writers.get(connection);
    if (writer !== undefined) this.#tick(now, connection, writer);
  }

  released(_now: Instant, connection: Connection): void {
    this.#writers.get(connection)?.timer.cancel();
    this.#writers.delete(connection);
  }

  restore(_now: Instant, connection: Connection, state: unknown): undefined {
    const { offset, received } = state as { offset: number; received: number };
    this.#add(connection, offset, received);
  }

  #start(now: Instant, connection: Connection, offset: number, received: number): void {
    this.#tick(now, connection, this.#add(connection, offset, received));
  }

  #add(connection: Connection, offset: number, received: number) {
    const writer = { timer: this.#timers.timer((now) => this.#tick(now, connection, writer)), offset, received };
    this.#writers.set(connection, writer);
    connection.events = {
      readable: (now) => {
        for (let bytes = connection.read(now); bytes !== undefined; bytes = connection.read(now))
          writer.received += bytes.length;
      },
      closed: () => writer.timer.cancel(),
    };
    return writer;
  }

  #tick(now: Instant, connection: Connection, writer: { readonly timer: Timer; offset: number }): void {
    if (this.#size === 0) return;
    writer.offset += connection.write(now, streamBytes(writer.offset, this.#size));
    writer.timer.set(after(now, this.#interval));
  }
}
