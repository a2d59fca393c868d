// What goes wrong, by the same test on node:net and on ours: errors with Node's code, syscall, address and port, where
// they are told, and what programs do to a socket that is closed, ended or reset.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { closed, connected, diary, failure, onEachNetwork, portOf, serving } from './socket-compat-nets.ts';

type WriteError = NodeJS.ErrnoException | null | undefined;

const written = (socket: Socket, text: string): Promise<WriteError> =>
  new Promise((resolve) => socket.write(text, resolve));

onEachNetwork((network) => {
  test('nobody listens: ECONNREFUSED of connect, with address and port', async () => {
    const { server, port } = await serving(network());
    server.close();
    await once(server, 'close');
    const client = network().connect({ port });
    const told = diary(client);
    const { address } = network();
    expect(await failure(client)).toMatchObject({
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address,
      port,
      message: `connect ECONNREFUSED ${address}:${port}`,
    });
    await closed(client);
    expect(told).toEqual(['error ECONNREFUSED', 'close true']);
    expect([client.remoteAddress, client.localAddress]).toEqual([undefined, undefined]);
  });

  test('what was written to a connection that failed is failed too', async () => {
    const { server, port } = await serving(network());
    server.close();
    const client = network().connect({ port });
    client.on('error', () => {});
    const first = written(client, 'first');
    const second = written(client, 'second');
    expect((await first)?.code).toBe('ERR_SOCKET_CLOSED_BEFORE_CONNECTION');
    expect((await second)?.code).toBe('ECONNREFUSED');
  });

  test('a port in use: EADDRINUSE of listen', async () => {
    const { server, port } = await serving(network());
    const second = network().createServer().listen({ port, host: network().address });
    const [error] = await once(second, 'error');
    const { address } = network();
    expect(error).toMatchObject({
      code: 'EADDRINUSE',
      errno: -98,
      syscall: 'listen',
      address,
      port,
      message: `listen EADDRINUSE: address already in use ${address}:${port}`,
    });
    expect([second.listening, second.address()]).toEqual([false, null]);
    server.close();
  });

  test('an address that is not ours: EADDRNOTAVAIL of listen', async () => {
    const host = '2001:db8:ffff::1';
    const [error] = await once(network().createServer().listen({ port: 4711, host }), 'error');
    expect(error).toMatchObject({
      code: 'EADDRNOTAVAIL',
      errno: -99,
      syscall: 'listen',
      address: host,
      port: 4711,
      message: `listen EADDRNOTAVAIL: address not available ${host}:4711`,
    });
  });

  test('a localAddress that is not ours: EADDRNOTAVAIL of bind', async () => {
    const { port } = await serving(network());
    const client = network().connect({ port, localAddress: '2001:db8:ffff::1' });
    expect(await failure(client)).toMatchObject({
      code: 'EADDRNOTAVAIL',
      errno: -99,
      syscall: 'bind',
      address: '2001:db8:ffff::1',
      message: 'bind EADDRNOTAVAIL 2001:db8:ffff::1',
    });
  });

  test('the same two ends twice: the second connection fails', async () => {
    const { client, server } = await connected(network());
    const again = network().connect({
      port: portOf(server),
      localAddress: network().clientAddress,
      localPort: client.localPort ?? 0,
    });
    expect(await failure(again)).toMatchObject({ code: 'EADDRINUSE' });
  });

  test.each([-1, 65_536, 1.5, Number.NaN])('a port that is none (%s) throws ERR_SOCKET_BAD_PORT', (port) => {
    expect(() => network().connect({ port })).toThrow(
      expect.objectContaining({ code: 'ERR_SOCKET_BAD_PORT', name: 'RangeError' }),
    );
    expect(() => network().createServer().listen({ port, host: network().address })).toThrow(
      expect.objectContaining({ code: 'ERR_SOCKET_BAD_PORT', name: 'RangeError' }),
    );
  });

  test('a write after end: ERR_STREAM_WRITE_AFTER_END, to the callback and as the error', async () => {
    const { client } = await connected(network(), { serve: { allowHalfOpen: true } });
    const told = diary(client);
    client.end();
    const error = await written(client, 'late');
    expect(error?.code).toBe('ERR_STREAM_WRITE_AFTER_END');
    await closed(client);
    expect(told).toEqual(['error ERR_STREAM_WRITE_AFTER_END', 'close true']);
  });

  test('a write after the peer has ended, and our end was implied: EPIPE', async () => {
    const { client, peer } = await connected(network());
    const told = diary(peer);
    const answer = new Promise<WriteError>((resolve) => {
      peer.resume().on('end', () => peer.end().write('too late', resolve));
    });
    client.end();
    expect(await answer).toMatchObject({ code: 'EPIPE', message: 'This socket has been ended by the other party' });
    await closed(peer);
    expect(told).toContain('error EPIPE');
  });

  test('a write to a destroyed socket fails its callback and tells no event', async () => {
    const { client } = await connected(network());
    client.destroy();
    await closed(client);
    const told = diary(client);
    expect((await written(client, 'too late'))?.code).toBe('ERR_STREAM_DESTROYED');
    expect(told).toEqual([]);
  });

  test('what waits to be written when the peer resets is failed, and reading tells ECONNRESET', async () => {
    const { client, peer } = await connected(network());
    const told = diary(client);
    client.resume();
    const stuck = new Promise((resolve) => client.write(Buffer.alloc(16 << 20), () => resolve('answered')));
    const behind = written(client, 'behind it');
    await once(peer, 'readable');
    peer.resetAndDestroy();
    expect(await stuck).toBe('answered');
    expect((await behind)?.code).toMatch(/^(ECONNRESET|EPIPE|ERR_STREAM_DESTROYED)$/);
    await closed(client);
    expect(told).toEqual([expect.stringMatching(/^error (ECONNRESET|EPIPE)$/), 'close true']);
  });

  test('what waits to be written is not left without an answer when the socket is destroyed', async () => {
    const { client } = await connected(network(), { serve: { pauseOnConnect: true } });
    const stuck = new Promise((resolve) => client.write(Buffer.alloc(64 << 20), () => resolve('answered')));
    const behind = written(client, 'behind it');
    client.destroy();
    expect(await stuck).toBe('answered');
    expect((await behind)?.code).toBe('ERR_STREAM_DESTROYED');
  });

  test('writing to a peer that has gone: EPIPE of write, once its reset has come', async () => {
    const { client, peer } = await connected(network(), { dial: { allowHalfOpen: true } });
    peer.destroy();
    await once(client.resume(), 'end');
    const failed = failure(client);
    const attempt = (): void => {
      if (!client.destroyed) client.write('anybody there?', () => setImmediate(attempt));
    };
    attempt();
    expect(await failed).toMatchObject({ code: 'EPIPE', errno: -32, syscall: 'write', message: 'write EPIPE' });
    await closed(client);
  });

  test('destroyed with unread octets: the peer gets ECONNRESET', async () => {
    const { client, peer } = await connected(network());
    const failed = failure(client);
    client.write(Buffer.alloc(8 << 20)); // more than stream and TCP take where nobody reads
    await once(peer, 'readable');
    for (let round = 0; round < 4; round++) {
      peer.write('on its way'); // gives what follows the first octets the time to arrive
      await once(client, 'data');
    }
    peer.destroy();
    expect((await failed).code).toMatch(/^(ECONNRESET|EPIPE)$/);
  });

  // And then? Linux tells a clean end where it had more than libuv took at once. Ours always tells the reset.
  test('what came before a reset is read before anything is told of it', async () => {
    const { client, peer } = await connected(network());
    client.pause();
    peer.write(Buffer.alloc(150_000));
    await once(client, 'readable');
    for (let round = 0; round < 4; round++) {
      client.write('on its way');
      await once(peer, 'data');
    }
    peer.resetAndDestroy();
    await closed(peer);
    let received = 0;
    client.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    const told = diary(client);
    await closed(client.resume());
    if (network().address !== '::1') expect(told).toEqual(['error ECONNRESET', 'close true']);
    expect(received).toBeGreaterThan(client.readableHighWaterMark);
  });

  test('a reset after the end of the peer is for the next write to find', async () => {
    const { client, peer } = await connected(network(), { dial: { allowHalfOpen: true } });
    const told = diary(client);
    peer.end();
    await once(client.resume(), 'end');
    peer.resetAndDestroy();
    await closed(peer);
    client.end();
    await closed(client);
    expect(told).toEqual(['end', 'finish', 'close false']);
  });

  test('an error that nobody listens to is thrown, as with any emitter', async () => {
    const { client } = await connected(network());
    client.removeAllListeners('error');
    expect(() => client.emit('error', new Error('unheard'))).toThrow('unheard');
  });

  test.each([[{}], [5], [undefined]])('write(%o) throws ERR_INVALID_ARG_TYPE', async (value) => {
    const { client } = await connected(network());
    expect(() => client.write(value as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });

  test('write(null) throws ERR_STREAM_NULL_VALUES', async () => {
    const { client } = await connected(network());
    expect(() => client.write(null as never)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_NULL_VALUES' }));
  });

  test.each([-1, Number.POSITIVE_INFINITY, Number.NaN])('setTimeout(%s) throws ERR_OUT_OF_RANGE', async (timeout) => {
    const { client } = await connected(network());
    expect(() => client.setTimeout(timeout)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    expect(() => client.setTimeout('1' as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });

  test('an AbortSignal ends an attempt to connect: AbortError', async () => {
    const { port } = await serving(network());
    const abort = new AbortController();
    const client = network().connect({ port, signal: abort.signal });
    const told = diary(client);
    abort.abort();
    await closed(client);
    expect(told).toEqual(['error ABORT_ERR', 'close true']);
  });

  test('an AbortSignal that has gone off before: AbortError, no connection', async () => {
    const { server, port } = await serving(network());
    let accepted = 0;
    server.on('connection', () => accepted++);
    const client = network().connect({ port, signal: AbortSignal.abort() });
    expect(await failure(client)).toMatchObject({ code: 'ABORT_ERR', name: 'AbortError' });
    await closed(client);
  });

  test('an AbortSignal ends a connection', async () => {
    const abort = new AbortController();
    const { client, peer } = await connected(network(), { dial: { signal: abort.signal } });
    abort.abort(new Error('why'));
    const error = await failure(client);
    expect([error.code, (error.cause as Error).message]).toEqual(['ABORT_ERR', 'why']);
    await closed(peer.resume());
  });
});
