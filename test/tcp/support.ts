// Two TCP layers back to back on a virtual clock: a fake IPv6 under each, and between them a wire that delays,
// loses, duplicates and reorders by a seed. Addresses can be pointed at another layer while packets are under way.

import { checksumOf, sumWords } from '../../stack/core/checksum.ts';
import { below, SeededRandom } from '../../stack/core/random.ts';
import { type Duration, EPOCH, type Instant, milliseconds, NEVER, ZERO } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import {
  HEADROOM,
  type IcmpErrorReport,
  type Ipv6Port,
  type OutgoingPacket,
  type PacketSpace,
  type Path,
  type ReceivedPacket,
  type SendVerdict,
  type UpperLayer,
} from '../../stack/ipv6/port.ts';
import type {
  Connection,
  ConnectionError,
  ConnectOptions,
  Listener,
  ListenOptions,
  TcpObserver,
} from '../../stack/tcp/api.ts';
import { Tcp } from '../../stack/tcp/tcp.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { parseTcpHeader, type TcpHeader } from '../../stack/wire/tcp.ts';

export const A = address('2001:db8:a::1');
export const B = address('2001:db8:b::1');

export interface WireOptions {
  readonly seed?: number;
  /** One way. Default 10 ms. */
  readonly delay?: Duration;
  /** Added to the delay, uniformly random: reorders. */
  readonly jitter?: Duration;
  readonly loss?: number;
  readonly duplicate?: number;
  readonly mtu?: number;
  readonly gso?: boolean;
  /** What the buffers of each TCP layer may hold. */
  readonly maxMemory?: number;
}

/** A TCP segment as it went over the wire. */
export interface WireSegment {
  readonly at: Instant;
  readonly from: Address;
  readonly to: Address;
  readonly header: TcpHeader;
  readonly text: Uint8Array;
  readonly gsoSize: number;
  readonly trafficClass: number;
}

interface Flying {
  readonly at: Instant;
  readonly order: number;
  readonly segment: WireSegment;
  readonly bytes: Uint8Array;
}

/** Runs everything: packets under way, timers, and what a test has scheduled. */
export class World {
  now: Instant = EPOCH;
  readonly timers = new TimerQueue();
  readonly random: SeededRandom;
  /** Everything that was sent, lost segments included. */
  readonly sent: WireSegment[] = [];
  /** Decides the fate of a segment before chance does. */
  filter: ((segment: WireSegment, index: number) => 'pass' | 'drop') | undefined;
  readonly options: { -readonly [K in keyof Required<WireOptions>]: Required<WireOptions>[K] };
  readonly #flying: Flying[] = [];
  readonly #receivers = new Map<string, FakeIpv6>();
  #order = 0;

  constructor(options: WireOptions = {}) {
    const defaults = {
      seed: 1,
      delay: milliseconds(10),
      jitter: ZERO,
      loss: 0,
      duplicate: 0,
      mtu: 1500,
      gso: false,
      maxMemory: 512 << 20,
    };
    this.options = { ...defaults, ...options };
    this.random = new SeededRandom(this.options.seed);
  }

  host(at: Address, observer?: TcpObserver): TestHost {
    const ipv6 = new FakeIpv6(this, at);
    const tcp = new Tcp({
      ipv6,
      timers: this.timers,
      random: this.random,
      secret: Uint8Array.of(1, 2, 3),
      maxMemory: this.options.maxMemory,
      ...(observer === undefined ? {} : { observer }),
    });
    return { ipv6, tcp };
  }

  /** Packets to this address go to this layer from now on. */
  attach(at: Address, ipv6: FakeIpv6): void {
    this.#receivers.set(at.key, ipv6);
  }

  transmit(packet: OutgoingPacket): void {
    const segment = describe(this.now, packet);
    const index = this.sent.push(segment) - 1;
    if (this.filter?.(segment, index) === 'drop') return;
    const { loss, duplicate } = this.options;
    if (loss > 0 && this.random.float() < loss) return;
    this.#fly(segment, packet);
    if (duplicate > 0 && this.random.float() < duplicate) this.#fly(segment, packet);
  }

  /** Runs until nothing is left to do, or until `until`. */
  run(until: Instant = NEVER, maxSteps = 2_000_000): void {
    for (let step = 0; step < maxSteps; step++) {
      const flying = this.#earliest();
      const next = Math.min(flying?.at ?? NEVER, this.timers.nextDeadline()) as Instant;
      if (next > until || next === NEVER) {
        if (until !== NEVER) this.now = until;
        return;
      }
      this.now = Math.max(this.now, next) as Instant;
      if (flying !== undefined && flying.at <= this.now) this.#deliver(flying);
      this.timers.runDue(this.now);
    }
    throw new Error('the world does not come to rest');
  }

  runFor(duration: Duration): void {
    this.run((this.now + duration) as Instant);
  }

  #fly(segment: WireSegment, packet: OutgoingPacket): void {
    const { delay, jitter } = this.options;
    const at = (this.now + delay + below(this.random, jitter + 1)) as Instant;
    const bytes = packet.buffer.slice(packet.start, packet.end);
    this.#flying.push({ at, order: this.#order++, segment, bytes });
  }

  #earliest(): Flying | undefined {
    let first: Flying | undefined;
    for (const one of this.#flying) {
      if (first === undefined || one.at < first.at || (one.at === first.at && one.order < first.order)) first = one;
    }
    return first;
  }

  #deliver(flying: Flying): void {
    this.#flying.splice(this.#flying.indexOf(flying), 1);
    const { segment, bytes } = flying;
    this.#receivers.get(segment.to.key)?.receive(this.now, segment, bytes);
  }
}

function describe(at: Instant, packet: OutgoingPacket): WireSegment {
  const header = parseTcpHeader(packet.buffer, packet.start, packet.end);
  if (!header.ok) throw new Error(`a malformed segment left: ${header.reason}`);
  return {
    at,
    from: packet.source,
    to: packet.destination,
    header: header.value,
    text: packet.buffer.slice(header.end, packet.end),
    gsoSize: packet.gsoSize ?? 0,
    trafficClass: packet.trafficClass ?? 0,
  };
}

export class FakeIpv6 implements Ipv6Port {
  readonly address: Address;
  readonly #world: World;
  #upper: UpperLayer | undefined;
  /** Overrides what the wire says of the path. */
  pathOverride: Partial<Path> = {};
  readonly blackHoles: number[] = [];
  /** What TCP said of its probes, and who is told. */
  readonly probes: string[] = [];
  onProbe: ((size: number, arrived: boolean) => void) | undefined;

  constructor(world: World, at: Address) {
    this.#world = world;
    this.address = at;
    world.attach(at, this);
  }

  register(_protocol: number, layer: UpperLayer): void {
    this.#upper = layer;
  }

  allocate(length: number): PacketSpace {
    return { buffer: new Uint8Array(HEADROOM + length), start: HEADROOM };
  }

  send(_now: Instant, packet: OutgoingPacket): SendVerdict {
    const { mtu, overhead } = this.path();
    const tooBig = packet.end - packet.start + 40 + overhead > mtu;
    if (tooBig && packet.gsoSize === undefined && packet.probe !== true) return 'too-big';
    // The upper layer was told to leave the field at zero; the wire carries it complete, as a device would make it.
    const { source, destination, buffer, start, end, checksumOffset } = packet;
    const at = start + (checksumOffset ?? 16);
    const sum = sumWords(buffer, start, end, pseudoHeaderSum(source, destination, PROTOCOL.tcp, end - start));
    const checksum = checksumOf(sum);
    buffer[at] = checksum >>> 8;
    buffer[at + 1] = checksum & 0xff;
    this.#world.transmit(packet);
    return 'sent';
  }

  path(): Path {
    const { mtu, gso } = this.#world.options;
    return {
      mtu,
      overhead: 0,
      way: '',
      receiveOverhead: 0,
      probe: 0,
      gso,
      queueFrames: Number.POSITIVE_INFINITY,
      ...this.pathOverride,
    };
  }

  selectSource(): Address {
    return this.address;
  }

  isLocal(at: Address): boolean {
    return at.equals(this.address);
  }

  reportBlackHole(_now: Instant, _local: Address, _remote: Address, size: number): void {
    this.blackHoles.push(size);
  }

  reportProbe(_now: Instant, _local: Address, _remote: Address, size: number, arrived: boolean): void {
    this.probes.push(`${size} ${arrived ? 'arrived' : 'lost'}`);
    this.onProbe?.(size, arrived);
  }

  receive(now: Instant, segment: WireSegment, bytes: Uint8Array): void {
    const packet: ReceivedPacket = {
      source: segment.from,
      destination: segment.to,
      wireSource: segment.from,
      wireDestination: segment.to,
      protocol: PROTOCOL.tcp,
      bytes,
      start: 0,
      end: bytes.length,
      hopLimit: 64,
      trafficClass: segment.trafficClass,
      checksumValid: false,
      gsoSize: segment.gsoSize,
      hasHomeAddressOption: false,
      hasRoutingHeader2: false,
    };
    this.#upper?.input(now, packet);
    bytes.fill(0xee); // lent: whoever kept them sees garbage
  }

  changePath(change: Partial<Path>): void {
    this.pathOverride = { ...this.pathOverride, ...change };
    this.#upper?.pathChanged?.(this.#world.now, undefined, undefined);
  }

  icmp(report: Omit<IcmpErrorReport, 'protocol'>): void {
    this.#upper?.icmpError?.(this.#world.now, { ...report, protocol: PROTOCOL.tcp });
  }
}

export interface TestHost {
  readonly ipv6: FakeIpv6;
  readonly tcp: Tcp;
}

export type Told = 'connected' | 'readable' | 'writable' | 'peerFinished' | 'drained' | `closed:${string}`;

/** An application: writes what it was given as space allows, reads what comes, remembers what it was told. */
export class App {
  readonly world: World;
  connection: Connection;
  readonly told: Told[] = [];
  readonly received: Uint8Array[] = [];
  receivedLength = 0;
  error: ConnectionError | undefined;
  closed = false;
  /** Reads as soon as there is something. */
  autoRead = true;
  /** Closes when the peer has and everything is written. */
  autoShutdown = true;
  #toWrite: Uint8Array = new Uint8Array(0);
  #written = 0;
  #endAfter = false;

  constructor(world: World, connection: Connection) {
    this.world = world;
    this.connection = connection;
    this.adopt(connection);
  }

  /** Goes on with another connection object (after a handoff). */
  adopt(connection: Connection): void {
    this.connection = connection;
    connection.events = {
      connected: () => this.#note('connected'),
      readable: () => {
        this.#note('readable');
        if (this.autoRead) this.readAll();
      },
      writable: () => {
        this.#note('writable');
        this.#pump();
      },
      drained: () => this.#note('drained'),
      peerFinished: () => {
        this.#note('peerFinished');
        if (this.autoRead) this.readAll();
        if (this.autoShutdown && this.#written === this.#toWrite.length) this.connection.shutdown(this.world.now);
      },
      closed: (_now, error) => {
        this.#note(`closed:${error ?? 'ok'}`);
        this.closed = true;
        this.error = error;
      },
    };
  }

  /** Writes all of it, as the send buffer takes it. */
  send(bytes: Uint8Array, end = false): void {
    this.#toWrite = bytes;
    this.#written = 0;
    this.#endAfter = end;
    this.#pump();
  }

  pump(): void {
    this.#pump();
  }

  readAll(): void {
    for (let bytes = this.connection.read(this.world.now); bytes; bytes = this.connection.read(this.world.now)) {
      this.received.push(bytes);
      this.receivedLength += bytes.length;
    }
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.receivedLength);
    let at = 0;
    for (const part of this.received) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  #pump(): void {
    const left = this.#toWrite.subarray(this.#written);
    if (left.length > 0) this.#written += this.connection.write(this.world.now, left);
    if (this.#written === this.#toWrite.length && this.#endAfter) this.connection.shutdown(this.world.now);
  }

  #note(what: Told): void {
    this.told.push(what);
  }
}

export interface Pair {
  readonly world: World;
  readonly a: TestHost;
  readonly b: TestHost;
  readonly client: App;
  /** Undefined until the server has accepted. */
  readonly server: () => App;
}

export const PORT = 80;

/** A client on A and a server on B; nothing has run yet. */
export function pair(
  wire: WireOptions = {},
  options: { client?: Partial<ConnectOptions>; server?: Partial<ListenOptions>; accepted?: (app: App) => void } = {},
  from: World = new World(wire),
): Pair {
  const world = from;
  const a = world.host(A);
  const b = world.host(B);
  let server: App | undefined;
  const listener = b.tcp.listen({ port: PORT, ...options.server }, (_now, connection) => {
    server = new App(world, connection);
    options.accepted?.(server);
  });
  expectOpen(listener);
  const connection = a.tcp.connect(world.now, { remote: { address: B, port: PORT }, ...options.client });
  const client = new App(world, expectOpen(connection));
  const accepted = (): App => {
    if (server === undefined) throw new Error('nothing was accepted');
    return server;
  };
  return { world, a, b, client, server: accepted };
}

/** The same with the handshake done. */
export function established(...parameters: Parameters<typeof pair>): Pair {
  const made = pair(...parameters);
  made.world.runFor(milliseconds(50));
  return made;
}

export function expectOpen<T extends Connection | Listener>(opened: T | string): T {
  if (typeof opened === 'string') throw new Error(`open failed: ${opened}`);
  return opened;
}

/** Where two streams part ways; undefined: nowhere. (toEqual takes seconds for what this does in a millisecond.) */
export function firstDifference(got: Uint8Array, wanted: Uint8Array): number | undefined {
  const length = Math.max(got.length, wanted.length);
  for (let i = 0; i < length; i++) if (got[i] !== wanted[i]) return i;
  return undefined;
}

/** Octets that are different at every position: a shift or a hole shows. */
export function pattern(length: number, seed = 1): Uint8Array {
  return new SeededRandom(seed).bytes(length);
}
