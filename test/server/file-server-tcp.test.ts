// The main job without mobility: a download, and an upload, over real TCP on a virtual clock, whose server changes in
// the middle, there and back again. One SYN, no RST, every octet once and in its place.

import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { type Clock, milliseconds } from '../../stack/core/time.ts';
import { FileServer } from '../../stack/server/file-server.ts';
import { UPLOAD_PREFIX } from '../../stack/server/file-upload.ts';
import { connectSocket } from '../../stack/tcp/socket.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { drive } from '../tcp/socket-drive.ts';
import { A, B, type TestHost, type WireOptions, World } from '../tcp/support.ts';

const FILE = Buffer.from(new SeededRandom(11).bytes(2_000_000));
let root = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'file-server-tcp-'));
  await writeFile(join(root, 'file'), FILE);
});
afterEach(async () => {
  for (const name of await readdir(root)) if (name !== 'file') await rm(join(root, name));
});
afterAll(() => rm(root, { recursive: true }));

async function member(world: World, clock: Clock) {
  const host = world.host(B);
  const server = (await FileServer.open({ directory: root, writable: true })).server({ tcp: host.tcp, clock });
  return { host, server };
}

type Member = Awaited<ReturnType<typeof member>>;

/** What donor and acceptor do with TCP and the app, without the messages between them. */
async function handOff(world: World, from: Member, to: Member, client: TestHost): Promise<void> {
  const [connection] = from.host.tcp.connectionsBetween(B, client.ipv6.address);
  if (connection === undefined) throw new Error('no connection');
  from.server.quiesce(world.now, connection);
  const state = structuredClone(await from.server.save(world.now, connection));
  from.host.tcp.freeze(world.now, connection);
  const snapshot = from.host.tcp.snapshot(world.now, connection);
  const installed = to.host.tcp.install(world.now, snapshot, { congestion: 'restart' });
  if (typeof installed === 'string') throw new Error(installed);
  expect(await to.server.restore(world.now, installed, state)).toBeUndefined();
  world.attach(B, to.host.ipv6);
  to.server.resume(world.now, installed);
  to.host.tcp.resume(world.now, installed);
  from.host.tcp.forget(connection);
  from.server.released(world.now, connection);
}

const wires: [string, WireOptions][] = [
  ['a clean wire', {}],
  ['1 % loss and reordering', { seed: 2, loss: 0.01, jitter: milliseconds(2) }],
];

test.each(wires)('a download moves to the other member and back, on %s', async (_case, wire) => {
  const world = new World(wire);
  const clock: Clock = { now: () => world.now };
  const client = world.host(A);
  const second = await member(world, clock);
  const first = await member(world, clock);
  first.server.listen(80);
  const socket = connectSocket({ tcp: client.tcp, clock }, { host: B, port: 80 });
  const chunks: Buffer[] = [];
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.length;
  });
  socket.write('GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  let ended = false;
  socket.on('end', () => {
    ended = true;
  });
  await drive(world, () => received > FILE.length / 3);
  await handOff(world, first, second, client);
  await drive(world, () => received > (2 * FILE.length) / 3);
  await handOff(world, second, first, client);
  await drive(world, () => ended);
  const response = Buffer.concat(chunks);
  expect(response.subarray(response.indexOf('\r\n\r\n') + 4).equals(FILE)).toBe(true);
  expectOneConnection(world);
});

/** Octets of the upload that are in its file; none when there is none. */
function uploaded(): number {
  const [name] = readdirSync(root).filter((entry) => entry.startsWith(UPLOAD_PREFIX));
  return name === undefined ? 0 : (statSync(join(root, name), { throwIfNoEntry: false })?.size ?? 0);
}

describe.each(wires)('an upload, on %s', (_case, wire) => {
  // In thousandths of the file: as soon as it exists, close to each other, and late.
  test.each([
    [0, 500],
    [250, 260],
    [500, 700],
  ])('moves to the other member behind %i/1000 and back behind %i/1000', async (there, back) => {
    const world = new World(wire);
    const clock: Clock = { now: () => world.now };
    const client = world.host(A);
    const second = await member(world, clock);
    const first = await member(world, clock);
    first.server.listen(80);
    const socket = connectSocket({ tcp: client.tcp, clock }, { host: B, port: 80 });
    let answer = '';
    let ended = false;
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.on('end', () => {
      ended = true;
    });
    socket.write(`PUT /sent HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${FILE.length}\r\n\r\n`);
    socket.write(FILE);
    await drive(world, () => uploaded() > (there * FILE.length) / 1000);
    await handOff(world, first, second, client);
    await drive(world, () => uploaded() > (back * FILE.length) / 1000);
    await handOff(world, second, first, client);
    await drive(world, () => ended);
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect((await readFile(join(root, 'sent'))).equals(FILE)).toBe(true);
    expect((await readdir(root)).sort()).toEqual(['file', 'sent']);
    expectOneConnection(world);
  });
});

function expectOneConnection(world: World): void {
  const counted = (flag: number) => world.sent.filter(({ header }) => (header.flags & flag) !== 0);
  expect(counted(TCP_FLAG.rst)).toEqual([]);
  expect(counted(TCP_FLAG.syn).filter(({ from }) => from.equals(A)).length).toBe(1);
}
