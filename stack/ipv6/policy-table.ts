// The policy table (RFC 6724 2.1): which destinations are preferred to which, and which sources go with them.

import { type Address, type Prefix, prefix } from '../wire/address.ts';

export interface PolicyEntry {
  readonly prefix: Prefix;
  /** Destinations with a higher one are tried first. */
  readonly precedence: number;
  /** A source is preferred for destinations with the same one. */
  readonly label: number;
}

const entry = (text: string, precedence: number, label: number): PolicyEntry => ({
  prefix: prefix(text),
  precedence,
  label,
});

/** The default of RFC 6724 2.1. */
export const DEFAULT_POLICY: readonly PolicyEntry[] = [
  entry('::1/128', 50, 0),
  entry('::/0', 40, 1),
  entry('::ffff:0:0/96', 35, 4),
  entry('2002::/16', 30, 2),
  entry('2001::/32', 5, 5),
  entry('fc00::/7', 3, 13),
  entry('::/96', 1, 3),
  entry('fec0::/10', 1, 11),
  entry('3ffe::/16', 1, 12),
];

/** What no entry covers, in a table without ::/0. */
const NOTHING_SAID: PolicyEntry = entry('::/0', 0, 0);

export class PolicyTable {
  /** Longest prefix first. */
  readonly #entries: readonly PolicyEntry[];

  constructor(entries: readonly PolicyEntry[] = DEFAULT_POLICY) {
    this.#entries = [...entries].sort((a, b) => b.prefix.length - a.prefix.length);
  }

  of(address: Address): PolicyEntry {
    return this.#entries.find((candidate) => candidate.prefix.contains(address)) ?? NOTHING_SAID;
  }
}
