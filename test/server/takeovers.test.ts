// Takeovers: which handoffs are still bringing a client here, and how many are remembered.

import { expect, test } from 'vitest';
import { MAX_INCOMING, MAX_REMEMBERED, Takeovers } from '../../stack/server/takeovers.ts';
import { CLIENT, RecordingAcceptor, World } from '../handoff/recorders.ts';

const idOf = (n: number): string => n.toString(16).padStart(32, '0');

function setup() {
  const world = new World();
  const takeovers = new Takeovers();
  const add = (n: number, from = 'b') => {
    const { acceptor } = new RecordingAcceptor(world);
    takeovers.add(idOf(n), { acceptor, from });
    return acceptor;
  };
  return { world, takeovers, add };
}

test('a client is on its way until its handoff is over', () => {
  const { world, takeovers, add } = setup();
  const acceptor = add(1);
  expect(takeovers.of(CLIENT)).toBe(acceptor);
  expect([...takeovers.clients()]).toEqual([CLIENT]);
  acceptor.failed(world.now, 'no');
  expect(takeovers.of(CLIENT)).toBeUndefined();
  expect([...takeovers.clients()]).toEqual([]);
  expect(takeovers.get(idOf(1))?.acceptor).toBe(acceptor);
});

test('a donor is told of by its own handoffs', () => {
  const { takeovers, add } = setup();
  const [fromB] = [add(1, 'b'), add(2, 'c')];
  expect(takeovers.from('b')).toEqual([fromB]);
});

test('no more come in at the same time than MAX_INCOMING, the finished ones not counted', () => {
  const { world, takeovers, add } = setup();
  const acceptors = Array.from({ length: MAX_INCOMING }, (_, n) => add(n));
  expect(takeovers.hasRoom()).toBe(false);
  acceptors[0]?.failed(world.now, 'no');
  expect(takeovers.hasRoom()).toBe(true);
});

test('the longest finished are forgotten first', () => {
  const { world, takeovers, add } = setup();
  const all = MAX_INCOMING + MAX_REMEMBERED;
  for (let n = 0; n < all; n++) add(n).failed(world.now, 'no');
  expect(takeovers.hasRoom()).toBe(true);
  expect(takeovers.get(idOf(0))).toBeUndefined();
  expect(takeovers.get(idOf(all - 1))).toBeDefined();
});
