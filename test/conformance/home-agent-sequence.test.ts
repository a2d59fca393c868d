// Which sequence numbers move a home registration, and which are refused (RFC 6275 9.5.1): modulo 2^16.

import { expect, test } from 'vitest';
import {
  CARE_OF_1,
  CARE_OF_2,
  expectAcknowledgement,
  expectBindingError,
  expectRoutedReply,
  registered,
} from './home-agent-world.ts';

/** Id, sequence number accepted from the first care-of address, that of the update from the second, its A bit. */
type Case = readonly [id: string, first: number, second: number, acknowledge: boolean];

const moves: readonly Case[] = [
  ['HA_2_5_3', 15, 16, true],
  ['HA_2_5_7', 15, 16, false],
  ['HA_2_5_4', 15, 32_782, true],
  ['HA_2_7_3', 32_783, 32_784, true],
  ['HA_2_7_4', 32_783, 14, true],
];

const refused: readonly Case[] = [
  ['HA_2_6_7', 15, 14, true],
  ['HA_2_6_10', 15, 14, false],
  ['HA_2_6_8', 15, 15, true],
  ['HA_2_6_9', 15, 32_783, true],
  ['HA_2_8_7', 32_783, 32_782, true],
  ['HA_2_8_8', 32_783, 32_783, true],
  ['HA_2_8_9', 32_783, 15, true],
];

test.each(moves)('%s: after %i, %i moves the registration', (_id, first, second, acknowledge) => {
  const w = registered(20, first);
  const sent = w.update({ sequence: second, careOf: CARE_OF_2, acknowledge });
  const due = { status: 0, sequence: second, to: CARE_OF_2, lifetime: 105 };
  expect(expectAcknowledgement(sent, due)).toBeGreaterThan(0);
  expectRoutedReply(w.homeEcho(CARE_OF_2), CARE_OF_2);
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test.each(refused)('%s: after %i, %i is refused', (_id, first, second, acknowledge) => {
  const w = registered(21, first);
  const sent = w.update({ sequence: second, careOf: CARE_OF_2, acknowledge });
  expectAcknowledgement(sent, { status: 135, sequence: first, to: CARE_OF_2, lifetime: 0 });
  expectBindingError(w.homeEcho(CARE_OF_2), CARE_OF_2);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
});
