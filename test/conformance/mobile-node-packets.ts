// The packets of the mobile node's conformance cases: those that its home agent and its correspondents send, and those
// that a case waits for. Built whole by test/mobility/packets.ts, with their authenticators by node:crypto.

import { setU8 } from '../../stack/core/bytes.ts';
import type { Instant } from '../../stack/core/time.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import type { BindingAcknowledgement, MobilityMessage } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { echoReply, mobilityBytes, mobilityPacket, tunnelPacket } from '../mobility/packets.ts';
import { signed, unsigned } from '../mobility/scripted-home-agent.ts';
import { authenticator, managementKey } from '../mobility/scripted-node.ts';
import { ntp } from '../mobility/support.ts';

export const HOME = address('2001:db8:100::1');
export const HOME_AGENT = address('2001:db8:100::ff');
export const CARE_OF = address('2001:db8:a::1');
export const CN = address('2001:db8:c::1');
export const OTHER_CN = address('2001:db8:d::1');
export const ROUTER = address('2001:db8:f::1');

export const SPI = 1001;
export const KEY = new Uint8Array(20).fill(9);
export const NAI = 'node@example.org';
/** Asked for at the home agent: 900 s. */
export const HOME_LIFETIME = 225;
/** The most that a correspondent is asked for: 420 s (RFC 6275 12). */
export const CN_LIFETIME = 105;
export const HOME_NONCE = 11;
export const CARE_OF_NONCE = 22;
const HOME_TOKEN = new Uint8Array(8).fill(1);
const CARE_OF_TOKEN = new Uint8Array(8).fill(2);
export const KBM = managementKey(HOME_TOKEN, CARE_OF_TOKEN);
export interface AckParts {
  readonly sequence: number;
  readonly status?: number;
  /** In units of 4 s. */
  readonly lifetime?: number;
  /** Before the one that authenticates. */
  readonly options?: readonly MobilityOption[];
  /** Changes the message before it is signed. */
  readonly alter?: (mh: Uint8Array) => void;
  /** Changes the signed message, under a checksum that holds. */
  readonly spoil?: (mh: Uint8Array) => void;
  /** Absent: the right one. null: the option that authenticates is not there. */
  readonly key?: Uint8Array | null;
}

export interface TestParts {
  readonly cookie: Uint8Array;
  readonly nonceIndex?: number;
  readonly source?: Address;
  readonly spoil?: (mh: Uint8Array) => void;
  /** Changes the packet with its checksum. */
  readonly spoilPacket?: (packet: Uint8Array) => void;
}

export const bindingError = (status: number, home: Address): MobilityMessage => ({
  kind: 'binding-error',
  status,
  home,
  options: [],
});

/** From the home agent, to the care-of address. */
export const tunnelled = (inner: Uint8Array): Uint8Array => tunnelPacket(HOME_AGENT, CARE_OF, inner);

function acknowledgement(
  { sequence, status = 0, lifetime }: AckParts,
  usual: number,
  options: MobilityOption[],
): BindingAcknowledgement {
  const kind = 'binding-acknowledgement';
  return { kind, status, keyManagement: false, sequence, lifetime: lifetime ?? usual, options };
}

/** By type 2 routing header to the home address. */
export function homeAckPacket(parts: AckParts): Uint8Array {
  const { key = KEY, options = [] } = parts;
  const message = acknowledgement(parts, HOME_LIFETIME, [...options, ...(key === null ? [] : [unsigned(SPI)])]);
  const mh = key === null ? mobilityBytes(message) : signed(message, key, CARE_OF, HOME, parts.alter);
  parts.spoil?.(mh);
  return mobilityPacket({ source: HOME_AGENT, destination: CARE_OF, route: HOME }, mh);
}

export function clientAckPacket(parts: AckParts): Uint8Array {
  const { key = KBM, options = [] } = parts;
  const authorization = { kind: 'binding-authorization-data', authenticator: new Uint8Array(12) } as const;
  const all = key === null ? [...options] : [...options, authorization];
  const mh = mobilityBytes(acknowledgement(parts, CN_LIFETIME, all));
  parts.alter?.(mh);
  if (key !== null) mh.set(authenticator(key, CARE_OF, CN, mh), mh.length - 12);
  parts.spoil?.(mh);
  return mobilityPacket({ source: CN, destination: CARE_OF, route: HOME }, mh);
}

/** HoT: through the home agent's tunnel. */
export function homeTestPacket({
  cookie,
  nonceIndex = HOME_NONCE,
  source = CN,
  spoil,
  spoilPacket,
}: TestParts): Uint8Array {
  const mh = mobilityBytes({ kind: 'home-test', nonceIndex, cookie, token: HOME_TOKEN, options: [] });
  spoil?.(mh);
  const packet = mobilityPacket({ source, destination: HOME }, mh);
  spoilPacket?.(packet);
  return tunnelled(packet);
}

/** CoT: straight to the care-of address. */
export function careOfTestPacket(parts: TestParts): Uint8Array {
  const { cookie, nonceIndex = CARE_OF_NONCE, source = CN, spoil, spoilPacket } = parts;
  const mh = mobilityBytes({ kind: 'care-of-test', nonceIndex, cookie, token: CARE_OF_TOKEN, options: [] });
  spoil?.(mh);
  const packet = mobilityPacket({ source, destination: CARE_OF }, mh);
  spoilPacket?.(packet);
  return packet;
}

/** Sets the fields that are reserved: ignored by a receiver, so nothing may come of it. */
export const setReserved =
  (...at: readonly number[]) =>
  (mh: Uint8Array): void => {
    for (const offset of at) setU8(mh, offset, 0xff);
  };

// The packets a case waits for.

/**
 * Registration with the home agent (RFC 6275 11.7.1, RFC 4285 5.1), sent at this moment. `resent`: so many went before
 * it in the same moment, each with a timestamp of its own.
 */
export function homeUpdate(parts: {
  readonly at: number;
  readonly sequence: number;
  readonly resent?: number;
}): Uint8Array {
  const { at, sequence, resent = 0 } = parts;
  const message = {
    kind: 'binding-update',
    sequence,
    acknowledge: true,
    home: true,
    linkLocal: false,
    keyManagement: false,
    lifetime: HOME_LIFETIME,
    options: [
      { kind: 'alternate-care-of', address: CARE_OF },
      { kind: 'mn-identifier', subtype: 1, identifier: new TextEncoder().encode(NAI) },
      { kind: 'replay-protection', timestamp: ntp(Math.round(at * 1e6) as Instant) + BigInt(resent) },
      unsigned(SPI),
    ],
  } as const satisfies MobilityMessage;
  const mh = signed({ ...message, options: [...message.options] }, KEY, CARE_OF, HOME);
  return mobilityPacket({ source: CARE_OF, destination: HOME_AGENT, home: HOME }, mh);
}

export interface UpdateParts {
  readonly sequence: number;
  readonly lifetime?: number;
  readonly acknowledge?: boolean;
  readonly homeNonce?: number;
  readonly careOfNonce?: number;
}

/** Registration with the correspondent (RFC 6275 11.7.2): nonce indices, Binding Authorization Data last. */
export function clientUpdate(parts: UpdateParts): Uint8Array {
  const { sequence, lifetime = CN_LIFETIME, acknowledge = true } = parts;
  const { homeNonce = HOME_NONCE, careOfNonce = CARE_OF_NONCE } = parts;
  const mh = mobilityBytes({
    kind: 'binding-update',
    sequence,
    acknowledge,
    home: false,
    linkLocal: false,
    keyManagement: false,
    lifetime,
    options: [
      { kind: 'nonce-indices', home: homeNonce, careOf: careOfNonce },
      { kind: 'binding-authorization-data', authenticator: new Uint8Array(12) },
    ],
  });
  mh.set(authenticator(KBM, CARE_OF, CN, mh), mh.length - 12);
  return mobilityPacket({ source: CARE_OF, destination: CN, home: HOME }, mh);
}

/** Source the care-of address, home address in a Home Address option, checksum over the home address. */
export const directReply = (destination: Address = CN): Uint8Array =>
  echoReply({ source: CARE_OF, destination, home: HOME });

/** Through the reverse tunnel, without Home Address option. */
export const tunnelReply = (destination: Address = CN): Uint8Array =>
  reverseTunnelled(echoReply({ source: HOME, destination }));

export const reverseTunnelled = (inner: Uint8Array): Uint8Array => tunnelPacket(CARE_OF, HOME_AGENT, inner);

/** HoTI: through the reverse tunnel (RFC 6275 11.6.1). */
export const homeTestInit = (cookie: Uint8Array, destination: Address = CN): Uint8Array =>
  reverseTunnelled(mobilityPacket({ source: HOME, destination }, { kind: 'home-test-init', cookie, options: [] }));

/** CoTI: straight from the care-of address, without Home Address option. */
export const careOfTestInit = (cookie: Uint8Array, destination: Address = CN): Uint8Array =>
  mobilityPacket({ source: CARE_OF, destination }, { kind: 'care-of-test-init', cookie, options: [] });
