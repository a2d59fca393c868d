// A program in a network namespace of its own, which begins empty and is gone when the program is. A process
// namespace goes with it, so nothing that the program has started outlives it, nor outlives us, however we end.
// Terminal, standard streams and process group are the user's: Ctrl-C and the like reach the program as always.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { isatty } from 'node:tty';
import { UserError } from '../errors.ts';
import { unshareArguments } from '../lab/namespaces.ts';
import { childOf, childrenOf, exitStatusOf, signalProcess } from '../self.ts';

/**
 * The first process in there. It says that it is there, waits until the network is, and runs the program; when our end
 * of descriptor 3 is closed before the program has ended, it ends everything. A Ctrl-C is the program's matter: the trap,
 * which the program does not inherit, keeps the shell from ending of it.
 */
const INIT = `
echo >&3 && read -r go <&3 || exit 1
{ read -r end <&3; kill -KILL -1; } >/dev/null 2>&1 &
exec 3<&-
trap : INT
"$@"
exit $?
`;

/** They come to us alone, and are meant for the program. */
const PASSED_ON = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** A terminal sends these to the whole process group, the program included; anybody else to us alone. */
const OF_A_TERMINAL = ['SIGINT', 'SIGQUIT'] as const;

export class ContainedProgram {
  /** Path of its network namespace, which stays there until end(). */
  readonly netns: string;
  readonly #unshare: ChildProcess;
  readonly #control: Duplex;
  readonly #init: number;
  readonly #descriptor: number;
  readonly #ended: Promise<number>;

  private constructor(unshare: ChildProcess, control: Duplex, init: number, ended: Promise<number>) {
    this.#unshare = unshare;
    this.#control = control;
    this.#init = init;
    this.#ended = ended;
    this.#descriptor = openSync(`/proc/${init}/ns/net`, 'r');
    this.netns = `/proc/${process.pid}/fd/${this.#descriptor}`;
  }

  /** Makes the namespaces; the program does not run yet. */
  static async start(command: readonly string[]): Promise<ContainedProgram> {
    const args = [...unshareArguments(), 'sh', '-c', INIT, 'homeport', ...command];
    const unshare = spawn('unshare', args, { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] });
    const ended = once(unshare, 'exit').then(([code, signal]) => exitStatusOf(code, signal));
    ended.catch(() => {}); // whoever waits in run() is told
    const control = unshare.stdio[3] as Duplex;
    control.on('error', () => {}); // it is closed when the program has ended
    const isThere = await Promise.race([once(control, 'data').then(() => true), ended.then(() => false)]);
    const init = isThere && unshare.pid !== undefined ? childOf(unshare.pid) : undefined;
    if (init === undefined) throw new UserError("the program's namespaces cannot be made: see the line above");
    return new ContainedProgram(unshare, control, init, ended);
  }

  /** Lines for `ip -batch` in the namespace. */
  setUp(lines: string): void {
    execFileSync('nsenter', [`--net=${this.netns}`, 'ip', '-batch', '-'], { input: lines });
  }

  /** Lets it run, to its end; gives its exit status. */
  async run(): Promise<number> {
    const passOn = (signal: NodeJS.Signals): void => this.#signal(signal);
    const terminal = [0, 1, 2].some((descriptor) => isatty(descriptor)); // process.stdin would take the program's input
    for (const signal of PASSED_ON) process.on(signal, passOn);
    for (const signal of OF_A_TERMINAL) process.on(signal, terminal ? () => {} : passOn);
    this.#control.write('go\n');
    return this.#ended;
  }

  /** Ends it, if it still runs, and lets go of the namespace. */
  end(): void {
    if (this.#unshare.exitCode === null && this.#unshare.signalCode === null) signalProcess(this.#init, 'SIGKILL');
    this.#control.destroy();
    closeSync(this.#descriptor);
  }

  /** The program is the child of the first process that came last. */
  #signal(signal: NodeJS.Signals): void {
    const program = childrenOf(this.#init).at(-1);
    if (program !== undefined) signalProcess(program, signal);
  }
}
