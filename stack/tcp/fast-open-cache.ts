// TCP Fast Open at a client (RFC 7413 4.1.3): what is known of each server address: its cookie and MSS, or that Fast
// Open does not work on the way there, which is believed for a while (4.1.3.1). Bounded; the server used longest ago goes.

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
  /** By address; the one used last is the last. */
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** 'unknown': ask for a cookie. 'paused': open as ever. */
  find(now: Instant, server: Address): FastOpenServer | 'unknown' | 'paused' {
    const entry = this.#entries.get(server.key);
    if (entry === undefined) return 'unknown';
    if ('pausedUntil' in entry) return entry.pausedUntil > now ? 'paused' : 'unknown';
    this.#set(server, entry);
    return entry;
  }

  /** A SYN,ACK has brought a cookie. */
  learn(server: Address, cookie: Uint8Array, mss: number): void {
    if (isFastOpenCookie(cookie)) this.#set(server, { cookie: cookie.slice(), mss });
  }

  /** RFC 7413 4.1.3.1: no answer to a SYN with the option, an ICMPv6 error, or its text was not taken. */
  failed(now: Instant, server: Address): void {
    this.#set(server, { pausedUntil: after(now, FAST_OPEN_PAUSE) });
  }

  #set(server: Address, entry: Entry): void {
    this.#entries.delete(server.key);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MAX_FAST_OPEN_SERVERS && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(server.key, entry);
  }
}
