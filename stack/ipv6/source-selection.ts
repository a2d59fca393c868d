// Default source address selection (RFC 6724 4 and 5). Rule 5.5 (an address from a prefix that the next hop advertised)
// says here what rule 5 says: a device is a point-to-point link with one next hop, and the addresses on the device
// are those that it knows.

import type { Address } from '../wire/address.ts';
import type { Port } from './egress.ts';
import type { PolicyTable } from './policy-table.ts';
import { commonPrefixLength, scopeOf } from './scope.ts';

/** What an address of ours is good for. */
export interface AddressMarks {
  /** RFC 4862 5.5.4: works, but nothing new should use it. */
  readonly deprecated?: boolean;
  /** RFC 8981: changes from time to time, so that its owner is not known by it. */
  readonly temporary?: boolean;
}

export interface LocalAddress extends AddressMarks {
  readonly address: Address;
  /** The device it was configured on; a home address has none. */
  readonly port: Port | undefined;
}

/** What a source is selected for. */
export interface Selection {
  readonly destination: Address;
  readonly egress: Port;
  readonly policy: PolicyTable;
}

/** How far a candidate is ahead of another under one rule: positive, `a` is preferred. */
type Rule = (a: LocalAddress, b: LocalAddress, selection: Selection) => number;

const RULES: readonly Rule[] = [
  // Rule 1: prefer the same address.
  (a, b, { destination }) => yes(a.address.equals(destination)) - yes(b.address.equals(destination)),
  // Rule 2: prefer the appropriate scope: the smallest that reaches as far as the destination.
  (a, b, { destination }) => scopeRank(a.address, destination) - scopeRank(b.address, destination),
  // Rule 3: avoid deprecated addresses.
  (a, b) => yes(b.deprecated) - yes(a.deprecated),
  // Deviates from RFC 6724 5 rule 4 (prefer home addresses): the home address here is shared by a group, and an
  // answer to it may reach another member. What speaks for itself and names no address uses its own.
  (a, b) => yes(a.port !== undefined) - yes(b.port !== undefined),
  // Rule 5: prefer an address of the outgoing interface.
  (a, b, { egress }) => yes(a.port === egress) - yes(b.port === egress),
  // Rule 6: prefer a matching label.
  (a, b, selection) => yes(hasLabelOf(a.address, selection)) - yes(hasLabelOf(b.address, selection)),
  // Rule 7: prefer temporary addresses.
  (a, b) => yes(a.temporary) - yes(b.temporary),
  // Rule 8: the longest matching prefix.
  (a, b, { destination }) => commonPrefixLength(a.address, destination) - commonPrefixLength(b.address, destination),
];

/** The best of our addresses for packets that leave through `egress`; of equals the first. */
export function selectSource(candidates: Iterable<LocalAddress>, selection: Selection): LocalAddress | undefined {
  const { destination, egress } = selection;
  // RFC 6724 4: what does not leave its link can only come from an address on that link.
  const staysOnLink = destination.isMulticast || destination.isLinkLocal;
  let best: LocalAddress | undefined;
  for (const candidate of candidates) {
    if (staysOnLink && candidate.port !== egress) continue;
    if (best === undefined || isBetter(candidate, best, selection)) best = candidate;
  }
  return best;
}

function isBetter(a: LocalAddress, b: LocalAddress, selection: Selection): boolean {
  for (const rule of RULES) {
    const ahead = rule(a, b, selection);
    if (ahead !== 0) return ahead > 0;
  }
  return false;
}

/** Greater is better: all that reach the destination, the narrowest first, before those that do not. */
function scopeRank(source: Address, destination: Address): number {
  const scope = scopeOf(source);
  return scope >= scopeOf(destination) ? 100 - scope : scope;
}

const hasLabelOf = (source: Address, { destination, policy }: Selection): boolean =>
  policy.of(source).label === policy.of(destination).label;

const yes = (condition: boolean | undefined): number => (condition === true ? 1 : 0);
