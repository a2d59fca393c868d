// The life of a socket, by the same test on node:net and on ours: the order of events, states and addresses at each
// stage, half-close, and every way to end.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { closed, connected, diary, failure, onEachNetwork, serving } from './socket-compat-nets.ts';

const stage = (socket: Socket) => ({
  connecting: socket.connecting,
  pending: socket.pending,
  readyState: socket.readyState,
  destroyed: socket.destroyed,
});

onEachNetwork((network) => {
  test('connect, ready, data, end, finish, close: in this order at both ends', async () => {
    let served: string[] = [];
    const { port } = await serving(network(), (socket) => {
      served = diary(socket);
      socket.on('data', (chunk) => {
        served.push(`data ${chunk}`);
        socket.write('pong');
      });
    });
    const client = network().connect({ port });
    const told = diary(client);
    client.on('data', (chunk) => {
      told.push(`data ${chunk}`);
      client.end();
    });
    client.write('ping');
    await closed(client);
    expect(told).toEqual(['connect', 'ready', 'data pong', 'finish', 'end', 'close false']);
    expect(served).toEqual(['data ping', 'end', 'finish', 'close false']);
  });

  test('connecting, pending and readyState at each stage', async () => {
    const { server, port } = await serving(network(), undefined, { allowHalfOpen: true });
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = network().connect({ port });
    expect(stage(client)).toEqual({ connecting: true, pending: true, readyState: 'opening', destroyed: false });
    await once(client, 'connect');
    expect(stage(client)).toEqual({ connecting: false, pending: false, readyState: 'open', destroyed: false });
    const [peer] = await accepted;
    expect(stage(peer)).toEqual({ connecting: false, pending: false, readyState: 'open', destroyed: false });
    client.end();
    peer.resume();
    await once(peer, 'end');
    expect(stage(client)).toMatchObject({ readyState: 'readOnly', destroyed: false });
    expect(stage(peer)).toMatchObject({ readyState: 'writeOnly', destroyed: false });
    peer.end();
    client.resume();
    await closed(client);
    expect(stage(client)).toEqual({ connecting: false, pending: true, readyState: 'closed', destroyed: true });
  });

  test('addresses: none before the connection, both during, the own one gone after, the peer kept once asked', async () => {
    const { server, port } = await serving(network());
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = network().connect({ port });
    expect([client.remoteAddress, client.remotePort, client.remoteFamily]).toEqual([undefined, undefined, undefined]);
    await once(client, 'connect');
    const [peer] = await accepted;
    const [near, far] = [network().clientAddress, network().address];
    expect(client.address()).toEqual({ address: near, family: 'IPv6', port: client.localPort });
    expect([client.localAddress, client.localFamily]).toEqual([near, 'IPv6']);
    expect([client.remoteAddress, client.remotePort, client.remoteFamily]).toEqual([far, port, 'IPv6']);
    expect([peer.remoteAddress, peer.remotePort]).toEqual([near, client.localPort]);
    expect([peer.localAddress, peer.localPort]).toEqual([far, port]);
    client.destroy();
    expect([client.remoteAddress, client.remotePort]).toEqual([far, port]);
    expect([client.address(), client.localAddress, client.localPort]).toEqual([{}, undefined, undefined]);
  });

  test('the peer is not known after the end where nobody asked before', async () => {
    const { client } = await connected(network());
    client.destroy();
    expect([client.remoteAddress, client.remotePort, client.remoteFamily]).toEqual([undefined, undefined, undefined]);
  });

  test('localAddress and localPort are taken', async () => {
    const { client: first } = await connected(network());
    const free = first.localPort;
    first.destroy();
    await closed(first);
    const { client, peer } = await connected(network(), {
      dial: { localAddress: network().clientAddress, localPort: (free ?? 0) - 1 },
    });
    expect(client.localPort).toBe((free ?? 0) - 1);
    expect(peer.remotePort).toBe(client.localPort);
  });

  test.each([null, ''] as never[])('localAddress and localPort that say nothing (%j) are none', async (nothing) => {
    const { client } = await connected(network(), { dial: { localAddress: nothing, localPort: nothing } });
    expect(client.localAddress).toBe(network().clientAddress);
    expect(client.localPort).toBeGreaterThan(0);
  });

  test('bytesRead and bytesWritten count text by its octets, also what still waits, and stay after the close', async () => {
    const { server, port } = await serving(network());
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = network().connect({ port });
    client.write('grüße');
    expect([client.bytesWritten, client.bytesRead]).toEqual([7, 0]);
    client.end(Buffer.alloc(1000));
    expect(client.bytesWritten).toBe(1007);
    const [peer] = await accepted;
    peer.resume();
    await Promise.all([closed(client.resume()), closed(peer)]);
    expect([client.bytesWritten, client.bytesRead]).toEqual([1007, 0]);
    expect([peer.bytesRead, peer.bytesWritten]).toEqual([1007, 0]);
  });

  test('without allowHalfOpen the end of the peer is the end of both', async () => {
    const { client, peer } = await connected(network());
    const told = diary(peer);
    client.resume().end();
    await Promise.all([closed(peer.resume()), closed(client)]);
    expect(told).toEqual(['end', 'finish', 'close false']);
    expect(peer.writableEnded).toBe(true);
  });

  test('with allowHalfOpen the answer follows the end of the question', async () => {
    const { client, peer } = await connected(network(), { serve: { allowHalfOpen: true } });
    client.end('question');
    peer.setEncoding('utf8').on('data', (chunk) => expect(chunk).toBe('question'));
    await once(peer, 'end');
    expect([peer.writable, peer.destroyed]).toEqual([true, false]);
    peer.end('answer');
    expect(await text(client)).toBe('answer');
    await closed(peer);
  });

  test('allowHalfOpen at the caller: it goes on writing after the end of the server', async () => {
    const { client, peer } = await connected(network(), {
      dial: { allowHalfOpen: true },
      serve: { allowHalfOpen: true },
    });
    peer.end();
    await once(client.resume(), 'end');
    client.end('last word');
    expect(await text(peer)).toBe('last word');
  });

  test("end's callback comes after the callbacks of writes, before 'finish' is told to others", async () => {
    const { client, peer } = await connected(network());
    peer.resume();
    const order: string[] = [];
    client.on('finish', () => order.push('finish'));
    client.write('a', () => order.push('first write'));
    client.end('b', () => order.push('end'));
    await once(client, 'finish');
    await closed(client.resume());
    expect(order).toEqual(['first write', 'end', 'finish']);
  });

  test('what is written before the connection is there arrives behind it, and its callback waits', async () => {
    const { server, port } = await serving(network());
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = network().connect({ port });
    const order: string[] = [];
    client.on('connect', () => order.push('connect'));
    client.write('early ', () => order.push('written'));
    client.end('bird');
    const [peer] = await accepted;
    expect(await text(peer)).toBe('early bird');
    await closed(client.resume());
    expect(order).toEqual(['connect', 'written']);
  });

  test("destroy: 'close' without 'end', with no error; the peer sees an end", async () => {
    const { client, peer } = await connected(network());
    const [told, seen] = [diary(client), diary(peer)];
    peer.resume();
    expect(client.destroy()).toBe(client);
    await Promise.all([closed(client), closed(peer)]);
    expect(told).toEqual(['close false']);
    expect(seen).toEqual(['end', 'finish', 'close false']);
  });

  test("destroy(error): 'error' and then 'close' with true", async () => {
    const { client } = await connected(network());
    const told = diary(client);
    client.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
    client.destroy(new Error('said once'));
    await closed(client);
    expect(told).toEqual(['error ENOUGH', 'close true']);
  });

  test('destroy before the connection is there: no connect, no error, and writes fail', async () => {
    const { port } = await serving(network());
    const client = network().connect({ port });
    const told = diary(client);
    const written = new Promise<NodeJS.ErrnoException>((resolve) => client.write('lost', resolve as never));
    client.destroy();
    await closed(client);
    expect((await written).code).toBe('ERR_SOCKET_CLOSED_BEFORE_CONNECTION');
    expect(told).toEqual(['close false']);
  });

  test('resetAndDestroy: the peer gets ECONNRESET, our end closes without an error', async () => {
    const { client, peer } = await connected(network());
    const [told, seen] = [diary(client), diary(peer)];
    peer.resume();
    const error = failure(peer);
    expect(client.resetAndDestroy()).toBe(client);
    expect(await error).toMatchObject({ code: 'ECONNRESET', errno: -104, syscall: 'read', message: 'read ECONNRESET' });
    await Promise.all([closed(client), closed(peer)]);
    expect(told).toEqual(['close false']);
    expect(seen).toEqual(['error ECONNRESET', 'close true']);
  });

  test('resetAndDestroy before the connection is there waits for it', async () => {
    const { server, port } = await serving(network());
    const seen = new Promise<NodeJS.ErrnoException>((resolve) => {
      server.on('connection', (peer) => peer.resume().on('error', resolve));
    });
    const client = network().connect({ port });
    const told = diary(client);
    client.resetAndDestroy();
    expect((await seen).code).toBe('ECONNRESET');
    await closed(client);
    expect(told).toEqual(['connect', 'ready', 'close false']);
  });

  test('resetAndDestroy of a closed socket changes nothing', async () => {
    const { client } = await connected(network());
    client.destroy();
    await closed(client);
    const told = diary(client);
    client.resetAndDestroy();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([]);
  });

  test('destroySoon writes what there is, then closes', async () => {
    const { client, peer } = await connected(network());
    client.write(Buffer.alloc(100_000));
    client.destroySoon();
    let received = 0;
    for await (const chunk of peer) received += (chunk as Buffer).length;
    expect(received).toBe(100_000);
    await closed(client);
  });

  test('both ends finish at once', async () => {
    const { client, peer } = await connected(network());
    const [told, seen] = [diary(client), diary(peer)];
    client.resume().end();
    peer.resume().end();
    await Promise.all([closed(client), closed(peer)]);
    for (const entries of [told, seen]) {
      expect(entries.slice(0, 2).toSorted()).toEqual(['end', 'finish']); // which is first, the network decides
      expect(entries.slice(2)).toEqual(['close false']);
    }
  });

  test("nobody reads: no 'end' and no 'close', until resume()", async () => {
    const { client, peer } = await connected(network());
    const told = diary(client);
    peer.end('unread');
    await once(peer.resume(), 'finish');
    client.write('still open');
    await once(peer, 'data');
    expect(told).toEqual([]);
    await closed(client.resume());
    expect(told).toEqual(['end', 'finish', 'close false']);
  });

  test('options and references give the socket back, whatever its stage', async () => {
    const { port } = await serving(network());
    const client = network().connect({ port });
    const chain = () =>
      client.setNoDelay().setNoDelay(false).setKeepAlive(true, 1000).setKeepAlive().ref().unref().ref();
    expect(chain()).toBe(client);
    await once(client, 'connect');
    expect(chain()).toBe(client);
    client.destroy();
    await closed(client);
    expect(chain()).toBe(client);
  });
});
