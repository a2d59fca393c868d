// `homeport lab up|exec|down`: a small Internet in namespaces of its own, to try the roles in by hand. `inside` and
// `router` are what these start in there.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Exit } from '../errors.ts';
import { furnishLab, GROUP_FILE } from '../lab/furnish.ts';
import { labDown, labExec, labUntilStopped, labUp } from '../lab/lab.ts';
import { buildNamespaces } from '../lab/namespaces.ts';
import { addLabOptions, type LabFlags, topologyFromFlags } from '../lab/options.ts';
import { reportRouter, startRouter } from '../lab/router-process.ts';
import {
  CLIENT_SITE,
  CONTACT_ADDRESS,
  createTopology,
  describePaths,
  NODE_DEVICE,
  siteNamed,
  type Topology,
} from '../lab/topology.ts';
import { Output, type Terminal, table } from '../output.ts';
import { stopSignal } from '../self.ts';
import { addJson, type CommonFlags, checkTun, checkWritable } from './common.ts';

interface UpFlags extends LabFlags, CommonFlags {
  readonly pcap?: string;
  readonly detach?: boolean;
}

interface InsideFlags extends LabFlags, CommonFlags {
  readonly pcap?: string;
  readonly detached?: boolean;
}

export function addLab(program: Command, terminal: Terminal): void {
  const lab = program.command('lab').description('A small Internet on this machine: sites home, a, b and c.');
  lab.enablePositionalOptions();
  addUp(lab, terminal);
  addExec(lab);
  addJson(lab.command('down').description('End the lab and everything that runs in it.')).action(
    async (flags: CommonFlags) => {
      const state = await labDown();
      new Output(terminal, flags).event('down', { pid: state.pid }, 'The lab is down.');
    },
  );
  addInside(lab, terminal);
}

function addUp(lab: Command, terminal: Terminal): void {
  const up = lab
    .command('up')
    .description('Build the lab and keep it until Ctrl-C or `homeport lab down`.')
    .option('--detach', 'go on in the background')
    .option('--pcap <file>', 'write all packets to this pcapng file, an interface a site');
  addLabOptions(addJson(up)).action(async (flags: UpFlags) => {
    const topology = topologyFromFlags(flags);
    const pcap = flags.pcap === undefined ? undefined : resolve(flags.pcap);
    await checkWritable(pcap);
    await checkTun();
    const running = await labUp({ topology, pcap, detach: flags.detach === true });
    const sites = topology.sites.map((s) => ({ name: s.name, node: s.node.toString(), kernel: s.kernel.toString() }));
    const output = new Output(terminal, flags);
    output.event('ready', { pid: running.state.pid, sites }, introduction(topology, flags.detach === true));
    if (flags.detach === true) return;
    await labUntilStopped(running);
    output.event('down', { pid: running.state.pid }, 'The lab is down.');
  });
}

function addExec(lab: Command): void {
  lab
    .command('exec')
    .description('Run a command in a site of the lab, or a shell.')
    .argument('<site>', 'home, a, b or c')
    .argument('[command...]', 'the command and its arguments, after -- (default: your shell)')
    .passThroughOptions()
    .addHelpText('after', EXEC_HELP)
    .action(async (site: string, command: string[]) => {
      const status = await labExec(createTopology(), site, command);
      if (status !== 0) throw new Exit(status);
    });
}

const EXEC_HELP = `
'homeport' is on the PATH there, and its commands know the site: group file, name and address are defaults.

Examples: homeport lab exec a -- homeport server --serve DIR
          homeport lab exec c -- ping -c 3 2001:db8:a::fe`;

/** Not for people: what `lab up` and `demo` start inside the namespaces. */
function addInside(lab: Command, terminal: Terminal): void {
  const inside = lab.command('inside', { hidden: true }).option('--detached').option('--pcap <file>');
  addLabOptions(addJson(inside)).action(async (flags: InsideFlags) => {
    const topology = topologyFromFlags(flags);
    buildNamespaces(topology);
    furnishLab(topology);
    await router(terminal, { ...flags, json: true });
  });
  const alone = lab.command('router', { hidden: true }).option('--detached').option('--pcap <file>');
  addLabOptions(addJson(alone)).action((flags: InsideFlags) => router(terminal, flags));
}

async function router(terminal: Terminal, flags: InsideFlags): Promise<void> {
  const topology = topologyFromFlags(flags);
  const running = startRouter(topology, flags.pcap);
  const output = new Output(terminal, flags);
  output.event('ready', { role: 'router', sites: topology.sites.map((s) => s.name) });
  await Promise.race(flags.detached === true ? [stopSignal()] : [stopSignal(), endOfInput()]);
  process.stdin.destroy(); // or it would keep the process running
  running.stop();
  // Whoever started a detached lab is no longer there to read.
  if (flags.detached !== true) reportRouter(running, topology, output);
}

function endOfInput(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.once('end', resolve).once('error', () => resolve());
    process.stdin.resume();
  });
}

function introduction(topology: Topology, detached: boolean): string {
  const sites = table([
    ['site', `node (on device ${NODE_DEVICE})`, 'kernel'],
    ...topology.sites.map((s) => [s.name, s.node.toString(), s.kernel.toString()]),
  ]);
  return [
    'The lab is up.',
    '',
    sites,
    '',
    ...describePaths(topology).map((line) => `  ${line}`),
    '',
    'In other terminals:',
    '  homeport lab exec home -- homeport home-agent',
    '  homeport lab exec a -- homeport server --serve DIR     (and the same in b)',
    `  homeport lab exec c -- homeport client get 'http://[${CONTACT_ADDRESS}]/FILE'`,
    `  homeport handoff --client ${siteNamed(topology, CLIENT_SITE).node} --to b`,
    '',
    `The group of a and b, with its keys, is in ${GROUP_FILE} of the lab.`,
    detached ? "'homeport lab down' ends it." : "Ctrl-C, or 'homeport lab down', ends it.",
  ].join('\n');
}
