// The flags that shape the lab's Internet, shared by `lab up` and `demo`: --delay a-b=10ms sets both directions,
// a:b=10ms only the way from a to b, and a bare value sets every pair. Also the JSON form in which a topology
// travels to the process inside the namespaces.

import { type Command, InvalidArgumentError } from 'commander';
import { durationValue, rateValue, repeated, shareValue, wholeNumber } from '../values.ts';
import {
  createTopology,
  DEFAULT_SEED,
  type PathConditions,
  type PathOverride,
  SHARES,
  SITE_NAMES,
  type Topology,
} from './topology.ts';

type Overrides = readonly PathOverride[];

export interface LabFlags {
  readonly delay?: Overrides;
  readonly loss?: Overrides;
  readonly duplication?: Overrides;
  readonly reordering?: Overrides;
  readonly marking?: Overrides;
  readonly rate?: Overrides;
  readonly seed?: number;
}

const MAX_SEED = Number.MAX_SAFE_INTEGER;

export function addLabOptions(command: Command): Command {
  return command
    .optionsGroup('The Internet between the sites home, a, b and c:')
    .option(
      '--delay <[pair=]time>',
      'one-way delay, e.g. a-b=10ms (both ways) or a:b=10ms (one way) (default: a-b=10ms, c-a=20ms, c-b=20ms, others 7ms)',
      override('delay', durationValue),
    )
    .option('--loss <[pair=]share>', 'share of packets lost, e.g. c-a=1%', override('loss', shareValue))
    .option('--duplication <[pair=]share>', 'share of packets that arrive twice', override('duplication', shareValue))
    .option(
      '--reordering <[pair=]share>',
      'share of packets that arrive behind later ones',
      override('reordering', shareValue),
    )
    .option(
      '--marking <[pair=]share>',
      'share of ECN-capable packets that are marked as if there were congestion',
      override('marking', shareValue),
    )
    .option(
      '--rate <[pair=]rate>',
      "rate of each one-way path, or 'none' (default: 100mbit from and to c, else 1gbit)",
      override('rate', rateValue),
    )
    .option(
      '--seed <number>',
      `seed of loss, duplication, reordering and marking (default: ${DEFAULT_SEED})`,
      wholeNumber(0, MAX_SEED),
    );
}

export function topologyFromFlags(flags: LabFlags): Topology {
  const { delay, rate, loss, duplication, reordering, marking } = flags;
  const all = [delay, rate, loss, duplication, reordering, marking].flatMap((o) => o ?? []);
  // Values for all pairs first, so that those of single pairs hold whatever the order of the flags.
  const overrides = [...all.filter((o) => o.pairs === 'all'), ...all.filter((o) => o.pairs !== 'all')];
  return createTopology({ overrides, ...(flags.seed === undefined ? {} : { seed: flags.seed }) });
}

/** The flags again that give the same topology: how `lab up` tells the process inside the namespaces. */
export function flagsOfTopology(topology: Topology): string[] {
  const flags = ['--seed', String(topology.seed)];
  for (const [pair, path] of topology.paths) {
    flags.push('--delay', `${pair}=${path.delay}us`);
    flags.push('--rate', `${pair}=${path.rate === 0 ? 'none' : `${path.rate / 1e3}kbit`}`);
    for (const key of SHARES) {
      if (path[key] > 0) flags.push(`--${key}`, `${pair}=${path[key].toFixed(9)}`);
    }
  }
  return flags;
}

const override = <K extends keyof PathConditions>(key: K, parse: (text: string) => PathConditions[K]) =>
  repeated((text): PathOverride => {
    const [pair, value, ...rest] = text.split('=');
    if (pair === undefined || rest.length > 0) throw new InvalidArgumentError("'pair=value' is needed.");
    if (value === undefined) return { pairs: 'all', change: { [key]: parse(pair) } };
    return { pairs: parsePair(pair), change: { [key]: parse(value) } };
  });

function parsePair(text: string): readonly (readonly [string, string])[] {
  const [, from, sign, to] = /^([a-z]+)([-:])([a-z]+)$/.exec(text) ?? [];
  if (from === undefined || to === undefined)
    throw new InvalidArgumentError(`'${text}' is not a pair of sites such as a-b or a:b.`);
  for (const name of [from, to]) {
    if (!(SITE_NAMES as readonly string[]).includes(name)) {
      throw new InvalidArgumentError(`no site '${name}' in the lab (sites: ${SITE_NAMES.join(', ')}).`);
    }
  }
  if (from === to) throw new InvalidArgumentError('a pair is two different sites.');
  return sign === ':'
    ? [[from, to]]
    : [
        [from, to],
        [to, from],
      ];
}
