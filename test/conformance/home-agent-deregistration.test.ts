// Lifetime 0 (RFC 6275 10.3.2): the binding ends at once, its sequence number is remembered for 10 s.

import { expect, test } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import {
  CARE_OF_1,
  expectAcknowledgement,
  expectBindingError,
  HomeAgentWorld,
  only,
  refreshAdvice,
  registered,
} from './home-agent-world.ts';

/** Id, A bit. */
type Case = readonly [id: string, acknowledge: boolean];

const ended: readonly Case[] = [
  ['HA_3_1_11', true],
  ['HA_3_1_12', false],
];

const unknown: readonly Case[] = [
  ['HA_3_2_11', true],
  ['HA_3_2_12', false],
];

test.each(ended)('%s: acknowledged, served no more, remembered for 10 s', (_id, acknowledge) => {
  const w = registered(30);
  const sent = w.update({ sequence: 16, lifetime: 0, acknowledge });
  expectAcknowledgement(sent, { status: 0, sequence: 16, to: CARE_OF_1, lifetime: 0 });
  expect(refreshAdvice(only(sent))).toBeUndefined();
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
  // RFC 6275 10.3.2: an older update that comes late does not bring the binding back.
  w.pass(seconds(9));
  const late = w.update({ sequence: 15, acknowledge });
  expectAcknowledgement(late, { status: 135, sequence: 16, to: CARE_OF_1, lifetime: 0 });
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
  w.pass(seconds(1));
  const afresh = w.update({ sequence: 15, acknowledge });
  expectAcknowledgement(afresh, { status: 0, sequence: 15, to: CARE_OF_1, lifetime: 105 });
});

test.each(unknown)('%s: with nothing registered it is status 133', (_id, acknowledge) => {
  const w = new HomeAgentWorld(31);
  const sent = w.update({ sequence: 15, lifetime: 0, acknowledge });
  expectAcknowledgement(sent, { status: 133, sequence: 15, to: CARE_OF_1, lifetime: 0 });
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
});
