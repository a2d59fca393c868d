// Binding Updates: which are accepted (RFC 6275 9.5.1), and the acknowledgement (9.5.4).

import { describe, expect, test } from 'vitest';
import { setU8 } from '../../stack/core/bytes.ts';
import { seconds } from '../../stack/core/time.ts';
import { address } from '../../stack/wire/address.ts';
import { MH } from '../../stack/wire/mobility.ts';
import { bound, CARE_OF, ELSEWHERE, HOME, SELF, tested, world } from '../mobility/correspondent-world.ts';
import { echoReply, echoRequest } from '../mobility/packets.ts';
import { authenticator, ScriptedNode } from '../mobility/scripted-node.ts';
import {
  expectAcknowledgement,
  expectBindingError,
  expectBound,
  expectNotBound,
  expectPackets,
  expectRouted,
} from './expectations.ts';

const RESERVED_OF_HEADER = 3;

test('CN-1-2: an update is acknowledged by routing header, signed', () => {
  const { node } = tested();
  const sent = node.update({ sequence: 4711 });
  expectAcknowledgement(node, sent, { sequence: 4711, status: 0, lifetime: 105 });
  // The same by hand: routing header, Mobility Header, Binding Authorization Data at 8n + 2 and last.
  const bytes = [...(sent[0]?.bytes ?? [])];
  expect(bytes.slice(40, 48)).toEqual([135, 2, 2, 1, 0, 0, 0, 0]);
  expect(bytes.slice(48, 64)).toEqual([...HOME.toBytes()]);
  expect(bytes.slice(64, 68)).toEqual([59, 3, MH.bindingAcknowledgement, 0]);
  expect(bytes.slice(70, 76)).toEqual([0, 0, 4711 >> 8, 4711 & 0xff, 0, 105]);
  expect(bytes.slice(76, 84)).toEqual([1, 4, 0, 0, 0, 0, 5, 12]);
  expect(bytes.slice(84)).toEqual([...authenticator(node.kbm, CARE_OF, SELF, Uint8Array.from(bytes.slice(64)))]);
  expectBound(node);
});

test('CN-5-4-3: two mobile nodes have bindings of their own', () => {
  const { host, node } = tested();
  const other = new ScriptedNode(host, SELF, address('2001:db8:100::2'), ELSEWHERE);
  other.tests();
  expectAcknowledgement(node, node.update({ sequence: 1 }), { sequence: 1 });
  expectAcknowledgement(other, other.update({ sequence: 1 }), { sequence: 1 });
  expectBound(node);
  expectBound(other);
});

describe('reserved bits are ignored', () => {
  test('CN-2-3-4: of the Mobility Header', () => {
    const { node } = tested();
    const sent = node.update({ sequence: 1, change: (bytes) => setU8(bytes, RESERVED_OF_HEADER, 0xff) });
    expectAcknowledgement(node, sent, { sequence: 1 });
    expectBound(node);
  });

  test('CN-2-3-9: behind the K bit', () => {
    const { node } = tested();
    expectAcknowledgement(node, node.update({ sequence: 1, otherFlags: 0x0fff }), { sequence: 1 });
    expectBound(node);
  });
});

describe('alternate care-of address', () => {
  test('CN-3-1-1: is what is tested, signed and bound', () => {
    const { host, node } = world();
    node.homeTest();
    node.careOfTest(ELSEWHERE);
    expectAcknowledgement(node, node.update({ sequence: 1, alternate: ELSEWHERE }), { sequence: 1 });
    const reply = host.give(echoRequest({ source: ELSEWHERE, destination: SELF, home: HOME }));
    expectPackets(reply, echoReply({ source: SELF, destination: ELSEWHERE, route: HOME }));
    expectNotBound(node);
  });

  test('CN-3-1-2: equal to the source changes nothing', () => {
    const { node } = tested();
    expectAcknowledgement(node, node.update({ sequence: 1, alternate: CARE_OF }), { sequence: 1 });
    expectBound(node);
  });
});

test('CN-2-5-1: without the A bit an update is accepted in silence', () => {
  const { node } = tested();
  expectPackets(node.update({ sequence: 1, acknowledge: false }));
  expectBound(node);
});

describe('home registration flag', () => {
  test('CN-5-3-2: set in an update for a bound address is 139, and nothing changes', () => {
    const { host, node } = bound({ sequence: 1 });
    const sent = node.update({ sequence: 2, homeRegistration: true, lifetime: 1, options: () => [] });
    expectAcknowledgement(node, sent, { status: 139, sequence: 2, unsigned: true });
    host.pass(seconds(4));
    expectBound(node);
    expectAcknowledgement(node, node.update({ sequence: 2 }), { sequence: 2 });
  });

  test('CN-5-3-3: set in a deletion is 139, signed where the update is', () => {
    const { node } = bound({ sequence: 1 });
    const sent = node.update({ sequence: 2, homeRegistration: true, lifetime: 0 });
    expectAcknowledgement(node, sent, { status: 139, sequence: 2 });
    expectBound(node);
  });
});

test('CN-5-4-2: a care-of address that is a bound home address makes no loop', () => {
  const { host, node } = bound();
  const twisted = new ScriptedNode(host, SELF, CARE_OF, HOME);
  twisted.tests();
  expectAcknowledgement(twisted, twisted.update({ sequence: 1 }), { status: 174, sequence: 1 });
  const sent = host.give(echoRequest({ source: HOME, destination: SELF, home: CARE_OF }));
  // Straight to its source: a Mobility Header goes past the binding of HOME (RFC 6275 6.1).
  expectBindingError(sent, { from: SELF, to: HOME, status: 1, home: CARE_OF });
  expectRouted(node);
});
