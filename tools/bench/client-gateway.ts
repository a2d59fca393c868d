// `npm run bench -- client-gateway`: what the translation of a client gateway costs. A client of the kernel's TCP moves
// octets through a router of ours on two TUN devices: one that only forwards, a gateway that knows of no binding, and
// a gateway with the client bound, which takes a Home Address option out of each packet and puts a type 2 routing
// header into each. Three rounds or more in one run, the ways in turn: a ratio compares two figures of one round.

import type { ChildProcess } from 'node:child_process';
import type { Command } from 'commander';
import { addJson, type CommonFlags, checkTun } from '../commands/common.ts';
import { Output, type Terminal, table } from '../output.ts';
import { wholeNumber } from '../values.ts';
import { cpuSeconds } from './cpu.ts';
import { type LoadFigures, WARM_UP_MS } from './load-client.ts';
import { addNamespace, ipIn, pathOf, ready, runIn, spawnIn, sysctlIn } from './namespace.ts';
import { builtScript } from './transfer.ts';

interface GatewayBenchFlags extends CommonFlags {
  readonly seconds: number;
  readonly rounds: number;
}

const MODES = ['download', 'upload'] as const;
type Mode = (typeof MODES)[number];

/** Where the servers and the routers' outsides are; its kernel forwards between them. */
const OUTSIDE = 'outside';
const MTU = 1500;
const BASE_PORT = 5001;
const SERVER = {
  CARE_OF: '2001:db8:a::1',
  HOME: '2001:db8:100::1',
  HOME_PREFIX: '2001:db8:100::/64',
  HOME_AGENT: '2001:db8:1::1',
} as const;

/** A router, and the namespace of its client. */
const ROUTERS = [
  { name: 'forward', client: '2001:db8:c::1', gateway: '0' },
  { name: 'gateway', client: '2001:db8:d::1', gateway: '1' },
] as const;
type RouterName = (typeof ROUTERS)[number]['name'];

interface Way {
  readonly name: string;
  readonly through: RouterName;
  readonly to: string;
}

const FORWARDED: Way = { name: 'router that only forwards', through: 'forward', to: SERVER.CARE_OF };
const UNBOUND: Way = { name: 'gateway, no binding', through: 'gateway', to: SERVER.CARE_OF };
const BOUND: Way = { name: 'gateway, bound', through: 'gateway', to: SERVER.HOME };
const WAYS: readonly Way[] = [FORWARDED, UNBOUND, BOUND];

/** Before the first round: code is compiled, the client bound. */
const WARM_UP_SECONDS = 1;
/** Beyond its measuring time, before a client counts as stuck. */
const PATIENCE_MS = 15_000;
/** Octets at the home agent within a measurement that tests and updates explain; more, and the client is not bound. */
const MAX_HOME_OCTETS = 100_000;

interface Figure {
  readonly gbits: number;
  /** CPU time of the router's process (not of softirqs) for 10^9 octets. */
  readonly cpuPerGb: number;
}

/** The figures of one way, a round each. */
interface Row {
  readonly way: Way;
  readonly mode: Mode;
  readonly figures: Figure[];
}

class Scene {
  readonly #server: ChildProcess;
  readonly #routers = new Map<RouterName, ChildProcess>();

  constructor() {
    addNamespace(OUTSIDE);
    sysctlIn(OUTSIDE, { 'ipv6/conf/all/forwarding': 1 });
    addTun(OUTSIDE, 'node');
    addTun(OUTSIDE, 'home');
    for (const to of [SERVER.HOME_AGENT, SERVER.HOME_PREFIX]) ipIn(OUTSIDE, 'route', 'add', to, 'dev', 'home');
    const env = { ...process.env, ...SERVER, BASE_PORT: String(BASE_PORT) };
    this.#server = spawnIn(OUTSIDE, process.execPath, [builtScript('mobile-server.js')], env);
    for (const router of ROUTERS) this.#routers.set(router.name, startRouter(router));
  }

  async ready(): Promise<void> {
    await Promise.all([this.#server, ...this.#routers.values()].map(ready));
  }

  async measure({ name, through, to }: Way, mode: Mode, seconds: number): Promise<Figure> {
    const pid = this.#routers.get(through)?.pid;
    if (pid === undefined) throw new Error(`the router '${through}' has no PID`);
    const cpuBefore = cpuSeconds(pid);
    const args = [builtScript('load-client.js'), mode, to, String(BASE_PORT), String(seconds)];
    const limit = seconds * 1000 + WARM_UP_MS + PATIENCE_MS;
    const { stdout, stderr } = await runIn(through, process.execPath, args, limit);
    if (stdout === '') throw new Error(`${name}, ${mode}: ${stderr.trim() || 'the client was stuck'}`);
    const { count, seconds: took } = JSON.parse(stdout) as LoadFigures;
    // The router's CPU time covers the warm-up too: taken as a share of it.
    const share = took / (took + WARM_UP_MS / 1000);
    return { gbits: (count * 8e-9) / took, cpuPerGb: ((cpuSeconds(pid) - cpuBefore) * share) / (count / 1e9) };
  }

  /** Octets that the home agent has seen so far. */
  homeOctets(): number {
    const [home] = JSON.parse(ipIn(OUTSIDE, '-statistics', '-json', 'link', 'show', 'dev', 'home'));
    return home.stats64.tx.bytes + home.stats64.rx.bytes;
  }

  close(): void {
    for (const child of [this.#server, ...this.#routers.values()]) child.kill('SIGTERM');
  }
}

function addTun(netns: string, device: string): void {
  ipIn(netns, 'tuntap', 'add', 'dev', device, 'mode', 'tun', 'vnet_hdr');
  ipIn(netns, 'link', 'set', device, 'mtu', String(MTU), 'up');
}

function startRouter({ name, client, gateway }: (typeof ROUTERS)[number]): ChildProcess {
  addNamespace(name);
  addTun(name, 'inside');
  addTun(OUTSIDE, name);
  ipIn(name, 'address', 'add', `${client}/128`, 'dev', 'inside', 'nodad');
  ipIn(name, 'route', 'add', '::/0', 'dev', 'inside');
  ipIn(OUTSIDE, 'route', 'add', `${client}/128`, 'dev', name);
  const devices = { INSIDE: 'inside', INSIDE_NETNS: pathOf(name), OUTSIDE: name };
  const env = { ...process.env, ...devices, CLIENT: client, GATEWAY: gateway };
  return spawnIn(OUTSIDE, process.execPath, [builtScript('gateway-router.js')], env);
}

async function benchmark({ seconds, rounds }: GatewayBenchFlags, output: Output): Promise<void> {
  const rows = MODES.flatMap((mode) => WAYS.map((way): Row => ({ way, mode, figures: [] })));
  const scene = new Scene();
  try {
    await scene.ready();
    for (const { way, mode } of rows) await scene.measure(way, mode, WARM_UP_SECONDS);
    for (let round = 0; round < rounds; round++) {
      // Each row is first in its turn: what comes and goes on this machine favours none.
      const turn = round % rows.length;
      for (const row of [...rows.slice(turn), ...rows.slice(0, turn)]) {
        const figure = await measureOnce(scene, row, seconds);
        row.figures.push(figure);
        output.event('figure', { round, way: row.way.name, mode: row.mode, ...figure });
        output.terminal.err(`${row.mode}, ${row.way.name}: ${figure.gbits.toFixed(2)} Gbit/s\n`);
      }
    }
  } finally {
    scene.close();
  }
  for (const row of rows) output.event('ratio', { way: row.way.name, mode: row.mode, ...spread(ratios(row, rows)) });
  output.say(render(rows));
}

async function measureOnce(scene: Scene, { way, mode }: Row, seconds: number): Promise<Figure> {
  const before = scene.homeOctets();
  const figure = await scene.measure(way, mode, seconds);
  const passed = scene.homeOctets() - before;
  if (passed > MAX_HOME_OCTETS) throw new Error(`${way.name}, ${mode}: ${passed} octets went by the home agent`);
  return figure;
}

/** Of each round, to the router that only forwards. */
function ratios(row: Row, rows: readonly Row[]): number[] {
  const reference = rows.find(({ way, mode }) => way === FORWARDED && mode === row.mode);
  return row.figures.map(({ gbits }, round) => gbits / (reference?.figures[round]?.gbits ?? Number.NaN));
}

interface Spread {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { least: at(0), median: at(0.5), most: at(1) };
}

function render(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const gbits = spread(row.figures.map((figure) => figure.gbits));
    const cpu = spread(row.figures.map((figure) => figure.cpuPerGb));
    const ratio = spread(ratios(row, rows));
    const range = `${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)}`;
    return [
      row.mode,
      row.way.name,
      `${gbits.median.toFixed(2)} Gbit/s`,
      `${cpu.median.toFixed(2)} s/GB`,
      ...(row.way === FORWARDED ? ['', ''] : [`x${ratio.median.toFixed(2)}`, range]),
    ];
  });
  return table([['mode', 'through', 'median', "router's CPU", 'to the router', 'range'], ...lines]);
}

export function addClientGatewayBench(program: Command, terminal: Terminal): void {
  const command = program
    .command('client-gateway')
    .description('What the translation of a client gateway costs, next to a router that only forwards.')
    .option('--seconds <seconds>', 'how long each figure is measured', wholeNumber(1, 60), 2)
    .option('--rounds <rounds>', 'how often', wholeNumber(3, 100), 6);
  addJson(command).action(async (flags: GatewayBenchFlags) => {
    await checkTun();
    await benchmark(flags, new Output(terminal, flags));
  });
}
