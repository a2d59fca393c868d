// A role as a process of its own, started from the public command line with --json: its events as they come, and
// a clear word when it ends before its time.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UserError } from '../errors.ts';
import { labEnvironment, siteEnvironment } from '../lab/furnish.ts';
import type { Site } from '../lab/topology.ts';
import { homeportCommand } from '../self.ts';

export type RoleEvent = Readonly<Record<string, unknown>> & { readonly event: string };

export interface RoleOptions {
  /** For messages: 'server a'. */
  readonly title: string;
  /** Site whose network the role is in; undefined: that of the lab's router. */
  readonly site: Site | undefined;
  readonly args: readonly string[];
  readonly onEvent?: (event: RoleEvent) => void;
}

interface Waiting {
  readonly matches: (event: RoleEvent) => boolean;
  readonly resolve: (event: RoleEvent) => void;
  readonly reject: (error: Error) => void;
}

/** Words on stderr that are kept for the message when the role fails. */
const KEPT_STDERR = 4_096;

export class RoleProcess {
  readonly #title: string;
  readonly #child: ChildProcess;
  readonly #onEvent: ((event: RoleEvent) => void) | undefined;
  readonly #events: RoleEvent[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #exited: Promise<number>;
  #stderr = '';
  #failure: Error | undefined;

  constructor(options: RoleOptions) {
    this.#title = options.title;
    this.#onEvent = options.onEvent;
    const command = homeportCommand(...options.args, '--json').flat();
    const [program = '', ...args] =
      options.site === undefined ? command : ['ip', 'netns', 'exec', options.site.name, ...command];
    const env = options.site === undefined ? labEnvironment() : siteEnvironment(options.site);
    // stdin stays open for as long as this process lives: the router ends with it.
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR);
    });
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => this.#line(line));
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#stderr += error.message;
        resolve(1);
      });
      child.once('close', (code) => resolve(code ?? 1));
    });
    void this.#exited.then((status) => this.#ended(status));
  }

  /** The first event of this name that has come or comes (and, where given, that `matches`). */
  event(name: string, matches: (event: RoleEvent) => boolean = () => true): Promise<RoleEvent> {
    const wanted = (event: RoleEvent) => event.event === name && matches(event);
    const seen = this.#events.find(wanted);
    if (seen !== undefined) return Promise.resolve(seen);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.add({ matches: wanted, resolve, reject }));
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exited;
  }

  #line(line: string): void {
    const event = parse(line);
    if (event === undefined) return;
    // Progress is only of the moment.
    if (event.event !== 'progress') this.#events.push(event);
    this.#onEvent?.(event);
    for (const waiting of this.#waiting) {
      if (!waiting.matches(event)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(event);
    }
  }

  #ended(status: number): void {
    const lines = this.#stderr.trim().split('\n');
    // Our own line, else the one of an uncaught error, which the stack follows.
    const line = lines.findLast((l) => l.startsWith('homeport: ')) ?? lines.find((l) => l.includes('Error')) ?? '';
    const word = line.replace(/^homeport: /, '');
    this.#failure = new UserError(`${this.#title}: ${word === '' ? `ended with status ${status}` : word}`);
    for (const { reject } of this.#waiting) reject(this.#failure);
    this.#waiting.clear();
  }
}

function parse(line: string): RoleEvent | undefined {
  try {
    const json: unknown = JSON.parse(line);
    const named = typeof json === 'object' && json !== null && 'event' in json && typeof json.event === 'string';
    return named ? (json as RoleEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** Every role that has been started, to be stopped in the end, last first. */
export class Roles {
  readonly #running: RoleProcess[] = [];

  start(options: RoleOptions): RoleProcess {
    const role = new RoleProcess(options);
    this.#running.push(role);
    return role;
  }

  async stop(): Promise<void> {
    for (const role of this.#running.splice(0).reverse()) await role.stop();
  }
}
