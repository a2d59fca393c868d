// fastify, unchanged, on node:net and on our sockets: JSON, streams in both directions, errors, hooks, and a client that
// goes away.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../stack/index.ts';
import { type Network, onEachNetwork, serving } from './socket-compat-nets.ts';

/** The application behind a listener of the network, and how to ask it. */
async function behind(
  network: Network,
  app: FastifyInstance,
): Promise<(options: http.RequestOptions) => http.ClientRequest> {
  await app.ready();
  const { port } = await serving(network, (socket) => app.server.emit('connection', socket), { allowHalfOpen: true });
  return (options) =>
    http.request({ createConnection: () => network.connect({ port }), host: 'homeport.test', ...options });
}

const response = async (request: http.ClientRequest): Promise<http.IncomingMessage> =>
  ((await once(request, 'response')) as [http.IncomingMessage])[0];

const octets = (seed: number): Buffer => Buffer.from(new SeededRandom(seed).bytes(3 << 20));

const chunked = (whole: Buffer): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(whole.length / 50_000) }, (_, i) => whole.subarray(i * 50_000, (i + 1) * 50_000)),
  );

onEachNetwork((network) => {
  test('JSON in and out, checked by its schema', async () => {
    const app = fastify();
    const schema = { body: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } };
    app.post<{ Body: { n: number } }>('/square', { schema }, async ({ body, ip }) => ({ square: body.n ** 2, ip }));
    const ask = await behind(network(), app);
    const headers = { 'content-type': 'application/json' };
    const good = await response(ask({ method: 'POST', path: '/square', headers }).end('{"n":12}'));
    expect(JSON.parse(await text(good))).toEqual({ square: 144, ip: network().clientAddress });
    const bad = await response(ask({ method: 'POST', path: '/square', headers }).end('{"n":"x"}'));
    expect([bad.statusCode, JSON.parse(await text(bad)).code]).toEqual([400, 'FST_ERR_VALIDATION']);
  });

  test('an upload is a stream for the handler', async () => {
    const app = fastify({ bodyLimit: 1 << 30 });
    app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
    app.put('/file', async ({ body }) => {
      const hash = createHash('sha256');
      for await (const chunk of body as Readable) hash.update(chunk);
      return hash.digest('hex');
    });
    const ask = await behind(network(), app);
    const sent = octets(51);
    const request = ask({ method: 'PUT', path: '/file', headers: { 'content-type': 'application/octet-stream' } });
    const [answer] = await Promise.all([response(request), pipeline(chunked(sent), request)]);
    expect(await text(answer)).toBe(createHash('sha256').update(sent).digest('hex'));
  });

  test('a download is a stream from the handler', async () => {
    const sent = octets(52);
    const app = fastify();
    app.get('/file', (_request, reply) => reply.type('application/octet-stream').send(chunked(sent)));
    const ask = await behind(network(), app);
    const answer = await response(ask({ path: '/file' }).end());
    expect(Buffer.concat(await answer.toArray()).equals(sent)).toBe(true);
  });

  test('both at once: what comes in goes out again', async () => {
    const app = fastify({ bodyLimit: 1 << 30 });
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    app.post('/echo', (request, reply) => reply.send(request.body));
    const ask = await behind(network(), app);
    const sent = octets(53);
    const request = ask({ method: 'POST', path: '/echo', headers: { 'content-type': 'x/y' } });
    // Reads while it writes: whoever does not counts on buffers for all that is under way.
    const received = response(request).then((answer) => answer.toArray());
    const [pieces] = await Promise.all([received, pipeline(chunked(sent), request)]);
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
  });

  test('errors, unknown routes and bodies that are too long are answered', async () => {
    const app = fastify({ bodyLimit: 1000 });
    app.get('/fails', () => {
      throw new Error('not today');
    });
    app.post('/take', () => 'taken');
    const ask = await behind(network(), app);
    const failed = await response(ask({ path: '/fails' }).end());
    expect([failed.statusCode, JSON.parse(await text(failed)).message]).toEqual([500, 'not today']);
    expect((await response(ask({ path: '/unknown' }).end())).resume().statusCode).toBe(404);
    const headers = { 'content-type': 'text/plain' };
    const long = await response(ask({ method: 'POST', path: '/take', headers }).end('x'.repeat(1001)));
    expect(long.resume().statusCode).toBe(413);
  });

  test('a client that goes away is told to onRequestAbort', async () => {
    const app = fastify();
    const gone = new Promise<string>((resolve) => {
      app.addHook('onRequestAbort', async (request) => resolve(request.url));
    });
    const asked = new Promise<void>((resolve) => {
      app.get('/slow', () => {
        resolve();
        return new Promise(() => {});
      });
    });
    const ask = await behind(network(), app);
    const request = ask({ path: '/slow' }).end();
    request.on('error', () => {});
    await asked;
    request.destroy();
    expect(await gone).toBe('/slow');
  });
});
