// Default source address selection (RFC 6724 5), the rules that can apply here: no address of ours is
// deprecated (rule 3) or temporary (rule 7), and there is no next hop that advertised a prefix (rule 5.5).

import type { Address } from '../wire/address.ts';
import { type Prefix, prefix } from '../wire/address.ts';
import type { Port } from './egress.ts';

export interface LocalAddress {
  readonly address: Address;
  /** The device it was configured on; a home address has none. */
  readonly port: Port | undefined;
}

/** How far a candidate is ahead of another under one rule: positive, `a` is preferred. */
type Rule = (a: LocalAddress, b: LocalAddress, destination: Address, egress: Port) => number;

const RULES: readonly Rule[] = [
  // Rule 1: prefer the same address.
  (a, b, destination) => yes(a.address.equals(destination)) - yes(b.address.equals(destination)),
  // Rule 2: prefer the appropriate scope: the smallest that reaches as far as the destination.
  (a, b, destination) => scopeRank(a.address, destination) - scopeRank(b.address, destination),
  // Deviates from RFC 6724 5 rule 4 (prefer home addresses): the home address here is shared by a group, and an
  // answer to it may reach another member. What speaks for itself and names no address uses its own.
  (a, b) => yes(a.port !== undefined) - yes(b.port !== undefined),
  // Rule 5: prefer an address of the outgoing interface.
  (a, b, _destination, egress) => yes(a.port === egress) - yes(b.port === egress),
  // Rule 6: prefer a matching label.
  (a, b, destination) =>
    yes(labelOf(a.address) === labelOf(destination)) - yes(labelOf(b.address) === labelOf(destination)),
  // Rule 8: the longest matching prefix.
  (a, b, destination) => commonPrefixLength(a.address, destination) - commonPrefixLength(b.address, destination),
];

/** The best of our addresses for packets that leave through `egress`; of equals the first. */
export function selectSource(
  candidates: Iterable<LocalAddress>,
  destination: Address,
  egress: Port,
): Address | undefined {
  let best: LocalAddress | undefined;
  for (const candidate of candidates) {
    if (best === undefined || isBetter(candidate, best, destination, egress)) best = candidate;
  }
  return best?.address;
}

function isBetter(a: LocalAddress, b: LocalAddress, destination: Address, egress: Port): boolean {
  for (const rule of RULES) {
    const ahead = rule(a, b, destination, egress);
    if (ahead !== 0) return ahead > 0;
  }
  return false;
}

const SCOPE = { interfaceLocal: 1, linkLocal: 2, global: 14 } as const;

/** RFC 6724 3.1; a multicast address says its scope itself (RFC 4291 2.7). */
function scopeOf(a: Address): number {
  if (a.isMulticast) return (a.w0 >>> 16) & 0xf;
  if (a.isLoopback) return SCOPE.interfaceLocal;
  return a.isLinkLocal ? SCOPE.linkLocal : SCOPE.global;
}

/** Greater is better: all that reach the destination, the narrowest first, before those that do not. */
function scopeRank(source: Address, destination: Address): number {
  const scope = scopeOf(source);
  return scope >= scopeOf(destination) ? 100 - scope : scope;
}

/** Default policy table (RFC 6724 2.1), longest prefix first. */
const LABELS: readonly { readonly prefix: Prefix; readonly label: number }[] = [
  { prefix: prefix('::1/128'), label: 0 },
  { prefix: prefix('::ffff:0:0/96'), label: 4 },
  { prefix: prefix('::/96'), label: 3 },
  { prefix: prefix('2001::/32'), label: 5 },
  { prefix: prefix('2002::/16'), label: 2 },
  { prefix: prefix('3ffe::/16'), label: 12 },
  { prefix: prefix('fec0::/10'), label: 11 },
  { prefix: prefix('fc00::/7'), label: 13 },
];
const DEFAULT_LABEL = 1;

const labelOf = (a: Address): number => LABELS.find((entry) => entry.prefix.contains(a))?.label ?? DEFAULT_LABEL;

/** RFC 6724 2.2: no more than the length of the source's subnet prefix counts. */
const SUBNET_PREFIX_LEN = 64;

function commonPrefixLength(a: Address, b: Address): number {
  const high = Math.clz32(a.w0 ^ b.w0);
  const length = high < 32 ? high : 32 + Math.clz32(a.w1 ^ b.w1);
  return Math.min(length, SUBNET_PREFIX_LEN);
}

const yes = (condition: boolean): number => (condition ? 1 : 0);
