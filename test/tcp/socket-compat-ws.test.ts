// The `ws` package, unchanged, on node:net and on our sockets: messages of every size, fragmented and compressed, ping
// and pong, closing with a code, and connections that break.

import { once } from 'node:events';
import * as http from 'node:http';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createWebSocketStream, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { SeededRandom } from '../../stack/index.ts';
import { type Network, onEachNetwork, serving } from './socket-compat-nets.ts';

interface Site {
  readonly wss: WebSocketServer;
  /** The connections below, as the server has them. */
  readonly sockets: Socket[];
  open(): WebSocket;
}

/** A WebSocketServer on node:http behind a listener; what comes is sent back as it came. */
async function echoSite(network: Network, serverOptions: ServerOptions = {}): Promise<Site> {
  const web = http.createServer();
  const wss = new WebSocketServer({ server: web, ...serverOptions });
  wss.on('connection', (socket) =>
    socket.on('error', () => {}).on('message', (data, binary) => socket.send(data, { binary })),
  );
  const sockets: Socket[] = [];
  const { port } = await serving(
    network,
    (socket) => {
      sockets.push(socket);
      web.emit('connection', socket);
    },
    { allowHalfOpen: true, noDelay: true },
  );
  // ws hands its options to node:http, whose createConnection may give any stream; its types say net.Socket's maker
  const options = { createConnection: (() => network.connect({ port })) as never };
  return { wss, sockets, open: () => new WebSocket('ws://homeport.test/', options) };
}

const message = async (socket: WebSocket): Promise<Buffer> => (await once(socket, 'message'))[0] as Buffer;

onEachNetwork((network) => {
  const opened = async (options?: ServerOptions): Promise<Site & { readonly client: WebSocket }> => {
    const site = await echoSite(network(), options);
    const client = site.open();
    await once(client, 'open');
    return { ...site, client };
  };

  test('text and binary messages of every size class come back as they were', async () => {
    const { client } = await opened();
    const random = new SeededRandom(41);
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
      const sent = Buffer.from(random.bytes(size));
      client.send(sent);
      expect((await message(client)).equals(sent)).toBe(true);
    }
    client.send('grüße');
    expect(String(await message(client))).toBe('grüße');
    client.terminate();
  });

  test('a message in fragments, with a ping in between, is one message', async () => {
    const { client, wss } = await opened();
    const pinged: string[] = [];
    for (const socket of wss.clients) socket.on('ping', (data) => pinged.push(String(data)));
    client.send('one ', { fin: false });
    client.ping('between');
    client.send('two ', { fin: false });
    client.send('three', { fin: true });
    const [pong] = await Promise.all([
      once(client, 'pong'),
      message(client).then((got) => expect(String(got)).toBe('one two three')),
    ]);
    expect([String(pong[0]), pinged]).toEqual(['between', ['between']]);
    client.terminate();
  });

  test('compressed messages', async () => {
    const { client } = await opened({ perMessageDeflate: { threshold: 0 } });
    expect(client.extensions).toMatch(/permessage-deflate/);
    client.send('again and '.repeat(100_000));
    expect((await message(client)).length).toBe(1_000_000);
    client.terminate();
  });

  test('a thousand messages keep their order', async () => {
    const { client } = await opened();
    const received: number[] = [];
    const all = new Promise<void>((resolve) => {
      client.on('message', (data) => {
        if (received.push(Number(data)) === 1000) resolve();
      });
    });
    const sent = Array.from({ length: 1000 }, (_, i) => i);
    for (const i of sent) client.send(String(i));
    await all;
    expect(received).toEqual(sent);
    client.terminate();
  });

  test('close by the client: code and reason at the server, the same code back', async () => {
    const { client, wss } = await opened();
    const [socket] = wss.clients;
    const seen = once(socket as WebSocket, 'close');
    client.close(4001, 'done here');
    const [code] = await once(client, 'close');
    expect([(await seen).map(String), code]).toEqual([['4001', 'done here'], 4001]);
  });

  test('close by the server', async () => {
    const { client, wss } = await opened();
    for (const socket of wss.clients) socket.close(1012, 'restart');
    expect((await once(client, 'close')).map(String)).toEqual(['1012', 'restart']);
  });

  test('terminate, and a reset below: 1006', async () => {
    const first = await opened();
    for (const socket of first.wss.clients) socket.terminate();
    expect((await once(first.client, 'close'))[0]).toBe(1006);
    const second = await opened();
    second.client.on('error', () => {});
    for (const socket of second.sockets) socket.resetAndDestroy();
    expect((await once(second.client, 'close'))[0]).toBe(1006);
  });

  test('a message over maxPayload: 1009', async () => {
    const { client } = await opened({ maxPayload: 1000 });
    client.send('x'.repeat(1001));
    expect((await once(client, 'close'))[0]).toBe(1009);
  });

  test('a refusal is told with its status', async () => {
    const { open } = await echoSite(network(), { verifyClient: (_info, answer) => answer(false, 403) });
    const [error] = await once(open(), 'error');
    expect(error.message).toBe('Unexpected server response: 403');
  });

  test('createWebSocketStream carries two megabytes with back-pressure', async () => {
    const { client } = await opened();
    const sent = Buffer.from(new SeededRandom(42).bytes(2 << 20));
    const stream = createWebSocketStream(client);
    for (let at = 0; at < sent.length; at += 65_536) stream.write(sent.subarray(at, at + 65_536));
    const received: Buffer[] = [];
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received.push(chunk);
      length += chunk.length;
      if (length === sent.length) break;
    }
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });
});
