import type { Command } from 'commander';
import type { Terminal } from '../output.ts';
export function addCapture(_program: Command, _terminal: Terminal): void {}
