// The errors of the Node face: what the core says ('refused', 'address-in-use' ...) as the Error objects
// net.Socket would give, with code, errno, syscall, address and port. Numbers as on Linux, negated as
// libuv does. Texts follow libuv's, so that logs and matching programs see nothing new.

import type { ConnectionError, OpenError } from './api.ts';

const ERRNO = {
  EPIPE: 32,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
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
  'no-route': 'EHOSTUNREACH',
};

/** What Node calls a system error. */
export interface SocketError extends Error {
  readonly code: SocketErrorCode;
  readonly errno: number;
  readonly syscall: string;
  readonly address?: string;
  readonly port?: number;
}

export interface ErrorPlace {
  readonly address: string;
  readonly port?: number;
}

/** `connect ECONNREFUSED 2001:db8::1:80`: the place is named for connect, bind and listen only, as libuv does. */
export function socketError(code: SocketErrorCode, syscall: string, place?: ErrorPlace): SocketError {
  const port = place?.port === undefined ? '' : `:${place.port}`;
  const where = place === undefined ? '' : ` ${place.address}${port}`;
  const why = syscall === 'listen' ? LISTEN_TEXT[code] : undefined;
  const error = new Error(`${syscall} ${code}${why === undefined ? '' : `: ${why}`}${where}`);
  return Object.assign(error, { code, errno: -ERRNO[code], syscall, ...place });
}

/** Node says it in words for listen alone. */
const LISTEN_TEXT: Partial<Record<SocketErrorCode, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
};

/** An established connection that ended badly: seen while reading. One that never was: seen by connect. */
export const connectionError = (error: ConnectionError, connecting: ErrorPlace | undefined): SocketError =>
  socketError(CODE_OF_CONNECTION_ERROR[error], connecting === undefined ? 'read' : 'connect', connecting);

export const openError = (error: OpenError, syscall: 'connect' | 'bind' | 'listen', place: ErrorPlace): SocketError =>
  socketError(CODE_OF_OPEN_ERROR[error], syscall, place);

/** Errors without a system call behind them, with Node's own code. */
export const codedError = <T extends object>(message: string, code: string, more?: T): Error & { code: string } & T =>
  Object.assign(new Error(message), { code }, more) as Error & { code: string } & T;

/** What a write gets that waited for a connection which never was. */
export const closedBeforeConnection = (): Error =>
  codedError('Socket closed before the connection was established', 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION');

/** A port from an application: 0 to 65535, as a number or its text. Throws what net throws. */
export function checkedPort(port: unknown): number {
  const number = typeof port === 'string' && port.trim() !== '' ? Number(port) : port;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 0xffff) return number;
  const message = `Port should be >= 0 and < 65536. Received ${String(port)}.`;
  throw Object.assign(new RangeError(message), { code: 'ERR_SOCKET_BAD_PORT' });
}

/** What setTimeout() takes at most, as Node's timers. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A time from an application, in milliseconds. Throws what net throws. */
export function checkedTimeout(timeout: unknown): number {
  if (typeof timeout !== 'number') {
    const message = `The "msecs" argument must be of type number. Received ${typeof timeout}`;
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  if (timeout >= 0 && Number.isFinite(timeout)) return Math.min(timeout, MAX_TIMEOUT_MS);
  const message = `The value of "msecs" is out of range. It must be a non-negative finite number. Received ${timeout}`;
  throw Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' });
}
