// Request heads, targets and ranges as the file server understands them: the RFCs' examples, what is refused,
// and properties over any octets.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ifNoneMatchHolds, ifRangeHolds, parseRange } from '../../stack/server/http-range.ts';
import { MAX_HEAD, parseRequestHead, pathOfTarget } from '../../stack/server/http-request.ts';

const octets = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const parse = (text: string) => parseRequestHead(octets(text));
const requestOf = (text: string) => {
  const result = parse(text);
  if (result.kind !== 'request') throw new Error(`${result.kind}: ${JSON.stringify(result)}`);
  return result.request;
};

describe('request heads', () => {
  test('RFC 9112 3: method, target, version and fields', () => {
    const text = 'GET /a%20b?c HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nRange:bytes=1-2 \r\nX-A: 1\r\nx-a: 2\r\n\r\nrest';
    const result = parse(text);
    expect(result).toMatchObject({ kind: 'request', end: text.length - 4 });
    const request = requestOf(text);
    expect(request).toMatchObject({
      method: 'GET',
      target: '/a%20b?c',
      minorVersion: 1,
      keepAlive: true,
      hasBody: false,
    });
    expect([...request.fields]).toEqual([
      ['host', '[2001:db8::1]:80'],
      ['range', 'bytes=1-2'],
      ['x-a', '1, 2'],
    ]);
  });

  test('RFC 9112 2.2: empty lines before the request line are ignored', () => {
    expect(parse('\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n').kind).toBe('request');
  });

  test.each([
    ['HTTP/1.1', '', true],
    ['HTTP/1.1', 'Connection: Close\r\n', false],
    ['HTTP/1.0', '', false],
    ['HTTP/1.0', 'Connection: x, Keep-Alive\r\n', true],
  ])('RFC 9112 9.3: %s with "%s" persists: %s', (version, field, keepAlive) => {
    expect(requestOf(`GET / ${version}\r\nHost: a\r\n${field}\r\n`).keepAlive).toBe(keepAlive);
  });

  test.each([
    ['Content-Length: 5', true],
    ['Content-Length: 0', false],
    ['Transfer-Encoding: chunked', true],
  ])('RFC 9112 6: a body is seen by %s', (field, hasBody) => {
    expect(requestOf(`GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`).hasBody).toBe(hasBody);
  });

  test.each([
    ['GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'not a request line'],
    ['GET /\r\n\r\n', 400, 'not a request line'],
    ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505, 'not HTTP/1'],
    ['GET / HTTP/1.1\r\n\r\n', 400, 'no Host field'],
    ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, 'host is there twice'],
    ['GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400, 'not a field line'],
    ['GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n', 400, 'not a field line'],
    ['GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n', 400, 'not a field line'],
    ['GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n', 400, 'not a field line'],
    [`GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(101)}\r\n`, 400, 'too many fields'],
    [`GET /${'x'.repeat(MAX_HEAD)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431, 'the request head is too long'],
    ['x'.repeat(MAX_HEAD + 1), 431, 'the request head is too long'],
  ])('refused: %j', (text, status, reason) => {
    expect(parse(text)).toEqual({ kind: 'refused', status, reason });
  });

  test('any prefix of a request is incomplete, and what follows it changes nothing', () => {
    const text = 'GET /file HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n';
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.uint8Array(), (cut, rest) => {
        expect(parse(text.slice(0, cut)).kind).toBe('incomplete');
        expect(parseRequestHead(Buffer.concat([octets(text), rest]))).toEqual(parse(text));
      }),
      { seed: 1 },
    );
  });

  test('any octets give a result that stays inside them', () => {
    const fragments = fc.constantFrom(
      'GET ',
      '/',
      ' HTTP/1.1',
      '\r\n',
      '\r',
      '\n',
      'Host: a',
      ':',
      ' ',
      '\t',
      '\0',
      '\xff',
    );
    const soup = fc.array(fragments).map((parts) => octets(parts.join('')));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), soup), (bytes) => {
        const result = parseRequestHead(bytes);
        if (result.kind !== 'request') return;
        expect(result.end).toBeLessThanOrEqual(bytes.length);
        expect(Buffer.from(bytes.subarray(0, result.end)).toString('latin1').endsWith('\r\n\r\n')).toBe(true);
      }),
      { seed: 2, numRuns: 1_000 },
    );
  });
});

describe('targets', () => {
  test.each([
    ['/a/b.txt?x=/../y', 'a/b.txt'],
    ['/a%20b', 'a b'],
    ['http://[2001:db8::1]:80/a?b', 'a'],
    ['/...', '...'],
  ])('%s names %s', (target, path) => expect(pathOfTarget(target)).toBe(path));

  test.each([
    '/',
    '*',
    'a',
    '/..',
    '/a/../b',
    '/%2e%2e/b',
    '/a%2f..%2fb',
    '/a//b',
    '/./a',
    '/%00',
    '/%',
    '/a%5cb',
    '/%c0%ae',
  ])('%s names nothing', (target) => expect(pathOfTarget(target)).toBeUndefined());

  test('no target leads out of the directory', () => {
    const part = fc.constantFrom('.', '..', '/', '%2e', '%2f', '%5c', 'a', '//', '%252e', '?', 'http://a');
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const path = pathOfTarget(`/${parts.join('')}`);
        if (path === undefined) return;
        expect(path.startsWith('/')).toBe(false);
        expect(path.split('/')).not.toContain('..');
      }),
      { seed: 3, numRuns: 1_000 },
    );
  });
});

describe('ranges', () => {
  test.each([
    ['bytes=0-499', { start: 0, end: 500 }],
    ['bytes=500-', { start: 500, end: 1000 }],
    ['bytes=-1', { start: 999, end: 1000 }],
    ['bytes=-5000', { start: 0, end: 1000 }],
    ['bytes=999-5000', { start: 999, end: 1000 }],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', 'whole'],
    ['bytes=0-1,5-6', 'whole'],
    ['lines=0-1', 'whole'],
    ['bytes=-', 'whole'],
    [undefined, 'whole'],
  ])('RFC 9110 14.1.2: %s of 1000 octets', (field, expected) => expect(parseRange(field, 1000)).toEqual(expected));

  test('a satisfiable range is never empty and never outside', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (first, last, size) => {
        for (const field of [`bytes=${first}-${last}`, `bytes=${first}-`, `bytes=-${last}`]) {
          const range = parseRange(field, size);
          if (typeof range === 'string') continue;
          expect(range.start).toBeLessThan(range.end);
          expect(range.end).toBeLessThanOrEqual(size);
        }
      }),
      { seed: 4 },
    );
  });

  test('RFC 9110 13.1: tags', () => {
    expect(ifRangeHolds(undefined, ['"a"'])).toBe(true);
    expect(ifRangeHolds('"a"', ['"b"', '"a"'])).toBe(true);
    expect(ifRangeHolds('W/"a"', ['"a"'])).toBe(false);
    expect(ifNoneMatchHolds('W/"a", "b"', ['"b"'])).toBe(false);
    expect(ifNoneMatchHolds('*', ['"b"'])).toBe(false);
    expect(ifNoneMatchHolds('"c"', ['"b"'])).toBe(true);
  });
});
