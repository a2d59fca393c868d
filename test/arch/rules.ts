// The rules of the layering, as pure functions over a map from path to source text. Duty: what may import what,
// no cycles, and the sans-IO rule: the stack's core gets time, randomness and output as parameters and touches no
// global that would bring them in by the back door. Each function returns one line for each violation.

import { posix } from 'node:path';
import { type Token, tokensOf } from './tokens.ts';

export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import type` and `export type`: gone when the program runs. */
  readonly typeOnly: boolean;
}

interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** Paths in the repository that it may import, beside its own files. */
  readonly may: readonly RegExp[];
  /** npm packages and node: modules that it may import. */
  readonly packages: readonly RegExp[];
  /** Held to the sans-IO rule. */
  readonly pure: boolean;
}

const CORE = /^stack\/core\//;
const WIRE = /^stack\/wire\//;
const DEVICE = /^stack\/device\//;
const IPV6_FACE = /^stack\/ipv6\/(port|hooks)\.ts$/;
const TCP_FACE = /^stack\/tcp\/(api|snapshot)\.ts$/;
const SOCKET = /^stack\/tcp\/socket[^/]*\.ts$/;
const MOBILITY_FACE = /^stack\/mobility\/api\.ts$/;
const STACK = /^stack\//;
const NODE = /^node:/;
const STREAM_FACE = /^node:(async_hooks|events|net|stream)$/;

/** A file belongs to the first layer that matches it. */
export const LAYERS: readonly Layer[] = [
  { name: 'core/digest', files: /^stack\/core\/digest\.ts$/, may: [CORE], packages: [/^node:crypto$/], pure: true },
  { name: 'core', files: CORE, may: [], packages: [], pure: true },
  { name: 'wire', files: WIRE, may: [CORE], packages: [/^ip-address$/], pure: true },
  { name: 'device', files: DEVICE, may: [CORE, WIRE], packages: [], pure: true },
  { name: 'ipv6', files: /^stack\/ipv6\//, may: [CORE, WIRE, DEVICE], packages: [], pure: true },
  {
    name: 'tcp sockets',
    files: SOCKET,
    may: [CORE, WIRE, IPV6_FACE, /^stack\/tcp\//],
    packages: [STREAM_FACE],
    pure: false,
  },
  { name: 'tcp', files: /^stack\/tcp\//, may: [CORE, WIRE, IPV6_FACE], packages: [/^cbor-x$/], pure: true },
  { name: 'mobility', files: /^stack\/mobility\//, may: [CORE, WIRE, IPV6_FACE], packages: [], pure: true },
  {
    name: 'handoff',
    files: /^stack\/handoff\//,
    may: [CORE, WIRE, TCP_FACE, MOBILITY_FACE],
    packages: [/^cbor-x$/],
    pure: true,
  },
  {
    name: 'host',
    files: /^stack\/host(-[^/]*)?\.ts$/,
    may: [CORE, WIRE, DEVICE, /^stack\/(ipv6|tcp|mobility|handoff)\//, /^stack\/host(-[^/]*)?\.ts$/],
    packages: [STREAM_FACE],
    pure: false,
  },
  {
    name: 'server',
    files: /^stack\/server\//,
    may: [CORE, WIRE, DEVICE, IPV6_FACE, TCP_FACE, SOCKET, MOBILITY_FACE, /^stack\/handoff\//, /^stack\/host\.ts$/],
    packages: [NODE, /^cbor-x$/],
    pure: false,
  },
  { name: 'index', files: /^stack\/index\.ts$/, may: [STACK], packages: [], pure: false },
  { name: 'tun', files: /^tun\//, may: [CORE, WIRE, DEVICE], packages: [NODE], pure: false },
  { name: 'tools', files: /^tools\//, may: [STACK, /^tun\//], packages: [/./], pure: false },
];

const layerOf = (path: string): Layer | undefined => LAYERS.find((layer) => layer.files.test(path));

/** Whatever stands behind `import`, `import(`, `require(` or the `from` of an import or export. */
export function importsOf(source: string): Import[] {
  const found: Import[] = [];
  const tokens = tokensOf(source);
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'string') continue;
    const before = tokens[i - 1];
    const opener = isSign(before, '(') ? tokens[i - 2] : before;
    const isImport = isWord(opener, 'import') || (isSign(before, '(') && isWord(opener, 'require'));
    const isClause = isWord(before, 'from') && endsImportClause(tokens, i - 2);
    if (!isImport && !isClause) continue;
    found.push({ specifier: token.text, line: token.line, typeOnly: isClause && isTypeClause(tokens, i - 2) });
  }
  return found;
}

/** The token before `from`: a closing brace, a bound name or a star, never a dot as in `Array.from`. */
const endsImportClause = (tokens: readonly Token[], at: number): boolean => {
  const token = tokens[at];
  return token?.kind === 'word' || isSign(token, '}') || isSign(token, '*');
};

/** Looks back from the end of an import clause to its keyword: is that followed by `type` and a brace, star or name? */
function isTypeClause(tokens: readonly Token[], end: number): boolean {
  let at = end;
  while (at > 0 && !isWord(tokens[at], 'import') && !isWord(tokens[at], 'export')) at -= 1;
  return isWord(tokens[at + 1], 'type') && at + 1 < end;
}

const isWord = (token: Token | undefined, text: string): boolean => token?.kind === 'word' && token.text === text;
const isSign = (token: Token | undefined, text: string): boolean => token?.kind === 'sign' && token.text === text;

const targetOf = (path: string, specifier: string): string => posix.join(posix.dirname(path), specifier);

export function importViolations(sources: Sources): string[] {
  const violations: string[] = [];
  for (const [path, source] of sources) {
    const layer = layerOf(path);
    if (layer === undefined) {
      violations.push(`${path}: belongs to no layer`);
      continue;
    }
    for (const { specifier, line } of importsOf(source)) {
      if (!isAllowed(layer, path, specifier))
        violations.push(`${path}:${line}: ${layer.name} may not import ${specifier}`);
    }
  }
  return violations;
}

function isAllowed(layer: Layer, path: string, specifier: string): boolean {
  if (!specifier.startsWith('.')) return layer.packages.some((pattern) => pattern.test(packageOf(specifier)));
  const target = targetOf(path, specifier);
  return layerOf(target) === layer || layer.may.some((pattern) => pattern.test(target));
}

/** `fs` is `node:fs` in disguise only if Node says so; the rules want the prefix and Biome demands it. */
const packageOf = (specifier: string): string =>
  specifier.startsWith('node:')
    ? specifier
    : specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');

/**
 * Files that import each other in a circle: one line for each circle that is closed. Between layers the rules above
 * allow none; within one layer two files may name each other's types, which no program ever loads in a circle.
 */
export function cycles(sources: Sources): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const from = trail.indexOf(path);
    if (from >= 0) found.push([...trail.slice(from), path].join(' -> '));
    if (from >= 0 || done.has(path)) return;
    trail.push(path);
    for (const { specifier, typeOnly } of importsOf(sources.get(path) ?? '')) {
      if (specifier.startsWith('.') && !typeOnly) visit(targetOf(path, specifier));
    }
    trail.pop();
    done.add(path);
  };
  for (const path of sources.keys()) visit(path);
  return found;
}

/** Globals that read a clock, wait, draw random numbers, print, or put work off to a later turn of the loop. */
const BANNED = new Set([
  ...['Date', 'performance', 'Temporal', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
  ...['clearTimeout', 'clearInterval', 'clearImmediate', 'requestAnimationFrame', 'crypto', 'fetch'],
  ...['console', 'process', 'Buffer', 'globalThis', 'global', 'require', 'Promise', 'async', 'await'],
]);
/** Of Math only this is banned. */
const BANNED_MEMBERS = new Set(['Math.random']);

export function sansIoViolations(sources: Sources): string[] {
  const violations: string[] = [];
  for (const [path, source] of sources) {
    if (layerOf(path)?.pure !== true) continue;
    for (const { name, line } of bannedNames(source)) violations.push(`${path}:${line}: ${name} in the sans-IO core`);
  }
  return violations;
}

function bannedNames(source: string): { name: string; line: number }[] {
  const found: { name: string; line: number }[] = [];
  const tokens = tokensOf(source);
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'word') continue;
    const [before, next, member] = [tokens[i - 1], tokens[i + 1], tokens[i + 2]];
    const isMember = isSign(before, '.') || isSign(before, '?.');
    const isKey = isSign(next, ':') && !isSign(before, '?');
    if (BANNED.has(token.text) && !isMember && !isKey) found.push({ name: token.text, line: token.line });
    const dotted = `${token.text}.${member?.text ?? ''}`;
    if (isSign(next, '.') && !isMember && BANNED_MEMBERS.has(dotted)) found.push({ name: dotted, line: token.line });
  }
  return found;
}
