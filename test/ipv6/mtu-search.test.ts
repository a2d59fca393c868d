import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Instant, seconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { MAX_PROBES, MtuSearch, SEARCH_GRAIN } from '../../stack/ipv6/mtu-search.ts';
import { PathMtu } from '../../stack/ipv6/pmtu.ts';
import { HOST, icmpError, PEER, START, sendFrom, world } from './world.ts';

/** Probes until the search is over; how many that took. */
function find(search: MtuSearch, hole: number, most = 200): number {
  let probes = 0;
  for (; search.candidate !== 0 && probes < most; probes++) {
    if (search.candidate <= hole) search.arrived(search.candidate);
    else search.lost(search.candidate);
  }
  return probes;
}

describe('RFC 8899 5: the search of one path', () => {
  test('the old size first: three probes before it is given up', () => {
    const search = new MtuSearch(1280, 1500);
    expect([search.candidate, search.lost(1500), search.lost(1500), search.candidate]).toEqual([
      1500,
      false,
      false,
      1500,
    ]);
    expect(search.lost(1500)).toBe(true);
    expect(search.high).toBe(1499);
    expect(MAX_PROBES).toBe(3);
  });

  test('one that arrives starts the count anew', () => {
    const search = new MtuSearch(1280, 1500);
    for (let i = 0; i < 3; i++) search.lost(1500);
    expect(search.candidate).toBe(1400); // RFC 4821 7.3: a common size, near the middle
    search.lost(1400);
    search.lost(1400);
    expect(search.arrived(1400)).toBe(true);
    search.lost(search.candidate);
    expect(search.low).toBe(1400);
    expect(search.high).toBe(1499);
  });

  test('any hole is found to within 8 octets, from below, in few probes', () => {
    const holes = fc.integer({ min: 1280, max: 9000 });
    fc.assert(
      fc.property(holes, fc.integer({ min: 1281, max: 9000 }), (hole, high) => {
        const search = new MtuSearch(1280, high);
        const probes = find(search, hole);
        const passes = Math.min(hole, high);
        expect(search.low).toBeLessThanOrEqual(passes);
        expect(search.low).toBeGreaterThan(passes - SEARCH_GRAIN);
        expect(probes).toBeLessThanOrEqual(MAX_PROBES * 14);
      }),
      { seed: 8 },
    );
  });

  test('RFC 4821 7.6.1: what a router says is the next size to try, to the octet', () => {
    const search = new MtuSearch(1280, 1500);
    expect(search.limit(1433)).toBe(true);
    expect(search.candidate).toBe(1433);
    search.arrived(1433);
    expect([search.low, search.candidate]).toEqual([1433, 0]);
    expect(search.limit(1433)).toBe(false);
    expect(search.limit(1300)).toBe(true);
    expect([search.low, search.high, search.candidate]).toEqual([1300, 1300, 0]);
  });

  test('news of sizes that are out of the question changes nothing', () => {
    const search = new MtuSearch(1280, 1500);
    for (let i = 0; i < 10; i++) expect(search.lost(1444)).toBe(false);
    expect(search.arrived(1280)).toBe(false);
    expect(search.arrived(9000)).toBe(false);
    expect([search.low, search.high, search.candidate]).toEqual([1280, 1500, 1500]);
  });

  test('5.1.1, PMTU_RAISE_TIMER: upwards again', () => {
    const search = new MtuSearch(1280, 1500);
    find(search, 1400);
    expect(search.raise(1500)).toBe(true);
    expect(search.candidate).toBe(1500);
    search.arrived(1500);
    expect([search.low, search.candidate]).toEqual([1500, 0]);
    expect(search.raise(1500)).toBe(false);
  });
});

describe('RFC 8899: paths that are searched', () => {
  const LATER = (START + seconds(600)) as Instant;

  function paths() {
    const timers = new TimerQueue();
    const grown: string[] = [];
    const made = new PathMtu(timers, (_now, destination) => grown.push(destination.toString()));
    return { timers, grown, made };
  }

  test('a black hole: down to the base, and a size to probe', () => {
    const { made } = paths();
    expect(made.blackHole(START, PEER, 1500, 9000)).toBe(true);
    expect([made.get(PEER, 9000), made.candidate(PEER, 9000)]).toEqual([1280, 1500]);
    expect(made.blackHole(START, PEER, 1500, 9000)).toBe(false);
    expect(made.candidate(HOST, 9000)).toBe(0);
  });

  test('no probe is larger than the first hop', () => {
    const { made } = paths();
    made.blackHole(START, PEER, 1500, 9000);
    expect(made.candidate(PEER, 1400)).toBe(0);
  });

  test('a search that gets to the size that had failed is done with', () => {
    const { made } = paths();
    made.blackHole(START, PEER, 1500, 9000);
    expect(made.probed(PEER, 1500, true)).toBe(true);
    expect([made.size, made.get(PEER, 9000)]).toEqual([0, 9000]);
  });

  test('after 600 s a path that is in use is searched anew, from where it was', () => {
    const { made, timers, grown } = paths();
    made.blackHole(START, PEER, 1500, 1500);
    for (let i = 0; i < 3; i++) made.probed(PEER, 1500, false);
    made.probed(PEER, 1400, true);
    timers.runDue(LATER);
    expect([made.get(PEER, 1500), made.candidate(PEER, 1500)]).toEqual([1400, 1500]);
    expect(grown).toEqual([PEER.toString()]);
    timers.runDue((LATER + seconds(600)) as Instant);
    expect(made.size).toBe(0); // nobody has probed since
  });

  test('a Packet Too Big about a probe moves search_high, not the MTU', () => {
    const made = world();
    made.ipv6.reportBlackHole(START, HOST, PEER, 1500);
    sendFrom(made.ipv6, START, new Uint8Array(1400), { protocol: 253 });
    const fragment = made.sent()[0]?.bytes ?? new Uint8Array();
    const probe = fragment.slice(0, 100);
    probe[4] = 5; // as a packet of 1400 octets would have looked, label and all
    probe[5] = 120;
    probe[6] = 253;
    made.arrive(START, icmpError(probe, 2, 0, 1330));
    expect(made.ipv6.path(START, HOST, PEER)).toMatchObject({ mtu: 1280, probe: 1330 });
    expect(made.upper.pathChanges.at(-1)).toEqual([HOST, PEER]);
  });

  test('a probe leaves whole, though it is larger than the path MTU; never larger than the device', () => {
    const made = world();
    made.ipv6.reportBlackHole(START, HOST, PEER, 1500);
    const probe = (length: number) => {
      const { buffer, start } = made.ipv6.allocate(length);
      const ends = { source: HOST, destination: PEER, protocol: 6, buffer, start, end: start + length };
      return made.ipv6.send(START, { ...ends, probe: true });
    };
    expect(probe(1460)).toBe('sent');
    expect(made.sent().map((frame) => frame.bytes.length)).toEqual([1500]);
    expect(probe(1461)).toBe('too-big');
  });
});
