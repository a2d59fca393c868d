// The download behind `homeport client get`: over our own socket, as a correspondent node.

import { readFileSync, writeFileSync } from 'node:fs';
import { Host } from '../../stack/host.ts';
import type { TcpObserver } from '../../stack/tcp/api.ts';
import { connectSocket } from '../../stack/tcp/socket.ts';
import type { Address } from '../../stack/wire/address.ts';
import { type DownloadResult, download } from '../download.ts';
import { UserError } from '../errors.ts';
import { type Output, octets, type Progress, table } from '../output.ts';
import { drawTimeline } from '../timeline/draw.ts';
import { readTimeline } from '../timeline/timeline.ts';
import { type DownloadFigures, DownloadStats, type HandoffFigures } from './download-stats.ts';
import { NodeRuntime } from './runtime.ts';

export interface Target {
  readonly host: Address;
  readonly port: number;
  readonly path: string;
  /** As it was given, for messages. */
  readonly url: string;
}

export interface GetOptions {
  readonly target: Target;
  readonly device: string;
  readonly address: Address;
  readonly output: string | undefined;
  readonly timeline: string | undefined;
  readonly pcap: string | undefined;
}

export interface GetResult extends DownloadFigures, DownloadResult {}

const SECRET_LEN = 32;

export async function runGet(options: GetOptions, output: Output): Promise<void> {
  const { device, pcap } = options;
  const runtime = new NodeRuntime({ device, pcap, name: 'client' });
  let result: GetResult;
  try {
    result = await runtime.during(get(options, output, runtime));
  } finally {
    runtime.close();
  }
  const timeline = pcap === undefined || options.timeline === undefined ? undefined : { pcap, svg: options.timeline };
  if (timeline !== undefined) drawFrom(timeline.pcap, timeline.svg);
  output.event('done', { ...result }, describe(options.target.url, result));
}

/** Waits for the closing of the connection no longer than this. */
const CLOSE_MS = 2_000;
const LOOK_MS = 5;
/** TCP tries for minutes (RFC 9293 3.8.3): whoever waits for the first octets hears of it. */
const PATIENCE_MS = 3_000;

async function get(options: GetOptions, output: Output, runtime: NodeRuntime): Promise<GetResult> {
  const { timers, random, trace, clock } = runtime;
  const { host: server, port, path, url } = options.target;
  let progress: Progress | undefined;
  const stats = new DownloadStats((handoff) => {
    progress?.finish(); // the line stays, the bar goes on below it
    output.event('handoff-seen', { ...handoff }, describeHandoff(handoff));
  });
  const observer: TcpObserver = {
    dataAccepted: (now, _connection, packet, offset, length) => stats.accepted(now, packet, offset, length),
  };
  const host = new Host({ timers, random, trace, observer, secret: random.bytes(SECRET_LEN) });
  host.attach(runtime.device, { addresses: [options.address] });
  host.beCorrespondent();
  const late = setTimeout(() => output.warn(`no answer from ${url} yet; trying on`), PATIENCE_MS);
  const result = await download({
    ...{ url, path, output: options.output },
    host: port === 80 ? `[${server}]` : `[${server}]:${port}`,
    connect: () => connectSocket({ tcp: host.tcp, clock }, { host: server, port }),
    onProgress: (received, total) => {
      clearTimeout(late);
      progress ??= output.progress('get', total ?? 0);
      progress.update(received, `from ${stats.current}`, { source: stats.current });
    },
  }).finally(() => {
    clearTimeout(late);
    progress?.finish();
  });
  await closed(host);
  return { ...result, ...stats.figures() };
}

/** Until both sides have closed in order, so that the capture shows the end too. */
export async function closed(host: Host): Promise<void> {
  const open = () => [...host.tcp.connections()].some(({ state }) => state !== 'TIME-WAIT' && state !== 'CLOSED');
  for (let waited = 0; open() && waited < CLOSE_MS; waited += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

export function drawFrom(pcap: string, svg: string, options: Parameters<typeof drawTimeline>[1] = {}): void {
  const read = readTimeline(readFileSync(pcap));
  if (!read.ok) throw new UserError(`${pcap}: ${read.reason}`);
  writeFileSync(svg, drawTimeline(read.timeline, options));
}

const describeHandoff = ({ from, to, handoffMs }: HandoffFigures): string =>
  `Now from ${to}: ${handoffMs.toFixed(1)} ms after the last segment from ${from}.`;

function describe(url: string, result: GetResult): string {
  const rate = `${octets(result.bytes / Math.max(0.001, result.durationMs / 1000))}/s`;
  const sources = result.sources.map((s) => [s.source, octets(s.octets), String(s.segments)]);
  const handoffs = result.handoffs.map((h) => [`${h.from} to ${h.to}`, `${h.handoffMs.toFixed(2)} ms`]);
  return [
    `${url}: ${octets(result.bytes)} in ${(result.durationMs / 1000).toFixed(2)} s (${rate})`,
    `SHA-256 ${result.sha256}`,
    table([['from', 'octets', 'segments'], ...sources]),
    ...(handoffs.length === 0 ? [] : [table([['handoff', 'took'], ...handoffs])]),
    `Longest stall of the application: ${result.longestStallMs.toFixed(1)} ms`,
  ].join('\n');
}
