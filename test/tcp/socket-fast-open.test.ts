// TCP Fast Open (RFC 7413) through the sockets: the first write after connect() goes along in the SYN.

import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { Clock } from '../../stack/core/time.ts';
import { connectSocket, type Socket } from '../../stack/tcp/socket.ts';
import { Server } from '../../stack/tcp/socket-server.ts';
import { TCP_FLAG, type TcpHeader } from '../../stack/wire/tcp.ts';
import { drive } from './socket-drive.ts';
import { A, B, World } from './support.ts';

const portsOf = (header: TcpHeader): number[] => [header.sourcePort, header.destinationPort];

test('the second request travels in the SYN, and its answer is there before our ACK has come', async () => {
  const world = new World();
  const clock: Clock = { now: () => world.now };
  const [a, b] = [world.host(A), world.host(B)];
  const server = new Server({ tcp: b.tcp, clock }).listen({ port: 80, fastOpen: true });
  server.on('connection', (socket: Socket) => socket.on('data', (octets: Buffer) => socket.end(`got ${octets}`)));
  for (const request of ['one', 'two']) {
    const from = world.sent.length;
    const socket = connectSocket({ tcp: a.tcp, clock }, { host: B, port: 80, fastOpen: true });
    const order: string[] = [];
    socket.on('connect', () => order.push('connect')).on('data', (octets: Buffer) => order.push(String(octets)));
    socket.write(request);
    let port: number | undefined;
    socket.on('connect', () => {
      port = socket.localPort;
    });
    const closed = once(socket, 'close');
    await drive(world, () => socket.destroyed);
    await closed;
    expect([order, socket.bytesWritten]).toEqual([['connect', `got ${request}`], 3]);
    const ours = world.sent.slice(from).filter(({ header }) => portsOf(header).includes(port ?? 0));
    const [syn, synAck, third] = ours;
    expect(syn?.header.flags).toBe(TCP_FLAG.syn);
    expect([syn?.text.length, synAck?.from.equals(B)]).toEqual([request === 'two' ? 3 : 0, true]);
    // The first time our ACK comes third, the second time the answer does.
    expect(third?.from.equals(request === 'two' ? B : A)).toBe(true);
  }
});

test('what is written is lost with a connection that is refused, and the error is told', async () => {
  const world = new World();
  const clock: Clock = { now: () => world.now };
  const [a] = [world.host(A), world.host(B)];
  a.tcp.fastOpenServers.learn(A, B, new Uint8Array(8), 1400);
  const socket = connectSocket({ tcp: a.tcp, clock }, { host: B, port: 80, fastOpen: true });
  socket.write('hello');
  const error = once(socket, 'error');
  await drive(world, () => socket.destroyed);
  expect((await error)[0]).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
});
