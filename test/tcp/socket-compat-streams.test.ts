// The stream side of a socket, by the same test on node:net and on ours: pause and resume, back-pressure, timeouts,
// encodings, pipeline(), for await and what else node:stream offers.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { finished, PassThrough, pipeline, Readable, Transform, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import * as promises from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../stack/index.ts';
import { closed, connected, diary, onEachNetwork, serving } from './socket-compat-nets.ts';

const MEGABYTE = Buffer.from(new SeededRandom(11).bytes(1 << 20));

onEachNetwork((network) => {
  const echo = () => serving(network(), (socket) => socket.pipe(socket));

  test('pause holds data back, resume lets it go on, in order and whole', async () => {
    const { client, peer } = await connected(network());
    peer.end(MEGABYTE);
    const chunks: Buffer[] = [];
    client.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      client.pause();
      expect(client.isPaused()).toBe(true);
      setImmediate(() => client.resume());
    });
    await once(client, 'end');
    expect(Buffer.concat(chunks).equals(MEGABYTE)).toBe(true);
  });

  test("a reader that does not read stops the writer: write() says no, 'drain' comes when it reads again", async () => {
    const { client, peer } = await connected(network());
    client.pause();
    let writes = 0;
    while (writes < 1000 && peer.write(MEGABYTE)) writes++;
    expect(writes).toBeLessThan(1000);
    expect([peer.writableNeedDrain, peer.writableLength > 0]).toEqual([true, true]);
    client.resume();
    await once(peer, 'drain');
    expect([peer.writableNeedDrain, peer.writableLength]).toEqual([false, 0]);
  });

  test('writes of every kind arrive as they were written, callbacks in order', async () => {
    const { client, peer } = await connected(network(), { serve: { allowHalfOpen: true } });
    const order: number[] = [];
    client.cork();
    client.write('h\u00e9', () => order.push(1));
    client.write('e9', 'latin1', () => order.push(2));
    client.write('00ff', 'hex', () => order.push(3));
    client.uncork();
    client.write(Buffer.from([1, 2]), () => order.push(4));
    client.write(new Uint8Array([3, 4]), () => order.push(5));
    client.write('');
    client.end('AAE=', 'base64', () => order.push(6));
    const chunks: Buffer[] = [];
    for await (const chunk of peer) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString('hex')).toBe('68c3a9653900ff010203040001');
    expect(order).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('setEncoding puts characters together that came in pieces', async () => {
    const { client, peer } = await connected(network());
    peer.setNoDelay();
    client.setEncoding('utf8');
    const euro = Buffer.from('\u20ac');
    peer.write(euro.subarray(0, 1));
    await new Promise((resolve) => peer.write(euro.subarray(1, 2), resolve));
    peer.end(euro.subarray(2));
    expect(await text(client)).toBe('\u20ac');
  });

  test("'readable' and read(n) give exactly n octets, and the rest at the end", async () => {
    const { client, peer } = await connected(network());
    peer.end('abcdefgh');
    const pieces: string[] = [];
    client.on('readable', () => {
      for (let piece = client.read(3); piece !== null; piece = client.read(3)) pieces.push(String(piece));
    });
    await once(client, 'end');
    expect(pieces).toEqual(['abc', 'def', 'gh']);
  });

  test('unshift puts octets back for the next reader', async () => {
    const { client, peer } = await connected(network());
    peer.end('header body');
    await once(client, 'readable');
    client.unshift(client.read(7));
    expect(await text(client)).toBe('header body');
  });

  test('timeout after silence, told once per silence; the socket stays open', async () => {
    const { client } = await connected(network());
    const told = diary(client);
    const called = new Promise<void>((resolve) => expect(client.setTimeout(30, resolve)).toBe(client));
    expect(client.timeout).toBe(30);
    await called;
    expect(told).toEqual(['timeout']);
    expect(client.destroyed).toBe(false);
    client.setTimeout(0);
    expect(client.timeout).toBe(0);
  });

  test('timeout given to connect', async () => {
    const { client } = await connected(network(), { dial: { timeout: 30 } });
    expect(client.timeout).toBe(30);
    await once(client, 'timeout');
  });

  test('no timeout after the close', async () => {
    const { client, peer } = await connected(network());
    const told = diary(client);
    client.setTimeout(10);
    client.destroy();
    peer.resume().setTimeout(25);
    await Promise.race([once(peer, 'timeout'), closed(peer)]);
    expect(told).toEqual(['close false']);
  });

  test('pipeline through an echo, compressed, unchanged', async () => {
    const { port } = await echo();
    const received: Buffer[] = [];
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        received.push(chunk);
        done();
      },
    });
    await promises.pipeline(Readable.from([MEGABYTE]), createGzip(), network().connect({ port }), createGunzip(), sink);
    expect(Buffer.concat(received).equals(MEGABYTE)).toBe(true);
  });

  test('pipeline into a socket that the peer resets fails and destroys the source', async () => {
    const { client, peer } = await connected(network());
    const source = new Readable({
      read() {
        this.push(MEGABYTE);
      },
    });
    const over = new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => pipeline(source, client, resolve));
    await once(peer, 'readable');
    peer.resetAndDestroy();
    expect((await over)?.code).toMatch(/^(ECONNRESET|EPIPE)$/);
    expect([source.destroyed, client.destroyed]).toEqual([true, true]);
  });

  test('pipeline from a source that fails destroys the socket; the peer sees it go', async () => {
    const { client, peer } = await connected(network());
    const source = Readable.from(
      (async function* () {
        yield 'some';
        throw new Error('source failed');
      })(),
    );
    peer.resume().on('error', () => {});
    await expect(promises.pipeline(source, client)).rejects.toThrow('source failed');
    expect(client.destroyed).toBe(true);
    await closed(peer);
  });

  test('an aborted pipeline destroys the socket', async () => {
    const { client, peer } = await connected(network());
    const abort = new AbortController();
    peer.on('error', () => {});
    const over = promises.pipeline(client, new PassThrough().resume(), { signal: abort.signal });
    abort.abort();
    await expect(over).rejects.toMatchObject({ name: 'AbortError' });
    await closed(client);
  });

  test('for await reads to the end and closes the socket', async () => {
    const { client, peer } = await connected(network());
    peer.end(MEGABYTE);
    let received = 0;
    for await (const chunk of client) received += (chunk as Buffer).length;
    expect(received).toBe(MEGABYTE.length);
    await closed(client);
  });

  test('a break out of for await destroys the socket', async () => {
    const { client, peer } = await connected(network());
    peer.on('error', () => {}).write(MEGABYTE);
    for await (const _chunk of client) break;
    expect(client.destroyed).toBe(true);
    await closed(peer.resume());
  });

  test('for await throws the reset', async () => {
    const { client, peer } = await connected(network());
    peer.write('last words');
    const read = async (): Promise<void> => {
      for await (const _chunk of client) peer.resetAndDestroy();
    };
    await expect(read()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('finished() tells a clean end, a premature close and a reset', async () => {
    const clean = await connected(network());
    clean.peer.resume().end();
    clean.client.resume().end();
    await expect(promises.finished(clean.client)).resolves.toBe(undefined);
    const cut = await connected(network());
    const over = promises.finished(cut.client);
    cut.client.destroy();
    await expect(over).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    const reset = await connected(network());
    const error = new Promise<NodeJS.ErrnoException | null | undefined>((resolve) =>
      finished(reset.client.resume(), resolve),
    );
    reset.peer.resetAndDestroy();
    expect((await error)?.code).toBe('ECONNRESET');
  });

  test('compose, map and toArray work on a socket', async () => {
    const { client, peer } = await connected(network());
    const upper = new Transform({
      transform: (chunk: Buffer, _encoding, done) => done(null, String(chunk).toUpperCase()),
    });
    peer.end('quiet');
    expect(await text(client.compose(upper))).toBe('QUIET');
    const second = await connected(network());
    second.peer.end('12');
    expect((await second.client.map((chunk: Buffer) => chunk.length).toArray()).reduce((a, b) => a + b, 0)).toBe(2);
  });

  test('Readable.toWeb and Writable.toWeb carry the octets of a socket', async () => {
    const { port } = await echo();
    const client = network().connect({ port });
    const writer = Writable.toWeb(client).getWriter();
    const reading = new Response(Readable.toWeb(client) as ReadableStream<Uint8Array>).text();
    await writer.write(Buffer.from('over the web'));
    await writer.close();
    expect(await reading).toBe('over the web');
  });

  test("a 'data' listener that throws leaves a socket that reads on, for whoever catches it", async () => {
    const { client, peer } = await connected(network());
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const caught = once(process, 'uncaughtException') as Promise<[Error]>;
    let pieces = 0;
    client.on('data', () => {
      pieces += 1;
      if (client.bytesRead === MEGABYTE.length) client.end();
      if (pieces === 1) throw new Error('dropped it');
    });
    peer.write(MEGABYTE); // and no more: what is left of it is all that will ever come
    expect((await caught)[0].message).toBe('dropped it');
    for (const other of others) process.on('uncaughtException', other);
    await closed(client);
    expect(client.bytesRead).toBe(MEGABYTE.length);
  });

  test('two sockets that never stop talking leave the rest of the process its turn', async () => {
    const { client, peer } = await connected(network());
    for (const socket of [client, peer]) socket.on('error', () => {}).on('data', (chunk) => socket.write(chunk));
    client.write('for ever');
    await once(client, 'data');
    await new Promise((resolve) => setTimeout(resolve, 1)); // never came where every answer was a tick away
    expect([client.destroyed, peer.destroyed]).toEqual([false, false]);
    client.destroy();
    await closed(peer);
  });

  test('two megabytes each way at once over one connection', async () => {
    const { client, peer } = await connected(network());
    const collect = async (socket: Socket): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(socket, 'end');
      return Buffer.concat(chunks);
    };
    const both = Promise.all([collect(client), collect(peer)]);
    for (const socket of [client, peer]) {
      socket.write(MEGABYTE);
      socket.end(MEGABYTE);
    }
    for (const received of await both) expect(received.equals(Buffer.concat([MEGABYTE, MEGABYTE]))).toBe(true);
    expect([client.bytesRead, client.bytesWritten]).toEqual([2 << 20, 2 << 20]);
  });
});
