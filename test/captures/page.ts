// The tables of a capture's page, in Markdown. Each row that names frames is tied to a display filter; refreshed()
// puts in the figures that Wireshark gives, so that a page can be checked (nothing changes) and brought up to
// date. Three kinds of rows, told apart by their shape:
//   | frame | time in s | where | **X** what happens | `filter` |     the filter's first frame, or its `filter` (last)
//   | `filter` | number of frames | what it shows |
//   | X → Y | ms between the steps labelled X and Y | ... |

import type { Match } from './tshark.ts';

const STEP = /^\|[ \d]*\|[ \d.]*\|[ \w]*\| (.*) \| `([^`]+)`( \(last\))? \|$/;
const FILTER = /^\| `([^`]+)` \|[ \d]*\| (.*) \|$/;
const SPAN = /^\| (\w) → (\w) \|[ \d.]*\| (.*) \|$/;
const LABEL = /^\*\*(\w)\*\* /;

export interface Frame {
  /** Seconds since the first frame, as Wireshark prints it. */
  readonly time: string;
  /** Name of the interface. */
  readonly at: string;
}

export interface CaptureFacts {
  match(filter: string): Match;
  frame(number: number): Frame;
}

/** Every filter that the page's tables name. */
export function filtersOf(page: string): string[] {
  const named = page.split('\n').map((line) => STEP.exec(line)?.[2] ?? FILTER.exec(line)?.[1]);
  return [...new Set(named.filter((filter) => filter !== undefined))];
}

/** The page with the figures of this capture. */
export function refreshed(page: string, facts: CaptureFacts): string {
  const times = new Map<string, number>();
  const lines = page.split('\n').map((line) => refreshStep(line, facts, times) ?? refreshFilter(line, facts) ?? line);
  return lines.map((line) => refreshSpan(line, times) ?? line).join('\n');
}

function refreshStep(line: string, facts: CaptureFacts, times: Map<string, number>): string | undefined {
  const [, what, filter, last] = STEP.exec(line) ?? [];
  if (what === undefined || filter === undefined) return undefined;
  const match = facts.match(filter);
  const number = last === undefined ? match.first : match.last;
  const { time, at } = facts.frame(number);
  const label = LABEL.exec(what)?.[1];
  if (label !== undefined) times.set(label, Number(time));
  return `| ${number} | ${Number(time).toFixed(6)} | ${at} | ${what} | \`${filter}\`${last ?? ''} |`;
}

function refreshFilter(line: string, facts: CaptureFacts): string | undefined {
  const [, filter, what] = FILTER.exec(line) ?? [];
  return filter === undefined ? undefined : `| \`${filter}\` | ${facts.match(filter).count} | ${what} |`;
}

function refreshSpan(line: string, times: ReadonlyMap<string, number>): string | undefined {
  const [, from = '', to = '', what] = SPAN.exec(line) ?? [];
  const [begin, end] = [times.get(from), times.get(to)];
  if (what === undefined || begin === undefined || end === undefined) return undefined;
  return `| ${from} → ${to} | ${((end - begin) * 1_000).toFixed(3)} | ${what} |`;
}
