// Packets between a correspondent and a bound home address (RFC 6275 9.1, 9.3), and those that only look like it.

import { describe, expect, test } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import { address } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { bound, CARE_OF, ELSEWHERE, HOME, SELF, world } from '../mobility/correspondent-world.ts';
import { echoRequest, icmpPacket, packet } from '../mobility/packets.ts';
import { expectBindingError, expectBound, expectNotBound, expectRouted, expectSilence } from './expectations.ts';

const FOREIGN_HOME = address('2001:db8:100::2');
const GROUP = address('ff1e::1');

test('CN-1-3: packets to a bound home address go to the care-of address by routing header', () => {
  const { node } = bound();
  expectRouted(node);
  expectBound(node);
  const [reply] = node.echo();
  const routingHeader = [PROTOCOL.icmpv6, 2, 2, 1, 0, 0, 0, 0, ...HOME.toBytes()];
  expect(reply?.bytes[6]).toBe(PROTOCOL.routing);
  expect([...(reply?.bytes.subarray(40, 64) ?? [])]).toEqual(routingHeader);
});

test('CN-6-1: persistent ICMPv6 errors end a binding, one does not', () => {
  const { host, node } = bound();
  const unreachable = () => {
    const quoted = node.echo()[0]?.bytes ?? new Uint8Array(0);
    const error = { kind: 'error', type: ICMPV6.unreachable, code: 0, parameter: 0, quoted } as const;
    expectSilence(host.give(icmpPacket({ source: ELSEWHERE, destination: SELF }, error)));
  };
  unreachable();
  expectBound(node);
  for (let second = 0; second < 30; second++) {
    host.pass(seconds(1));
    unreachable();
  }
  expectNotBound(node);
});

describe('Home Address option', () => {
  test('CN-6-2-1: makes no binding', () => {
    const { node } = world();
    expectNotBound(node);
    expectNotBound(node);
  });

  test('CN-6-2-2: home and care-of address must both be those of the binding', () => {
    const { host, node } = bound();
    const foreignHome = host.give(echoRequest({ source: CARE_OF, destination: SELF, home: FOREIGN_HOME }));
    expectBindingError(foreignHome, { from: SELF, to: CARE_OF, status: 1, home: FOREIGN_HOME });
    const foreignCareOf = host.give(echoRequest({ source: ELSEWHERE, destination: SELF, home: HOME }));
    expectBindingError(foreignCareOf, { from: SELF, to: ELSEWHERE, status: 1, home: HOME });
    expectBound(node);
  });

  test('CN-6-2-3: from another care-of address it neither moves nor ends the binding', () => {
    const { host, node } = bound();
    expectBound(node);
    for (let time = 0; time < 2; time++) {
      const sent = host.give(echoRequest({ source: ELSEWHERE, destination: SELF, home: HOME }));
      expectBindingError(sent, { from: SELF, to: ELSEWHERE, status: 1, home: HOME });
    }
    expectBound(node);
  });

  test('CN-6-3-1: from a multicast source it gets no answer, bound or not', () => {
    const request = echoRequest({ source: GROUP, destination: SELF, home: HOME });
    expectSilence(world().host.give(request));
    const { host, node } = bound();
    expectSilence(host.give(request));
    expectBound(node);
  });

  test('CN-6-3-2: that names a multicast address gets no answer', () => {
    expectSilence(world().host.give(echoRequest({ source: CARE_OF, destination: SELF, home: GROUP })));
  });

  test('CN-6-4-1: the checksum is over the home address', () => {
    const { host, node } = bound();
    const upper = echoRequest({ source: CARE_OF, destination: SELF }).subarray(40);
    const way = { source: CARE_OF, destination: SELF, home: HOME };
    expectSilence(host.give(packet({ ...way, protocol: PROTOCOL.icmpv6, upper })));
    expectBound(node);
  });
});

test('CN-6-5: a type 2 routing header is not for a correspondent', () => {
  const { host } = world();
  expectSilence(host.give(echoRequest({ source: HOME, destination: SELF, route: ELSEWHERE })));
  expectSilence(host.give(echoRequest({ source: HOME, destination: SELF, route: SELF })));
});
