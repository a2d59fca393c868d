// Files that clients send: over sockets, on a TCP without packets. What is stored and what is refused, that nobody sees
// half of a file, and that an upload goes on at the right octet on another node that has the same directory.

import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { FileServer } from '../../stack/server/file-server.ts';
import { fileStateOf } from '../../stack/server/file-state.ts';
import { UPLOAD_PREFIX } from '../../stack/server/file-upload.ts';
import { connectSocket, type Socket } from '../../stack/tcp/socket.ts';
import { CLOCK, FakeConnection, FakeTcp, SERVER, settle } from '../tcp/socket-fake.ts';

const NOW = CLOCK.now();
const BIG = Buffer.from(new SeededRandom(4).bytes(2_000_000));
let root = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'file-upload-'));
});
afterAll(() => rm(root, { recursive: true }));

beforeEach(async () => {
  for (const directory of ['shared', 'other']) {
    await rm(join(root, directory), { recursive: true, force: true });
    await mkdir(join(root, directory, 'sub'), { recursive: true });
  }
});

async function world(directory = 'shared', writable = true) {
  const tcp = new FakeTcp();
  const files = await FileServer.open({ directory: join(root, directory), writable });
  const server = files.server(tcp.home).listen(80);
  const dial = () => connectSocket(tcp.home, { host: SERVER, port: 80, allowHalfOpen: true });
  return { tcp, server, dial };
}

const put = (target: string, length: number, fields = '') =>
  `PUT ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n${fields}\r\n`;

/** What the client has been sent so far. */
function heard(client: Socket): () => string {
  const pieces: Buffer[] = [];
  client.on('data', (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString('latin1');
}

const said = (text: () => string, what: string) => vi.waitUntil(() => text().includes(what), { timeout: 5_000 });
const statuses = (text: string) => [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));
const names = async (directory = 'shared') => (await readdir(join(root, directory))).sort();

describe('RFC 9110 9.3.4: PUT', () => {
  test('stores a file, 201; replaces it, 204; the connection takes the next request', async () => {
    const { dial } = await world();
    const client = dial();
    const text = heard(client);
    client.write(`${put('/f', 3)}one${put('/f', 3)}two${put('/sub/g', 0)}GET /f HTTP/1.1\r\nHost: a\r\n\r\n`);
    await said(text, '\r\n\r\ntwo');
    expect(statuses(text())).toEqual([201, 204, 201, 200]);
    expect([
      await readFile(join(root, 'shared/f'), 'utf8'),
      await readFile(join(root, 'shared/sub/g'), 'utf8'),
    ]).toEqual(['two', '']);
    expect(await names()).toEqual(['f', 'sub']);
  });

  test('RFC 9110 10.1.1: 100 Continue asks for a body that waits', async () => {
    const { dial } = await world();
    const client = dial();
    const text = heard(client);
    client.write(put('/f', BIG.length, 'Expect: 100-continue\r\n'));
    await said(text, '100 Continue\r\n\r\n');
    client.write(BIG);
    await said(text, '201 Created');
    expect((await readFile(join(root, 'shared/f'))).equals(BIG)).toBe(true);
  });

  test('RFC 9110 10.1.1: a client of HTTP/1.0 that expects 100 Continue gets none', async () => {
    const { dial } = await world();
    const client = dial();
    const text = heard(client);
    client.write(put('/f', 3, 'Expect: 100-continue\r\n').replace('HTTP/1.1', 'HTTP/1.0'));
    await vi.waitUntil(async () => (await names()).some((name) => name.startsWith(UPLOAD_PREFIX)));
    await settle(20);
    client.write('one');
    await said(text, '\r\n\r\n');
    expect(statuses(text())).toEqual([201]);
  });

  test.each([
    ['a name outside', put('/../f', 1), 403],
    ['a name of an upload', put(`/${UPLOAD_PREFIX}0`, 1), 403],
    ['a directory', put('/sub', 1), 409],
    ['a directory that is not there', put('/none/f', 1), 409],
    ['a link out of the directory', put('/out/f', 1), 403],
    ['no length', 'PUT /f HTTP/1.1\r\nHost: a\r\n\r\n', 411],
    ['chunks', 'PUT /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', 411],
    ['a length that is none', 'PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n', 400],
    ['a part of a file', put('/f', 1, 'Content-Range: bytes 0-0/2\r\n'), 400],
    ['another expectation', put('/f', 1, 'Expect: much\r\n'), 417],
  ])('%s is refused, and nothing is left', async (_what, request, status) => {
    await symlink(root, join(root, 'shared/out'));
    const { dial } = await world();
    const client = dial();
    const text = heard(client);
    client.write(request);
    await said(text, '\r\n\r\n');
    expect(statuses(text())).toEqual([status]);
    expect(await names()).toEqual(['out', 'sub']);
  });

  test('is not served without being asked for', async () => {
    const { dial } = await world('shared', false);
    const client = dial();
    const text = heard(client);
    client.write(put('/f', 1));
    await said(text, '\r\n\r\n');
    expect(text()).toMatch(/^HTTP\/1\.1 405 .*Allow: GET, HEAD\r\n/s);
  });

  test('a file is not seen before it is whole, and an upload that breaks off leaves nothing', async () => {
    const { dial } = await world();
    const client = dial();
    client.write(put('/f', 10));
    client.write('half');
    await vi.waitUntil(async () => (await names()).some((name) => name.startsWith(UPLOAD_PREFIX)));
    expect(await names()).not.toContain('f');
    client.destroy();
    await vi.waitUntil(async () => (await names()).length === 1);
    expect(await names()).toEqual(['sub']);
  });

  test('an end of the connection in front of the last octet leaves nothing either', async () => {
    const { dial } = await world();
    const client = dial();
    client.end(`${put('/f', 10)}half`);
    heard(client);
    await vi.waitUntil(() => client.readableEnded);
    await vi.waitUntil(async () => (await names()).length === 1);
    expect(await names()).toEqual(['sub']);
  });

  test('what a killed member has left is removed at the next start; what may be under way elsewhere, and all else, stays', async () => {
    const id = (digit: string) => `${UPLOAD_PREFIX}${digit.repeat(24)}`;
    const files = [id('a'), id('b'), `${UPLOAD_PREFIX}short`, 'f'];
    const lastYear = new Date(Date.now() - 365 * 24 * 3600 * 1000);
    for (const name of files) {
      await writeFile(join(root, 'shared', name), 'half');
      if (name !== id('b')) await utimes(join(root, 'shared', name), lastYear, lastYear);
    }
    await world('shared', false);
    expect(await names()).toEqual([...files, 'sub'].sort());
    await world();
    expect(await names()).toEqual([...files.slice(1), 'sub'].sort());
  });

  test('an upload under way is not served', async () => {
    await writeFile(join(root, 'shared', `${UPLOAD_PREFIX}x`), 'secret');
    const { dial } = await world();
    const client = dial();
    const text = heard(client);
    client.write(`GET /${UPLOAD_PREFIX}x HTTP/1.1\r\nHost: a\r\n\r\n`);
    await said(text, '\r\n\r\n');
    expect(statuses(text())).toEqual([404]);
  });
});

describe('in the middle of an upload', () => {
  const HEAD = put('/f', BIG.length).length;

  /** A client that has sent so many octets of the request and its body when the donor is asked for its state. */
  async function midway(sent: number, directory = 'shared') {
    const donor = await world();
    const acceptor = await world(directory);
    const request = Buffer.concat([Buffer.from(put('/f', BIG.length)), BIG]);
    const client = donor.dial();
    const text = heard(client);
    client.write(request.subarray(0, sent));
    if (sent > HEAD) await vi.waitUntil(async () => (await names()).some((name) => name.startsWith(UPLOAD_PREFIX)));
    await settle(20);
    const [here] = donor.tcp.accepted as [FakeConnection];
    const there = new FakeConnection(here.local, here.remote);
    donor.server.quiesce(NOW, here);
    const state = structuredClone(await donor.server.save(NOW, here));
    const move = async () => {
      here.frozen = true;
      here.moveTo(there);
      there.frozen = true;
      const refusal = await acceptor.server.restore(NOW, there, state);
      there.frozen = false;
      return refusal;
    };
    const rest = () => client.write(request.subarray(sent));
    return { donor, acceptor, client, text, here, there, state, move, rest, request };
  }

  test.each([10, HEAD, HEAD + 1, HEAD + 1_000_000, HEAD + BIG.length - 1])(
    'after %i octets: the other member goes on in the same file',
    async (sent) => {
      const w = await midway(sent);
      expect(await w.move()).toBeUndefined();
      w.donor.server.released(NOW, w.here);
      w.acceptor.server.resume(NOW, w.there);
      w.rest();
      await said(w.text, '201 Created');
      expect((await readFile(join(root, 'shared/f'))).equals(BIG)).toBe(true);
      expect(await names()).toEqual(['f', 'sub']);
    },
  );

  test('the state says where it is', async () => {
    const w = await midway(HEAD + 1_000_000);
    const app = fileStateOf((w.state as { app: unknown }).app);
    const { upload, leftover } = app ?? {};
    expect(upload).toMatchObject({ path: 'f', length: BIG.length, stored: null, keepAlive: true });
    const { pendingRead } = w.state as { pendingRead: Uint8Array };
    // What is not in the file is in the state, or with TCP.
    const known = (upload?.offset ?? 0) + (leftover?.length ?? 0) + pendingRead.length;
    expect(known).toBeGreaterThan(0);
    expect(known).toBeLessThanOrEqual(1_000_000);
  });

  test('a whole body that the donor had no time to answer is answered by the acceptor, once', async () => {
    const w = await midway(HEAD + BIG.length - 1);
    expect(await w.move()).toBeUndefined();
    w.donor.server.released(NOW, w.here);
    w.acceptor.server.resume(NOW, w.there);
    w.rest();
    await said(w.text, '201 Created');
    await settle(10);
    expect(statuses(w.text())).toEqual([201]);
  });

  test('a member with another directory refuses, and the donor goes on', async () => {
    const w = await midway(HEAD + 1_000_000, 'other');
    const refusal = await w.acceptor.server.restore(NOW, w.there, w.state);
    expect(refusal).toMatch(/^no upload '\.upload-[0-9a-f]{24}' here: members that take uploads need one directory$/);
    w.acceptor.server.released(NOW, w.there);
    w.donor.server.resume(NOW, w.here);
    w.rest();
    await said(w.text, '201 Created');
    expect((await readFile(join(root, 'shared/f'))).equals(BIG)).toBe(true);
    expect([await names(), await names('other')]).toEqual([['f', 'sub'], ['sub']]);
  });

  test('a member that was given the client and gave it back has done nothing to the file', async () => {
    const w = await midway(HEAD + BIG.length - 1);
    expect(await w.acceptor.server.restore(NOW, w.there, w.state)).toBeUndefined();
    await settle(10);
    w.acceptor.server.released(NOW, w.there);
    await settle(10);
    w.donor.server.resume(NOW, w.here);
    w.rest();
    await said(w.text, '201 Created');
    expect((await readFile(join(root, 'shared/f'))).equals(BIG)).toBe(true);
  });

  test('a member that takes no files refuses', async () => {
    const w = await midway(HEAD + 1_000_000);
    const reader = await world('shared', false);
    expect(await reader.server.restore(NOW, w.there, w.state)).toBe('files are not stored here: --writable is missing');
  });

  test.each(['../f', '..', '.', 'sub/../../f', 'sub', `${UPLOAD_PREFIX}0`, 'out/f'])(
    'a member does not go on with an upload to %s, whoever says so',
    async (path) => {
      await symlink(root, join(root, 'shared/out'));
      const w = await midway(HEAD + 1_000_000);
      const { app } = w.state as { app: { upload: object } };
      const forged = { ...(w.state as object), app: { ...app, upload: { ...app.upload, path } } };
      expect(await w.acceptor.server.restore(NOW, w.there, forged)).toContain(`'${path}' cannot be stored here: `);
    },
  );

  test('octets that are no state of an upload are refused', () => {
    const whole = { id: 'a'.repeat(24), path: 'f', length: 9, offset: 3, stored: null, keepAlive: true };
    const state = { version: 1, leftover: new Uint8Array(0), response: undefined, finished: false };
    expect(fileStateOf({ ...state, upload: whole })?.upload).toEqual(whole);
    for (const wrong of [{ id: '../../etc/passwd' }, { offset: 10 }, { length: -1 }, { stored: 'yes' }, { path: 7 }]) {
      expect(fileStateOf({ ...state, upload: { ...whole, ...wrong } })).toBeUndefined();
    }
  });
});
