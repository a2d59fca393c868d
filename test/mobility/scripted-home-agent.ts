// RFC 4285 by hand with node:crypto, for tests of either end of a home registration: signs a message as the peer of
// the host under test would, and can be told to do it wrong.

import { createHmac } from 'node:crypto';
import { setU16 } from '../../stack/core/bytes.ts';
import type { Address } from '../../stack/wire/address.ts';
import type { MobilityMessage } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { mobilityBytes } from './packets.ts';

/** Type 9, Length 17, subtype, SPI: the authenticator begins 7 octets into the option (RFC 4285 5.1). */
const OPTION_START = [9, 17, 1];

export const unsigned = (spi: number): MobilityOption => ({
  kind: 'authentication',
  subtype: 1,
  spi,
  authenticator: new Uint8Array(12),
});

/** Offset of the authenticator of a message whose last option is the authentication option. */
export function authenticatorAt(mh: Uint8Array): number {
  for (let at = mh.length - 19; at >= 12; at--) {
    if (OPTION_START.every((octet, i) => mh[at + i] === octet)) return at + 7;
  }
  throw new Error('no authentication option');
}

/** First (96, HMAC_SHA1 (key, care-of address | home address | MH data up to and including the SPI)). */
export function homeAuthenticator(key: Uint8Array, careOf: Address, home: Address, mh: Uint8Array): Uint8Array {
  const data = mh.slice(0, authenticatorAt(mh));
  setU16(data, 4, 0);
  const mac = createHmac('sha1', key).update(careOf.toBytes()).update(home.toBytes()).update(data);
  return new Uint8Array(mac.digest()).subarray(0, 12);
}

/** Emits the message, changes it where it is to be changed, and fills in its authentication option. */
export function signed(
  message: MobilityMessage,
  key: Uint8Array,
  careOf: Address,
  home: Address,
  alter?: (mh: Uint8Array) => void,
): Uint8Array {
  const mh = mobilityBytes(message);
  alter?.(mh);
  mh.set(homeAuthenticator(key, careOf, home, mh), authenticatorAt(mh));
  return mh;
}
