// Trace events: what a layer did, for tests, logs and the comments in a capture. A layer is given a
// Trace function and calls it with plain data; it never formats text or prints.

import type { Instant } from './time.ts';

export interface TraceEvent {
  readonly layer: 'ipv6' | 'tcp' | 'mobility' | 'handoff' | 'server';
  /** Short kebab-case name, e.g. 'state', 'retransmit', 'binding-update-sent'. */
  readonly event: string;
  /** Plain values only: numbers, strings, booleans. */
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

export type Trace = (now: Instant, event: TraceEvent) => void;

export const NO_TRACE: Trace = () => {};
