import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { type Instant, seconds } from '../../stack/core/time.ts';
import { sequenceIsNewer } from '../../stack/mobility/constants.ts';
import {
  bindingAuthenticator,
  bindingManagementKey,
  careOfKeygenToken,
  homeKeygenToken,
  NonceTable,
  signBinding,
  verifyBinding,
} from '../../stack/mobility/rr-keys.ts';
import { address } from '../../stack/wire/address.ts';

const KCN = fromHex('00112233445566778899aabbccddeeff01234567');
const NONCE = fromHex('a1a2a3a4a5a6a7a8');
const HOME = address('2001:db8:100::1');
const CARE_OF = address('2001:db8:a::1');
const CORRESPONDENT = address('2001:db8:c::1');
const at = (s: number): Instant => seconds(s) as number as Instant;

describe('keygen tokens and Kbm', () => {
  test('RFC 6275 5.2.5: the home keygen token is First (64, HMAC_SHA1 (Kcn, home address | nonce | 0))', () => {
    const byHand = createHmac('sha1', KCN)
      .update(fromHex('20010db8010000000000000000000001'))
      .update(NONCE)
      .update(Uint8Array.of(0))
      .digest('hex')
      .slice(0, 16);
    expect(toHex(homeKeygenToken(KCN, HOME, NONCE))).toBe(byHand);
  });

  test('RFC 6275 5.2.5: the care-of keygen token ends its input with 1', () => {
    const byHand = createHmac('sha1', KCN)
      .update(fromHex('20010db8000a00000000000000000001'))
      .update(NONCE)
      .update(Uint8Array.of(1))
      .digest('hex')
      .slice(0, 16);
    expect(toHex(careOfKeygenToken(KCN, CARE_OF, NONCE))).toBe(byHand);
  });

  test('RFC 6275 5.2.5: Kbm is SHA1 (home token | care-of token), and SHA1 (home token) to delete', () => {
    const home = fromHex('0102030405060708');
    const careOf = fromHex('1112131415161718');
    expect(toHex(bindingManagementKey(home, careOf))).toBe(
      createHash('sha1').update(fromHex('01020304050607081112131415161718')).digest('hex'),
    );
    expect(toHex(bindingManagementKey(home))).toBe(createHash('sha1').update(home).digest('hex'));
  });
});

describe('authenticator', () => {
  // A Binding Update, A=1, sequence 10000, lifetime 105, nonce indices 1 and 2, checksum field filled.
  const update = fromHex(`3b040500beef271080000069 040400010002 010400000000 050c${'00'.repeat(12)}`);
  const span = { bytes: update, start: 0, end: update.length };

  test('RFC 6275 6.2.7: covers both addresses and the MH data up to the authenticator, the checksum as 0', () => {
    const kbm = fromHex('0f'.repeat(20));
    const data = update.slice(0, update.length - 12);
    data.fill(0, 4, 6);
    const byHand = createHmac('sha1', kbm)
      .update(CARE_OF.toBytes())
      .update(CORRESPONDENT.toBytes())
      .update(data)
      .digest('hex')
      .slice(0, 24);
    expect(toHex(bindingAuthenticator(kbm, CARE_OF, CORRESPONDENT, span))).toBe(byHand);
  });

  test('RFC 6275 6.2.7: any changed octet but those of the checksum makes verification fail', () => {
    const kbm = fromHex('0f'.repeat(20));
    fc.assert(
      fc.property(fc.nat(update.length - 1), fc.integer({ min: 1, max: 255 }), (where, change) => {
        const bytes = update.slice();
        const header = { bytes, start: 0, end: bytes.length };
        signBinding(kbm, CARE_OF, CORRESPONDENT, header);
        bytes[where] = (bytes[where] ?? 0) ^ change;
        expect(verifyBinding(kbm, CARE_OF, CORRESPONDENT, header)).toBe(where === 4 || where === 5);
      }),
    );
  });
});

describe('nonces', () => {
  test('RFC 6275 5.2.3: a nonce serves 30 s, then the next one has the next index modulo 2^16', () => {
    const table = new NonceTable(new SeededRandom(3));
    const first = table.current(at(0));
    expect(table.current(at(29.9))).toBe(first);
    expect(table.current(at(30)).index).toBe((first.index + 1) & 0xffff);
  });

  test('RFC 6275 12: a nonce is recognized for less than 240 s', () => {
    const table = new NonceTable(new SeededRandom(3));
    const { index } = table.current(at(0));
    expect(table.find(at(239.9), index)?.index).toBe(index);
    expect(table.find(at(240), index)).toBeUndefined();
  });

  test('an index that was never given out is not recognized', () => {
    const table = new NonceTable(new SeededRandom(3));
    const { index } = table.current(at(0));
    expect(table.find(at(0), (index + 1) & 0xffff)).toBeUndefined();
  });
});

describe('sequence numbers', () => {
  test.each([
    [10_000, 10_001, true],
    [10_000, 42_767, true],
    [42_768, 0, true],
    [42_768, 9_999, true],
    [10_000, 9_999, false],
    [10_000, 10_000, false],
    [10_000, 42_768, false],
    [10_000, 0, false],
  ])('RFC 6275 9.5.1: after %i, is %i newer? %s', (last, next, newer) => {
    expect(sequenceIsNewer(next, last)).toBe(newer);
  });
});
