// The protection of Binding Update and Acknowledgement between mobile node and home agent by a shared key
// (RFC 4285): the MN-HA authentication option and the timestamps against replay. Stands in place of IPsec,
// which a userspace stack on a TUN device has not got.

import { equalSecret } from '../core/bytes.ts';
import { type Duration, seconds, toSeconds } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { type MobilityMessage, mobilityOptionOffset } from '../wire/mobility.ts';
import {
  AUTHENTICATION_AUTHENTICATOR,
  AUTHENTICATION_SUBTYPE,
  AUTHENTICATOR_LEN,
  type Authentication,
  type MobilityOption,
} from '../wire/mobility-option.ts';
import { type MobilityHeaderSpan, mobilityAuthenticator } from './rr-keys.ts';

/** A key that a mobile node (one Binding Identifier of it) and its home agent share. */
export interface SecurityAssociation {
  /** Above 255: the first 256 values are reserved (RFC 4285 5.1, as in RFC 4302). */
  readonly spi: number;
  readonly key: Uint8Array;
}

export const MIN_SPI = 256;

/** How far a timestamp may be off the home agent's clock (RFC 4285 6 leaves it open; 7 s is RFC 5944's). */
export const TIMESTAMP_TOLERANCE: Duration = seconds(7);

/** To be filled in by signAuthentication once the message is emitted. Everything it protects stands before it. */
export const unsignedAuthentication = (spi: number): MobilityOption => ({
  kind: 'authentication',
  subtype: AUTHENTICATION_SUBTYPE.homeAgent,
  spi,
  authenticator: new Uint8Array(AUTHENTICATOR_LEN),
});

/** RFC 4285 5.1: over care-of address, home address and the message up to and including the SPI. */
export function signAuthentication(
  association: SecurityAssociation,
  careOf: Address,
  home: Address,
  message: MobilityMessage,
  header: MobilityHeaderSpan,
): void {
  const offset = mobilityOptionOffset(message, 'authentication');
  if (offset === undefined) throw new Error('no authentication option to sign');
  const at = header.start + offset + AUTHENTICATION_AUTHENTICATOR;
  header.bytes.set(mobilityAuthenticator(association.key, careOf, home, header, at), at);
}

export function verifyAuthentication(
  association: SecurityAssociation,
  careOf: Address,
  home: Address,
  option: Authentication,
  header: MobilityHeaderSpan,
): boolean {
  if (option.at === undefined || option.spi !== association.spi) return false;
  const upTo = option.at + AUTHENTICATION_AUTHENTICATOR;
  return equalSecret(mobilityAuthenticator(association.key, careOf, home, header, upTo), option.authenticator);
}

/** The MN-HA option of a message, where it has one. */
export const homeAgentAuthentication = (options: readonly MobilityOption[]): Authentication | undefined =>
  options.find(
    (option): option is Authentication =>
      option.kind === 'authentication' && option.subtype === AUTHENTICATION_SUBTYPE.homeAgent,
  );

/** RFC 4285 6: close to the home agent's time, and greater than all accepted before. NTP 64-bit format. */
export function timestampIsFresh(timestamp: bigint, clock: bigint, last: bigint | undefined): boolean {
  const tolerance = BigInt(toSeconds(TIMESTAMP_TOLERANCE)) << 32n;
  const off = timestamp > clock ? timestamp - clock : clock - timestamp;
  return off <= tolerance && (last === undefined || timestamp > last);
}
