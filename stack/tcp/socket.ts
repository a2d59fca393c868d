// net.Socket over our TCP: the fields, methods, events and error codes that programs written for Node use, so
// that node:http, node:tls and what is built on them run unchanged. The stream itself is socket-stream.ts.
// ref() and unref() do nothing: the device keeps the process alive.

import { addAbortSignal } from 'node:stream';
import { type Duration, milliseconds, ZERO } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import type { Connection, ConnectionError, Endpoint } from './api.ts';
import { checkCallback, checkedInitialDelay, checkedTimeout } from './socket-arguments.ts';
import type { Carried } from './socket-carried.ts';
import {
  addressFound,
  addressOf,
  askFor,
  type ConnectArguments,
  type ConnectOptions,
  callbackOf,
  type Question,
  type SocketHome,
  type Target,
  targetOf,
} from './socket-connect.ts';
import { connectionError, type ErrorPlace, openError, socketClosed } from './socket-error.ts';
import { IdleTimer } from './socket-idle-timer.ts';
import { ConnectionStream, type StreamOptions } from './socket-stream.ts';

/** setKeepAlive(true) without a delay: RFC 9293 3.8.4 asks for two hours at least. */
const KEEPALIVE_DEFAULT_MS = 7_200_000;

export interface SocketOptions extends StreamOptions {
  /** Nagle's algorithm off. Default false. */
  readonly noDelay?: boolean | undefined;
  /** Default false. */
  readonly keepAlive?: boolean | undefined;
  /** Milliseconds. Default two hours. */
  readonly keepAliveInitialDelay?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SocketConnectOptions extends Omit<SocketOptions, 'carried'>, ConnectOptions {
  /** As setTimeout(), from the start. */
  readonly timeout?: number | undefined;
}

/** What address() gives. */
export interface SocketAddress {
  readonly address: string;
  readonly family: 'IPv6';
  readonly port: number;
}

export class Socket extends ConnectionStream {
  /** Milliseconds of setTimeout(), once it has been called. */
  timeout: number | undefined;
  /** Told when the socket is destroyed: its server counts it no longer. */
  onRelease: (() => void) | undefined;
  readonly #home: SocketHome;
  readonly #idle = new IdleTimer(() => this.emit('timeout'));
  #noDelay: boolean;
  #keepAlive: Duration = ZERO;
  /** The last connect(); another one, or the end of the socket, takes its place. */
  #target: Target | undefined;
  /** Where it has led to, for errors. */
  #place: ErrorPlace | undefined;
  /** The peer, once the application has asked for it: as with net.Socket it can then be asked after the end too. */
  #peer: Endpoint | undefined;

  /** With a connection from elsewhere; without one it is a socket that has yet to connect(). */
  constructor(home: SocketHome, options: SocketOptions = {}, connection?: Connection) {
    super(home.clock, options, connection);
    const delay = checkedInitialDelay(options.keepAliveInitialDelay);
    this.#home = home;
    this.#noDelay = options.noDelay === true;
    if (this.#noDelay) this.setNoDelay(true);
    if (options.keepAlive === true) this.setKeepAlive(true, delay);
    if (options.signal) addAbortSignal(options.signal, this);
    this.begin(options);
  }

  /** Continues a connection that came from another node. Nothing is read or written before resumeHandoff(). */
  static adopt(home: SocketHome, connection: Connection, carried: Carried, options: SocketOptions = {}): Socket {
    return new Socket(home, { ...options, carried }, connection);
  }

  /**
   * Opens a connection: 'connect' or 'error' follows. `connect(options, callback?)` or `connect(port, host?, callback?)`.
   * A socket that has closed may connect again. What is no port at all is thrown, as by net.
   */
  connect(...args: ConnectArguments): this {
    const target = targetOf(args);
    const callback = callbackOf(args);
    if (callback !== undefined) this.once('connect', callback);
    this.beginConnecting(target.fastOpen);
    this.#target = target;
    this.#place = undefined;
    this.#peer = undefined;
    this.onActivity();
    this.#findAddress(target);
    return this;
  }

  /** No connection yet, or no more. */
  get pending(): boolean {
    return this.#open === undefined;
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get remoteAddress(): string | undefined {
    return this.#remote?.address.toString();
  }

  get remotePort(): number | undefined {
    return this.#remote?.port;
  }

  get remoteFamily(): 'IPv6' | undefined {
    return this.#remote && 'IPv6';
  }

  get localAddress(): string | undefined {
    return this.#open?.local.address.toString();
  }

  get localPort(): number | undefined {
    return this.#open?.local.port;
  }

  get localFamily(): 'IPv6' | undefined {
    return this.#open && 'IPv6';
  }

  /** Our end, or an empty object without a connection. */
  address(): SocketAddress | Record<string, never> {
    const local = this.#open?.local;
    return local === undefined ? {} : { address: local.address.toString(), family: 'IPv6', port: local.port };
  }

  /** Octets taken from TCP since the connection began, on whatever node. */
  get bytesRead(): number {
    return this.below?.bytesRead ?? 0;
  }

  get bufferSize(): number | undefined {
    return this.connecting || this.#open !== undefined ? this.writableLength : undefined;
  }

  setNoDelay(noDelay = true): this {
    this.#noDelay = Boolean(noDelay);
    this.below?.setOptions(this.clock.now(), { noDelay: this.#noDelay });
    return this;
  }

  /** `initialDelay` in milliseconds; 0 takes the default. */
  setKeepAlive(enable = false, initialDelay = 0): this {
    this.#keepAlive = enable ? milliseconds(initialDelay > 0 ? initialDelay : KEEPALIVE_DEFAULT_MS) : ZERO;
    this.below?.setOptions(this.clock.now(), { keepAlive: this.#keepAlive });
    return this;
  }

  /** 'timeout' after so many milliseconds in which nothing was read or written; 0: never. */
  setTimeout(timeout: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.timeout = timeout;
    this.#idle.set(checkedTimeout(timeout));
    if (callback !== undefined) {
      checkCallback(callback);
      if (timeout > 0) this.once('timeout', callback);
      else this.off('timeout', callback);
    }
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Destroys the socket once everything written has gone to TCP. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** Ends with RST instead of FIN; where the connection is not there yet, as soon as it is. */
  resetAndDestroy(): this {
    if (this.connecting) return this.once('connect', () => this.resetAndDestroy());
    if (this.below === undefined) return this.destroy(socketClosed());
    this.resetOnDestroy = true;
    return this.destroy();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#idle.stop();
    this.#target = undefined;
    this.onRelease?.(); // first, as with net: a server that waits for its last socket closes before the socket does
    super._destroy(error, done);
  }

  protected override onActivity(): void {
    this.#idle.refresh();
  }

  protected override connectFailed(error: ConnectionError): void {
    const failure = connectionError(error, 'connect', this.#place);
    this.emit('connectionAttemptFailed', this.#place?.address, this.#place?.port, 6, failure);
    this.destroy(failure);
  }

  // --- connecting -----------------------------------------------------------------------------------------

  /** One tick later at the earliest, as with net.Socket: whoever called connect() may listen first. */
  #findAddress(target: Target): void {
    const question: Question = { ...target, syscall: 'connect' };
    const found = addressOf(question, this.#home);
    const proceed = (address: Address | Error): void => {
      if (this.#target !== target) return;
      if (address instanceof Error) this.destroy(address);
      else this.#openTo(address, target);
    };
    if (typeof found !== 'function') {
      process.nextTick(proceed, found);
      return;
    }
    askFor(question, found, (error, address, family) => {
      this.emit('lookup', error, address, family, target.host);
      process.nextTick(proceed, addressFound(question, error, address, family));
    });
  }

  #openTo(address: Address, { port, local, localPort, fastOpen, tcp }: Target): void {
    const connection = this.#home.tcp.connect(this.clock.now(), {
      keepAlive: this.#keepAlive,
      ...tcp,
      ...(this.#noDelay ? { noDelay: true } : {}),
      ...(localPort === 0 ? {} : { localPort }),
      ...(local && { localAddress: local }),
      fastOpen,
      remote: { address, port },
    });
    if (connection === 'address-not-available' && local !== undefined) {
      const place = { address: local.toString(), ...(localPort === 0 ? {} : { port: localPort }) };
      this.destroy(openError(connection, 'bind', place));
      return;
    }
    this.#place = {
      address: address.toString(),
      port,
      ...(local && localPort > 0 ? { localAddress: local.toString(), localPort } : {}),
    };
    if (typeof connection !== 'string') this.attach(connection);
    this.emit('connectionAttempt', this.#place.address, port, 6);
    if (typeof connection === 'string') this.destroy(openError(connection, 'connect', this.#place));
  }

  get #remote(): Endpoint | undefined {
    this.#peer ??= this.#open?.remote;
    return this.#peer;
  }

  /** The connection, once there is a peer and for as long as there is this end. */
  get #open(): Connection | undefined {
    return this.connecting || this.destroyed ? undefined : this.below;
  }
}

/** A socket that connects, called as net.connect(): 'connect' or 'error' follows. */
export function connectSocket(home: SocketHome, ...args: ConnectArguments<SocketConnectOptions>): Socket {
  const [first] = args;
  const options = typeof first === 'object' && first !== null ? first : undefined;
  const socket = new Socket(home, options);
  if (options?.timeout) socket.setTimeout(options.timeout);
  return socket.connect(...args);
}
