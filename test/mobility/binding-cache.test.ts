import { describe, expect, test } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import type { Correspondent } from '../../stack/mobility/correspondent.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { CARE_OF, HOME, SELF, tested, world } from './correspondent-world.ts';
import { ScriptedNode } from './scripted-node.ts';
import type { TestHost } from './support.ts';
import { theMessage } from './support.ts';

/** A node that has done its tests. */
function nodeAt(host: TestHost, home: Address): ScriptedNode {
  const node = new ScriptedNode(host, SELF, home, CARE_OF);
  node.tests();
  return node;
}

/** Bound now, one after the other. */
function bind(host: TestHost, ...homes: readonly string[]): void {
  for (const home of homes) nodeAt(host, address(home)).update({ sequence: 1 });
}

const isBound = (correspondent: Correspondent, home: string): boolean =>
  correspondent.careOfAddress(address(home)) !== undefined;

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${(n + 1).toString(16)}`);

describe('a full binding cache', () => {
  test('RFC 6275 9.6: gives up the oldest binding that is not in use', () => {
    const { host, correspondent } = world({ maxBindings: 2 });
    const first = nodeAt(host, address('2001:db8:100::1'));
    first.update({ sequence: 1 });
    bind(host, '2001:db8:100::2');
    first.echo();
    bind(host, '2001:db8:100::3');
    expect(isBound(correspondent, '2001:db8:100::1')).toBe(true);
    expect(isBound(correspondent, '2001:db8:100::2')).toBe(false);
    expect(isBound(correspondent, '2001:db8:100::3')).toBe(true);
  });

  test('RFC 6275 9.6: a binding in use goes all the same when all are', () => {
    const { host, correspondent } = world({ maxBindings: 2 });
    for (const home of numbered('2001:db8:100::', 3)) {
      const node = nodeAt(host, address(home));
      node.update({ sequence: 1 });
      node.echo();
    }
    expect(correspondent.bindingCount).toBe(2);
    expect(isBound(correspondent, '2001:db8:100::3')).toBe(true);
  });

  test('RFC 6275 9.6, 15.5: who fills it from one site, whatever its subnets, loses bindings of its own', () => {
    const { host, correspondent } = world({ maxBindings: 8 });
    bind(host, '2001:db8:1::1', '2001:db8:2::1', '2001:db8:2::2');
    bind(host, ...numbered('2001:db8:bad:', 40).map((subnet) => `${subnet}::1`));
    expect(correspondent.bindingCount).toBe(8);
    for (const home of ['2001:db8:1::1', '2001:db8:2::1', '2001:db8:2::2']) {
      expect(isBound(correspondent, home)).toBe(true);
    }
  });

  test('RFC 6275 9.6, 15.5: a newcomer takes the place of one of the site that holds most', () => {
    const { host, correspondent } = world({ maxBindings: 8 });
    bind(host, ...numbered('2001:db8:bad:', 8).map((subnet) => `${subnet}::1`));
    bind(host, '2001:db8:1::1', '2001:db8:2::1');
    expect(isBound(correspondent, '2001:db8:1::1')).toBe(true);
    expect(isBound(correspondent, '2001:db8:2::1')).toBe(true);
    expect(isBound(correspondent, '2001:db8:bad:1::1')).toBe(false);
    expect(isBound(correspondent, '2001:db8:bad:8::1')).toBe(true);
  });

  test('RFC 6275 9.6: a binding that lost its place is heard of no more', () => {
    const { host, correspondent } = world({ maxBindings: 1 });
    bind(host, '2001:db8:1::1', '2001:db8:2::1');
    expect(isBound(correspondent, '2001:db8:1::1')).toBe(false);
    host.pass(seconds(419));
    expect(isBound(correspondent, '2001:db8:2::1')).toBe(true);
    host.pass(seconds(1));
    expect(correspondent.bindingCount).toBe(0);
  });
});

describe('sequence numbers', () => {
  const replayed = (host: TestHost, update: Uint8Array) =>
    theMessage(host.give(update), 'binding-acknowledgement').message;

  test('RFC 6275 5.2.8: are remembered across expiry, as long as the nonces of their time', () => {
    const { host, node } = tested();
    node.update({ sequence: 10, lifetime: 1 });
    host.pass(seconds(100));
    expect(replayed(host, node.updatePacket({ sequence: 10 }))).toMatchObject({ status: 135, sequence: 10 });
    host.pass(seconds(144));
    node.tests();
    expect(replayed(host, node.updatePacket({ sequence: 9 }))).toMatchObject({ status: 0, sequence: 9 });
  });

  test('RFC 6275 5.2.8: do not begin anew with younger nonces, which would let updates of before be replayed', () => {
    const { host, node } = tested();
    const first = node.updatePacket({ sequence: 10 });
    host.give(first);
    node.update({ sequence: 11, lifetime: 0 });
    host.pass(seconds(31));
    node.tests();
    expect(replayed(host, node.updatePacket({ sequence: 5 }))).toMatchObject({ status: 135, sequence: 11 });
    expect(replayed(host, node.updatePacket({ sequence: 12 }))).toMatchObject({ status: 0 });
    expect(replayed(host, first)).toMatchObject({ status: 135, sequence: 12 });
  });

  test('RFC 6275 5.2.8: are remembered of a binding that lost its place', () => {
    const { host } = world({ maxBindings: 1 });
    const node = nodeAt(host, HOME);
    const update = node.updatePacket({ sequence: 10 });
    host.give(update);
    bind(host, '2001:db8:2::1');
    expect(replayed(host, update)).toMatchObject({ status: 135, sequence: 10 });
  });

  test('RFC 6275 5.2.8: are remembered though a stranger makes and deletes bindings without end', () => {
    const { host } = world({ maxBindings: 8 });
    const node = nodeAt(host, HOME);
    const update = node.updatePacket({ sequence: 10 });
    host.give(update);
    node.update({ sequence: 11, lifetime: 0 });
    for (const subnet of numbered('2001:db8:bad:', 40)) {
      const stranger = nodeAt(host, address(`${subnet}::1`));
      stranger.update({ sequence: 1 });
      stranger.update({ sequence: 2, lifetime: 0 });
    }
    expect(replayed(host, update)).toMatchObject({ status: 135, sequence: 11 });
  });
});
