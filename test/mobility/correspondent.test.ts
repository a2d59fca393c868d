import { describe, expect, test } from 'vitest';
import { concatBytes, setU8, setU16 } from '../../stack/core/bytes.ts';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import {
  bound,
  CARE_OF,
  type CorrespondentWorld,
  ELSEWHERE,
  HOME,
  SELF,
  tested,
  world,
} from './correspondent-world.ts';
import { echoRequest, icmpPacket, mobilityBytes, mobilityPacket, type Seen } from './packets.ts';
import { COOKIE, ScriptedNode, type UpdateParts } from './scripted-node.ts';
import { theMessage } from './support.ts';

const ack = (packets: readonly Seen[]) => theMessage(packets, 'binding-acknowledgement').message;
const bindingError = (packets: readonly Seen[]) => theMessage(packets, 'binding-error').message;

/** The one echo reply among packets. */
function echoReply(packets: readonly Seen[]): Seen {
  const [reply, ...others] = packets.filter((p) => p.icmp?.kind === 'echo-reply');
  if (reply === undefined || others.length > 0) throw new Error('not one echo reply');
  return reply;
}

describe('return routability', () => {
  test('RFC 6275 9.4.3: HoT goes to the home address, without routing header, and returns the cookie', () => {
    const { host } = world();
    const init = { kind: 'home-test-init', cookie: COOKIE, options: [] } as const;
    const { packet, message } = theMessage(
      host.give(mobilityPacket({ source: HOME, destination: SELF }, init)),
      'home-test',
    );
    expect(packet).toMatchObject({ source: SELF, destination: HOME, route: undefined, checksumHolds: true });
    expect(message.cookie).toEqual(COOKIE);
  });

  test('RFC 6275 9.4.4: CoT goes to the care-of address; its token differs from that of a home test', () => {
    const { node } = world();
    expect(node.careOfTest(HOME).token).not.toEqual(node.homeTest().token);
  });

  test('RFC 6275 6.1: HoT to a bound home address bypasses the binding', () => {
    const { host } = bound();
    const init = { kind: 'home-test-init', cookie: COOKIE, options: [] } as const;
    const { packet } = theMessage(host.give(mobilityPacket({ source: HOME, destination: SELF }, init)), 'home-test');
    expect(packet).toMatchObject({ destination: HOME, route: undefined });
  });

  test.each(['home-test-init', 'care-of-test-init'] as const)(
    'RFC 6275 9.4.1, 9.4.2: %s with a Home Address option is ignored',
    (kind) => {
      const { host } = world();
      const way = { source: CARE_OF, destination: SELF, home: HOME };
      expect(host.give(mobilityPacket(way, { kind, cookie: COOKIE, options: [] }))).toEqual([]);
    },
  );
});

describe('Mobility Header checks', () => {
  const init = () => mobilityBytes({ kind: 'home-test-init', cookie: COOKIE, options: [] });
  const give = (change: (bytes: Uint8Array) => void) => {
    const bytes = init();
    change(bytes);
    return world().host.give(mobilityPacket({ source: HOME, destination: SELF }, bytes));
  };

  test('RFC 6275 9.2: a wrong checksum is dropped silently', () => {
    const bytes = mobilityPacket({ source: HOME, destination: SELF }, init());
    setU16(bytes, 44, 0);
    expect(world().host.give(bytes)).toEqual([]);
  });

  test('RFC 6275 9.2: Payload Proto other than 59 gets Parameter Problem 0, pointer 40', () => {
    const [error] = give((bytes) => setU8(bytes, 0, 0xff));
    expect(error?.icmp).toMatchObject({ kind: 'error', type: ICMPV6.parameterProblem, code: 0, parameter: 40 });
    expect(error).toMatchObject({ destination: HOME, checksumHolds: true });
  });

  test('RFC 6275 9.2: a Header Len too short for the type gets Parameter Problem 0, pointer 41', () => {
    const [error] = give((bytes) => setU8(bytes, 1, 0));
    expect(error?.icmp).toMatchObject({ type: ICMPV6.parameterProblem, code: 0, parameter: 41 });
  });

  test('RFC 6275 9.2: a short Binding Update with a Home Address option is answered straight to the care-of address', () => {
    const { host, node } = tested();
    const sent = host.give(node.updatePacket({ sequence: 1, spoil: (bytes) => setU8(bytes, 1, 0) }));
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ destination: CARE_OF, route: undefined });
    expect(sent[0]?.icmp).toMatchObject({ type: ICMPV6.parameterProblem, code: 0, parameter: 65 });
  });

  test('RFC 6275 9.3.3: an unknown MH Type gets Binding Error 2 with the unspecified home address', () => {
    const message = bindingError(give((bytes) => setU8(bytes, 2, 60)));
    expect(message).toMatchObject({ status: 2 });
    expect(message.home.isUnspecified).toBe(true);
  });

  test('RFC 6275 9.3.3: Binding Error 2 names the home address where there is a Home Address option', () => {
    const bytes = init();
    setU8(bytes, 2, 60);
    const way = { source: CARE_OF, destination: SELF, home: HOME };
    const { packet, message } = theMessage(world().host.give(mobilityPacket(way, bytes)), 'binding-error');
    expect(packet.destination.equals(CARE_OF)).toBe(true);
    expect(message.home.equals(HOME)).toBe(true);
  });

  test('RFC 6275 6.1.1: reserved bits are ignored', () => {
    expect(
      theMessage(
        give((bytes) => setU8(bytes, 3, 0xff)),
        'home-test',
      ).message.cookie,
    ).toEqual(COOKIE);
  });
});

describe('Binding Update accepted', () => {
  test('RFC 6275 9.5.4: the acknowledgement goes to the care-of address with a routing header, signed', () => {
    const { node } = tested();
    const sent = node.update({ sequence: 10_000 });
    const { packet, message } = theMessage(sent, 'binding-acknowledgement');
    expect(packet).toMatchObject({ destination: CARE_OF, route: HOME, checksumHolds: true });
    expect(message).toMatchObject({ status: 0, sequence: 10_000, lifetime: 105 });
    expect(node.acknowledgementVerifies(sent)).toBe(true);
  });

  test('RFC 6275 9.3.2: packets to the bound home address go to the care-of address by routing header', () => {
    const { node } = bound();
    expect(echoReply(node.echoFromHome())).toMatchObject({ destination: CARE_OF, route: HOME, checksumHolds: true });
    expect(echoReply(node.echo())).toMatchObject({ destination: CARE_OF, route: HOME });
  });

  test('RFC 6275 9.5.4: without the A bit there is no acknowledgement', () => {
    const { node, correspondent } = tested();
    expect(node.update({ sequence: 1, acknowledge: false })).toEqual([]);
    expect(correspondent.careOfAddress(HOME)?.equals(CARE_OF)).toBe(true);
  });

  test('RFC 6275 9.5.1: an alternate care-of address is what is tested, signed and bound', () => {
    const { node, correspondent } = world();
    node.homeTest();
    node.careOfTest(ELSEWHERE);
    const sent = node.update({ sequence: 1, alternate: ELSEWHERE });
    expect(theMessage(sent, 'binding-acknowledgement').packet).toMatchObject({ destination: CARE_OF, route: HOME });
    expect(node.acknowledgementVerifies(sent, ELSEWHERE)).toBe(true);
    expect(correspondent.careOfAddress(HOME)?.equals(ELSEWHERE)).toBe(true);
  });

  test('RFC 6275 9.5.2: a newer update from elsewhere moves the binding', () => {
    const { node, correspondent } = bound();
    node.careOf = ELSEWHERE;
    node.careOfTest();
    expect(ack(node.update({ sequence: 10_001 }))).toMatchObject({ status: 0 });
    expect(correspondent.careOfAddress(HOME)?.equals(ELSEWHERE)).toBe(true);
    expect(correspondent.bindingCount).toBe(1);
  });
});

describe('Binding Update refused', () => {
  test.each([9_999, 10_000, 42_768, 0])(
    'RFC 6275 9.5.1: after 10000, sequence %i gets 135 with the last one accepted',
    (sequence) => {
      const { node } = bound();
      const sent = node.update({ sequence });
      expect(ack(sent)).toMatchObject({ status: 135, sequence: 10_000 });
      expect(node.acknowledgementVerifies(sent)).toBe(true);
    },
  );

  test('RFC 6275 9.5.1: 135 comes without the A bit too', () => {
    expect(ack(bound().node.update({ sequence: 10_000, acknowledge: false }))).toMatchObject({ status: 135 });
  });

  test.each([
    ['home', 136],
    ['care-of', 137],
    ['both', 138],
  ] as const)('RFC 6275 9.5.1: %s nonce expired is status %i, unsigned, and binds nothing', (which, status) => {
    const { host, node, correspondent } = tested();
    host.pass(seconds(240));
    if (which === 'home') node.careOfTest();
    if (which === 'care-of') node.homeTest();
    const message = ack(node.update({ sequence: 1 }));
    expect(message).toMatchObject({ status });
    expect(message.options).toEqual([]);
    expect(correspondent.bindingCount).toBe(0);
  });

  test('RFC 6275 9.5.1: a home registration for a bound address is status 139', () => {
    const { node, correspondent } = bound();
    expect(ack(node.update({ sequence: 10_001, homeRegistration: true, options: () => [] }))).toMatchObject({
      status: 139,
    });
    expect(ack(node.update({ sequence: 10_001, homeRegistration: true, lifetime: 0 }))).toMatchObject({ status: 139 });
    expect(correspondent.bindingCount).toBe(1);
  });

  test('RFC 6275 6.1.8: a home registration with a node that is no home agent is status 131', () => {
    expect(ack(tested().node.update({ sequence: 1, homeRegistration: true, options: () => [] }))).toMatchObject({
      status: 131,
    });
  });

  const silent: readonly [string, UpdateParts][] = [
    ['with H and Nonce Indices', { sequence: 1, homeRegistration: true }],
    ['without Nonce Indices', { sequence: 1, options: (usual) => usual.filter((o) => o.kind !== 'nonce-indices') }],
    ['without authorization', { sequence: 1, options: (usual) => usual.slice(0, 1) }],
    ['with authorization not last', { sequence: 1, options: (usual) => usual.toReversed() }],
    ['with a wrong authenticator', { sequence: 1, spoil: (bytes) => setU8(bytes, bytes.length - 1, 0x5a) }],
    ['from a link-local source', { sequence: 1, source: address('fe80::1') }],
    ['with a multicast home address', { sequence: 1, option: address('ff02::1') }],
    ['with a link-local alternate care-of address', { sequence: 1, alternate: address('fe80::1') }],
  ];
  test.each(silent)('RFC 6275 9.5.1: an update %s is discarded silently', (_name, parts) => {
    const { node, correspondent } = tested();
    expect(node.update(parts)).toEqual([]);
    expect(correspondent.bindingCount).toBe(0);
  });

  test('RFC 6275 9.5.1: padding behind the authorization data makes it silently discarded', () => {
    const { host, node } = tested();
    const bytes = node.updatePacket({ sequence: 1 }).slice(64);
    const padded = concatBytes(bytes, Uint8Array.of(1, 6, 0, 0, 0, 0, 0, 0));
    setU8(padded, 1, padded.length / 8 - 1);
    expect(host.give(mobilityPacket({ source: CARE_OF, destination: SELF, home: HOME }, padded))).toEqual([]);
  });

  test('RFC 6275 15.1: a care-of address that is itself a bound home address is refused (no loop)', () => {
    const { host, correspondent } = bound();
    const twisted = new ScriptedNode(host, SELF, CARE_OF, HOME);
    twisted.tests();
    expect(ack(twisted.update({ sequence: 1 }))).toMatchObject({ status: 174 });
    expect(correspondent.careOfAddress(CARE_OF)).toBeUndefined();
  });
});

describe('the end of a binding', () => {
  test('RFC 6275 9.5.3: lifetime 0 from the care-of address deletes; the key is made of the home token alone', () => {
    const { node, correspondent } = bound();
    node.homeTest();
    const sent = node.update({ sequence: 10_001, lifetime: 0 });
    expect(theMessage(sent, 'binding-acknowledgement').packet).toMatchObject({ destination: CARE_OF, route: HOME });
    expect(ack(sent)).toMatchObject({ status: 0, lifetime: 0 });
    expect(node.acknowledgementVerifies(sent)).toBe(true);
    expect(correspondent.bindingCount).toBe(0);
  });

  test('RFC 6275 9.5.4: lifetime 0 from the home address is acknowledged without routing header', () => {
    const { node } = bound();
    const sent = node.update({ sequence: 10_001, lifetime: 0, source: HOME, tokens: { home: node.homeTest() } });
    expect(theMessage(sent, 'binding-acknowledgement').packet).toMatchObject({ destination: HOME, route: undefined });
    expect(echoReply(node.echoFromHome())).toMatchObject({ destination: HOME, route: undefined });
  });

  test('RFC 6275 9.5.4: a Home Address option that repeats the source makes no difference', () => {
    const { node } = bound();
    const tokens = { home: node.homeTest() };
    const sent = node.update({ sequence: 10_001, lifetime: 0, source: HOME, option: HOME, tokens });
    expect(theMessage(sent, 'binding-acknowledgement').packet).toMatchObject({ destination: HOME, route: undefined });
  });

  test('RFC 6275 9.5.1: the care-of nonce of a deletion is not looked at', () => {
    const { host, node, correspondent } = bound();
    host.pass(seconds(240));
    const stale = node.careOfToken;
    const tokens = { home: node.homeTest(), ...(stale && { careOf: stale }) };
    expect(ack(node.update({ sequence: 10_001, lifetime: 0, tokens }))).toMatchObject({ status: 0 });
    expect(correspondent.bindingCount).toBe(0);
  });

  test('RFC 6275 9.5.2: the lifetime is cut to 420 s, and the binding ends then', () => {
    const { host, node } = tested();
    expect(ack(node.update({ sequence: 1, lifetime: 106 }))).toMatchObject({ lifetime: 105 });
    host.pass(seconds(410));
    expect(echoReply(node.echo())).toMatchObject({ route: HOME });
    host.pass(seconds(12));
    expect(bindingError(node.echo())).toMatchObject({ status: 1, home: HOME });
  });

  test('RFC 6275 9.5.2: a newer, shorter lifetime counts', () => {
    const { host, node, correspondent } = bound();
    node.update({ sequence: 10_001, lifetime: 10 });
    host.pass(seconds(42));
    expect(correspondent.bindingCount).toBe(0);
  });

  test('RFC 6275 5.2.8: an old update is not accepted again after the binding was deleted', () => {
    const { host, node, correspondent } = tested();
    const first = node.updatePacket({ sequence: 10_000 });
    host.give(first);
    node.update({ sequence: 10_001, lifetime: 0 });
    expect(ack(host.give(first))).toMatchObject({ status: 135, sequence: 10_001 });
    expect(correspondent.bindingCount).toBe(0);
  });

  test('RFC 6275 9.5.5: a binding in use is asked to be refreshed before it ends, to the home address', () => {
    const { host, node } = bound();
    host.pass(seconds(390));
    node.echo();
    const { packet } = theMessage(host.pass(seconds(15)), 'binding-refresh-request');
    expect(packet).toMatchObject({ destination: HOME, route: undefined });
  });

  test('RFC 6275 9.5.5: a binding out of use is left to end', () => {
    expect(bound().host.pass(seconds(420))).toEqual([]);
  });

  const unreachable = ({ host, node }: CorrespondentWorld, forge: (quoted: Uint8Array) => void = () => {}) => {
    const quoted = echoReply(node.echo()).bytes.slice();
    forge(quoted);
    const way = { source: ELSEWHERE, destination: SELF };
    host.give(icmpPacket(way, { kind: 'error', type: ICMPV6.unreachable, code: 0, parameter: 0, quoted }));
  };

  test('RFC 6275 9.3.4: one ICMPv6 error does not end a binding, persistent ones do', () => {
    const w = bound();
    unreachable(w);
    expect(w.correspondent.bindingCount).toBe(1);
    for (let i = 0; i < 4; i++) unreachable(w);
    expect(w.correspondent.bindingCount).toBe(0);
  });

  test('RFC 6275 9.3.4, RFC 5927 4: errors that quote a flow label we never sent do not end it', () => {
    const w = bound();
    for (let i = 0; i < 20; i++) unreachable(w, (quoted) => setU8(quoted, 3, (quoted[3] ?? 0) ^ 1));
    expect(w.correspondent.bindingCount).toBe(1);
  });
});

describe('Home Address option', () => {
  test('RFC 6275 9.3.1: without a binding it gets Binding Error 1 that names the home address', () => {
    const { packet, message } = theMessage(world().node.echo(), 'binding-error');
    expect(packet.destination.equals(CARE_OF)).toBe(true);
    expect(message).toMatchObject({ status: 1, home: HOME });
  });

  test('RFC 6275 9.3.1: home and care-of address must both match the binding', () => {
    const { host, correspondent } = bound();
    const elsewhere = echoRequest({ source: ELSEWHERE, destination: SELF, home: HOME });
    expect(bindingError(host.give(elsewhere))).toMatchObject({ status: 1, home: HOME });
    expect(correspondent.careOfAddress(HOME)?.equals(CARE_OF)).toBe(true);
  });

  test('RFC 6275 9.3.3: Binding Errors are rate limited', () => {
    const { node } = world();
    let answered = 0;
    for (let i = 0; i < 200; i++) answered += node.echo().length;
    expect(answered).toBe(50);
  });

  test('RFC 6275 9.3.3: whom the limit keeps waiting is the site that caused it', () => {
    const { host, node } = world();
    const from = (source: Address) => host.give(echoRequest({ source, destination: SELF, home: HOME })).length;
    let answered = 0;
    for (let i = 0; i < 200; i++) answered += from(address(`2001:db8:bad:${i.toString(16)}::1`));
    expect(answered).toBe(50);
    expect(node.echo()).toHaveLength(1);
    host.pass(milliseconds(20));
    expect(from(address('2001:db8:bad::1'))).toBe(1);
  });

  test('RFC 6275 9.3.3: and there is a limit for all sites together', () => {
    const { host } = world();
    const from = (site: number) =>
      host.give(echoRequest({ source: address(`2001:${site.toString(16)}::1`), destination: SELF, home: HOME })).length;
    let answered = 0;
    for (let site = 0x1000; site < 0x1400; site++) answered += from(site);
    expect(answered).toBe(200);
  });

  test('RFC 6275 9.3.3: no Binding Error about a multicast home address', () => {
    const { host } = world();
    expect(host.give(echoRequest({ source: CARE_OF, destination: SELF, home: address('ff02::5') }))).toEqual([]);
  });
});
