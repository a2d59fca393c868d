// One random life of a client in the simulated group: several connections, handoffs in quick succession, the way
// between the members cut now and then, connections that the client ends in the middle. Says what went wrong.

import { below, type Random, SeededRandom } from '../../stack/core/random.ts';
import { after, type Instant, milliseconds, seconds } from '../../stack/core/time.ts';
import { PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { BulkApp, newProgress, readStream, type StreamProgress, writeStream } from './apps.ts';
import { randomLatencies } from './random-latencies.ts';
import { countResets } from './resets.ts';
import { CONTACT, type MemberNode, World } from './world.ts';

const PORT = 80;
const LIMIT = seconds(1200);
/** Longer than a donor asks a silent acceptor, and than any retransmission waits. */
const AFTERMATH = seconds(400);
const STEPS = 16;
const MAX_CONNECTIONS = 4;
const MAX_OCTETS = 1 << 21;
const REFUSALS = 0.1;
const presets = Object.keys(PRESETS) as PresetName[];

interface Stream {
  readonly connection: Connection;
  readonly progress: StreamProgress;
  readonly toServer: number;
  aborted: boolean;
}

export interface Life {
  readonly seed: number;
  readonly handoffs: { readonly done: number; readonly failed: number };
  readonly problems: readonly string[];
}

/** Refuses to take over now and then: the client goes back to the donor. */
class FickleApp extends BulkApp {
  readonly #random: Random;

  constructor(toSend: number, random: Random) {
    super(toSend);
    this.#random = random;
  }

  override restore(now: Instant, connection: Connection, state: unknown): string | undefined {
    return this.#random.float() < REFUSALS ? 'not now' : super.restore(now, connection, state);
  }
}

export function randomLife(seed: number): Life {
  const random = new SeededRandom(seed * 104_729 + 7);
  const between = (low: number, high: number) => low + random.float() * (high - low);
  const latencies = randomLatencies(random);
  const world = new World({ seed, latencies });
  const toClient = below(random, MAX_OCTETS);
  const apps = new Map<string, BulkApp>();
  world.start(({ name }) => {
    const app = new FickleApp(toClient, random);
    apps.set(name, app);
    return new Map([[PORT, app]]);
  });
  for (const [x, y] of [['a', 'c'] as const, ['b', 'c'] as const]) {
    const rate = between(2e6, 12e6);
    world.internet.join(x, y, { rate, queueBytes: 128 * 1024, loss: random.float() * 0.01 });
  }
  const streams = Array.from({ length: 1 + below(random, MAX_CONNECTIONS) }, () =>
    open(world, below(random, MAX_OCTETS)),
  );
  const isAborted = (port: number) => streams.some((s) => s.aborted && s.connection.local.port === port);
  const resets = countResets(world, (ports) => !ports.some(isAborted));
  const handoffs = { done: 0, failed: 0 };
  for (let step = 0; step < STEPS; step++) {
    world.runFor(milliseconds(random.float() < 0.9 ? between(1, 600) : between(600, 15_000)));
    act(world, random, streams, handoffs);
  }
  world.internet.join('a', 'b', { loss: 0 });
  const isOver = () => streams.every((stream) => stream.progress.closed);
  world.runUntil(isOver, after(world.now, LIMIT));
  world.runFor(AFTERMATH);
  const problems = [...wrongStreams(streams, toClient, apps)];
  if (resets() > 0) problems.push(`${resets()} RST`);
  for (const member of [world.a, world.b]) {
    for (const { state } of ofClient(world, member)) problems.push(`${member.name} still has a connection in ${state}`);
  }
  if (problems.length > 0) problems.unshift(JSON.stringify({ latencies, handoffs, toClient }));
  return { seed, handoffs, problems };
}

/** One thing that happens; most often a handoff. */
function act(
  world: World,
  random: Random,
  streams: readonly Stream[],
  handoffs: { done: number; failed: number },
): void {
  const dice = random.float();
  if (dice < 0.55) return handOver(world, presets[below(random, presets.length)] ?? 'fast', handoffs);
  if (dice < 0.8) return cut(world, random);
  const stream = streams[below(random, streams.length)];
  if (stream === undefined || stream.progress.closed) return;
  if (dice < 0.9) {
    stream.aborted = true;
    stream.connection.abort(world.now);
  } else {
    stream.connection.shutdown(world.now);
  }
}

/** From whoever can hand the client over. */
function handOver(world: World, preset: PresetName, handoffs: { done: number; failed: number }): void {
  for (const [from, to] of [['a', 'b'] as const, ['b', 'a'] as const]) {
    const { member } = world.memberOf(from);
    member.handoff(world.now, world.c.careOf, to, PRESETS[preset], ({ outcome }) => {
      handoffs[outcome.ok ? 'done' : 'failed'] += 1;
    });
  }
}

/** The way between the members, in one direction or both: a moment, or longer than the control connection bears. */
function cut(world: World, random: Random): void {
  const { internet, timers } = world;
  const directions = (
    [
      ['a', 'b'],
      ['b', 'a'],
    ] as const
  ).filter(() => random.float() < 0.7);
  for (const [x, y] of directions) internet.configure(x, y, { loss: 1 });
  const mended = timers.timer(() => {
    for (const [x, y] of directions) internet.configure(x, y, { loss: 0 });
  });
  mended.set(after(world.now, milliseconds(random.float() * (random.float() < 0.6 ? 1_000 : 40_000))));
}

function open(world: World, toServer: number): Stream {
  const connection = world.c.host.tcp.connect(world.now, { remote: { address: CONTACT, port: PORT } });
  if (typeof connection === 'string') throw new Error(connection);
  const progress = newProgress();
  const stream: Stream = { connection, progress, toServer, aborted: false };
  const write = (now: Instant) => writeStream(now, connection, progress, toServer);
  connection.events = {
    connected: write,
    writable: write,
    readable: (now) => readStream(now, connection, progress),
    closed: (_now, error) => {
      progress.closed = true;
      progress.error = error;
    },
  };
  return stream;
}

function* wrongStreams(
  streams: readonly Stream[],
  toClient: number,
  apps: ReadonlyMap<string, BulkApp>,
): Iterable<string> {
  for (const { connection, progress, aborted } of streams) {
    const { port } = connection.local;
    if (progress.wrongAt >= 0) yield `${port}: a wrong octet at ${progress.wrongAt}`;
    if (aborted) continue;
    if (!progress.closed || progress.error !== undefined) yield `${port}: closed ${progress.closed}, ${progress.error}`;
    if (progress.received !== toClient) yield `${port}: received ${progress.received} of ${toClient}`;
    const [server, other] = [...apps.values()].flatMap((app) => app.progress.get(port) ?? []);
    if (other !== undefined) yield `${port}: two servers have it`;
    if (server?.received !== progress.sent) yield `${port}: server received ${server?.received} of ${progress.sent}`;
    if (server !== undefined && server.wrongAt >= 0) yield `${port}: server got a wrong octet at ${server.wrongAt}`;
  }
}

const ofClient = (world: World, { host, member }: MemberNode): Connection[] =>
  host.tcp.connectionsBetween(member.mobile.homeAddress, world.c.careOf);
