// The lines of a script, read before anything is run: whatever is not understood is an error that names its line.
// README.md explains the notation.

import type { ConnectionInfo, TcpOptions, TcpState } from '../../../stack/tcp/api.ts';
import { NotationError, parseNumber, parseSegment, type SegmentSpec } from './segment-notation.ts';
import { parseTime } from './time-notation.ts';

export type AppOptions = { -readonly [K in keyof TcpOptions]: TcpOptions[K] } & { fastOpen?: boolean };

/** Before the first line that does something: what the world is like. */
export interface Given {
  iss?: number;
  mtu?: number;
  /** Of the peer's segments. */
  window?: number;
  /** Where the clock starts, in microseconds: decides our ISN and TSvals. */
  clock?: number;
}

export const ICMP_KINDS = ['unreachable', 'packet-too-big', 'time-exceeded', 'parameter-problem'] as const;

const FIGURES = ['rto', 'srtt', 'cwnd', 'ssthresh', 'inFlight', 'sendMss', 'retransmits'] as const;
export type Figure = (typeof FIGURES)[number] & keyof ConnectionInfo;

export type Command =
  | { readonly kind: 'given'; readonly given: Given }
  | { readonly kind: 'in'; readonly segment: SegmentSpec }
  | { readonly kind: 'out'; readonly segment: SegmentSpec }
  | {
      readonly kind: 'connect';
      readonly options: AppOptions;
      readonly writing: number;
      readonly fails: string | undefined;
    }
  | { readonly kind: 'listen'; readonly options: AppOptions; readonly backlog: number | undefined }
  | { readonly kind: 'write'; readonly length: number; readonly takes: number }
  | { readonly kind: 'read'; readonly length: number }
  | { readonly kind: 'shutdown' | 'abort' | 'unlisten' | 'nothing' }
  | { readonly kind: 'set'; readonly options: AppOptions }
  | {
      readonly kind: 'icmp';
      readonly error: (typeof ICMP_KINDS)[number];
      readonly code: number;
      readonly mtu: number;
      readonly seq: number;
    }
  | { readonly kind: 'path'; readonly mtu: number }
  | { readonly kind: 'state'; readonly state: TcpState }
  | { readonly kind: 'told'; readonly events: readonly string[] }
  | { readonly kind: 'forget-told' }
  | { readonly kind: 'expect'; readonly figures: ReadonlyMap<Figure, number> }
  | { readonly kind: 'new-iss'; readonly by: number };

export interface Line {
  readonly number: number;
  /** As it stands in the script, or in what a prelude stands for. */
  readonly text: string;
  /** Time that passes before it. */
  readonly wait: number;
  readonly tolerance: number;
  readonly command: Command;
}

export class LineError extends Error {
  readonly line: number;

  constructor(line: number, reason: string) {
    super(reason);
    this.line = line;
  }
}

export function parseScript(text: string): Line[] {
  const lines: Line[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const bare = raw.replace(/#.*$/, '').trim();
    if (bare === '') continue;
    const number = index + 1;
    try {
      for (const line of expandPrelude(bare)) lines.push(parseLine(number, line));
    } catch (error) {
      if (error instanceof NotationError) throw new LineError(number, error.message);
      throw error;
    }
  }
  return lines;
}

/** `established` and `accepted` stand for a handshake, line by line. */
function expandPrelude(text: string): string[] {
  const prelude = /^(established|accepted)(?: <([^>]*)>)?(?: rtt (\S+))?(?: win (\d+))?(?: with (.*))?$/.exec(text);
  if (prelude === null) {
    if (/^(established|accepted)\b/.test(text)) {
      throw new NotationError('established|accepted [<options>] [rtt TIME] [win N] [with APP OPTIONS]');
    }
    return [text];
  }
  const [, kind, options = 'mss 1000', rtt = '0ms', win, app = ''] = prelude;
  const window = win === undefined ? '' : `win ${win}`;
  if (kind === 'established') {
    return [
      `connect ${app}`.trim(),
      '-> SYN win * <*>',
      `+${rtt} <- SYN,ACK ack 0 ${window} <${options}>`,
      '-> ACK ack 0',
      'forget-told',
    ];
  }
  return [
    `listen ${app}`.trim(),
    `<- SYN ${window} <${options}>`,
    '-> SYN,ACK ack 0 win * <*>',
    `+${rtt} <- ACK ack 0`,
    'forget-told',
  ];
}

function parseLine(number: number, text: string): Line {
  const timed = /^\+(\S+)(?:\s+(.*))?$/.exec(text);
  if (timed === null) return { number, text, wait: 0, tolerance: 0, command: parseCommand(text) };
  const [wait, tolerance] = (timed[1] ?? '').split('~').map(parseTime);
  if (wait === undefined || (timed[1]?.includes('~') && tolerance === undefined)) {
    throw new NotationError(`no time: +${timed[1]}`);
  }
  const command = parseCommand(timed[2] ?? 'nothing');
  if (tolerance !== undefined && command.kind !== 'out') throw new NotationError('only -> has a tolerance');
  return { number, text, wait, tolerance: tolerance ?? 0, command };
}

function parseCommand(text: string): Command {
  const [name = '', ...words] = text.split(/\s+/);
  if (name === '->' || name === '<-') return parseSegmentLine(name, text.slice(2).trim());
  const parse = COMMANDS[name];
  if (parse === undefined) throw new NotationError(`no such command: ${name}`);
  const command = parse(words);
  if (words.length > 0) throw new NotationError(`too much: ${words.join(' ')}`);
  return command;
}

function parseSegmentLine(arrow: '->' | '<-', text: string): Command {
  const segment = parseSegment(text);
  const ours = arrow === '->';
  const peersOnly = (segment.garbled || segment.badChecksum || segment.dataOffset) ?? segment.truncateTo;
  if (ours && (peersOnly || segment.options?.raw)) throw new NotationError('only the peer sends such a segment');
  if (
    !ours &&
    (segment.win === 'any' ||
      segment.iss !== undefined ||
      segment.options?.any ||
      segment.options?.windowScale === 'any')
  ) {
    throw new NotationError('what the peer sends has to be said');
  }
  return { kind: ours ? 'out' : 'in', segment };
}

type Words = string[];

const COMMANDS: Readonly<Record<string, (words: Words) => Command>> = {
  given: (words) => ({ kind: 'given', given: parseGiven(words) }),
  connect: (words) => {
    const options = parseAppOptions(words);
    const writing = parseNumber(takeWord(words, 'writing') ?? '0');
    return { kind: 'connect', options, writing, fails: takeWord(words, 'fails') };
  },
  listen: (words) => {
    const options = parseAppOptions(words);
    const backlog = takeWord(words, 'backlog');
    return { kind: 'listen', options, backlog: backlog === undefined ? undefined : parseNumber(backlog) };
  },
  write: (words) => {
    const length = parseNumber(words.shift());
    const takes = takeWord(words, 'takes');
    return { kind: 'write', length, takes: takes === undefined ? length : parseNumber(takes) };
  },
  read: (words) => {
    const word = words.shift();
    return { kind: 'read', length: word === 'nothing' ? 0 : parseNumber(word) };
  },
  shutdown: () => ({ kind: 'shutdown' }),
  abort: () => ({ kind: 'abort' }),
  unlisten: () => ({ kind: 'unlisten' }),
  nothing: () => ({ kind: 'nothing' }),
  set: (words) => ({ kind: 'set', options: parseAppOptions(words) }),
  icmp: parseIcmp,
  path: (words) => ({ kind: 'path', mtu: parseNumber(takeWord(words, 'mtu')) }),
  state: (words) => ({ kind: 'state', state: parseState(words.shift()) }),
  told: (words) => {
    const events = words.splice(0);
    return { kind: 'told', events: events[0] === 'nothing' ? [] : events };
  },
  'forget-told': () => ({ kind: 'forget-told' }),
  expect: (words) => ({ kind: 'expect', figures: parseFigures(words) }),
  'new-iss': (words) => ({ kind: 'new-iss', by: parseNumber(words.shift()) }),
};

/** The word after `name`, if `name` comes next. */
function takeWord(words: Words, name: string): string | undefined {
  if (words[0] !== name) return undefined;
  words.shift();
  const word = words.shift();
  if (word === undefined) throw new NotationError(`${name} of what?`);
  return word;
}

function parseGiven(words: Words): Given {
  const given: Given = {};
  for (let name = words.shift(); name !== undefined; name = words.shift()) {
    if (name === 'iss' || name === 'mtu' || name === 'window') given[name] = parseNumber(words.shift());
    else if (name === 'clock') given.clock = needTime(words.shift());
    else throw new NotationError(`nothing can be given of ${name}`);
  }
  return given;
}

function needTime(word: string | undefined): number {
  const time = word === 'off' ? 0 : parseTime(word ?? '');
  if (time === undefined) throw new NotationError(`a time was expected, not ${word}`);
  return time;
}

/** Options of the application by their names in api.ts; stops at a word that is none. */
function parseAppOptions(words: Words): AppOptions {
  const options: AppOptions = {};
  for (let name = words[0]; name !== undefined; name = words[0]) {
    const take = APP_OPTIONS[name];
    if (take === undefined) break;
    words.shift();
    take(options, words);
  }
  return options;
}

const APP_OPTIONS: Readonly<Record<string, (options: AppOptions, words: Words) => void>> = {
  noDelay: (options) => {
    options.noDelay = true;
  },
  nagle: (options) => {
    options.noDelay = false;
  },
  fastOpen: (options) => {
    options.fastOpen = true;
  },
  ecn: (options, words) => {
    const ecn = words.shift();
    if (ecn !== 'on' && ecn !== 'passive' && ecn !== 'off')
      throw new NotationError(`ecn on, passive or off, not ${ecn}`);
    options.ecn = ecn;
  },
  userTimeoutOption: (options) => {
    options.userTimeoutOption = true;
  },
  congestion: (options, words) => {
    const name = words.shift();
    if (name !== 'cubic' && name !== 'newreno') throw new NotationError(`no such congestion control: ${name}`);
    options.congestion = name;
  },
  sendBuffer: (options, words) => {
    options.sendBuffer = parseNumber(words.shift());
  },
  receiveBuffer: (options, words) => {
    options.receiveBuffer = parseNumber(words.shift());
  },
  delayedAck: (options, words) => {
    options.delayedAck = needTime(words.shift()) as never;
  },
  userTimeout: (options, words) => {
    options.userTimeout = needTime(words.shift()) as never;
  },
  keepAlive: (options, words) => {
    options.keepAlive = needTime(words.shift()) as never;
  },
  timeWait: (options, words) => {
    options.timeWait = needTime(words.shift()) as never;
  },
};

function parseIcmp(words: Words): Command {
  const error = ICMP_KINDS.find((kind) => kind === words[0]);
  if (error === undefined) throw new NotationError(`no such ICMPv6 error: ${words[0]}`);
  words.shift();
  const code = parseNumber(takeWord(words, 'code') ?? '0');
  const mtu = parseNumber(takeWord(words, 'mtu') ?? '0');
  return { kind: 'icmp', error, code, mtu, seq: parseNumber(takeWord(words, 'seq')) };
}

const STATES: readonly TcpState[] = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];

function parseState(word: string | undefined): TcpState {
  const state = STATES.find((one) => one === word);
  if (state === undefined) throw new NotationError(`no such state: ${word}`);
  return state;
}

function parseFigures(words: Words): Map<Figure, number> {
  const figures = new Map<Figure, number>();
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const figure = FIGURES.find((one) => one === word);
    if (figure === undefined) throw new NotationError(`no such figure: ${word}`);
    figures.set(figure, figure === 'rto' || figure === 'srtt' ? needTime(words.shift()) : parseNumber(words.shift()));
  }
  return figures;
}
