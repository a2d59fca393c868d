// Mobile node: the ways of its packets out (RFC 6275 11.3.1) and in (11.3.3), and the routing header's checks (6.4).

import { describe, expect, test } from 'vitest';
import { concatBytes, setU8, setU16, u16 } from '../../stack/core/bytes.ts';
import { seconds } from '../../stack/core/time.ts';
import { echoRequest } from '../mobility/packets.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import { CARE_OF, CN, directReply, HOME, HOME_AGENT, OTHER_CN, tunnelReply } from './mobile-node-packets.ts';
import { bound, only, registered, UNRENEWED } from './mobile-node-world.ts';

describe('out', () => {
  test('MN-4-1-1-2-001: without a binding, through the reverse tunnel', () => {
    const { w } = registered({ routeOptimization: 'on-request' });
    const reply = only(w.tunnelledEcho());
    expectPackets([reply], tunnelReply());
    expect(reply).toMatchObject({ source: CARE_OF, destination: HOME_AGENT });
    expect(reply.inner).toMatchObject({ source: HOME, destination: CN, home: undefined, checksumHolds: true });
  });

  test('MN-4-1-1-2-002: bound, from the care-of address, checksum over the home address', () => {
    const { w } = bound();
    const reply = only(w.routedEcho());
    expectPackets([reply], directReply());
    expect(reply).toMatchObject({ source: CARE_OF, destination: CN, home: HOME, checksumHolds: true });
  });

  test('MN-4-1-1-2-005: a routing header is obeyed after the binding has ended, and answered by tunnel', () => {
    const { w } = bound(UNRENEWED);
    expectSilence(w.pass(seconds(420)));
    expectPackets(w.routedEcho(), tunnelReply());
  });
});

describe('in, by type 2 routing header', () => {
  const echo = (): Uint8Array => echoRequest({ source: CN, destination: CARE_OF, route: HOME });

  test('MN-4-1-2-2-003: length 2, Segments Left 1, the home address', () => {
    const { w } = bound();
    const packet = echo();
    expect([...packet.subarray(40, 44)]).toEqual([58, 2, 2, 1]);
    expectPackets(w.give(packet), directReply());
  });

  test.each([1, 2])('MN-4-1-2-2-004: two addresses: dropped (Segments Left %i)', (segmentsLeft) => {
    const { w } = bound();
    const usual = echo();
    const packet = concatBytes(usual.subarray(0, 64), HOME.toBytes(), usual.subarray(64));
    setU16(packet, 4, u16(packet, 4) + 16);
    setU8(packet, 41, 4);
    setU8(packet, 43, segmentsLeft);
    expectSilence(w.give(packet));
  });

  test('MN-4-1-2-2-005: Segments Left 0: dropped', () => {
    const { w } = bound();
    const packet = echo();
    setU8(packet, 43, 0);
    expectSilence(w.give(packet));
  });

  test.each([
    ['a stranger', OTHER_CN],
    ['the care-of address', CARE_OF],
  ])("MN-4-1-2-2-011: not the node's home address (%s): dropped", (_name, route) => {
    const { w } = bound();
    expectSilence(w.give(echoRequest({ source: CN, destination: CARE_OF, route })));
  });
});
