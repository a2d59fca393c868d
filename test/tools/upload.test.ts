// The upload behind `homeport client put`, over sockets on a TCP without packets: what arrives, and what is said when a
// server does not take it.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FileServer } from '../../stack/server/file-server.ts';
import { connectSocket } from '../../stack/tcp/socket.ts';
import { Server } from '../../stack/tcp/socket-server.ts';
import { UserError } from '../../tools/errors.ts';
import { type UploadOptions, upload } from '../../tools/upload.ts';
import { FakeTcp, SERVER } from '../tcp/socket-fake.ts';

const BODY = Buffer.alloc(700_000, 'a file ');
let directory = '';
const file = () => join(directory, 'to-send');

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'upload-'));
  await mkdir(join(directory, 'served'));
  await writeFile(file(), BODY);
});
afterAll(() => rm(directory, { recursive: true }));

const URL = 'http://[2001:db8:5::1]/f';

function send(tcp: FakeTcp, more: Partial<UploadOptions> = {}) {
  const connect = () => connectSocket(tcp.home, { host: SERVER, port: 80 });
  return upload({ url: URL, host: '[2001:db8:5::1]', path: '/f', connect, file: file(), ...more });
}

async function fileServer(writable: boolean): Promise<FakeTcp> {
  const tcp = new FakeTcp();
  const files = await FileServer.open({ directory: join(directory, 'served'), writable });
  files.server(tcp.home).listen(80);
  return tcp;
}

function webServer(answer: RequestListener): FakeTcp {
  const tcp = new FakeTcp();
  const web = createServer(answer).on('checkContinue', answer);
  new Server(tcp.home, { allowHalfOpen: true }, (socket) => web.emit('connection', socket)).listen(80);
  return tcp;
}

test('the file arrives whole, is hashed and reported as it goes: created, then replaced', async () => {
  const tcp = await fileServer(true);
  const seen: number[] = [];
  const result = await send(tcp, { onProgress: (sent) => void seen.push(sent) });
  const sha256 = createHash('sha256').update(BODY).digest('hex');
  expect(result).toMatchObject({ bytes: BODY.length, sha256, status: 201 });
  expect((await readFile(join(directory, 'served', 'f'))).equals(BODY)).toBe(true);
  expect([seen.length > 3, seen.at(-1)]).toEqual([true, BODY.length]);
  expect(await send(tcp)).toMatchObject({ status: 204 });
});

test.each([
  ['that takes no files', false, {}, '405 Method Not Allowed: PUT is not served'],
  ['without the directory', true, { path: '/none/f' }, '409 Conflict: no such directory'],
])('a server %s says why, and none of the body is sent', async (_what, writable, more, reason) => {
  const seen: number[] = [];
  const failed = send(await fileServer(writable), { ...more, onProgress: (sent) => void seen.push(sent) });
  await expect(failed).rejects.toEqual(new UserError(`${URL}: the server answers ${reason}`));
  expect(seen).toEqual([]);
});

test('a connection that ends in the middle is one line', async () => {
  const tcp = webServer((asked, answer) => {
    answer.writeContinue();
    asked.once('data', () => asked.socket.destroy());
  });
  const error = await send(tcp).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  expect(String(error)).toMatch(/^UserError: http:\/\/\[2001:db8:5::1\]\/f: [^\n]+$/);
});

test('an answer in the middle of the body ends it', async () => {
  const tcp = webServer((asked, answer) => {
    answer.writeContinue();
    asked.once('data', () => answer.writeHead(507).end('no room\n'));
    asked.resume();
  });
  await expect(send(tcp)).rejects.toEqual(new UserError(`${URL}: the server answers no room`));
});
