// Commands in a network namespace, each with a bound on its time; and a way to run a whole program in namespaces of
// its own, so that whatever it makes is gone with it. For the tools of this folder: the lab has its own.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UserError } from '../errors.ts';
import { checkNamespaces, unshareArguments } from '../lab/namespaces.ts';

/** `ip -n NAMESPACE ...`; throws when it fails. */
export const ipIn = (netns: string, ...args: readonly string[]): string =>
  execFileSync('ip', ['-6', '-n', netns, ...args], { encoding: 'utf8', stdio: 'pipe' });

/** Sets files under /proc/sys/net/, which are a namespace's own. */
export function sysctlIn(netns: string, settings: Readonly<Record<string, number | string>>): void {
  const lines = Object.entries(settings).map(([name, value]) => `echo "${value}" > /proc/sys/net/${name}`);
  execFileSync('nsenter', [`--net=${pathOf(netns)}`, 'sh', '-c', lines.join(' && ')], { stdio: 'pipe' });
}

export const pathOf = (netns: string): string => (netns.includes('/') ? netns : `/run/netns/${netns}`);

export const spawnIn = (netns: string, command: string, args: readonly string[], env = process.env): ChildProcess =>
  spawn('nsenter', [`--net=${pathOf(netns)}`, command, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });

export interface Finished {
  /** Exit status; undefined when a signal ended the command, as when its time was up. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a namespace to its end, or until its time is up. */
export function runIn(netns: string, command: string, args: readonly string[], timeoutMs: number): Promise<Finished> {
  const child = spawnIn(netns, command, args);
  child.stdin?.end();
  return finished(child, timeoutMs);
}

export function finished(child: ChildProcess, timeoutMs: number): Promise<Finished> {
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? undefined, ...written });
    });
  });
}

const READY_MS = 10_000;

/** Resolves when a server we have started prints a line with `ready`; rejects with what it says instead. */
export function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const complaints: string[] = [];
    const fail = (why: string): void => reject(new Error(`${why}: ${complaints.join('').trim()}`));
    const timer = setTimeout(() => fail('a server did not get ready'), READY_MS);
    child.once('close', () => fail('a server ended before it was ready'));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => complaints.push(text));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.includes('ready')) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Makes a namespace with its loopback up. */
export function addNamespace(name: string): string {
  execFileSync('ip', ['netns', 'add', name], { stdio: 'pipe' });
  ipIn(name, 'link', 'set', 'lo', 'up');
  return name;
}

export function removeNamespace(name: string): void {
  execFileSync('ip', ['netns', 'delete', name], { stdio: 'pipe' });
}

/** Set for a program that runs in namespaces of its own. */
const INSIDE = 'HOMEPORT_ISOLATED';

/**
 * True inside namespaces of our own (with /run on a file system of our own). Elsewhere runs this program again
 * inside such, on this terminal, leaves its exit status in process.exitCode, and resolves with false.
 */
export async function isolated(): Promise<boolean> {
  if (process.env[INSIDE] !== undefined) return true;
  checkNamespaces();
  const [script = ''] = process.argv.slice(1);
  const inside = [process.execPath, ...process.execArgv, script, ...process.argv.slice(2)];
  const prepare = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && exec "$@"';
  const child = spawn('unshare', [...unshareArguments(), 'sh', '-c', prepare, 'sh', ...inside], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill('SIGKILL'));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new UserError(`cannot start unshare: ${error.message}`)));
    child.once('close', resolve);
  });
  process.exitCode = status ?? 1;
  return false;
}
