// The process that plays the kernel's end of connections (interop-peer.ts), seen from the test: compiles it with the
// compiler of the project, starts it in a namespace, and gives its orders as calls. Whoever starts it closes it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pathOf } from '../../tools/bench/namespace.ts';
import type { Order, Reply } from './interop-peer.ts';
import type { Outcome, Step } from './interop-plays.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const PEER = join('test', 'netns', 'interop-peer.js');

let compiled: string | undefined;

/** The program of the peer; compiled once for all that a test file starts, which has to call removeCompiledPeer(). */
function compiledPeer(): string {
  if (compiled !== undefined) return join(compiled, PEER);
  const folder = mkdtempSync(join(tmpdir(), 'homeport-interop-'));
  const options = ['--ignoreConfig', '--target', 'ES2023', '--module', 'nodenext', '--types', 'node', '--skipLibCheck'];
  const paths = ['--rewriteRelativeImportExtensions', '--rootDir', ROOT, '--outDir', folder];
  const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
  execFileSync(compiler, [...options, ...paths, join(HERE, 'interop-peer.ts')], { cwd: ROOT, stdio: 'pipe' });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  compiled = folder;
  return join(folder, PEER);
}

export function removeCompiledPeer(): void {
  if (compiled !== undefined) rmSync(compiled, { recursive: true, force: true });
  compiled = undefined;
}

export interface ConnectOrder {
  readonly host: string;
  readonly port: number;
  readonly localPort?: number;
  readonly steps: readonly Step[];
  readonly count: number;
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

export class KernelPeer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #complaints: string[] = [];
  #orders = 0;

  static async start(netns: string): Promise<KernelPeer> {
    const peer = new KernelPeer(netns);
    await peer.#reply(0);
    return peer;
  }

  private constructor(netns: string) {
    const command = [`--net=${pathOf(netns)}`, process.execPath, compiledPeer()];
    this.#child = spawn('nsenter', command, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#complaints.push(text));
    this.#child.on('message', (reply: Reply) => this.#waiting.get(reply.id)?.(reply));
    this.#child.once('close', () => {
      const failure = `the kernel's end has gone: ${this.#complaints.join('').trim()}`;
      for (const [id, settle] of this.#waiting) settle({ id, failure });
    });
  }

  /** A port that listens; each connection to it plays the steps. */
  async listen(host: string, steps: readonly Step[]): Promise<number> {
    const { port } = await this.#order({ kind: 'listen', host, steps });
    if (port === undefined) throw new Error('no port in the reply');
    return port;
  }

  /** What became of `count` connections of that port, when they have closed. */
  async collect(port: number, count: number): Promise<readonly Outcome[]> {
    return (await this.#order({ kind: 'collect', port, count })).outcomes ?? [];
  }

  async connect(order: ConnectOrder): Promise<readonly Outcome[]> {
    return (await this.#order({ kind: 'connect', ...order })).outcomes ?? [];
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  #order(order: WithoutId<Order>): Promise<Reply> {
    this.#orders += 1;
    const id = this.#orders;
    const reply = this.#reply(id);
    this.#child.send({ id, ...order });
    return reply;
  }

  #reply(id: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (reply) => {
        this.#waiting.delete(id);
        if (reply.failure === undefined) resolve(reply);
        else reject(new Error(reply.failure));
      });
    });
  }
}
