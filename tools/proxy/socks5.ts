// The octets of SOCKS5 (RFC 1928), the server's side: no authentication, CONNECT alone. Pure: what has come so far goes
// in, a message or the wish for more comes out. Written here because the npm packages that serve SOCKS either connect
// by themselves, over the kernel's TCP, or want the listening socket for themselves, which HTTP shares here.

import { u8, u16 } from '../../stack/core/bytes.ts';
import { readAddress } from '../../stack/wire/address.ts';

export const SOCKS_VERSION = 5;

/** RFC 1928 6. */
export const REPLY = {
  succeeded: 0,
  generalFailure: 1,
  networkUnreachable: 3,
  hostUnreachable: 4,
  connectionRefused: 5,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const;

export type Reply = (typeof REPLY)[keyof typeof REPLY];

/** RFC 1928 3. */
const NO_AUTHENTICATION = 0;
const NO_ACCEPTABLE_METHOD = 0xff;
const CONNECT = 1;
const ADDRESS_TYPE = { ipv4: 1, name: 3, ipv6: 4 } as const;

/** Version, number of methods, 255 of them. */
const MAX_GREETING = 2 + 255;
/** Version, command, reserved, address type, length, 255 octets of a name, port. */
const MAX_REQUEST = 5 + 255 + 2;
/** No message is longer: who sends more without making sense is not heard to the end. */
export const MAX_SOCKS_MESSAGE = Math.max(MAX_GREETING, MAX_REQUEST);

/** 'more': the message is not whole yet. `end`: where it ends. */
export type Read<T> = 'more' | { readonly ok: true; readonly value: T; readonly end: number } | Refused;

/** `answer`: what is said before the connection is closed. */
export interface Refused {
  readonly ok: false;
  readonly reason: string;
  readonly answer: Uint8Array;
}

/** RFC 1928 3. The value is the answer. */
export function readGreeting(bytes: Uint8Array): Read<Uint8Array> {
  if (bytes.length < 2) return 'more';
  if (u8(bytes, 0) !== SOCKS_VERSION) return { ok: false, reason: 'not SOCKS version 5', answer: new Uint8Array(0) };
  const end = 2 + u8(bytes, 1);
  if (bytes.length < end) return 'more';
  if (bytes.subarray(2, end).includes(NO_AUTHENTICATION)) {
    return { ok: true, value: Uint8Array.of(SOCKS_VERSION, NO_AUTHENTICATION), end };
  }
  const answer = Uint8Array.of(SOCKS_VERSION, NO_ACCEPTABLE_METHOD);
  return { ok: false, reason: 'the program insists on authentication, which is not offered', answer };
}

export interface SocksTarget {
  /** A name or an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** RFC 1928 4, 5. */
export function readRequest(bytes: Uint8Array): Read<SocksTarget> {
  if (bytes.length < 5) return 'more';
  if (u8(bytes, 0) !== SOCKS_VERSION) return refused('not SOCKS version 5', REPLY.generalFailure);
  const type = u8(bytes, 3);
  const length = addressLength(type, u8(bytes, 4));
  if (length === undefined) return refused(`address type ${type} is not one of SOCKS`, REPLY.addressTypeNotSupported);
  const end = 4 + length + 2;
  if (bytes.length < end) return 'more';
  if (u8(bytes, 1) !== CONNECT) return refused('CONNECT is the only command served', REPLY.commandNotSupported);
  if (type === ADDRESS_TYPE.ipv4) return refused('an IPv4 address: only IPv6 is served', REPLY.addressTypeNotSupported);
  const host =
    type === ADDRESS_TYPE.ipv6 ? readAddress(bytes, 4).toString() : Buffer.from(bytes.subarray(5, end - 2)).toString();
  if (host === '') return refused('a name without letters', REPLY.hostUnreachable);
  return { ok: true, value: { host, port: u16(bytes, end - 2) }, end };
}

/** Octets of the address field, the length octet of a name included. */
function addressLength(type: number, firstOctet: number): number | undefined {
  if (type === ADDRESS_TYPE.ipv4) return 4;
  if (type === ADDRESS_TYPE.ipv6) return 16;
  return type === ADDRESS_TYPE.name ? 1 + firstOctet : undefined;
}

const refused = (reason: string, code: Reply): Refused => ({ ok: false, reason, answer: socksReply(code) });

/** RFC 1928 6. The bound address is not told: ours is of a stack that the program cannot see. */
export function socksReply(code: Reply): Uint8Array {
  const reply = new Uint8Array(4 + 16 + 2);
  reply.set([SOCKS_VERSION, code, 0, ADDRESS_TYPE.ipv6]);
  return reply;
}

/** What the error of a connection attempt is called in SOCKS. */
export function replyFor(error: unknown): Reply {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return REPLY.connectionRefused;
    case 'ENETUNREACH':
      return REPLY.networkUnreachable;
    case 'EHOSTUNREACH':
    case 'ETIMEDOUT':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return REPLY.hostUnreachable;
    default:
      return REPLY.generalFailure;
  }
}
