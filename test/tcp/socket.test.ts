// The Node face of TCP against what net.Socket promises, over a TCP without packets (socket-fake.ts).

import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { concatBytes } from '../../stack/core/bytes.ts';
import { connectSocket, type Socket, type SocketConnectOptions } from '../../stack/tcp/socket.ts';
import type { SocketError } from '../../stack/tcp/socket-error.ts';
import { Server, type ServerOptions } from '../../stack/tcp/socket-server.ts';
import { CLOCK, type FakeConnection, FakeTcp, SERVER, settle } from './socket-fake.ts';

const PORT = 80;

async function joined(serverOptions: ServerOptions = {}, clientOptions: Partial<SocketConnectOptions> = {}) {
  const tcp = new FakeTcp();
  const server = new Server(tcp.home, serverOptions).listen(PORT);
  const client = connectSocket(tcp.home, { host: SERVER, port: PORT, ...clientOptions });
  const [accepted] = (await once(server, 'connection')) as [Socket];
  if (client.connecting) await once(client, 'connect');
  const [clientCore, serverCore] = [tcp.opened[0], tcp.accepted[0]] as [FakeConnection, FakeConnection];
  return { tcp, server, client, accepted, clientCore, serverCore };
}

const failure = async (socket: Socket): Promise<SocketError> => (await once(socket, 'error'))[0] as SocketError;

describe('connecting', () => {
  test.each([-5, 1.5, 65_536])('a localPort that is none (%s) throws; net takes it modulo 65536', (localPort) => {
    const { home } = new FakeTcp();
    expect(() => connectSocket(home, { host: SERVER, port: PORT, localPort })).toThrow(
      expect.objectContaining({ code: 'ERR_SOCKET_BAD_PORT', name: 'RangeError' }),
    );
  });

  test('connect, then ready; addresses and states as net.Socket tells them', async () => {
    const tcp = new FakeTcp();
    new Server(tcp.home).listen(PORT);
    const client = connectSocket(tcp.home, { host: SERVER, port: PORT, localPort: 5555 });
    expect(client).toMatchObject({ connecting: true, pending: true, readyState: 'opening', remoteAddress: undefined });
    const order: string[] = [];
    client.on('connect', () => order.push('connect')).on('ready', () => order.push('ready'));
    await settle();
    expect(order).toEqual(['connect', 'ready']);
    expect(client).toMatchObject({
      connecting: false,
      pending: false,
      readyState: 'open',
      remoteAddress: '2001:db8:5::1',
      remotePort: PORT,
      remoteFamily: 'IPv6',
      localAddress: '2001:db8:c::1',
      localPort: 5555,
    });
    expect(client.address()).toEqual({ address: '2001:db8:c::1', family: 'IPv6', port: 5555 });
  });

  test.each([
    ['nobody listens', 'ECONNREFUSED', -111, () => new FakeTcp()],
    ['no route', 'ENETUNREACH', -101, () => Object.assign(new FakeTcp(), { connectError: 'no-route' })],
    ['local port taken', 'EADDRINUSE', -98, () => Object.assign(new FakeTcp(), { connectError: 'address-in-use' })],
    [
      'foreign local address',
      'EADDRNOTAVAIL',
      -99,
      () => Object.assign(new FakeTcp(), { connectError: 'address-not-available' }),
    ],
  ])('%s: %s with its errno, syscall, address and port', async (_case, code, errno, make) => {
    const client = connectSocket((make() as FakeTcp).home, { host: '2001:db8:5::1', port: PORT });
    const hadError = new Promise((resolve) => client.on('close', resolve));
    const error = await failure(client);
    expect(error).toMatchObject({ code, errno, syscall: 'connect', address: '2001:db8:5::1', port: PORT });
    expect(error.message).toBe(`connect ${code} 2001:db8:5::1:80`);
    expect(await hadError).toBe(true);
  });

  test('a connect that times out is ETIMEDOUT of connect, one that times out later of read', async () => {
    const tcp = Object.assign(new FakeTcp(), { silent: true });
    const client = connectSocket(tcp.home, { host: SERVER, port: PORT });
    await settle(1);
    tcp.opened[0]?.fail('timed-out');
    expect(await failure(client)).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', port: PORT });
    const world = await joined();
    world.clientCore.fail('timed-out');
    expect(await failure(world.client)).toMatchObject({ code: 'ETIMEDOUT', syscall: 'read' });
  });

  test('a name is not looked up: ENOTFOUND as an event', async () => {
    const error = await failure(connectSocket(new FakeTcp().home, { host: 'example.org', port: PORT }));
    expect(error).toMatchObject({ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'example.org' });
  });

  test('an aborted signal destroys the socket with AbortError, and the SYN is taken back', async () => {
    const tcp = Object.assign(new FakeTcp(), { silent: true });
    const controller = new AbortController();
    const client = connectSocket(tcp.home, { host: SERVER, port: PORT, signal: controller.signal });
    await settle(1);
    controller.abort();
    expect(await failure(client)).toMatchObject({ name: 'AbortError' });
    expect(tcp.opened[0]?.resetSent).toBe(true);
  });

  test('what is written before the handshake is done goes out after it', async () => {
    const tcp = new FakeTcp();
    const server = new Server(tcp.home).listen(PORT);
    connectSocket(tcp.home, { host: SERVER, port: PORT }).end('early');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    expect((await buffer(accepted)).toString()).toBe('early');
  });
});

describe('data', () => {
  test('octets arrive whole both ways, and the counters agree', async () => {
    const { client, accepted } = await joined();
    const sent = Buffer.alloc(1_000_000, 'homeport ');
    accepted.pipe(accepted);
    client.end(sent);
    expect((await buffer(client)).equals(sent)).toBe(true);
    expect([client.bytesWritten, client.bytesRead]).toEqual([sent.length, sent.length]);
    expect([accepted.bytesWritten, accepted.bytesRead]).toEqual([sent.length, sent.length]);
  });

  test('a reader that pauses leaves the rest in TCP, and the writer waits for it', async () => {
    const { client, accepted, serverCore } = await joined({ pauseOnConnect: true });
    let written = false;
    client.write(Buffer.alloc(1_000_000), () => {
      written = true;
    });
    await settle(50);
    expect(accepted.bytesRead).toBe(0);
    expect(serverCore.readableBytes).toBe(serverCore.receiveBuffer);
    expect(written).toBe(false);
    expect(client.bytesWritten).toBe(1_000_000);
    let received = 0;
    accepted.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    accepted.resume();
    await vi.waitUntil(() => written && received === 1_000_000);
  });

  test('corked chunks go to TCP as one write', async () => {
    const { client, clientCore } = await joined();
    client.cork();
    for (const part of ['GET ', '/ ', 'HTTP/1.1\r\n']) client.write(part);
    client.uncork();
    await settle();
    expect(clientCore.writes).toEqual(['GET / HTTP/1.1\r\n'.length]);
  });

  test('options reach the core', async () => {
    const { client, clientCore } = await joined();
    client.setNoDelay().setKeepAlive(true, 5_000).setKeepAlive(false);
    expect(clientCore.optionsSet).toEqual([{ noDelay: true }, { keepAlive: 5_000_000 }, { keepAlive: 0 }]);
  });
});

describe('ending', () => {
  test('without allowHalfOpen the other side ends by itself; close comes without error', async () => {
    const { client, accepted } = await joined();
    accepted.resume();
    const closes = Promise.all([once(client, 'close'), once(accepted, 'close')]);
    client.resume().end('bye');
    expect(await closes).toEqual([[false], [false]]);
    expect(client.readyState).toBe('closed');
  });

  test('with allowHalfOpen an answer can follow the end of the question', async () => {
    const { client, accepted } = await joined({ allowHalfOpen: true });
    accepted.on('end', () => setImmediate(() => accepted.end('answer')));
    accepted.resume();
    client.end('question');
    expect((await buffer(client)).toString()).toBe('answer');
  });

  test('a write after the peer has ended the connection is EPIPE', async () => {
    const { client, accepted } = await joined();
    client.resume();
    accepted.end();
    await once(client, 'end');
    await settle(2);
    const written = new Promise((resolve) => client.on('error', () => {}).write('late', resolve));
    expect(await written).toMatchObject({ code: 'EPIPE' });
  });

  test('a reset is ECONNRESET of read', async () => {
    const { client, accepted } = await joined();
    accepted.resetAndDestroy();
    expect(await failure(client)).toMatchObject({ code: 'ECONNRESET', errno: -104, syscall: 'read' });
  });

  test('destroySoon waits for what was written', async () => {
    const { client, accepted } = await joined();
    const all = buffer(accepted);
    client.write(Buffer.alloc(300_000));
    client.destroySoon();
    expect((await all).length).toBe(300_000);
    expect(client.destroyed).toBe(true);
  });

  test('RFC 1122 4.2.2.13: destroy with unread data is a RST, without it a FIN', async () => {
    const unread = await joined({ pauseOnConnect: true });
    unread.client.on('error', () => {}).write('nobody reads this');
    await settle();
    unread.accepted.destroy();
    expect([unread.serverCore.resetSent, unread.serverCore.finSent]).toEqual([true, false]);
    const read = await joined();
    read.accepted.destroy();
    expect([read.serverCore.resetSent, read.serverCore.finSent]).toEqual([false, true]);
    read.client.on('error', () => {}).write('too late');
    await settle();
    expect(read.serverCore.resetSent).toBe(true);
  });
});

describe('timeouts', () => {
  afterEach(() => void vi.useRealTimers());

  test('timeout after inactivity, pushed back by activity, and 0 switches it off', async () => {
    const { client, accepted } = await joined();
    accepted.resume();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const expired = vi.fn();
    client.setTimeout(1_000, expired);
    vi.advanceTimersByTime(900);
    client.write('still here');
    await settle();
    vi.advanceTimersByTime(900);
    expect(expired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(expired).toHaveBeenCalledTimes(1);
    client.setTimeout(0);
    vi.advanceTimersByTime(10_000);
    expect([expired.mock.calls.length, client.destroyed]).toEqual([1, false]);
  });

  test('an orphan whose peer never ends is reset after a minute', async () => {
    const { client, accepted, serverCore } = await joined({}, { allowHalfOpen: true });
    client.on('error', () => {});
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    accepted.destroy();
    await settle();
    expect(serverCore.state).toBe('FIN-WAIT-2');
    vi.advanceTimersByTime(60_000);
    expect(serverCore.resetSent).toBe(true);
    await settle();
  });

  test('an orphan whose peer takes what is left, however slowly, is left to it', async () => {
    const { client, clientCore, accepted, serverCore } = await joined({}, { pauseOnCreate: true });
    clientCore.receiveBuffer = 1_000;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    client.on('error', () => {});
    accepted.write(Buffer.alloc(4_000));
    accepted.destroySoon();
    await settle();
    expect(accepted.destroyed).toBe(true);
    for (let minute = 0; minute < 3; minute++) {
      vi.advanceTimersByTime(59_000);
      clientCore.read(CLOCK.now(), 1_000);
      await settle();
      expect(serverCore.resetSent).toBe(false);
    }
    vi.advanceTimersByTime(120_000);
    expect(serverCore.resetSent).toBe(true);
    await settle();
  });
});

test('concatenated reads equal what was written, in any sizes of chunks', async () => {
  const { client, accepted } = await joined();
  const parts = [1, 16_384, 3, 70_000, 65_536, 7].map((length, i) => new Uint8Array(length).fill(i));
  const all = buffer(accepted);
  for (const part of parts) client.write(part);
  client.end();
  expect((await all).equals(concatBytes(...parts))).toBe(true);
});
