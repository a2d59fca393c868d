// net.Server over our TCP: listen, close, 'connection', and the limits. A Server is also the app of its port in
// a handoff (server/app-contract.ts has the interface): it finds the Socket of each connection, lets the
// 'handoff' listener of that socket give the application's state, and on the other node gives an adopted
// Socket and that state to `restore`. Without `restore` the socket comes as an ordinary 'connection'.

import { EventEmitter } from 'node:events';
import type { Clock, Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import type { Connection, Listener, TcpLayer, TcpOptions } from './api.ts';
import { literal, notAnAddress, Socket, type SocketAddress, type SocketOptions } from './socket.ts';
import { type SocketState, socketStateOf } from './socket-carried.ts';
import { checkedPort, codedError, openError } from './socket-error.ts';
import { leaveOrphan } from './socket-orphan.ts';

/** Takes over a socket with the state its application gave on the other node; a text refuses and says why. */
export type RestoreSocket = (socket: Socket, state: unknown) => Refusal | Promise<Refusal>;
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing agrees
type Refusal = string | undefined | void;

export interface ServerOptions
  extends Pick<SocketOptions, 'allowHalfOpen' | 'highWaterMark' | 'noDelay' | 'keepAlive'> {
  /** Milliseconds. */
  readonly keepAliveInitialDelay?: number;
  /** Sockets come paused, with nothing read. */
  readonly pauseOnConnect?: boolean;
  readonly restore?: RestoreSocket;
}

export interface ServerListenOptions {
  /** Absent: any of our addresses. */
  readonly host?: string | Address;
  /** Default 0: a free port. */
  readonly port?: number;
  readonly backlog?: number;
  /** TCP Fast Open (RFC 7413): the first octets of a client may come with its SYN. Default false. */
  readonly fastOpen?: boolean;
  /** Closes the server. */
  readonly signal?: AbortSignal;
  /** What net.Server has no name for. */
  readonly tcp?: TcpOptions;
}

/** As net.Server.listen() is called: options or a port, a host, a backlog, and the listener of 'listening' last. */
export type ListenArguments = readonly (ServerListenOptions | number | string | (() => void) | null | undefined)[];

export type SocketListener = (socket: Socket) => void;

export class Server extends EventEmitter {
  /** More connections than this are reset, with a 'drop' event. */
  maxConnections = Number.POSITIVE_INFINITY;
  readonly #tcp: TcpLayer;
  readonly #clock: Clock;
  readonly #options: ServerOptions;
  readonly #sockets = new Map<Connection, Socket>();
  /** Connections between quiesce() or restore() and what follows; without a socket: its application has let go. */
  readonly #moving = new Map<Connection, Socket | undefined>();
  #listener: Listener | undefined;
  #closing = false;

  constructor(tcp: TcpLayer, clock: Clock, options: ServerOptions = {}, onSocket?: SocketListener) {
    super();
    this.#tcp = tcp;
    this.#clock = clock;
    this.#options = options;
    if (onSocket !== undefined) this.on('connection', onSocket);
  }

  get listening(): boolean {
    return this.#listener !== undefined;
  }

  /** 'listening' or 'error' follows. `listen(options?, callback?)` or `listen(port?, host?, backlog?, callback?)`. */
  listen(...args: ListenArguments): this {
    if (this.listening) throw codedError('Listen method has been called more than once', 'ERR_SERVER_ALREADY_LISTEN');
    const wanted = listenOptionsOf(args);
    const port = checkedPort(wanted.port ?? 0);
    const callback = args.findLast((argument) => typeof argument === 'function');
    const error = this.#listen({ ...wanted, port });
    if (error !== undefined) {
      process.nextTick(() => this.emit('error', error));
      return this;
    }
    if (callback !== undefined) this.once('listening', callback);
    process.nextTick(() => this.listening && this.emit('listening'));
    const { signal } = wanted;
    if (signal?.aborted === true) this.close();
    else signal?.addEventListener('abort', () => this.listening && this.close(), { once: true });
    return this;
  }

  /** No new connections; 'close' when the last one has ended. */
  close(callback?: (error?: Error) => void): this {
    if (callback !== undefined) {
      if (this.listening) this.once('close', callback);
      else process.nextTick(callback, codedError('Server is not running.', 'ERR_SERVER_NOT_RUNNING'));
    }
    if (this.#listener === undefined) return this;
    this.#listener.close(this.#clock.now());
    this.#listener = undefined;
    this.#closing = true;
    this.#closeWhenEmpty();
    return this;
  }

  /** Null before listen(). */
  address(): SocketAddress | null {
    if (this.#listener === undefined) return null;
    return { address: this.#listener.address?.toString() ?? '::', family: 'IPv6', port: this.#listener.port };
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this.#sockets.size);
    return this;
  }

  /** `await using server = ...`: closed, with all its connections ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.listening) return;
    await new Promise((resolve) => this.close(resolve));
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  // --- the app of a port: new connections, and those that move ---------------------------------------------

  accept(now: Instant, connection: Connection): void {
    if (this.#sockets.size >= this.maxConnections) {
      const { local, remote } = connection;
      connection.abort(now);
      process.nextTick(() =>
        this.emit('drop', {
          localAddress: local.address.toString(),
          localPort: local.port,
          localFamily: 'IPv6',
          remoteAddress: remote.address.toString(),
          remotePort: remote.port,
          remoteFamily: 'IPv6',
        }),
      );
      return;
    }
    const { pauseOnConnect = false } = this.#options;
    const socket = this.#adopt(
      connection,
      new Socket(this.#clock, connection, { ...this.#options, pauseOnCreate: pauseOnConnect }),
    );
    process.nextTick(() => this.emit('connection', socket));
  }

  quiesce(_now: Instant, connection: Connection): void {
    const socket = this.#sockets.get(connection);
    if (socket === undefined || socket.destroyed) return;
    socket.holdForHandoff();
    this.#moving.set(connection, socket);
  }

  /** null where the application has let go of the connection. Rejects with the reason when it cannot move. */
  async save(_now: Instant, connection: Connection): Promise<SocketState | null> {
    return (await this.#moving.get(connection)?.saveForHandoff()) ?? null;
  }

  resume(_now: Instant, connection: Connection): void {
    const socket = this.#moving.get(connection);
    if (socket !== undefined) socket.resumeHandoff();
    else if (this.#moving.has(connection)) leaveOrphan(this.#clock, connection);
    this.#moving.delete(connection);
  }

  released(_now: Instant, connection: Connection): void {
    this.#moving.get(connection)?.finishHandoff();
    this.#moving.delete(connection);
  }

  /** Undefined: taken over, and silent until resume(). Else why not; released() follows. */
  async restore(_now: Instant, connection: Connection, state: unknown): Promise<string | undefined> {
    this.#moving.set(connection, undefined);
    if (state === null) return undefined;
    const carried = socketStateOf(state);
    if (carried === undefined) return 'not the state of a socket';
    const { restore } = this.#options;
    const socket = this.#adopt(connection, Socket.adopt(this.#clock, connection, carried, this.#options));
    this.#moving.set(connection, socket);
    if (restore !== undefined) return (await restore(socket, carried.app)) ?? undefined;
    if (carried.app !== undefined && carried.app !== null) return 'no application here that takes over a state';
    this.emit('connection', socket);
    return undefined;
  }

  #adopt(connection: Connection, socket: Socket): Socket {
    this.#sockets.set(connection, socket);
    socket.once('close', () => {
      this.#sockets.delete(connection);
      this.#closeWhenEmpty();
    });
    return socket;
  }

  #listen(options: ServerListenOptions & { readonly port: number }): Error | undefined {
    const { host, port, backlog } = options;
    const address = host === undefined || host === '::' ? undefined : literal(host);
    if (host !== undefined && host !== '::' && address === undefined) return notAnAddress(host);
    const listener = this.#tcp.listen(
      {
        ...options.tcp,
        port,
        fastOpen: options.fastOpen === true,
        ...(backlog === undefined ? {} : { backlog }),
        ...(address && { address }),
      },
      (now, connection) => this.accept(now, connection),
    );
    if (typeof listener === 'string')
      return openError(listener, 'listen', { address: address?.toString() ?? '::', port });
    this.#listener = listener;
    return undefined;
  }

  #closeWhenEmpty(): void {
    if (!this.#closing || this.#sockets.size > 0) return;
    this.#closing = false;
    process.nextTick(() => this.emit('close'));
  }
}

function listenOptionsOf(args: ListenArguments): ServerListenOptions {
  const [first, host, ...rest] = args;
  if (typeof first === 'object' && first !== null) return first;
  const backlog = [host, ...rest].find((argument) => typeof argument === 'number');
  return {
    ...(typeof first === 'number' || typeof first === 'string' ? { port: checkedPort(first) } : {}),
    ...(typeof host === 'string' ? { host } : {}),
    ...(backlog === undefined ? {} : { backlog }),
  };
}

/** A Server that listens at once: 'listening' or 'error' follows. */
export function listenSockets(
  tcp: TcpLayer,
  clock: Clock,
  options: ServerListenOptions & ServerOptions,
  onSocket?: SocketListener,
): Server {
  return new Server(tcp, clock, options, onSocket).listen(options);
}
