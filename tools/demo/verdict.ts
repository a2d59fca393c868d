// The figures of a demo run, and what they have to be.

import type { GetResult } from '../roles/client.ts';
import type { PlannedHandoff } from './plan.ts';
import type { WireFigures } from './wire-check.ts';

export interface HandoffResult extends PlannedHandoff {
  /** At the client; undefined: it saw none. */
  readonly handoffMs: number | undefined;
  /** At the donor, from the request to COMMIT. */
  readonly tookMs: number | undefined;
}

export interface DemoFigures {
  readonly file: string;
  readonly expectedSha256: string;
  readonly download: GetResult;
  /** SHA-256 of the file that the client wrote. */
  readonly receivedSha256: string;
  readonly handoffs: readonly HandoffResult[];
  readonly wire: WireFigures;
  /** What the router counted on each one-way path. */
  readonly links: unknown;
  /** Names of the nodes by care-of address. */
  readonly names: ReadonlyMap<string, string>;
  readonly timeline: string;
  readonly captures: readonly string[];
}

/** Why the run is no success; empty: it is one. */
export function problemsOf(figures: DemoFigures): string[] {
  const { wire, handoffs, download, expectedSha256, receivedSha256 } = figures;
  const problems: string[] = [];
  if (receivedSha256 !== expectedSha256) problems.push('the file that arrived is not the original');
  if (download.sha256 !== expectedSha256) problems.push('the stream that arrived is not the original');
  for (const [i, handoff] of handoffs.entries()) {
    if (handoff.handoffMs === undefined) problems.push(`handoff ${i + 1} (${handoff.preset}) did not happen`);
  }
  if (download.handoffs.length > handoffs.length) problems.push('the client saw more handoffs than were asked for');
  if (wire.resets > 0) problems.push(`${wire.resets} packets with RST`);
  if (wire.syns !== 1) problems.push(`${wire.syns} SYNs of the client in place of one`);
  if (wire.malformed !== undefined) problems.push(`the capture of the lab is damaged: ${wire.malformed}`);
  return problems;
}
