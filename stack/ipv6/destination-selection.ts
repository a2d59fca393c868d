// Destination address selection (RFC 6724 6): in which order several addresses of one peer should be tried. There are no
// names here; it is for whoever has looked one up, or has a list.

import type { Address } from '../wire/address.ts';
import type { PolicyTable } from './policy-table.ts';
import { commonPrefixLength, scopeOf } from './scope.ts';
import type { LocalAddress } from './source-selection.ts';

/** What the rules ask of the stack. */
export interface Reachability {
  readonly policy: PolicyTable;
  /** Source(D); undefined where there is no route or no source. */
  sourceFor(destination: Address): LocalAddress | undefined;
  /** Do packets go through a tunnel of ours? */
  isTunnelled(source: Address, destination: Address): boolean;
}

/** A destination as the rules see it. */
interface Candidate {
  readonly destination: Address;
  readonly source: LocalAddress | undefined;
  readonly scope: number;
  readonly sameScope: boolean;
  readonly sameLabel: boolean;
  readonly precedence: number;
  readonly native: boolean;
  readonly common: number;
}

/** Positive: `a` comes first. */
type Rule = (a: Candidate, b: Candidate) => number;

const RULES: readonly Rule[] = [
  // Rule 1: avoid unusable destinations.
  (a, b) => yes(a.source !== undefined) - yes(b.source !== undefined),
  // Rule 2: prefer matching scope.
  (a, b) => yes(a.sameScope) - yes(b.sameScope),
  // Rule 3: avoid deprecated addresses.
  (a, b) => yes(b.source?.deprecated === true) - yes(a.source?.deprecated === true),
  // Deviates from RFC 6724 6 rule 4 (prefer home addresses), as source selection does.
  (a, b) => yes(a.source?.port !== undefined) - yes(b.source?.port !== undefined),
  // Rule 5: prefer matching label.
  (a, b) => yes(a.sameLabel) - yes(b.sameLabel),
  // Rule 6: prefer higher precedence.
  (a, b) => a.precedence - b.precedence,
  // Rule 7: prefer native transport.
  (a, b) => yes(a.native) - yes(b.native),
  // Rule 8: prefer smaller scope.
  (a, b) => b.scope - a.scope,
  // Rule 9: use longest matching prefix.
  (a, b) => a.common - b.common,
  // Rule 10: otherwise, leave the order unchanged.
];

/** The same addresses, the one to try first in front. */
export function sortDestinations(destinations: readonly Address[], stack: Reachability): Address[] {
  const candidates = destinations.map((destination) => candidateOf(destination, stack));
  return candidates.sort((a, b) => -preference(a, b)).map(({ destination }) => destination);
}

function preference(a: Candidate, b: Candidate): number {
  for (const rule of RULES) {
    const ahead = rule(a, b);
    if (ahead !== 0) return ahead;
  }
  return 0;
}

function candidateOf(destination: Address, stack: Reachability): Candidate {
  const source = stack.sourceFor(destination);
  const scope = scopeOf(destination);
  const policy = stack.policy.of(destination);
  const from = source?.address;
  return {
    destination,
    source,
    scope,
    sameScope: from !== undefined && scopeOf(from) === scope,
    sameLabel: from !== undefined && stack.policy.of(from).label === policy.label,
    precedence: policy.precedence,
    native: from !== undefined && !stack.isTunnelled(from, destination),
    common: from === undefined ? 0 : commonPrefixLength(from, destination),
  };
}

const yes = (condition: boolean): number => (condition ? 1 : 0);
