// The layering of the code, read from its import lines: DESIGN's one-way imports and the sans-IO rule, over the
// real files; and for each rule a small counter-example, so that a rule which cannot fail is seen to be broken.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cycles, importsOf, importViolations, type Sources, sansIoViolations } from './arch/rules.ts';
import { tokensOf } from './arch/tokens.ts';

const ROOT = resolve(import.meta.dirname, '..');

function readSources(...folders: readonly string[]): Sources {
  const sources = new Map<string, string>();
  for (const folder of folders) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(ts|mts|cts|js|mjs)$/.test(entry.name)) continue;
      const file = join(entry.parentPath, entry.name);
      sources.set(relative(ROOT, file).split(sep).join('/'), readFileSync(file, 'utf8'));
    }
  }
  return sources;
}

describe('the code as it is', () => {
  const sources = readSources('stack', 'tun', 'tools');

  test('is found', () => {
    expect(sources.has('stack/core/time.ts')).toBe(true);
    expect(importsOf(sources.get('stack/core/digest.ts') ?? '').map(({ specifier }) => specifier)).toEqual([
      'node:crypto',
    ]);
  });

  test('imports one way only', () => {
    expect(importViolations(sources)).toEqual([]);
  });

  test('has no import cycles', () => {
    expect(cycles(sources)).toEqual([]);
  });

  test('does no IO in the core', () => {
    expect(sansIoViolations(sources)).toEqual([]);
  });
});

describe('each import rule can fail', () => {
  const forbidden: readonly [path: string, specifier: string][] = [
    ['stack/core/a.ts', '../wire/address.ts'],
    ['stack/core/a.ts', 'node:crypto'],
    ['stack/core/digest.ts', 'node:fs'],
    ['stack/wire/a.ts', '../device/device.ts'],
    ['stack/wire/a.ts', 'cbor-x'],
    ['stack/device/a.ts', '../ipv6/port.ts'],
    ['stack/device/a.ts', '../../tun/tun-device.ts'],
    ['stack/ipv6/a.ts', '../tcp/api.ts'],
    ['stack/ipv6/a.ts', '../mobility/api.ts'],
    ['stack/tcp/a.ts', '../ipv6/input.ts'],
    ['stack/tcp/a.ts', '../mobility/api.ts'],
    ['stack/tcp/a.ts', '../device/device.ts'],
    ['stack/tcp/a.ts', 'node:stream'],
    ['stack/tcp/socket.ts', 'node:fs'],
    ['stack/mobility/a.ts', '../tcp/api.ts'],
    ['stack/mobility/a.ts', '../ipv6/output.ts'],
    ['stack/handoff/a.ts', '../tcp/tcb.ts'],
    ['stack/handoff/a.ts', '../mobility/binding-cache.ts'],
    ['stack/handoff/a.ts', '../ipv6/port.ts'],
    ['stack/handoff/a.ts', '../server/registry.ts'],
    ['stack/host.ts', './server/server.ts'],
    ['stack/host.ts', 'node:fs'],
    ['stack/server/a.ts', '../../tun/tun-device.ts'],
    ['stack/server/a.ts', '../../tools/homeport.ts'],
    ['tun/a.ts', '../stack/ipv6/port.ts'],
    ['tun/a.ts', '../tools/homeport.ts'],
    ['tools/a.ts', '../test/sim/world.ts'],
    ['stack/index.ts', '../tools/homeport.ts'],
    ['elsewhere/a.ts', './b.ts'],
  ];

  test.each(forbidden)('%s may not import %s', (path, specifier) => {
    for (const line of [
      `import { x } from '${specifier}';`,
      `import type { X } from "${specifier}";`,
      `import {\n  x, // a comment\n  y,\n} from '${specifier}';`,
      `import * as all from '${specifier}';`,
      `import '${specifier}';`,
      `export * from '${specifier}';`,
      `export { x } from '${specifier}';`,
      `const x = import('${specifier}');`,
      `type X = import('${specifier}').X;`,
    ]) {
      expect(importViolations(new Map([[path, line]]))).toHaveLength(1);
    }
  });

  const allowed: readonly [path: string, specifier: string][] = [
    ['stack/core/digest.ts', 'node:crypto'],
    ['stack/wire/address.ts', 'ip-address'],
    ['stack/ipv6/a.ts', '../device/device.ts'],
    ['stack/tcp/a.ts', '../ipv6/port.ts'],
    ['stack/tcp/socket-error.ts', 'node:stream'],
    ['stack/mobility/a.ts', '../ipv6/hooks.ts'],
    ['stack/handoff/a.ts', '../tcp/snapshot.ts'],
    ['stack/handoff/a.ts', '../mobility/api.ts'],
    ['stack/server/a.ts', 'node:tls'],
    ['tun/a.ts', '../stack/device/device.ts'],
    ['tools/a.ts', 'commander'],
  ];

  test.each(allowed)('%s may import %s', (path, specifier) => {
    expect(importViolations(new Map([[path, `import { x } from '${specifier}';`]]))).toEqual([]);
  });

  const circle = (toFirst: string): Sources =>
    new Map([
      ['stack/core/a.ts', "import { type B, b } from './b.ts';"],
      ['stack/core/b.ts', "export { c } from './c.ts';"],
      ['stack/core/c.ts', toFirst],
    ]);
  const closed = ['stack/core/a.ts -> stack/core/b.ts -> stack/core/c.ts -> stack/core/a.ts'];

  test.each([
    "import './a.ts';",
    "import { a } from './a.ts';",
    "import type from './a.ts';",
    "export * from './a.ts';",
  ])('a cycle closed by %s is found', (line) => expect(cycles(circle(line))).toEqual(closed));

  test.each([
    "import type { A } from './a.ts';",
    "export type { A } from './a.ts';",
    "import type * as a from './a.ts';",
  ])('%s closes no cycle', (line) => expect(cycles(circle(line))).toEqual([]));
});

describe('the sans-IO rule can fail', () => {
  test.each([
    'const t = Date.now();',
    'const t = new Date();',
    'setTimeout(f, 1);',
    'const later = setImmediate;',
    'queueMicrotask(f);',
    'const x = Math.random();',
    "console.log('x');",
    'const e = process.env;',
    'async function f() {}',
    'const f = async () => {};',
    'const x = yes ? Date : no;',
    'let p: Promise<void>;',
    'const b = Buffer.alloc(1);',
    `const s = \`a \${Date.now()} b\`;`,
    `const s = \`\${f({ a: \`\${performance.now()}\` })}\`;`,
    "const half = a / b; process.exit(1); // '",
    "const r = /['`]/; process.exit(1);",
  ])('%s', (line) => {
    expect(sansIoViolations(new Map([['stack/tcp/a.ts', line]]))).toHaveLength(1);
    expect(sansIoViolations(new Map([['stack/tcp/socket.ts', line]]))).toEqual([]);
  });

  test.each([
    '// Date.now() and process are spoken of only',
    '/* await\n console */ const x = 1;',
    "const s = 'Date.now() // no';",
    'const s = "process";',
    'const s = `setTimeout`;',
    'const r = /async "await/;',
    'const x = Math.round(1);',
    'tcb.process(1); a?.Date;',
    'const o = { process: 1 };',
  ])('but takes no offence at %s', (line) => {
    expect(sansIoViolations(new Map([['stack/tcp/a.ts', line]]))).toEqual([]);
  });
});

test('the scanner keeps its lines and strings through comments, templates and regular expressions', () => {
  const source = `a /* 'x\n*/ = \`b\${ {c: '}'} }d\` + /[/'"]/g\n + 'e\\'f'`;
  expect(tokensOf(source).map(({ kind, text, line }) => `${line} ${kind} ${text}`)).toEqual([
    '1 word a',
    '2 sign =',
    '2 template b',
    '2 sign {',
    '2 word c',
    '2 sign :',
    '2 string }',
    '2 sign }',
    '2 template d',
    '2 sign +',
    `2 regexp /[/'"]/g`,
    '3 sign +',
    "3 string e\\'f",
  ]);
});
