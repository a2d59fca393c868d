// The lab's map and the flags that shape it.

import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { address } from '../../stack/wire/address.ts';
import { addLabOptions, flagsOfTopology, type LabFlags, topologyFromFlags } from '../../tools/lab/options.ts';
import {
  CONTACT_ADDRESS,
  conditions,
  createTopology,
  describePaths,
  SITE_NAMES,
  siteNamed,
  type Topology,
} from '../../tools/lab/topology.ts';

function parse(...flags: readonly string[]): Topology {
  const command = addLabOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return topologyFromFlags(command.parse([...flags], { from: 'user' }).opts<LabFlags>());
}

const delayMs = (topology: Topology, from: string, to: string): number => conditions(topology, from, to).delay / 1_000;

test('defaults: 10 ms between a and b, 20 ms between the client and both, 7 ms from home to each', () => {
  const topology = createTopology();
  const delays = [...topology.paths].map(([pair, path]) => [pair, path.delay / 1_000]);
  expect(Object.fromEntries(delays)).toEqual({
    ...{ 'a:b': 10, 'b:a': 10, 'a:c': 20, 'c:a': 20, 'b:c': 20, 'c:b': 20 },
    ...{ 'home:a': 7, 'a:home': 7, 'home:b': 7, 'b:home': 7, 'home:c': 7, 'c:home': 7 },
  });
});

test('the contact address belongs to site home, every node to its own site', () => {
  const topology = createTopology();
  expect(siteNamed(topology, 'home').extra.some((prefix) => prefix.contains(CONTACT_ADDRESS))).toBe(true);
  for (const { node, kernel, prefix } of topology.sites) {
    expect([prefix.contains(node), prefix.contains(kernel), node.equals(kernel)]).toEqual([true, true, false]);
  }
  expect(siteNamed(topology, 'a').node).toEqual(address('2001:db8:a::1'));
});

describe('flags', () => {
  test('a-b sets both directions, a:b one', () => {
    const topology = parse('--delay', 'a-b=35ms', '--delay', 'c:a=1.5ms');
    expect([delayMs(topology, 'a', 'b'), delayMs(topology, 'b', 'a')]).toEqual([35, 35]);
    expect([delayMs(topology, 'c', 'a'), delayMs(topology, 'a', 'c')]).toEqual([1.5, 20]);
  });

  test('a bare value is for all pairs and yields to one for a pair, whatever their order', () => {
    const topology = parse('--loss', 'c-a=1%', '--loss', '0.5%');
    expect(conditions(topology, 'a', 'c').loss).toBe(0.01);
    expect(conditions(topology, 'a', 'b').loss).toBe(0.005);
  });

  test('rates, shares and the seed are taken over', () => {
    const topology = parse(
      '--rate',
      'c-a=64kbit',
      '--duplication',
      'a:b=2%',
      '--reordering',
      '0.03',
      '--marking',
      'c:a=5%',
      '--seed',
      '42',
    );
    expect(conditions(topology, 'a', 'c')).toMatchObject({
      rate: 64_000,
      duplication: 0,
      reordering: 0.03,
      marking: 0,
    });
    expect(conditions(topology, 'c', 'a').marking).toBe(0.05);
    expect(conditions(topology, 'a', 'b').duplication).toBe(0.02);
    expect(topology.seed).toBe(42);
  });

  test.each([
    ['--delay', 'a-x=10ms', /no site 'x'/],
    ['--delay', 'a-a=10ms', /two different sites/],
    ['--delay', 'a-b=10', /a time such as/],
    ['--delay', 'a-b=61s', /60 s at most/],
    ['--delay', 'a-b=-1ms', /a time such as/],
    ['--delay', 'a-b=1ms=2ms', /pair=value/],
    ['--loss', 'c-a=101%', /a share such as/],
    ['--rate', '100', /a rate such as/],
    ['--rate', '0mbit', /a rate such as/],
    ['--seed', '-1', /a whole number/],
  ])('%s %s is refused', (flag, value, reason) => {
    expect(() => parse(flag, value)).toThrow(reason);
  });

  test('the flags of a topology give it again', () => {
    const pair = fc.tuple(fc.constantFrom(...SITE_NAMES), fc.constantFrom(...SITE_NAMES)).filter(([a, b]) => a !== b);
    const change = fc.record({
      delay: fc.integer({ min: 0, max: 60_000 }).map((ms) => milliseconds(ms)),
      loss: fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000),
      duplication: fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000),
      reordering: fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000),
      marking: fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000),
      rate: fc.integer({ min: 0, max: 1e6 }).map((kbit) => kbit * 1e3),
    });
    const override = fc.record({ pairs: fc.array(pair, { maxLength: 3 }), change });
    fc.assert(
      fc.property(fc.array(override, { maxLength: 5 }), fc.nat(), (overrides, seed) => {
        const topology = createTopology({ overrides, seed });
        expect(parse(...flagsOfTopology(topology))).toEqual(topology);
      }),
      { numRuns: 30 },
    );
  });
});

test('paths are described once where both directions are alike, twice where not', () => {
  const lines = describePaths(parse('--delay', 'a:b=11ms', '--loss', 'c-a=1%', '--rate', 'c-a=none'));
  expect(lines).toContain('a -> b: 11 ms, 1000 Mbit/s');
  expect(lines).toContain('b -> a: 10 ms, 1000 Mbit/s');
  expect(lines).toContain('a <-> c: 20 ms, loss 1 %');
  expect(lines).toHaveLength(7);
});
