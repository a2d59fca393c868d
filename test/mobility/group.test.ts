import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { CONTACT_PRIORITY, MEMBER_PRIORITY } from '../../stack/mobility/mobile-node.ts';
import { type Carried, CLIENT, Group, HOME, HOME_AGENT, MEMBER_A, MEMBER_B } from './group.ts';

const SEED = 11;

function registered(options: { readonly plainClient?: boolean } = {}): Group {
  const group = new Group({ seed: SEED, ...options });
  group.register();
  return group;
}

/** Client bound to member a. */
function bound(): Group {
  const group = registered();
  group.a.optimize(group.now, CLIENT);
  group.pass(seconds(1));
  return group;
}

/** Packets as 'from>to kind', tunnelled ones with 'tunnel' in front. */
function story(carried: readonly Carried[]): string[] {
  return carried.map(({ from, to, packet }) => {
    const inside = packet.inner ?? packet;
    const what = inside.mobility?.kind ?? inside.icmp?.kind ?? `protocol ${inside.protocol}`;
    return `${from}>${to} ${packet.inner ? 'tunnel ' : ''}${what}`;
  });
}

describe('home registration', () => {
  /** Statuses of the home agent's answers to b. */
  const answersToB = (group: Group): number[] =>
    group
      .take()
      .filter(({ from, to }) => from === 'home' && to === 'b')
      .flatMap(({ packet: { mobility } }) => (mobility?.kind === 'binding-acknowledgement' ? [mobility.status] : []));

  test("RFC 6275 9.5.1: a member's process that starts again goes on from the number that status 135 tells", () => {
    // b's numbers begin anywhere; half of all beginnings are old ones for the home agent.
    const answers = Array.from({ length: 8 }, (_, i) => {
      const group = new Group({ seed: SEED + i });
      group.register();
      group.take();
      group.restartB();
      group.b.registerHome(group.now);
      group.b.bindFlow(group.now, CLIENT);
      group.pass(seconds(3));
      expect(group.homeAgent.careOfAddress(HOME, CLIENT)?.toString(), `seed ${SEED + i}`).toBe(MEMBER_B.toString());
      return answersToB(group);
    });
    expect(answers.every((statuses) => statuses.at(-1) === 0)).toBe(true);
    expect(answers.filter((statuses) => statuses.includes(135)).length).toBeGreaterThan(0);
    // One for each of the two updates that were under way.
    expect(answers.every((statuses) => statuses.filter((status) => status === 135).length <= 2)).toBe(true);
  });

  test.each([-60, 60])("RFC 4285 6: and where its clock is %i s off by then, it goes by the home agent's", (offset) => {
    const group = registered();
    group.take();
    group.restartB(offset);
    group.b.registerHome(group.now);
    group.pass(seconds(3));
    const statuses = answersToB(group);
    expect(statuses[0]).toBe(144);
    expect(statuses.at(-1)).toBe(0);
    expect(statuses.length).toBeLessThanOrEqual(3);
  });

  test('RFC 6275 11.7.1, RFC 5648: every member of a group registers its own care-of address', () => {
    const group = new Group({ seed: SEED });
    group.register();
    expect(group.events).toEqual(['a homeRegistered 0', 'b homeRegistered 0']);
    expect(story(group.take())).toEqual([
      'a>home binding-update',
      'b>home binding-update',
      'home>a binding-acknowledgement',
      'home>b binding-acknowledgement',
    ]);
  });

  test('RFC 6275 11.7.1: the update comes from the care-of address with the home address in its option', () => {
    const group = new Group({ seed: SEED });
    group.register();
    const [first] = group.take();
    expect(first?.packet).toMatchObject({ source: MEMBER_A, destination: HOME_AGENT, home: HOME, checksumHolds: true });
    expect(first?.packet.mobility).toMatchObject({ kind: 'binding-update', home: true, acknowledge: true });
  });

  test('RFC 6275 11.7.1: the registration is renewed before it ends', () => {
    const group = registered();
    group.pass(seconds(7200));
    expect(group.a.home.registered).toBe(true);
    expect(group.homeAgent.careOfAddress(HOME, CLIENT)?.equals(MEMBER_A)).toBe(true);
  });

  test('RFC 6089 4.1: the default is the binding with the best priority', () => {
    const group = registered();
    group.b.setPriority(group.now, CONTACT_PRIORITY);
    group.a.setPriority(group.now, MEMBER_PRIORITY);
    group.pass(seconds(1));
    expect(group.homeAgent.careOfAddress(HOME, CLIENT)?.equals(MEMBER_B)).toBe(true);
  });

  test('RFC 6275 11.5.5: a member that leaves is no longer served', () => {
    const group = registered();
    group.a.deregisterHome(group.now);
    group.pass(seconds(1));
    expect(group.a.home.registered).toBe(false);
    expect(group.homeAgent.careOfAddress(HOME, CLIENT)?.equals(MEMBER_B)).toBe(true);
  });
});

describe('through the home agent', () => {
  test('RFC 6275 10.4.2, 10.4.5: an echo is tunnelled to the member and its reply tunnelled back', () => {
    const group = registered();
    const carried = group.echo();
    expect(story(carried)).toEqual([
      'c>home echo-request',
      'home>a tunnel echo-request',
      'a>home tunnel echo-reply',
      'home>c echo-reply',
    ]);
    expect(carried[1]?.packet).toMatchObject({ source: HOME_AGENT, destination: MEMBER_A });
    expect(carried[2]?.packet).toMatchObject({ source: MEMBER_A, destination: HOME_AGENT });
    expect(carried[3]?.packet).toMatchObject({
      source: HOME,
      destination: CLIENT,
      home: undefined,
      checksumHolds: true,
    });
  });

  test('RFC 6275 10.4.5: forwarding out of the tunnel counts the hop limit down by one', () => {
    const carried = registered().echo();
    expect(carried[3]?.packet.hopLimit).toBe((carried[2]?.packet.inner?.hopLimit ?? 0) - 1);
  });
});

describe('route optimization', () => {
  test('RFC 6275 5.2.5: both tests run at once, HoTI through the home agent, then update and acknowledgement', () => {
    const group = registered();
    group.take();
    group.a.optimize(group.now, CLIENT);
    expect(group.a.stateOf(CLIENT)).toBe('testing');
    group.pass(milliseconds(200));
    expect(story(group.take())).toEqual([
      'a>home tunnel home-test-init',
      'a>c care-of-test-init',
      'home>c home-test-init',
      'c>a care-of-test',
      'c>home home-test',
      'home>a tunnel home-test',
      'a>c binding-update',
      'c>a binding-acknowledgement',
    ]);
    expect(group.a.stateOf(CLIENT)).toBe('bound');
    expect(group.correspondent?.careOfAddress(HOME)?.equals(MEMBER_A)).toBe(true);
    expect(group.events.slice(2)).toEqual(['a testsDone', 'a bindingAcknowledged 0']);
  });

  test('RFC 6275 6.3, 6.4: bound, an echo goes straight both ways, translated', () => {
    const carried = bound().echo();
    expect(story(carried)).toEqual(['c>a echo-request', 'a>c echo-reply']);
    expect(carried[0]?.packet).toMatchObject({ destination: MEMBER_A, route: HOME, checksumHolds: true });
    expect(carried[1]?.packet).toMatchObject({ source: MEMBER_A, home: HOME, checksumHolds: true });
  });

  test('RFC 6275 11.7.2: the binding is kept alive for an hour', () => {
    const group = bound();
    for (let minute = 0; minute < 60; minute++) {
      group.pass(seconds(60));
      expect(group.a.stateOf(CLIENT)).toBe('bound');
      expect(group.correspondent?.careOfAddress(HOME)?.equals(MEMBER_A)).toBe(true);
    }
  });

  test('latencyTo is half the round trip of the direct path', () => {
    expect(bound().a.latencyTo(CLIENT)).toBe(milliseconds(10));
  });

  test('RFC 6275 11.3.5: a client without mobility answers HoTI with a Parameter Problem and counts as plain', () => {
    const group = registered({ plainClient: true });
    group.a.optimize(group.now, CLIENT);
    group.pass(seconds(1));
    expect(group.events).toContain('a unresponsive');
    expect(group.a.stateOf(CLIENT)).toBe('plain');
    expect(story(group.echo())).toContain('home>a tunnel echo-request');
  });

  test('RFC 6089: a flow binding sends one plain client to another member than the default', () => {
    const group = registered({ plainClient: true });
    group.b.bindFlow(group.now, CLIENT);
    group.pass(seconds(1));
    expect(group.events).toContain('b flowBound 0');
    expect(story(group.echo()).slice(0, 3)).toEqual([
      'c>home echo-request',
      'home>b tunnel echo-request',
      'b>home tunnel echo-reply',
    ]);
  });
});

describe('another member', () => {
  test('a home test asked for by the member that is not the default is relayed to it by its cookie', () => {
    const group = registered();
    group.take();
    group.b.runTests(group.now, CLIENT, { home: true, careOf: true });
    group.pass(seconds(1));
    expect(group.events).toContain('a relayHomeTest 2');
    expect(group.b.hasTokens(group.now, CLIENT)).toBe(true);
    expect(story(group.take())).toContain('a>b tunnel home-test');
  });

  test("a client handed over is bound by the acceptor with the donor's home token and sequence number", () => {
    const group = bound();
    const snapshot = group.a.exportCorrespondent(group.now, CLIENT);
    group.b.runTests(group.now, CLIENT, { home: false, careOf: true });
    group.pass(seconds(1));
    group.take();
    group.b.importCorrespondent(group.now, snapshot);
    group.a.forgetCorrespondent(CLIENT);
    expect(group.take()).toEqual([]);
    expect(group.b.sendBindingUpdate(group.now, CLIENT)).toBe(true);
    group.pass(milliseconds(100));
    const carried = group.take();
    expect(story(carried)).toEqual(['b>c binding-update', 'c>b binding-acknowledgement']);
    expect(carried[0]?.packet.mobility).toMatchObject({ sequence: (snapshot.lastSequence + 1) & 0xffff });
    expect(group.correspondent?.careOfAddress(HOME)?.equals(MEMBER_B)).toBe(true);
    expect(story(group.echo())).toEqual(['c>b echo-request', 'b>c echo-reply']);
  });

  test('a plain client stays one at the member that takes it over', () => {
    const group = registered({ plainClient: true });
    group.a.optimize(group.now, CLIENT);
    group.pass(seconds(1));
    group.b.importCorrespondent(group.now, group.a.exportCorrespondent(group.now, CLIENT));
    expect(group.b.stateOf(CLIENT)).toBe('plain');
  });

  test('useRoute direct: data behind the update leaves from the care-of address before the acknowledgement', () => {
    const group = bound();
    const snapshot = group.a.exportCorrespondent(group.now, CLIENT);
    group.b.runTests(group.now, CLIENT, { home: false, careOf: true });
    group.pass(seconds(1));
    group.b.importCorrespondent(group.now, snapshot);
    group.b.useRoute(group.now, CLIENT, 'direct');
    group.b.sendBindingUpdate(group.now, CLIENT);
    expect(group.b.stateOf(CLIENT)).toBe('updating');
    group.pass(milliseconds(15));
    expect(group.correspondent?.careOfAddress(HOME)?.equals(MEMBER_B)).toBe(true);
    expect(group.b.stateOf(CLIENT)).toBe('updating');
    expect(story(group.echo())).toEqual(expect.arrayContaining(['c>b echo-request', 'b>c echo-reply']));
  });

  test('RFC 6275 12: an acceptor whose updates are lost sends three a second at most', () => {
    const group = bound();
    const snapshot = group.a.exportCorrespondent(group.now, CLIENT);
    group.b.runTests(group.now, CLIENT, { home: false, careOf: true });
    group.pass(seconds(1));
    group.b.importCorrespondent(group.now, snapshot);
    group.internet.configure('b', 'c', { loss: 1 });
    group.take();
    group.b.sendBindingUpdate(group.now, CLIENT);
    group.pass(milliseconds(990));
    const updates = group.take().filter(({ packet }) => packet.mobility?.kind === 'binding-update');
    expect(updates).toHaveLength(3);
  });
});
