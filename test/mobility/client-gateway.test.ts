// A client gateway with the Internet and a host behind it played by the test: what it answers for that host, what it
// changes in packets that pass, and what strangers get.

import { describe, expect, test } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import { ClientGateway } from '../../stack/mobility/client-gateway.ts';
import { Correspondent } from '../../stack/mobility/correspondent.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { echoReply, echoRequest, icmpPacket, octets, packet, type Seen, see } from './packets.ts';
import { ScriptedNode } from './scripted-node.ts';
import { TestDevice, TestHost, theMessage } from './support.ts';

const ROUTER = address('2001:db8:c::ff');
const CLIENT = address('2001:db8:c:1::7');
const OTHER_CLIENT = address('2001:db8:c:1::8');
const HOME = address('2001:db8:100::1');
const CARE_OF = address('2001:db8:a::1');
const ELSEWHERE = address('2001:db8:b::1');
const STRANGER = address('2001:db8:f::1');

function world() {
  const host = new TestHost(ROUTER, { seed: 3, forwarding: true });
  const inside = new TestDevice();
  host.ipv6.addDevice(inside);
  host.ipv6.addRoute(prefix('2001:db8:c:1::/64'), inside);
  const isBehindUs = (a: Address): boolean => host.ipv6.deviceTo(a) === inside;
  const correspondent = new Correspondent(host.environment, host.dispatch, { isBehindUs });
  const gateway = new ClientGateway(host.environment, host.dispatch, correspondent, { isBehindUs, outsideMtu: 1500 });
  host.ipv6.addHooks({ transit: gateway });
  const node = new ScriptedNode(host, CLIENT, HOME, CARE_OF);
  const arrived = (): Seen[] => inside.sent.splice(0).map(see);
  /** From outside; gives what comes out inside. */
  const inward = (bytes: Uint8Array): Seen[] => {
    host.give(bytes);
    return arrived();
  };
  /** From inside; gives what comes out outside. */
  const outward = (bytes: Uint8Array): Seen[] => {
    inside.arrive(host.now, bytes);
    return host.take();
  };
  return { host, correspondent, node, arrived, inward, outward };
}

function bound(sequence = 10) {
  const w = world();
  w.node.tests();
  w.node.update({ sequence });
  return w;
}

const addressesOf = (packets: readonly Seen[]): string[][] =>
  packets.map(({ source, destination }) => [`${source}`, `${destination}`]);

describe('RFC 6275 9.4, 9.5: on behalf of a host behind it', () => {
  test('tests are answered and an update acknowledged from its address; it hears nothing of either', () => {
    const w = world();
    w.node.tests();
    const answer = w.node.update({ sequence: 10 });
    expect(answer.map(({ bytes }) => octets(bytes))).toEqual([octets(w.node.acknowledgement({ sequence: 10 }))]);
    expect(w.arrived()).toEqual([]);
    expect(w.correspondent.careOfAddress(HOME, CLIENT)?.equals(CARE_OF)).toBe(true);
  });

  test('9.1: another host behind it has a cache of its own', () => {
    const w = bound();
    expect(w.correspondent.careOfAddress(HOME, OTHER_CLIENT)).toBeUndefined();
    expect(addressesOf(w.outward(echoRequest({ source: OTHER_CLIENT, destination: HOME })))).toEqual([
      [`${OTHER_CLIENT}`, `${HOME}`],
    ]);
  });

  test('9.5.1: an update with a wrong authenticator changes nothing, in silence', () => {
    const w = world();
    w.node.tests();
    const spoil = (bytes: Uint8Array): void => void bytes.set([1, 2, 3], bytes.length - 3);
    expect(w.node.update({ sequence: 10, spoil })).toEqual([]);
    expect(w.correspondent.bindingCount).toBe(0);
  });

  test('9.5.1: the address of a host behind it is nobody’s home address', () => {
    const w = world();
    const thief = new ScriptedNode(w.host, CLIENT, OTHER_CLIENT, CARE_OF);
    const [home, careOf] = [thief.careOfTest(), thief.careOfTest()];
    expect(thief.update({ sequence: 1, tokens: { home, careOf } })).toEqual([]);
    expect(w.correspondent.bindingCount).toBe(0);
  });

  test('9.5.5: a refresh is asked for while packets use the binding, from the address of the host', () => {
    const w = bound();
    w.host.pass(seconds(395));
    w.outward(echoRequest({ source: CLIENT, destination: HOME }));
    const { packet: asked } = theMessage(w.host.pass(seconds(20)), 'binding-refresh-request');
    expect(addressesOf([asked])).toEqual([[`${CLIENT}`, `${HOME}`]]);
  });
});

describe('RFC 6275 9.3: packets that pass', () => {
  test('9.3.2: to a bound home address by routing header, hop limit counted down', () => {
    const w = bound();
    const out = w.outward(echoRequest({ source: CLIENT, destination: HOME }));
    const expected = echoRequest({ source: CLIENT, destination: CARE_OF, route: HOME });
    expected[7] = 63;
    expect(out.map(({ bytes }) => bytes)).toEqual([expected]);
  });

  test('9.3.1: from it without its option', () => {
    const w = bound();
    const expected = echoReply({ source: HOME, destination: CLIENT });
    expected[7] = 63;
    const come = w.inward(echoReply({ source: CARE_OF, destination: CLIENT, home: HOME }));
    expect(come.map(({ bytes }) => bytes)).toEqual([expected]);
  });

  test('9.3.3: an option without a binding is refused with a Binding Error, and not passed', () => {
    const w = bound();
    const bytes = echoReply({ source: ELSEWHERE, destination: CLIENT, home: HOME });
    const { packet: said, message } = theMessage(w.host.give(bytes), 'binding-error');
    expect([addressesOf([said]), message.status]).toEqual([[[`${CLIENT}`, `${ELSEWHERE}`]], 1]);
    expect(w.arrived()).toEqual([]);
  });

  test('after deregistration they go to the home address again', () => {
    const w = bound();
    w.node.update({ sequence: 11, lifetime: 0 });
    expect(addressesOf(w.outward(echoRequest({ source: CLIENT, destination: HOME })))).toEqual([
      [`${CLIENT}`, `${HOME}`],
    ]);
  });

  test('other packets pass as they are, both ways', () => {
    const w = bound();
    const out = echoRequest({ source: CLIENT, destination: STRANGER });
    const back = echoReply({ source: STRANGER, destination: CLIENT });
    expect(addressesOf(w.outward(out))).toEqual([[`${CLIENT}`, `${STRANGER}`]]);
    expect(addressesOf(w.inward(back))).toEqual([[`${STRANGER}`, `${CLIENT}`]]);
  });

  test('RFC 4291 2.5.6, 2.7: link-local and multicast packets stay where they are', () => {
    const w = bound();
    expect(w.outward(echoRequest({ source: CLIENT, destination: address('ff05::1') }))).toEqual([]);
    expect(w.inward(echoRequest({ source: address('fe80::9'), destination: CLIENT }))).toEqual([]);
  });

  test('a packet with a routing header of its own goes by the home agent', () => {
    const w = bound();
    const own = packet({
      source: CLIENT,
      destination: HOME,
      route: STRANGER,
      protocol: PROTOCOL.none,
      upper: new Uint8Array(0),
    });
    expect(addressesOf(w.outward(own))).toEqual([[`${CLIENT}`, `${HOME}`]]);
  });

  test('RFC 8201: what does not fit with the routing header is too big by that much less', () => {
    const w = bound();
    const upper = new Uint8Array(1480 - 40);
    const bytes = packet({ source: CLIENT, destination: HOME, protocol: PROTOCOL.none, upper });
    expect(w.outward(bytes)).toEqual([]);
    const [error] = w.arrived();
    expect(error?.icmp).toMatchObject({ kind: 'error', type: ICMPV6.packetTooBig, parameter: 1500 - 24 });
  });
});

describe('RFC 6275 9.3.4: errors about what left with a routing header', () => {
  const quoted = (from: Address = CLIENT, to: Address = CARE_OF) =>
    echoRequest({ source: from, destination: to, route: HOME });
  const error = (type: number, parameter: number, quote: Uint8Array) =>
    icmpPacket({ source: STRANGER, destination: CLIENT }, { kind: 'error', type, code: 0, parameter, quoted: quote });

  test('arrive as errors about what the host had sent, Packet Too Big by 24 octets smaller', () => {
    const w = bound();
    const [come] = w.inward(error(ICMPV6.packetTooBig, 1400, quoted()));
    const sent = echoRequest({ source: CLIENT, destination: HOME });
    expect(come?.icmp).toMatchObject({ type: ICMPV6.packetTooBig, parameter: 1376, quoted: sent });
    const expected = error(ICMPV6.packetTooBig, 1376, sent);
    expected[7] = 63;
    expect(come?.bytes).toEqual(expected);
  });

  test.each([
    ['of another host', quoted(OTHER_CLIENT)],
    ['to where the binding does not lead', quoted(CLIENT, ELSEWHERE)],
  ])('one about a packet %s passes unchanged', (_what, quote) => {
    const w = bound();
    const [come] = w.inward(error(ICMPV6.unreachable, 0, quote));
    expect(come?.icmp).toMatchObject({ quoted: quote });
  });

  test('one that was damaged on the way arrives damaged, and without a checksum that hides it', () => {
    const w = bound();
    const bytes = error(ICMPV6.packetTooBig, 1400, quoted());
    bytes[46] = 1; // 1400 becomes 1656
    const expected = bytes.slice();
    expected[7] = 63;
    const [come] = w.inward(bytes);
    expect(come?.bytes).toEqual(expected);
  });
});
