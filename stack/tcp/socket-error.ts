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
  readonly port: number;
}

/** `connect ECONNREFUSED 2001:db8::1:80`: the place is named for connect and listen only, as libuv does. */
export function socketError(code: SocketErrorCode, syscall: string, place?: ErrorPlace): SocketError {
  const where = place === undefined ? '' : ` ${place.address}:${place.port}`;
  const error = new Error(`${syscall} ${code}${where}`);
  return Object.assign(error, { code, errno: -ERRNO[code], syscall, ...place });
}

/** An established connection that ended badly: seen while reading. One that never was: seen by connect. */
export const connectionError = (error: ConnectionError, connecting: ErrorPlace | undefined): SocketError =>
  socketError(CODE_OF_CONNECTION_ERROR[error], connecting === undefined ? 'read' : 'connect', connecting);

export const openError = (error: OpenError, syscall: 'connect' | 'listen', place: ErrorPlace): SocketError =>
  socketError(CODE_OF_OPEN_ERROR[error], syscall, place);

/** Errors without a system call behind them, with Node's own code. */
export const codedError = <T extends object>(message: string, code: string, more?: T): Error & { code: string } & T =>
  Object.assign(new Error(message), { code }, more) as Error & { code: string } & T;
