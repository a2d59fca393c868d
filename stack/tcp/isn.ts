// Numbers that an outsider must not guess: initial sequence numbers (RFC 6528), timestamp offsets (RFC 7323 7.1)
// and where the search for a local port starts (RFC 6056 3.3.3), all from one keyed digest of the two ends.

import { setU16, u32 } from '../core/bytes.ts';
import { hmac } from '../core/digest.ts';
import type { Instant } from '../core/time.ts';
import { ADDRESS_LEN } from '../wire/address.ts';
import { type Seq, seq } from '../wire/seq.ts';
import type { Endpoint } from './api.ts';

const ENDPOINTS_LEN = 2 * ADDRESS_LEN + 4;
/** RFC 6528 3: M ticks every 4 microseconds. */
const ISN_TICK_US = 4;

export interface Secrets {
  readonly isn: Seq;
  readonly timestampOffset: number;
}

function keyed(secret: Uint8Array, local: Endpoint, remote: Endpoint): Uint8Array {
  const ends = new Uint8Array(ENDPOINTS_LEN);
  local.address.write(ends, 0);
  remote.address.write(ends, ADDRESS_LEN);
  setU16(ends, 2 * ADDRESS_LEN, local.port);
  setU16(ends, 2 * ADDRESS_LEN + 2, remote.port);
  return hmac('sha256', secret, ends);
}

/** ISN = M + F(ends, secret); the timestamp offset is another part of F. */
export function secretsFor(secret: Uint8Array, now: Instant, local: Endpoint, remote: Endpoint): Secrets {
  const f = keyed(secret, local, remote);
  return { isn: seq(u32(f, 0) + Math.floor(now / ISN_TICK_US)), timestampOffset: u32(f, 4) };
}

/** RFC 6056 3.3.3: the offset of the port search, which depends on all but the local port. */
export const portOffset = (secret: Uint8Array, local: Endpoint, remote: Endpoint): number =>
  u32(keyed(secret, { address: local.address, port: 0 }, remote), 8);
