// What applications give to sockets, checked as net checks it: the same Error classes, codes and texts, thrown at
// the same calls. Errors that come later, from the network, are in socket-error.ts.

import { type Address, address } from '../wire/address.ts';

/** What setTimeout() takes at most, as Node's timers. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A port: 0 to 65535, as a number or its text. `name` is what net calls it in this place. */
export function checkedPort(port: unknown, name = 'Port'): number {
  const number = typeof port === 'string' && port.trim() !== '' ? Number(port) : port;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 0xffff) return number;
  const message = `${name} should be >= 0 and < 65536. Received ${received(port)}.`;
  throw Object.assign(new RangeError(message), { code: 'ERR_SOCKET_BAD_PORT' });
}

/** A time in milliseconds. */
export function checkedTimeout(timeout: unknown): number {
  if (typeof timeout !== 'number') throw invalidType('"msecs" argument', 'of type number', timeout);
  if (timeout >= 0 && Number.isFinite(timeout)) return Math.min(timeout, MAX_TIMEOUT_MS);
  const message = `The value of "msecs" is out of range. It must be a non-negative finite number. Received ${timeout}`;
  throw Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' });
}

/** An address where net wants one and no name. */
export const invalidAddress = (given: unknown): TypeError =>
  Object.assign(new TypeError(`Invalid IP address: ${given}`), { code: 'ERR_INVALID_IP_ADDRESS' });

/** Milliseconds before the first probe; less than none is none. */
export function checkedInitialDelay(delay: unknown): number {
  if (delay === undefined) return 0;
  if (typeof delay !== 'number') throw invalidType('"options.keepAliveInitialDelay" property', 'of type number', delay);
  return Math.max(0, delay);
}

/** A callback, where there is one. */
export function checkCallback(callback: unknown): void {
  if (typeof callback !== 'function') throw invalidType('"callback" argument', 'of type function', callback);
}

/** An argument of the wrong type, as in `The "msecs" argument must be of type number.` */
export const invalidType = (name: string, expected: string, value: unknown): TypeError =>
  Object.assign(new TypeError(`The ${name} must be ${expected}. Received ${received(value)}`), {
    code: 'ERR_INVALID_ARG_TYPE',
  });

/** Files, pipes and handles: there is TCP here and nothing else. */
export function refuseOtherThanTcp(options: object): void {
  for (const name of ['path', 'fd', 'handle'] as const) {
    const value: unknown = (options as Record<string, unknown>)[name];
    if (value === undefined || value === null) continue;
    const message = `The property 'options.${name}' is not supported. Received ${received(value)}`;
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' });
  }
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

/** A value in the words of Node's errors. */
function received(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`;
  return `type ${typeof value} (${typeof value === 'string' ? `'${value}'` : String(value)})`;
}
