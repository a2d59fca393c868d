// Path MTU discovery with nobody to help (RFC 4821, RFC 8899): two hosts, IPv6's search and TCP's probes together, over
// links that swallow large packets without a word. What is looked at: the size that is found, how long it takes, and
// that loss is not taken for size, nor size for loss.

import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { after, EPOCH, type Instant, milliseconds, NEVER } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { TraceEvent } from '../../stack/core/trace.ts';
import type { LinkConditions } from '../../stack/device/fault.ts';
import { Host } from '../../stack/host.ts';
import type { Detour } from '../../stack/ipv6/hooks.ts';
import type { Connection, TcpOptions } from '../../stack/tcp/api.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { Internet } from './internet.ts';

const A = address('2001:db8:a::1');
const B = address('2001:db8:b::1');
const HOME = address('2001:db8:f::1');
const PORT = 80;

interface PathOptions {
  /** Of the devices at both ends. */
  readonly mtu?: number;
  /** Of the link between them, one way each. */
  readonly link?: Partial<LinkConditions>;
  readonly seed?: number;
  /** B is spoken to by this address of its own, which is reached by a detour. */
  readonly remote?: Address;
  readonly detour?: Detour;
  readonly tcp?: Partial<TcpOptions>;
}

/** A sender on A that always has something to send, and a receiver on B that counts. */
class Path {
  readonly timers = new TimerQueue();
  readonly random: SeededRandom;
  readonly internet: Internet;
  readonly events: { readonly at: Instant; readonly event: TraceEvent }[] = [];
  readonly connection: Connection;
  readonly a: Host;
  now: Instant = EPOCH;
  received = 0;
  /** Nothing more is written. */
  quiet = false;
  /** Sizes of the packets with text that arrive at B: how many of each. */
  readonly sizes = new Map<number, number>();

  constructor({ mtu = 1500, link = {}, seed = 1, remote = B, detour, tcp = {} }: PathOptions) {
    this.random = new SeededRandom(seed);
    this.internet = new Internet(this.timers, this.random);
    this.internet.join('a', 'b', { delay: milliseconds(10), ...link });
    this.internet.taps.push((_now, event, from, _to, packet) => {
      if (event === 'delivered' && from === 'a')
        this.sizes.set(packet.length, (this.sizes.get(packet.length) ?? 0) + 1);
    });
    this.a = this.#host('a', A, mtu);
    const b = this.#host('b', B, mtu);
    if (detour !== undefined) this.#detour(b, remote, detour);
    b.tcp.listen({ port: PORT, ...tcp }, (_now, accepted) => {
      accepted.events = {
        readable: (now) => {
          for (let bytes = accepted.read(now); bytes; bytes = accepted.read(now)) this.received += bytes.length;
        },
      };
    });
    const opened = this.a.tcp.connect(this.now, { remote: { address: remote, port: PORT }, ...tcp });
    if (typeof opened === 'string') throw new Error(opened);
    this.connection = opened;
    opened.events = { connected: (now) => this.#fill(now), writable: (now) => this.#fill(now) };
  }

  /** After `quiet`. */
  resume(): this {
    this.quiet = false;
    this.#fill(this.now);
    return this;
  }

  run(ms: number): this {
    const until = after(this.now, milliseconds(ms));
    for (let next = this.timers.nextDeadline(); next !== NEVER && next <= until; next = this.timers.nextDeadline()) {
      this.now = next;
      this.timers.runDue(next);
    }
    this.now = until;
    return this;
  }

  /** Runs until the search is over (or `ms` are); says how long that took. */
  search(ms: number): number {
    const start = this.now;
    const isOver = (): boolean => this.count('black-hole') > 0 && this.a.ipv6.path(this.now, A, B).probe === 0;
    while (!isOver() && this.now - start < milliseconds(ms)) this.run(50);
    return (this.now - start) / 1000;
  }

  get mtu(): number {
    return this.a.ipv6.path(this.now, A, B).mtu;
  }

  /** Octets a second received during the next `ms`. */
  rate(ms: number): number {
    const before = this.received;
    this.run(ms);
    return (this.received - before) / (ms / 1000);
  }

  of(event: string): readonly string[] {
    const matching = this.events.filter((seen) => seen.event.event === event);
    return matching.map(({ event: { detail } }) => `${detail.size} ${detail.arrived === true ? 'arrived' : 'lost'}`);
  }

  count = (event: string): number => this.events.filter((seen) => seen.event.event === event).length;

  #detour(b: Host, remote: Address, detour: Detour): void {
    this.a.ipv6.addHooks({ output: { detour: (_source, to) => (to.equals(remote) ? detour : undefined) } });
    b.ipv6.addAddress(remote);
    b.ipv6.addHooks({ routingHeader2: { routingHeader2: () => 'accept' } });
    b.ipv6.register(PROTOCOL.ipv6, {
      input(now, outer) {
        b.ipv6.inject(now, outer.bytes.slice(outer.start, outer.end));
        return 'accepted';
      },
    });
  }

  #fill(now: Instant): void {
    while (!this.quiet && this.connection.write(now, CHUNK) === CHUNK.length);
  }

  #host(name: string, at: typeof A, mtu: number): Host {
    const trace = (now: Instant, event: TraceEvent): void => {
      if (name === 'a') this.events.push({ at: now, event });
    };
    const { timers, random } = this;
    const host = new Host({ timers, random, secret: Uint8Array.of(1), trace });
    host.attach(this.internet.attach(name, [prefix(`${at}/128`)], mtu), { addresses: [at] });
    return host;
  }
}

const CHUNK = new Uint8Array(64 * 1024);
/** Enough for the sender, little enough for the test to be quick. */
const RATE = { rate: 8e6, queueBytes: 40_000 };

describe('RFC 4821 7: a hole for large packets', () => {
  test.each([
    [1280, 1280, 1500],
    [1300, 1300, 1500],
    [1400, 1400, 1500],
    [1473, 1473, 1500],
    [1492, 1492, 1500],
    [4352, 4352, 9000],
    [8999, 8992, 9000],
  ])('packets over %i vanish: found to within 8 octets', (hole, least, mtu) => {
    const path = new Path({ mtu, link: { mtu: hole, ...RATE } });
    expect(path.search(10_000)).toBeLessThan(8000);
    expect(path.mtu).toBeLessThanOrEqual(hole);
    expect(path.mtu).toBeGreaterThan(least - 8);
    expect(path.count('black-hole')).toBe(1);
  });

  test('7.7: nothing of full size ever arrived: two timeouts, and the stream flows', () => {
    const path = new Path({ link: { mtu: 1400, ...RATE } });
    path.run(1000);
    expect(path.received).toBeGreaterThan(100_000);
  });

  test('7.4: the search costs no congestion window and no timeout', () => {
    const path = new Path({ link: { mtu: 1400 }, tcp: { sendBuffer: 100_000, receiveBuffer: 100_000 } });
    path.run(1000);
    const { ssthresh } = path.connection.info;
    const timeouts = path.count('timeout');
    path.search(10_000);
    expect(path.of('mtu-probe')).toContain('1400 arrived');
    expect(path.of('mtu-probe').filter((probe) => probe.endsWith('lost')).length).toBeGreaterThan(5);
    expect(path.connection.info.ssthresh).toBe(ssthresh);
    expect(path.count('timeout')).toBe(timeouts);
    expect(path.count('fast-recovery')).toBe(0);
  });

  test('a path that never failed is not probed at all', () => {
    const path = new Path({ link: RATE });
    path.run(3000);
    expect(path.count('mtu-probe')).toBe(0);
    expect(path.mtu).toBe(1500);
    expect([...path.sizes.keys()].every((size) => size <= 1500)).toBe(true);
  });

  test('an outage is no hole: the first probe after it is of the old size, and arrives', () => {
    const path = new Path({ link: RATE });
    path.run(2000);
    path.internet.configure('a', 'b', { loss: 1 });
    path.run(4000);
    expect(path.mtu).toBe(1280);
    path.internet.configure('a', 'b', { loss: 0 });
    path.search(12_000);
    expect(path.mtu).toBe(1500);
    expect(path.of('mtu-probe').at(-1)).toBe('1500 arrived');
  });

  test('a path that shrinks while data flows, and later grows again', () => {
    const path = new Path({ link: RATE });
    path.run(1000);
    path.internet.configure('a', 'b', { mtu: 1420 });
    path.search(15_000);
    expect(path.mtu).toBe(1420);
    path.internet.configure('a', 'b', { mtu: 1500 });
    path.quiet = true;
    path.run(590_000);
    path.resume().run(2000);
    expect(path.mtu).toBe(1420);
    path.run(10_000); // RFC 8899 5.1.1, PMTU_RAISE_TIMER
    expect(path.mtu).toBe(1500);
  });
});

describe('RFC 4821 7.4: loss and size are told apart', () => {
  test.each([1, 2, 3, 4, 5])(
    'a fiftieth of all packets is lost: a hole at 1400 is found for what it is (seed %i)',
    (seed) => {
      const path = new Path({ seed, link: { mtu: 1400, loss: 0.02, ...RATE } });
      path.run(60_000);
      expect(path.mtu).toBeLessThanOrEqual(1400);
      expect(path.mtu).toBeGreaterThan(1392);
    },
  );

  test.each([1, 2, 3, 4, 5])('a twentieth of all packets is lost, of every size: no hole is seen (seed %i)', (seed) => {
    const path = new Path({ seed, link: { loss: 0.05, ...RATE } });
    path.run(10_000);
    expect(path.mtu).toBe(1500);
  });
});

describe('with headers of mobility and tunnels: packets as they are on the wire are what is measured', () => {
  test.each([
    ['a type 2 routing header', { careOfDestination: B }, 24],
    ['a tunnel', { tunnel: { source: A, destination: B } }, 40],
  ] as const)('%s', (_name, detour, overhead) => {
    const path = new Path({ link: { mtu: 1440, ...RATE }, remote: HOME, detour });
    path.search(10_000);
    path.run(500);
    const largest = Math.max(...path.sizes.keys());
    expect(largest).toBeLessThanOrEqual(1440);
    expect(largest).toBeGreaterThan(1432);
    expect(path.connection.info.sendMss).toBe(largest - overhead - 72);
    expect(path.count('black-hole')).toBe(1);
  });
});

describe('what it is good for', () => {
  test('1 % loss over a path of 9000 with a hole at 8000: five times the octets of 1280', () => {
    const link = { mtu: 8000, loss: 0.01, delay: milliseconds(20) };
    const found = new Path({ mtu: 9000, link });
    found.search(30_000);
    expect(found.mtu).toBeGreaterThan(7990);
    const stuck = new Path({ mtu: 1280, link });
    stuck.run(2000);
    expect(found.rate(5000) / stuck.rate(5000)).toBeGreaterThan(4);
  });
});
