// TCP Fast Open at a server (RFC 7413 4.1.2 and 5): cookies that prove a client to be at its address, and how many
// connections may be served on the strength of one before their handshake is done. A cookie is a keyed hash of the
// two addresses and of the time; the key comes from the secret that a group shares, so every member takes it.

import { setU32 } from '../core/bytes.ts';
import { hmac } from '../core/digest.ts';
import { SIPHASH_KEY_LEN, SipHash } from '../core/siphash.ts';
import { after, EPOCH, elapsed, type Instant, toSeconds } from '../core/time.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import { ADDRESS_LEN } from '../wire/address.ts';
import { FAST_OPEN_COOKIE_PERIOD, FAST_OPEN_RESET_HOLD, MAX_PENDING_FAST_OPENS } from './limits.ts';

const COOKIE_LEN = 8;

/** RFC 7413 4.1.1: 4 to 16 octets, an even number of them. */
export const isFastOpenCookie = (cookie: Uint8Array): boolean =>
  cookie.length >= 4 && cookie.length <= 16 && cookie.length % 2 === 0;

export class FastOpenCookies {
  readonly #hash: SipHash;
  readonly #seconds: (now: Instant) => number;
  readonly #message = new Uint8Array(2 * ADDRESS_LEN + 4);

  /** `seconds`: what all members of the group agree on; absent: this node's own clock. */
  constructor(secret: Uint8Array, seconds = (now: Instant): number => toSeconds(elapsed(EPOCH, now))) {
    const key = hmac('sha256', secret, new TextEncoder().encode('Fast Open'));
    this.#hash = new SipHash(key.subarray(0, SIPHASH_KEY_LEN));
    this.#seconds = seconds;
  }

  /** The cookie of the client that has sent this. */
  make(now: Instant, packet: ReceivedPacket): Uint8Array {
    return this.#of(packet, this.#period(now));
  }

  /** RFC 7413 4.1.2: 'old' is good too, but the client should get another. */
  check(now: Instant, packet: ReceivedPacket, cookie: Uint8Array): 'good' | 'old' | 'bad' {
    const period = this.#period(now);
    if (isSame(cookie, this.#of(packet, period))) return 'good';
    return isSame(cookie, this.#of(packet, period - 1)) ? 'old' : 'bad';
  }

  #period(now: Instant): number {
    return Math.floor(this.#seconds(now) / toSeconds(FAST_OPEN_COOKIE_PERIOD));
  }

  #of(packet: ReceivedPacket, period: number): Uint8Array {
    const message = this.#message;
    packet.destination.write(message, 0);
    packet.source.write(message, ADDRESS_LEN);
    setU32(message, 2 * ADDRESS_LEN, period);
    const { low, high } = this.#hash.hash(message);
    const cookie = new Uint8Array(COOKIE_LEN);
    setU32(cookie, 0, high);
    setU32(cookie, 4, low);
    return cookie;
  }
}

/** In a time that does not tell where they part. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (const [i, octet] of a.entries()) difference |= octet ^ (b[i] ?? 0);
  return difference === 0;
}

/**
 * PendingFastOpenRequests of RFC 7413 5.1, of one listener. One that ended with a RST counts for a while longer: where
 * a stolen cookie is used with the victim's address, the victim's RSTs must not make room for more.
 */
export class PendingFastOpens {
  #pending = 0;
  #heldUntil: Instant[] = [];

  /** True: one more may be served. */
  take(now: Instant): boolean {
    this.#heldUntil = this.#heldUntil.filter((until) => until > now);
    if (this.#pending + this.#heldUntil.length >= MAX_PENDING_FAST_OPENS) return false;
    this.#pending += 1;
    return true;
  }

  /** The handshake is done, or will never be. */
  end(resetAt: Instant | undefined): void {
    this.#pending -= 1;
    if (resetAt !== undefined) this.#heldUntil.push(after(resetAt, FAST_OPEN_RESET_HOLD));
  }
}
