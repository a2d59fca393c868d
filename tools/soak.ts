// `npm run soak`: our stack against the kernel for as long as one likes, through the lab's router. First 100 MiB in each
// of four roles with 1 % loss, reordering and duplication, then rounds of transfers on paths of all kinds, with kernels
// of all kinds, drawn from seeds that are printed: `--mix-only --seed N --seconds 1` runs the round of seed N again.

import { Command, CommanderError, Option } from 'commander';
import { applyVariant } from './bench/kernels.ts';
import { addNamespace, isolated, removeNamespace } from './bench/namespace.ts';
import { drawRound, mainRound, type Round } from './bench/round.ts';
import { type WanScene, wanScene } from './bench/scene.ts';
import { TransferBench, type TransferKind } from './bench/transfer.ts';
import { addJson, type CommonFlags, checkTun, checkWritable } from './commands/common.ts';
import { explain, UserError } from './errors.ts';
import { Output, octets, type Progress, processTerminal } from './output.ts';
import { sizeValue, wholeNumber } from './values.ts';

interface SoakFlags extends CommonFlags {
  readonly size: number;
  readonly seconds: number;
  readonly seed: number;
  readonly mixOnly?: boolean;
  readonly pcap?: string;
}

const DEFAULT_SIZE = 100 * 1024 * 1024;
const MAX_SEED = 2 ** 31 - 1;
const MAX_SECONDS = 7 * 24 * 3600;
/** What the transfers of one round may take before the round counts as failed: far more than they should. */
const MAIN_TIMEOUT_MS = 15 * 60_000;
const MIX_TIMEOUT_MS = 3 * 60_000;
const PROGRESS_MS = 250;
/** Octets of a round that is worth a bar; shorter ones are over before it says much. */
const MIN_PROGRESS = 32 * 1024 * 1024;

class Soak {
  readonly #output: Output;
  readonly #flags: SoakFlags;
  #rounds = 0;
  #octets = 0;

  constructor(output: Output, flags: SoakFlags) {
    this.#output = output;
    this.#flags = flags;
  }

  async run(): Promise<void> {
    const { mixOnly, size, seed, seconds } = this.#flags;
    if (mixOnly !== true) await this.#round(mainRound(seed, size), MAIN_TIMEOUT_MS);
    const end = performance.now() + seconds * 1_000;
    for (let next = seed; performance.now() < end; next++) await this.#round(drawRound(next), MIX_TIMEOUT_MS);
    const fields = { ok: true, rounds: this.#rounds, octets: this.#octets };
    this.#output.event('done', fields, `${this.#rounds} rounds, ${octets(this.#octets)}: every octet arrived`);
  }

  async #round(round: Round, timeoutMs: number): Promise<void> {
    const [near, far] = [addNamespace('near'), addNamespace('far')];
    const { seed, path, offloads, mtu, corruption, kernel, transfers } = round;
    const { pcap } = this.#flags;
    const scene = wanScene(near, far, { path, seed, offloads, mtu, pcap });
    for (const link of Object.values(scene.links)) link.configure({ corruption });
    applyVariant(far, kernel);
    const total = transfers.reduce((sum, { length }) => sum + length, 0);
    const flips = corruption > 0 ? `, corruption ${(corruption * 100).toFixed(3)} %` : '';
    const text = `seed ${seed}: ${scene.description}${flips}, MTU ${mtu}; a kernel ${kernel.name}`;
    this.#output.event('round', { seed, path, corruption, mtu, kernel, offloads, transfers }, text);
    const started = this.#octets;
    const progress = this.#output.progress(`seed ${seed}`, total);
    let shown = 0;
    const watch = setInterval(() => {
      shown = Math.max(shown, Math.min(total, this.#octets - started + carried(scene)));
      if (total >= MIN_PROGRESS) progress.update(shown);
    }, PROGRESS_MS);
    try {
      await this.#transfers(scene, round, timeoutMs, progress);
    } catch (error) {
      throw new UserError(`seed ${seed}: ${explain(error)} (again: npm run soak -- ${this.#replay(seed)})`);
    } finally {
      clearInterval(watch);
      progress.finish();
      scene.close();
      for (const name of [near, far]) removeNamespace(name);
    }
    this.#rounds += 1;
    this.#output.event('round-done', { seed, statistics: scene.statistics });
  }

  async #transfers(scene: WanScene, round: Round, timeoutMs: number, progress: Progress): Promise<void> {
    const bench = await TransferBench.open(scene, timeoutMs);
    try {
      await Promise.all(
        round.transfers.map(async ({ kind, length }, i) => {
          const { sent, received, seconds } = await bench.run(kind, length, round.seed + i);
          if (sent !== received) throw new Error(`${kind} of ${length} octets: ${sent} sent, ${received} received`);
          progress.finish();
          this.#octets += length;
          this.#report(kind, length, seconds);
        }),
      );
    } finally {
      bench.close();
    }
  }

  #report(kind: TransferKind, length: number, seconds: number): void {
    const text = `  ${kind.padEnd(13)} ${octets(length)} in ${seconds.toFixed(2)} s, ${octets(length / seconds)}/s`;
    this.#output.event('transfer', { kind, length, seconds }, text);
  }

  #replay(seed: number): string {
    const { mixOnly, size } = this.#flags;
    const isMain = mixOnly !== true && this.#rounds === 0;
    return isMain ? `--seed ${seed} --size ${size} --seconds 0` : `--mix-only --seed ${seed} --seconds 1`;
  }
}

/** Octets that the open connections of the stack have carried so far. */
function carried(scene: WanScene): number {
  let sum = 0;
  for (const c of scene.stack.host.tcp.connections()) {
    if (c.state === 'ESTABLISHED') sum += c.bytesRead + c.bytesWritten - c.unacknowledged;
  }
  return sum;
}

const program = addJson(
  new Command('soak')
    .description('Our stack against the kernel over faulty paths, for a long time.')
    .option('--size <size>', 'length of each of the first four transfers', sizeValue, DEFAULT_SIZE)
    .option('--seconds <seconds>', 'how long the random mix goes on', wholeNumber(0, MAX_SECONDS), 60)
    .addOption(
      new Option('--seed <seed>', 'where the seeds begin')
        .argParser(wholeNumber(0, MAX_SEED))
        .default(Date.now() % 1_000_000, 'drawn'),
    )
    .option('--mix-only', 'leave the first four transfers out')
    .option('--pcap <file>', "the stack's packets of the last round"),
).action(async (flags: SoakFlags) => {
  await checkTun();
  await checkWritable(flags.pcap);
  await new Soak(new Output(processTerminal, flags), flags).run();
});

try {
  if (process.argv.includes('--help') || (await isolated())) await program.exitOverride().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) process.stderr.write(`homeport: ${explain(error)}\n`);
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
}
