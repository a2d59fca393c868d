// A home agent with `security: 'none'`: for peers that have no RFC 4285, where the way between the two is secured.

import { expect, test } from 'vitest';
import { Correspondent } from '../../stack/mobility/correspondent.ts';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import { address, prefix } from '../../stack/wire/address.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import {
  AGENT,
  CARE_OF_1,
  CARE_OF_2,
  expectAcknowledgement,
  expectBindingError,
  expectRoutedReply,
  HOME,
  HomeAgentWorld,
  KEY,
  SPI,
} from '../conformance/home-agent-world.ts';
import type { Seen } from './packets.ts';
import { ScriptedNode } from './scripted-node.ts';
import { TestHost, theMessage } from './support.ts';

/** Only what RFC 6275 knows. */
const plain = (usual: MobilityOption[]): MobilityOption[] => usual.filter(({ kind }) => kind === 'alternate-care-of');

const openWorld = (): HomeAgentWorld => new HomeAgentWorld(60, { security: 'none' });

const answer = (sent: readonly Seen[]) => theMessage(sent, 'binding-acknowledgement');

test('RFC 6275 10.3.1: without RFC 4285 an update needs no option of it, and the answer has none', () => {
  const w = openWorld();
  const { packet, message } = answer(w.update({ sequence: 15, options: plain }));
  expect(packet).toMatchObject({ source: AGENT, destination: CARE_OF_1, route: HOME, checksumHolds: true });
  expect(message).toMatchObject({ status: 0, sequence: 15, lifetime: 105, options: [] });
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('RFC 6275 9.5.1: sequence numbers hold without RFC 4285 too', () => {
  const w = openWorld();
  w.update({ sequence: 15, options: plain });
  const late = answer(w.update({ sequence: 15, careOf: CARE_OF_2, options: plain }));
  expect(late.message).toMatchObject({ status: 135, sequence: 15 });
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

const refusals = [
  { what: 'a home address off the home link', home: address('2001:db8:200::1'), lifetime: 105, status: 132 },
  { what: 'a home address that nobody has', home: address('2001:db8:100::77'), lifetime: 105, status: 129 },
  { what: 'the end of what nobody has', home: address('2001:db8:100::77'), lifetime: 0, status: 133 },
  { what: 'the end of what is not there', home: HOME, lifetime: 0, status: 133 },
];
test.each(refusals)('RFC 6275 10.3.1: without RFC 4285, $what is status $status', ({ home, lifetime, status }) => {
  const w = openWorld();
  expect(answer(w.update({ sequence: 15, home, lifetime, options: plain })).message.status).toBe(status);
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('RFC 5648: without RFC 4285 the Binding Identifier says which member it is', () => {
  const w = new HomeAgentWorld(61, { security: 'none', bid: 3 });
  const named = (bid: number) => (usual: MobilityOption[]) => [
    ...plain(usual),
    { kind: 'binding-identifier', bid, status: 0, simultaneous: false, priority: 10 } as const,
  ];
  expect(answer(w.update({ sequence: 15, options: named(4) })).message.status).toBe(129);
  expect(answer(w.update({ sequence: 15, options: named(3) })).message.status).toBe(0);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test("RFC 6275 9.5.1: a correspondent's binding does not become a home registration: status 139", () => {
  for (const security of ['rfc4285', 'none'] as const) {
    const host = new TestHost(AGENT, { seed: 63, forwarding: true });
    new Correspondent(host.environment, host.dispatch);
    const node = new ScriptedNode(host, AGENT, HOME, CARE_OF_1);
    node.tests();
    expect(answer(node.update({ sequence: 1 })).message.status).toBe(0);
    const associations = [{ home: HOME, spi: SPI, key: KEY }];
    const homePrefixes = [prefix('2001:db8:100::/64')];
    new HomeAgent(host.environment, host.dispatch, { address: AGENT, homePrefixes, associations, security });
    const update = new HomeAgentWorld(64).updatePacket({ sequence: 15 });
    expect(answer(host.give(update)).message).toMatchObject({ status: 139, sequence: 15 });
  }
});

test('RFC 4285 5.1: by default an update without its option is met with silence', () => {
  const w = new HomeAgentWorld(62);
  expect(w.update({ sequence: 15, options: plain })).toEqual([]);
  expectAcknowledgement(w.update({ sequence: 15 }), { status: 0, sequence: 15, to: CARE_OF_1, lifetime: 105 });
});
