// A live TCP connection whose packets take another way: route optimized (RFC 6275 11.3.1), back in the home agent's
// tunnel, or to another member. Segment sizes, windows, round trips and retransmissions, by their values.

import { describe, expect, test } from 'vitest';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import { PRESETS } from '../../stack/handoff/strategy.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { BulkApp, newProgress, type StreamProgress, writeStream } from './apps.ts';
import { download } from './download.ts';
import { findHeader } from './find-header.ts';
import { CONTACT, type MemberNode, World } from './world.ts';

const PORT = 80;
const ENDLESS = 1e9;
/** Of the receiver: a fifth of a second at the links' rate, so that the queues stay short. */
const WINDOW = 1_000_000;
/** 1500 less IPv6, TCP with timestamps, and a Home Address option or routing header; or a tunnel. */
const DIRECT_MSS = 1500 - 40 - 32 - 24;
const TUNNEL_MSS = 1500 - 40 - 32 - 40;
const WAYS = [
  ['a', 'c'],
  ['a', 'home'],
  ['home', 'c'],
  ['b', 'c'],
  ['b', 'home'],
] as const;

/** One-way latencies of the two ways between a member and the client. */
interface Latencies {
  readonly direct: number;
  readonly tunnel: number;
}
const SLOW_TUNNEL: Latencies = { direct: 10, tunnel: 120 };
const QUICK_TUNNEL: Latencies = { direct: 100, tunnel: 10 };

class Scene {
  readonly world: World;
  readonly download: { readonly connection: Connection; readonly progress: StreamProgress } | undefined;
  /** Of packets from here to there: the largest, and how many were fragments. */
  readonly sizes = new Map<string, { largest: number; fragments: number }>();

  constructor(ms: Latencies, flow: 'download' | 'upload' = 'download', offload = false) {
    const home = ms.tunnel / 2;
    const latencies = { donorAcceptor: 10, clientDonor: ms.direct, clientAcceptor: ms.direct, home };
    this.world = new World({ seed: 1, latencies });
    const { internet } = this.world;
    for (const [from, to] of WAYS) internet.join(from, to, { rate: 40e6, queueBytes: 40e6 });
    if (offload) for (const node of ['a', 'b']) internet.offload(node);
    internet.taps.push((_now, event, from, to, packet) => {
      if (event !== 'sent') return;
      const seen = this.sizes.get(`${from}>${to}`) ?? { largest: 0, fragments: 0 };
      seen.largest = Math.max(seen.largest, packet.length);
      if (findHeader(packet, PROTOCOL.fragment) !== undefined) seen.fragments += 1;
      this.sizes.set(`${from}>${to}`, seen);
    });
    this.world.start(() => new Map([[PORT, new BulkApp(flow === 'download' ? ENDLESS : 0)]]));
    this.download =
      flow === 'download' ? download(this.world, PORT, this.world.c, { maxReceiveBuffer: WINDOW }) : undefined;
  }

  /** The member's end. */
  get server(): Connection {
    return serverAt(this.world.a);
  }

  untilBound(): this {
    const { a, c } = this.world;
    const bound = (): boolean => a.member.mobile.stateOf(c.careOf) === 'bound';
    expect(this.world.runUntil(bound, after(this.world.now, seconds(5)))).toBe(true);
    return this;
  }

  run(ms: number): this {
    this.world.runFor(milliseconds(ms));
    return this;
  }

  take(route: 'direct' | 'home-agent'): this {
    const { a, c, now } = this.world;
    a.member.mobile.useRoute(now, c.careOf, route);
    return this;
  }

  events(node: string, ...names: string[]): number {
    return this.world.traced.filter(({ node: at, event }) => at === node && names.includes(event.event)).length;
  }
}

const repairs = ['retransmit', 'fast-recovery', 'timeout'];

describe('RFC 6691: the size of segments follows the way', () => {
  test.each([false, true])(
    'tunnel, direct, tunnel, direct: full packets, no fragments (super-frames: %s)',
    (offload) => {
      const scene = new Scene(SLOW_TUNNEL, 'download', offload);
      scene.world.runUntil(() => scene.events('a', 'fast-recovery') > 0, after(scene.world.now, milliseconds(260)));
      expect(scene.server.info.sendMss).toBe(TUNNEL_MSS);
      expect(scene.untilBound().server.info.sendMss).toBe(DIRECT_MSS);
      expect(scene.run(1000).take('home-agent').server.info.sendMss).toBe(TUNNEL_MSS);
      expect(scene.run(1000).take('direct').server.info.sendMss).toBe(DIRECT_MSS);
      scene.run(1000);
      expect(scene.sizes.get('a>c')).toEqual({ largest: 1500, fragments: 0 });
      expect(scene.sizes.get('a>home')).toEqual({ largest: 1500, fragments: 0 });
      expect(scene.download?.progress.wrongAt).toBe(-1);
    },
  );

  test('RFC 6275 9.3.2: at the client, 24 octets for the routing header; the handoff changes nothing', () => {
    const scene = new Scene(SLOW_TUNNEL, 'upload');
    const up = upload(scene);
    scene.run(250);
    expect(up.connection.info.sendMss).toBe(TUNNEL_MSS); // the MSS that the member offers allows for the tunnel
    scene.untilBound().run(500);
    expect(up.connection.info.sendMss).toBe(TUNNEL_MSS - 24); // RFC 9293 3.7.1: less IPoptionsize
    expect(scene.sizes.get('c>a')).toEqual({ largest: 1500 - 40, fragments: 0 });
    scene.world.handoff('a', 'b', PRESETS.fast);
    scene.run(1000);
    expect(up.connection.info.sendMss).toBe(TUNNEL_MSS - 24);
    expect(scene.sizes.get('c>b')).toEqual({ largest: 1500 - 40, fragments: 0 });
  });

  test.each([false, true])(
    'segments that are lost on the direct way go again through the tunnel in smaller ones (super-frames: %s)',
    (offload) => {
      const scene = new Scene({ direct: 20, tunnel: 30 }, 'download', offload).untilBound().run(1000);
      scene.world.internet.configure('a', 'c', { loss: 1 });
      scene.run(4);
      const { retransmits } = scene.server.info;
      scene.take('home-agent').run(3000);
      expect(scene.server.info.retransmits - retransmits).toBeGreaterThan(10);
      expect(scene.sizes.get('a>home')).toEqual({ largest: 1500, fragments: 0 });
      expect(scene.download?.progress.wrongAt).toBe(-1);
      expect(scene.events('a', 'timeout')).toBe(0);
    },
  );
});

describe('RFC 6298: the round trip is that of the way in use', () => {
  test.each([
    ['a slow tunnel', SLOW_TUNNEL],
    ['a quick tunnel', QUICK_TUNNEL],
  ])(
    '%s: what was sent before the change gives no sample; until the first the RTO is a second at least',
    (_what, ms) => {
      const scene = new Scene(ms).untilBound();
      for (const route of ['home-agent', 'direct'] as const) {
        const { rto } = scene.run(1500).server.info;
        scene.take(route);
        expect(scene.server.info).toMatchObject({ srtt: undefined, minRtt: undefined, rto: Math.max(rto, seconds(1)) });
        const least = milliseconds(ms.direct + (route === 'direct' ? ms.direct : ms.tunnel));
        scene.world.runUntil(() => scene.server.info.srtt !== undefined, after(scene.world.now, seconds(1)));
        expect(scene.server.info.minRtt).toBeGreaterThanOrEqual(least);
      }
    },
  );

  test('a way whose round trip is twice the old RTO: no timeout', () => {
    const scene = new Scene({ direct: 5, tunnel: 500 });
    scene.world.runUntil(
      () => scene.world.a.member.mobile.stateOf(scene.world.c.careOf) === 'bound',
      after(scene.world.now, seconds(9)),
    );
    scene.run(3000);
    expect(scene.server.info.rto).toBeLessThan(milliseconds(500));
    const timeouts = scene.events('a', 'timeout'); // the handshake took longer than any first RTO
    scene.take('home-agent').run(5000);
    expect(scene.events('a', 'timeout')).toBe(timeouts);
    expect(scene.server.info.minRtt).toBeGreaterThan(milliseconds(500));
  });

  test('at a client whose binding moves to another member: the same headers, another way', () => {
    const scene = new Scene(SLOW_TUNNEL, 'upload');
    scene.world.internet.join('b', 'c', { delay: milliseconds(70) });
    const up = upload(scene);
    scene.untilBound().run(2000);
    expect(up.connection.info.minRtt).toBeLessThan(milliseconds(30));
    const box = scene.world.handoff('a', 'b', PRESETS.fast);
    scene.world.runUntil(() => box.report !== undefined, after(scene.world.now, seconds(5)));
    scene.run(1000);
    expect(box.report?.outcome.ok).toBe(true);
    expect(up.connection.info.minRtt).toBeGreaterThanOrEqual(milliseconds(140));
  });
});

describe('DESIGN.md 7: a member goes by its own path, not by that of the donor', () => {
  test.each([
    ['fast', 10, 150],
    ['fast', 150, 10],
    ['prefetched', 10, 400],
    ['prefetched', 400, 10],
  ] as const)(
    '%s, from %i ms to the client to %i ms: no timeout, no copy, a round trip of its own',
    (preset, from, to) => {
      const scene = new Scene({ direct: from, tunnel: 10 });
      const { world } = scene;
      world.internet.join('b', 'c', { delay: milliseconds(to) });
      scene.run(4000);
      const box = world.handoff('a', 'b', PRESETS[preset]);
      world.runUntil(() => box.report !== undefined, after(world.now, seconds(9)));
      scene.run(3000);
      expect(box.report?.outcome.ok).toBe(true);
      expect(scene.events('b', ...repairs)).toBe(0);
      const minRtt = serverAt(world.b).info.minRtt ?? 0;
      expect(minRtt).toBeGreaterThanOrEqual(milliseconds(2 * to));
      expect(minRtt).toBeLessThan(milliseconds(2 * to + 220)); // a window in the queue
      expect(scene.download?.progress.wrongAt).toBe(-1);
    },
  );
});

describe('RFC 8985 6.2: what took the former way is not lost because something overtakes it', () => {
  test.each([
    ['a slow tunnel', SLOW_TUNNEL],
    ['a quick tunnel', QUICK_TUNNEL],
  ])('%s: four changes, no copy, no recovery, window and threshold as they were', (_what, ms) => {
    const scene = new Scene(ms).untilBound().run(1500);
    const before = repairsOf(scene);
    for (const route of ['home-agent', 'direct', 'home-agent', 'direct'] as const) {
      const { cwnd, ssthresh } = scene.server.info;
      expect(scene.take(route).server.info).toMatchObject({ cwnd, ssthresh });
      scene.run(1000);
      expect(scene.server.info.cwnd).toBeGreaterThanOrEqual(cwnd);
    }
    expect(repairsOf(scene)).toBe(before);
    expect(scene.download?.progress.wrongAt).toBe(-1);
  });

  test('but what is lost there is found without a timeout, when it had its time', () => {
    const scene = new Scene(SLOW_TUNNEL).untilBound().run(1500).take('home-agent').run(1500);
    scene.world.internet.configure('a', 'home', { loss: 1 });
    scene.run(2);
    scene.world.internet.configure('a', 'home', { loss: 0 });
    const { retransmits } = scene.server.info;
    scene.take('direct').run(3000);
    expect(scene.server.info.retransmits - retransmits).toBeGreaterThan(1);
    expect(scene.server.info.retransmits - retransmits).toBeLessThan(20);
    expect(scene.events('a', 'timeout')).toBe(0);
    expect(scene.download?.progress.wrongAt).toBe(-1);
  });
});

function serverAt({ name, host }: MemberNode): Connection {
  const found = [...host.tcp.connections()].find(({ local }) => local.port === PORT);
  if (found === undefined) throw new Error(`no connection at ${name}`);
  return found;
}

const repairsOf = (scene: Scene): number => scene.events('a', ...repairs);

function upload(scene: Scene): { readonly connection: Connection; readonly progress: StreamProgress } {
  const { world } = scene;
  const connection = world.c.host.tcp.connect(world.now, { remote: { address: CONTACT, port: PORT } });
  if (typeof connection === 'string') throw new Error(connection);
  const progress = newProgress();
  const write = (now: typeof world.now): void => writeStream(now, connection, progress, ENDLESS);
  connection.events = { connected: write, writable: write };
  return { connection, progress };
}
