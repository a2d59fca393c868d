// Mobile node: Binding Errors (RFC 6275 11.3.6) and ICMPv6 errors (11.3.5) that come to it, and those that it owes to
// who sends a wrong Mobility Header (9.2, 11.2).

import { describe, expect, test } from 'vitest';
import { setU8 } from '../../stack/core/bytes.ts';
import { seconds } from '../../stack/core/time.ts';
import { type Address, UNSPECIFIED } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { icmpPacket, mobilityBytes, mobilityPacket } from '../mobility/packets.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import {
  bindingError,
  CARE_OF,
  CN,
  careOfTestInit,
  clientUpdate,
  directReply,
  HOME,
  HOME_AGENT,
  homeTestInit,
  OTHER_CN,
  ROUTER,
  reverseTunnelled,
  tunnelled,
  tunnelReply,
} from './mobile-node-packets.ts';
import {
  bound,
  expectHomeUpdates,
  expectTestsBegin,
  expectUnable,
  only,
  registered,
  testing,
  UNACKNOWLEDGED,
  UNRENEWED,
  updating,
} from './mobile-node-world.ts';

describe('Binding Error 1', () => {
  test('MN-3-3-1-2-004: ends the binding', () => {
    const { w } = bound(UNRENEWED);
    expectSilence(w.bindingError(1));
    expectPackets(w.routedEcho(), tunnelReply());
  });

  test('MN-3-3-1-2-004: ends the binding, which is wanted back', () => {
    const { w, sequence } = bound();
    expectPackets(w.bindingError(1), clientUpdate({ sequence: (sequence + 1) & 0xffff }));
    expectPackets(w.routedEcho(), tunnelReply());
  });

  test('MN-3-3-1-2-004: of another home address does nothing', () => {
    const { w } = bound();
    expectSilence(w.bindingError(1, CN, OTHER_CN));
    expectPackets(w.routedEcho(), directReply());
  });

  test('MN-3-3-1-2-004: of the home agent makes it register anew', () => {
    const { w, sequence } = registered();
    expectHomeUpdates(w.bindingError(1, HOME_AGENT), sequence);
  });
});

describe('Binding Error 2', () => {
  test('MN-3-3-1-2-009: after CoTI, ends route optimization', () => {
    const { w } = testing();
    expectSilence(w.bindingError(2, CN, UNSPECIFIED));
    expectUnable(w);
  });

  test('MN-3-3-1-2-011: by tunnel after HoTI, likewise', () => {
    const { w } = testing();
    expectSilence(w.give(tunnelled(mobilityPacket({ source: CN, destination: HOME }, bindingError(2, UNSPECIFIED)))));
    expectUnable(w);
  });

  test('MN-3-3-1-2-001: after an update with A bit, likewise', () => {
    const { w } = updating();
    expectSilence(w.bindingError(2));
    expectUnable(w);
  });

  test('MN-3-3-1-2-002: after an update without A bit, is ignored: nothing is pending', () => {
    const { w } = updating(UNACKNOWLEDGED);
    expectSilence(w.bindingError(2));
    expectPackets(w.routedEcho(), directReply());
  });

  test('MN-3-3-1-2-007: from a node without entry in the list, is ignored', () => {
    const { w } = registered();
    expectSilence(w.bindingError(2, CN, UNSPECIFIED));
    expectSilence(w.pass(seconds(32)));
    expectTestsBegin(w);
  });
});

describe('ICMPv6 errors that come', () => {
  const parameterProblem = (
    code: number,
    quoted: Uint8Array,
    source: Address = CN,
    destination = CARE_OF,
  ): Uint8Array =>
    icmpPacket(
      { source, destination },
      { kind: 'error', type: ICMPV6.parameterProblem, code, parameter: code === 1 ? 6 : 40, quoted },
    );
  const unreachable = (quoted: Uint8Array, destination: Address): Uint8Array =>
    icmpPacket(
      { source: ROUTER, destination },
      { kind: 'error', type: ICMPV6.unreachable, code: 0, parameter: 0, quoted },
    );

  test('MN-4-2-2-2-005: Parameter Problem code 1 for CoTI: the correspondent is unable', () => {
    const { w, cookies } = testing();
    expectSilence(w.give(parameterProblem(1, careOfTestInit(cookies.careOf))));
    expectUnable(w);
  });

  test('MN-4-2-2-2-007: Parameter Problem code 1 for the update, likewise', () => {
    const { w, update } = updating();
    expectSilence(w.give(parameterProblem(1, update.bytes)));
    expectUnable(w);
  });

  test('MN-4-2-2-2-012: Destination Unreachable for HoTI and CoTI says nothing of the router that sends it', () => {
    const { w, cookies } = testing();
    expectSilence(w.give(unreachable(careOfTestInit(cookies.careOf), CARE_OF)));
    expectSilence(w.give(tunnelled(unreachable(homeTestInit(cookies.home).subarray(40), HOME))));
    expectTestsBegin(w, ROUTER);
  });

  test('MN-4-2-2-2-010: Parameter Problem code 0 by tunnel from an unknown node makes no entry', () => {
    const { w } = registered();
    const reply = tunnelReply(OTHER_CN).subarray(40);
    expectSilence(w.give(tunnelled(parameterProblem(0, reply, OTHER_CN, HOME))));
    expectSilence(w.pass(seconds(32)));
  });

  test.each([0, 2])('MN-4-2-2-2-011: Parameter Problem code %i for CoTI says nothing of the correspondent', (code) => {
    const { w, cookies } = testing();
    expectSilence(w.give(parameterProblem(code, careOfTestInit(cookies.careOf))));
    expectSilence(w.careOfTest({ cookie: cookies.careOf }));
    expect(only(w.homeTest({ cookie: cookies.home })).mobility).toMatchObject({ kind: 'binding-update' });
  });

  test('MN-4-2-2-2-011: Parameter Problem code 2 for a Home Address option leaves the binding as it is', () => {
    const { w } = bound();
    expectSilence(w.give(parameterProblem(2, directReply())));
    expectPackets(w.routedEcho(), directReply());
  });
});

describe('errors that it sends', () => {
  /** A CoT with one octet of its Mobility Header changed, under a checksum that holds. */
  function careOfTestWith(cookie: Uint8Array, at: number, value: number): Uint8Array {
    const token = new Uint8Array(8);
    const mh = mobilityBytes({ kind: 'care-of-test', nonceIndex: 1, cookie, token, options: [] });
    setU8(mh, at, value);
    return mobilityPacket({ source: CN, destination: CARE_OF }, mh);
  }

  const problem = (pointer: number, quoted: Uint8Array): Uint8Array =>
    icmpPacket(
      { source: CARE_OF, destination: CN },
      { kind: 'error', type: ICMPV6.parameterProblem, code: 0, parameter: pointer, quoted },
    );

  test('MN-4-2-1-2-011: Payload Proto other than 59', () => {
    const { w, cookies } = testing();
    const wrong = careOfTestWith(cookies.careOf, 0, 6);
    expectPackets(w.give(wrong), problem(40, wrong));
  });

  test.each([0, 1])('MN-4-2-1-2-012: Header Len too small for a CoT (%i)', (length) => {
    const { w, cookies } = testing();
    const wrong = careOfTestWith(cookies.careOf, 1, length);
    expectPackets(w.give(wrong), problem(41, wrong));
  });

  /** An unassigned MH type. */
  const unknown = (destination: Address): Uint8Array =>
    mobilityPacket({ source: CN, destination }, { kind: 'unknown', type: 250, body: new Uint8Array(18), options: [] });

  test('MN-4-2-1-2-010: unknown MH type by tunnel gets Binding Error 2 through it', () => {
    const { w, cookies } = testing();
    expectSilence(w.careOfTest({ cookie: cookies.careOf }));
    const error = mobilityPacket({ source: HOME, destination: CN }, bindingError(2, UNSPECIFIED));
    expectPackets(w.give(tunnelled(unknown(HOME))), reverseTunnelled(error));
  });

  test('MN-4-2-1-2-010: likewise where the correspondent is bound', () => {
    const { w } = bound();
    const error = mobilityPacket({ source: HOME, destination: CN }, bindingError(2, UNSPECIFIED));
    expectPackets(w.give(tunnelled(unknown(HOME))), reverseTunnelled(error));
  });

  test('MN-4-2-1-2-015: unknown MH type to the care-of address gets Binding Error 2 from there', () => {
    const { w } = testing();
    const error = mobilityPacket({ source: CARE_OF, destination: CN }, bindingError(2, UNSPECIFIED));
    expectPackets(w.give(unknown(CARE_OF)), error);
  });
});
