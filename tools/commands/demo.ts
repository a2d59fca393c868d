// `homeport demo`: the whole thing in fresh namespaces. Outside it checks what it is given and starts itself again
// in there; inside it is demo/run.ts.

import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isPresetName, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { runDemo } from '../demo/run.ts';
import { problemsOf } from '../demo/verdict.ts';
import { describeFigures, describePlan, describeSuccess } from '../demo/words.ts';
import { Exit } from '../errors.ts';
import { labEnvironment } from '../lab/furnish.ts';
import { checkNamespaces, unshareArguments } from '../lab/namespaces.ts';
import { addLabOptions, flagsOfTopology, type LabFlags, topologyFromFlags } from '../lab/options.ts';
import type { Topology } from '../lab/topology.ts';
import { Output, type Terminal } from '../output.ts';
import { childOf, homeportCommand, signalProcess, stopSignal } from '../self.ts';
import { sizeValue } from '../values.ts';
import { addJson, type CommonFlags, checkFile, checkTun, makeDirectory } from './common.ts';

interface DemoFlags extends LabFlags, CommonFlags {
  readonly size: number;
  readonly file?: string;
  readonly preset: readonly PresetName[];
  readonly out: string;
  readonly inside?: boolean;
}

const DEFAULT_SIZE = 64 * 1024 * 1024;
const DEFAULT_PRESETS: readonly PresetName[] = ['prefetched', 'fast'];
/** More handoffs than this in one download are no demonstration. */
const MAX_HANDOFFS = 20;

const HELP = `
It builds the lab of 'homeport lab up', starts the roles in it as anybody would by hand, and checks what they did.

Examples: homeport demo --preset classic,fast
          homeport demo --delay a-b=40ms --rate c-a=20mbit --size 16MiB`;

export function addDemo(program: Command, terminal: Terminal): void {
  const command = program
    .command('demo')
    .description('Download a file from a server that moves to another node and back while it sends.')
    .addOption(
      new Option('--size <size>', 'size of the file, made from the seed')
        .argParser(sizeValue)
        .default(DEFAULT_SIZE, '64MiB'),
    )
    .option('--file <file>', 'download this file in its place')
    .addOption(
      new Option(
        '--preset <presets>',
        `how each handoff is done, with commas between: ${Object.keys(PRESETS).join(', ')}`,
      )
        .argParser(presetsValue)
        .default(DEFAULT_PRESETS, DEFAULT_PRESETS.join(',')),
    )
    .option('--out <directory>', 'where captures and picture go', 'captures/out')
    .addOption(new Option('--inside').hideHelp())
    .addHelpText('after', HELP);
  addLabOptions(addJson(command)).action(async (flags: DemoFlags) => {
    const topology = topologyFromFlags(flags);
    if (flags.inside === true) await inside(topology, flags, terminal);
    else await outside(topology, flags);
  });
}

async function outside(topology: Topology, flags: DemoFlags): Promise<void> {
  if (flags.file !== undefined) checkFile(flags.file);
  await checkTun();
  checkNamespaces();
  await makeDirectory(flags.out);
  const args = [
    ...['demo', '--inside', '--out', resolve(flags.out), '--preset', flags.preset.join(',')],
    ...(flags.file === undefined ? ['--size', String(flags.size)] : ['--file', resolve(flags.file)]),
    ...(flags.json === true ? ['--json'] : []),
    ...flagsOfTopology(topology),
  ];
  const env = labEnvironment();
  const again = homeportCommand(...args).flat();
  // stdin tells the inside when this process is gone.
  const child = spawn('unshare', [...unshareArguments(), ...again], { stdio: ['pipe', 'inherit', 'inherit'], env });
  const ended = new Promise<number>((done) => {
    child.once('error', () => done(1)).once('exit', (status) => done(status ?? 1));
  });
  void stopSignal().then(() => {
    const target = child.pid === undefined ? undefined : childOf(child.pid);
    if (target !== undefined) signalProcess(target, 'SIGTERM');
  });
  const status = await ended;
  if (status !== 0) throw new Exit(status);
}

async function inside(topology: Topology, flags: DemoFlags, terminal: Terminal): Promise<void> {
  const output = new Output(terminal, flags);
  const options = { topology, file: flags.file, size: flags.size, presets: flags.preset, out: flags.out };
  output.say(describePlan(options));
  process.stdin.on('end', () => process.exit(1)).resume();
  void stopSignal().then(() => process.exit(1)); // the namespaces end with this process, and all that runs in them
  const figures = await runDemo(options, output);
  const problems = problemsOf(figures);
  const { names, ...plain } = figures;
  const event = { ok: problems.length === 0, problems, ...plain, nodes: Object.fromEntries(names) };
  output.event('result', event, `\n${describeFigures(figures)}\n`);
  if (problems.length === 0) output.say(describeSuccess(figures));
  for (const problem of problems) output.warn(problem);
  process.stdin.destroy();
  if (problems.length > 0) throw new Exit(1);
}

function presetsValue(text: string): readonly PresetName[] {
  const names = text.split(',');
  const presets = names.filter(isPresetName);
  if (presets.length !== names.length || presets.length > MAX_HANDOFFS) {
    throw new InvalidArgumentError(
      `presets are ${Object.keys(PRESETS).join(', ')}; at most ${MAX_HANDOFFS} with commas between.`,
    );
  }
  return presets;
}
