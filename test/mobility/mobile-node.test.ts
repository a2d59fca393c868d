import { describe, expect, test } from 'vitest';
import { setU8 } from '../../stack/core/bytes.ts';
import { type Duration, type Instant, milliseconds, seconds } from '../../stack/core/time.ts';
import { MobileNode, type MobileNodeConfig } from '../../stack/mobility/mobile-node.ts';
import { address } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import type { BindingAcknowledgement } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { echoRequest, icmpPacket, mobilityBytes, mobilityPacket, type Seen, tunnelPacket } from './packets.ts';
import { authenticatorAt, homeAuthenticator, signed, unsigned } from './scripted-home-agent.ts';
import { authenticator, managementKey } from './scripted-node.ts';
import { ntp, TestHost, theMessage } from './support.ts';

const HOME = address('2001:db8:100::1');
const HOME_AGENT = address('2001:db8:100::ff');
const CARE_OF = address('2001:db8:a::1');
const OTHER_MEMBER = address('2001:db8:b::1');
const CLIENT = address('2001:db8:c::1');
const STRANGER = address('2001:db8:e::1');
const SPI = 1001;
const KEY = new Uint8Array(20).fill(9);
const BID = 3;
const HOME_TOKEN = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1);
const CARE_OF_TOKEN = Uint8Array.of(2, 2, 2, 2, 2, 2, 2, 2);
const KBM = managementKey(HOME_TOKEN, CARE_OF_TOKEN);

function world(config: Partial<MobileNodeConfig> = {}) {
  const host = new TestHost(CARE_OF, { seed: 5 });
  const events: string[] = [];
  const note =
    (event: string) =>
    (_now: Instant, ...rest: unknown[]): void => {
      events.push([event, ...rest.filter((value) => typeof value === 'number')].join(' '));
    };
  const base = {
    homeAddress: HOME,
    careOf: CARE_OF,
    homeAgent: HOME_AGENT,
    association: { spi: SPI, key: KEY },
    bid: BID,
  };
  const node = new MobileNode(
    host.environment,
    host.dispatch,
    { ...base, ...config },
    {
      testsDone: note('testsDone'),
      bindingAcknowledged: note('bindingAcknowledged'),
      bindingError: note('bindingError'),
      unresponsive: note('unresponsive'),
      homeRegistered: note('homeRegistered'),
      relayHomeTest: note('relayHomeTest'),
    },
  );
  node.setMembers([OTHER_MEMBER]);
  return { host, node, events };
}
type World = ReturnType<typeof world>;

const updates = (packets: readonly Seen[]) => packets.filter(({ mobility }) => mobility?.kind === 'binding-update');
const sequenceOf = (packets: readonly Seen[]): number => theMessage(packets, 'binding-update').message.sequence;

interface AckParts {
  readonly sequence: number;
  readonly status?: number;
  readonly lifetime?: number;
  readonly options?: readonly MobilityOption[];
  readonly spoil?: (bytes: Uint8Array) => void;
}

const ackMessage = (
  { sequence, status = 0, lifetime = 105 }: AckParts,
  options: MobilityOption[],
): BindingAcknowledgement => ({
  kind: 'binding-acknowledgement',
  status,
  keyManagement: false,
  sequence,
  lifetime,
  options,
});

/** The home agent's acknowledgement. */
function homeAck({ host }: World, parts: AckParts): Seen[] {
  const bytes = signed(ackMessage(parts, [...(parts.options ?? []), unsigned(SPI)]), KEY, CARE_OF, HOME);
  parts.spoil?.(bytes);
  return host.give(mobilityPacket({ source: HOME_AGENT, destination: CARE_OF, route: HOME }, bytes));
}

/** The client's. */
function clientAck({ host }: World, parts: AckParts, kbm: Uint8Array | undefined = KBM): Seen[] {
  const options: MobilityOption[] = kbm
    ? [{ kind: 'binding-authorization-data', authenticator: new Uint8Array(12) }]
    : [];
  const bytes = mobilityBytes(ackMessage(parts, options));
  if (kbm) bytes.set(authenticator(kbm, CARE_OF, CLIENT, bytes), bytes.length - 12);
  parts.spoil?.(bytes);
  return host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF, route: HOME }, bytes));
}

function registered(config: Partial<MobileNodeConfig> = {}): World {
  const w = world(config);
  const sequence = sequenceOf(w.host.do((now) => w.node.registerHome(now)));
  homeAck(w, { sequence, lifetime: 225 });
  return w;
}

function homeTest({ host }: World, cookie: Uint8Array, nonceIndex = 11, source = CLIENT, relay = HOME_AGENT): Seen[] {
  const message = { kind: 'home-test', nonceIndex, cookie, token: HOME_TOKEN, options: [] } as const;
  return host.give(tunnelPacket(relay, CARE_OF, mobilityPacket({ source, destination: HOME }, message)));
}

function careOfTest({ host }: World, cookie: Uint8Array, nonceIndex = 22, source = CLIENT): Seen[] {
  const message = { kind: 'care-of-test', nonceIndex, cookie, token: CARE_OF_TOKEN, options: [] } as const;
  return host.give(mobilityPacket({ source, destination: CARE_OF }, message));
}

/** Starts optimization and returns the two cookies. */
function testing(w: World) {
  const sent = w.host.do((now) => w.node.optimize(now, CLIENT));
  return {
    home: theMessage(sent, 'home-test-init').message.cookie,
    careOf: theMessage(sent, 'care-of-test-init').message.cookie,
  };
}

/** Both tests answered after `roundTrip`; the Binding Update is among the returned packets. */
function updating(w: World, roundTrip: Duration = milliseconds(100)): Seen[] {
  const cookies = testing(w);
  w.host.pass(roundTrip);
  return [...careOfTest(w, cookies.careOf), ...homeTest(w, cookies.home)];
}

function bound(): World {
  const w = registered();
  clientAck(w, { sequence: sequenceOf(updating(w)) });
  return w;
}

const echoByRoute = ({ host }: World, source = CLIENT): Seen[] =>
  host.give(echoRequest({ source, destination: CARE_OF, route: HOME }));
const echoByTunnel = ({ host }: World, source = CLIENT, relay = HOME_AGENT): Seen[] =>
  host.give(tunnelPacket(relay, CARE_OF, echoRequest({ source, destination: HOME })));

/** Moments, in seconds from now, at which packets that `of` selects leave. */
function moments(w: World, span: Duration, of: (packets: readonly Seen[]) => readonly Seen[]): number[] {
  const times: number[] = [];
  const start = w.host.now;
  while (w.host.now < start + span) {
    for (const _ of of(w.host.pass(milliseconds(10)))) times.push((w.host.now - start) / 1e6);
  }
  return times;
}

describe('home registration', () => {
  test('RFC 6275 11.7.1, RFC 4285 5.1: the update has its options in place and verifies under the key', () => {
    const { host, node } = world({ identifier: 'a@example.org' });
    const { packet, message } = theMessage(
      host.do((now) => node.registerHome(now)),
      'binding-update',
    );
    expect(packet).toMatchObject({ source: CARE_OF, destination: HOME_AGENT, home: HOME, checksumHolds: true });
    expect(message).toMatchObject({ acknowledge: true, home: true, linkLocal: false, keyManagement: false });
    expect(message.options.map(({ kind }) => kind)).toEqual([
      'alternate-care-of',
      'binding-identifier',
      'mn-identifier',
      'replay-protection',
      'authentication',
    ]);
    const mh = packet.bytes.subarray(packet.start);
    const at = authenticatorAt(mh);
    expect(mh.slice(at, at + 12)).toEqual(homeAuthenticator(KEY, CARE_OF, HOME, mh));
  });

  test('RFC 6275 11.8: unanswered, it goes again after 1.5, 3, 6, 12, 24 s and then every 32 s, numbers growing', () => {
    const w = world();
    const first = sequenceOf(w.host.do((now) => w.node.registerHome(now)));
    const sequences: number[] = [];
    const at = moments(w, seconds(115), (packets) => {
      for (const { mobility } of updates(packets))
        if (mobility?.kind === 'binding-update') sequences.push(mobility.sequence);
      return updates(packets);
    });
    expect(at).toEqual([1.5, 4.5, 10.5, 22.5, 46.5, 78.5, 110.5]);
    expect(sequences).toEqual(sequences.map((_, i) => (first + 1 + i) & 0xffff));
  });

  test('RFC 6275 11.7.3: an acknowledgement with the right number and authenticator registers', () => {
    const { events, node } = registered();
    expect(events).toEqual(['homeRegistered 0']);
    expect(node.home.registered).toBe(true);
  });

  test.each([
    ['with another sequence number', (s: number): AckParts => ({ sequence: s + 1 })],
    [
      'with a wrong authenticator',
      (s: number): AckParts => ({ sequence: s, spoil: (b) => setU8(b, authenticatorAt(b), 0x77) }),
    ],
  ])('RFC 6275 11.7.3: an acknowledgement %s is ignored', (_name, parts) => {
    const w = world();
    homeAck(w, parts(sequenceOf(w.host.do((now) => w.node.registerHome(now)))));
    expect(w.events).toEqual([]);
    expect(moments(w, seconds(2), updates)).toEqual([1.5]);
  });

  test('RFC 6275 11.7.3: on status 135 the next update goes on from the number in the acknowledgement', () => {
    const w = world();
    const sequence = sequenceOf(w.host.do((now) => w.node.registerHome(now)));
    homeAck(w, { sequence: 65_535, status: 135 });
    expect(sequence).not.toBe(0);
    expect(sequenceOf(w.host.pass(milliseconds(1)))).toBe(0);
  });

  test("RFC 4285 6: on status 144 the next update goes by the home agent's clock", () => {
    const w = world();
    const sequence = sequenceOf(w.host.do((now) => w.node.registerHome(now)));
    const theirs = ntp(w.host.now, 3600);
    homeAck(w, { sequence, status: 144, options: [{ kind: 'replay-protection', timestamp: theirs }] });
    const { message } = theMessage(w.host.pass(milliseconds(1)), 'binding-update');
    const timestamp = message.options.find((o) => o.kind === 'replay-protection');
    expect(timestamp).toMatchObject({ timestamp: theirs });
  });

  test('RFC 6275 6.2.4: a refresh advice makes for an earlier renewal', () => {
    const w = world();
    const sequence = sequenceOf(w.host.do((now) => w.node.registerHome(now)));
    homeAck(w, { sequence, lifetime: 225, options: [{ kind: 'refresh-advice', interval: 25 }] });
    expect(moments(w, seconds(85), updates).at(0)).toBeLessThan(100);
  });

  test('RFC 6275 11.3.6: Binding Error 1 of the home agent makes it register anew', () => {
    const w = registered();
    const message = { kind: 'binding-error', status: 1, home: HOME, options: [] } as const;
    w.host.pass(seconds(2));
    const sent = w.host.give(mobilityPacket({ source: HOME_AGENT, destination: CARE_OF }, message));
    expect(theMessage(sent, 'binding-update').message.home).toBe(true);
    // One that is under way asks already.
    w.host.pass(milliseconds(500));
    expect(w.host.give(mobilityPacket({ source: HOME_AGENT, destination: CARE_OF }, message))).toEqual([]);
  });

  test('RFC 6275 11.3.6: but not a node that has left', () => {
    const w = registered();
    w.host.pass(seconds(2));
    const sequence = sequenceOf(w.host.do((now) => w.node.deregisterHome(now)));
    homeAck(w, { sequence, lifetime: 0 });
    w.host.pass(seconds(2));
    const message = { kind: 'binding-error', status: 1, home: HOME, options: [] } as const;
    expect(w.host.give(mobilityPacket({ source: HOME_AGENT, destination: CARE_OF }, message))).toEqual([]);
    expect(w.host.pass(seconds(60))).toEqual([]);
  });
});

describe('tests', () => {
  test('RFC 6275 11.6.1: HoTI through the tunnel with our Binding Identifier in its cookie, CoTI direct', () => {
    const w = registered();
    const sent = w.host.do((now) => w.node.optimize(now, CLIENT));
    expect(sent[0]).toMatchObject({ source: CARE_OF, destination: HOME_AGENT });
    expect(sent[0]?.inner).toMatchObject({ source: HOME, destination: CLIENT, home: undefined });
    expect(theMessage(sent, 'home-test-init').message.cookie.slice(0, 2)).toEqual(Uint8Array.of(0, BID));
    expect(sent[1]).toMatchObject({ source: CARE_OF, destination: CLIENT, home: undefined });
  });

  test('RFC 6275 11.8, 12: unanswered, each is tried three times, doubling, and then the client is left alone', () => {
    const w = registered();
    testing(w);
    const inits = (packets: readonly Seen[]) => packets.filter((p) => p.inner?.mobility?.kind === 'home-test-init');
    expect(moments(w, seconds(60), inits)).toEqual([1, 3]);
    expect(w.events.at(-1)).toBe('unresponsive');
    expect(w.node.stateOf(CLIENT)).toBe('plain');
    expect(w.host.do((now) => w.node.optimize(now, CLIENT))).toEqual([]);
  });

  test('RFC 6275 11.3.5: a client that was left alone is tried again after some time', () => {
    const w = registered();
    testing(w);
    w.host.pass(seconds(307));
    expect(w.host.do((now) => w.node.optimize(now, CLIENT))).toHaveLength(2);
  });

  test('RFC 6275 11.8: only the cookie of the latest init message counts', () => {
    const w = registered();
    const old = testing(w);
    const latest = theMessage(w.host.pass(seconds(1)), 'home-test-init').message.cookie;
    homeTest(w, old.home);
    homeTest(w, latest);
    expect(latest).not.toEqual(old.home);
    expect(w.node.hasTokens(w.host.now, CLIENT)).toBe(false);
    careOfTest(w, old.careOf);
    expect(w.node.hasTokens(w.host.now, CLIENT)).toBe(false);
  });

  test('RFC 6275 11.6.2: the first HoT wins, a second one for the same cookie is ignored', () => {
    const w = registered();
    const cookies = testing(w);
    homeTest(w, cookies.home, 11);
    homeTest(w, cookies.home, 12);
    const { message } = theMessage(careOfTest(w, cookies.careOf), 'binding-update');
    expect(message.options[0]).toMatchObject({ kind: 'nonce-indices', home: 11, careOf: 22 });
  });

  test.each(['home', 'careOf'] as const)('RFC 6275 11.6.2: a %s test answer from somebody else is ignored', (which) => {
    const w = registered();
    const cookies = testing(w);
    if (which === 'home') {
      careOfTest(w, cookies.careOf);
      homeTest(w, cookies.home, 11, STRANGER);
    } else {
      homeTest(w, cookies.home);
      careOfTest(w, cookies.careOf, 22, STRANGER);
    }
    expect(w.node.hasTokens(w.host.now, CLIENT)).toBe(false);
  });

  test('a HoT that another member asked for is relayed; one that was relayed already goes no further', () => {
    const w = registered();
    const cookie = Uint8Array.of(0, 9, 1, 2, 3, 4, 5, 6);
    homeTest(w, cookie);
    homeTest(w, cookie, 11, CLIENT, OTHER_MEMBER);
    expect(w.events.filter((event) => event.startsWith('relay'))).toEqual(['relayHomeTest 9']);
  });

  test('RFC 6275 11.6.2: a HoT that did not come through a tunnel is ignored', () => {
    const w = registered();
    const cookies = testing(w);
    careOfTest(w, cookies.careOf);
    const message = { kind: 'home-test', nonceIndex: 1, cookie: cookies.home, token: HOME_TOKEN, options: [] } as const;
    w.host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF, route: HOME }, message));
    expect(w.node.hasTokens(w.host.now, CLIENT)).toBe(false);
  });

  test('a HoT relayed by a member counts', () => {
    const w = registered();
    const cookies = testing(w);
    careOfTest(w, cookies.careOf);
    expect(updates(homeTest(w, cookies.home, 11, CLIENT, OTHER_MEMBER))).toHaveLength(1);
  });

  test('RFC 6275 5.2.7: tokens are good for 210 s', () => {
    const w = registered();
    const cookies = testing(w);
    careOfTest(w, cookies.careOf);
    homeTest(w, cookies.home);
    w.host.pass(seconds(209));
    expect(w.node.hasTokens(w.host.now, CLIENT)).toBe(true);
    w.host.pass(seconds(1));
    expect(w.node.hasTokens(w.host.now, CLIENT)).toBe(false);
  });
});

describe('binding a client', () => {
  test('RFC 6275 11.7.2: the update bears both nonce indices and verifies under Kbm', () => {
    const { packet, message } = theMessage(updating(registered()), 'binding-update');
    expect(packet).toMatchObject({ source: CARE_OF, destination: CLIENT, home: HOME, checksumHolds: true });
    expect(message).toMatchObject({ acknowledge: true, home: false, lifetime: 105 });
    expect(message.options[0]).toMatchObject({ kind: 'nonce-indices', home: 11, careOf: 22 });
    const mh = packet.bytes.subarray(packet.start);
    expect(mh.slice(mh.length - 12)).toEqual(authenticator(KBM, CARE_OF, CLIENT, mh));
  });

  test('RFC 6275 11.7.2: its lifetime is not beyond what is left of the home registration', () => {
    const w = registered();
    w.host.pass(seconds(600));
    expect(theMessage(updating(w), 'binding-update').message.lifetime).toBe(74);
  });

  test('RFC 6275 11.8: unacknowledged, it goes again after 2 RTT, backing off, numbers growing', () => {
    const w = registered();
    const first = sequenceOf(updating(w, milliseconds(300)));
    const seen: number[] = [];
    const at = moments(w, seconds(5), (packets) => {
      for (const { mobility } of updates(packets))
        if (mobility?.kind === 'binding-update') seen.push(mobility.sequence);
      return updates(packets);
    });
    expect(at).toEqual([0.6, 1.8, 4.2]);
    expect(seen).toEqual([1, 2, 3].map((n) => (first + n) & 0xffff));
  });

  test('RFC 6275 12: never more than three updates in a second', () => {
    const w = registered();
    updating(w, milliseconds(2));
    const at = [0, ...moments(w, seconds(3), updates)];
    for (const [i, time] of at.entries()) expect((at[i + 3] ?? 99) - time).toBeGreaterThanOrEqual(0.99);
  });

  test('RFC 6275 11.7.3: acknowledged, packets to the client leave from the care-of address', () => {
    const w = bound();
    expect(w.node.stateOf(CLIENT)).toBe('bound');
    expect(w.events.at(-1)).toBe('bindingAcknowledged 0');
    expect(echoByRoute(w)).toMatchObject([{ source: CARE_OF, destination: CLIENT, home: HOME, checksumHolds: true }]);
  });

  test.each([
    ['another sequence number', (s: number): AckParts => ({ sequence: (s + 1) & 0xffff }), KBM],
    ['a wrong authenticator', (s: number): AckParts => ({ sequence: s }), HOME_TOKEN],
    ['no authenticator', (s: number): AckParts => ({ sequence: s }), undefined],
  ] as const)('RFC 6275 11.7.3: an acknowledgement with %s is ignored', (_name, parts, kbm) => {
    const w = registered();
    const sequence = sequenceOf(updating(w));
    if (kbm === undefined) {
      const bytes = mobilityBytes(ackMessage(parts(sequence), []));
      w.host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF, route: HOME }, bytes));
    } else clientAck(w, parts(sequence), kbm);
    expect(w.node.stateOf(CLIENT)).toBe('updating');
  });

  test('RFC 6275 11.7.3: on status 135 the next update goes on from the number in the acknowledgement', () => {
    const w = registered();
    updating(w);
    clientAck(w, { sequence: 4711, status: 135 });
    const { message } = theMessage(w.host.pass(milliseconds(1)), 'binding-update');
    expect(message).toMatchObject({ sequence: 4712 });
    expect(message.options[0]).toMatchObject({ home: 11, careOf: 22 });
  });

  test.each([
    [136, ['home-test-init']],
    [137, ['care-of-test-init']],
    [138, ['home-test-init', 'care-of-test-init']],
  ])('RFC 6275 11.7.3: on status %i the tests of the nonces that ended are repeated', (status, kinds) => {
    const w = registered();
    const sequence = sequenceOf(updating(w));
    const bytes = mobilityBytes(ackMessage({ sequence, status }, []));
    const sent = w.host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF, route: HOME }, bytes));
    expect(sent.map((p) => (p.inner ?? p).mobility?.kind)).toEqual(kinds);
  });

  test('RFC 6275 11.7.3: an unsigned status 136 to 138 for another update than the outstanding one is ignored', () => {
    const w = registered();
    const sequence = sequenceOf(updating(w));
    const bytes = mobilityBytes(ackMessage({ sequence: (sequence + 1) & 0xffff, status: 138 }, []));
    expect(w.host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF, route: HOME }, bytes))).toEqual([]);
    expect(w.node.stateOf(CLIENT)).toBe('updating');
  });

  test('RFC 6275 11.7.3: on another refusal the client is served through the home agent', () => {
    const w = registered();
    clientAck(w, { sequence: sequenceOf(updating(w)), status: 128 });
    expect(w.events.at(-1)).toBe('bindingAcknowledged 128');
    expect(w.node.stateOf(CLIENT)).toBe('plain');
    expect(echoByTunnel(w)[0]).toMatchObject({ source: CARE_OF, destination: HOME_AGENT });
  });

  test('RFC 6275 11.3.6: Binding Error 1 makes an outstanding update go again at once', () => {
    const w = registered();
    updating(w);
    const message = { kind: 'binding-error', status: 1, home: HOME, options: [] } as const;
    w.host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF }, message));
    expect(updates(w.host.pass(milliseconds(1)))).toHaveLength(1);
    expect(w.events.at(-1)).toBe('bindingError');
  });

  test('RFC 6275 11.3.6: Binding Error 1 ends a binding, which is made anew', () => {
    const w = bound();
    w.host.pass(seconds(2));
    const message = { kind: 'binding-error', status: 1, home: HOME, options: [] } as const;
    expect(updates(w.host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF }, message)))).toHaveLength(1);
    expect(w.node.stateOf(CLIENT)).toBe('updating');
  });

  test('RFC 6275 11.3.6: Binding Error 2 in answer to a test ends route optimization', () => {
    const w = registered();
    testing(w);
    const message = { kind: 'binding-error', status: 2, home: HOME, options: [] } as const;
    w.host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF }, message));
    expect(w.node.stateOf(CLIENT)).toBe('plain');
    expect(w.host.pass(seconds(32))).toEqual([]);
  });

  test('RFC 6275 11.3.6: Binding Error 2 while nothing is pending is ignored', () => {
    const w = bound();
    const message = { kind: 'binding-error', status: 2, home: HOME, options: [] } as const;
    w.host.give(mobilityPacket({ source: CLIENT, destination: CARE_OF }, message));
    expect(w.node.stateOf(CLIENT)).toBe('bound');
  });

  test('RFC 6275 11.3.5: Parameter Problem code 1 for a CoTI ends it, Destination Unreachable does not', () => {
    const w = registered();
    const sent = w.host.do((now) => w.node.optimize(now, CLIENT));
    const quoted = theMessage(sent, 'care-of-test-init').packet.bytes;
    const error = (type: number, code: number) =>
      w.host.give(
        icmpPacket({ source: CLIENT, destination: CARE_OF }, { kind: 'error', type, code, parameter: 6, quoted }),
      );
    error(ICMPV6.unreachable, 0);
    expect(w.node.stateOf(CLIENT)).toBe('testing');
    error(ICMPV6.parameterProblem, 1);
    expect(w.node.stateOf(CLIENT)).toBe('plain');
  });

  describe('RFC 6275 11.3.5: a Parameter Problem that is forged', () => {
    const complain = (w: World, quoted: Uint8Array) => {
      const error = { kind: 'error', type: ICMPV6.parameterProblem, code: 1, parameter: 6, quoted } as const;
      w.host.give(icmpPacket({ source: STRANGER, destination: CARE_OF }, error));
    };
    const altered = (bytes: Uint8Array, at: number): Uint8Array => {
      const forged = bytes.slice();
      setU8(forged, at, (forged[at] ?? 0) ^ 1);
      return forged;
    };

    test('without the cookie of our test does not make a client plain', () => {
      const w = registered();
      const sent = w.host.do((now) => w.node.optimize(now, CLIENT));
      const { bytes } = theMessage(sent, 'care-of-test-init').packet;
      complain(w, altered(bytes, bytes.length - 1));
      expect(w.node.stateOf(CLIENT)).toBe('testing');
      complain(w, bytes.subarray(0, bytes.length - 8));
      expect(w.node.stateOf(CLIENT)).toBe('testing');
      complain(w, bytes);
      expect(w.node.stateOf(CLIENT)).toBe('plain');
    });

    test('without the authenticator of our update does not either', () => {
      const w = registered();
      const { bytes } = theMessage(updating(w), 'binding-update').packet;
      complain(w, altered(bytes, bytes.length - 1));
      expect(w.node.stateOf(CLIENT)).toBe('updating');
      complain(w, bytes);
      expect(w.node.stateOf(CLIENT)).toBe('plain');
    });

    test('ends no binding: not even one that quotes the update which is to renew it', () => {
      const w = bound();
      const [renewal] = updates(w.host.do((now) => w.node.sendBindingUpdate(now, CLIENT)));
      complain(w, renewal?.bytes ?? new Uint8Array(0));
      expect(w.node.stateOf(CLIENT)).toBe('bound');
    });
  });

  test('RFC 6275 11.7.4: a Binding Refresh Request makes the tests and the update run again', () => {
    const w = bound();
    w.host.pass(seconds(250));
    const brr = mobilityPacket({ source: CLIENT, destination: HOME }, { kind: 'binding-refresh-request', options: [] });
    const sent = w.host.give(tunnelPacket(HOME_AGENT, CARE_OF, brr));
    expect(sent.map((p) => (p.inner ?? p).mobility?.kind)).toEqual(['home-test-init', 'care-of-test-init']);
    expect(w.node.stateOf(CLIENT)).toBe('bound');
  });

  test('a test that fails at renewal does not make a bound client a plain one while the binding lasts', () => {
    const w = bound();
    w.host.pass(seconds(419));
    expect(w.node.stateOf(CLIENT)).toBe('bound');
    w.host.pass(seconds(20));
    expect(w.node.stateOf(CLIENT)).toBe('plain');
  });
});

describe('packets', () => {
  test('RFC 6275 11.3.1: to a client without binding they go through the home agent', () => {
    const [reply] = echoByTunnel(registered());
    expect(reply).toMatchObject({ source: CARE_OF, destination: HOME_AGENT });
    expect(reply?.inner).toMatchObject({ source: HOME, destination: CLIENT, home: undefined, checksumHolds: true });
  });

  test('RFC 6275 11.3.3: a tunnel from a stranger is not listened to', () => {
    expect(echoByTunnel(registered(), CLIENT, STRANGER)).toEqual([]);
  });

  test('RFC 6275 11.3.3: an inner packet for another address is dropped', () => {
    const { host } = registered();
    const inner = echoRequest({ source: CLIENT, destination: CARE_OF });
    expect(host.give(tunnelPacket(HOME_AGENT, CARE_OF, inner))).toEqual([]);
  });

  test('late packets that another member sends on by tunnel are taken', () => {
    expect(echoByTunnel(registered(), CLIENT, OTHER_MEMBER)).toHaveLength(1);
  });

  test('RFC 6275 6.4: a routing header with another address is dropped silently', () => {
    const { host } = bound();
    expect(host.give(echoRequest({ source: CLIENT, destination: CARE_OF, route: STRANGER }))).toEqual([]);
  });

  test('RFC 6275 11.7.2: in automatic mode a packet through the home agent starts route optimization', () => {
    const w = registered({ routeOptimization: 'automatic' });
    const kinds = echoByTunnel(w).map((p) => (p.inner ?? p).mobility?.kind);
    expect(kinds).toContain('home-test-init');
    expect(kinds).toContain('care-of-test-init');
  });
});
