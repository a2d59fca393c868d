// SOCKS5 as octets (RFC 1928): what is understood, what is refused and with which reply, in whatever pieces it comes.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { address } from '../../../stack/wire/address.ts';
import {
  MAX_SOCKS_MESSAGE,
  REPLY,
  readGreeting,
  readRequest,
  replyFor,
  socksReply,
} from '../../../tools/proxy/socks5.ts';

const request = (command: number, type: number, target: Iterable<number>, port = 80): Uint8Array =>
  Uint8Array.from([5, command, 0, type, ...target, port >>> 8, port & 0xff]);
const named = (name: string): number[] => [name.length, ...Buffer.from(name)];
const code = (answer: Uint8Array): number | undefined => answer[1];

describe('RFC 1928 3: the greeting', () => {
  test('no authentication is chosen where it is offered', () => {
    const read = readGreeting(Uint8Array.of(5, 2, 2, 0, 99));
    expect(read).toEqual({ ok: true, value: Uint8Array.of(5, 0), end: 4 });
  });

  test('a program that insists on authentication gets X’FF’', () => {
    expect(readGreeting(Uint8Array.of(5, 1, 2))).toMatchObject({ ok: false, answer: Uint8Array.of(5, 0xff) });
  });

  test('version 4 is refused without a word', () => {
    expect(readGreeting(Uint8Array.of(4, 1, 0))).toMatchObject({ ok: false, answer: new Uint8Array(0) });
  });
});

describe('RFC 1928 4: the request', () => {
  test('an IPv6 address', () => {
    const read = readRequest(request(1, 4, address('2001:db8:100::1').toBytes(), 8080));
    expect(read).toEqual({ ok: true, value: { host: '2001:db8:100::1', port: 8080 }, end: 22 });
  });

  test('a name', () => {
    expect(readRequest(request(1, 3, named('files.example')))).toMatchObject({
      value: { host: 'files.example', port: 80 },
    });
  });

  test.each([
    ['an IPv4 address', request(1, 1, [192, 0, 2, 1]), REPLY.addressTypeNotSupported],
    ['BIND', request(2, 3, named('x')), REPLY.commandNotSupported],
    ['UDP ASSOCIATE', request(3, 4, new Uint8Array(16)), REPLY.commandNotSupported],
    ['another address type', request(1, 2, [1, 2, 3, 4]), REPLY.addressTypeNotSupported],
    ['an empty name', request(1, 3, named('')), REPLY.hostUnreachable],
  ])('%s is refused with its reply', (_what, bytes, reply) => {
    const read = readRequest(bytes);
    expect(read !== 'more' && !read.ok && code(read.answer)).toBe(reply);
  });

  test('is the same in any pieces, and what follows is left', () => {
    const target = fc.oneof(
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((octets) => ({ type: 4, octets: [...octets] })),
      fc.stringMatching(/^[a-z.-]{1,255}$/).map((name) => ({ type: 3, octets: named(name) })),
    );
    fc.assert(
      fc.property(target, fc.nat(0xffff), fc.uint8Array({ maxLength: 20 }), ({ type, octets }, port, rest) => {
        const bytes = request(1, type, octets, port);
        for (let cut = 0; cut < bytes.length; cut++) expect(readRequest(bytes.subarray(0, cut))).toBe('more');
        const read = readRequest(Uint8Array.from([...bytes, ...rest]));
        expect(read).toMatchObject({ ok: true, value: { port }, end: bytes.length });
      }),
    );
  });

  test('any octets are understood, refused, or cannot be more than the longest message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: MAX_SOCKS_MESSAGE, maxLength: 600 }), (bytes) => {
        expect(readGreeting(bytes)).not.toBe('more');
        expect(readRequest(bytes)).not.toBe('more');
      }),
    );
  });
});

test('RFC 1928 6: the reply is of 22 octets, with no address', () => {
  expect([...socksReply(REPLY.succeeded)]).toEqual([5, 0, 0, 4, ...new Array(18).fill(0)]);
});

test.each([
  ['ECONNREFUSED', REPLY.connectionRefused],
  ['ENETUNREACH', REPLY.networkUnreachable],
  ['EHOSTUNREACH', REPLY.hostUnreachable],
  ['ETIMEDOUT', REPLY.hostUnreachable],
  ['ENOTFOUND', REPLY.hostUnreachable],
  ['EPIPE', REPLY.generalFailure],
])('%s is said in SOCKS', (name, reply) => {
  expect(replyFor(Object.assign(new Error('x'), { code: name }))).toBe(reply);
});
