// The lab's map: its sites, their addresses, and how the Internet treats packets from each site to each other
// (an ordered pair). Data only; namespaces.ts builds it and router.ts acts on it. Addresses are from the
// documentation prefix (RFC 3849).

import { milliseconds, toMilliseconds } from '../../stack/core/time.ts';
import type { LinkConditions } from '../../stack/device/fault.ts';
import { type Address, address, type Prefix, prefix } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';

export interface Site {
  readonly name: string;
  /** The site's own prefix: everything in it is behind this site's link to the Internet. */
  readonly prefix: Prefix;
  /** Address of the site's kernel, which forwards between the Internet and the role's TUN. */
  readonly kernel: Address;
  /** Address of the stack behind the role's TUN: home agent, care-of address, client. */
  readonly node: Address;
  /** Prefixes beside its own that are routed to the site and on to its role (the home prefix). */
  readonly extra: readonly Prefix[];
}

/** How packets of one ordered pair of sites travel. */
export type PathConditions = Pick<LinkConditions, 'delay' | 'loss' | 'duplication' | 'reordering' | 'marking' | 'rate'>;

/** Those of them that are probabilities. */
export const SHARES = ['loss', 'duplication', 'reordering', 'marking'] as const;

export interface Topology {
  readonly sites: readonly Site[];
  /** By pairKey(from, to). */
  readonly paths: ReadonlyMap<string, PathConditions>;
  readonly seed: number;
}

export const SITE_NAMES = ['home', 'a', 'b', 'c'] as const;
export const HOME_SITE = 'home';
export const SERVER_SITES = ['a', 'b'] as const;
export const CLIENT_SITE = 'c';

/** Where a role's stack attaches in its site, and where the router does. */
export const NODE_DEVICE = 'hp0';
export const WAN_DEVICE = 'wan0';

export const HOME_PREFIX = prefix('2001:db8:100::/64');
export const CONTACT_ADDRESS = address('2001:db8:100::1');
/** The source of the Internet's own ICMPv6 errors. */
export const ROUTER_ADDRESS = address('2001:db8::1');

export const LAB_MTU = 1500;

/** Of the client's link; the servers and home have a better one. */
const CLIENT_RATE = 100e6;
const SERVER_RATE = 1e9;

export const DEFAULT_SEED = 1;

const DEFAULT_DELAY_MS: Readonly<Record<string, number>> = { 'a-b': 10, 'a-c': 20, 'b-c': 20 };
const HOME_DELAY_MS = 7;

/** The key of an ordered pair of sites. */
export const pairKey = (from: string, to: string): string => `${from}:${to}`;

/** What one flag changes, where. 'all', or an ordered pair, or both orders of a pair. */
export interface PathOverride {
  readonly pairs: 'all' | readonly (readonly [from: string, to: string])[];
  readonly change: Partial<PathConditions>;
}

export interface TopologyOptions {
  /** Applied in order: later ones win. */
  readonly overrides?: readonly PathOverride[];
  readonly seed?: number;
}

export function createTopology(options: TopologyOptions = {}): Topology {
  const paths = new Map<string, PathConditions>();
  for (const from of SITE_NAMES) {
    for (const to of SITE_NAMES) {
      if (from !== to) paths.set(pairKey(from, to), defaultConditions(from, to));
    }
  }
  for (const { pairs, change } of options.overrides ?? []) {
    const keys = pairs === 'all' ? [...paths.keys()] : pairs.map(([from, to]) => pairKey(from, to));
    for (const key of keys) {
      const before = paths.get(key);
      if (before === undefined) throw new UserError(`no such pair of sites: ${key} (sites: ${SITE_NAMES.join(', ')})`);
      paths.set(key, { ...before, ...change });
    }
  }
  return { sites: SITE_NAMES.map(createSite), paths, seed: options.seed ?? DEFAULT_SEED };
}

export function siteNamed(topology: Topology, name: string): Site {
  const site = topology.sites.find((s) => s.name === name);
  if (site === undefined) {
    throw new UserError(`no site '${name}' in the lab (sites: ${topology.sites.map((s) => s.name).join(', ')})`);
  }
  return site;
}

export function conditions(topology: Topology, from: string, to: string): PathConditions {
  const found = topology.paths.get(pairKey(from, to));
  if (found === undefined) throw new Error(`no path from ${from} to ${to}`);
  return found;
}

function defaultConditions(from: string, to: string): PathConditions {
  const delayMs = DEFAULT_DELAY_MS[[from, to].sort().join('-')] ?? HOME_DELAY_MS;
  const rate = from === CLIENT_SITE || to === CLIENT_SITE ? CLIENT_RATE : SERVER_RATE;
  return { delay: milliseconds(delayMs), loss: 0, duplication: 0, reordering: 0, marking: 0, rate };
}

function createSite(name: string): Site {
  const group = name === HOME_SITE ? '1' : name;
  return {
    name,
    prefix: prefix(`2001:db8:${group}::/64`),
    kernel: address(`2001:db8:${group}::fe`),
    node: address(`2001:db8:${group}::1`),
    extra: name === HOME_SITE ? [HOME_PREFIX] : [],
  };
}

/** One-way delays as people read them, one line a pair that differs by direction, or one for both. */
export function describePaths(topology: Topology): string[] {
  const lines: string[] = [];
  for (const [i, from] of topology.sites.entries()) {
    for (const to of topology.sites.slice(i + 1)) {
      const there = describe(conditions(topology, from.name, to.name));
      const back = describe(conditions(topology, to.name, from.name));
      if (there === back) lines.push(`${from.name} <-> ${to.name}: ${there}`);
      else lines.push(`${from.name} -> ${to.name}: ${there}`, `${to.name} -> ${from.name}: ${back}`);
    }
  }
  return lines;
}

function describe(path: PathConditions): string {
  const parts = [`${toMilliseconds(path.delay)} ms`];
  if (path.rate > 0) parts.push(`${path.rate / 1e6} Mbit/s`);
  for (const key of SHARES) {
    if (path[key] > 0) parts.push(`${key} ${Number((path[key] * 100).toFixed(3))} %`);
  }
  return parts.join(', ');
}
