// TCP Fast Open at a client (RFC 7413 4.1.3): what is known of each server address from each of ours, for a cookie is
// good for both: cookie and MSS, or that Fast Open does not work on the way there, which is believed for a while
// (4.1.3.1). Bounded; the pair used longest ago goes.

import { after, type Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { isFastOpenCookie } from './fast-open-cookies.ts';
import { FAST_OPEN_PAUSE, MAX_FAST_OPEN_SERVERS } from './limits.ts';

export interface FastOpenServer {
  readonly cookie: Uint8Array;
  /** Its MSS option: what text a SYN may carry. */
  readonly mss: number;
}

type Entry = FastOpenServer | { readonly pausedUntil: Instant };

export class FastOpenCache {
  /** By the two addresses; the pair used last is the last. */
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** 'unknown': ask for a cookie. 'paused': open as ever. */
  find(now: Instant, local: Address, server: Address): FastOpenServer | 'unknown' | 'paused' {
    const key = local.key + server.key;
    const entry = this.#entries.get(key);
    if (entry === undefined) return 'unknown';
    if ('pausedUntil' in entry) return entry.pausedUntil > now ? 'paused' : 'unknown';
    this.#set(key, entry);
    return entry;
  }

  /** A SYN,ACK has brought a cookie. */
  learn(local: Address, server: Address, cookie: Uint8Array, mss: number): void {
    if (isFastOpenCookie(cookie)) this.#set(local.key + server.key, { cookie: cookie.slice(), mss });
  }

  /** RFC 7413 4.1.3.1: no answer to a SYN with the option, an ICMPv6 error, or its text was not taken. */
  failed(now: Instant, local: Address, server: Address): void {
    this.#set(local.key + server.key, { pausedUntil: after(now, FAST_OPEN_PAUSE) });
  }

  #set(key: string, entry: Entry): void {
    this.#entries.delete(key);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MAX_FAST_OPEN_SERVERS && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, entry);
  }
}
