// The correspondent's part in return routability (RFC 6275 5.2.5, 9.2, 9.4).

import { describe, expect, test } from 'vitest';
import { setU8, setU16 } from '../../stack/core/bytes.ts';
import type { Address } from '../../stack/wire/address.ts';
import { MOBILITY_CHECKSUM, MOBILITY_FIELD } from '../../stack/wire/mobility.ts';
import { CARE_OF, HOME, SELF, world } from '../mobility/correspondent-world.ts';
import { mobilityBytes, mobilityPacket, type Seen } from '../mobility/packets.ts';
import { expectAtHome, expectNotBound, expectParameterProblem, expectSilence, expectTest } from './expectations.ts';

type InitKind = 'home-test-init' | 'care-of-test-init';

const HOME_COOKIE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const CARE_OF_COOKIE = Uint8Array.of(0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6, 0x97, 0x88);
const RESERVED_OF_HEADER = 3;
const RESERVED_OF_MESSAGE = 6;

/** A HoTI from the home address or a CoTI from the care-of address, changed before its checksum is made. */
function init(kind: InitKind, change: (bytes: Uint8Array) => void = () => {}): Uint8Array {
  const isHome = kind === 'home-test-init';
  const bytes = mobilityBytes({ kind, cookie: isHome ? HOME_COOKIE : CARE_OF_COOKIE, options: [] });
  change(bytes);
  return mobilityPacket({ source: isHome ? HOME : CARE_OF, destination: SELF }, bytes);
}

const hot = (sent: readonly Seen[]) => expectTest(sent, 'home-test', { from: SELF, to: HOME, cookie: HOME_COOKIE });
const cot = (sent: readonly Seen[]) =>
  expectTest(sent, 'care-of-test', { from: SELF, to: CARE_OF, cookie: CARE_OF_COOKIE });

test('CN-1-1: without a binding: echoes, and both tests', () => {
  const { host, node } = world();
  expectAtHome(node);
  expectNotBound(node);
  const careOf = cot(host.give(init('care-of-test-init')));
  const home = hot(host.give(init('home-test-init')));
  expect(home.token).not.toEqual(careOf.token);
  expect(home.token).toHaveLength(8);
});

interface Init {
  readonly kind: InitKind;
  readonly from: Address;
  readonly answered: (sent: readonly Seen[]) => void;
}

const HOTI: Init = { kind: 'home-test-init', from: HOME, answered: hot };
const COTI: Init = { kind: 'care-of-test-init', from: CARE_OF, answered: cot };

function isIgnoredWithHomeAddressOption({ kind }: Init): void {
  const way = { source: CARE_OF, destination: SELF, home: HOME };
  expectSilence(world().host.give(mobilityPacket(way, { kind, cookie: HOME_COOKIE, options: [] })));
}

function isAnsweredWithProblem({ kind, from: to }: Init, field: number, value: number): void {
  const offending = init(kind, (bytes) => setU8(bytes, field, value));
  expectParameterProblem(world().host.give(offending), { from: SELF, to, pointer: 40 + field, offending });
}

function isAnsweredWhateverIsReserved({ kind, answered }: Init): void {
  const { host } = world();
  answered(host.give(init(kind, (bytes) => setU8(bytes, RESERVED_OF_HEADER, 0xff))));
  answered(host.give(init(kind, (bytes) => setU16(bytes, RESERVED_OF_MESSAGE, 0xffff))));
}

function isDroppedWithWrongChecksum({ kind }: Init): void {
  const offending = init(kind);
  setU16(offending, 40 + MOBILITY_CHECKSUM, 0);
  const { host } = world();
  expectSilence(host.give(offending));
  expect(host.dispatch.counters.get('mobility-checksum')).toBe(1);
}

describe('HoTI', () => {
  test('CN-2-1-2: with a Home Address option it is ignored', () => isIgnoredWithHomeAddressOption(HOTI));

  test('CN-2-1-3: Header Len 0 gets Parameter Problem 41', () =>
    isAnsweredWithProblem(HOTI, MOBILITY_FIELD.headerLength, 0));

  test('CN-2-1-4: reserved bits are ignored', () => isAnsweredWhateverIsReserved(HOTI));

  test('CN-2-1-5: Payload Proto 0xff gets Parameter Problem 40', () =>
    isAnsweredWithProblem(HOTI, MOBILITY_FIELD.payloadProto, 0xff));

  test('CN-2-1-6: a wrong checksum is dropped silently', () => isDroppedWithWrongChecksum(HOTI));
});

describe('CoTI', () => {
  test('CN-2-2-2: with a Home Address option it is ignored', () => isIgnoredWithHomeAddressOption(COTI));

  test('CN-2-2-3: Header Len 0 gets Parameter Problem 41', () =>
    isAnsweredWithProblem(COTI, MOBILITY_FIELD.headerLength, 0));

  test('CN-2-2-4: reserved bits are ignored', () => isAnsweredWhateverIsReserved(COTI));

  test('CN-2-2-5: Payload Proto 0xff gets Parameter Problem 40', () =>
    isAnsweredWithProblem(COTI, MOBILITY_FIELD.payloadProto, 0xff));

  test('CN-2-2-6: a wrong checksum is dropped silently', () => isDroppedWithWrongChecksum(COTI));
});
