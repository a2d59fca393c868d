// net.Server by the same test on node:net and on ours: listening and closing, addresses, limits, options of the
// sockets it makes.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { closed, connected, onEachNetwork, portOf, serving } from './socket-compat-nets.ts';

onEachNetwork((network) => {
  const count = (server: { getConnections(done: (error: Error | null, count: number) => void): unknown }) =>
    new Promise<number>((resolve) => server.getConnections((_error, connections) => resolve(connections)));

  test('listen: the address is known at once, the callback comes as listening, later', async () => {
    const server = network().createServer();
    expect([server.listening, server.address()]).toEqual([false, null]);
    const order: string[] = [];
    server.on('listening', () => order.push('event'));
    server.listen({ port: 0, host: network().address }, () => order.push('callback'));
    order.push('returned');
    await once(server, 'listening');
    expect(order).toEqual(['returned', 'event', 'callback']);
    expect(server.listening).toBe(true);
    expect(server.address()).toEqual({ address: network().address, family: 'IPv6', port: portOf(server) });
    server.close();
    expect([server.listening, server.address()]).toEqual([false, null]);
  });

  test('listen(port, host, backlog, callback), listen(port, host, callback), listen(port, callback)', async () => {
    const one = network().createServer();
    await new Promise<void>((resolve) => one.listen(0, network().address, 16, resolve));
    expect(one.address()).toMatchObject({ address: network().address });
    const two = network().createServer();
    await new Promise<void>((resolve) => two.listen(0, network().address, resolve));
    expect(two.address()).toMatchObject({ address: network().address });
    const three = network().createServer();
    await new Promise<void>((resolve) => three.listen(0, resolve));
    expect(three.address()).toMatchObject({ address: '::', family: 'IPv6' });
    const four = network().createServer();
    await new Promise<void>((resolve) => four.listen(resolve));
    expect(portOf(four)).toBeGreaterThan(0);
    for (const server of [one, two, three, four]) server.close();
  });

  test.each(['::', '::0', '0:0:0:0:0:0:0:0'])('listen on %s: any address', async (host) => {
    const server = network().createServer();
    server.listen({ port: 0, host });
    await once(server, 'listening');
    expect(server.address()).toMatchObject({ address: '::', family: 'IPv6' });
    const client = network().connect({ port: portOf(server) });
    await once(client, 'connect');
    server.close();
  });

  test("close: 'close' at once without connections; a second close tells ERR_SERVER_NOT_RUNNING", async () => {
    const { server } = await serving(network());
    expect(await new Promise((resolve) => server.close(resolve))).toBe(undefined);
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => server.close(resolve));
    expect(error?.code).toBe('ERR_SERVER_NOT_RUNNING');
  });

  test('close of a server that never listened tells ERR_SERVER_NOT_RUNNING', async () => {
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) =>
      network().createServer().close(resolve),
    );
    expect(error?.code).toBe('ERR_SERVER_NOT_RUNNING');
  });

  test('close with connections: they go on, new ones are refused, close comes after the last', async () => {
    const { server, client, peer } = await connected(network());
    const port = portOf(server);
    const order: string[] = [];
    server.close(() => order.push('server closed'));
    const [refused] = await once(network().connect({ port }), 'error');
    expect(refused.code).toBe('ECONNREFUSED');
    peer.write('still here');
    expect(String((await once(client, 'data'))[0])).toBe('still here');
    expect(order).toEqual([]);
    client.end();
    peer.resume();
    await once(server, 'close');
    expect([order, peer.destroyed]).toEqual([['server closed'], true]);
  });

  test('a second listen throws ERR_SERVER_ALREADY_LISTEN; after close it is possible', async () => {
    const { server, port } = await serving(network());
    expect(() => server.listen({ port: 0, host: network().address })).toThrow(
      expect.objectContaining({ code: 'ERR_SERVER_ALREADY_LISTEN' }),
    );
    server.close();
    await once(server, 'close');
    server.listen({ port, host: network().address });
    await once(server, 'listening');
    const client = network().connect({ port });
    await once(client, 'connect');
    expect(portOf(server)).toBe(port);
    server.close();
  });

  test('after EADDRINUSE the server may listen elsewhere', async () => {
    const { port } = await serving(network());
    const server = network().createServer();
    server.listen({ port, host: network().address });
    await once(server, 'error');
    server.listen({ port: 0, host: network().address });
    await once(server, 'listening');
    expect(server.listening).toBe(true);
  });

  test('getConnections counts those that are open', async () => {
    const { server, client, peer } = await connected(network());
    expect(await count(server)).toBe(1);
    const second = network().connect({ port: portOf(server) });
    await once(server, 'connection');
    expect(await count(server)).toBe(2);
    client.destroy();
    await closed(peer.resume());
    expect(await count(server)).toBe(1);
    second.destroy();
  });

  test("maxConnections: one more is closed at once and told as 'drop'", async () => {
    const { server, client } = await connected(network());
    server.maxConnections = 1;
    const port = portOf(server);
    const dropped = once(server, 'drop');
    const second = network().connect({ port });
    second.on('error', () => {}).resume();
    const [connection] = await dropped;
    expect(connection).toEqual({
      localAddress: network().address,
      localPort: port,
      localFamily: 'IPv6',
      remoteAddress: network().clientAddress,
      remotePort: expect.any(Number),
      remoteFamily: 'IPv6',
    });
    await closed(second);
    expect(await count(server)).toBe(1);
    client.destroy();
  });

  test('maxConnections is counted anew when one has ended', async () => {
    const { server, client, peer } = await connected(network());
    server.maxConnections = 1;
    client.destroy();
    await closed(peer.resume());
    const second = network().connect({ port: portOf(server) });
    await once(server, 'connection');
    second.destroy();
  });

  test('the signal closes the server', async () => {
    const abort = new AbortController();
    const server = network().createServer();
    server.listen({ port: 0, host: network().address, signal: abort.signal });
    await once(server, 'listening');
    abort.abort();
    await once(server, 'close');
    expect(server.listening).toBe(false);
  });

  test('a signal that has gone off before: closed, never listening', async () => {
    const server = network().createServer();
    const told: string[] = [];
    server.on('listening', () => told.push('listening'));
    const over = once(server, 'close');
    server.listen({ port: 0, host: network().address, signal: AbortSignal.abort() });
    await over;
    expect([told, server.listening]).toEqual([[], false]);
  });

  test("'await using' closes the server", async () => {
    const { server } = await serving(network());
    await server[Symbol.asyncDispose]();
    expect(server.listening).toBe(false);
    await server[Symbol.asyncDispose]();
  });

  test('pauseOnConnect: nothing is read before resume()', async () => {
    const { client, peer } = await connected(network(), { serve: { pauseOnConnect: true } });
    client.end('kept');
    await once(client, 'finish');
    expect([peer.isPaused(), peer.bytesRead]).toEqual([true, 0]);
    const read: string[] = [];
    peer.setEncoding('utf8').on('data', (text: string) => read.push(text));
    peer.resume();
    await once(peer, 'end');
    expect(read.join('')).toBe('kept');
  });

  test('highWaterMark reaches the sockets', async () => {
    const { client, peer } = await connected(network(), {
      serve: { highWaterMark: 1000 },
      dial: { highWaterMark: 2000 },
    });
    expect([peer.readableHighWaterMark, peer.writableHighWaterMark]).toEqual([1000, 1000]);
    expect([client.readableHighWaterMark, client.writableHighWaterMark]).toEqual([2000, 2000]);
  });

  test('default marks are those of net.Socket', async () => {
    const { client, peer } = await connected(network());
    expect([client.readableHighWaterMark, peer.writableHighWaterMark]).toEqual([16_384, 16_384]);
    expect([peer.allowHalfOpen, client.allowHalfOpen]).toEqual([false, false]);
  });

  test('noDelay and keepAlive of the server are taken, ref and unref give the server back', async () => {
    const { server, peer } = await connected(network(), {
      serve: { noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000 },
    });
    expect(peer.readyState).toBe('open');
    expect([server.ref(), server.unref()]).toEqual([server, server]);
  });

  test('twenty callers at once, all served, within the backlog', async () => {
    const server = network().createServer({}, (socket) => socket.end(`${socket.remotePort}`));
    server.listen({ port: 0, host: network().address, backlog: 64 });
    await once(server, 'listening');
    const ask = async (): Promise<boolean> => {
      const client = network().connect({ port: portOf(server) });
      return new Promise((resolve) => client.on('data', (text) => resolve(String(text) === String(client.localPort))));
    };
    expect(new Set(await Promise.all(Array.from({ length: 20 }, ask)))).toEqual(new Set([true]));
  });

  test('a socket that is destroyed in its connection listener', async () => {
    const { port } = await serving(network(), (socket: Socket) => socket.destroy());
    const client = network().connect({ port });
    await once(client.resume(), 'end');
    await closed(client);
    expect(client.bytesRead).toBe(0);
  });
});
