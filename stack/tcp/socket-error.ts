// The errors of the Node face: what the core says ('refused', 'address-in-use' ...) as the Error objects
// net.Socket would give, with code, errno, syscall, address and port. Numbers as on Linux, negated as
// libuv does. Texts follow libuv's, so that logs and matching programs see nothing new.

import type { ConnectionError, OpenError } from './api.ts';

const ERRNO = {
  EPIPE: 32,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
} as const;

export type SocketErrorCode = keyof typeof ERRNO;

const CODE_OF_CONNECTION_ERROR: Readonly<Record<ConnectionError, SocketErrorCode>> = {
  refused: 'ECONNREFUSED',
  reset: 'ECONNRESET',
  'timed-out': 'ETIMEDOUT',
  unreachable: 'EHOSTUNREACH',
  aborted: 'ECONNABORTED',
};

const CODE_OF_OPEN_ERROR: Readonly<Record<OpenError, SocketErrorCode>> = {
  'address-in-use': 'EADDRINUSE',
  'address-not-available': 'EADDRNOTAVAIL',
  'no-route': 'ENETUNREACH',
};

/** What Node calls a system error. */
export interface SocketError extends Error {
  readonly code: SocketErrorCode;
  readonly errno: number;
  readonly syscall: string;
  readonly address?: string;
  readonly port?: number;
  readonly localAddress?: string;
  readonly localPort?: number;
}

export interface ErrorPlace {
  readonly address: string;
  readonly port?: number;
  /** Told where the application has chosen both. */
  readonly localAddress?: string;
  readonly localPort?: number;
}

/** `connect ECONNREFUSED 2001:db8::1:80`: the place is named for connect, bind and listen only, as libuv does. */
export function socketError(code: SocketErrorCode, syscall: string, place?: ErrorPlace): SocketError {
  const port = place?.port === undefined ? '' : `:${place.port}`;
  const from = place?.localPort === undefined ? '' : ` - Local (${place.localAddress}:${place.localPort})`;
  const where = place === undefined ? '' : ` ${place.address}${port}${from}`;
  const why = syscall === 'listen' ? LISTEN_TEXT[code] : undefined;
  const error = new Error(`${syscall} ${code}${why === undefined ? '' : `: ${why}`}${where}`);
  return Object.assign(error, { code, errno: -ERRNO[code], syscall, ...place });
}

/** Node says it in words for listen alone. */
const LISTEN_TEXT: Partial<Record<SocketErrorCode, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EAFNOSUPPORT: 'address family not supported',
};

/** An established connection that ended badly: seen while reading. One that never was: seen by connect. */
export const connectionError = (error: ConnectionError, syscall: 'connect' | 'read', place?: ErrorPlace): SocketError =>
  socketError(CODE_OF_CONNECTION_ERROR[error], syscall, place);

export const openError = (error: OpenError, syscall: 'connect' | 'bind' | 'listen', place: ErrorPlace): SocketError =>
  socketError(CODE_OF_OPEN_ERROR[error], syscall, place);

/** Errors without a system call behind them, with Node's own code. */
export const codedError = <T extends object>(message: string, code: string, more?: T): Error & { code: string } & T =>
  Object.assign(new Error(message), { code }, more) as Error & { code: string } & T;

/** A name where only addresses are known. */
export const notAnAddress = (host: unknown): Error =>
  codedError(`getaddrinfo ENOTFOUND ${host}`, 'ENOTFOUND', {
    errno: -3008, // UV_EAI_NONAME's place in Node: its own number, no errno of the system
    syscall: 'getaddrinfo',
    hostname: String(host),
  });

/** What close() gets on a server that does not listen. */
export const serverNotRunning = (): Error => codedError('Server is not running.', 'ERR_SERVER_NOT_RUNNING');

/** What a write gets, and resetAndDestroy(), on a socket that has no connection. */
export const socketClosed = (): Error => codedError('Socket is closed', 'ERR_SOCKET_CLOSED');

/** What a write gets that waited for a connection which never was. */
export const closedBeforeConnection = (): Error =>
  codedError('Socket closed before the connection was established', 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION');
