// The lab's life, seen from outside its namespaces: up, exec, down. Only processes this file has started (or
// that the state file proves to be them) are ever signalled.

import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Exit, UserError } from '../errors.ts';
import { childOf, exitStatusOf, homeportCommand, signalProcess, startTime, stopSignal } from '../self.ts';
import { labEnvironment, siteEnvironment, VARIABLE } from './furnish.ts';
import { checkNamespaces, unshareArguments } from './namespaces.ts';
import { flagsOfTopology } from './options.ts';
import { forgetLab, type LabState, logFile, requireLab, runningLab, saveLab } from './state.ts';
import { siteNamed, type Topology } from './topology.ts';

export interface UpOptions {
  readonly topology: Topology;
  readonly pcap: string | undefined;
  readonly detach: boolean;
}

/** A lab that is up; `ended` resolves with the exit status of its first process. */
export interface RunningLab {
  readonly state: LabState;
  readonly ended: Promise<number>;
}

export async function labUp({ topology, pcap, detach }: UpOptions): Promise<RunningLab> {
  const running = runningLab();
  if (running !== undefined)
    throw new UserError(`a lab is running already (PID ${running.pid}): end it with 'homeport lab down'`);
  checkNamespaces();
  const flags = [...flagsOfTopology(topology), ...(pcap === undefined ? [] : ['--pcap', pcap])];
  const inside = homeportCommand('lab', 'inside', ...(detach ? ['--detached'] : []), ...flags);
  const child = spawn('unshare', [...unshareArguments(), inside[0], ...inside[1]], {
    // The lab ends when its stdin does: with this process, unless it is to go on without it.
    stdio: [detach ? 'ignore' : 'pipe', 'pipe', detach ? openSync(logFile(), 'w', 0o600) : 'inherit'],
    detached: detach,
    env: labEnvironment(),
  });
  const ended = exitStatus(child);
  await ready(child, ended, detach);
  const pid = child.pid === undefined ? undefined : childOf(child.pid);
  if (pid === undefined) throw new UserError('the lab ended while it was being built');
  const state = saveLab(
    pid,
    topology.sites.map((s) => s.name),
  );
  if (detach) {
    child.stdout?.destroy();
    child.unref();
  }
  return { state, ended };
}

/** Waits until the lab has ended by itself, or ends it when this process is asked to stop. */
export async function labUntilStopped(lab: RunningLab): Promise<void> {
  const signalled = stopSignal().then((signal) => ({ signal }));
  const first = await Promise.race([signalled, lab.ended]);
  if (typeof first !== 'number') await endLab(lab.state);
  const status = await lab.ended;
  forgetLab();
  if (status !== 0) throw new Exit(1);
}

const STOP_MS = 5_000;
const POLL_MS = 20;

export async function labDown(): Promise<LabState> {
  const state = requireLab();
  await endLab(state);
  forgetLab();
  return state;
}

/** SIGTERM, and SIGKILL to one that does not listen; everything inside goes with its first process. */
async function endLab(state: LabState): Promise<void> {
  signal(state, 'SIGTERM');
  if (await gone(state)) return;
  signal(state, 'SIGKILL');
  if (!(await gone(state))) throw new UserError(`the lab (PID ${state.pid}) does not end`);
}

function signal(state: LabState, name: NodeJS.Signals): void {
  if (startTime(state.pid) === state.startTime) signalProcess(state.pid, name);
}

async function gone(state: LabState): Promise<boolean> {
  for (let waited = 0; waited < STOP_MS; waited += POLL_MS) {
    if (startTime(state.pid) !== state.startTime) return true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}

/** Runs a command (or a shell) in a site, on this terminal, and gives its exit status. */
export async function labExec(topology: Topology, siteName: string, command: readonly string[]): Promise<number> {
  const site = siteNamed(topology, siteName);
  const entered = process.env[VARIABLE.inside] === undefined ? enterArguments(requireLab().pid) : [];
  const wanted = command.length > 0 ? command : [process.env.SHELL ?? '/bin/sh'];
  const [program = '', ...args] = [...entered, 'ip', 'netns', 'exec', site.name, ...wanted];
  const child = spawn(program, args, { stdio: 'inherit', env: siteEnvironment(site) });
  // Ctrl-C reaches the command from the terminal; what reaches only this process is passed on to it.
  for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, () => {});
  for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, () => passOn(child, entered.length > 0, name));
  return exitStatus(child);
}

/**
 * nsenter(1) into the lab's namespaces. Its shell stays outside the PID namespace and only what it starts is inside, so
 * that it lives as long as the command: the trap, which a command does not inherit, keeps it from ending of a Ctrl-C
 * that the command catches. It goes back to the directory, which entering a mount namespace leaves.
 */
function enterArguments(pid: number): string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials'];
  const namespaces = ['--target', String(pid), ...user, '--net', '--mount', '--pid'];
  const script = 'cd "$1" && shift && trap : INT QUIT && "$@"; exit $?';
  return ['nsenter', ...namespaces, '--no-fork', '--', 'sh', '-c', script, 'sh', process.cwd()];
}

/** The shell of enterArguments does not pass signals on to its child. */
function passOn(child: ChildProcess, shell: boolean, name: NodeJS.Signals): void {
  const target = child.pid !== undefined && shell ? childOf(child.pid) : child.pid;
  if (target !== undefined) signalProcess(target, name);
}

function exitStatus(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new UserError(`cannot start ${child.spawnfile}: ${error.message}`)));
    child.once('exit', (code, name) => resolve(exitStatusOf(code, name)));
  });
}

/** Resolves with the line that says that the lab is built. */
async function ready(child: ChildProcess, ended: Promise<number>, detach: boolean): Promise<void> {
  const stdout = child.stdout;
  if (stdout === null) throw new Error('the lab has no stdout');
  const line = new Promise<'ready'>((resolve) =>
    createInterface({ input: stdout }).once('line', () => resolve('ready')),
  );
  const first = await Promise.race([line, ended]);
  if (first === 'ready') return;
  if (detach) throw new UserError(`the lab could not be built: see ${logFile()}`);
  throw new Exit(1); // it has said why on stderr
}
