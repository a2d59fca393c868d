// A text of numbered lines over HTTP/1.1, sent at a steady pace, by an app that moves in mid-response: what the
// captures show. Follow the TCP stream in Wireshark and read on over the handoff. Paced, because a handoff time is
// read off the gap it leaves; the request is taken as it comes (any will do), the answer ends the connection.

import { after, type Duration, type Instant } from '../../stack/core/time.ts';
import type { Timer, TimerQueue } from '../../stack/core/timer-queue.ts';
import type { HandoffApp } from '../../stack/server/app-contract.ts';
import type { Connection } from '../../stack/tcp/api.ts';

/** Octets written at a time: one segment each. */
export const CHUNK = 512;
const LINE_LEN = 64;
const END_OF_HEAD = '\r\n\r\n';
/** More of a request is not looked at. */
const MAX_REQUEST = 1024;

/** The whole response, head and body. */
export function responseOf(lines: number): Uint8Array {
  const body = Array.from({ length: lines }, (_, i) => {
    const text = `line ${i + 1} of ${lines}, on one connection to one address `;
    return `${text.padEnd(LINE_LEN - 1, '.')}\n`;
  }).join('');
  const fields = ['Content-Type: text/plain', `Content-Length: ${body.length}`, 'Connection: close'];
  return new TextEncoder().encode(`HTTP/1.1 200 OK\r\n${fields.join('\r\n')}${END_OF_HEAD}${body}`);
}

/** One connection; `offset` is all that moves. */
interface Writer {
  readonly timer: Timer;
  request: string;
  offset: number;
}

export class LinesApp implements HandoffApp {
  readonly #timers: TimerQueue;
  readonly #interval: Duration;
  readonly #response: Uint8Array;
  readonly #writers = new Map<Connection, Writer>();

  constructor(timers: TimerQueue, interval: Duration, lines: number) {
    this.#timers = timers;
    this.#interval = interval;
    this.#response = responseOf(lines);
  }

  accept(now: Instant, connection: Connection): void {
    const writer = this.#add(now, connection, '', 0);
    this.#read(now, connection, writer);
  }

  quiesce(_now: Instant, connection: Connection): void {
    this.#writers.get(connection)?.timer.cancel();
  }

  save(_now: Instant, connection: Connection): unknown {
    const writer = this.#writers.get(connection);
    return { request: writer?.request ?? '', offset: writer?.offset ?? 0 };
  }

  resume(now: Instant, connection: Connection): void {
    const writer = this.#writers.get(connection);
    if (writer?.request.includes(END_OF_HEAD) === true) this.#tick(now, connection, writer);
  }

  released(_now: Instant, connection: Connection): void {
    this.#forget(connection);
  }

  restore(now: Instant, connection: Connection, state: unknown): undefined {
    const { request, offset } = state as { readonly request: string; readonly offset: number };
    this.#add(now, connection, request, offset);
  }

  #add(now: Instant, connection: Connection, request: string, offset: number): Writer {
    const timer = this.#timers.timer((now) => this.#tick(now, connection, writer));
    const writer: Writer = { timer, request, offset };
    this.#writers.set(connection, writer);
    connection.setOptions(now, { noDelay: true });
    connection.events = {
      readable: (now) => this.#read(now, connection, writer),
      closed: () => this.#forget(connection),
    };
    return writer;
  }

  #forget(connection: Connection): void {
    this.#writers.get(connection)?.timer.cancel();
    this.#writers.delete(connection);
  }

  #read(now: Instant, connection: Connection, writer: Writer): void {
    const known = writer.request.includes(END_OF_HEAD);
    for (let bytes = connection.read(now); bytes !== undefined; bytes = connection.read(now)) {
      if (writer.request.length < MAX_REQUEST) writer.request += new TextDecoder().decode(bytes);
    }
    if (!known && writer.request.includes(END_OF_HEAD)) this.#tick(now, connection, writer);
  }

  #tick(now: Instant, connection: Connection, writer: Writer): void {
    const { offset } = writer;
    writer.offset += connection.write(now, this.#response.subarray(offset, offset + CHUNK));
    if (writer.offset < this.#response.length) writer.timer.set(after(now, this.#interval));
    else connection.shutdown(now);
  }
}
