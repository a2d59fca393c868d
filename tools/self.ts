// How the tools start themselves again: in a namespace, or as another role. And small things about processes
// that are this program's own children.

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built `homeport` command, also when this runs from the sources (tests). */
export function homeportScript(): string {
  const here = fileURLToPath(import.meta.url);
  const built = here.endsWith('.js') ? dirname(here) : join(dirname(here), '..', 'dist', 'tools');
  return join(built, 'homeport.js');
}

/** The command line of a subcommand in a process of its own. */
export const homeportCommand = (...args: readonly string[]): [command: string, args: string[]] => [
  process.execPath,
  [homeportScript(), ...args],
];

/** The first child of a process of ours, which may be in another PID namespace; undefined when there is none (yet). */
export const childOf = (pid: number): number | undefined => childrenOf(pid)[0];

/** All of them, in the order in which they came. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** When a process began, in the kernel's ticks since boot: with it a PID means one process. undefined: gone. */
export function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the second field is the name in parentheses and may hold spaces; the 22nd is the start time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    return state === 'Z' || state === 'X' ? undefined : Number(fields[22 - 3]);
  } catch {
    return undefined;
  }
}

/** To a process of ours, which may just have ended: then it needs no signal. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** As a shell gives it: of a process that a signal has ended, 128 and the signal's number. */
export const exitStatusOf = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + (signal === null ? 0 : constants.signals[signal]);

/** Resolves with the first of these signals; the process is not ended by them from now on. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });
}
