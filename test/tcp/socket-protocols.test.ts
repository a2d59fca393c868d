// What is built on net.Socket runs on ours unchanged: node:http and node:tls, both roles of each.
// The key pair under socket-fixtures/ is made for this test alone.

import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import * as tls from 'node:tls';
import { expect, test } from 'vitest';
import { connectSocket, type Socket } from '../../stack/tcp/socket.ts';
import { Server } from '../../stack/tcp/socket-server.ts';
import { FakeTcp, SERVER } from './socket-fake.ts';
import { PAIR } from './socket-fixtures/pair.ts';

function listening(onSocket: (socket: Socket) => void): { readonly tcp: FakeTcp; dial(): Socket } {
  const tcp = new FakeTcp();
  new Server(tcp.home, {}, onSocket).listen(443);
  return { tcp, dial: () => connectSocket(tcp.home, { host: SERVER, port: 443 }) };
}

test('node:http serves and asks over our sockets: an upload echoed, keep-alive over one connection', async () => {
  const web = createServer((asked, answer) => asked.pipe(answer.writeHead(200, { 'x-path': asked.url })));
  const { tcp, dial } = listening((socket) => web.emit('connection', socket));
  const agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 1 }), { createConnection: dial });
  const ask = async (path: string, body: Buffer) => {
    const asked = request({ agent, method: 'POST', path, host: 'server' }).end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return { path: answer.headers['x-path'], same: (await buffer(answer)).equals(body) };
  };
  const body = Buffer.alloc(500_000, 'octets ');
  expect(await ask('/one', body)).toEqual({ path: '/one', same: true });
  expect(await ask('/two', Buffer.from('x'))).toEqual({ path: '/two', same: true });
  expect(tcp.opened.length).toBe(1);
  agent.destroy();
});

test('node:http over createConnection: a chunked answer, and the refusal of a server that is not there', async () => {
  const web = createServer((_asked, answer) => {
    for (let i = 0; i < 100; i++) answer.write(`line ${i}\n`);
    answer.end();
  });
  const { dial } = listening((socket) => web.emit('connection', socket));
  const asked = request({ createConnection: dial, host: 'server' }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  expect((await text(answer)).split('\n').length).toBe(101);
  const refused = request({
    createConnection: () => connectSocket(new FakeTcp().home, { host: SERVER, port: 1 }),
  });
  expect((await new Promise((resolve) => refused.on('error', resolve).end())) as Error).toMatchObject({
    code: 'ECONNREFUSED',
  });
});

test('node:tls runs in both roles over our sockets', async () => {
  const secureContext = tls.createSecureContext(PAIR);
  const { tcp, dial } = listening((socket) => {
    const secured = new tls.TLSSocket(socket, { isServer: true, secureContext });
    secured.pipe(secured);
  });
  const client = tls.connect({ socket: dial(), ca: PAIR.cert, servername: 'homeport.test' });
  await once(client, 'secureConnect');
  expect([client.authorized, client.getProtocol()]).toEqual([true, 'TLSv1.3']);
  const secret = Buffer.alloc(300_000, 'secret ');
  client.write(secret);
  const echoed: Buffer[] = [];
  let received = 0;
  for await (const chunk of client as AsyncIterable<Buffer>) {
    echoed.push(chunk);
    received += chunk.length;
    if (received >= secret.length) client.end();
  }
  expect(Buffer.concat(echoed).equals(secret)).toBe(true);
  expect(tcp.opened[0]?.bytesWritten).toBeGreaterThan(secret.length);
});
