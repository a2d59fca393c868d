// Server against what net.Server promises, over a TCP without packets (socket-fake.ts).

import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { connectSocket, type Socket } from '../../stack/tcp/socket.ts';
import { listenSockets, Server } from '../../stack/tcp/socket-server.ts';
import { FakeTcp, SERVER, settle } from './socket-fake.ts';

describe('listening', () => {
  test("'listening' follows listen, and address() tells the port that was picked", async () => {
    const server = listenSockets(new FakeTcp().home, { port: 0, host: '2001:db8:5::1' });
    await once(server, 'listening');
    expect(server.address()).toEqual({ address: '2001:db8:5::1', family: 'IPv6', port: 40_000 });
  });

  test('a port in use is EADDRINUSE of listen, as an event', async () => {
    const tcp = new FakeTcp();
    new Server(tcp.home).listen(80);
    const [error] = await once(new Server(tcp.home).listen({ port: 80, host: SERVER }), 'error');
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', address: '2001:db8:5::1', port: 80 });
  });

  test('a second listen throws ERR_SERVER_ALREADY_LISTEN, a second close tells ERR_SERVER_NOT_RUNNING', async () => {
    const server = new Server(new FakeTcp().home).listen(80);
    expect(() => server.listen(81)).toThrow(expect.objectContaining({ code: 'ERR_SERVER_ALREADY_LISTEN' }));
    server.close();
    const error = await new Promise((resolve) => server.close(resolve));
    expect(error).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
  });
});

describe('connections', () => {
  test('close lets the connections there are go on; its event comes after the last of them', async () => {
    const tcp = new FakeTcp();
    const server = new Server(tcp.home, {}, (socket) => socket.resume()).listen(80);
    const client = connectSocket(tcp.home, { host: SERVER, port: 80 }).resume();
    await once(server, 'connection');
    const closed = vi.fn();
    server.close(closed);
    const late = connectSocket(tcp.home, { host: SERVER, port: 80 });
    expect(await new Promise((resolve) => late.on('error', resolve))).toMatchObject({ code: 'ECONNREFUSED' });
    expect(closed).not.toHaveBeenCalled();
    expect(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(1);
    client.end();
    await settle();
    expect(closed).toHaveBeenCalledTimes(1);
  });

  test("the app of a port, for which a member listens, tells no 'close' when its last connection has ended", async () => {
    const tcp = new FakeTcp();
    const app = new Server(tcp.home, {}, (socket) => socket.resume());
    const closed = vi.fn();
    app.on('close', closed);
    tcp.home.tcp.listen({ port: 80 }, (now, connection) => app.accept(now, connection));
    connectSocket(tcp.home, { host: SERVER, port: 80 }).resume().end();
    await once(app, 'connection');
    await settle();
    expect(await new Promise((resolve) => app.getConnections((_error, count) => resolve(count)))).toBe(0);
    expect(closed).not.toHaveBeenCalled();
    app.close();
    await settle();
    expect(closed).toHaveBeenCalledTimes(1);
  });

  test('a connection beyond maxConnections is reset and told as drop', async () => {
    const tcp = new FakeTcp();
    const server = new Server(tcp.home).listen(80);
    server.maxConnections = 1;
    connectSocket(tcp.home, { host: SERVER, port: 80 });
    await once(server, 'connection');
    const dropped = once(server, 'drop');
    const second = connectSocket(tcp.home, { host: SERVER, port: 80, localPort: 7 }).on('error', () => {});
    expect((await dropped)[0]).toMatchObject({ localPort: 80, remotePort: 7, remoteFamily: 'IPv6' });
    expect(await new Promise((resolve) => second.on('close', resolve))).toBe(true);
  });

  test('the signal closes the server', async () => {
    const controller = new AbortController();
    const server = new Server(new FakeTcp().home).listen({ port: 80, signal: controller.signal });
    const closed = once(server, 'close');
    controller.abort();
    await closed;
    expect(server.listening).toBe(false);
  });

  test('pauseOnConnect hands over a socket that has read nothing', async () => {
    const tcp = new FakeTcp();
    const server = new Server(tcp.home, { pauseOnConnect: true }).listen(80);
    connectSocket(tcp.home, { host: SERVER, port: 80 }).write('hello');
    const [socket] = (await once(server, 'connection')) as [Socket];
    await settle();
    expect([socket.isPaused(), socket.bytesRead]).toEqual([true, 0]);
  });
});
