// `npm run bench`: how fast the stack is, next to the kernel, in one run on this machine. Stack to stack in memory; the
// services of server.ts over a TUN device, with and without offloads, under load from the kernel's TCP; and the
// same services on the kernel's own TCP over a veth pair. Figures of one run can be compared, of two hardly.

import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addJson, type CommonFlags, checkTun } from '../commands/common.ts';
import { explain } from '../errors.ts';
import { Output, processTerminal, table } from '../output.ts';
import { wholeNumber } from '../values.ts';
import { addClientGatewayBench } from './client-gateway.ts';
import { cpuSeconds } from './cpu.ts';
import { LOAD_MODES, type LoadFigures, type LoadMode, WARM_UP_MS } from './load-client.ts';
import type { MemoryFigures } from './memory.ts';
import { addNamespace, finished, ipIn, isolated, ready, runIn, spawnIn } from './namespace.ts';
import { builtScript } from './transfer.ts';

interface BenchFlags extends CommonFlags {
  readonly seconds: number;
}

/** One line of the table. Octets a second are given in Gbit/s, round trips in thousands a second. */
interface Row {
  readonly what: string;
  readonly mode: LoadMode | 'bulk';
  readonly figure: number;
  readonly unit: 'Gbit/s' | 'k/s';
  /** CPU time of the stack's process (not of softirqs): seconds for 10^9 octets, microseconds for a round trip. */
  readonly cpu: number;
  readonly cpuUnit: 's/GB' | 'us';
}

const BASE_PORT = 5001;
const DEVICE = 'tun0';
const MTU = 1500;
const SERVER_ADDRESS = 'fd00:1::2';
const CLIENT_ADDRESS = 'fd00:1::1';
/** Beyond its measuring time, before a client counts as stuck. */
const PATIENCE_MS = 15_000;
/** Who serves, and where the client meets it. */
interface Setting {
  readonly what: string;
  readonly env: Readonly<Record<string, string>>;
  readonly serverNetns: string;
  readonly clientNetns: string;
  readonly prepare: () => void;
}

const tunSetting = (what: string, netns: string, offload: '0' | '1'): Setting => ({
  what,
  env: { TUN: DEVICE, MTU: String(MTU), OFFLOAD: offload },
  serverNetns: netns,
  clientNetns: netns,
  prepare: () => {
    addNamespace(netns);
    ipIn(netns, 'tuntap', 'add', 'dev', DEVICE, 'mode', 'tun', 'vnet_hdr');
    ipIn(netns, 'link', 'set', DEVICE, 'mtu', String(MTU), 'up');
    ipIn(netns, 'address', 'add', `${CLIENT_ADDRESS}/64`, 'dev', DEVICE, 'nodad');
  },
});

const kernelSetting: Setting = {
  what: 'kernel over veth',
  env: { KERNEL: '1' },
  serverNetns: 'veth-server',
  clientNetns: 'veth-client',
  prepare: () => {
    const ends = [
      { netns: addNamespace('veth-client'), own: CLIENT_ADDRESS },
      { netns: addNamespace('veth-server'), own: SERVER_ADDRESS },
    ];
    const peer = ['peer', 'name', 'veth0', 'netns', 'veth-server'];
    execFileSync('ip', ['link', 'add', 'veth0', 'netns', 'veth-client', 'type', 'veth', ...peer], { stdio: 'pipe' });
    for (const { netns, own } of ends) {
      ipIn(netns, 'address', 'add', `${own}/64`, 'dev', 'veth0', 'nodad');
      ipIn(netns, 'link', 'set', 'veth0', 'up');
    }
  },
};

const SETTINGS: readonly Setting[] = [
  tunSetting('TUN with offloads', 'tso', '1'),
  tunSetting('TUN, plain packets', 'plain', '0'),
  kernelSetting,
];

async function benchmark(seconds: number, output: Output): Promise<void> {
  const rows: Row[] = [];
  const add = (row: Row): void => {
    rows.push(row);
    output.event('figure', { ...row });
    output.terminal.err(`${row.what}, ${row.mode}: ${row.figure.toFixed(2)} ${row.unit}\n`);
  };
  for (const tso of [true, false]) add(await memoryRow(seconds, tso));
  for (const setting of SETTINGS) {
    setting.prepare();
    for (const mode of LOAD_MODES) add(await loadRow(setting, mode, seconds));
  }
  output.say(render(rows));
}

async function memoryRow(seconds: number, tso: boolean): Promise<Row> {
  const child = spawn(process.execPath, [builtScript('memory.js'), String(seconds), tso ? 'tso' : 'plain']);
  const { stdout, stderr } = await finished(child, seconds * 1000 + WARM_UP_MS + PATIENCE_MS);
  if (stdout === '') throw new Error(`stack to stack in memory: ${stderr.trim()}`);
  const figures = JSON.parse(stdout) as MemoryFigures;
  const what = tso ? 'memory, super-frames' : 'memory, plain packets';
  const { octets, cpuSeconds } = figures;
  return {
    what,
    mode: 'bulk',
    figure: (octets * 8e-9) / figures.seconds,
    unit: 'Gbit/s',
    cpu: cpuSeconds / (octets / 1e9),
    cpuUnit: 's/GB',
  };
}

async function loadRow(setting: Setting, mode: LoadMode, seconds: number): Promise<Row> {
  const { what, serverNetns, clientNetns } = setting;
  const env = { ...process.env, ...setting.env, ADDR: SERVER_ADDRESS, BASE_PORT: String(BASE_PORT) };
  const [command = '', ...before] = [...pinned(mode), process.execPath];
  const server = spawnIn(serverNetns, command, [...before, builtScript('server.js')], env);
  try {
    await ready(server);
    const pid = server.pid;
    if (pid === undefined) throw new Error('the server has no PID');
    const args = [...before, builtScript('load-client.js'), mode, SERVER_ADDRESS, String(BASE_PORT), String(seconds)];
    const cpuBefore = cpuSeconds(pid);
    const limit = seconds * 1000 + WARM_UP_MS + PATIENCE_MS;
    const { stdout, stderr } = await runIn(clientNetns, command, args, limit);
    if (stdout === '') throw new Error(`${what}, ${mode}: ${stderr.trim()}`);
    const figures = JSON.parse(stdout) as LoadFigures;
    // The server's CPU time covers the warm-up too: taken as a share of it.
    const share = figures.seconds / (figures.seconds + WARM_UP_MS / 1000);
    return rowOf(what, mode, figures, (cpuSeconds(pid) - cpuBefore) * share);
  } finally {
    server.kill('SIGKILL');
  }
}

function rowOf(what: string, mode: LoadMode, { count, seconds }: LoadFigures, cpu: number): Row {
  return mode === 'rr'
    ? { what, mode, figure: count / seconds / 1000, unit: 'k/s', cpu: (cpu * 1e6) / count, cpuUnit: 'us' }
    : { what, mode, figure: (count * 8e-9) / seconds, unit: 'Gbit/s', cpu: cpu / (count / 1e9), cpuUnit: 's/GB' };
}

/**
 * Round trips are measured with both ends on one CPU: over two, what one sees in a virtual machine is how long an idle
 * CPU takes to wake, for every stack alike.
 */
function pinned(mode: LoadMode): string[] {
  const allowed = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return mode === 'rr' && allowed !== undefined ? ['taskset', '--cpu-list', allowed] : [];
}

/** The figures, and beside each of the TUN the share of the kernel's that it is. */
function render(rows: readonly Row[]): string {
  const kernel = (mode: Row['mode']) => rows.find((row) => row.what === kernelSetting.what && row.mode === mode);
  const lines = rows.map((row) => {
    const reference = row.what === kernelSetting.what ? undefined : kernel(row.mode);
    return [
      row.what,
      row.mode,
      `${row.figure.toFixed(2)} ${row.unit}`,
      `${row.cpu.toFixed(2)} ${row.cpuUnit}`,
      reference === undefined ? '' : `x${(row.figure / reference.figure).toFixed(2)}`,
    ];
  });
  return table([['between', 'mode', 'figure', 'CPU', 'to the kernel'], ...lines]);
}

const program = addJson(
  new Command('bench')
    .description('How fast the stack is next to the kernel, measured in one run.')
    .enablePositionalOptions()
    .option('--seconds <seconds>', 'how long each figure is measured', wholeNumber(1, 600), 3),
).action(async (flags: BenchFlags) => {
  await checkTun();
  await benchmark(flags.seconds, new Output(processTerminal, flags));
});

addClientGatewayBench(program, processTerminal);

try {
  if (process.argv.includes('--help') || (await isolated())) await program.exitOverride().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) process.stderr.write(`homeport: ${explain(error)}\n`);
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
}
