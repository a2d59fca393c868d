import type { Command } from 'commander';
import type { Terminal } from '../output.ts';
export function addDemo(_program: Command, _terminal: Terminal): void {}
