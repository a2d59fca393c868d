// What a demo run is to do, and what its command lines are: the nodes with their keys, the roles' arguments, and
// what each handoff promises for the latencies of the lab.

import type { Random } from '../../stack/core/random.ts';
import { type Duration, toMilliseconds } from '../../stack/core/time.ts';
import { handoffFormula, handoffTime, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { CLIENT_SITE, CONTACT_ADDRESS, conditions, HOME_PREFIX, siteNamed, type Topology } from '../lab/topology.ts';
import type { Group, GroupMember } from '../roles/group-file.ts';

export interface DemoOptions {
  readonly topology: Topology;
  /** Absent: a seeded file of `size` octets. */
  readonly file: string | undefined;
  readonly size: number;
  readonly presets: readonly PresetName[];
  /** Directory for captures and picture. */
  readonly out: string;
}

export interface PlannedHandoff {
  readonly from: string;
  readonly to: string;
  readonly preset: PresetName;
  /** Share of the download after which it is asked for. */
  readonly share: number;
  readonly formula: string;
  readonly formulaMs: number;
}

export const SERVERS = ['a', 'b'] as const;
const KEY_LEN = 32;
const FIRST_SPI = 257;

/** From a to b and back again, evenly spread over the download. */
export function planHandoffs({ topology, presets }: Pick<DemoOptions, 'topology' | 'presets'>): PlannedHandoff[] {
  return presets.map((preset, i) => {
    const [from, to] = i % 2 === 0 ? ['a', 'b'] : ['b', 'a'];
    const strategy = PRESETS[preset];
    const time = handoffTime(strategy, latencies(topology, from, to), 'download');
    const share = (i + 1) / (presets.length + 1);
    return { from, to, preset, share, formula: handoffFormula(strategy), formulaMs: toMilliseconds(time) };
  });
}

function latencies(topology: Topology, donor: string, acceptor: string) {
  const oneWay = (from: string, to: string): Duration => conditions(topology, from, to).delay;
  const homeTest =
    oneWay(acceptor, 'home') + oneWay('home', CLIENT_SITE) + oneWay(CLIENT_SITE, 'home') + oneWay('home', acceptor);
  return {
    donorAcceptor: oneWay(donor, acceptor),
    clientDonor: oneWay(donor, CLIENT_SITE),
    clientAcceptor: oneWay(acceptor, CLIENT_SITE),
    homeTest: homeTest as Duration,
  };
}

export interface DemoFiles {
  readonly group: string;
  readonly groupKey: string;
  readonly keyOf: (member: string) => string;
  readonly captureOf: (name: string) => string;
  readonly serve: string;
  readonly received: string;
}

export function createGroup(topology: Topology, random: Random): Group {
  const members = SERVERS.map((name, i) => ({
    name,
    careOf: siteNamed(topology, name).node,
    bid: i + 1,
    spi: FIRST_SPI + i,
    key: random.bytes(KEY_LEN),
  }));
  return { homeAddress: CONTACT_ADDRESS, members };
}

export const homeAgentArguments = (topology: Topology, files: DemoFiles): string[] => [
  ...['home-agent', '--address', siteNamed(topology, 'home').node.toString(), '--home-prefix', HOME_PREFIX.toString()],
  ...['--members', files.group, '--pcap', files.captureOf('home')],
];

export function serverArguments(topology: Topology, files: DemoFiles, group: Group, member: GroupMember): string[] {
  const others = group.members.filter(({ name }) => name !== member.name);
  return [
    ...['server', '--name', member.name, '--care-of', member.careOf.toString()],
    ...['--home-address', group.homeAddress.toString()],
    ...['--home-agent', siteNamed(topology, 'home').node.toString()],
    ...['--bid', String(member.bid), '--spi', String(member.spi), '--key-file', files.keyOf(member.name)],
    ...['--group-key-file', files.groupKey, '--serve', files.serve, '--pcap', files.captureOf(member.name)],
    ...(member.name === SERVERS[0] ? ['--contact'] : []),
    ...others.flatMap(({ name, careOf, bid }) => ['--member', `${name}=${careOf},${bid}`]),
  ];
}

export const clientArguments = (topology: Topology, files: DemoFiles, file: string): string[] => [
  ...['client', 'get', `http://[${CONTACT_ADDRESS}]/${encodeURIComponent(file)}`],
  ...['--address', siteNamed(topology, CLIENT_SITE).node.toString()],
  ...['--output', files.received, '--pcap', files.captureOf('client')],
];
