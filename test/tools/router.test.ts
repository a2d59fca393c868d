// The lab's router between devices in memory, on a virtual clock: delays to the microsecond, hop limits, errors.

import { expect, test } from 'vitest';
import { checksumHolds, sumWords } from '../../stack/core/checksum.ts';
import { EPOCH, type Instant, microseconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { type Device, type FramesHandler, NO_OFFLOADS } from '../../stack/device/device.ts';
import type { Address } from '../../stack/wire/address.ts';
import { address } from '../../stack/wire/address.ts';
import { parseIcmpv6 } from '../../stack/wire/icmpv6.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, PROTOCOL, parseIpv6Header, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { type LabSink, Router } from '../../tools/lab/router.ts';
import {
  CONTACT_ADDRESS,
  createTopology,
  ROUTER_ADDRESS,
  siteNamed,
  type TopologyOptions,
} from '../../tools/lab/topology.ts';

/** A site's end: what the router sends is kept with its time. */
class SiteDevice implements Device {
  readonly name: string;
  readonly mtu = 1500;
  readonly offloads = NO_OFFLOADS;
  readonly received: { readonly at: Instant; readonly bytes: Uint8Array }[] = [];
  #handler: FramesHandler | undefined;

  constructor(name: string) {
    this.name = name;
  }

  send(now: Instant, frames: Parameters<Device['send']>[1]): void {
    for (const { bytes } of frames) this.received.push({ at: now, bytes: bytes.slice() });
  }

  onFrames(handler: FramesHandler): void {
    this.#handler = handler;
  }

  emit(now: Instant, bytes: Uint8Array): void {
    this.#handler?.(now, [{ bytes }]);
  }

  close(): void {}
}

function world(options: TopologyOptions = {}) {
  const topology = createTopology({ overrides: [{ pairs: 'all', change: { rate: 0 } }], ...options });
  const timers = new TimerQueue();
  const sites = new Map(topology.sites.map(({ name }) => [name, new SiteDevice(name)]));
  const captured: string[] = [];
  const sink: LabSink = (now, site, _packet, lost) => {
    captured.push(`${now} ${site.name}${lost === undefined ? '' : ` ${lost}`}`);
  };
  const router = new Router({ topology, timers, devices: sites, sink });
  const site = (name: string): SiteDevice => {
    const device = sites.get(name);
    if (device === undefined) throw new Error(name);
    return device;
  };
  const run = (): void => {
    for (let next = timers.nextDeadline(); Number.isFinite(next); next = timers.nextDeadline()) timers.runDue(next);
  };
  return { topology, router, site, run, captured };
}

const node = (site: string): Address => siteNamed(createTopology(), site).node;

function packet(
  source: Address,
  destination: Address,
  options: { hopLimit?: number; size?: number; nextHeader?: number } = {},
): Uint8Array {
  const bytes = new Uint8Array(options.size ?? 100);
  const { hopLimit = 64, nextHeader = PROTOCOL.none } = options;
  const header = { trafficClass: 0, flowLabel: 0, payloadLength: bytes.length - IPV6_HEADER_LEN, nextHeader, hopLimit };
  emitIpv6Header({ ...header, source, destination }, bytes, 0);
  return bytes;
}

const hopLimitOf = (bytes: Uint8Array | undefined): number | undefined => bytes?.[7];

test('a packet takes exactly the delay of its ordered pair of sites', () => {
  const { site, run } = world({
    overrides: [
      { pairs: [['c', 'a']], change: { delay: microseconds(12_345), rate: 0 } },
      { pairs: 'all', change: { rate: 0 } },
    ],
  });
  site('c').emit(EPOCH, packet(node('c'), node('a')));
  site('a').emit(EPOCH, packet(node('a'), node('c')));
  run();
  expect(site('a').received.map((r) => r.at)).toEqual([12_345]);
  expect(site('c').received.map((r) => r.at)).toEqual([20_000]);
});

test('a rate spreads packets by the time each takes on the wire', () => {
  const { site, run } = world({ overrides: [{ pairs: 'all', change: { rate: 1e6 } }] });
  for (let i = 0; i < 3; i++) site('c').emit(EPOCH, packet(node('c'), node('a'), { size: 1250 }));
  run();
  expect(site('a').received.map((r) => r.at)).toEqual([30_000, 40_000, 50_000]);
});

test('RFC 8200 3: the hop limit goes down by one, all else stays, and the sender keeps its octets', () => {
  const { site, run } = world();
  const sent = packet(node('a'), node('b'), { hopLimit: 2 });
  site('a').emit(EPOCH, sent);
  run();
  const got = site('b').received[0]?.bytes;
  expect(hopLimitOf(got)).toBe(1);
  expect(hopLimitOf(sent)).toBe(2);
  if (got !== undefined) got[7] = 2;
  expect(got).toEqual(sent);
});

test('the home prefix is behind site home', () => {
  const { site, run } = world();
  site('c').emit(EPOCH, packet(node('c'), CONTACT_ADDRESS));
  run();
  expect(site('home').received.map((r) => r.at)).toEqual([7_000]);
});

test('loss follows the seed: the same packets arrive each time, others with another seed', () => {
  const arrivals = (seed: number): string => {
    const { site, run } = world({ seed, overrides: [{ pairs: 'all', change: { loss: 0.3, rate: 0 } }] });
    for (let i = 0; i < 200; i++) site('a').emit((i * 1000) as Instant, packet(node('a'), node('b')));
    run();
    return site('b')
      .received.map((r) => r.at / 1000 - 10)
      .join(' ');
  };
  expect(arrivals(5)).toBe(arrivals(5));
  expect(arrivals(5)).not.toBe(arrivals(6));
  const share = arrivals(5).split(' ').length / 200;
  expect(share).toBeGreaterThan(0.6);
  expect(share).toBeLessThan(0.8);
});

test.each([
  ['RFC 4443 3.3: hop limit exceeded', packet(node('c'), node('a'), { hopLimit: 1 }), 3],
  ['RFC 4443 3.1: no route', packet(node('c'), address('2001:db8:77::1')), 1],
])('%s is answered at once to the sender, quoting the packet, with a good checksum', (_name, offending, type) => {
  const { site, run } = world();
  site('c').emit(EPOCH, offending);
  run();
  expect(site('a').received).toEqual([]);
  const answer = site('c').received[0]?.bytes ?? new Uint8Array();
  const header = parseIpv6Header(answer);
  if (!header.ok) throw new Error(header.reason);
  expect(header.value.source).toEqual(ROUTER_ADDRESS);
  expect(header.value.destination).toEqual(node('c'));
  expect(parseIcmpv6(answer, IPV6_HEADER_LEN, answer.length)).toMatchObject({
    value: { kind: 'error', type, code: 0, quoted: offending },
  });
  const sum = pseudoHeaderSum(ROUTER_ADDRESS, node('c'), PROTOCOL.icmpv6, answer.length - IPV6_HEADER_LEN);
  expect(checksumHolds(sumWords(answer, IPV6_HEADER_LEN, answer.length, sum))).toBe(true);
});

test('RFC 4443 2.4 (e): an ICMPv6 error causes no error', () => {
  const { site, run, router } = world();
  const error = packet(node('c'), node('a'), { hopLimit: 1, nextHeader: PROTOCOL.icmpv6 });
  error[IPV6_HEADER_LEN] = 3;
  site('c').emit(EPOCH, error);
  run();
  expect(site('c').received).toEqual([]);
  expect(router.counters.get('hop-limit-exceeded')).toBe(1);
});

test('RFC 4443 2.4 (f): errors are limited in number', () => {
  const { site, run } = world();
  for (let i = 0; i < 500; i++) site('c').emit(EPOCH, packet(node('c'), node('a'), { hopLimit: 1 }));
  run();
  expect(site('c').received).toHaveLength(100);
});

test.each([
  ['cut short', packet(node('c'), node('a')).subarray(0, 60), 'malformed'],
  ['not IPv6', new Uint8Array(60), 'malformed'],
  ['link-local', packet(address('fe80::1'), node('a')), 'not-for-the-internet'],
  ['multicast', packet(node('c'), address('ff02::16')), 'not-for-the-internet'],
])('a packet that is %s goes nowhere and is counted', (_name, bytes, counter) => {
  const { site, run, router, captured } = world();
  site('c').emit(EPOCH, bytes);
  run();
  expect(router.counters.snapshot()).toEqual({ [counter]: 1 });
  expect(captured).toEqual([]);
});

test('the capture sees each packet once: where it comes into a site', () => {
  const { site, run, captured } = world();
  site('c').emit(5 as Instant, packet(node('c'), node('b')));
  run();
  expect(captured).toEqual(['20005 b']);
});

test('the capture sees what does not arrive where it left, with the reason', () => {
  const { site, run, captured } = world({
    overrides: [
      { pairs: [['c', 'a']], change: { loss: 1 } },
      { pairs: [['c', 'b']], change: { rate: 1000 } },
    ],
  });
  site('c').emit(EPOCH, packet(node('c'), node('a')));
  site('c').emit(EPOCH, packet(node('c'), node('a'), { hopLimit: 1 }));
  site('c').emit(EPOCH, packet(node('c'), address('2001:db8:77::1')));
  for (let i = 0; i < 200; i++) site('c').emit(EPOCH, packet(node('c'), node('b'), { size: 1500 }));
  expect(captured.slice(0, 5)).toEqual(['0 c lost', '0 c hop limit exceeded', '0 c', '0 c no route', '0 c']);
  expect(captured.at(-1)).toBe('0 c lost: the queue is full');
  run();
});
