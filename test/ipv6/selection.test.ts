import { describe, expect, test } from 'vitest';
import { pipe } from '../../stack/device/pipe.ts';
import { sortDestinations } from '../../stack/ipv6/destination-selection.ts';
import { Port } from '../../stack/ipv6/egress.ts';
import { PolicyTable } from '../../stack/ipv6/policy-table.ts';
import { Routes } from '../../stack/ipv6/route.ts';
import { type AddressMarks, type LocalAddress, selectSource } from '../../stack/ipv6/source-selection.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
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

describe('RFC 6724 4 and 5: source selection', () => {
  const [egress, elsewhere] = [port('egress'), port('elsewhere')];
  const policy = new PolicyTable();
  const on = (text: string, at: Port | undefined = egress, marks: AddressMarks = {}): LocalAddress => ({
    address: address(text),
    port: at,
    ...marks,
  });
  const pick = (candidates: LocalAddress[], destination: string, table = policy) =>
    selectSource(candidates, { destination: address(destination), egress, policy: table })?.address.toString();

  test.each([
    ['rule 1: the same address', ['2001:db8:1::1', '2001:db8:2::2'], '2001:db8:2::2', '2001:db8:2::2'],
    ['rule 2: global for global', ['fe80::1', '2001:db8:1::1'], '2001:db8:2::2', '2001:db8:1::1'],
    ['rule 2: link-local for link-local', ['2001:db8:1::1', 'fe80::1'], 'fe80::2', 'fe80::1'],
    ['rule 2: link-local for a link-scope group', ['2001:db8:1::1', 'fe80::1'], 'ff02::2', 'fe80::1'],
    ['10.1: for a site-scope group what reaches so far', ['fe80::1', '2001:db8:3::1'], 'ff05::1', '2001:db8:3::1'],
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

  const deprecated = { deprecated: true };
  const temporary = { temporary: true };

  test('rule 3: no deprecated one, where there is another', () => {
    const old = on('2001:db8:2::1', egress, deprecated);
    expect(pick([old, on('2001:db8:1::1')], '2001:db8:2::2')).toBe('2001:db8:1::1');
    expect(pick([old], '2001:db8:2::2')).toBe('2001:db8:2::1');
  });

  test('10.1: a deprecated one, where it is the destination itself, or the scope asks for it', () => {
    expect(pick([on('2001:db8:1::1', egress, deprecated), on('2001:db8:2::1')], '2001:db8:1::1')).toBe('2001:db8:1::1');
    expect(pick([on('fe80::2', egress, deprecated), on('2001:db8:1::1')], 'fe80::1')).toBe('fe80::2');
  });

  test('rule 5: an address of the outgoing device', () => {
    expect(pick([on('2001:db8:2::1', elsewhere), on('2001:db8:1::1')], '2001:db8:2::2')).toBe('2001:db8:1::1');
  });

  test('rule 7: a temporary one before the longest match, behind the matching label', () => {
    const shy = on('2001:db8:1::d5e3:7953:13eb:22e8', egress, temporary);
    expect(pick([on('2001:db8:2::2'), shy], '2001:db8:2::3')).toBe(shy.address.toString());
    expect(pick([on('2002:c633:6401::1'), shy], '2002:c633:6401::9')).toBe('2002:c633:6401::1');
  });

  test('2.1: another policy table, another choice', () => {
    const table = new PolicyTable([
      { prefix: prefix('::/0'), precedence: 40, label: 1 },
      { prefix: prefix('2001:db8:2::/48'), precedence: 40, label: 99 },
      { prefix: prefix('2001:db8:1::/48'), precedence: 40, label: 99 },
    ]);
    const candidates = [on('2001:db8:3::1'), on('2001:db8:1::1')];
    expect(pick(candidates, '2001:db8:2::2')).toBe('2001:db8:3::1');
    expect(pick(candidates, '2001:db8:2::2', table)).toBe('2001:db8:1::1');
  });

  test('an address of our own comes before the home address of the group', () => {
    expect(pick([{ address: HOME, port: undefined }, on('2001:db8:1::1')], '2001:db8:f::1')).toBe('2001:db8:1::1');
  });

  test('4: to a link-local destination or a group, only from an address on that link', () => {
    expect(pick([on('fe80::1', elsewhere), on('2001:db8:1::1')], 'fe80::2')).toBe('2001:db8:1::1');
    expect(pick([on('fe80::1', elsewhere)], 'ff02::1')).toBe(undefined);
  });

  test('without an address there is no source', () => {
    expect(pick([], '2001:db8:2::2')).toBe(undefined);
  });
});

describe('RFC 6724 6: the order of destinations', () => {
  const link = port('link');
  const policy = new PolicyTable();
  type Source = readonly [text: string, marks?: AddressMarks];

  /** Sorted from both orders, so that the answer is not that of rule 10. */
  function order(sources: readonly Source[], ...texts: string[]): string[][] {
    const locals = sources.map(([text, marks]) => ({ address: address(text), port: link, ...marks }));
    const stack = {
      policy,
      isTunnelled: () => false,
      sourceFor(destination: Address) {
        const family = locals.filter((local) => local.address.isMappedIpv4 === destination.isMappedIpv4);
        return selectSource(family, { destination, egress: link, policy });
      },
    };
    const textOf = new Map(texts.map((text) => [address(text).key, text]));
    const sorted = (list: readonly string[]) =>
      sortDestinations(list.map(address), stack).map((destination) => textOf.get(destination.key) ?? '');
    return [sorted(texts), sorted([...texts].reverse())];
  }

  const V6 = '2001:db8:1::2';

  test.each<readonly [string, readonly Source[], readonly [string, string]]>([
    ['rule 1: one without a source is the last', [['fd00::1']], ['fd00::2', '::ffff:198.51.100.121']],
    [
      'rule 2: matching scope',
      [[V6], ['fe80::1'], ['::ffff:169.254.13.78']],
      ['2001:db8:1::1', '::ffff:198.51.100.121'],
    ],
    ['rule 2: matching scope', [['fe80::1'], ['::ffff:198.51.100.117']], ['::ffff:198.51.100.121', '2001:db8:1::1']],
    ['rule 3: no deprecated source', [[V6], ['fe80::2', { deprecated: true }]], ['2001:db8:1::1', 'fe80::1']],
    ['rule 5: matching label', [['2002:c633:6401::2'], ['fe80::2']], ['2002:c633:6401::1', '2001:db8:1::1']],
    ['rule 6: precedence', [[V6], ['fe80::1'], ['::ffff:10.1.2.4']], ['2001:db8:1::1', '::ffff:10.1.2.3']],
    ['rule 6: precedence', [['2002:c633:6401::2'], [V6], ['fe80::2']], ['2001:db8:1::1', '2002:c633:6401::1']],
    ['rule 8: smaller scope', [[V6], ['fe80::2']], ['fe80::1', '2001:db8:1::1']],
    ['rule 9: longest match', [[V6], ['2001:db8:3f44::2'], ['fe80::2']], ['2001:db8:1::1', '2001:db8:3ffe::1']],
  ])('10.2, %s: %j', (_name, sources, expected) => {
    expect(order(sources, ...expected)).toEqual([expected, expected]);
  });

  test('rule 10: otherwise as they came', () => {
    const equal = ['2001:db8:7::1', '2001:db8:7::2', '2001:db8:7::3'];
    expect(order([[V6]], ...equal)).toEqual([equal, [...equal].reverse()]);
  });

  test('rule 7: native transport comes before a tunnel of ours', () => {
    const { ipv6 } = world();
    const [far, near] = [address('2001:db8:1:1::1'), address('2001:db8:1:2::1')];
    const tunnel = { source: HOST, destination: PEER };
    ipv6.addHooks({ output: { detour: (_source, to) => (to.equals(far) ? { tunnel } : undefined) } });
    expect(ipv6.sortDestinations([far, near])).toEqual([near, far]);
  });

  test('what cannot be reached at all is the last', () => {
    const { ipv6 } = world();
    const [here, nowhere] = [address('2001:db8:2::9'), address('fe80::9')];
    expect(ipv6.sortDestinations([nowhere, here])).toEqual([here, nowhere]);
  });

  test('marks of our addresses count', () => {
    const { ipv6 } = world();
    const other = address('2001:db8:2::7');
    ipv6.addAddress(other);
    ipv6.markAddress(HOST, { deprecated: true });
    expect(ipv6.selectSource(PEER)).toEqual(other);
    ipv6.markAddress(HOST, {});
    expect(ipv6.selectSource(PEER)).toEqual(HOST);
    expect(() => ipv6.markAddress(PEER, {})).toThrow('not ours');
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
