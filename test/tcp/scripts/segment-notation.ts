// A segment in a script: `SYN,ACK 0:100 ack 5 win 1000 <mss 1000, sackok>`. Here it is read, with every word checked,
// and written, for the log and for what a failure says. Numbers are positions (scripted-peer.ts).

import { TCP_FLAG } from '../../../stack/wire/tcp.ts';

/** SACK blocks are [left, right). */
export interface OptionsSpec {
  /** `<*>`: whatever they are. */
  any?: boolean;
  mss?: number;
  windowScale?: number | 'any';
  sackPermitted?: boolean;
  sack?: [number, number][];
  /** 'none': left out though the connection uses them. A part that is undefined: what it should be, unchecked. */
  timestamp?: { value: number | undefined; echo: number | undefined } | 'none';
  /** RFC 5482, in seconds. */
  userTimeout?: number;
  /** RFC 7413: hexadecimal; '*': any; '': a request. */
  fastOpen?: string;
  /** The peer's: these octets instead. */
  raw?: Uint8Array;
}

export interface SegmentSpec {
  flags: number;
  seq?: number;
  /** A sequence number as it is on the wire. */
  absolute?: number;
  length: number;
  /** Cut into segments of so many octets. */
  each?: number;
  ack?: number;
  win?: number | 'any';
  urg?: number;
  /** The two bits of RFC 3168 5. */
  ecn: number;
  /** Another port of the peer. */
  port?: number;
  /** Ours: where the numbers of a new connection begin, in the old ones. */
  iss?: number | 'any';
  options?: OptionsSpec;
  garbled?: boolean;
  badChecksum?: boolean;
  dataOffset?: number;
  truncateTo?: number;
}

/** An error in the notation itself. */
export class NotationError extends Error {}

const FLAGS = {
  SYN: 'syn',
  FIN: 'fin',
  RST: 'rst',
  PSH: 'psh',
  URG: 'urg',
  ECE: 'ece',
  CWR: 'cwr',
  ACK: 'ack',
} as const;
const ECN: Readonly<Record<string, number>> = { ect1: 1, ect0: 2, ce: 3 };
const ECN_NAMES = ['', 'ect1', 'ect0', 'ce'] as const;

export function parseSegment(text: string): SegmentSpec {
  const angle = text.indexOf('<');
  const words = (angle < 0 ? text : text.slice(0, angle)).split(/\s+/).filter((word) => word !== '');
  const spec: SegmentSpec = { flags: parseFlags(words.shift()), length: 0, ecn: 0 };
  if (angle >= 0) {
    if (!text.endsWith('>')) throw new NotationError('the options end with > at the end of the line');
    spec.options = parseOptions(text.slice(angle + 1, -1));
  }
  for (let word = words.shift(); word !== undefined; word = words.shift()) takeWord(spec, word, words);
  if ((spec.flags & TCP_FLAG.ack) === 0 && spec.ack !== undefined) throw new NotationError('ack, but no ACK bit');
  if ((spec.flags & TCP_FLAG.urg) === 0 && spec.urg !== undefined) throw new NotationError('urg, but no URG bit');
  return spec;
}

function parseFlags(word: string | undefined): number {
  if (word === undefined) throw new NotationError('a segment without flags');
  if (word === 'none') return 0;
  let flags = 0;
  for (const name of word.split(',')) {
    const key = FLAGS[name as keyof typeof FLAGS];
    if (key === undefined) throw new NotationError(`no such flag: ${name}`);
    flags |= TCP_FLAG[key];
  }
  return flags;
}

function takeWord(spec: SegmentSpec, word: string, rest: string[]): void {
  const range = /^(-?\d+):(-?\d+)(?:\/(\d+))?$/.exec(word);
  if (range !== null) {
    spec.seq = Number(range[1]);
    spec.length = Number(range[2]) - spec.seq;
    if (range[3] !== undefined) spec.each = Number(range[3]);
    if (spec.length <= 0 || spec.each === 0) throw new NotationError(`an empty range: ${word}`);
    return;
  }
  if (ECN[word] !== undefined) spec.ecn = ECN[word];
  else if (word === 'garbled') spec.garbled = true;
  else if (word === 'badsum') spec.badChecksum = true;
  else if ((word === 'win' || word === 'iss') && rest[0] === '*') {
    spec[word] = 'any';
    rest.shift();
  } else {
    const key = NUMBERS[word];
    if (key === undefined) throw new NotationError(`no such word in a segment: ${word}`);
    spec[key] = parseNumber(rest.shift());
  }
}

const NUMBERS: Readonly<
  Record<string, 'seq' | 'absolute' | 'ack' | 'win' | 'urg' | 'port' | 'iss' | 'dataOffset' | 'truncateTo'>
> = {
  seq: 'seq',
  abs: 'absolute',
  ack: 'ack',
  win: 'win',
  urg: 'urg',
  port: 'port',
  iss: 'iss',
  doff: 'dataOffset',
  trunc: 'truncateTo',
};

export function parseNumber(word: string | undefined): number {
  if (word === undefined || !/^[+-]?\d+$/.test(word)) throw new NotationError(`a number was expected, not ${word}`);
  return Number(word);
}

export function parseOptions(text: string): OptionsSpec {
  const options: OptionsSpec = {};
  for (const part of text.split(',')) {
    const [name, ...words] = part.trim().split(/\s+/);
    if (name === '') continue;
    takeOption(options, name ?? '', words);
    if (words.length > 0) throw new NotationError(`too much in option ${part.trim()}`);
  }
  return options;
}

function takeOption(options: OptionsSpec, name: string, words: string[]): void {
  if (name === '*') options.any = true;
  else if (name === 'mss') options.mss = parseNumber(words.shift());
  else if (name === 'ws') options.windowScale = parseScale(words.shift());
  else if (name === 'sackok') options.sackPermitted = true;
  else if (name === 'sack') options.sack = words.splice(0).map(parseBlock);
  else if (name === 'nots') options.timestamp = 'none';
  else if (name === 'ts') options.timestamp = parseTimestamp(words);
  else if (name === 'uto') options.userTimeout = parseNumber(words.shift());
  else if (name === 'tfo') options.fastOpen = words.shift() ?? '';
  else if (name === 'raw') options.raw = parseOctets(words.splice(0));
  else throw new NotationError(`no such option: ${name}`);
}

const parseScale = (word: string | undefined): number | 'any' => (word === '*' ? 'any' : parseNumber(word));

function parseBlock(word: string): [number, number] {
  const block = /^(-?\d+):(-?\d+)$/.exec(word);
  if (block === null) throw new NotationError(`no SACK block: ${word}`);
  return [Number(block[1]), Number(block[2])];
}

/** `ts`, `ts 5`, `ts 5 ecr 7`, `ts * ecr 7`. */
function parseTimestamp(words: string[]): { value: number | undefined; echo: number | undefined } {
  const part = (): number | undefined => {
    const word = words.shift();
    return word === '*' ? undefined : parseNumber(word);
  };
  const value = words.length === 0 ? undefined : part();
  if (words.length === 0) return { value, echo: undefined };
  if (words.shift() !== 'ecr') throw new NotationError('ts VALUE ecr ECHO');
  return { value, echo: part() };
}

function parseOctets(words: string[]): Uint8Array {
  const octets = words.map((word) => {
    if (!/^[0-9a-f]{2}$/.test(word)) throw new NotationError(`raw takes octets as two hexadecimal digits, not ${word}`);
    return Number.parseInt(word, 16);
  });
  if (octets.length % 4 !== 0) throw new NotationError('raw options fill whole words of 4 octets');
  return Uint8Array.from(octets);
}

export function formatFlags(flags: number): string {
  const names = Object.entries(FLAGS).filter(([, key]) => (flags & TCP_FLAG[key]) !== 0);
  return names.length === 0 ? 'none' : names.map(([name]) => name).join(',');
}

/** As a script would say it. */
export function formatSegment(spec: SegmentSpec): string {
  const parts = [formatFlags(spec.flags)];
  if (spec.absolute !== undefined) parts.push(`abs ${spec.absolute}`);
  else if (spec.length > 0) parts.push(`${spec.seq}:${(spec.seq ?? 0) + spec.length}`);
  else parts.push(`seq ${spec.seq}`);
  for (const word of ['ack', 'win', 'urg'] as const) if (spec[word] !== undefined) parts.push(`${word} ${spec[word]}`);
  if (spec.ecn !== 0) parts.push(ECN_NAMES[spec.ecn] ?? '');
  if (spec.port !== undefined) parts.push(`port ${spec.port}`);
  if (spec.badChecksum) parts.push('badsum');
  if (spec.dataOffset !== undefined) parts.push(`doff ${spec.dataOffset}`);
  if (spec.truncateTo !== undefined) parts.push(`trunc ${spec.truncateTo}`);
  const options = formatOptions(spec.options ?? {});
  if (options !== '') parts.push(`<${options}>`);
  return parts.join(' ');
}

export function formatOptions(options: OptionsSpec): string {
  const parts: string[] = [];
  if (options.any) parts.push('*');
  if (options.mss !== undefined) parts.push(`mss ${options.mss}`);
  if (options.sackPermitted) parts.push('sackok');
  if (options.timestamp === 'none') parts.push('nots');
  else if (options.timestamp !== undefined) {
    parts.push(`ts ${options.timestamp.value ?? '*'} ecr ${options.timestamp.echo ?? '*'}`);
  }
  if (options.windowScale !== undefined) parts.push(`ws ${options.windowScale}`);
  if (options.sack !== undefined) parts.push(`sack ${options.sack.map(([l, r]) => `${l}:${r}`).join(' ')}`);
  if (options.userTimeout !== undefined) parts.push(`uto ${options.userTimeout}`);
  if (options.fastOpen !== undefined) parts.push(`tfo ${options.fastOpen}`.trim());
  if (options.raw !== undefined)
    parts.push(`raw ${[...options.raw].map((o) => o.toString(16).padStart(2, '0')).join(' ')}`);
  return parts.join(', ');
}
