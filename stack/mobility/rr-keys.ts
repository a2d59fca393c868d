// The keys of return routability (RFC 6275 5.2): the correspondent's node key and nonces, keygen tokens, the
// binding management key, and the authenticator of a Binding Update or Acknowledgement. Pure but for the
// nonce table, which makes a nonce when one is needed and forgets it after its life. No message formats.

import { EMPTY, equalSecret } from '../core/bytes.ts';
import { digest, hmac } from '../core/digest.ts';
import type { Random } from '../core/random.ts';
import { elapsed, type Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { KEYGEN_TOKEN_LEN, MOBILITY_CHECKSUM } from '../wire/mobility.ts';
import { AUTHENTICATOR_LEN } from '../wire/mobility-option.ts';
import { MAX_NONCE_LIFETIME, NONCE_ROTATION } from './constants.ts';

/** RFC 6275 5.2.1: Kcn is 20 octets. */
const NODE_KEY_LEN = 20;
/** RFC 6275 5.2.3 leaves the length open; 64 bits is what it recommends. */
const NONCE_LEN = 8;

const HOME = Uint8Array.of(0);
const CARE_OF = Uint8Array.of(1);
const ZERO_CHECKSUM = new Uint8Array(2);

export interface Nonce {
  /** 16 bits, sent in the clear. */
  readonly index: number;
  readonly value: Uint8Array;
  readonly madeAt: Instant;
}

/** A node's Kcn and the nonces it still recognizes: at most MAX_NONCE_LIFETIME / NONCE_ROTATION + 1 of them. */
export class NonceTable {
  readonly kcn: Uint8Array;
  readonly #random: Random;
  #nextIndex: number;
  #live: Nonce[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.kcn = random.bytes(NODE_KEY_LEN);
    // A random start makes it likely that a node that was started anew answers an index from before with
    // 'expired nonce' (the tests are then repeated at once), not with the silence of a wrong authenticator.
    this.#nextIndex = random.u32() & 0xffff;
  }

  /** The nonce to make tokens from now. */
  current(now: Instant): Nonce {
    const newest = this.#live.at(-1);
    if (newest !== undefined && elapsed(newest.madeAt, now) < NONCE_ROTATION) return newest;
    this.#dropExpired(now);
    const made = { index: this.#nextIndex, value: this.#random.bytes(NONCE_LEN), madeAt: now };
    this.#nextIndex = (this.#nextIndex + 1) & 0xffff;
    this.#live.push(made);
    return made;
  }

  /** The nonce of this index, as long as it is recognized (RFC 6275 9.5.1). */
  find(now: Instant, index: number): Nonce | undefined {
    this.#dropExpired(now);
    return this.#live.find((nonce) => nonce.index === index);
  }

  #dropExpired(now: Instant): void {
    this.#live = this.#live.filter((nonce) => elapsed(nonce.madeAt, now) < MAX_NONCE_LIFETIME);
  }
}

/** RFC 6275 5.2.5: First (64, HMAC_SHA1 (Kcn, (home address | nonce | 0))). */
export const homeKeygenToken = (kcn: Uint8Array, home: Address, nonce: Uint8Array): Uint8Array =>
  hmac('sha1', kcn, home.toBytes(), nonce, HOME).subarray(0, KEYGEN_TOKEN_LEN);

/** RFC 6275 5.2.5: First (64, HMAC_SHA1 (Kcn, (care-of address | nonce | 1))). */
export const careOfKeygenToken = (kcn: Uint8Array, careOf: Address, nonce: Uint8Array): Uint8Array =>
  hmac('sha1', kcn, careOf.toBytes(), nonce, CARE_OF).subarray(0, KEYGEN_TOKEN_LEN);

/** Kbm: RFC 6275 5.2.5. Without a care-of token: the key of an update that deletes the binding. */
export const bindingManagementKey = (homeToken: Uint8Array, careOfToken: Uint8Array = EMPTY): Uint8Array =>
  digest('sha1', homeToken, careOfToken);

/** A Mobility Header in a packet buffer: bytes[start, end), its Checksum field as it happens to be. */
export interface MobilityHeaderSpan {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * First (96, HMAC_SHA1 (key, first | second | MH data)), MH data being [start, upTo) with the checksum taken as 0.
 * Serves RFC 6275 6.2.7 and RFC 4285 5.1, which differ in the addresses and in where MH data ends.
 */
export function mobilityAuthenticator(
  key: Uint8Array,
  first: Address,
  second: Address,
  header: MobilityHeaderSpan,
  upTo: number,
): Uint8Array {
  const { bytes, start } = header;
  const beforeChecksum = bytes.subarray(start, start + MOBILITY_CHECKSUM);
  const behindChecksum = bytes.subarray(start + MOBILITY_CHECKSUM + ZERO_CHECKSUM.length, upTo);
  const mac = hmac('sha1', key, first.toBytes(), second.toBytes(), beforeChecksum, ZERO_CHECKSUM, behindChecksum);
  return mac.subarray(0, AUTHENTICATOR_LEN);
}

/** RFC 6275 6.2.7: the Authenticator of the Binding Authorization Data option, which ends the message. */
export const bindingAuthenticator = (
  kbm: Uint8Array,
  careOf: Address,
  correspondent: Address,
  header: MobilityHeaderSpan,
): Uint8Array => mobilityAuthenticator(kbm, careOf, correspondent, header, header.end - AUTHENTICATOR_LEN);

/** Fills in the authenticator of a message whose last option is an empty Binding Authorization Data option. */
export function signBinding(
  kbm: Uint8Array,
  careOf: Address,
  correspondent: Address,
  header: MobilityHeaderSpan,
): void {
  header.bytes.set(bindingAuthenticator(kbm, careOf, correspondent, header), header.end - AUTHENTICATOR_LEN);
}

/** Does the authenticator at the end of the message verify? The caller has seen that the option is the last. */
export function verifyBinding(
  kbm: Uint8Array,
  careOf: Address,
  correspondent: Address,
  header: MobilityHeaderSpan,
): boolean {
  const received = header.bytes.subarray(header.end - AUTHENTICATOR_LEN, header.end);
  return equalSecret(bindingAuthenticator(kbm, careOf, correspondent, header), received);
}
