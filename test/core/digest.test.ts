import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import { Counters } from '../../stack/core/counters.ts';
import { digest, hmac } from '../../stack/core/digest.ts';

const ascii = (text: string) => new TextEncoder().encode(text);

describe('digests', () => {
  test('RFC 3174 7.3: SHA-1 of "abc", in one part or several', () => {
    const expected = 'a9993e364706816aba3e25717850c26c9cd0d89d';
    expect(toHex(digest('sha1', ascii('abc')))).toBe(expected);
    expect(toHex(digest('sha1', ascii('a'), new Uint8Array(0), ascii('bc')))).toBe(expected);
  });

  test('RFC 2202 3: HMAC-SHA1, test case 2', () => {
    expect(toHex(hmac('sha1', ascii('Jefe'), ascii('what do ya want for nothing?')))).toBe(
      'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
    );
  });

  test('RFC 4231 4.2: HMAC-SHA256, test case 1', () => {
    expect(toHex(hmac('sha256', fromHex('0b'.repeat(20)), ascii('Hi '), ascii('There')))).toBe(
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    );
  });
});

describe('counters', () => {
  test('count by name, and read in the order of their names', () => {
    const counters = new Counters();
    counters.bump('drop.b');
    counters.bump('drop.a', 3);
    counters.bump('drop.b');
    expect([counters.get('drop.a'), counters.get('drop.b'), counters.get('none')]).toEqual([3, 2, 0]);
    expect(Object.entries(counters.snapshot())).toEqual([
      ['drop.a', 3],
      ['drop.b', 2],
    ]);
  });
});
