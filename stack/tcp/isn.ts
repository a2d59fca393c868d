// Numbers that an outsider must not guess: initial sequence numbers (RFC 6528), timestamp offsets (RFC 7323 7.1), flow
// labels (RFC 6437) and where the search for a local port starts (RFC 6056 3.3.3), all from one keyed digest of the two
// ends. The members of a group share the key: a connection that moves keeps its flow label.

import { setU16, u32 } from '../core/bytes.ts';
import { hmac } from '../core/digest.ts';
import type { Instant } from '../core/time.ts';
import { ADDRESS_LEN } from '../wire/address.ts';
import { type Seq, seq } from '../wire/seq.ts';
import type { Endpoint } from './api.ts';

const ENDPOINTS_LEN = 2 * ADDRESS_LEN + 4;
/** RFC 6528 3: M ticks every 4 microseconds. */
const ISN_TICK_US = 4;
const FLOW_LABEL_MASK = 0xfffff;

export interface Secrets {
  readonly isn: Seq;
  readonly timestampOffset: number;
  /** RFC 6437 3: 20 bits, never 0, which would mean that there is none. */
  readonly flowLabel: number;
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
  const isn = seq(u32(f, 0) + Math.floor(now / ISN_TICK_US));
  return { isn, timestampOffset: u32(f, 4), flowLabel: u32(f, 12) & FLOW_LABEL_MASK || 1 };
}

/** RFC 6056 3.3.3: the offset of the port search, which depends on all but the local port. */
export const portOffset = (secret: Uint8Array, local: Endpoint, remote: Endpoint): number =>
  u32(keyed(secret, { address: local.address, port: 0 }, remote), 8);
