// Which local port an active open gets: the simple hash-based selection of RFC 6056 3.3.3.

import type { Endpoint } from './api.ts';
import { portOffset } from './isn.ts';
import { FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT } from './limits.ts';

const COUNT = LAST_EPHEMERAL_PORT - FIRST_EPHEMERAL_PORT + 1;

export class PortSelector {
  readonly #secret: Uint8Array;
  #next = 0;

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** The first free port from where the ends and the count of earlier opens point; undefined when all are taken. */
  select(local: Endpoint, remote: Endpoint, isFree: (port: number) => boolean): number | undefined {
    const offset = portOffset(this.#secret, local, remote);
    for (let i = 0; i < COUNT; i++) {
      const port = FIRST_EPHEMERAL_PORT + ((offset + this.#next) % COUNT);
      this.#next = (this.#next + 1) % COUNT;
      if (isFree(port)) return port;
    }
    return undefined;
  }
}
