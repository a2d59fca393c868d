// Our stack and the kernel's end of a test, on one link or with the lab's router in between, and connections between
// them in either role. Everything a scene makes is gone when it is closed.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TraceEvent } from '../../stack/core/trace.ts';
import type { Link } from '../../stack/device/fault.ts';
import type { Connection, TcpOptions } from '../../stack/tcp/api.ts';
import { sysctlIn } from '../../tools/bench/namespace.ts';
import { directScene, type Scene, type SceneOptions, type WanOptions, wanScene } from '../../tools/bench/scene.ts';
import { kernelCounters, offences, type Tolerated } from './interop-counters.ts';
import { KernelPeer } from './interop-kernel.ts';
import { type OurStep, type Outcome, openAll, play, type Step } from './interop-plays.ts';
import { Netns } from './support.ts';

/** Who opens the connection. */
export const OPENERS = ['our stack', 'the kernel'] as const;
export type Opener = (typeof OPENERS)[number];

interface Terms {
  readonly opener: Opener;
  /** So many at once; the seeds of each count from its number. Default 1. */
  readonly count?: number;
  /** All from this port of the opener's: one after the other, then. */
  readonly localPort?: number;
  /** Of our end. */
  readonly tcp?: TcpOptions;
  /** Of our listener. Default: room for all. */
  readonly backlog?: number;
}

export interface Conversation extends Terms {
  /** What the end that opens does, and what the other does. */
  readonly open: readonly Step[];
  readonly accept: readonly Step[];
}

interface Sides extends Terms {
  readonly ours: readonly OurStep[];
  readonly theirs: readonly Step[];
}

export interface Outcomes {
  readonly opened: readonly Outcome[];
  readonly accepted: readonly Outcome[];
}

/** The outcomes of a single connection. */
export interface Pair {
  readonly opened: Outcome;
  readonly accepted: Outcome;
}

const BACKLOG = 4096;
/** What the accepting end may take longer than the opening one. */
const GRACE_MS = 10_000;
const MAX_TOLD = 3;

export class Interop {
  readonly scene: Scene;
  readonly kernel: KernelPeer;
  /** Changes of state of our connections, as 'FROM > TO'. */
  readonly transitions: string[];
  /** The path, where there is one: each direction of it. */
  readonly links: { readonly toKernel: Link; readonly toStack: Link } | undefined;
  /** Where the stack's device is; on a path, a kernel that forwards lies behind it. */
  readonly near: Netns;
  readonly far: Netns;

  /** Stack and kernel on one link. */
  static async direct(options: SceneOptions = {}): Promise<Interop> {
    const netns = new Netns();
    const transitions: string[] = [];
    const scene = directScene(netns.name, { ...options, trace: recorder(transitions) });
    return new Interop(scene, transitions, { near: netns, far: netns }, await KernelPeer.start(netns.name));
  }

  /** The router's path in between. */
  static async wan(options: WanOptions): Promise<Interop> {
    const [near, far] = [new Netns(), new Netns()];
    const transitions: string[] = [];
    const scene = wanScene(near.name, far.name, { ...options, trace: recorder(transitions) });
    return new Interop(scene, transitions, { near, far }, await KernelPeer.start(far.name), scene.links);
  }

  private constructor(
    scene: Scene,
    transitions: string[],
    netns: { readonly near: Netns; readonly far: Netns },
    kernel: KernelPeer,
    links?: { readonly toKernel: Link; readonly toStack: Link },
  ) {
    this.scene = scene;
    this.transitions = transitions;
    this.near = netns.near;
    this.far = netns.far;
    this.kernel = kernel;
    this.links = links;
  }

  /** Settings of the kernel's end, below /proc/sys/net/. */
  sysctl(settings: Readonly<Record<string, number | string>>): void {
    sysctlIn(this.scene.kernelNetns, settings);
  }

  /** Both ends of one connection, when it has closed. */
  async run(conversation: Omit<Conversation, 'count'>): Promise<Pair> {
    const { opened, accepted } = await this.runMany(conversation);
    return { opened: single(opened), accepted: single(accepted) };
  }

  runMany({ open, accept, ...terms }: Conversation): Promise<Outcomes> {
    const [ours, theirs] = terms.opener === 'our stack' ? [open, accept] : [accept, open];
    return this.#run({ ...terms, ours, theirs });
  }

  /** Data flows both ways (the kernel sends back all that comes) until `watch` is done: however slow this machine is. */
  async flow(opener: Opener, watch: () => Promise<void>): Promise<Pair> {
    const watched = watch();
    const ours: OurStep[] = [['write-until', watched, 1], ['end'], ['receive-end']];
    const [{ opened, accepted }] = await Promise.all([this.#run({ opener, ours, theirs: [['echo']] }), watched]);
    return { opened: single(opened), accepted: single(accepted) };
  }

  /** A port of the kernel's or of ours where nobody listens. */
  async connectTo(opener: Opener, port: number): Promise<Outcome> {
    const count = 1;
    if (opener === 'our stack') return this.#open(port, []);
    return single(await this.kernel.connect({ host: this.scene.stackAddress.toString(), port, steps: [], count }));
  }

  /** RFC 9293 3.5: both open towards each other, at once. `open` is what we do, `accept` what the kernel does. */
  async simultaneously(ports: { ours: number; theirs: number }, steps: Pick<Conversation, 'open' | 'accept'>) {
    const kernelSide = {
      host: this.scene.stackAddress.toString(),
      port: ports.ours,
      localPort: ports.theirs,
      steps: steps.accept,
      count: 1,
    };
    const theirs = this.kernel.connect(kernelSide);
    const ours = this.#open(ports.theirs, steps.open, 0, ports.ours);
    return { opened: await ours, accepted: single(await theirs) };
  }

  /** Our connections that there are now. */
  connections(): readonly Connection[] {
    return [...this.scene.stack.host.tcp.connections()];
  }

  /** What the kernel has to complain of, since the beginning. */
  offences(tolerated?: Tolerated): string[] {
    return offences(kernelCounters(this.scene.kernelNetns), tolerated);
  }

  close(): void {
    this.kernel.close();
    this.scene.close();
    for (const netns of new Set([this.near, this.far])) netns.close();
  }

  #run(sides: Sides): Promise<Outcomes> {
    return sides.opener === 'the kernel' ? this.#kernelOpens(sides) : this.#stackOpens(sides);
  }

  async #stackOpens({ ours, theirs, count = 1, localPort, tcp }: Sides): Promise<Outcomes> {
    const port = await this.kernel.listen(this.scene.kernelAddress.toString(), theirs);
    const opened = openAll(count, localPort, (i) => this.#open(port, ours, i, localPort, tcp));
    return together(opened, this.kernel.collect(port, count));
  }

  #open(port: number, steps: readonly OurStep[], seed = 0, localPort?: number, tcp: TcpOptions = {}): Promise<Outcome> {
    const { stack, kernelAddress } = this.scene;
    const from = localPort === undefined ? {} : { localPort };
    const where = { address: kernelAddress, port, ...from };
    return play(stack.host.connect({ ...where, allowHalfOpen: true, noDelay: true, tcp }), steps, seed);
  }

  async #kernelOpens({ ours, theirs, count = 1, localPort, backlog = BACKLOG }: Sides): Promise<Outcomes> {
    const { stack, stackAddress } = this.scene;
    const plays: Promise<Outcome>[] = [];
    const options = { address: stackAddress, port: 0, backlog, allowHalfOpen: true, noDelay: true };
    const server = stack.host.listen(options, (socket) => {
      plays.push(play(socket, ours, plays.length));
      server.emit('played');
    });
    await once(server, 'listening');
    const port = server.address()?.port ?? 0;
    const from = localPort === undefined ? {} : { localPort };
    const opened = this.kernel.connect({ host: stackAddress.toString(), port, steps: theirs, count, ...from });
    const allPlayed = async (): Promise<Outcome[]> => {
      while (plays.length < count) await once(server, 'played');
      return Promise.all(plays);
    };
    try {
      return await together(opened, allPlayed());
    } finally {
      server.close();
    }
  }
}

/** An end that never saw its connection must not hide what the other end has to say. */
async function together(opened: Promise<readonly Outcome[]>, accepted: Promise<readonly Outcome[]>): Promise<Outcomes> {
  const patience = new AbortController();
  const missing = opened.then(async (outcomes) => {
    await sleep(GRACE_MS, undefined, { signal: patience.signal });
    const told = outcomes.toSorted((a, b) => Number(b.error !== null) - Number(a.error !== null)).slice(0, MAX_TOLD);
    throw new Error(`not all accepted; what the other end saw: ${JSON.stringify(told)}`);
  });
  missing.catch(() => {});
  try {
    return { accepted: await Promise.race([accepted, missing]), opened: await opened };
  } finally {
    patience.abort();
  }
}

const recorder =
  (transitions: string[]) =>
  (_now: unknown, { layer, event, detail }: TraceEvent): void => {
    if (layer === 'tcp' && event === 'state') transitions.push(`${detail.from} > ${detail.to}`);
  };

function single(outcomes: readonly Outcome[]): Outcome {
  const [outcome] = outcomes;
  if (outcome === undefined || outcomes.length !== 1) throw new Error(`one outcome expected, not ${outcomes.length}`);
  return outcome;
}
