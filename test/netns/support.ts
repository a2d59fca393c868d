// Network namespaces and real programs for tests. Duty: say what the machine lacks (a test that needs it is then
// skipped with a printed reason, or fails where CI=true), make namespaces that are gone when the test is over,
// run commands in them with a bound on their time. Works as root, and without root inside `unshare -Urnm` with
// a file system of one's own on /run, as `npm test` arranges it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MonotonicClock } from '../../tun/clock.ts';
import { openTun } from '../../tun/tun-device.ts';

export type Need = 'netns' | 'tun' | 'tshark' | 'curl' | 'ping' | 'lwip';

const COMMAND_PACKAGES: Partial<Record<Need, string>> = { tshark: 'tshark', curl: 'curl', ping: 'iputils-ping' };
/** What shows that a library is there to be compiled against. */
const LWIP_HEADER = '/usr/include/lwip/lwip/tcpip.h';
const COMMAND_TIMEOUT_MS = 20_000;

/** What each need lacked when it was first looked at; undefined: nothing. */
const probed = new Map<Need, string | undefined>();

/**
 * True when all of these are there. Otherwise throws where CI=true (the test file fails), and elsewhere prints the
 * reason and returns false: `describe.skipIf(!requireOrSkip('tun', 'ping'))(...)`. 'tun' includes 'netns'.
 */
export function requireOrSkip(...needs: readonly Need[]): boolean {
  const reasons = needs.map((need) => lackOf(need)).filter((reason) => reason !== undefined);
  if (reasons.length === 0) return true;
  const text = reasons.join('; ');
  if (process.env.CI === 'true') throw new Error(`needed where CI=true: ${text}`);
  process.stderr.write(`skipped: ${text}\n`);
  return false;
}

function lackOf(need: Need): string | undefined {
  if (!probed.has(need)) probed.set(need, probe(need));
  return probed.get(need);
}

function probe(need: Need): string | undefined {
  const name = COMMAND_PACKAGES[need];
  if (name !== undefined) return onPath(need) ? undefined : `${need} is missing: \`apt-get install ${name}\``;
  if (need === 'lwip') {
    return existsSync(LWIP_HEADER) ? undefined : 'lwIP is missing: `apt-get install liblwip-dev`';
  }
  if (!onPath('ip') || !onPath('nsenter')) return 'ip is missing: `apt-get install iproute2 util-linux`';
  try {
    const netns = new Netns();
    try {
      if (need === 'tun')
        openTun({ name: 'probe', netns: netns.path, mtu: 1500, offloads: 'tso', clock: new MonotonicClock() }).close();
    } finally {
      netns.close();
    }
    return undefined;
  } catch (error) {
    return firstLine(error);
  }
}

const onPath = (command: string): boolean =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) =>
    existsSync(join(folder, command)),
  );

const firstLine = (error: unknown): string => {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  const text =
    stderr === '' ? String(error instanceof Error ? error.message : error) : `no network namespaces: ${stderr}`;
  return text.split('\n')[0] ?? text;
};

export interface CommandResult {
  /** Exit status; undefined when the command was ended by a signal or its time was up. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly timeoutMs?: number;
  readonly input?: Uint8Array;
}

let made = 0;
const open = new Set<Netns>();
process.on('exit', () => {
  for (const netns of open) netns.close();
});

/** A network namespace with its loopback up. Gone after close(), at the latest when the process exits. */
export class Netns {
  readonly name: string;
  readonly path: string;
  readonly #children = new Set<ChildProcess>();

  constructor() {
    made += 1;
    this.name = `hp-test-${process.pid}-${made}`;
    this.path = `/run/netns/${this.name}`;
    execFileSync('ip', ['netns', 'add', this.name], { stdio: 'pipe' });
    open.add(this);
    this.ip('link', 'set', 'lo', 'up');
  }

  /** `ip -n NAME ...`; throws when it fails. */
  ip(...args: readonly string[]): string {
    return execFileSync('ip', ['-6', '-n', this.name, ...args], { encoding: 'utf8', stdio: 'pipe' });
  }

  /** Starts a command inside; ended with the namespace if it still runs. */
  spawn(command: string, args: readonly string[]): ChildProcess {
    const child = spawn('nsenter', [`--net=${this.path}`, command, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  /** Runs a command inside to its end, or until its time is up. Never rejects for what the command does. */
  run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const child = this.spawn(command, args);
    const stdout: string[] = [];
    const stderr: string[] = [];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => stdout.push(text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
    child.stdin?.on('error', () => {}); // a command that does not read its input
    child.stdin?.end(options.input);
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? COMMAND_TIMEOUT_MS);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => {
        clearTimeout(timer);
        resolve({ status: status ?? undefined, stdout: stdout.join(''), stderr: stderr.join('') });
      });
    });
  }

  close(): void {
    if (!open.delete(this)) return;
    for (const child of this.#children) child.kill('SIGKILL');
    execFileSync('ip', ['netns', 'delete', this.name], { stdio: 'pipe' });
  }
}

/** Runs `use` with a fresh namespace, which is removed whatever happens. */
export async function withNetns<T>(use: (netns: Netns) => Promise<T> | T): Promise<T> {
  const netns = new Netns();
  try {
    return await use(netns);
  } finally {
    netns.close();
  }
}

/** Resolves once `holds` does; rejects with `what` when the time is up. Looks each 5 ms: for the outside world only. */
export async function eventually(what: string, holds: () => boolean, timeoutMs = 5_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
