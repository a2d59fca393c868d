// Sequence numbers of Binding Updates (RFC 6275 6.1.8, 9.5.1): newer means one of the 32767 after the last, modulo 2^16.

import { describe, test } from 'vitest';
import { bound, ELSEWHERE, HOME, tested } from '../mobility/correspondent-world.ts';
import { expectAcknowledgement, expectBound, expectNotBound, expectRouted } from './expectations.ts';

function isAcceptedAfter(last: number, sequence: number): void {
  const { node } = bound({ sequence: last });
  expectAcknowledgement(node, node.update({ sequence }), { sequence });
  expectBound(node);
}

/** Refused with the last one accepted, which is still the last one afterwards. */
function isRefusedAfter(last: number, sequence: number): void {
  const { node } = bound({ sequence: last });
  expectAcknowledgement(node, node.update({ sequence, lifetime: 10 }), { status: 135, sequence: last });
  expectBound(node);
  expectAcknowledgement(node, node.update({ sequence }), { status: 135, sequence: last });
}

function isAcceptedAtFirst(sequence: number): void {
  const { node } = tested();
  expectAcknowledgement(node, node.update({ sequence }), { sequence });
  expectBound(node);
}

describe('newer', () => {
  test('CN-5-1-1-1: 10001 after 10000', () => isAcceptedAfter(10_000, 10_001));
  test('CN-5-1-1-2: 42767 after 10000', () => isAcceptedAfter(10_000, 42_767));
  test('CN-5-1-1-3: 0 after 42768', () => isAcceptedAfter(42_768, 0));
  test('CN-5-1-1-4: 9999 after 42768', () => isAcceptedAfter(42_768, 9_999));
});

describe('not newer', () => {
  test('CN-5-1-2-1: 9999 after 10000', () => isRefusedAfter(10_000, 9_999));
  test('CN-5-1-2-2: 10000 after 10000', () => isRefusedAfter(10_000, 10_000));
  test('CN-5-1-2-3: 42768 after 10000', () => isRefusedAfter(10_000, 42_768));
  test('CN-5-1-2-4: 0 after 10000', () => isRefusedAfter(10_000, 0));
});

describe('first', () => {
  test('CN-5-1-3-1: 0 without a binding', () => isAcceptedAtFirst(0));
  test('CN-5-1-3-2: 32768 without a binding', () => isAcceptedAtFirst(32_768));
  test('CN-5-1-3-3: 65535 without a binding', () => isAcceptedAtFirst(65_535));
});

describe('used before', () => {
  test('CN-5-4-1: an update replayed after the binding was deleted makes none', () => {
    const { host, node } = tested();
    const first = node.updatePacket({ sequence: 10_000 });
    const keyOfFirst = node.kbm;
    expectAcknowledgement(node, host.give(first), { sequence: 10_000 });
    const deletion = node.update({ sequence: 10_001, lifetime: 0 });
    expectAcknowledgement(node, deletion, { sequence: 10_001, lifetime: 0 });
    expectNotBound(node);
    node.kbm = keyOfFirst;
    expectAcknowledgement(node, host.give(first), { status: 135, sequence: 10_001 });
    expectNotBound(node);
  });

  test('CN-2-5-2: refused with 135 without the A bit too', () => {
    const { node } = bound();
    const sent = node.update({ sequence: 10_000, acknowledge: false });
    expectAcknowledgement(node, sent, { status: 135, sequence: 10_000 });
    expectBound(node);
  });

  test('CN-3-3-3: a deletion from home that reuses the sequence number is refused there', () => {
    const { node } = bound({ sequence: 1 });
    const sent = node.update({ sequence: 1, lifetime: 0, source: HOME, tokens: { home: node.homeTest() } });
    expectAcknowledgement(node, sent, { status: 135, sequence: 1, to: HOME });
    expectRouted(node);
  });

  test('CN-3-4-3: a move that reuses the sequence number is refused, and the binding stays where it was', () => {
    const { node } = bound({ sequence: 1 });
    const before = node.careOf;
    node.careOf = ELSEWHERE;
    node.tests();
    expectAcknowledgement(node, node.update({ sequence: 1 }), { status: 135, sequence: 1 });
    expectRouted(node, before);
  });
});
