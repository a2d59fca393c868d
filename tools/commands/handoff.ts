import type { Command } from 'commander';
import type { Terminal } from '../output.ts';
export function addHandoff(_program: Command, _terminal: Terminal): void {}
