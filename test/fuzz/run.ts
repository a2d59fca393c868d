// `npm run fuzz [TARGET...] [SECONDS | FILE...]`: every target, or those named, one after the other under libFuzzer
// (@jazzer.js), guided by the coverage of stack/; or the target on given inputs, once. One line a target. Status 1
// where something was found: the input, made small, lies where the line says.

import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { complaint, minimize } from './minimize.ts';
import { fuzzerSetup, type NodeSetup } from './native.ts';
import { TARGETS, type Target } from './targets.ts';

// Compiled, this is .fuzz/build/test/fuzz/run.js.
const ROOT = resolve(import.meta.dirname, '../../../..');
const WORK = join(ROOT, '.fuzz');
const BUILD = join(WORK, 'build');
const SOURCE = join(ROOT, 'test', 'fuzz');
/** Seconds of a share of 1. */
const BASE_SECONDS = 10;
/** An input that takes longer is a finding. */
const TIMEOUT_SECONDS = 20;
const PROGRESS = /^#(\d+)\s+[A-Z]\w*\s+cov: (\d+) ft: \d+ corp: (\d+)/i;
const FOUND = /Test unit written to (\S+)/;

interface Outcome {
  executions: number;
  edges: number;
  inputs: number;
  finding: string | undefined;
  readonly seconds: number;
}

async function main(words: readonly string[]): Promise<number> {
  const names = words.filter((word) => word in TARGETS);
  const files = words.filter((word) => !(word in TARGETS) && existsSync(word));
  const seconds = words.find((word) => /^\d+$/.test(word) && !files.includes(word));
  const known = names.length + files.length + (seconds === undefined ? 0 : 1);
  if (known !== words.length) return usage();
  if (files.length > 0) return names.length === 1 ? replay(names[0] ?? '', files) : usage();
  const setup = fuzzerSetup(ROOT, join(WORK, 'native'));
  let findings = 0;
  for (const [name, target] of Object.entries(TARGETS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const outcome = await fuzzFor(setup, name, target, Number(seconds ?? BASE_SECONDS * target.share));
    findings += report(name, target, outcome);
  }
  console.log(findings === 0 ? 'nothing was found' : `findings: ${findings}`);
  return findings === 0 ? 0 : 1;
}

function usage(): number {
  console.error(`usage: npm run fuzz [TARGET...] [-- SECONDS]\n       npm run fuzz TARGET FILE...`);
  console.error(`targets: ${Object.keys(TARGETS).join(' ')}`);
  return 2;
}

/** libFuzzer's own process: it never comes back from a finding. */
function fuzzFor(setup: NodeSetup, name: string, target: Target, seconds: number): Promise<Outcome> {
  const [corpus, findings] = [join(WORK, 'corpus', name), join(WORK, 'findings', name)];
  for (const folder of [corpus, findings]) mkdirSync(folder, { recursive: true });
  for (const folder of ['corpus', 'findings']) seed(join(SOURCE, folder, name), corpus);
  const jazzer = join(ROOT, 'node_modules', '@jazzer.js', 'core', 'dist', 'cli.js');
  const script = join(BUILD, 'test', 'fuzz', 'targets', `${name}.js`);
  const options = ['--sync', '-i', join(BUILD, 'stack/'), '--disable_bug_detectors', '.*'];
  const limits = [`-max_total_time=${seconds}`, `-max_len=${target.maxLen}`, `-timeout=${TIMEOUT_SECONDS}`];
  const libFuzzer = [...limits, '-len_control=20', '-rss_limit_mb=4096', `-artifact_prefix=${findings}/`];
  const args = [...setup.args, '--enable-source-maps', jazzer, script, corpus, ...options, '--', ...libFuzzer];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...setup.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const outcome: Outcome = { executions: 0, edges: 0, inputs: 0, finding: undefined, seconds };
  let rest = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) takeLine(outcome, line);
  });
  return new Promise((done) => {
    child.on('close', (status) => {
      if (status !== 0) outcome.finding ??= `the fuzzer ended with status ${status}`;
      done(outcome);
    });
  });
}

/** The committed inputs go first; what a run adds stays with it. */
function seed(from: string, corpus: string): void {
  if (!existsSync(from)) return;
  for (const file of readdirSync(from)) copyFileSync(join(from, file), join(corpus, file));
}

function takeLine(outcome: Outcome, line: string): void {
  const progress = PROGRESS.exec(line);
  if (progress !== null) {
    [outcome.executions, outcome.edges, outcome.inputs] = progress.slice(1).map(Number) as [number, number, number];
  }
  outcome.finding ??= FOUND.exec(line)?.[1];
}

/** Prints the line of a target; returns its findings. */
function report(name: string, { fuzz }: Target, outcome: Outcome): number {
  const { executions, edges, inputs, finding, seconds } = outcome;
  const figures = `${executions.toLocaleString('en')} executions in ${seconds} s, ${edges} edges, ${inputs} inputs`;
  console.log(`${name.padEnd(18)} ${figures}, ${finding === undefined ? 'no finding' : '1 FINDING'}`);
  if (finding === undefined) return 0;
  if (!existsSync(finding)) {
    console.log(`  ${finding}`);
    return 1;
  }
  const small = minimize(fuzz, Uint8Array.from(readFileSync(finding)));
  const file = join(WORK, 'findings', name, `min-${basename(finding)}`);
  writeFileSync(file, small);
  rmSync(finding);
  console.log(`  ${complaint(fuzz, small) ?? 'too slow, or only when instrumented'}`);
  console.log(`  replay: npm run fuzz ${name} ${relative(process.cwd(), file)}`);
  return 1;
}

function replay(name: string, files: readonly string[]): number {
  let failed = 0;
  for (const file of files) {
    try {
      TARGETS[name]?.fuzz(Uint8Array.from(readFileSync(file)));
      console.log(`${file}: no finding`);
    } catch (error) {
      failed += 1;
      console.log(`${file}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
