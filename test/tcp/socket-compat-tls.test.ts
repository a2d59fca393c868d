// node:tls and node:https over our sockets in both roles: handshake, resumption, half-close, client certificates, refusals
// and resets. The key pair under socket-fixtures/ is made for tests alone. On node:net the same tests run over plain
// sockets of the kernel, given to tls as they are.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import * as tls from 'node:tls';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../stack/index.ts';
import { closed, type Network, onEachNetwork, serving } from './socket-compat-nets.ts';
import { PAIR } from './socket-fixtures/pair.ts';

const MEGABYTE = Buffer.from(new SeededRandom(31).bytes(1 << 20));

interface Secured {
  readonly server: tls.Server;
  dial(): Socket;
  connect(options?: tls.ConnectionOptions): tls.TLSSocket;
}

/** A tls.Server behind a listener, and how to speak to it. */
async function secured(
  network: Network,
  options: tls.TlsOptions,
  onSocket?: (socket: tls.TLSSocket) => void,
): Promise<Secured> {
  const server = tls.createServer({ ...PAIR, ...options }, onSocket);
  const { port } = await serving(network, (socket) => server.emit('connection', socket), {
    allowHalfOpen: options.allowHalfOpen === true,
  });
  const dial = (): Socket => network.connect({ port, allowHalfOpen: options.allowHalfOpen === true });
  const connect = (more: tls.ConnectionOptions = {}) =>
    tls.connect({ socket: dial(), ca: PAIR.cert, servername: 'homeport.test', ...more });
  return { server, dial, connect };
}

onEachNetwork((network) => {
  const secure = (options: tls.TlsOptions = {}, onSocket?: (socket: tls.TLSSocket) => void) =>
    secured(network(), options, onSocket);
  const echo = (socket: tls.TLSSocket): unknown => socket.on('error', () => {}).pipe(socket);

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: a megabyte echoed', async (version) => {
    const { connect } = await secure({ minVersion: version, maxVersion: version }, echo);
    const client = connect();
    await once(client, 'secureConnect');
    expect([client.authorized, client.encrypted, client.getProtocol()]).toEqual([true, true, version]);
    client.write(MEGABYTE);
    const received: Buffer[] = [];
    let length = 0;
    for await (const chunk of client as AsyncIterable<Buffer>) {
      received.push(chunk);
      length += chunk.length;
      if (length >= MEGABYTE.length) client.end();
    }
    expect(Buffer.concat(received).equals(MEGABYTE)).toBe(true);
  });

  test('SNI and ALPN reach the server', async () => {
    const seen: unknown[] = [];
    const { connect } = await secure({ ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
      seen.push((socket as tls.TLSSocket & { servername: string }).servername, socket.alpnProtocol);
      socket.end();
    });
    const client = connect({ ALPNProtocols: ['http/1.1'] });
    await once(client, 'secureConnect');
    expect(client.alpnProtocol).toBe('http/1.1');
    await once(client.resume(), 'close');
    expect(seen).toEqual(['homeport.test', 'http/1.1']);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: a session is taken up again', async (version) => {
    const { connect } = await secure({ minVersion: version, maxVersion: version }, (socket) => socket.end('hello'));
    const first = connect();
    const session = once(first, 'session') as Promise<[Buffer]>;
    expect(await text(first)).toBe('hello');
    const second = connect({ session: (await session)[0] });
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(true);
    expect(await text(second)).toBe('hello');
  });

  test('half-close: the answer follows the end of the question', async () => {
    const { dial } = await secure({ allowHalfOpen: true }, async (socket) => {
      let question = '';
      socket.setEncoding('utf8').on('data', (part: string) => {
        question += part;
      });
      socket.on('end', () => socket.end(`answer to ${question}`));
    });
    const options = { socket: dial(), ca: PAIR.cert, servername: 'homeport.test', allowHalfOpen: true };
    const client = tls.connect(options);
    client.end('question');
    expect(await text(client)).toBe('answer to question');
  });

  test('a client certificate is asked for and told', async () => {
    const peers: string[] = [];
    const { connect } = await secure({ requestCert: true, ca: PAIR.cert }, (socket) => {
      peers.push(`${socket.authorized} ${socket.getPeerCertificate().fingerprint256}`);
      socket.end();
    });
    const client = connect(PAIR);
    await once(client, 'secureConnect');
    const { fingerprint256 } = client.getPeerCertificate();
    await once(client.resume(), 'close');
    expect(peers).toEqual([`true ${fingerprint256}`]);
  });

  test('a server that is not trusted is refused by the client, before anything is written', async () => {
    const { connect } = await secure({}, echo);
    const client = connect({ ca: [] });
    const [error] = await once(client, 'error');
    expect(error.code).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY|DEPTH_ZERO/);
  });

  test('a caller who speaks no TLS: tlsClientError, and the connection closes', async () => {
    const { server, dial } = await secure();
    const refused = once(server, 'tlsClientError');
    const client = dial();
    client.on('error', () => {}).resume();
    client.write('GET / HTTP/1.1\r\n\r\n');
    expect((await refused)[0].code).toMatch(/^ERR_SSL_/);
    await closed(client);
  });

  test('the connection below is reset in mid-stream: ECONNRESET, or a hang up', async () => {
    const { dial } = await secure({}, (socket) => socket.on('error', () => {}).write(MEGABYTE));
    const raw = dial();
    const client = tls.connect({ socket: raw, ca: PAIR.cert, servername: 'homeport.test' });
    await once(client, 'data');
    const over = once(client, 'close');
    client.on('error', () => {});
    raw.resetAndDestroy();
    await over;
    expect(client.destroyed).toBe(true);
  });

  test('node:https serves and asks', async () => {
    const web = https.createServer(PAIR, (request, answer) => request.pipe(answer));
    const { port } = await serving(network(), (socket) => web.emit('connection', socket), { allowHalfOpen: true });
    const createConnection = () =>
      tls.connect({ socket: network().connect({ port }), ca: PAIR.cert, servername: 'homeport.test' });
    const request = https.request({ method: 'POST', createConnection, host: 'homeport.test' }).end(MEGABYTE);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    expect(Buffer.concat(await answer.toArray()).equals(MEGABYTE)).toBe(true);
  });

  test('TLS inside TLS', async () => {
    const inner = tls.createServer(PAIR, (socket) => socket.end('deep inside'));
    const { connect } = await secure({}, (socket) => inner.emit('connection', socket));
    const client = tls.connect({ socket: connect(), ca: PAIR.cert, servername: 'homeport.test' });
    expect(await text(client)).toBe('deep inside');
  });
});
