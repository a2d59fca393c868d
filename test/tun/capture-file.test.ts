// CaptureFile: nothing is lost in silence, at any of its ends.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CaptureFile } from '../../tun/capture-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-capture-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const block = (value: number, length = 100): Uint8Array => new Uint8Array(length).fill(value);

test('what is written is in the file after close(), in its order, larger than the buffer as well', () => {
  const file = new CaptureFile(join(folder, 'order'));
  const blocks = [block(1), block(2, 300_000), block(3), block(4, 262_144), block(5, 262_143), block(6)];
  for (const each of blocks) file.write(each);
  file.close();
  expect(readFileSync(file.path).equals(Buffer.concat(blocks))).toBe(true);
  expect(file.dropped).toBe(0);
});

test('octets are copied: the caller may use its buffer again', () => {
  const file = new CaptureFile(join(folder, 'copied'));
  const lent = block(1);
  file.write(lent);
  lent.fill(9);
  file.close();
  expect(readFileSync(file.path)).toEqual(Buffer.from(block(1)));
});

test('what does not fit its bound is left out whole, and counted', () => {
  const file = new CaptureFile(join(folder, 'bound'), { maxBytes: 250 });
  for (let i = 0; i < 5; i++) file.write(block(i));
  file.write(block(7, 50));
  file.close();
  file.write(block(8));
  expect(readFileSync(file.path)).toHaveLength(250);
  expect(file.dropped).toBe(4);
});

test('a file that cannot be written has its failure, and every block of it is counted', () => {
  const file = new CaptureFile('/dev/full');
  file.write(block(1));
  file.write(block(2));
  file.flush();
  file.write(block(3));
  file.close();
  expect(file.failure?.message).toContain('ENOSPC');
  expect(file.dropped).toBe(3);
});

test('a file that cannot be made is an error that names it', () => {
  expect(() => new CaptureFile('/nowhere/x.pcapng')).toThrow('/nowhere/x.pcapng');
});

test('comes to the file by itself after a while', async () => {
  const file = new CaptureFile(join(folder, 'while'));
  file.write(block(1));
  await expect.poll(() => readFileSync(file.path).length).toBe(100);
  file.close();
});

test('is written when the process exits without close()', () => {
  const path = join(folder, 'exit');
  const file = new CaptureFile(path);
  file.write(block(1));
  // The very listener that the process would call.
  process.listeners('exit').at(-1)?.call(process, 0);
  expect(readFileSync(path)).toHaveLength(100);
});
