// node:http2 on node:net and on our sockets by the same test: h2c over net.connect, servers that listen and servers that
// are given connections, TLS with ALPN, flow control under big bodies, resets of streams, pings and goodbyes.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as http2 from 'node:http2';
import type * as nodeNet from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import * as tls from 'node:tls';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../stack/index.ts';
import { onEachNetwork, portOf, serving } from './socket-compat-nets.ts';
import { PAIR } from './socket-fixtures/pair.ts';

const OCTETS = Buffer.from(new SeededRandom(61).bytes(3 << 20));
const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

onEachNetwork((network) => {
  /** A server that listens by itself, and sessions with it. */
  const site = async (onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void) => {
    const server = network().serve(http2.createServer());
    server.on('stream', (stream, headers) =>
      onStream(
        stream.on('error', () => {}),
        headers,
      ),
    );
    server.listen(0, network().address);
    await once(server, 'listening');
    return { server, session: sessionWith(portOf(server)) };
  };
  const sessionWith = (port: number): http2.ClientHttp2Session => {
    const createConnection = (): nodeNet.Socket => network().clientNet.connect(port, network().address);
    return http2.connect('http://homeport.test', { createConnection });
  };
  const over = async (server: http2.Http2Server, session: http2.ClientHttp2Session): Promise<void> => {
    const closed = once(session, 'close');
    session.close();
    await closed;
    await new Promise((resolve) => server.close(resolve));
  };

  test('h2c: a hundred requests at once over one connection', async () => {
    let connections = 0;
    const { server, session } = await site((stream, headers) => {
      stream.respond({ ':status': 200 });
      stream.end(`you asked for ${headers[':path']}`);
    });
    server.on('session', () => connections++);
    const paths = Array.from({ length: 100 }, (_, i) => `/${i}`);
    const answers = await Promise.all(paths.map((path) => text(session.request({ ':path': path }))));
    expect(answers).toEqual(paths.map((path) => `you asked for ${path}`));
    expect(connections).toBe(1);
    await over(server, session);
  });

  test('three megabytes up and the same three down, at once, under flow control', async () => {
    const { server, session } = await site((stream) => {
      stream.respond();
      stream.pipe(stream);
    });
    const stream = session.request({ ':method': 'POST' });
    const [received] = await Promise.all([stream.toArray(), pipeline(Readable.from([OCTETS]), stream, { end: true })]);
    expect(sha256(Buffer.concat(received as Buffer[]))).toBe(sha256(OCTETS));
    await over(server, session);
  });

  test('a server that is given its connections', async () => {
    const web = http2.createServer((request, answer) => answer.end(`${request.httpVersion} ${request.url}`));
    const { port } = await serving(network(), (socket) => web.emit('connection', socket));
    const session = sessionWith(port);
    expect(await text(session.request({ ':path': '/given' }))).toBe('2.0 /given');
    session.destroy();
  });

  test('over TLS, chosen by ALPN', async () => {
    const server = network().serve(http2.createSecureServer(PAIR, (request, answer) => answer.end(request.url)));
    server.listen(0, network().address);
    await once(server, 'listening');
    const createConnection = (): tls.TLSSocket =>
      tls.connect({
        socket: network().clientNet.connect(portOf(server), network().address),
        ca: PAIR.cert,
        servername: 'homeport.test',
        ALPNProtocols: ['h2'],
      });
    const session = http2.connect('https://homeport.test', { createConnection });
    expect(await text(session.request({ ':path': '/secret' }))).toBe('/secret');
    expect(session.alpnProtocol).toBe('h2');
    await over(server as never, session);
  });

  test('trailers, and headers that come ahead of the answer', async () => {
    const { server, session } = await site((stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</style.css>' });
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ checksum: 'abc' }));
      stream.end('body');
    });
    const stream = session.request();
    const told: unknown[] = [];
    stream.on('headers', (headers) => told.push(headers[':status']));
    stream.on('trailers', (trailers) => told.push(trailers.checksum));
    expect(await text(stream)).toBe('body');
    expect(told).toEqual([103, 'abc']);
    await over(server, session);
  });

  test('a stream that is cancelled ends alone: the session goes on', async () => {
    const cancelled: number[] = [];
    const { server, session } = await site((stream, headers) => {
      stream.on('close', () => cancelled.push(stream.rstCode));
      stream.respond();
      if (headers[':path'] === '/endless') stream.write('begun');
      else stream.end('done');
    });
    const endless = session.request({ ':path': '/endless' });
    await once(endless, 'data');
    endless.close(http2.constants.NGHTTP2_CANCEL);
    await once(endless, 'close');
    expect(await text(session.request({ ':path': '/other' }))).toBe('done');
    expect(cancelled).toContain(http2.constants.NGHTTP2_CANCEL);
    await over(server, session);
  });

  test('ping, settings and goaway', async () => {
    const { server, session } = await site((stream) => stream.end());
    const [atServer] = (await Promise.all([once(server, 'session'), once(session, 'connect')]))[0];
    const payload = Buffer.from('12345678');
    const pong = await new Promise((resolve) => session.ping(payload, (_error, _time, back) => resolve(back)));
    expect(pong).toEqual(payload);
    const changed = once(session, 'remoteSettings');
    atServer.settings({ maxConcurrentStreams: 7 });
    expect((await changed)[0].maxConcurrentStreams).toBe(7);
    const gone = once(session, 'goaway');
    atServer.goaway(http2.constants.NGHTTP2_NO_ERROR);
    expect((await gone)[0]).toBe(http2.constants.NGHTTP2_NO_ERROR);
    session.destroy();
    server.close();
  });

  test('the connection below is reset: streams and session end with an error', async () => {
    const { server, session } = await site((stream) => stream.respond());
    const connection = once(server, 'connection') as Promise<[nodeNet.Socket]>;
    const stream = session.request();
    const ended = new Promise((resolve) => stream.once('close', resolve));
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => session.once('error', resolve));
    stream.on('error', () => {});
    const [socket] = await connection;
    await once(stream, 'response');
    socket.resetAndDestroy();
    expect((await failed).code).toBe('ECONNRESET');
    await ended;
    expect([stream.destroyed, session.destroyed]).toEqual([true, true]);
    server.close();
  });
});
