// One seeded run of the simulated group: random latencies, loss, reordering and duplication on every link, a
// stream of up to 1 MiB each way and a handoff at a random octet. Says what went wrong, if anything did.

import { below, SeededRandom } from '../../stack/core/random.ts';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import { PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import type { HandoffReport } from '../../stack/server/departures.ts';
import { BulkApp, newProgress, readStream, type StreamProgress, writeStream } from './apps.ts';
import { randomLatencies } from './random-latencies.ts';
import { countResets } from './resets.ts';
import { type ClientKind, CONTACT, World } from './world.ts';

const PORT = 80;
const LIMIT = seconds(900);
const presets = Object.keys(PRESETS) as PresetName[];

export interface Outcome {
  readonly seed: number;
  /** The client went over to b while its connection lived. */
  readonly handedOff: boolean;
  readonly problems: readonly string[];
}

export function seededRun(
  seed: number,
  kind: ClientKind = 'correspondent',
  bindings: BindingsAtHome = 'many',
): Outcome {
  const random = new SeededRandom(seed * 7919 + 1);
  const latencies = randomLatencies(random);
  const flow = (['download', 'upload', 'both'] as const)[seed % 3] ?? 'both';
  const preset = presets[below(random, presets.length)] ?? 'fast';
  const size = 1 + below(random, 1 << 20);
  const toClient = flow === 'upload' ? 0 : size;
  const toServer = flow === 'download' ? 0 : 1 + below(random, 1 << 20);
  const world = new World({ seed, latencies, client: kind, bindings });
  const apps = { a: new BulkApp(toClient), b: new BulkApp(toClient) };
  world.start((node) => new Map([[PORT, apps[node.name as 'a' | 'b']]]));
  spoil(world, random);
  const resets = countResets(world);
  const client = newProgress();
  const connection = world.c.host.tcp.connect(world.now, { remote: { address: CONTACT, port: PORT } });
  if (typeof connection === 'string') return { seed, handedOff: false, problems: [connection] };
  connection.events = {
    connected: (now) => writeStream(now, connection, client, toServer),
    readable: (now) => readStream(now, connection, client),
    writable: (now) => writeStream(now, connection, client, toServer),
    closed: (_now, error) => {
      client.closed = true;
      client.error = error;
    },
  };
  const server = (): StreamProgress | undefined =>
    apps.a.progress.get(connection.local.port) ?? apps.b.progress.get(connection.local.port);
  const at = below(random, toClient + toServer);
  const limit = after(world.now, LIMIT);
  const progressed = () => client.received + (server()?.received ?? 0) >= at;
  const recognized = kind === 'plain' ? 'plain' : 'bound';
  world.runUntil(() => progressed() && world.a.member.mobile.stateOf(world.c.careOf) === recognized, limit);
  const handedOff = attempt(world, preset);
  world.runUntil(() => client.closed && handedOff() !== 'under way', limit);
  const final = server();
  const problems: string[] = [];
  const check = (holds: boolean, what: string) => {
    if (!holds) problems.push(what);
  };
  check(client.received === toClient, `client received ${client.received} of ${toClient}`);
  check(client.wrongAt < 0, `client got a wrong octet at ${client.wrongAt}`);
  check(final?.received === toServer, `server received ${final?.received} of ${toServer}`);
  check((final?.wrongAt ?? -1) < 0, `server got a wrong octet at ${final?.wrongAt}`);
  check(client.closed && client.error === undefined, `client closed ${client.closed} with ${client.error}`);
  check(resets() === 0, `${resets()} RST`);
  if (problems.length > 0) problems.unshift(`${preset} ${flow} at ${at} ${JSON.stringify(latencies)}`);
  return { seed, handedOff: isDone(handedOff()), problems };
}

/** Hands the client to b; undefined where there was nothing to hand off any more. */
function attempt(world: World, preset: PresetName): () => HandoffReport | 'under way' | undefined {
  if (world.a.member.clients().length === 0) return () => undefined;
  try {
    const box = world.handoff('a', 'b', PRESETS[preset]);
    return () => box.report ?? 'under way';
  } catch {
    return () => undefined;
  }
}

const isDone = (report: HandoffReport | 'under way' | undefined): boolean =>
  typeof report === 'object' && report.outcome.ok;

/** Loss, reordering and duplication on every link, up to 3 % each. */
function spoil(world: World, random: SeededRandom): void {
  for (const [x, y] of [
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'c'],
    ['home', 'a'],
    ['home', 'b'],
    ['home', 'c'],
  ] as const) {
    world.internet.join(x, y, {
      loss: random.float() * 0.03,
      reordering: random.float() * 0.03,
      duplication: random.float() * 0.03,
      reorderingDelay: milliseconds(1 + random.float() * 20),
    });
  }
}
