// A listener of the kernel that speaks SOCKS5 and HTTP on one port and connects by whatever it is given: for `homeport
// client proxy` our own stack. Told apart by the first octet, which is 5 in SOCKS and a letter in HTTP.

import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { explain } from '../errors.ts';
import { createHttpProxy } from './http-proxy.ts';
import {
  MAX_SOCKS_MESSAGE,
  REPLY,
  type Read,
  readGreeting,
  readRequest,
  replyFor,
  SOCKS_VERSION,
  type SocksTarget,
  socksReply,
} from './socks5.ts';
import { join, lastWords } from './tunnel.ts';

/** Opens a connection; 'connect' or 'error' follows. Both directions end by themselves (allowHalfOpen). */
export type Upstream = (target: SocksTarget) => Duplex;

export interface ProxyServerOptions {
  readonly upstream: Upstream;
  /** Told of each request that failed, in one line. */
  readonly failed: (reason: string) => void;
  /** What a program may take to say what it wants, and to close after it was refused. Default 10 s. */
  readonly patienceMs?: number;
}

/** Programs on one machine; each connection holds two sockets. */
const MAX_CONNECTIONS = 1024;
const DEFAULT_PATIENCE_MS = 10_000;

export class ProxyServer {
  readonly #options: ProxyServerOptions;
  readonly #patienceMs: number;
  readonly #server: Server;
  readonly #http: HttpServer;
  readonly #open = new Set<Socket>();

  constructor(options: ProxyServerOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    this.#http = createHttpProxy({ ...options, patienceMs: this.#patienceMs });
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Rejects with the system's error. Gives the port, which it picks for 0. */
  async listen(host: string, port: number): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    const at = this.#server.address();
    return typeof at === 'object' && at !== null ? at.port : port;
  }

  /** Takes no more; resolves when the connections of now have ended, which are cut off after `patienceMs`. */
  async close(patienceMs: number): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#http.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of this.#open) socket.destroy();
    }, patienceMs);
    await closed;
    clearTimeout(timer);
  }

  #accept(socket: Socket): void {
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('error', () => {}); // a program that went away: its 'close' follows
    socket.setNoDelay(true);
    socket.setTimeout(this.#patienceMs, () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      if (first[0] === SOCKS_VERSION) {
        void this.#socks(socket);
      } else {
        this.#http.emit('connection', socket);
        socket.resume();
      }
    });
  }

  async #socks(socket: Socket): Promise<void> {
    const greeting = await this.#message(socket, readGreeting);
    if (greeting === undefined) return;
    socket.write(greeting);
    const target = await this.#message(socket, readRequest);
    if (target === undefined) return;
    socket.setTimeout(0);
    const far = this.#options.upstream(target);
    const gone = (): void => void far.destroy();
    socket.once('close', gone);
    const refuse = (error: Error): void => {
      this.#options.failed(`${nameOf(target)}: ${explain(error)}`);
      lastWords(socket, socksReply(replyFor(error)), this.#patienceMs);
    };
    far.once('error', refuse);
    far.once('connect', () => {
      far.off('error', refuse);
      socket.off('close', gone);
      socket.write(socksReply(REPLY.succeeded));
      join(socket, far);
    });
  }

  /** The next message; what follows it stays in the socket. undefined: there was none, and the socket is ended. */
  async #message<T>(socket: Socket, read: (bytes: Uint8Array) => Read<T>): Promise<T | undefined> {
    let bytes = Buffer.alloc(0);
    for (;;) {
      const piece: Buffer | null = socket.read();
      if (piece !== null) {
        bytes = Buffer.concat([bytes, piece]);
        const message = read(bytes);
        if (message !== 'more') return this.#taken(socket, bytes, message);
        if (bytes.length > MAX_SOCKS_MESSAGE) socket.destroy();
      }
      if (socket.destroyed || socket.readableEnded) return undefined;
      await somethingCame(socket);
    }
  }

  #taken<T>(socket: Socket, bytes: Buffer, message: Exclude<Read<T>, 'more'>): T | undefined {
    if (!message.ok) {
      this.#options.failed(message.reason);
      lastWords(socket, message.answer, this.#patienceMs);
      return undefined;
    }
    const rest = bytes.subarray(message.end);
    if (rest.length > 0) socket.unshift(rest);
    return message.value;
  }
}

const NEWS = ['readable', 'end', 'close'] as const;

/** Octets, or the end of them. */
function somethingCame(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of NEWS) socket.off(event, done);
      resolve();
    };
    for (const event of NEWS) socket.on(event, done);
  });
}

const nameOf = ({ host, port }: SocksTarget): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
