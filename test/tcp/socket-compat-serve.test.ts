// Whole servers, as their programs make them: node:http, https, tls, ws and fastify listen by themselves, on the machine
// and on a host of ours (host.serve), and are closed by themselves. Clients are given net.connect and no more.

import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type * as nodeNet from 'node:net';
import { text } from 'node:stream/consumers';
import * as tls from 'node:tls';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { onEachNetwork, portOf } from './socket-compat-nets.ts';
import { PAIR } from './socket-fixtures/pair.ts';

type Ask = (options?: http.RequestOptions) => Promise<string>;

onEachNetwork((network) => {
  const listening = async <T extends nodeNet.Server>(server: T): Promise<T> => {
    network().serve(server).listen(0, network().address);
    await once(server, 'listening');
    return server;
  };
  /** Asks with nothing but what node:http takes: a host, a port, and a maker of connections. */
  const asking =
    (server: nodeNet.Server, agent?: http.Agent): Ask =>
    async (options = {}) => {
      const where = { host: network().address, port: portOf(server) };
      const createConnection = network().clientNet.connect as unknown as http.RequestOptions['createConnection'];
      const more = agent === undefined ? { createConnection } : { agent };
      const request = http.request({ ...where, ...more, ...options } as http.RequestOptions).end();
      return text(((await once(request, 'response')) as [http.IncomingMessage])[0]);
    };
  const keptAlive = (): http.Agent =>
    Object.assign(new http.Agent({ keepAlive: true, maxSockets: 1 }), {
      createConnection: network().clientNet.createConnection,
    });
  const from = (request: http.IncomingMessage): string => `${request.url} of ${request.socket.remoteAddress}`;

  test('http.createServer().listen(): address, requests, close', async () => {
    const server = http.createServer((request, answer) => answer.end(from(request)));
    expect([server.listening, server.address()]).toEqual([false, null]);
    await listening(server);
    expect(server.listening).toBe(true);
    expect(server.address()).toMatchObject({ address: network().address, family: 'IPv6' });
    expect(await asking(server)({ path: '/page' })).toBe(`/page of ${network().clientAddress}`);
    const closing = new Promise((resolve) => server.close(resolve));
    expect(await closing).toBe(undefined);
    expect([server.listening, server.address()]).toEqual([false, null]);
    await expect(asking({ address: () => ({ port: 9 }) } as never)()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('an agent with keep-alive over net.createConnection: one connection; close() ends it where it is idle', async () => {
    const server = await listening(http.createServer((request, answer) => answer.end(from(request))));
    let connections = 0;
    server.on('connection', () => connections++);
    const agent = keptAlive();
    const ask = asking(server, agent);
    for (let i = 0; i < 5; i++) await ask();
    expect(connections).toBe(1);
    expect(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(1);
    await new Promise((resolve) => server.close(resolve)); // would wait five seconds for keepAliveTimeout
    agent.destroy();
  });

  test('closeAllConnections ends a request that is under way; a second close tells ERR_SERVER_NOT_RUNNING', async () => {
    const server = await listening(http.createServer((_request, answer) => void answer.write('begun, ')));
    const request = asking(server)().catch((error: NodeJS.ErrnoException) => error.code);
    await once(server, 'request');
    const order: string[] = [];
    const told = (name: string) => (error?: NodeJS.ErrnoException) => order.push(`${name} ${error?.code}`);
    server.close(told('first'));
    server.close(told('second'));
    server.closeAllConnections();
    await once(server, 'close');
    expect(order).toEqual(['first undefined', 'second ERR_SERVER_NOT_RUNNING']);
    expect(await request).toMatch(/^(ECONNRESET|begun, |ERR_STREAM_PREMATURE_CLOSE)$/);
  });

  test('timeouts of the server are watched over: headersTimeout answers 408', async () => {
    const options = { headersTimeout: 20, requestTimeout: 20, connectionsCheckingInterval: 5 };
    const server = await listening(http.createServer(options, () => expect.unreachable()));
    const client = network().clientNet.connect(portOf(server), network().address);
    client.write('GET / HTTP/1.1\r\n');
    expect(await text(client)).toMatch(/^HTTP\/1.1 408 /);
    server.close();
  });

  test('a port in use: EADDRINUSE; then another one', async () => {
    const server = await listening(http.createServer());
    const second = http.createServer((_request, answer) => answer.end('second'));
    network().serve(second).listen(portOf(server), network().address);
    expect((await once(second, 'error'))[0].code).toBe('EADDRINUSE');
    second.listen(0, network().address);
    await once(second, 'listening');
    expect(await asking(second)()).toBe('second');
    for (const each of [server, second]) each.close();
  });

  test('maxConnections and allowHalfOpen are those of the server', async () => {
    const server = await listening(http.createServer());
    server.maxConnections = 1;
    const first = network().clientNet.connect(portOf(server), network().address);
    const [accepted] = (await once(server, 'connection')) as [nodeNet.Socket];
    expect(accepted.allowHalfOpen).toBe(true);
    const dropped = once(server, 'drop');
    const second = network()
      .clientNet.connect(portOf(server), network().address)
      .on('error', () => {});
    await dropped;
    for (const each of [first, second]) each.destroy();
    server.close();
  });

  test('await using closes an http server', async () => {
    const server = await listening(http.createServer((_request, answer) => answer.end('here')));
    expect(await asking(server)()).toBe('here');
    await server[Symbol.asyncDispose]();
    expect(server.listening).toBe(false);
  });

  test('https.createServer().listen(), asked over tls.connect({ socket: net.connect() })', async () => {
    const server = await listening(https.createServer(PAIR, (request, answer) => answer.end(from(request))));
    const createConnection = (): tls.TLSSocket =>
      tls.connect({
        socket: network().clientNet.connect(portOf(server), network().address),
        ca: PAIR.cert,
        servername: 'homeport.test',
      });
    const request = https.request({ path: '/secret', createConnection, host: 'homeport.test' }).end();
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(await text(answer)).toBe(`/secret of ${network().clientAddress}`);
    await new Promise((resolve) => server.close(resolve));
  });

  test('tls.createServer().listen(): each certifies itself to the other, ALPN, and a session taken up again', async () => {
    const options = { ...PAIR, ca: PAIR.cert, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['chat'] };
    const server = tls.createServer(options, (socket) => {
      socket.end(`${socket.authorized} ${socket.alpnProtocol} ${socket.isSessionReused()}`);
    });
    await listening(server);
    const dial = (more: tls.ConnectionOptions): tls.TLSSocket =>
      tls.connect({
        socket: network().clientNet.connect(portOf(server), network().address),
        ca: PAIR.cert,
        servername: 'homeport.test',
        ALPNProtocols: ['chat'],
        ...more,
      });
    const first = dial(PAIR);
    const session = once(first, 'session') as Promise<[Buffer]>;
    expect(await text(first)).toBe('true chat false');
    expect(await text(dial({ ...PAIR, session: (await session)[0] }))).toBe('true chat true');
    const refused = once(server, 'tlsClientError');
    const stranger = dial({}).on('error', () => {});
    const over = new Promise((resolve) => stranger.resume().once('close', resolve));
    expect((await refused)[0].code).toBe('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
    await over;
    await new Promise((resolve) => server.close(resolve));
  });

  test('ws over an http server that listens, with compression, ping and pong', async () => {
    const server = await listening(http.createServer());
    const wss = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
    wss.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data).toUpperCase())));
    const createConnection = network().clientNet.connect as never;
    const client = new WebSocket(`ws://[${network().address}]:${portOf(server)}/`, { createConnection });
    await once(client, 'open');
    expect(client.extensions).toMatch(/permessage-deflate/);
    client.send('again '.repeat(1000));
    expect(String((await once(client, 'message'))[0])).toBe('AGAIN '.repeat(1000));
    client.ping('there?');
    expect(String((await once(client, 'pong'))[0])).toBe('there?');
    client.close(1000);
    await once(client, 'close');
    await new Promise((resolve) => server.close(resolve));
  });

  test('fastify listens and closes by itself: real requests, a hook at its end', async () => {
    const app = fastify({
      forceCloseConnections: 'idle',
      serverFactory: (handler) => network().serve(http.createServer((request, answer) => handler(request, answer))),
    });
    app.get('/hello/:name', async (request) => ({
      hello: (request.params as { name: string }).name,
      from: request.ip,
    }));
    let ended = false;
    app.addHook('onClose', async () => {
      ended = true;
    });
    const where = await app.listen({ port: 0, host: network().address });
    expect(where).toBe(`http://[${network().address}]:${portOf(app.server)}`);
    const agent = keptAlive();
    const ask = asking(app.server, agent);
    for (const name of ['a', 'b']) {
      expect(JSON.parse(await ask({ path: `/hello/${name}` }))).toEqual({ hello: name, from: network().clientAddress });
    }
    await app.close();
    expect([ended, app.server.listening]).toEqual([true, false]);
    agent.destroy();
  });
});
