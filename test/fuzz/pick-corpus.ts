// `node .fuzz/build/test/fuzz/pick-corpus.js [TARGET...]`: from all inputs that runs have collected, the few small ones
// that together reach every octet of stack/'s code which any of them reaches, by V8's own coverage. They become the
// committed corpus.

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { Session } from 'node:inspector';
import { basename, join, resolve } from 'node:path';
import { complaint } from './minimize.ts';
import { TARGETS } from './targets.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');

const session = new Session();
session.connect();
/** The session answers at once, before post() returns. */
function post(method: string, parameters: object = {}): unknown {
  let answer: unknown;
  session.post(method, parameters, (error: Error | null, result: unknown) => {
    if (error !== null) throw error;
    answer = result;
  });
  return answer;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
  }[];
}

/** Octets of source that ran since the last look, as script and offset. */
function reached(): Set<string> {
  const { result } = post('Profiler.takePreciseCoverage') as { readonly result: readonly ScriptCoverage[] };
  const places = new Set<string>();
  for (const { url, functions } of result) {
    if (!url.includes('/build/stack/')) continue;
    for (const { ranges } of functions) {
      // Outer ranges come before those inside them: what is not reached is taken out again.
      for (const { startOffset, endOffset, count } of ranges) {
        // Edges of blocks are enough.
        for (const at of [startOffset, endOffset - 1]) {
          const place = `${basename(url)}:${at}`;
          if (count > 0) places.add(place);
          else places.delete(place);
        }
      }
    }
  }
  return places;
}

function pick(name: string): void {
  const target = TARGETS[name];
  const folders = [join(ROOT, 'test', 'fuzz', 'corpus', name), join(ROOT, '.fuzz', 'corpus', name)];
  if (target === undefined) throw new Error(`no target ${name}`);
  const files = folders.filter(existsSync).flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  files.sort((a, b) => statSync(a).size - statSync(b).size);
  reached();
  const known = new Set<string>();
  const picked: string[] = [];
  for (const file of files) {
    const failed = complaint(target.fuzz, Uint8Array.from(readFileSync(file))) !== undefined;
    const fresh = [...reached()].filter((place) => !known.has(place));
    if (failed || fresh.length === 0) continue;
    for (const place of fresh) known.add(place);
    picked.push(file);
  }
  const [committed = ''] = folders;
  const scratch = picked.map((file) => ({ file: basename(file), bytes: readFileSync(file), from: file }));
  mkdirSync(committed, { recursive: true });
  for (const file of readdirSync(committed))
    if (!scratch.some((one) => one.file === file)) rmSync(join(committed, file));
  for (const { file, from } of scratch) if (from !== join(committed, file)) copyFileSync(from, join(committed, file));
  const octets = scratch.reduce((sum, { bytes }) => sum + bytes.length, 0);
  console.log(`${name.padEnd(18)} ${picked.length} of ${files.length} inputs, ${octets} octets, ${known.size} places`);
}

post('Profiler.enable');
post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(TARGETS)) pick(name);
