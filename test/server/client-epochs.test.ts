// ClientEpochs: the numbers of handoffs only grow, and the table does not.

import { expect, test } from 'vitest';
import { ClientEpochs, MAX_EPOCHS } from '../../stack/server/client-epochs.ts';
import { Address, address } from '../../stack/wire/address.ts';

const CLIENT = address('2001:db8:c::1');

test('a client that was never handed off has number 0', () => {
  expect(new ClientEpochs().of(CLIENT)).toBe(0);
});

test('a number that is past changes nothing', () => {
  const epochs = new ClientEpochs();
  epochs.note(CLIENT, 5);
  epochs.note(CLIENT, 3);
  expect(epochs.of(CLIENT)).toBe(5);
  epochs.note(CLIENT, 6);
  expect(epochs.of(CLIENT)).toBe(6);
});

test('when the table is full, the client whose handoff is longest ago is forgotten', () => {
  const epochs = new ClientEpochs();
  const client = (n: number) => new Address(0x20010db8, 0, 0, n);
  for (let n = 0; n < MAX_EPOCHS; n++) epochs.note(client(n), 1);
  epochs.note(client(0), 2);
  epochs.note(CLIENT, 1);
  expect([0, 1, 2].map((n) => epochs.of(client(n)))).toEqual([2, 0, 1]);
});
