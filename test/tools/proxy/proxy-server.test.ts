// The proxy on loopback, in front of the kernel's own TCP: SOCKS5 and HTTP on one port, both directions and their ends,
// and what is said when something goes wrong.

import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { ProxyServer } from '../../../tools/proxy/proxy-server.ts';

const HOST = '::1';
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function listening(server: Server): Promise<number> {
  server.listen(0, HOST);
  await once(server, 'listening');
  open.push({ close: () => void server.close() });
  return (server.address() as AddressInfo).port;
}

/** A proxy, and what it has said. */
async function proxy(patienceMs?: number) {
  const said: string[] = [];
  const server = new ProxyServer({
    ...(patienceMs !== undefined && { patienceMs }),
    upstream: ({ host, port }) => connect({ host, port, allowHalfOpen: true }),
    failed: (reason) => said.push(reason),
  });
  const port = await server.listen(HOST, 0);
  open.push({ close: () => server.close(0) });
  return { port, said, server };
}

/** All that comes until the end, the stream left as it is (a consumer of node:stream would destroy it). */
async function heard(stream: Duplex): Promise<string> {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  await once(stream, 'end');
  return Buffer.concat(pieces).toString('latin1');
}

/** Gives back all it was sent, when its peer has ended. */
const parrot = (): Server =>
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    void heard(socket).then((said) => socket.end(`heard ${said}`));
  });

const unusedPort = async (): Promise<number> => {
  const server = createServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
};

const socksRequest = (port: number): Buffer =>
  Buffer.from([5, 1, 0, 4, ...new Array(15).fill(0), 1, port >>> 8, port & 0xff]);

describe('SOCKS5', () => {
  test('carries both directions, each ended by itself', async () => {
    const target = await listening(parrot());
    const { port } = await proxy();
    const socket = connect({ host: HOST, port, allowHalfOpen: true });
    const all = heard(socket);
    socket.write(Buffer.from([5, 1, 0]));
    expect([...(await once(socket, 'data'))[0]]).toEqual([5, 0]);
    socket.write(socksRequest(target));
    expect((await once(socket, 'data'))[0][1]).toBe(0);
    socket.end('half');
    expect((await all).slice(2 + 22)).toBe('heard half');
  });

  test('an octet at a time, or greeting, request and data in one piece, is the same', async () => {
    const target = await listening(parrot());
    const { port } = await proxy();
    const all = Buffer.concat([Buffer.from([5, 1, 0]), socksRequest(target), Buffer.from('data')]);
    const whole = connect({ host: HOST, port, allowHalfOpen: true });
    whole.end(all);
    expect((await heard(whole)).slice(2 + 22)).toBe('heard data');
    const slow = connect({ host: HOST, port, allowHalfOpen: true }).setNoDelay(true);
    for (const octet of all) {
      slow.write(Buffer.of(octet));
      await new Promise(setImmediate);
    }
    slow.end();
    expect((await heard(slow)).slice(2 + 22)).toBe('heard data');
  });

  test('a refused connection is reply 5, and one line', async () => {
    const target = await unusedPort();
    const { port, said } = await proxy();
    const socket = connect({ host: HOST, port });
    socket.write(Buffer.concat([Buffer.from([5, 1, 0]), socksRequest(target)]));
    expect((await heard(socket)).charCodeAt(2 + 1)).toBe(5);
    expect(said).toEqual([expect.stringContaining(`[::1]:${target}: connection refused`)]);
  });
});

/** Over a connection to the proxy of one's own. */
function ask(port: number, options: { readonly method?: string; readonly path: string; readonly body?: string }) {
  const asked = request({ host: HOST, port, method: options.method ?? 'GET', path: options.path, agent: false });
  asked.end(options.body);
  return asked;
}

describe('HTTP', () => {
  test('CONNECT makes a tunnel', async () => {
    const target = await listening(parrot());
    const { port } = await proxy();
    const asked = ask(port, { method: 'CONNECT', path: `[::1]:${target}` });
    const [response, socket] = await once(asked, 'connect');
    expect(response.statusCode).toBe(200);
    socket.end('through');
    expect(await heard(socket)).toBe('heard through');
  });

  test('a whole URL is asked for by its path; fields between the program and us stay there', async () => {
    const origin = createHttpServer(async (asked, answer) => {
      const { host, via, 'proxy-connection': between = 'none' } = asked.headers;
      answer.end(JSON.stringify({ method: asked.method, url: asked.url, host, via, between, body: await text(asked) }));
    });
    const target = await listening(origin);
    const { port } = await proxy();
    const asked = request({
      ...{ host: HOST, port, method: 'POST', path: `http://[::1]:${target}/a?b=c`, agent: false },
      headers: { 'proxy-connection': 'keep-alive' },
    });
    asked.end('body');
    const [response] = await once(asked, 'response');
    expect(JSON.parse(await text(response))).toEqual({
      ...{ method: 'POST', url: '/a?b=c', host: `[::1]:${target}`, via: '1.1 homeport', between: 'none', body: 'body' },
    });
  });

  test('a refused connection is 502, and one line', async () => {
    const target = await unusedPort();
    const { port, said } = await proxy();
    const [response] = await once(ask(port, { path: `http://[::1]:${target}/` }), 'response');
    expect([response.statusCode, await text(response)]).toEqual([502, expect.stringContaining('connection refused')]);
    const [refusal, , head] = await once(ask(port, { method: 'CONNECT', path: `[::1]:${target}` }), 'connect');
    expect([refusal.statusCode, `${head}`]).toEqual([502, expect.stringContaining('connection refused')]);
    expect(said.length).toBe(2);
  });

  test('what is no request for a proxy is 400', async () => {
    const { port } = await proxy();
    const [response] = await once(ask(port, { path: '/' }), 'response');
    expect([response.statusCode, await text(response)]).toEqual([
      400,
      'This is a proxy: it takes http:// URLs and CONNECT.\n',
    ]);
  });
});

describe('a program that does not go on is cut off when patience is over', () => {
  const NOBODY = 1;
  test.each([
    ['says nothing', []],
    ['stops in its greeting', [5]],
    ['stops in its request', [5, 1, 0, 5, 1]],
    ['was refused its method', [5, 1, 2]],
    ['was refused its connection', [5, 1, 0, ...socksRequest(NOBODY)]],
    ['stops in its HTTP request', [...Buffer.from('GET http://[::1]/ HT')]],
    ['was refused its tunnel', [...Buffer.from(`CONNECT [::1]:${NOBODY} HTTP/1.1\r\nHost: x\r\n\r\n`)]],
    ['asks for no tunnel', [...Buffer.from('CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n')]],
  ])('one that %s', async (_what, octets) => {
    const { port } = await proxy(50);
    const socket = connect({ host: HOST, port, allowHalfOpen: true }).on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume().write(Buffer.from(octets));
    // Its own side stays open: an end of ours is not enough for it to close. Octets show it that we are gone.
    const proof = setInterval(() => socket.write('x'), 60);
    await closed;
    clearInterval(proof);
  });
});

test('close() ends what is open when patience is over', async () => {
  const target = await listening(createServer((socket) => socket.on('error', () => {})));
  const { port, server } = await proxy();
  const [, socket] = await once(ask(port, { method: 'CONNECT', path: `[::1]:${target}` }), 'connect');
  const closed = once(socket, 'close');
  socket.resume().on('error', () => {});
  await server.close(10);
  await closed;
  expect(socket.destroyed).toBe(true);
});
