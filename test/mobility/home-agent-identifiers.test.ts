// What a Binding Identifier option may say (RFC 5648 6.3), each refusal with its status in the option too.

import { expect, test } from 'vitest';
import { address } from '../../stack/wire/address.ts';
import type { BindingIdentifier, MobilityOption } from '../../stack/wire/mobility-option.ts';
import {
  CARE_OF_1,
  CARE_OF_2,
  expectBindingError,
  expectRoutedReply,
  HomeAgentWorld,
} from '../conformance/home-agent-world.ts';
import { theMessage } from './support.ts';

const BID = 3;
const identifier = (parts: Partial<BindingIdentifier> = {}): MobilityOption => ({
  kind: 'binding-identifier',
  bid: BID,
  status: 0,
  simultaneous: false,
  priority: 10,
  ...parts,
});

const refusals: readonly [string, readonly MobilityOption[], number][] = [
  ['an identifier of 0', [identifier({ bid: 0 })], 164],
  ['several identifiers', [identifier(), identifier({ bid: 4 })], 168],
  ['home and away at once', [identifier({ simultaneous: true })], 169],
];
test.each(refusals)('RFC 5648 6.3: %s is refused', (_what, identifiers, status) => {
  const w = new HomeAgentWorld(70, { bid: BID });
  const sent = w.update({ sequence: 15, options: (usual) => [...identifiers, ...usual] });
  const { message } = theMessage(sent, 'binding-acknowledgement');
  expect(message).toMatchObject({ status, sequence: 15 });
  expect(message.options[0]).toMatchObject({ kind: 'binding-identifier', status });
  for (const careOf of [CARE_OF_1, CARE_OF_2]) expectBindingError(w.homeEcho(careOf), careOf);
});

test('RFC 5648 6.3: two care-of addresses in one update are refused', () => {
  const w = new HomeAgentWorld(74, { bid: BID, security: 'none' });
  const sent = w.update({ sequence: 15, options: (usual) => [identifier({ careOf: CARE_OF_2 }), ...usual] });
  expect(theMessage(sent, 'binding-acknowledgement').message).toMatchObject({ status: 164, sequence: 15 });
  for (const careOf of [CARE_OF_1, CARE_OF_2]) expectBindingError(w.homeEcho(careOf), careOf);
});

test('RFC 5648 6.1: the care-of address in a Binding Identifier option is bound', () => {
  const w = new HomeAgentWorld(71, { bid: BID });
  const options = (usual: MobilityOption[]): MobilityOption[] => [identifier({ careOf: CARE_OF_1 }), ...usual];
  const { message } = theMessage(w.update({ sequence: 15, options }), 'binding-acknowledgement');
  expect(message).toMatchObject({ status: 0 });
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('RFC 6275 9.5.1: a care-of address in it that is not routable is discarded in silence', () => {
  const w = new HomeAgentWorld(72, { bid: BID });
  const alone = (usual: MobilityOption[]): MobilityOption[] => [
    identifier({ careOf: address('fe80::1') }),
    ...usual.filter(({ kind }) => kind !== 'alternate-care-of'),
  ];
  expect(w.update({ sequence: 15, options: alone })).toEqual([]);
});

test("RFC 5648: an identifier is refused where the home address is one node's own", () => {
  const w = new HomeAgentWorld(73);
  const sent = w.update({ sequence: 15, options: (usual) => [identifier(), ...usual] });
  expect(theMessage(sent, 'binding-acknowledgement').message.status).toBe(166);
});
