// Parts of the roles that stand alone: the admin socket, a download's figures, seeded files, the progress bar.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Instant, milliseconds } from '../../stack/core/time.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { Output, octets, type Terminal, table } from '../../tools/output.ts';
import { type AdminHandler, callAdmin, serveAdmin } from '../../tools/roles/admin.ts';
import { DownloadStats, VIA_HOME_AGENT } from '../../tools/roles/download-stats.ts';
import { sha256OfFile, writeSeededFile } from '../../tools/seeded-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'homeport-roles-'));
afterAll(() => rmSync(directory, { recursive: true }));

let sockets = 0;
async function withAdmin<T>(handler: AdminHandler, use: (path: string) => Promise<T>): Promise<T> {
  sockets += 1;
  const path = join(directory, `${sockets}.sock`);
  const server = await serveAdmin(path, handler);
  try {
    return await use(path);
  } finally {
    server.close();
  }
}

test('the admin socket carries a request to the node and its result back, for the owner alone', async () => {
  await withAdmin(
    async (request) => ({ echo: request }),
    async (path) => {
      expect(await callAdmin(path, { request: 'status' }, 1000)).toEqual({ echo: { request: 'status' } });
      expect(statSync(path).mode & 0o777).toBe(0o600);
    },
  );
});

test('what the node throws is what the caller is told', async () => {
  const refuse: AdminHandler = async () => {
    throw new Error("unknown node 'x': the members this node knows are b");
  };
  await withAdmin(refuse, async (path) => {
    await expect(callAdmin(path, {}, 1000)).rejects.toThrow("unknown node 'x': the members this node knows are b");
  });
});

test('a request that is no JSON, or has no end, gets an error and harms nobody', async () => {
  const ask = (path: string, text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = createConnection(path, () => socket.write(text));
      let answer = '';
      socket.setEncoding('utf8').on('data', (part: string) => {
        answer += part;
      });
      socket.on('close', () => resolve(answer));
    });
  await withAdmin(
    async () => ({}),
    async (path) => {
      expect(JSON.parse(await ask(path, 'nonsense\n'))).toEqual({ ok: false, error: 'a request is one line of JSON' });
      expect(JSON.parse(await ask(path, 'x'.repeat(10_000)))).toEqual({ ok: false, error: 'the line is too long' });
      expect(await callAdmin(path, {}, 1000)).toEqual({});
    },
  );
});

test('a second node on a live admin socket is refused; a dead socket is replaced', async () => {
  await withAdmin(
    async () => ({}),
    async (path) => {
      await expect(serveAdmin(path, async () => ({}))).rejects.toThrow('is running already');
      expect(await callAdmin(path, {}, 1000)).toEqual({});
    },
  );
  const path = join(directory, 'dead.sock');
  await new Promise<void>((resolve) => {
    const dead = createServer().listen(path, () => dead.close(() => resolve()));
  });
  const server = await serveAdmin(path, async () => ({ alive: true }));
  expect(await callAdmin(path, {}, 1000)).toEqual({ alive: true });
  server.close();
});

test('a node that does not answer in time, and one that is not there, are told apart', async () => {
  await withAdmin(
    () => new Promise(() => {}),
    async (path) => {
      await expect(callAdmin(path, {}, 20)).rejects.toThrow(`the node at ${path} does not answer`);
    },
  );
  await expect(callAdmin(join(directory, 'none.sock'), {}, 1000)).rejects.toThrow('no server node is running at');
});

const A = address('2001:db8:a::1');
const B = address('2001:db8:b::1');
const at = (ms: number): Instant => milliseconds(ms) as number as Instant;
const from = (careOf: Address | undefined, gsoSize = 0) => ({
  wireSource: careOf ?? address('2001:db8:100::1'),
  hasHomeAddressOption: careOf !== undefined,
  gsoSize,
});

test('handoff time: last segment of the donor to the first of the acceptor, the home agent not counted', () => {
  const stats = new DownloadStats();
  stats.accepted(at(0), from(undefined), 0, 100);
  stats.accepted(at(30), from(A), 100, 100);
  stats.accepted(at(40), from(A), 200, 100);
  stats.accepted(at(41), from(undefined), 300, 100);
  stats.accepted(at(52.5), from(B), 400, 100);
  stats.accepted(at(60), from(A), 500, 100);
  expect(stats.figures().handoffs).toEqual([
    { from: A.toString(), to: B.toString(), handoffMs: 12.5, offset: 400 },
    { from: B.toString(), to: A.toString(), handoffMs: 7.5, offset: 500 },
  ]);
});

test('octets and segments by node; a super-frame counts as the segments it was', () => {
  const stats = new DownloadStats();
  stats.accepted(at(0), from(undefined), 0, 1400);
  stats.accepted(at(1), from(A, 1400), 1400, 3000);
  stats.accepted(at(2), from(A), 4400, 10);
  expect(stats.figures().sources).toEqual([
    { source: VIA_HOME_AGENT, octets: 1400, segments: 1 },
    { source: A.toString(), octets: 3010, segments: 4 },
  ]);
});

test('a seeded file is the same each time, another with another seed, and hashed as it is', async () => {
  const path = join(directory, 'seeded');
  const hash = await writeSeededFile(path, 2_500_001, 7);
  expect(statSync(path).size).toBe(2_500_001);
  expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(hash);
  expect(await sha256OfFile(path)).toBe(hash);
  expect(await writeSeededFile(path, 2_500_001, 7)).toBe(hash);
  expect(await writeSeededFile(path, 2_500_001, 8)).not.toBe(hash);
});

function recorder(interactive: boolean) {
  const written = { out: '', err: '', ms: 0 };
  const terminal: Terminal = {
    env: {},
    interactive,
    columns: 100,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    now: () => written.ms,
  };
  return { written, terminal };
}

test('progress: a bar on a terminal, at most each 50 ms; a line each tenth elsewhere; JSON lines with --json', () => {
  const run = (interactive: boolean, json: boolean) => {
    const { written, terminal } = recorder(interactive);
    const progress = new Output(terminal, { json }).progress('get', 1000);
    for (let done = 0; done <= 1000; done += 10) {
      written.ms = done;
      progress.update(done);
    }
    progress.finish();
    return written;
  };
  expect(run(true, false).err.split('\r').length - 1).toBe(21 + 1);
  expect(run(false, false).err.trim().split('\n')).toHaveLength(11);
  const lines = run(true, true)
    .out.trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toEqual({ event: 'progress', label: 'get', done: 1000, total: 1000 });
  expect(lines).toHaveLength(101);
});

test('octets and tables read well', () => {
  expect([octets(0), octets(1023), octets(1536), octets(64 * 2 ** 20), octets(150 * 2 ** 20)]).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '64.0 MiB',
    '150 MiB',
  ]);
  expect(
    table([
      ['a', 'b'],
      ['long', 'x'],
    ]),
  ).toBe('  a     b\n  long  x');
});
