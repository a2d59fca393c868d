// A home agent with a hundred thousand bindings, each made by a packet of its own. The bound on time is that of every
// test: what takes a number of steps that is quadratic in the bindings does not end within it. Without RFC 4285, whose digests would be all that is measured.

import { expect, test } from 'vitest';
import { setU16, u8 } from '../../stack/core/bytes.ts';
import { checksumOf, sumWords } from '../../stack/core/checksum.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { seconds } from '../../stack/core/time.ts';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import type { MemberAssociation } from '../../stack/mobility/home-bindings.ts';
import { Address, address, prefix } from '../../stack/wire/address.ts';
import { PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import type { BindingUpdate } from '../../stack/wire/mobility.ts';
import { echoRequest, mobilityPacket, type Seen, tunnelPacket } from './packets.ts';
import { TestHost } from './support.ts';

const SELF = address('2001:db8:100::ff');
const GROUP = address('2001:db8:100::1');
const CLIENT = address('2001:db8:c::1');
const BINDINGS = 100_000;
/** All the Binding Identifiers there are. */
const MEMBERS = 65_535;
const KEY = new Uint8Array(20).fill(7);
const FIRST_SPI = 1000;
const HOME_NETWORK = prefix('2001:db8:100::/64');

const careOfOf = (i: number): Address => new Address(0x2001_0db8, 0x000a_0000, 0, i + 1);

const MOBILITY_AT = 64;
const BINDING_ACKNOWLEDGEMENT = 6;

/** Registers many, each by a packet that is patched together, so that most of the time is the home agent's. */
class Scale {
  readonly host = new TestHost(SELF, { seed: 3, forwarding: true });
  readonly agent: HomeAgent;
  readonly associations: readonly MemberAssociation[];
  readonly #template: Uint8Array;
  readonly #bidAt: number | undefined;

  constructor(associations: readonly MemberAssociation[]) {
    this.associations = associations;
    const config = { address: SELF, homePrefixes: [HOME_NETWORK], associations, security: 'none' } as const;
    this.agent = new HomeAgent(this.host.environment, this.host.dispatch, config);
    const inGroup = associations[0]?.bid !== undefined;
    this.#template = updateTemplate(inGroup);
    this.#bidAt = inGroup ? MOBILITY_AT + 14 : undefined;
  }

  /** One registration; the status that it is answered with. */
  register(i: number, sequence: number): number | undefined {
    const { home, bid } = this.associations[i] ?? {};
    if (home === undefined) throw new Error(`no member ${i}`);
    const update = this.#template;
    careOfOf(i).write(update, 8);
    home.write(update, 48);
    setU16(update, MOBILITY_AT + 6, sequence);
    if (this.#bidAt !== undefined) setU16(update, this.#bidAt, bid ?? 0);
    setU16(update, MOBILITY_AT + 4, 0);
    const length = update.length - MOBILITY_AT;
    const pseudo = pseudoHeaderSum(home, SELF, PROTOCOL.mobility, length);
    setU16(update, MOBILITY_AT + 4, checksumOf(sumWords(update, MOBILITY_AT, update.length, pseudo)));
    const { device, now } = this.host;
    device.sent.length = 0;
    device.arrive(now, update);
    const [answer] = device.sent;
    if (answer === undefined || u8(answer, MOBILITY_AT + 2) !== BINDING_ACKNOWLEDGEMENT) return undefined;
    return u8(answer, MOBILITY_AT + 6);
  }

  /** What a client's packet to this home address becomes. */
  echo(home: Address): Seen | undefined {
    return this.host.give(echoRequest({ source: CLIENT, destination: home }))[0];
  }
}

/** An update of 420 s; the Binding Identifier option, if any, is the first thing in it. */
function updateTemplate(inGroup: boolean): Uint8Array {
  const identifier = { kind: 'binding-identifier', bid: 1, status: 0, simultaneous: false, priority: 10 } as const;
  const flags = { acknowledge: true, home: true, linkLocal: false, keyManagement: false };
  const options = inGroup ? [identifier] : [];
  const message: BindingUpdate = { kind: 'binding-update', sequence: 1, ...flags, lifetime: 105, options };
  return mobilityPacket({ source: CLIENT, destination: SELF, home: GROUP }, message);
}

test('100,000 home addresses are registered, renewed and served, and all expire', () => {
  const homeOf = (i: number): Address => new Address(0x2001_0db8, 0x0100_0000, 1, i);
  const scale = new Scale(
    Array.from({ length: BINDINGS }, (_, i) => ({ home: homeOf(i), spi: FIRST_SPI + i, key: KEY })),
  );
  const { host, agent } = scale;
  let refused = 0;
  for (let i = 0; i < BINDINGS; i++) if (scale.register(i, 1) !== 0) refused += 1;
  expect(refused).toBe(0);
  const timers = host.timers.size;
  // A renewal takes no room: nothing is kept of what it replaces.
  for (let i = 0; i < BINDINGS; i += 10) if (scale.register(i, 2) !== 0) refused += 1;
  expect({ refused, timers: host.timers.size }).toEqual({ refused: 0, timers });
  expect(timers).toBeLessThanOrEqual(BINDINGS + 100);

  const random = new SeededRandom(8);
  for (let round = 0; round < 100; round++) {
    const i = random.u32() % BINDINGS;
    expect(scale.echo(homeOf(i))).toMatchObject({ source: SELF, destination: careOfOf(i) });
  }
  // Bindings alone are exported and restored whole.
  const state = agent.exportState(host.now);
  expect(new Scale(scale.associations).agent.restoreState(host.now, state)).toMatchObject({
    ok: true,
    value: BINDINGS,
  });
  host.pass(seconds(420));
  expect(Array.from({ length: BINDINGS }, (_, i) => agent.careOfAddress(homeOf(i), CLIENT)).filter(Boolean)).toEqual(
    [],
  );
});

test('RFC 5648: 65,535 members share one home address; the default passes to the next as each one leaves', () => {
  const scale = new Scale(
    Array.from({ length: MEMBERS }, (_, i) => ({ home: GROUP, bid: i + 1, spi: FIRST_SPI + i, key: KEY })),
  );
  const { host, agent } = scale;
  let refused = 0;
  for (let i = 0; i < MEMBERS; i++) if (scale.register(i, 1) !== 0) refused += 1;
  expect(refused).toBe(0);
  // Each is known as a source of tunnels, each can have a flow, without a search among all.
  const inner = echoRequest({ source: GROUP, destination: CLIENT });
  agent.bindFlow(GROUP, CLIENT, MEMBERS);
  for (let i = 0; i < MEMBERS; i += 100) {
    expect(host.give(tunnelPacket(careOfOf(i), SELF, inner))).toHaveLength(1);
    expect(scale.echo(GROUP)).toMatchObject({ destination: careOfOf(MEMBERS - 1) });
  }
  const other = address('2001:db8:c::2');
  let wrong = 0;
  for (let i = 0; i < MEMBERS - 1; i++) {
    agent.removeMember(host.now, FIRST_SPI + i);
    if (agent.careOfAddress(GROUP, other)?.equals(careOfOf(i + 1)) !== true) wrong += 1;
  }
  expect(wrong).toBe(0);
  agent.removeMember(host.now, FIRST_SPI + MEMBERS - 1);
  expect(agent.careOfAddress(GROUP, CLIENT)).toBeUndefined();
});

test('RFC 6089: 10,000 flows of a hundred members beside 100,000 bindings; each packet finds its own', () => {
  const flows = 10_000;
  const members = 100;
  const homeOf = (i: number): Address => new Address(0x2001_0db8, 0x0100_0000, 2, i);
  const group = Array.from({ length: members }, (_, i) => ({ home: GROUP, bid: i + 1, spi: FIRST_SPI + i, key: KEY }));
  const scale = new Scale(group);
  const { host, agent } = scale;
  for (let i = 0; i < members; i++) expect(scale.register(i, 1)).toBe(0);
  for (let i = members; i < BINDINGS; i++) agent.addMember({ home: homeOf(i), spi: FIRST_SPI + i, key: KEY });
  const clientOf = (i: number): Address => new Address(0x2001_0db8, 0x000c_0000, 3, i + 1);
  for (let i = 0; i < flows; i++) agent.bindFlow(GROUP, clientOf(i), (i % members) + 1);
  const wrong = (by: HomeAgent): number =>
    Array.from({ length: flows }, (_, i) => by.careOfAddress(GROUP, clientOf(i))?.equals(careOfOf(i % members))).filter(
      (right) => right !== true,
    ).length;
  expect(wrong(agent)).toBe(0);
  for (let i = 0; i < flows; i += 100) {
    const [sent] = host.give(echoRequest({ source: clientOf(i), destination: GROUP }));
    expect(sent).toMatchObject({ destination: careOfOf(i % members) });
  }
  const next = new Scale(group).agent;
  expect(next.restoreState(host.now, agent.exportState(host.now))).toMatchObject({ ok: true, value: members });
  expect(wrong(next)).toBe(0);
});
