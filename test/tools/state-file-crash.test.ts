// A process that writes its state and is killed at each call of the file system, or cannot write: what was there before is
// there still, whole, and the next process goes on. In processes of their own, with what `npm run build` has made.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readStateFile, StateFile } from '../../tools/roles/state-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'homeport-crash-'));
chmodSync(directory, 0o755);
afterAll(() => rmSync(directory, { recursive: true }));
const CHILD = join(import.meta.dirname, 'state-file-child.mjs');
const BEFORE = new Uint8Array(5000).fill(1);
const AFTER = new Uint8Array(5000).fill(2);
/** rm, open, write, sync, close, rename; open, sync, close of the directory. */
const CALLS = 9;
const RENAME = 5;

let folders = 0;
function place() {
  folders += 1;
  const folder = join(directory, String(folders));
  mkdirSync(folder);
  const path = join(folder, 'state');
  writeFileSync(path, BEFORE);
  return { folder, path };
}

/** What the child says, and what ended it. */
function run(path: string, way: string, limit = ''): { readonly said: string; readonly signal: string | null } {
  const command = `${limit}exec "$0" "$@"`;
  const child = spawnSync('bash', ['-c', command, process.execPath, CHILD, path, way], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(child.stderr).toBe('');
  return { said: child.stdout, signal: child.signal };
}

async function goesOn(folder: string, path: string): Promise<void> {
  const file = new StateFile(
    path,
    () => AFTER,
    () => {},
  );
  file.changed();
  await file.close();
  expect(readStateFile(path)).toEqual(AFTER);
  expect(readdirSync(folder)).toEqual(['state']);
}

test('nothing happens: the new state, and as many calls as are looked at below', () => {
  const { path } = place();
  expect(run(path, 'all')).toEqual({ said: `${CALLS} calls\n`, signal: null });
  expect(readStateFile(path)).toEqual(AFTER);
});

test.each([...Array.from({ length: CALLS }, (_, call) => String(call)), 'half'])('killed at call %s', async (way) => {
  const { folder, path } = place();
  expect(run(path, way)).toEqual({ said: '', signal: 'SIGKILL' });
  expect(readStateFile(path)).toEqual(Number(way) > RENAME ? AFTER : BEFORE);
  await goesOn(folder, path);
});

test('no room: told, and the old state stays', async () => {
  const { folder, path } = place();
  expect(run(path, 'all', 'ulimit -f 2; ').said).toContain(`${path}: the state cannot be written (EFBIG`);
  expect(readStateFile(path)).toEqual(BEFORE);
  await goesOn(folder, path);
});

test('no permission: told, and the old state stays', () => {
  const { folder, path } = place();
  chmodSync(folder, 0o555);
  expect(run(path, 'nobody').said).toContain(`${path}: the state cannot be written (EACCES`);
  chmodSync(folder, 0o755);
  expect(readStateFile(path)).toEqual(BEFORE);
});
