// A role's state on disk: whole at any moment, for its owner alone, and no failure ends the role.

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, expect, test, vi } from 'vitest';
import { readStateFile, StateFile } from '../../tools/roles/state-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'homeport-state-'));
afterAll(() => rmSync(directory, { recursive: true }));

let folders = 0;
/** An empty folder with a state file in it that is not there yet, and what it warns of. */
function place() {
  folders += 1;
  const folder = join(directory, String(folders));
  mkdirSync(folder);
  const path = join(folder, 'state');
  const warnings: string[] = [];
  let taken = 0;
  const file = new StateFile(
    path,
    () => {
      taken += 1;
      return Uint8Array.of(7, taken);
    },
    (text) => warnings.push(text),
  );
  return { folder, path, file, warnings, taken: () => taken };
}

test('no file is no state', () => {
  expect(readStateFile(place().path)).toBeUndefined();
});

test('what has changed is written by close() at the latest, once for all changes, for the owner alone', async () => {
  const { folder, path, file, taken } = place();
  for (let i = 0; i < 1000; i++) file.changed();
  await file.close();
  expect(taken()).toBe(1);
  expect(readStateFile(path)).toEqual(Uint8Array.of(7, 1));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['state']);
});

test('nothing has changed: nothing is written', async () => {
  const { folder, file } = place();
  await file.close();
  expect(readdirSync(folder)).toEqual([]);
});

test('it replaces the file by name: who has the old one open, or a link to it, sees no half of the new one', async () => {
  const { path, file } = place();
  writeFileSync(path, 'before');
  const { ino } = statSync(path);
  file.changed();
  await file.close();
  expect(statSync(path).ino).not.toBe(ino);
  expect(readStateFile(path)).toEqual(Uint8Array.of(7, 1));
});

test('what a killed process has left half written is no state, and in nobody’s way', async () => {
  const { folder, path, file } = place();
  writeFileSync(`${path}.new`, 'hal');
  chmodSync(`${path}.new`, 0o400);
  expect(readStateFile(path)).toBeUndefined();
  file.changed();
  await file.close();
  expect(readStateFile(path)).toEqual(Uint8Array.of(7, 1));
  expect(readdirSync(folder)).toEqual(['state']);
});

test('a write that fails is told, and leaves what was there', async () => {
  const { path, file, warnings } = place();
  writeFileSync(path, 'before');
  mkdirSync(`${path}.new`); // rm() does not remove it, open() does not write it
  file.changed();
  await file.close();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(`${path}: the state cannot be written (`);
  expect(readFileSync(path, 'utf8')).toBe('before');
});

test('and is tried again, without a change to cause it; told once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { path, file, warnings } = place();
  const until = async (done: () => boolean): Promise<void> => {
    for (let turns = 0; turns < 10_000 && !done(); turns++) await setImmediate();
    expect(done()).toBe(true);
  };
  mkdirSync(`${path}.new`);
  file.changed();
  vi.advanceTimersByTime(100);
  await until(() => warnings.length === 1);
  await setImmediate();
  rmSync(`${path}.new`, { recursive: true });
  vi.advanceTimersByTime(5000);
  await until(() => readStateFile(path) !== undefined);
  vi.useRealTimers();
  await file.close();
  expect(warnings).toHaveLength(1);
});
