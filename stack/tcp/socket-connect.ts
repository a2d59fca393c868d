// How Socket.connect() is called, and how the host it is given becomes an address. Names are looked up by whatever
// function the application or its host brings, with the signature of dns.lookup(); without one there are addresses
// and 'localhost', which is this host.

import { isIPv4 } from 'node:net';
import type { Clock } from '../core/time.ts';
import { type Address, LOOPBACK } from '../wire/address.ts';
import type { TcpLayer, TcpOptions } from './api.ts';
import { checkedPort, invalidAddress, invalidType, literal, refuseOtherThanTcp } from './socket-arguments.ts';
import { codedError, notAnAddress, socketError } from './socket-error.ts';

/** What sockets belong to. */
export interface SocketHome {
  readonly tcp: TcpLayer;
  readonly clock: Clock;
  /** How names become addresses. Default: not at all. */
  readonly lookup?: Lookup | undefined;
}

/** dns.lookup(), or what has its form. */
export type Lookup = (
  hostname: string,
  options: { readonly family: 6; readonly hints: number; readonly all: false },
  found: LookupCallback,
) => void;
type LookupCallback = (error: Error | null, found: string | readonly Found[], family?: number) => void;

interface Found {
  readonly address: string;
  readonly family: number;
}

/** Whom to connect to. */
export interface ConnectOptions {
  /** Default: 'localhost', which is this host. */
  readonly host?: string | Address | undefined;
  readonly port: number | string;
  readonly localAddress?: string | Address | undefined;
  readonly localPort?: number | undefined;
  /**
   * TCP Fast Open (RFC 7413): the first write, if it follows at once, goes along in the SYN to a server that has given
   * us a cookie before. The server may see it twice, as two connections. Default false.
   */
  readonly fastOpen?: boolean | undefined;
  /** Instead of the host's. */
  readonly lookup?: Lookup | undefined;
  /** For `lookup`. */
  readonly hints?: number | undefined;
  /** What net.Socket has no name for. */
  readonly tcp?: TcpOptions | undefined;
}

/** As net.Socket.connect() is called: options, or a port and a host, and the listener of 'connect' last. */
export type ConnectArguments<Options extends ConnectOptions = ConnectOptions> = readonly (
  | Options
  | number
  | string
  | (() => void)
  | null
  | undefined
)[];

/** ConnectOptions that have been checked. */
export interface Target {
  readonly host: string | Address;
  readonly port: number;
  readonly local: Address | undefined;
  readonly localPort: number;
  readonly fastOpen: boolean;
  readonly lookup: Lookup | undefined;
  readonly hints: number;
  readonly tcp: TcpOptions | undefined;
}

/** Throws what net throws. */
export function targetOf(args: ConnectArguments): Target {
  const options = optionsOf(args);
  refuseOtherThanTcp(options);
  const { port, localAddress, localPort, lookup } = options;
  if (port === undefined) {
    const message = 'The "options" or "port" or "path" argument must be specified';
    throw Object.assign(new TypeError(message), { code: 'ERR_MISSING_ARGS' });
  }
  // As with net, what is null or empty is not said.
  const local = localAddress ? literal(localAddress) : undefined;
  if (localAddress && local === undefined) throw invalidAddress(localAddress);
  if (localPort && typeof localPort !== 'number') {
    throw invalidType('"options.localPort" property', 'of type number', localPort);
  }
  if (typeof port !== 'number' && typeof port !== 'string') {
    throw invalidType('"options.port" property', 'one of type number or string', port);
  }
  if (lookup !== undefined && lookup !== null && typeof lookup !== 'function') {
    throw invalidType('"options.lookup" property', 'of type function', lookup);
  }
  return {
    host: options.host || 'localhost',
    port: checkedPort(port),
    local,
    localPort: checkedPort(localPort || 0, 'options.localPort'),
    fastOpen: options.fastOpen === true,
    lookup: lookup ?? undefined,
    hints: options.hints ?? 0,
    tcp: options.tcp,
  };
}

function optionsOf([first, second]: ConnectArguments): Partial<ConnectOptions> {
  if (typeof first === 'object' && first !== null) return first;
  if (isPath(first)) refuseOtherThanTcp({ path: first });
  return { port: first as number | string, host: typeof second === 'string' ? second : undefined };
}

/** Where net takes a text for the name of a pipe, and not for a port. */
export const isPath = (first: unknown): boolean => typeof first === 'string' && !(Number(first) >= 0);

/** The function behind the other arguments. */
export const callbackOf = (args: readonly unknown[]): (() => void) | undefined => {
  const last = args.at(-1);
  return typeof last === 'function' ? (last as () => void) : undefined;
};

/** What it takes to find an address. */
export interface Question {
  readonly host: string | Address;
  readonly lookup?: Lookup | undefined;
  readonly hints?: number;
  /** The place of an IPv4 address in the error that it gives. */
  readonly syscall: 'connect' | 'listen';
  readonly port: number;
}

/** An address at once, or what has to be done to have one later. */
export function addressOf(question: Question, home: SocketHome): Address | Error | Lookup {
  const { host } = question;
  const known = literal(host);
  if (known !== undefined || typeof host !== 'string') return known ?? notAnAddress(host);
  if (isIPv4(host)) return noIPv4(question, host);
  if (question.lookup !== undefined) return question.lookup;
  if (host === 'localhost') return LOOPBACK;
  return home.lookup ?? notAnAddress(host);
}

/** Asks for one IPv6 address; a lookup that gives all there are nevertheless is taken at its first one. */
export function askFor(
  question: Question,
  lookup: Lookup,
  told: (error: Error | null, address: unknown, family: unknown) => void,
): void {
  const options = { family: 6, hints: question.hints ?? 0, all: false } as const;
  lookup(String(question.host), options, (error, found, family) => {
    const all: readonly Found[] = Array.isArray(found) ? found : [];
    const one = Array.isArray(found) ? (all.find((each) => each.family === 6) ?? all[0]) : { address: found, family };
    told(error, one?.address, one?.family);
  });
}

/** What a lookup has given, as an address. */
export function addressFound(
  question: Question,
  error: Error | null,
  found: unknown,
  family: unknown,
): Address | Error {
  if (error) return error;
  if (typeof found === 'string' && isIPv4(found)) return noIPv4(question, found);
  const address = typeof found === 'string' ? literal(found) : undefined;
  if (address === undefined) return invalidAddress(found);
  if (family === 6) return address;
  const message = `Invalid address family: ${family} ${question.host}:${question.port}`;
  return codedError(message, 'ERR_INVALID_ADDRESS_FAMILY', { host: question.host, port: question.port });
}

const noIPv4 = ({ syscall, port }: Question, address: string): Error =>
  socketError('EAFNOSUPPORT', syscall, { address, port });
