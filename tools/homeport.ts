#!/usr/bin/env node
// The `homeport` command: finds the subcommand, and turns whatever goes wrong into one line on stderr and exit
// status 1. The subcommands are in commands/, one file each; what runs for long is loaded only when asked for.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Help, type Option } from 'commander';
import { addCapture } from './commands/capture.ts';
import { addClient } from './commands/client.ts';
import { addDemo } from './commands/demo.ts';
import { addGroup } from './commands/group.ts';
import { addHandoff } from './commands/handoff.ts';
import { addHomeAgent } from './commands/home-agent.ts';
import { addLab } from './commands/lab.ts';
import { addServer } from './commands/server.ts';
import { addStatus } from './commands/status.ts';
import { Exit, explain } from './errors.ts';
import { processTerminal, type Terminal } from './output.ts';

export const VERSION = '0.1.0';

/** The whole command line, on the streams of `terminal`. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('homeport')
    .description('One IPv6 address, many servers: a userspace IPv6, TCP and Mobile IPv6 stack with live handoff.')
    .version(VERSION)
    .exitOverride()
    .configureHelp({ optionDescription: describeOption })
    .showSuggestionAfterError(false)
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(`homeport: ${text.replace(/^error: /, '').trim()}\n`),
      getOutHelpWidth: () => Math.min(120, terminal.columns),
    })
    .addHelpText('after', '\nHOMEPORT_DEBUG=1 shows where an error came from.');
  const add = [addDemo, addLab, addGroup, addHomeAgent, addServer, addClient, addHandoff, addStatus, addCapture];
  for (const command of add) command(program, terminal);
  return program;
}

/** Commander's words, and which options there is no way around. */
function describeOption(option: Option): string {
  const text = new Help().optionDescription(option);
  return option.mandatory ? `${text} (required)` : text;
}

/** Runs one command line (without node and script) and gives the exit status. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof Exit) return error.status;
    // Commander has printed its line already; --help and --version end with status 0.
    if (error instanceof CommanderError) return error.exitCode;
    if (terminal.env.HOMEPORT_DEBUG === '1' && error instanceof Error) terminal.err(`${error.stack ?? ''}\n`);
    terminal.err(`homeport: ${explain(error)}\n`);
    return 1;
  }
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) {
  const status = await main(process.argv.slice(2), processTerminal);
  // Not by itself: a device that was opened before something else failed would keep the process running.
  process.exit(status);
}
