// net.Server over our TCP: listen, close, 'connection', and the limits. A Server is also the app of its port in
// a handoff (server/app-contract.ts has the interface): it finds the Socket of each connection, lets the
// 'handoff' listener of that socket give the application's state, and on the other node gives an adopted
// Socket and that state to `restore`. Without `restore` the socket comes as an ordinary 'connection'.

import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import type { Connection, Listener, TcpOptions } from './api.ts';
import { Socket, type SocketAddress, type SocketOptions } from './socket.ts';
import { checkedInitialDelay, checkedPort, invalidType, refuseOtherThanTcp } from './socket-arguments.ts';
import { type SocketState, socketStateOf } from './socket-carried.ts';
import {
  addressFound,
  addressOf,
  askFor,
  callbackOf,
  isPath,
  type Question,
  type SocketHome,
} from './socket-connect.ts';
import { codedError, openError, serverNotRunning } from './socket-error.ts';
import { leaveOrphan } from './socket-orphan.ts';

/** Takes over a socket with the state its application gave on the other node; a text refuses and says why. */
export type RestoreSocket = (socket: Socket, state: unknown) => Refusal | Promise<Refusal>;
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing agrees
type Refusal = string | undefined | void;

export interface ServerOptions
  extends Pick<SocketOptions, 'allowHalfOpen' | 'highWaterMark' | 'noDelay' | 'keepAlive' | 'keepAliveInitialDelay'> {
  /** Sockets come paused, with nothing read. */
  readonly pauseOnConnect?: boolean | undefined;
  readonly restore?: RestoreSocket;
}

export interface ServerListenOptions {
  /** Absent: any of our addresses. */
  readonly host?: string | Address | undefined;
  /** Default 0: a free port. */
  readonly port?: number | string | undefined;
  readonly backlog?: number | undefined;
  /** TCP Fast Open (RFC 7413): the first octets of a client may come with its SYN. Default false. */
  readonly fastOpen?: boolean | undefined;
  /** Closes the server. */
  readonly signal?: AbortSignal | undefined;
  /** What net.Server has no name for. */
  readonly tcp?: TcpOptions | undefined;
}

/** As net.Server.listen() is called: options or a port, a host, a backlog, and the listener of 'listening' last. */
export type ListenArguments = readonly (ServerListenOptions | number | string | (() => void) | null | undefined)[];

export type SocketListener = (socket: Socket) => void;

export class Server extends EventEmitter {
  /** More connections than this are reset, with a 'drop' event. Undefined or 0: as many as there are. */
  maxConnections: number | undefined;
  readonly #home: SocketHome;
  readonly #options: ServerOptions;
  readonly #sockets = new Map<Connection, Socket>();
  /** Connections between quiesce() or restore() and what follows; without a socket: its application has let go. */
  readonly #moving = new Map<Connection, Socket | undefined>();
  #listener: Listener | undefined;
  /** close() has been called, and 'close' is still to be told. */
  #closing = false;
  /** Where listen() was called: its AsyncLocalStorage is that of the connections, as with net.Server. */
  #context: AsyncResource | undefined;
  /** listen() waits for this lookup; what comes for an earlier one is too late. */
  #looking: object | undefined;

  constructor(home: SocketHome, options?: ServerOptions | SocketListener | null, onSocket?: SocketListener) {
    super();
    const listener = typeof options === 'function' ? options : onSocket;
    const given = typeof options === 'function' ? {} : (options ?? {});
    if (typeof given !== 'object') throw invalidType('"options" argument', 'of type object', given);
    checkedInitialDelay(given.keepAliveInitialDelay);
    this.#home = home;
    this.#options = given;
    if (typeof listener === 'function') this.on('connection', listener);
  }

  get listening(): boolean {
    return this.#listener !== undefined;
  }

  /** 'listening' or 'error' follows. `listen(options?, callback?)` or `listen(port?, host?, backlog?, callback?)`. */
  listen(...args: ListenArguments): this {
    if (this.listening) throw codedError('Listen method has been called more than once', 'ERR_SERVER_ALREADY_LISTEN');
    const wanted = listenOptionsOf(args);
    const port = checkedPort(wanted.port ?? 0, 'options.port');
    const callback = callbackOf(args);
    if (callback !== undefined) this.once('listening', callback);
    this.#closeOnAbort(wanted.signal);
    this.#context = new AsyncResource('HomeportServer');
    this.#looking = undefined;
    const { host } = wanted;
    if (!host) this.#listenAt(undefined, port, wanted);
    else this.#findAddress({ host, port, syscall: 'listen' }, wanted);
    return this;
  }

  /** No new connections; 'close' when the last one has ended. */
  close(callback?: (error?: Error) => void): this {
    if (typeof callback === 'function') {
      if (this.listening) this.once('close', callback);
      else this.once('close', () => callback(serverNotRunning()));
    }
    this.#looking = undefined;
    this.#listener?.close(this.#home.clock.now());
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

  /** What a 'connection' listener rejects with, under EventEmitter's captureRejections. */
  override [EventEmitter.captureRejectionSymbol](error: Error, event: string, socket: Socket): void {
    if (event === 'connection') socket.destroy(error);
    else this.emit('error', error);
  }

  /** `await using server = ...`: closed, once all its connections have ended. */
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
    if (this.maxConnections && this.#sockets.size >= this.maxConnections) {
      this.#drop(now, connection);
      return;
    }
    if (this.#context === undefined) this.#take(connection);
    else this.#context.runInAsyncScope(this.#take, this, connection);
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
    else if (this.#moving.has(connection)) leaveOrphan(this.#home.clock, connection);
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
    const socket = this.#adopt(connection, Socket.adopt(this.#home, connection, carried, this.#options));
    this.#moving.set(connection, socket);
    if (restore !== undefined) return (await restore(socket, carried.app)) ?? undefined;
    if (carried.app !== undefined && carried.app !== null) return 'no application here that takes over a state';
    this.emit('connection', socket);
    return undefined;
  }

  #take(connection: Connection): void {
    const { pauseOnConnect = false } = this.#options;
    const options = { ...this.#options, pauseOnCreate: pauseOnConnect };
    const socket = this.#adopt(connection, new Socket(this.#home, options, connection));
    process.nextTick(() => this.emit('connection', socket));
  }

  #drop(now: Instant, connection: Connection): void {
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
  }

  #adopt(connection: Connection, socket: Socket): Socket {
    this.#sockets.set(connection, socket);
    socket.onRelease = () => {
      this.#sockets.delete(connection);
      this.#closeWhenEmpty();
    };
    return socket;
  }

  #findAddress(question: Question, wanted: ServerListenOptions): void {
    const found = addressOf(question, this.#home);
    const proceed = (address: Address | Error): void => {
      if (address instanceof Error) process.nextTick(() => this.emit('error', address));
      else this.#listenAt(address, question.port, wanted);
    };
    if (typeof found !== 'function') {
      proceed(found);
      return;
    }
    const looking = {};
    this.#looking = looking;
    askFor(question, found, (error, address, family) => {
      if (this.#looking === looking) proceed(addressFound(question, error, address, family));
    });
  }

  #listenAt(found: Address | undefined, port: number, wanted: ServerListenOptions): void {
    const address = found?.isUnspecified ? undefined : found;
    const { backlog, fastOpen = false, tcp } = wanted;
    const listener = this.#home.tcp.listen(
      { ...tcp, port, fastOpen, ...(backlog ? { backlog } : {}), ...(address && { address }) },
      (now, connection) => this.accept(now, connection),
    );
    if (typeof listener === 'string') {
      const error = openError(listener, 'listen', { address: address?.toString() ?? '::', port });
      process.nextTick(() => this.emit('error', error));
      return;
    }
    this.#listener = listener;
    process.nextTick(() => this.listening && this.emit('listening'));
  }

  #closeOnAbort(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    if (!(signal instanceof AbortSignal)) {
      throw invalidType('"options.signal" property', 'an instance of AbortSignal', signal);
    }
    const close = () => void this.close();
    if (signal.aborted) {
      process.nextTick(close);
      return;
    }
    signal.addEventListener('abort', close, { once: true });
    this.once('close', () => signal.removeEventListener('abort', close));
  }

  #closeWhenEmpty(): void {
    if (!this.#closing || this.listening || this.#sockets.size > 0) return;
    this.#closing = false;
    process.nextTick(() => this.emit('close'));
  }
}

function listenOptionsOf(args: ListenArguments): ServerListenOptions {
  const [first, second, third] = args;
  if (typeof first === 'object' && first !== null) {
    refuseOtherThanTcp(first);
    return { backlog: backlogOf(second), ...first };
  }
  if (isPath(first)) refuseOtherThanTcp({ path: first });
  return {
    port: typeof first === 'function' ? 0 : (first ?? 0),
    host: typeof second === 'string' ? second : undefined,
    backlog: backlogOf(second) ?? backlogOf(third),
  };
}

const backlogOf = (argument: unknown): number | undefined => (typeof argument === 'number' ? argument : undefined);

/** A Server that listens at once: 'listening' or 'error' follows. */
export function listenSockets(
  home: SocketHome,
  options: ServerListenOptions & ServerOptions,
  onSocket?: SocketListener,
): Server {
  return new Server(home, options, onSocket).listen(options);
}
