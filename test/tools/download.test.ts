// The download behind `homeport client get`, over sockets on a TCP without packets: what it counts, what it leaves
// behind, and what it says when something goes wrong.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectSocket } from '../../stack/tcp/socket.ts';
import { Server } from '../../stack/tcp/socket-server.ts';
import { type DownloadOptions, download } from '../../tools/download.ts';
import { UserError } from '../../tools/errors.ts';
import { FakeTcp, SERVER, settle } from '../tcp/socket-fake.ts';

const BODY = Buffer.alloc(700_000, 'a file ');
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'download-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** A download from a server that answers like this; `port`: where it is looked for. */
function world(answer: RequestListener, more: Partial<DownloadOptions> = {}, port = 80) {
  const tcp = new FakeTcp();
  const web = createServer(answer);
  new Server(tcp.home, {}, (socket) => web.emit('connection', socket)).listen(80);
  const connect = () => connectSocket(tcp.home, { host: SERVER, port });
  return download({ url: 'http://[2001:db8:5::1]/f', host: '[2001:db8:5::1]', path: '/f', connect, ...more });
}

describe('what arrives', () => {
  test('is counted, hashed and reported as it comes', async () => {
    const seen: (number | undefined)[][] = [];
    const onProgress = (received: number, total: number | undefined) => void seen.push([received, total]);
    const result = await world((_asked, answer) => answer.end(BODY), { onProgress });
    expect(result).toMatchObject({ bytes: BODY.length, sha256: createHash('sha256').update(BODY).digest('hex') });
    expect(seen.at(-1)).toEqual([BODY.length, BODY.length]);
    expect(seen.length).toBeGreaterThan(3);
  });

  test('is written under its name once it is whole', async () => {
    const output = join(directory, 'whole');
    await world((_asked, answer) => answer.end(BODY), { output });
    expect((await readFile(output)).equals(BODY)).toBe(true);
    expect(await readdir(directory)).toEqual(['whole']);
  });

  test('a body of unknown length has no total', async () => {
    const totals = new Set<number | undefined>();
    const result = await world(
      (_asked, answer) => answer.writeHead(200, { 'transfer-encoding': 'chunked' }).end('one two'),
      {
        onProgress: (_received, total) => void totals.add(total),
      },
    );
    expect([result.bytes, [...totals]]).toEqual([7, [undefined]]);
  });

  test('the longest stall is the longest wait for octets, on the given clock', async () => {
    let now = 0;
    const later = [
      { after: 250, write: (answer: ServerResponse) => void answer.write('second') },
      { after: 40, write: (answer: ServerResponse) => void answer.end('third') },
    ];
    let answering: ServerResponse | undefined;
    const goOn = () => {
      const next = later.shift();
      if (next === undefined || answering === undefined) return;
      now += next.after;
      next.write(answering);
    };
    const result = await world(
      (_asked, answer) => {
        answering = answer;
        answer.write('first');
      },
      { now: () => now, onProgress: () => void setImmediate(goOn) },
    );
    expect(result).toMatchObject({ longestStallMs: 250, durationMs: 290, firstByteMs: 0 });
  });

  test('asks with the host and path that were given', async () => {
    const asked: (string | undefined)[] = [];
    await world(
      (request, answer) => {
        asked.push(request.method, request.url, request.headers.host);
        answer.end();
      },
      { path: '/a?b', host: 'name:8080' },
    );
    expect(asked).toEqual(['GET', '/a?b', 'name:8080']);
  });
});

describe('what goes wrong is said in one line, and leaves nothing behind', () => {
  const output = () => join(directory, 'broken');
  const left = async () => (await readdir(directory)).filter((name) => name.startsWith('broken'));

  test.each<[string, RequestListener, string]>([
    ['another status', (_asked, answer) => answer.writeHead(404).end(), 'the server answers 404 Not Found'],
    [
      'an end too early',
      (_asked, answer) => {
        answer.setHeader('content-length', 10);
        answer.write('12345');
        void settle(5).then(() => answer.socket?.end());
      },
      'the connection ended after 5 of 10 octets',
    ],
    ['nonsense', (_asked, answer) => answer.socket?.end('nonsense\r\n\r\n'), 'Parse Error: Expected HTTP/'],
  ])('%s', async (_case, answer, message) => {
    const error = await world(answer, { output: output() }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toContain(`http://[2001:db8:5::1]/f: ${message}`);
    expect(await left()).toEqual([]);
  });

  test('nobody listens', async () => {
    const message = 'http://[2001:db8:5::1]/f: connection refused (connect ECONNREFUSED 2001:db8:5::1:81)';
    await expect(world(() => {}, { output: output() }, 81)).rejects.toMatchObject({ name: 'UserError', message });
    expect(await left()).toEqual([]);
  });

  test('a file that cannot be written', async () => {
    const promise = world((_asked, answer) => answer.end(), { output: '/no/such/file' });
    await expect(promise).rejects.toThrow('cannot write /no/such/file.part: no such file or directory');
  });

  test('an abort', async () => {
    const controller = new AbortController();
    const promise = world((_asked, answer) => void answer.write('x'), {
      output: output(),
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(promise).rejects.toThrow('aborted');
    expect(await left()).toEqual([]);
  });
});
