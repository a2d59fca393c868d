// What a demo run is to do, and what its command lines are: the roles' arguments, and what each handoff promises for
// the latencies of the lab.

import { type Duration, toMilliseconds } from '../../stack/core/time.ts';
import { handoffFormula, handoffTime, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { CLIENT_SITE, CONTACT_ADDRESS, conditions, HOME_SITE, SERVER_SITES, type Topology } from '../lab/topology.ts';

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

/** The contact node, and the other. */
export const [FIRST_SERVER, SECOND_SERVER] = SERVER_SITES;

/** From a to b and back again, evenly spread over the download. */
export function planHandoffs({ topology, presets }: Pick<DemoOptions, 'topology' | 'presets'>): PlannedHandoff[] {
  return presets.map((preset, i) => {
    const [from, to] = i % 2 === 0 ? [FIRST_SERVER, SECOND_SERVER] : [SECOND_SERVER, FIRST_SERVER];
    const strategy = PRESETS[preset];
    const time = handoffTime(strategy, latencies(topology, from, to), 'download');
    const share = (i + 1) / (presets.length + 1);
    return { from, to, preset, share, formula: handoffFormula(strategy), formulaMs: toMilliseconds(time) };
  });
}

function latencies(topology: Topology, donor: string, acceptor: string) {
  const oneWay = (from: string, to: string): Duration => conditions(topology, from, to).delay;
  const homeTest =
    oneWay(acceptor, HOME_SITE) +
    oneWay(HOME_SITE, CLIENT_SITE) +
    oneWay(CLIENT_SITE, HOME_SITE) +
    oneWay(HOME_SITE, acceptor);
  return {
    donorAcceptor: oneWay(donor, acceptor),
    clientDonor: oneWay(donor, CLIENT_SITE),
    clientAcceptor: oneWay(acceptor, CLIENT_SITE),
    homeTest: homeTest as Duration,
  };
}

export interface DemoFiles {
  readonly captureOf: (name: string) => string;
  readonly serve: string;
  readonly received: string;
}

/** What the roles are told; the rest they find in their site, as by hand: the group file, who they are. */
export const homeAgentArguments = (files: DemoFiles): string[] => ['home-agent', '--pcap', files.captureOf('home')];

export const serverArguments = (files: DemoFiles, name: string): string[] => [
  ...['server', '--serve', files.serve, '--pcap', files.captureOf(name)],
  ...(name === FIRST_SERVER ? ['--contact'] : []),
];

export const clientArguments = (files: DemoFiles, file: string): string[] => [
  ...['client', 'get', `http://[${CONTACT_ADDRESS}]/${encodeURIComponent(file)}`],
  ...['--output', files.received, '--pcap', files.captureOf('client')],
];
