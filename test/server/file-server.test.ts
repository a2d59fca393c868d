// The file server over sockets, on a TCP without packets: what it answers, what it never gives out, how far it
// reads ahead, and that a response goes on at the right octet on another node.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { FileServer } from '../../stack/server/file-server.ts';
import { fileStateOf } from '../../stack/server/file-state.ts';
import { connectSocket, type Socket } from '../../stack/tcp/socket.ts';
import { CLOCK, FakeConnection, FakeTcp, SERVER, settle } from '../tcp/socket-fake.ts';

const NOW = CLOCK.now();
const BIG = Buffer.from(new SeededRandom(3).bytes(3_000_000));
let root = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'file-server-'));
  for (const node of ['a', 'b', 'other', 'shorter']) await mkdir(join(root, node, 'sub'), { recursive: true });
  for (const node of ['a', 'b']) await writeFile(join(root, node, 'big.bin'), BIG);
  await writeFile(join(root, 'other', 'big.bin'), Buffer.alloc(BIG.length));
  await writeFile(join(root, 'shorter', 'big.bin'), BIG.subarray(1));
  await writeFile(join(root, 'a', 'sub', 'page.html'), '<p>hello');
  await writeFile(join(root, 'a', 'empty'), '');
  await writeFile(join(root, 'secret'), 'secret');
  await symlink(join(root, 'secret'), join(root, 'a', 'leak'));
  await symlink('/etc', join(root, 'a', 'etc'));
  await symlink('page.html', join(root, 'a', 'sub', 'alias.html'));
});

afterAll(() => rm(root, { recursive: true }));

async function world(node = 'a') {
  const tcp = new FakeTcp();
  const files = await FileServer.open({ directory: join(root, node) });
  const server = files.server(tcp.home).listen(80);
  const dial = () => connectSocket(tcp.home, { host: SERVER, port: 80, allowHalfOpen: true });
  return { tcp, files, server, dial };
}

const head = (target: string, fields = '', method = 'GET') =>
  `${method} ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

interface Answer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Cuts a stream of responses apart. `bodiless`: they answer HEAD. */
function answersIn(octets: Buffer, bodiless = false): Answer[] {
  const answers: Answer[] = [];
  for (let at = 0; at < octets.length; ) {
    const end = octets.indexOf('\r\n\r\n', at) + 4;
    const [first = '', ...lines] = octets.toString('latin1', at, end - 4).split('\r\n');
    const fields = Object.fromEntries(
      lines.map((line) => [line.split(':', 1)[0]?.toLowerCase(), line.replace(/^.*?: /, '')]),
    );
    const length = bodiless ? 0 : Number(fields['content-length'] ?? 0);
    answers.push({ status: Number(first.split(' ')[1]), fields, body: octets.subarray(end, end + length) });
    at = end + length;
  }
  return answers;
}

/** Sends the requests, half-closes and gives all answers. */
async function ask(requests: string, node = 'a', bodiless = false): Promise<Answer[]> {
  const client = (await world(node)).dial();
  client.end(requests);
  return answersIn(await buffer(client), bodiless);
}

const one = async (requests: string): Promise<Answer | undefined> => (await ask(requests))[0];

describe('answers', () => {
  test('a file with its length, type and tag', async () => {
    const answer = await one(head('/sub/page.html'));
    expect(answer).toMatchObject({
      status: 200,
      fields: { 'content-type': 'text/html; charset=utf-8', 'content-length': '8' },
    });
    expect(answer?.fields.etag).toMatch(/^"[0-9a-f-]+"$/);
    expect(answer?.body.toString()).toBe('<p>hello');
    expect((await one(head('/sub/alias.html')))?.status).toBe(200);
  });

  test('pipelined requests are answered in their order, then the connection ends with the client', async () => {
    const answers = await ask(head('/big.bin') + head('/none') + head('/sub/page.html') + head('/empty'));
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 200, 200]);
    expect(answers[0]?.body.equals(BIG)).toBe(true);
    expect(answers[2]?.body.toString()).toBe('<p>hello');
  });

  test('RFC 9110 9.3.2: HEAD has the fields of GET and no body, errors too', async () => {
    const answers = await ask(head('/big.bin', '', 'HEAD') + head('/none', '', 'HEAD'), 'a', true);
    expect(answers.map(({ status, fields }) => [status, fields['content-length']])).toEqual([
      [200, String(BIG.length)],
      [404, '28'],
    ]);
  });

  test('RFC 9110 14: one range, from a tag on if it still holds', async () => {
    const whole = await one(head('/big.bin', 'Range: bytes=0-0\r\nIf-Range: "old"\r\n'));
    expect([whole?.status, whole?.body.length]).toEqual([200, BIG.length]);
    const part = await one(head('/big.bin', `Range: bytes=10-19\r\nIf-Range: ${whole?.fields.etag}\r\n`));
    expect(part).toMatchObject({ status: 206, fields: { 'content-range': `bytes 10-19/${BIG.length}` } });
    expect(part?.body.equals(BIG.subarray(10, 20))).toBe(true);
    const beyond = await one(head('/big.bin', `Range: bytes=${BIG.length}-\r\n`));
    expect(beyond).toMatchObject({ status: 416, fields: { 'content-range': `bytes */${BIG.length}` } });
    expect((await one(head('/big.bin', `If-None-Match: ${whole?.fields.etag}\r\n`)))?.status).toBe(304);
  });

  test('members with the same content give the same tag once they have hashed it', async () => {
    const tags = [];
    for (const node of ['a', 'b']) {
      const { files, dial } = await world(node);
      await files.warm();
      const client = dial();
      client.end(head('/big.bin', '', 'HEAD'));
      tags.push(answersIn(await buffer(client), true)[0]?.fields.etag);
    }
    expect(tags[0]).toBe(`"${createHash('sha256').update(BIG).digest('hex').slice(0, 32)}"`);
    expect(tags[1]).toBe(tags[0]);
  });

  test.each([
    ['/leak', 404],
    ['/etc/passwd', 404],
    ['/../secret', 404],
    ['/%2e%2e/secret', 404],
    ['/sub', 404],
    ['/', 404],
  ])('%s is not given out', async (target, status) => expect((await one(head(target)))?.status).toBe(status));

  test('what is refused: other methods, bodies, nonsense, heads too long; each closes where it must', async () => {
    expect(await one(head('/empty', '', 'DELETE'))).toMatchObject({
      status: 405,
      fields: { allow: 'GET, HEAD', connection: 'keep-alive' },
    });
    const refused = [`${head('/empty', 'Content-Length: 3\r\n')}abc`, 'nonsense\r\n\r\n', `GET /${'x'.repeat(20_000)}`];
    for (const [i, request] of refused.entries()) {
      const answers = await ask(request + head('/empty'));
      expect(answers.map(({ status, fields }) => [status, fields.connection])).toEqual([[[400, 400, 431][i], 'close']]);
    }
  });

  test('Connection: close ends the connection behind the response', async () => {
    const { dial } = await world();
    const client = dial();
    client.write(head('/big.bin', 'Connection: close\r\n') + head('/empty'));
    const answers = answersIn(await buffer(client));
    expect(answers.map(({ status, fields }) => [status, fields.connection])).toEqual([[200, 'close']]);
  });

  test('a directory that is not there is named', async () => {
    await expect(FileServer.open({ directory: '/no/such' })).rejects.toThrow("not a directory: '/no/such'");
  });
});

test('a client that does not read keeps the server from reading the file further than its buffers', async () => {
  const { tcp, dial } = await world();
  const client = dial();
  client.pause();
  client.write(head('/big.bin'));
  await vi.waitUntil(() => (tcp.accepted[0]?.bytesWritten ?? 0) > 100_000);
  await settle(50);
  const [core] = tcp.accepted as [FakeConnection];
  expect(core.bytesWritten).toBeLessThan(core.sendBuffer + core.receiveBuffer + 64 * 1024);
  expect(core.bytesWritten).toBeLessThan(BIG.length);
});

describe('in the middle of a response', () => {
  /** Asks for the big file (and `more`), and stops when about `received` octets have come. */
  async function midway(received: number, node: string, more = '') {
    const donor = await world('a');
    const acceptor = await world(node);
    const client = donor.dial();
    client.write(head('/big.bin') + more);
    const chunks: Buffer[] = [];
    let total = 0;
    client.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      total += chunk.length;
      if (total > received) client.emit('enough');
    });
    client.once('enough', () => client.pause());
    await once(client, 'enough');
    await settle(3);
    const [here] = donor.tcp.accepted as [FakeConnection];
    const there = new FakeConnection(here.local, here.remote);
    donor.server.quiesce(NOW, here);
    const state = structuredClone(await donor.server.save(NOW, here));
    const restored = async () => {
      here.frozen = true;
      here.moveTo(there);
      there.frozen = true;
      const refusal = await acceptor.server.restore(NOW, there, state);
      there.frozen = false;
      return refusal;
    };
    const rest = async () => {
      client.resume();
      client.end();
      await once(client, 'end');
      return Buffer.concat(chunks);
    };
    return { donor, acceptor, client, here, there, state, restored, rest };
  }

  test.each([0, 1_000_000, 2_900_000])(
    'after %i octets: the other member goes on with the same file',
    async (received) => {
      const w = await midway(received, 'b', head('/big.bin', 'Range: bytes=5-6\r\n'));
      expect(await w.restored()).toBeUndefined();
      w.donor.server.released(NOW, w.here);
      w.acceptor.server.resume(NOW, w.there);
      const answers = answersIn(await w.rest());
      expect(answers.map(({ status }) => status)).toEqual([200, 206]);
      expect(answers[0]?.body.equals(BIG)).toBe(true);
      expect(answers[1]?.body.equals(BIG.subarray(5, 7))).toBe(true);
    },
  );

  test('the state says where it is and what it needs', async () => {
    const w = await midway(500_000, 'b', head('/empty'));
    const app = fileStateOf((w.state as { app: unknown }).app);
    expect(app?.response).toMatchObject({ path: 'big.bin', size: BIG.length, end: BIG.length, keepAlive: true });
    expect(app?.response?.sha256).toBe(createHash('sha256').update(BIG).digest('hex'));
    expect(Buffer.from(app?.leftover ?? []).toString()).toBe(head('/empty'));
  });

  test('the first octets are with TCP as soon as the acceptor resumes', async () => {
    const w = await midway(500_000, 'b');
    await w.restored();
    const before = w.there.bytesWritten;
    w.there.sendBuffer = 10_000_000;
    w.acceptor.server.resume(NOW, w.there);
    expect(w.there.bytesWritten).toBeGreaterThan(before);
  });

  test.each([
    ['other', "'big.bin' has other content here"],
    ['shorter', "'big.bin' has 2999999 octets here, not 3000000"],
  ])('a member with another file (%s) refuses', async (node, reason) => {
    expect(await (await midway(500_000, node)).restored()).toBe(reason);
  });

  test('a member without the file refuses, and so does one that is given nonsense', async () => {
    const w = await midway(500_000, 'b');
    await rm(join(root, 'b', 'big.bin'));
    expect(await w.restored()).toBe("no file 'big.bin' here");
    await writeFile(join(root, 'b', 'big.bin'), BIG);
    expect(await w.acceptor.files.restore({} as Socket, { version: 2 })).toMatch('not the state of a file server');
  });

  test('a member that has given the client back meanwhile keeps no file open', async () => {
    const w = await midway(500_000, 'b');
    const openHere = async () => {
      const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
      return (await Promise.all(links)).filter((path) => path === join(root, 'b', 'big.bin')).length;
    };
    const before = await openHere();
    const restoring = w.restored();
    w.acceptor.server.released(NOW, w.there);
    expect(await restoring).toMatch('given back');
    await settle(5);
    expect(await openHere()).toBe(before);
  });

  test('after a failure the donor goes on as if nothing had happened', async () => {
    const w = await midway(1_000_000, 'b');
    await settle(5);
    w.donor.server.resume(NOW, w.here);
    const [answer] = answersIn(await w.rest());
    expect(answer?.body.equals(BIG)).toBe(true);
  });
});
