// The fuzz targets in the normal suite: the committed corpus and every finding there ever was are played again, and
// fast-check gives each target a few inputs of its own.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { complaint, minimize } from './minimize.ts';
import { TARGETS } from './targets.ts';

const RUNS = 25;

const inputsOf = (folder: string, target: string): [string, Uint8Array][] => {
  const path = join(import.meta.dirname, folder, target);
  const files = existsSync(path) ? readdirSync(path).sort() : [];
  return files.map((file) => [file, Uint8Array.from(readFileSync(join(path, file)))]);
};

describe.each(Object.entries(TARGETS))('%s', (name, { fuzz, maxLen }) => {
  const findings = inputsOf('findings', name);
  if (findings.length > 0) test.each(findings)('once a finding: %s', (_file, input) => fuzz(input));

  test('the corpus', () => {
    const corpus = inputsOf('corpus', name);
    expect(corpus.length).toBeGreaterThan(0);
    for (const [file, input] of corpus) expect(complaint(fuzz, input), file).toBeUndefined();
  });

  test('inputs by chance', () => {
    const inputs = fc.uint8Array({ maxLength: maxLen, size: 'max' });
    fc.assert(fc.property(inputs, fuzz), { numRuns: RUNS });
  });
});

test('a finding is made small: only what it takes is left', () => {
  const fuzz = (data: Uint8Array): void => {
    if (data.includes(7) && data.includes(9)) throw new Error(`7 and 9 in ${data.length} octets`);
  };
  const input = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  expect(minimize(fuzz, input)).toEqual(Uint8Array.of(7, 9));
});
