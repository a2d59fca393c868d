// Binding Updates and Mobility Headers that are dropped: some with an error (RFC 6275 9.2), most in silence (9.5.1).

import { describe, expect, test } from 'vitest';
import { concatBytes, setU8, setU16 } from '../../stack/core/bytes.ts';
import { address, UNSPECIFIED } from '../../stack/wire/address.ts';
import { MOBILITY_CHECKSUM, MOBILITY_FIELD } from '../../stack/wire/mobility.ts';
import { bound, CARE_OF, type CorrespondentWorld, HOME, SELF, tested, world } from '../mobility/correspondent-world.ts';
import { mobilityBytes, mobilityPacket } from '../mobility/packets.ts';
import { COOKIE, type UpdateParts } from '../mobility/scripted-node.ts';
import {
  expectBindingError,
  expectNotBound,
  expectParameterProblem,
  expectRouted,
  expectSilence,
} from './expectations.ts';

const GROUP = address('ff1e::1');
const LINK_LOCAL = address('fe80::1');
/** A type that nobody here knows. */
const UNKNOWN_TYPE = 8;
const MH_WITH_OPTION_AT = 64;

/** Discarded for this reason (a counter), without a word; no binding is made. */
function isSilentlyDiscarded(w: CorrespondentWorld, bytes: Uint8Array, reason: string): void {
  const { dispatch } = w.host;
  const before = dispatch.counters.get(reason);
  expectSilence(w.host.give(bytes));
  expect(dispatch.counters.get(reason)).toBe(before + 1);
  expectNotBound(w.node);
}

function isDiscarded(parts: Omit<UpdateParts, 'sequence'>, reason: string): void {
  const w = tested();
  isSilentlyDiscarded(w, w.node.updatePacket({ sequence: 1, ...parts }), reason);
}

function isAnsweredWithProblem(field: number, value: number): void {
  const { host, node } = tested();
  const offending = node.updatePacket({ sequence: 1, spoil: (bytes) => setU8(bytes, field, value) });
  const pointer = MH_WITH_OPTION_AT + field;
  expectParameterProblem(host.give(offending), { from: SELF, to: CARE_OF, pointer, offending });
  expectNotBound(node);
}

describe('Mobility Header', () => {
  test('CN-2-3-3: Header Len 0 of an update gets Parameter Problem 65', () =>
    isAnsweredWithProblem(MOBILITY_FIELD.headerLength, 0));

  test('CN-2-3-5: Payload Proto 0xff of an update gets Parameter Problem 64', () =>
    isAnsweredWithProblem(MOBILITY_FIELD.payloadProto, 0xff));

  test('CN-2-3-6: a wrong checksum of an update is dropped silently', () => {
    const w = tested();
    const bytes = w.node.updatePacket({ sequence: 1 });
    setU16(bytes, MH_WITH_OPTION_AT + MOBILITY_CHECKSUM, 0);
    isSilentlyDiscarded(w, bytes, 'mobility-checksum');
  });

  test('CN-2-4-1: an unknown type gets Binding Error 2', () => {
    const { host } = world();
    const shape = mobilityBytes({ kind: 'home-test-init', cookie: COOKIE, options: [] });
    setU8(shape, MOBILITY_FIELD.type, UNKNOWN_TYPE);
    const fromHome = host.give(mobilityPacket({ source: HOME, destination: SELF }, shape));
    expectBindingError(fromHome, { from: SELF, to: HOME, status: 2, home: UNSPECIFIED });
    expectSilence(host.give(mobilityPacket({ source: GROUP, destination: SELF }, shape)));
    const { host: second, node } = tested();
    const spoil = (bytes: Uint8Array) => setU8(bytes, MOBILITY_FIELD.type, UNKNOWN_TYPE);
    const fromCareOf = second.give(node.updatePacket({ sequence: 1, spoil }));
    expectBindingError(fromCareOf, { from: SELF, to: CARE_OF, status: 2, home: HOME });
  });
});

describe('options of an update', () => {
  test('CN-2-3-1-2: Binding Authorization Data that is not the last', () => {
    const reason = 'update-without-authorization';
    const alternate = { kind: 'alternate-care-of', address: CARE_OF } as const;
    isDiscarded({ options: (usual) => [...usual, alternate] }, reason);
    isDiscarded({ options: (usual) => usual.toReversed() }, reason);
  });

  test('CN-2-3-11: Binding Authorization Data that is not there, padded, or wrong', () => {
    isDiscarded({ options: (usual) => usual.slice(0, 1) }, 'update-without-authorization');
    const w = tested();
    const signed = w.node.updatePacket({ sequence: 1 }).subarray(MH_WITH_OPTION_AT);
    const padded = concatBytes(signed, Uint8Array.of(1, 6, 0, 0, 0, 0, 0, 0));
    setU8(padded, MOBILITY_FIELD.headerLength, padded.length / 8 - 1);
    const way = { source: CARE_OF, destination: SELF, home: HOME };
    isSilentlyDiscarded(w, mobilityPacket(way, padded), 'update-without-authorization');
    const spoil = (bytes: Uint8Array) => setU8(bytes, bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1);
    isDiscarded({ spoil }, 'update-authenticator');
  });

  test('CN-2-3-10-1: no Nonce Indices', () =>
    isDiscarded({ options: (usual) => usual.filter(({ kind }) => kind !== 'nonce-indices') }, 'update-without-nonces'));

  test('CN-5-3-4: Nonce Indices in a home registration', () =>
    isDiscarded({ homeRegistration: true }, 'update-home-with-nonces'));
});

describe('addresses of an update', () => {
  test('CN-2-6-1: a source that is multicast or link-local', () => {
    const { host, node } = tested();
    expectSilence(node.update({ sequence: 1, source: GROUP }));
    expectNotBound(node);
    expect(host.ipv6.counters.get('drop.bad-address')).toBe(1);
    isDiscarded({ source: LINK_LOCAL }, 'update-source');
  });

  test('CN-2-6-2: a home address that is multicast or link-local', () => {
    const { host, node, correspondent } = tested();
    expectSilence(node.update({ sequence: 1, option: GROUP }));
    expectSilence(node.update({ sequence: 1, option: LINK_LOCAL }));
    expect(host.ipv6.counters.get('drop.home-address-option')).toBe(2);
    expect(correspondent.bindingCount).toBe(0);
    expectNotBound(node);
  });

  test('CN-2-6-4: a deletion from a multicast or link-local source without Home Address option', () => {
    const { node } = bound({ sequence: 1 });
    expectSilence(node.update({ sequence: 2, lifetime: 0, source: GROUP, option: null }));
    expectSilence(node.update({ sequence: 2, lifetime: 0, source: LINK_LOCAL, option: null }));
    expectRouted(node);
  });
});
