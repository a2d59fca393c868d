// `script(name, text)`: one test, one conversation. README.md has the notation.

import { test } from 'vitest';
import { Mismatch } from './exchange.ts';
import { type Given, type Line, LineError, parseScript } from './notation.ts';
import { Runner } from './runner.ts';

/** Named by RFC section, in the words of the RFC. */
export function script(name: string, text: string): void {
  if (!/^RFC \d{4}\b/.test(name)) throw new Error(`a script is named by its RFC: ${name}`);
  test(`script: ${name}`, () => runScript(text));
}

/**
 * Throws where the script and the TCP under test do not agree, and where the script makes no sense. `handoff`: where
 * the connection has to be fit for one, after each line that changes something or at the end.
 */
export function runScript(text: string, handoff: 'each line' | 'end' = 'each line'): void {
  let lines: Line[];
  try {
    lines = parseScript(text);
  } catch (error) {
    if (error instanceof LineError) throw new Error(report(text, error.line, error.message, []));
    throw error;
  }
  const given: Given = {};
  for (let first = lines[0]?.command; first?.kind === 'given'; first = lines[0]?.command) {
    Object.assign(given, first.given);
    lines.shift();
  }
  runLines(text, lines, given, handoff);
}

function runLines(text: string, lines: readonly Line[], given: Given, handoff: 'each line' | 'end'): void {
  const runner = new Runner(given);
  let at = lines[0]?.number ?? 0;
  let expanded = '';
  try {
    for (const line of lines) {
      at = line.number;
      expanded = line.text;
      runner.run(line);
      if (handoff === 'each line' && changesState(line)) runner.mayBeGivenAway();
    }
    expanded = 'the end';
    runner.exchange.nothingPending();
    runner.mayBeGivenAway();
  } catch (error) {
    const reason = error instanceof Mismatch ? error.message : `${(error as Error).stack}`;
    throw new Error(report(text, at, `${expanded}\n  ${reason}`, runner.exchange.log));
  }
}

/** Time, a segment of the peer, a call: all but questions and what we have sent at that instant. */
const changesState = ({ wait, command }: Line): boolean =>
  wait > 0 || !['out', 'state', 'told', 'forget-told', 'expect', 'nothing'].includes(command.kind);

/** The script with an arrow at the line, and all segments so far. */
function report(text: string, at: number, reason: string, log: readonly string[]): string {
  const lines = text.split('\n').map((line, i) => {
    const number = String(i + 1).padStart(4);
    return `${i + 1 === at ? '==>' : '   '}${number} | ${line.trim()}`;
  });
  const segments = log.length === 0 ? [] : ['', 'segments (=> is the one):', ...log.map((line) => `  ${line}`)];
  return [`line ${at}: ${reason}`, '', ...lines.filter((line) => !/\| $/.test(line)), ...segments].join('\n');
}
