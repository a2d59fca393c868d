// The download behind `homeport client get`: node:http over our own socket, as a correspondent node.

import { createHash } from 'node:crypto';
import { createWriteStream, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { elapsed, toSeconds } from '../../stack/core/time.ts';
import { Host } from '../../stack/host.ts';
import type { TcpObserver } from '../../stack/tcp/api.ts';
import { connectSocket } from '../../stack/tcp/socket.ts';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { type Output, octets, table } from '../output.ts';
import { drawTimeline } from '../timeline/draw.ts';
import { readTimeline } from '../timeline/timeline.ts';
import { type DownloadFigures, DownloadStats } from './download-stats.ts';
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

export interface GetResult extends DownloadFigures {
  readonly sha256: string;
  readonly octets: number;
  readonly seconds: number;
}

const SECRET_LEN = 32;

export async function runGet(options: GetOptions, output: Output): Promise<void> {
  const { device, pcap } = options;
  const runtime = new NodeRuntime({ device, pcap, name: 'client' });
  let result: GetResult;
  try {
    result = await runtime.during(new Download(options, output, runtime).run());
  } finally {
    runtime.close();
  }
  const timeline = pcap === undefined || options.timeline === undefined ? undefined : { pcap, svg: options.timeline };
  if (timeline !== undefined) drawFrom(timeline.pcap, timeline.svg);
  output.event('done', { ...result }, describe(options.target.url, result));
}

class Download {
  readonly #options: GetOptions;
  readonly #output: Output;
  readonly #runtime: NodeRuntime;
  readonly #host: Host;
  readonly #stats = new DownloadStats();
  readonly #hash = createHash('sha256');
  #octets = 0;

  constructor(options: GetOptions, output: Output, runtime: NodeRuntime) {
    this.#options = options;
    this.#output = output;
    this.#runtime = runtime;
    const { timers, random, trace } = runtime;
    const observer: TcpObserver = {
      dataAccepted: (now, _connection, packet, offset, length) => this.#stats.accepted(now, packet, offset, length),
    };
    this.#host = new Host({ timers, random, trace, observer, secret: random.bytes(SECRET_LEN) });
    this.#host.attach(runtime.device, { addresses: [options.address] });
    this.#host.beCorrespondent();
  }

  async run(): Promise<GetResult> {
    const { clock } = this.#runtime;
    const startedAt = clock.now();
    const response = await this.#request();
    const { url } = this.#options.target;
    if (response.statusCode !== 200) {
      throw new UserError(`${url}: the server answers ${response.statusCode} ${response.statusMessage ?? ''}`.trim());
    }
    const total = Number(response.headers['content-length'] ?? 0);
    await this.#receive(response, total);
    if (total > 0 && this.#octets !== total) throw new UserError(`${url}: ${this.#octets} of ${total} octets arrived`);
    const seconds = toSeconds(elapsed(startedAt, clock.now()));
    await this.#closed();
    return { sha256: this.#hash.digest('hex'), octets: this.#octets, seconds, ...this.#stats.figures() };
  }

  #request(): Promise<IncomingMessage> {
    const { host, port, path, url } = this.#options.target;
    const { clock } = this.#runtime;
    return new Promise((resolve, reject) => {
      const options = {
        host: host.toString(),
        port,
        path,
        headers: { host: `[${host}]:${port}`, connection: 'close' },
        createConnection: (): Duplex => connectSocket(this.#host.tcp, clock, { host, port }),
      };
      get(options, resolve).on('error', (error) => reject(withUrl(url, error)));
    });
  }

  /** Into the file by another name first: what is cut short is not left under the name that was asked for. */
  async #receive(response: IncomingMessage, total: number): Promise<void> {
    const path = this.#options.output;
    const part = path === undefined ? undefined : `${path}.part`;
    const progress = this.#output.progress('get', total);
    response.on('data', (chunk: Uint8Array) => {
      this.#stats.read(this.#runtime.clock.now());
      this.#hash.update(chunk);
      this.#octets += chunk.length;
      progress.update(this.#octets, this.#stats.current);
    });
    try {
      await pipeline(response, part === undefined ? nowhere() : createWriteStream(part));
      if (path !== undefined && part !== undefined) renameSync(part, path);
    } catch (error) {
      if (part !== undefined) rmSync(part, { force: true });
      throw withUrl(this.#options.target.url, error);
    } finally {
      progress.finish();
    }
  }

  /** Until both sides have closed in order, so that the capture shows the end too. */
  async #closed(): Promise<void> {
    const open = () =>
      [...this.#host.tcp.connections()].some(({ state }) => state !== 'TIME-WAIT' && state !== 'CLOSED');
    for (let waited = 0; open() && waited < CLOSE_MS; waited += LOOK_MS) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

const CLOSE_MS = 2_000;
const LOOK_MS = 5;

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

const withUrl = (url: string, error: unknown): Error => {
  const text = error instanceof Error ? error.message : String(error);
  return Object.assign(new UserError(`${url}: ${text}`), { cause: error });
};

export function drawFrom(pcap: string, svg: string, options: Parameters<typeof drawTimeline>[1] = {}): void {
  const read = readTimeline(readFileSync(pcap));
  if (!read.ok) throw new UserError(`${pcap}: ${read.reason}`);
  writeFileSync(svg, drawTimeline(read.timeline, options));
}

function describe(url: string, result: GetResult): string {
  const rate = `${octets(result.octets / Math.max(0.001, result.seconds))}/s`;
  const sources = result.sources.map((s) => [s.source, octets(s.octets), String(s.segments)]);
  const handoffs = result.handoffs.map((h) => [`${h.from} to ${h.to}`, `${h.handoffMs.toFixed(2)} ms`]);
  return [
    `${url}: ${octets(result.octets)} in ${result.seconds.toFixed(2)} s (${rate})`,
    `SHA-256 ${result.sha256}`,
    table([['from', 'octets', 'segments'], ...sources]),
    ...(handoffs.length === 0 ? [] : [table([['handoff', 'took'], ...handoffs])]),
    `Longest stall of the application: ${result.longestStallMs.toFixed(1)} ms`,
  ].join('\n');
}
