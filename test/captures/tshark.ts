// Questions to Wireshark about a committed capture, with its TCP analysis and the validation of checksums on.

import { execFileSync } from 'node:child_process';

const TIMEOUT_MS = 60_000;
const OPTIONS = ['-n', '-o', 'tcp.check_checksum:TRUE'];

const tshark = (path: string, args: readonly string[]): string =>
  execFileSync('tshark', [...OPTIONS, '-r', path, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });

/** One row a frame that the filter shows, one column a field; several values of a field are joined by commas. */
export function fieldsOf(path: string, filter: string, fields: readonly string[]): string[][] {
  const text = tshark(path, ['-Y', filter, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])]);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

/** What a display filter shows: frame numbers (0 where there is none) and how many. */
export interface Match {
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** All filters at one go: as columns of an I/O statistic over the whole file. */
export function matchesOf(path: string, filters: readonly string[]): Map<string, Match> {
  if (filters.length === 0) return new Map();
  const columns = filters.flatMap((filter) =>
    ['MIN', 'MAX', 'COUNT'].map((what) => `${what}(frame.number)frame.number && (${filter})`),
  );
  const table = tshark(path, ['-q', '-z', ['io,stat,0', ...columns].join(',')]);
  const row = table.split('\n').find((line) => line.includes('<>'));
  if (row === undefined) throw new Error(`no statistic from tshark:\n${table}`);
  const figures = row.split('|').slice(2).map(Number);
  return new Map(
    filters.map((filter, i) => {
      const [first = 0, last = 0, count = 0] = figures.slice(3 * i);
      return [filter, { first, last, count }];
    }),
  );
}

/** What "Follow TCP Stream" shows of one direction: the octets that Wireshark puts together. */
export function followed(path: string, stream: string, from: 'client' | 'server'): string {
  const lines = tshark(path, ['-q', '-z', `follow,tcp,raw,${stream}`]).split('\n');
  const ofServer = (line: string): boolean => line.startsWith('\t');
  const hex = lines.filter((line) => /^\t?[0-9a-f]+$/.test(line) && ofServer(line) === (from === 'server'));
  return Buffer.from(hex.join('').replaceAll('\t', ''), 'hex').toString('utf8');
}
