// The built `homeport` command in tests: run to its end, or kept running beside them. State is in a directory of
// the test's own, so that a lab of the one who runs the tests is not met.

import { type ChildProcess, spawn } from 'node:child_process';
import { homeportScript } from '../../tools/self.ts';
import type { CommandResult } from './support.ts';

const TIMEOUT_MS = 90_000;

export interface Running {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly written: { stdout: string; stderr: string };
  readonly ended: Promise<CommandResult>;
}

export class Homeport {
  readonly #env: NodeJS.ProcessEnv;

  /** `directory`: for the state of its lab. */
  constructor(directory: string) {
    this.#env = { ...process.env, XDG_RUNTIME_DIR: directory };
  }

  run(...args: readonly string[]): Promise<CommandResult> {
    return this.start(...args).ended;
  }

  /** Ended at the latest when the time of a test is up. */
  start(...args: readonly string[]): Running {
    return this.startProgram(process.execPath, homeportScript(), ...args);
  }

  startProgram(program: string, ...args: readonly string[]): Running {
    const child = spawn(program, args, { env: this.#env, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
    const written = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      written.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      written.stderr += text;
    });
    const ended = new Promise<CommandResult>((resolve) => {
      child.once('close', (status) => resolve({ status: status ?? undefined, ...written }));
    });
    return { child, written, ended };
  }
}
