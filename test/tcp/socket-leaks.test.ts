// What sockets leave behind: nothing. A socket is ended in every way at every stage and from inside every event, on either
// side of a real connection on a virtual clock, and after it there is no TCB, no timer of ours or Node's, and one
// 'close'. Then the same for many at once, and for connections that fail by themselves at every stage.

import { getEventListeners, once, setMaxListeners } from 'node:events';
import type * as nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { after, EPOCH, type Instant, milliseconds, NEVER } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { pipe } from '../../stack/device/pipe.ts';
import { Host } from '../../stack/host.ts';
import type { ConnectionError } from '../../stack/tcp/api.ts';
import { connectSocket, type Socket } from '../../stack/tcp/socket.ts';
import { Server } from '../../stack/tcp/socket-server.ts';
import { address } from '../../stack/wire/address.ts';
import { type FakeConnection, FakeTcp, SERVER, settle } from './socket-fake.ts';

const A = '2001:db8::a';
const B = '2001:db8::b';
const PORT = 80;
const BUFFERS = { sendBuffer: 32_768, receiveBuffer: 32_768 };
/** More than the buffers of both ends of a connection hold. */
const FLOOD = Buffer.alloc(200_000);
/** Longer than TIME-WAIT, an orphan's life and all retransmissions together. */
const LONG_MS = 900_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Two hosts a millisecond apart, on a clock of their own. */
class World {
  readonly timers = new TimerQueue();
  now: Instant = EPOCH;
  readonly #ends = pipe({ deferred: { timers: this.timers, delay: milliseconds(1) } });
  readonly client = this.#host(A, 0);
  readonly server = this.#host(B, 1);

  #host(at: string, end: 0 | 1): Host {
    const random = new SeededRandom(end + 1);
    const clock = { now: () => this.now };
    const lookup = (_name: string, _options: unknown, found: (error: null, ip: string, family: 6) => void) =>
      void setImmediate(found, null, B, 6);
    const host = new Host({ timers: this.timers, random, secret: random.bytes(32), clock, lookup });
    host.attach(this.#ends[end], { addresses: [address(at)] });
    return host;
  }

  /** Lets so much time go by, from deadline to deadline. */
  async run(forMs: number): Promise<void> {
    const end = after(this.now, milliseconds(forMs));
    while (this.now < end) {
      await settle(2);
      const next = Math.min(this.timers.nextDeadline(), after(this.now, milliseconds(60_000)), end) as Instant;
      vi.advanceTimersByTime((next - this.now) / 1_000);
      this.now = next;
      this.timers.runDue(this.now);
    }
    await settle(2);
  }

  get left(): object {
    const connections = [...this.client.tcp.connections(), ...this.server.tcp.connections()].map(({ state }) => state);
    return { connections, deadline: this.timers.nextDeadline(), nodeTimers: vi.getTimerCount() };
  }
}

const NOTHING = { connections: [], deadline: NEVER, nodeTimers: 0 };

const ACTS: Readonly<Record<string, (socket: nodeNet.Socket) => unknown>> = {
  'destroy()': (socket) => socket.destroy(),
  'destroy(error)': (socket) => socket.destroy(new Error('enough')),
  'resetAndDestroy()': (socket) => socket.resetAndDestroy(),
  'destroySoon()': (socket) => socket.destroySoon(),
  'end()': (socket) => socket.end(),
};

/** A connection whose two ends count how often they tell 'close'. */
class Pair {
  readonly world = new World();
  readonly server: nodeNet.Server;
  readonly client: nodeNet.Socket;
  peer: nodeNet.Socket | undefined;
  readonly closes: string[] = [];

  constructor(options: nodeNet.ServerOpts = {}, host = B) {
    this.server = this.world.server.net.createServer(options, (socket) => {
      this.peer = this.#watch('peer', socket);
    });
    this.server.listen({ port: PORT, tcp: BUFFERS } as nodeNet.ListenOptions);
    const where = { port: PORT, host, tcp: BUFFERS };
    this.client = this.#watch('client', this.world.client.net.connect({ ...where, ...options }));
  }

  #watch(name: string, socket: nodeNet.Socket): nodeNet.Socket {
    return socket.on('error', () => {}).on('close', () => this.closes.push(name));
  }

  /** Both ends read and end, and all clocks run out. */
  async finish(): Promise<void> {
    await this.world.run(100);
    for (const socket of [this.client, this.peer]) if (socket?.destroyed === false) socket.resume().end();
    this.server.close();
    await this.world.run(LONG_MS);
  }
}

describe.each(Object.entries(ACTS))('%s leaves nothing', (_name, act) => {
  const STAGES: Readonly<Record<string, (pair: Pair) => Promise<unknown> | undefined>> = {
    'before the first tick': () => undefined,
    'with a SYN under way': () => settle(1),
    established: (pair) => pair.world.run(10),
    'with octets nobody has read': async (pair) => {
      await pair.world.run(10);
      pair.client.pause();
      pair.peer?.pause();
      for (const socket of [pair.client, pair.peer]) socket?.write('unread');
      await pair.world.run(10);
    },
    'with octets that TCP has not taken': async (pair) => {
      await pair.world.run(10);
      for (const socket of [pair.client, pair.peer]) socket?.pause().write(FLOOD);
      await pair.world.run(50);
    },
    'after end()': async (pair) => {
      await pair.world.run(10);
      pair.client.end('the last');
      await pair.world.run(10);
    },
    'after the end of the other side': async (pair) => {
      await pair.world.run(10);
      pair.peer?.end('the last');
      pair.client.resume();
      await pair.world.run(10);
    },
    'while the other side is silent for ever': async (pair) => {
      await pair.world.run(10);
      pair.client.end();
      pair.peer?.removeAllListeners('end').pause();
      await pair.world.run(10);
    },
  };
  test.each(Object.entries(STAGES))('%s', async (_stage, reach) => {
    for (const end of ['client', 'peer'] as const) {
      const pair = new Pair({ allowHalfOpen: true });
      await reach(pair);
      const socket = end === 'client' ? pair.client : pair.peer;
      if (socket === undefined) continue; // there is no other side yet
      act(socket);
      await pair.finish();
      expect(pair.world.left).toEqual(NOTHING);
      expect(pair.closes.toSorted()).toEqual(pair.peer === undefined ? ['client'] : ['client', 'peer']);
    }
  });

  const EVENTS = ['lookup', 'connectionAttempt', 'connect', 'ready', 'data', 'drain', 'end', 'finish', 'timeout'];
  test.each(EVENTS)("from inside '%s'", async (event) => {
    const pair = new Pair({ allowHalfOpen: true }, 'somewhere.test');
    const { client, world } = pair;
    const told = vi.fn(() => void act(client));
    client.once(event, told);
    client.setTimeout(50);
    await world.run(20);
    pair.peer?.resume().write('hello');
    client.resume();
    await world.run(200);
    if (client.writable) client.write(FLOOD);
    await world.run(500);
    if (pair.peer?.writable) pair.peer.end();
    if (client.writable) client.end();
    await pair.finish();
    expect(told).toHaveBeenCalledTimes(1);
    expect(world.left).toEqual(NOTHING);
    expect(pair.closes.toSorted()).toEqual(pair.peer === undefined ? ['client'] : ['client', 'peer']);
  });
});

test('a thousand sockets come and go, with timeouts, signals and keep-alive: nothing stays', async () => {
  const world = new World();
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const server = world.server.net.createServer({ keepAlive: true }, (socket) =>
    socket.on('error', () => {}).pipe(socket),
  );
  server.listen(PORT);
  const ways = Object.values(ACTS);
  let closed = 0;
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 100; i++) {
      const options = { port: PORT, host: B, keepAlive: true, timeout: 1_000, signal: controller.signal };
      const socket = world.client.net.connect(options, () => socket.write('hello'));
      socket.on('data', () => ways[i % ways.length]?.(socket)).on('error', () => {});
      socket.on('close', () => closed++);
    }
    await world.run(100);
  }
  expect(closed).toBe(1_000);
  expect(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0);
  await world.run(LONG_MS);
  expect(world.left).toEqual(NOTHING);
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  expect(server.eventNames()).toEqual(['connection']);
  server.close();
});

describe('a connection that fails by itself', () => {
  const CODES: Readonly<Record<ConnectionError, string>> = {
    refused: 'ECONNREFUSED',
    reset: 'ECONNRESET',
    'timed-out': 'ETIMEDOUT',
    unreachable: 'EHOSTUNREACH',
    aborted: 'ECONNABORTED',
  };
  const errors = Object.keys(CODES) as ConnectionError[];
  const told = (socket: Socket): unknown[] => {
    const events: unknown[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code));
    socket.on('close', (hadError: boolean) => events.push(hadError));
    return events;
  };

  test.each(errors)('%s while it connects: the error of connect, one close, writes answered', async (error) => {
    const tcp = Object.assign(new FakeTcp(), { silent: true });
    const client = connectSocket(tcp.home, { host: SERVER, port: PORT, timeout: 60_000 });
    const events = told(client);
    const answered = new Promise((resolve) => client.write('never sent', resolve));
    await settle(1);
    tcp.opened[0]?.fail(error);
    await settle();
    expect(events).toEqual([CODES[error], true]);
    expect(await answered).toMatchObject({ code: 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each(errors)(
    '%s with octets in both directions: told once, writes answered, its server counts it no more',
    async (error) => {
      const tcp = new FakeTcp();
      const server = new Server(tcp.home).listen(PORT);
      const client = connectSocket(tcp.home, { host: SERVER, port: PORT });
      const [accepted] = (await once(server, 'connection')) as [Socket];
      const events = told(accepted);
      client.on('error', () => {}).write('unread');
      await settle();
      const answers: unknown[] = [];
      for (let i = 0; i < 3; i++)
        accepted.write(Buffer.alloc(100_000), (failure) => answers.push(failure instanceof Error));
      accepted.setTimeout(60_000);
      (tcp.accepted[0] as FakeConnection).fail(error);
      await settle();
      expect(events).toEqual([CODES[error], true]);
      expect(answers).toEqual([true, true, true]);
      expect(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0);
      expect([vi.getTimerCount(), tcp.accepted[0]?.events]).toEqual([0, {}]);
      client.destroy();
    },
  );
});
