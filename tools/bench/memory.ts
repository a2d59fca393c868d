// Stack to stack over a pipe in memory, on the synchronous core: no device, no kernel, no sockets. What TCP and
// IPv6 cost by themselves, both ends in one process. As a program: `node memory.js SECONDS [tso]`, one JSON line.

import { SeededRandom } from '../../stack/core/random.ts';
import { after, EPOCH, type Instant, microseconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { pipe } from '../../stack/device/pipe.ts';
import { Host } from '../../stack/host.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { address } from '../../stack/wire/address.ts';
import { WARM_UP_MS } from './load-client.ts';

export interface MemoryFigures {
  readonly octets: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const A = address('2001:db8:1::1');
const B = address('2001:db8:1::2');
const PORT = 5001;
const CHUNK = 256 * 1024;
const SECRET_LEN = 32;
/** Time between two rounds of the loop, on the virtual clock. */
const STEP = microseconds(10);
/** Rounds between two looks at the real clock. */
const ROUNDS = 64;

/** Moves octets for `seconds` of real time on a virtual clock that runs as fast as the work is done. */
export function measureMemory(seconds: number, tso: boolean): MemoryFigures {
  const world = new MemoryWorld(tso);
  world.runFor(WARM_UP_MS);
  const [octets, cpu, from] = [world.received, process.cpuUsage(), performance.now()];
  world.runFor(seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  return {
    octets: world.received - octets,
    seconds: (performance.now() - from) / 1000,
    cpuSeconds: (user + system) / 1e6,
  };
}

class MemoryWorld {
  received = 0;
  readonly #timers = new TimerQueue();
  readonly #chunk = new Uint8Array(CHUNK);
  readonly #sender: Connection;
  #now: Instant = EPOCH;

  constructor(tso: boolean) {
    const random = new SeededRandom(1);
    const [a, b] = pipe({ offloads: { checksum: tso, tso } });
    const [sending, receiving] = [
      { device: a, addresses: [A] },
      { device: b, addresses: [B] },
    ].map(({ device, addresses }) => {
      const host = new Host({ timers: this.#timers, random, secret: random.bytes(SECRET_LEN) });
      host.attach(device, { addresses });
      return host;
    });
    if (sending === undefined || receiving === undefined) throw new Error('two hosts were made');
    receiving.tcp.listen({ port: PORT }, (_now, connection) => {
      connection.events = { readable: (now) => this.#drain(now, connection) };
    });
    const opened = sending.tcp.connect(this.#now, { remote: { address: B, port: PORT } });
    if (typeof opened === 'string') throw new Error(`connect: ${opened}`);
    this.#sender = opened;
  }

  runFor(ms: number): void {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      for (let i = 0; i < ROUNDS; i++) this.#round();
    }
  }

  #round(): void {
    this.#now = after(this.#now, STEP);
    this.#sender.write(this.#now, this.#chunk);
    this.#timers.runDue(this.#now);
  }

  #drain(now: Instant, connection: Connection): void {
    for (let octets = connection.read(now, CHUNK); octets !== undefined; octets = connection.read(now, CHUNK)) {
      this.received += octets.length;
    }
  }
}

if (process.argv[1]?.endsWith('memory.js')) {
  const [seconds = '2', offloads] = process.argv.slice(2);
  process.stdout.write(`${JSON.stringify(measureMemory(Number(seconds), offloads === 'tso'))}\n`);
}
