// What a demo run says to people: before it what it is going to do, after it what came of that.

import { basename, relative } from 'node:path';
import { CLIENT_SITE, CONTACT_ADDRESS, describePaths } from '../lab/topology.ts';
import { octets, table } from '../output.ts';
import { type DemoOptions, FIRST_SERVER, planHandoffs } from './plan.ts';
import type { DemoFigures } from './verdict.ts';

export function describePlan(options: DemoOptions): string {
  const { topology, file, size } = options;
  const handoffs = planHandoffs(options).map((h) => [
    `at ${Math.round(100 * h.share)} %`,
    `${h.from} to ${h.to}`,
    h.preset,
    `${h.formula} = ${h.formulaMs.toFixed(2)} ms`,
  ]);
  return [
    'Four sites, each in a network namespace: the home agent, server nodes a and b, client c. Between them:',
    ...describePaths(topology).map((line) => `  ${line}`),
    `${CLIENT_SITE} downloads ${file ?? octets(size)} from the contact address ${CONTACT_ADDRESS}. ` +
      `Node ${FIRST_SERVER} serves it at first; handoffs on the way:`,
    table([['', 'handoff', 'preset', 'handoff time, by its formula'], ...handoffs]),
    '',
  ].join('\n');
}

export function describeFigures(figures: DemoFigures): string {
  const { download, handoffs, wire, names, expectedSha256 } = figures;
  const agrees = figures.receivedSha256 === expectedSha256 && download.sha256 === expectedSha256;
  const rate = octets(download.bytes / Math.max(0.001, download.durationMs / 1000));
  const sources = download.sources.map(({ source, octets: n, segments }) => {
    const name = names.get(source);
    return [name === undefined ? source : `${name} (${source})`, octets(n), String(segments)];
  });
  const times = handoffs.map((h) => [
    `${h.from} to ${h.to}`,
    h.preset,
    h.handoffMs === undefined ? 'did not happen' : `${h.handoffMs.toFixed(2)} ms`,
    `${h.formula} = ${h.formulaMs.toFixed(2)} ms`,
  ]);
  const captures = figures.captures.map((file) => [shown(file), CAPTURES[basename(file, SUFFIX)] ?? '']);
  return [
    `${figures.file}: ${octets(download.bytes)} in ${(download.durationMs / 1000).toFixed(2)} s (${rate}/s)`,
    `  SHA-256 of the original  ${expectedSha256}`,
    `  SHA-256 of what arrived  ${figures.receivedSha256}  ${agrees ? 'equal' : 'DIFFERENT'}`,
    '',
    table([['came from', 'octets', 'segments'], ...sources]),
    '',
    table([['handoff', 'preset', 'handoff time', 'formula'], ...times]),
    '  (the formula is of latencies alone: queues on the way and the work of this machine come on top)',
    '',
    `  longest stall of the application: ${download.longestStallMs.toFixed(1)} ms`,
    `  RST: ${wire.resets}, SYN of the client: ${wire.syns}, in ${wire.packets} packets of the lab's capture`,
    '',
    table([[shown(figures.timeline), 'the download as a picture: open it in a browser'], ...captures]),
  ].join('\n');
}

const SUFFIX = '.pcapng';
const CAPTURES: Readonly<Record<string, string>> = {
  lab: 'every packet of the lab once, an interface a site: for Wireshark',
  client: 'what the client sent and got',
  home: 'the home agent',
  a: 'server node a',
  b: 'server node b',
};

/** The last line of a run without problems. */
export const describeSuccess = ({ handoffs }: DemoFigures): string =>
  `All is well: the file arrived whole over ${handoffs.length} handoffs of one connection, without RST or second SYN.`;

/** Paths below the working directory as one would type them. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
