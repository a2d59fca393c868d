// Protocol constants of Mobile IPv6 (RFC 6275 sections 11.8, 12 and 13) and arithmetic on sequence numbers.
// Values of ours (bounds, and rates that the RFCs leave open) stand beside the code they rule.

import { type Duration, seconds } from '../core/time.ts';
import { LIFETIME_UNIT_SEC } from '../wire/mobility.ts';

/** RFC 6275 12: how long a keygen token may be used after it was received. */
export const MAX_TOKEN_LIFETIME: Duration = seconds(210);
/** RFC 6275 12: how long a nonce is recognized after it was made. */
export const MAX_NONCE_LIFETIME: Duration = seconds(240);
/** RFC 6275 5.2.3: a fresh nonce at least this often, so that a token made from it lives MAX_TOKEN_LIFETIME. */
export const NONCE_ROTATION: Duration = seconds(30);
/** RFC 6275 12: the longest binding that return routability authorizes. */
export const MAX_RR_BINDING_LIFETIME: Duration = seconds(420);
/** RFC 6275 12: Binding Updates to one correspondent, in any second. */
export const MAX_UPDATE_RATE = 3;
/** RFC 6275 12: first wait for an answer, doubled at each try (11.8). */
export const INITIAL_BINDACK_TIMEOUT: Duration = seconds(1);
/** RFC 6275 13: the same for the first registration, which may have to wait for the other end's DAD. */
export const INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION: Duration = seconds(1.5);
/** RFC 6275 12: where doubling ends. */
export const MAX_BINDACK_TIMEOUT: Duration = seconds(32);
/** RFC 6275 12 (MAX_RO_FAILURE): tries of return routability before a correspondent is left to the tunnel. */
export const MAX_RO_FAILURE = 3;
/** RFC 6275 10.3.2: a deleted home binding is remembered this long, so that a late older update is refused. */
export const MAX_DELETE_BCE_TIMEOUT: Duration = seconds(10);

/** What the Lifetime field of a Binding Update or Acknowledgement counts in. */
export const LIFETIME_UNIT: Duration = seconds(LIFETIME_UNIT_SEC);
export const MAX_RR_LIFETIME_UNITS = MAX_RR_BINDING_LIFETIME / LIFETIME_UNIT;
/** Largest value of the 16-bit Lifetime field. */
export const MAX_LIFETIME_UNITS = 0xffff;

/** From this status on a Binding Acknowledgement refuses (RFC 6275 6.1.8). */
export const FIRST_REJECTION = 128;

/** Is sequence number `a` greater than `b`, modulo 2^16 (RFC 6275 9.5.1)? */
export function sequenceIsNewer(a: number, b: number): boolean {
  const ahead = (a - b) & 0xffff;
  return ahead > 0 && ahead < 0x8000;
}
