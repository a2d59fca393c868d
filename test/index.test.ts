// The public API as a program uses it: two hosts in one process, in real time, with node:http and node:net's manners
// between them.

import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { concatBytes, equalBytes } from '../stack/core/bytes.ts';
import {
  createHost,
  FaultDevice,
  Host,
  pipe,
  type RunningHost,
  SeededRandom,
  type Socket,
  TimerQueue,
} from '../stack/index.ts';

const ADDRESSES = ['2001:db8::1', '2001:db8::2'] as const;

describe('two hosts back to back', () => {
  let server: RunningHost;
  let client: RunningHost;

  beforeEach(() => {
    const [a, b] = pipe();
    server = createHost({ device: a, addresses: [ADDRESSES[0]] });
    client = createHost({ device: b, addresses: [ADDRESSES[1]] });
  });
  afterEach(() => {
    server.close();
    client.close();
  });

  test('node:http runs on their sockets', async () => {
    const http = createServer((request, response) => response.end(`hello ${request.socket.remoteAddress}`));
    server.listen({ port: 80 }, (socket) => http.emit('connection', socket));
    const request = get({ path: '/', createConnection: () => client.connect({ address: ADDRESSES[0], port: 80 }) });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    expect(body).toBe(`hello ${ADDRESSES[1]}`);
  });

  test('a server tells its address, a port in use is EADDRINUSE', async () => {
    const first = server.listen({ address: ADDRESSES[0], port: 7 });
    expect(first.address()).toEqual({ address: ADDRESSES[0], family: 'IPv6', port: 7 });
    const [error] = await once(server.listen({ address: ADDRESSES[0], port: 7 }), 'error');
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port: 7 });
  });

  test("'connect' comes, with both ends named, even where the peer answers at once", async () => {
    server.listen({ port: 80 });
    const socket = client.connect({ address: ADDRESSES[0], port: 80 });
    expect(socket.connecting).toBe(true);
    await once(socket, 'connect');
    expect(socket).toMatchObject({
      connecting: false,
      remoteAddress: ADDRESSES[0],
      remotePort: 80,
      localAddress: ADDRESSES[1],
    });
  });

  test('nobody listens: ECONNREFUSED', async () => {
    const [error] = await once(client.connect({ address: ADDRESSES[0], port: 9 }), 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED', address: ADDRESSES[0], port: 9 });
  });
});

test('timers run by themselves: what is lost on the way is sent again', async () => {
  const timers = new TimerQueue();
  const [a, b] = pipe();
  const faulty = new FaultDevice({ timers, random: new SeededRandom(3) }, a, { outbound: { loss: 0.05 } });
  const server = createHost({ device: faulty, addresses: [ADDRESSES[0]], timers });
  const client = createHost({ device: b, addresses: [ADDRESSES[1]] });
  const sent = new SeededRandom(4).bytes(300_000);
  server.listen({ port: 80 }, (socket: Socket) => socket.end(sent));
  const received: Uint8Array[] = [];
  for await (const chunk of client.connect({ address: ADDRESSES[0], port: 80 })) received.push(chunk);
  expect(equalBytes(concatBytes(...received), sent)).toBe(true);
  expect(faulty.outbound.statistics.lost).toBeGreaterThan(0);
  server.close();
  client.close();
});

test('a host without a clock says that it has no sockets', () => {
  const random = new SeededRandom(1);
  const host = new Host({ timers: new TimerQueue(), random, secret: random.bytes(32) });
  expect(() => host.listen({ port: 80 })).toThrow(/without a clock/);
});
