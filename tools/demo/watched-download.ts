// The download of a demo run, followed by the client's events: shows how far it is, asks for each handoff at its place
// in it, and says what the client saw of each.

import { UserError } from '../errors.ts';
import type { Output, Progress } from '../output.ts';
import type { PlannedHandoff } from './plan.ts';
import type { RoleEvent } from './role-process.ts';

export interface WatchedDownloadOptions {
  readonly output: Output;
  readonly plan: readonly PlannedHandoff[];
  /** Name of the client's site. */
  readonly client: string;
  /** Names of the nodes by care-of address. */
  readonly names: ReadonlyMap<string, string>;
  /** Asks the donor for it; resolves, when it is done, with how long it took there, in milliseconds. */
  readonly handOff: (handoff: PlannedHandoff) => Promise<number | undefined>;
}

/** A handoff that is not done so long after the download has ended never will be. */
const AFTERWARDS_MS = 3_000;

export class WatchedDownload {
  readonly #o: WatchedDownloadOptions;
  readonly #asked: Promise<number | undefined>[] = [];
  #progress: Progress | undefined;
  #from = '';
  #seen = 0;

  constructor(options: WatchedDownloadOptions) {
    this.#o = options;
  }

  readonly onEvent = (event: RoleEvent): void => {
    const { done, total, from, to, handoffMs } = event;
    if (event.event === 'progress' && typeof done === 'number' && typeof total === 'number') {
      this.#advance(done, total, String(event.source));
    } else if (event.event === 'handoff-seen' && typeof handoffMs === 'number') {
      this.#tellSeen(String(from), String(to), handoffMs);
    }
  };

  finish(): void {
    this.#progress?.finish();
  }

  /** How long each handoff of the plan took at its donor; undefined for one that failed or was never asked for. */
  async handoffs(): Promise<(number | undefined)[]> {
    const failed = (error: unknown): undefined =>
      void this.#o.output.warn(error instanceof Error ? error.message : String(error));
    return Promise.all(this.#asked.map((handoff) => inTime(handoff).catch(failed)));
  }

  #advance(done: number, total: number, source: string): void {
    const { output, plan } = this.#o;
    this.#from = this.#nameOf(source);
    this.#progress ??= output.progress('download', total);
    this.#progress.update(done, `from ${this.#from}`);
    const next = plan[this.#asked.length];
    if (next === undefined || done < next.share * total) return;
    this.#line(
      `  ${Math.round(100 * next.share)} %: ${next.from} hands ${this.#o.client} to ${next.to} (${next.preset})`,
    );
    const before = this.#asked.at(-1) ?? Promise.resolve();
    this.#asked.push(before.then(() => this.#o.handOff(next)));
    this.#asked.at(-1)?.catch(() => {}); // told by handoffs()
  }

  #tellSeen(from: string, to: string, handoffMs: number): void {
    const formulaMs = this.#o.plan[this.#seen++]?.formulaMs;
    const formula = formulaMs === undefined ? '' : ` (formula: ${formulaMs.toFixed(1)} ms)`;
    const [donor, acceptor] = [this.#nameOf(from), this.#nameOf(to)];
    this.#line(`  ${acceptor} sends: ${handoffMs.toFixed(1)} ms after the last segment from ${donor}${formula}`);
  }

  /** Above the bar, which is drawn again. */
  #line(text: string): void {
    this.#progress?.finish();
    this.#o.output.say(text);
  }

  #nameOf(source: string): string {
    return this.#o.names.get(source) ?? source;
  }
}

async function inTime<T>(handoff: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new UserError('a handoff was not done when the download ended')), AFTERWARDS_MS);
  });
  return Promise.race([handoff, late]).finally(() => clearTimeout(timer));
}
