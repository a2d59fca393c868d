import type { Command } from 'commander';
import type { Terminal } from '../output.ts';
export function addDemo(program: Command, _terminal: Terminal): void {
  program.command('demo').description('Run.').option('--json');
}
