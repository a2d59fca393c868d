// Sockets over the real TCP, on a wire that delays, loses and reorders in virtual time: back-pressure reaches
// the peer's window, and node:http moves whole bodies both ways.

import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../stack/core/time.ts';
import { milliseconds } from '../../stack/core/time.ts';
import { connectSocket, type Socket } from '../../stack/tcp/socket.ts';
import { Server } from '../../stack/tcp/socket-server.ts';
import { drive } from './socket-drive.ts';
import { A, B, type WireOptions, World } from './support.ts';

async function joined(wire: WireOptions = {}, receiveBuffer = 256 * 1024) {
  const world = new World(wire);
  const clock: Clock = { now: () => world.now };
  const [a, b] = [world.host(A), world.host(B)];
  const server = new Server({ tcp: b.tcp, clock }).listen({ port: 80, tcp: { receiveBuffer } });
  const dial = () => connectSocket({ tcp: a.tcp, clock }, { host: B, port: 80 });
  return { world, clock, server, dial };
}

test('connect, talk, end: both sides close without error', async () => {
  const { world, server, dial } = await joined();
  const client = dial();
  const closed: boolean[] = [];
  server.on('connection', (socket: Socket) => socket.pipe(socket).on('close', (bad: boolean) => closed.push(bad)));
  client.on('close', (bad: boolean) => closed.push(bad)).end('hello');
  const echoed = buffer(client);
  await drive(world, () => closed.length === 2);
  expect((await echoed).toString()).toBe('hello');
  expect(closed).toEqual([false, false]);
  expect(world.sent.some(({ header }) => (header.flags & 4) !== 0)).toBe(false);
});

test('nobody listens: ECONNREFUSED', async () => {
  const { world, clock, server, dial } = await joined();
  server.close();
  const client = dial();
  let code: unknown;
  client.on('error', (error) => {
    code = (error as { code?: unknown }).code;
  });
  await drive(world, () => client.destroyed && code !== undefined);
  expect([code, clock.now() > 0]).toEqual(['ECONNREFUSED', true]);
});

test('a paused reader closes the window; resume opens it again', async () => {
  const { world, server, dial } = await joined({}, 64 * 1024);
  const client = dial();
  client.end(Buffer.alloc(1_000_000, 'x'));
  let accepted: Socket | undefined;
  server.on('connection', (socket: Socket) => {
    accepted = socket.pause();
  });
  await drive(world, () => accepted !== undefined);
  await drive(world, () => world.sent.some(({ from, header }) => from.equals(B) && header.window === 0));
  const before = accepted?.bytesRead ?? 0;
  world.runFor(milliseconds(5_000));
  expect(accepted?.bytesRead).toBe(before);
  expect(before).toBeLessThan(128 * 1024);
  let received = 0;
  accepted?.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  accepted?.resume();
  await drive(world, () => received === 1_000_000);
});

describe.each([
  ['a clean wire', {}],
  ['1 % loss, 1 % doubled, reordering', { seed: 5, loss: 0.01, duplicate: 0.01, jitter: milliseconds(3) }],
])('node:http on %s', (_case, wire) => {
  test('echoes an upload, twice on one connection', async () => {
    const { world, server, dial } = await joined(wire);
    const web = createServer((asked, answer) => asked.pipe(answer));
    server.on('connection', (socket) => web.emit('connection', socket));
    const agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 1 }), { createConnection: dial });
    for (const length of [1_000_000, 300_000]) {
      const body = Buffer.alloc(length, `${length} octets `);
      const asked = request({ agent, method: 'POST', host: 'server' }).end(body);
      let answered: Buffer | undefined;
      void once(asked, 'response').then(async ([answer]) => {
        answered = await buffer(answer as IncomingMessage);
      });
      await drive(world, () => answered !== undefined);
      expect(answered?.equals(body)).toBe(true);
    }
    expect(world.sent.filter(({ header }) => (header.flags & 0x12) === 2).length).toBe(1);
    agent.destroy();
  });
});
