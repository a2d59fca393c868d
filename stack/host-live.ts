// createHost(): a Host that runs by itself, with the system's clock, timers and randomness. For programs; tests
// and the simulator make a Host of their own with virtual time. Timers are Node's, good to a millisecond; who
// wants more brings a TimerQueue that tun/timer-driver.ts runs.

import type { Random } from './core/random.ts';
import { type Clock, type Instant, NEVER } from './core/time.ts';
import { TimerQueue } from './core/timer-queue.ts';
import type { Device } from './device/device.ts';
import { Host, type HostOptions } from './host.ts';
import { type Address, address, type Prefix } from './wire/address.ts';

export interface CreateHostOptions extends Partial<Omit<HostOptions, 'timers'>> {
  /** The link; more of them with Host.attach(). */
  readonly device: Device;
  /** Our addresses on it. */
  readonly addresses: readonly (string | Address)[];
  /** What is reached through it. Default: everything. */
  readonly routes?: readonly Prefix[];
  /** Default: a queue of its own. One that is shared with a FaultDevice drives both. */
  readonly timers?: TimerQueue;
  /** false: the caller runs the timers. Default: setTimeout() does. */
  readonly runTimers?: boolean;
}

/** A host that runs until it is closed. */
export class RunningHost extends Host {
  readonly #device: Device;
  readonly #driver: TimeoutDriver | undefined;

  constructor(options: CreateHostOptions) {
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    const timers = options.timers ?? new TimerQueue();
    super({ ...options, clock, random, timers, secret: options.secret ?? random.bytes(SECRET_LEN) });
    const addresses = options.addresses.map((a) => (typeof a === 'string' ? address(a) : a));
    this.#device = options.device;
    this.#driver = options.runTimers === false ? undefined : new TimeoutDriver(timers, clock);
    this.attach(options.device, { addresses, ...(options.routes && { routes: options.routes }) });
  }

  /** Ends timers and device at once, without a word to any peer: end sockets and servers before. */
  close(): void {
    this.#driver?.close();
    this.#device.close();
  }
}

/**
 * A host on a device, running.
 *
 * @example
 * const host = createHost({ device, addresses: ['2001:db8::1'] });
 * const server = http.createServer((request, response) => response.end('hello'));
 * host.serve(server).listen(80);
 */
export const createHost = (options: CreateHostOptions): RunningHost => new RunningHost(options);

const SECRET_LEN = 32;

/** CLOCK_MONOTONIC, in microseconds. */
const systemClock: Clock = {
  now: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return (seconds * 1_000_000 + Math.floor(nanoseconds / 1_000)) as Instant;
  },
};

/** The system's generator, a kilobyte at a time. */
class SystemRandom implements Random {
  readonly #words = new Uint32Array(256);
  #next = 256;

  u32(): number {
    if (this.#next === this.#words.length) {
      crypto.getRandomValues(this.#words);
      this.#next = 0;
    }
    const word = this.#words[this.#next] ?? 0;
    this.#words[this.#next++] = 0; // what was given out is a secret of whoever has it
    return word;
  }

  float(): number {
    return this.u32() / 0x1_0000_0000;
  }

  bytes(length: number): Uint8Array {
    return crypto.getRandomValues(new Uint8Array(length));
  }
}

const systemRandom = new SystemRandom();

/** Runs a TimerQueue by setTimeout(), which is set anew only for a deadline that comes sooner. */
class TimeoutDriver {
  readonly #queue: TimerQueue;
  readonly #clock: Clock;
  #timeout: NodeJS.Timeout | undefined;
  #armedFor: Instant = NEVER;

  constructor(queue: TimerQueue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
    queue.onEarlier = () => this.#arm();
    this.#arm();
  }

  close(): void {
    this.#queue.onEarlier = undefined;
    clearTimeout(this.#timeout);
  }

  #arm(): void {
    const next = this.#queue.nextDeadline();
    if (next >= this.#armedFor) return;
    clearTimeout(this.#timeout);
    this.#armedFor = next;
    this.#timeout = setTimeout(() => this.#run(), Math.ceil((next - this.#clock.now()) / 1_000));
  }

  #run(): void {
    this.#armedFor = NEVER;
    try {
      this.#queue.runDue(this.#clock.now());
    } finally {
      this.#arm(); // an action that throws must not stop the others' time
    }
  }
}
