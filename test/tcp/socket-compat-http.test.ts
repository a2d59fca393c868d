// node:http on node:net and on our sockets by the same test, both roles unchanged: agents that reuse connections,
// pipelining, 100-continue, chunks and trailers, upgrades, timeouts of the server, and either side going away in
// mid-response.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../stack/index.ts';
import { closed, type Network, onEachNetwork, serving } from './socket-compat-nets.ts';

interface Site {
  readonly port: number;
  readonly web: http.Server;
  /** Connections the server has seen. */
  readonly sockets: Socket[];
  dial(): Socket;
  ask(options?: http.RequestOptions): http.ClientRequest;
}

/** A node:http server behind a listener of ours, and how to ask it. */
async function siteOn(network: Network, options: http.ServerOptions, onRequest?: http.RequestListener): Promise<Site> {
  const web = http.createServer(options, onRequest);
  const sockets: Socket[] = [];
  const { port } = await serving(
    network,
    (socket) => {
      sockets.push(socket);
      web.emit('connection', socket);
    },
    { allowHalfOpen: true, noDelay: true },
  );
  web.emit('listening'); // from here on it watches over its timeouts
  const dial = (): Socket => network.connect({ port });
  const ask = (more: http.RequestOptions = {}) => http.request({ createConnection: dial, host: 'server', ...more });
  return { web, port, sockets, dial, ask };
}

const response = async (request: http.ClientRequest): Promise<http.IncomingMessage> =>
  ((await once(request, 'response')) as [http.IncomingMessage])[0];

const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

/** An agent whose connections are ours. */
const agentOver = (dial: () => Socket, options: http.AgentOptions): http.Agent =>
  Object.assign(new http.Agent(options), { createConnection: dial });

function* octets(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536);
}

const endless = (): Readable => Readable.from(octets());

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

onEachNetwork((network) => {
  const site = (options: http.ServerOptions, onRequest?: http.RequestListener) => siteOn(network(), options, onRequest);

  test('an agent with keep-alive reuses its connection, over and over', async () => {
    const { dial, ask, sockets } = await site({}, (request, answer) => answer.end(request.url));
    const agent = agentOver(dial, { keepAlive: true, maxSockets: 1 });
    const reused: boolean[] = [];
    for (let i = 0; i < 50; i++) {
      const request = ask({ agent, path: `/${i}` }).end();
      expect(await text(await response(request))).toBe(`/${i}`);
      reused.push(request.reusedSocket);
    }
    expect([reused.filter((again) => again).length, sockets.length]).toEqual([49, 1]);
    agent.destroy();
    await Promise.all(sockets.map(closed));
  });

  test('an agent with four connections shares them among a hundred requests at once', async () => {
    const { dial, ask, sockets } = await site({}, (request, answer) => answer.end(request.url));
    const agent = agentOver(dial, { keepAlive: true, maxSockets: 4, scheduling: 'fifo' });
    const paths = Array.from({ length: 100 }, (_, i) => `/${i}`);
    const answers = paths.map(async (path) => text(await response(ask({ agent, path }).end())));
    expect(await Promise.all(answers)).toEqual(paths);
    expect(sockets.length).toBe(4);
    agent.destroy();
  });

  test('an idle connection that the server closes leaves the agent; the next request gets a new one', async () => {
    const { dial, ask, sockets, web } = await site({}, (_request, answer) => answer.end('ok'));
    const agent = agentOver(dial, { keepAlive: true, maxSockets: 1 });
    expect(await text(await response(ask({ agent }).end()))).toBe('ok');
    const idle = Object.values(agent.freeSockets).flat()[0] as Socket;
    web.closeIdleConnections();
    await closed(idle);
    expect(Object.values(agent.freeSockets).flat()).toEqual([]);
    expect(await text(await response(ask({ agent }).end()))).toBe('ok');
    expect(sockets.length).toBe(2);
    agent.destroy();
  });

  test('pipelined requests are answered in their order, though the first takes longest', async () => {
    const answers: http.ServerResponse[] = [];
    const { dial } = await site({}, (request, answer) => {
      answer.setHeader('x-path', request.url ?? '');
      answers.unshift(answer);
      if (answers.length === 3) for (const late of answers) late.end(`${late.getHeader('x-path')};`);
    });
    const socket = dial();
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: server\r\n${more}\r\n`;
    socket.write(get('/1') + get('/2') + get('/3', 'Connection: close\r\n'));
    expect((await text(socket)).match(/\/\d;/g)).toEqual(['/1;', '/2;', '/3;']);
  });

  test('a request that comes octet by octet is understood', async () => {
    const { dial } = await site({}, (request, answer) => answer.end(`got ${request.url}`));
    const socket = dial().setNoDelay();
    for (const letter of 'GET /slow HTTP/1.0\r\n\r\n') await new Promise((resolve) => socket.write(letter, resolve));
    expect(await text(socket)).toMatch(/got \/slow$/);
  });

  test('100-continue: the body follows the word of the server', async () => {
    const order: string[] = [];
    const { web, ask } = await site({});
    web.on('checkContinue', (request: http.IncomingMessage, answer: http.ServerResponse) => {
      order.push('asked');
      answer.writeContinue();
      request.pipe(answer);
    });
    const request = ask({ method: 'POST', headers: { expect: '100-continue', 'content-length': 4 } });
    request.flushHeaders();
    await once(request, 'continue');
    order.push('continue');
    request.end('body');
    expect(await text(await response(request))).toBe('body');
    expect(order).toEqual(['asked', 'continue']);
  });

  test('100-continue refused: 417 and no body', async () => {
    const { web, ask } = await site({});
    web.on('checkContinue', (_request, answer: http.ServerResponse) => answer.writeHead(417).end());
    const request = ask({ method: 'POST', headers: { expect: '100-continue', 'content-length': 4 } });
    request.flushHeaders();
    expect((await response(request)).statusCode).toBe(417);
    request.destroy();
  });

  test('103 early hints come before the answer', async () => {
    const { ask } = await site({}, (_request, answer) => {
      answer.writeEarlyHints({ link: '</style.css>; rel=preload' });
      answer.end('page');
    });
    const request = ask().end();
    const [[hints], answer] = await Promise.all([once(request, 'information'), response(request)]);
    expect([hints.statusCode, await text(answer)]).toEqual([103, 'page']);
  });

  test('a chunked upload of four megabytes comes back chunked, hash equal', async () => {
    const { ask } = await site({}, (request, answer) => {
      answer.setHeader('x-came', request.headers['transfer-encoding'] ?? '');
      return pipeline(request, answer);
    });
    const body = new SeededRandom(21).bytes(4 << 20);
    const pieces = Array.from({ length: 129 }, (_, i) => body.subarray(i * 32_749, (i + 1) * 32_749)); // odd sizes
    const request = ask({ method: 'PUT' });
    const sent = pipeline(Readable.from(pieces), request);
    const answer = await response(request);
    const received = Buffer.concat(await answer.toArray());
    await sent;
    expect([answer.headers['x-came'], answer.headers['transfer-encoding']]).toEqual(['chunked', 'chunked']);
    expect(sha256(received)).toBe(sha256(body));
  });

  test('trailers both ways', async () => {
    const { ask } = await site({}, async (request, answer) => {
      answer.writeHead(200, { trailer: 'x-sum' });
      answer.write(await text(request));
      answer.addTrailers({ 'x-sum': `of ${request.trailers['x-count']}` });
      answer.end();
    });
    const request = ask({ method: 'POST', headers: { trailer: 'x-count', 'transfer-encoding': 'chunked' } });
    request.write('one');
    request.addTrailers({ 'x-count': '1' });
    request.end();
    const answer = await response(request);
    expect([await text(answer), answer.trailers['x-sum']]).toEqual(['one', 'of 1']);
  });

  test('HEAD, 204 and 304 have no body', async () => {
    const { dial, ask } = await site({}, (request, answer) => {
      answer.writeHead(Number(request.url?.slice(1)), { 'content-type': 'text/plain' }).end();
    });
    const agent = agentOver(dial, { keepAlive: true, maxSockets: 1 });
    for (const [method, path] of [
      ['HEAD', '/200'],
      ['GET', '/204'],
      ['GET', '/304'],
    ] as const) {
      const answer = await response(ask({ agent, method, path }).end());
      expect([answer.statusCode, await text(answer)]).toEqual([Number(path.slice(1)), '']);
    }
    agent.destroy();
  });

  test('keepAliveTimeout closes an idle connection', async () => {
    const { dial, ask, sockets } = await site({ keepAliveTimeout: 40 }, (_request, answer) => answer.end('ok'));
    const agent = agentOver(dial, { keepAlive: true });
    await text(await response(ask({ agent }).end()));
    const [socket] = sockets as [Socket];
    await closed(socket);
    agent.destroy();
  });

  test('headersTimeout answers 408 to a caller who says nothing to the end', async () => {
    const { dial } = await site({ headersTimeout: 40, requestTimeout: 80, connectionsCheckingInterval: 10 }, () => {});
    const socket = dial();
    socket.write('GET / HTTP/1.1\r\nHost:');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 408 Request Timeout/);
  });

  test('requestTimeout answers 408 where the body does not come', async () => {
    const { dial } = await site(
      { headersTimeout: 40, requestTimeout: 60, connectionsCheckingInterval: 10 },
      (request) => request.on('error', () => {}).resume(),
    );
    const socket = dial();
    socket.write('POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 10\r\n\r\nhalf');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 408 Request Timeout/);
  });

  test('server.setTimeout: a silent connection is destroyed, and the client told socket hang up', async () => {
    const { web, ask } = await site({}, () => {});
    web.setTimeout(30);
    const [error] = await once(ask().end(), 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET', message: 'socket hang up' });
  });

  test('request.setTimeout tells the client, who gives up', async () => {
    const { ask, sockets } = await site({}, () => {});
    const request = ask().end().setTimeout(30);
    await once(request, 'timeout');
    request.destroy(new Error('too slow'));
    const [error] = await once(request, 'error');
    expect(error.message).toBe('too slow');
    await Promise.all(sockets.map(closed));
  });

  test('the client goes away in mid-response: the answer closes unfinished', async () => {
    const seen = deferred<boolean>();
    const { ask } = await site({}, (_request, answer) => {
      answer.on('close', () => seen.resolve(answer.writableFinished)).on('error', () => {});
      pipeline(endless(), answer).catch(() => {});
    });
    const answer = await response(ask().end());
    await once(answer, 'data');
    answer.destroy();
    expect(await seen.promise).toBe(false);
  });

  test('the server goes away in mid-response: aborted, ECONNRESET', async () => {
    const { ask } = await site({}, (_request, answer) => {
      answer.writeHead(200, { 'content-length': 1000 });
      answer.write('some', () => answer.destroy());
    });
    const answer = await response(ask().end());
    await expect(text(answer)).rejects.toMatchObject({ code: 'ECONNRESET', message: 'aborted' });
    expect(answer.complete).toBe(false);
  });

  test('an AbortSignal ends a request', async () => {
    const { ask, sockets } = await site({}, () => {});
    const abort = new AbortController();
    const request = ask({ signal: abort.signal }).end();
    await once(request, 'finish');
    abort.abort();
    const [error] = await once(request, 'error');
    expect(error.name).toBe('AbortError');
    await Promise.all(sockets.map(closed));
  });

  test('what is no HTTP is answered 400, a header that is too long 431', async () => {
    const { dial } = await site({ maxHeaderSize: 1000 }, () => {});
    const nonsense = dial();
    nonsense.write('what is this?\r\n\r\n');
    expect(await text(nonsense)).toMatch(/^HTTP\/1.1 400 Bad Request/);
    const long = dial();
    long.write(`GET / HTTP/1.1\r\nHost: server\r\nx: ${'y'.repeat(1200)}\r\n\r\n`);
    expect(await text(long)).toMatch(/^HTTP\/1.1 431 /);
  });

  test('an upgrade hands the socket over, with what came behind the head', async () => {
    const { web, ask } = await site({});
    web.on('upgrade', (_request, socket: Socket, head: Buffer) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello ');
      socket.write(head);
      socket.pipe(socket);
    });
    const request = ask({ headers: { connection: 'upgrade', upgrade: 'echo' } }).end();
    const [answer, socket, head] = (await once(request, 'upgrade')) as [http.IncomingMessage, Socket, Buffer];
    expect(answer.statusCode).toBe(101);
    if (head.length > 0) socket.unshift(head);
    socket.end('world');
    expect(await text(socket)).toBe('hello world');
  });

  test('CONNECT makes a tunnel for another request', async () => {
    const inner = await site({}, (_request, answer) => answer.end('through the tunnel'));
    const { web, ask } = await site({});
    web.on('connect', (_request, socket: Socket, head: Buffer) => {
      const onward = inner.dial();
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    const [, tunnel] = (await once(ask({ method: 'CONNECT', path: 'inner:80' }).end(), 'connect')) as [unknown, Socket];
    const answer = await response(http.get({ createConnection: () => tunnel, host: 'inner' }));
    expect(await text(answer)).toBe('through the tunnel');
  });

  test('server-sent events arrive one by one, without waiting for the end', async () => {
    const { ask } = await site({}, async (_request, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      answer.write('data: 1\n\n');
      answer.once('next', () => answer.end('data: 2\n\n'));
      pending.push(answer);
    });
    const pending: http.ServerResponse[] = [];
    const answer = (await response(ask().end())).setEncoding('utf8');
    expect((await once(answer, 'data'))[0]).toBe('data: 1\n\n');
    pending[0]?.emit('next');
    expect((await once(answer, 'data'))[0]).toBe('data: 2\n\n');
  });
});
