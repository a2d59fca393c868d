// The file by which `lab exec` and `lab down` find the lab that `lab up` has built: the PID of the first process
// in it, together with its start time, so that a PID used again by another process is never mistaken for it.

import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { startTime } from '../self.ts';

export interface LabState {
  /** The lab's first process, as seen from outside. */
  readonly pid: number;
  readonly startTime: number;
  readonly sites: readonly string[];
}

const STATE_FILE = 'lab.json';

/** A directory of this user alone: $XDG_RUNTIME_DIR/homeport, else /tmp/homeport-UID. */
function stateDirectory(): string {
  const runtime = process.env.XDG_RUNTIME_DIR;
  const uid = process.getuid?.() ?? 0;
  const directory = runtime !== undefined && runtime !== '' ? join(runtime, 'homeport') : `/tmp/homeport-${uid}`;
  const found = lstatSync(directory, { throwIfNoEntry: false });
  if (found !== undefined && (!found.isDirectory() || found.uid !== uid))
    throw new UserError(`${directory} belongs to somebody else: remove it, or set XDG_RUNTIME_DIR`);
  return directory;
}

function inStateDirectory(file: string): string {
  const directory = stateDirectory();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return join(directory, file);
}

export const logFile = (): string => inStateDirectory('lab.log');

export function saveLab(pid: number, sites: readonly string[]): LabState {
  const started = startTime(pid);
  if (started === undefined) throw new UserError('the lab ended while it was being built');
  const state: LabState = { pid, startTime: started, sites };
  writeFileSync(inStateDirectory(STATE_FILE), `${JSON.stringify(state)}\n`, { mode: 0o600 });
  return state;
}

/** The lab that is running, if one is; forgets one that is gone. */
export function runningLab(): LabState | undefined {
  const state = readState();
  if (state === undefined) return undefined;
  if (startTime(state.pid) === state.startTime) return state;
  forgetLab();
  return undefined;
}

export function requireLab(): LabState {
  const state = runningLab();
  if (state === undefined) throw new UserError("no lab is running: start one with 'homeport lab up'");
  return state;
}

/** Where the files of a lab are, seen from outside: its mounts are its own. */
export const rootOf = (state: LabState): string => `/proc/${state.pid}/root`;

export function forgetLab(): void {
  rmSync(join(stateDirectory(), STATE_FILE), { force: true });
}

function readState(): LabState | undefined {
  try {
    const json: unknown = JSON.parse(readFileSync(join(stateDirectory(), STATE_FILE), 'utf8'));
    return isState(json) ? json : undefined;
  } catch (error) {
    if (error instanceof UserError) throw error;
    return undefined; // no file, or not ours
  }
}

const isState = (json: unknown): json is LabState =>
  typeof json === 'object' &&
  json !== null &&
  'pid' in json &&
  typeof json.pid === 'number' &&
  'startTime' in json &&
  typeof json.startTime === 'number' &&
  'sites' in json &&
  Array.isArray(json.sites);
