import { describe, expect, test } from 'vitest';
import { pipe } from '../../stack/device/pipe.ts';
import { Port } from '../../stack/ipv6/egress.ts';
import { Routes } from '../../stack/ipv6/route.ts';
import { type LocalAddress, selectSource } from '../../stack/ipv6/source-selection.ts';
import { address, prefix } from '../../stack/wire/address.ts';
import { HOME, HOST, PEER, world } from './world.ts';

const port = (name: string): Port => new Port(pipe({ names: [name, 'far'] })[0]);

describe('longest prefix match', () => {
  const [wide, narrow, exact, other] = [port('wide'), port('narrow'), port('exact'), port('other')];
  const routes = new Routes();
  routes.add(prefix('::/0'), wide);
  routes.add(prefix('2001:db8:0:8000::/49'), narrow);
  routes.add(prefix('2001:db8:0:8000::1/128'), exact);
  routes.add(prefix('::/0'), other);

  test.each([
    ['2001:db8:0:8000::1', 'exact'],
    ['2001:db8:0:8000::2', 'narrow'],
    ['2001:db8:0:ffff:ffff:ffff:ffff:ffff', 'narrow'],
    ['2001:db8:0:7fff::1', 'wide'],
    ['ffff::', 'wide'],
  ])('%s leaves through %s', (destination, name) => {
    expect(routes.lookup(address(destination))?.device.name).toBe(name);
  });

  test('a removed route leaves the next best, and in the end none', () => {
    routes.remove(prefix('::/0'), wide);
    expect(routes.lookup(address('::1'))?.device.name).toBe('other');
    routes.removePort(other);
    expect(routes.lookup(address('::1'))).toBe(undefined);
  });
});

describe('RFC 6724 5: source selection', () => {
  const [egress, elsewhere] = [port('egress'), port('elsewhere')];
  const on = (text: string, at: Port | undefined = egress): LocalAddress => ({ address: address(text), port: at });
  const pick = (candidates: LocalAddress[], destination: string) =>
    selectSource(candidates, address(destination), egress)?.toString();

  test.each([
    ['rule 1: the same address', ['2001:db8:1::1', '2001:db8:2::2'], '2001:db8:2::2', '2001:db8:2::2'],
    ['rule 2: global for global', ['fe80::1', '2001:db8:1::1'], '2001:db8:2::2', '2001:db8:1::1'],
    ['rule 2: link-local for link-local', ['2001:db8:1::1', 'fe80::1'], 'fe80::2', 'fe80::1'],
    ['rule 2: link-local for a link-scope group', ['2001:db8:1::1', 'fe80::1'], 'ff02::2', 'fe80::1'],
    ['rule 6: unique local for unique local', ['2001:db8:1::1', 'fd00::1'], 'fd00:1::1', 'fd00::1'],
    ['rule 6: global for global', ['fd00::1', '2001:db8:1::1'], '2001:db8:2::2', '2001:db8:1::1'],
    ['rule 8: the longest match', ['2001:db8:1::1', '2001:db8:2::1'], '2001:db8:2::2', '2001:db8:2::1'],
    ['of equals the first', ['2001:db8:1::1', '2001:db8:1::2'], '2001:db8:2::2', '2001:db8:1::1'],
  ])('%s', (_name, candidates, destination, expected) => {
    expect(
      pick(
        candidates.map((text) => on(text)),
        destination,
      ),
    ).toBe(expected);
  });

  test('rule 5: an address of the outgoing device', () => {
    expect(pick([on('2001:db8:2::1', elsewhere), on('2001:db8:1::1')], '2001:db8:2::2')).toBe('2001:db8:1::1');
  });

  test('an address of our own comes before the home address of the group', () => {
    expect(pick([{ address: HOME, port: undefined }, on('2001:db8:1::1')], '2001:db8:f::1')).toBe('2001:db8:1::1');
  });

  test('without an address there is no source', () => {
    expect(pick([], '2001:db8:2::2')).toBe(undefined);
  });
});

test('addresses come and go', () => {
  const { ipv6 } = world();
  expect(ipv6.selectSource(PEER)).toEqual(HOST);
  expect(ipv6.isLocal(HOME)).toBe(false);
  ipv6.addAddress(HOME);
  expect(ipv6.isLocal(HOME)).toBe(true);
  ipv6.removeAddress(HOME);
  expect(ipv6.isLocal(HOME)).toBe(false);
  ipv6.removeAddress(HOST);
  expect(ipv6.selectSource(PEER)).toBe(undefined);
});
