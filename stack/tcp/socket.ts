// net.Socket over our TCP: the fields, methods, events and error codes that programs written for Node use, so
// that node:http, node:tls and what is built on them run unchanged. The stream itself is socket-stream.ts.
// No name lookup (addresses only), and ref() and unref() do nothing: the device keeps the process alive.

import { addAbortSignal } from 'node:stream';
import { type Clock, milliseconds, ZERO } from '../core/time.ts';
import { type Address, address } from '../wire/address.ts';
import type { Connection, Endpoint, TcpLayer, TcpOptions } from './api.ts';
import type { Carried } from './socket-carried.ts';
import { checkedPort, checkedTimeout, codedError, openError } from './socket-error.ts';
import { IdleTimer } from './socket-idle-timer.ts';
import { ConnectionStream, type StreamOptions } from './socket-stream.ts';

/** setKeepAlive(true) without a delay: RFC 9293 3.8.4 asks for two hours at least. */
const KEEPALIVE_DEFAULT_MS = 7_200_000;

export interface SocketOptions extends StreamOptions {
  /** Nagle's algorithm off. Default false. */
  readonly noDelay?: boolean;
  /** Default false. */
  readonly keepAlive?: boolean;
  /** Milliseconds. Default two hours. */
  readonly keepAliveInitialDelay?: number;
  readonly signal?: AbortSignal;
}

export interface SocketConnectOptions extends Omit<SocketOptions, 'carried' | 'connecting'> {
  readonly host: string | Address;
  readonly port: number;
  readonly localAddress?: string | Address;
  readonly localPort?: number;
  /**
   * TCP Fast Open (RFC 7413): the first write, if it follows at once, goes along in the SYN to a server that has given
   * us a cookie before. The server may see it twice, as two connections. Default false.
   */
  readonly fastOpen?: boolean;
  /** As setTimeout(), from the start. */
  readonly timeout?: number;
  /** What net.Socket has no name for. */
  readonly tcp?: TcpOptions;
}

/** What address() gives. */
export interface SocketAddress {
  readonly address: string;
  readonly family: 'IPv6';
  readonly port: number;
}

export class Socket extends ConnectionStream {
  /** Milliseconds of setTimeout(). */
  timeout = 0;
  readonly #idle = new IdleTimer(() => this.emit('timeout'));
  /** The peer, once the application has asked for it: as with net.Socket it can then be asked after the end too. */
  #peer: Endpoint | undefined;

  /** For connections from elsewhere; programs use connectSocket() or a Server. */
  constructor(clock: Clock, connection: Connection | undefined, options: SocketOptions = {}) {
    super(clock, connection, options);
    if (options.noDelay === true) this.setNoDelay(true);
    if (options.keepAlive === true) this.setKeepAlive(true, options.keepAliveInitialDelay);
    if (options.signal !== undefined) addAbortSignal(options.signal, this);
    this.begin(options);
  }

  /** Continues a connection that came from another node. Nothing is read or written before resumeHandoff(). */
  static adopt(clock: Clock, connection: Connection, carried: Carried, options: SocketOptions = {}): Socket {
    return new Socket(clock, connection, { ...options, carried });
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
    return this.connection?.bytesRead ?? 0;
  }

  get bufferSize(): number {
    return this.writableLength;
  }

  setNoDelay(noDelay = true): this {
    this.connection?.setOptions(this.clock.now(), { noDelay });
    return this;
  }

  /** `initialDelay` in milliseconds; 0 takes the default. */
  setKeepAlive(enable = false, initialDelay = 0): this {
    const delay = milliseconds(initialDelay > 0 ? initialDelay : KEEPALIVE_DEFAULT_MS);
    this.connection?.setOptions(this.clock.now(), { keepAlive: enable ? delay : ZERO });
    return this;
  }

  /** 'timeout' after so many milliseconds in which nothing was read or written; 0: never. */
  setTimeout(timeout: number, callback?: () => void): this {
    this.timeout = checkedTimeout(timeout);
    this.#idle.set(this.timeout);
    if (callback !== undefined) {
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
    if (this.connection === undefined) return this.destroy(codedError('Socket is closed', 'ERR_SOCKET_CLOSED'));
    if (this.connecting) return this.once('connect', () => this.resetAndDestroy());
    this.resetOnDestroy = true;
    return this.destroy();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#idle.stop();
    super._destroy(error, done);
  }

  protected override onActivity(): void {
    this.#idle.refresh();
  }

  get #remote(): Endpoint | undefined {
    this.#peer ??= this.#open?.remote;
    return this.#peer;
  }

  /** The connection, once there is a peer and for as long as there is this end. */
  get #open(): Connection | undefined {
    return this.connecting || this.destroyed ? undefined : this.connection;
  }
}

/** Opens a connection: 'connect' or 'error' follow. As with net.connect() only what is no port at all is thrown. */
export function connectSocket(tcp: TcpLayer, clock: Clock, options: SocketConnectOptions): Socket {
  const port = checkedPort(options.port);
  const remote = literal(options.host);
  const local = options.localAddress === undefined ? undefined : literal(options.localAddress);
  if (remote === undefined || (local === undefined && options.localAddress !== undefined)) {
    return failedSocket(clock, notAnAddress(remote === undefined ? options.host : options.localAddress), options);
  }
  const connection = tcp.connect(clock.now(), {
    ...options.tcp,
    ...(options.noDelay === undefined ? {} : { noDelay: options.noDelay }),
    ...(options.localPort === undefined ? {} : { localPort: options.localPort }),
    ...(local === undefined ? {} : { localAddress: local }),
    fastOpen: options.fastOpen === true,
    remote: { address: remote, port },
  });
  if (connection === 'address-not-available' && local !== undefined) {
    return failedSocket(clock, openError(connection, 'bind', { address: local.toString() }), options);
  }
  if (typeof connection === 'string') {
    return failedSocket(clock, openError(connection, 'connect', { address: remote.toString(), port }), options);
  }
  const socket = new Socket(clock, connection, { ...options, connecting: true });
  if (options.timeout !== undefined) socket.setTimeout(options.timeout);
  return socket;
}

function failedSocket(clock: Clock, error: Error, options: SocketOptions): Socket {
  const socket = new Socket(clock, undefined, options);
  process.nextTick(() => socket.destroy(error));
  return socket;
}

/** An address from its text; undefined for anything else. */
export function literal(host: string | Address): Address | undefined {
  if (typeof host !== 'string') return host;
  try {
    return address(host.replace(/^\[(.*)\]$/, '$1'));
  } catch {
    return undefined;
  }
}

export const notAnAddress = (host: unknown): Error =>
  codedError(`getaddrinfo ENOTFOUND ${host}: not an IPv6 address, and names are not looked up`, 'ENOTFOUND', {
    syscall: 'getaddrinfo',
    hostname: String(host),
  });
