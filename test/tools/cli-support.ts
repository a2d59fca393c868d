// Runs a command line of `homeport` in this process, on streams that a test can read.

import { main } from '../../tools/homeport.ts';
import type { Terminal } from '../../tools/output.ts';

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function cli(...argv: readonly string[]): Promise<CliResult> {
  return cliWith({}, ...argv);
}

export async function cliWith(env: Terminal['env'], ...argv: readonly string[]): Promise<CliResult> {
  const written = { stdout: '', stderr: '' };
  const terminal: Terminal = {
    env,
    interactive: false,
    columns: 100,
    out: (text) => {
      written.stdout += text;
    },
    err: (text) => {
      written.stderr += text;
    },
    now: () => 0,
  };
  const status = await main(argv, terminal);
  return { status, ...written };
}
