// What a hostile peer can feed IPv6, by the hundred thousand: each structure stays within its bound, each packet costs
// little, and whoever else is there is served.

import { describe, expect, test } from 'vitest';
import { setU32 } from '../../stack/core/bytes.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { FairTable } from '../../stack/ipv6/fair-table.ts';
import {
  MAX_FRAGMENTS,
  MAX_REASSEMBLIES,
  MAX_REASSEMBLIES_OF_ONE_SITE,
  MAX_REASSEMBLY_OCTETS,
  MAX_REASSEMBLY_OCTETS_OF_ONE_SITE,
  Reassembly,
} from '../../stack/ipv6/reassembly.ts';
import { Address, address } from '../../stack/wire/address.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import {
  at,
  destinationOptions,
  fragment,
  HOST,
  header,
  hopByHop,
  icmpError,
  option,
  PEER,
  packet,
  START,
  sendFrom,
  world,
} from './world.ts';

/** An address in the i-th /64 of the attacker's. */
const siteOf = (i: number, host = 1): Address => new Address(0x20010db8, 0x66000000 + i, 0, host);

interface Shape {
  readonly source?: Address;
  readonly offset: number;
  readonly length?: number;
  readonly more?: boolean;
  readonly id: number;
}

/** A Reassembly fed without a stack around it, so that a hundred thousand fragments take no time. */
function reassembly() {
  const made = new Reassembly(new TimerQueue(), () => {});
  const ip = header(packet());
  const bytes = new Uint8Array(48 + 65_536);
  let mostPackets = 0;
  let mostOctets = 0;
  return {
    made,
    peaks: () => ({ packets: mostPackets, octets: mostOctets }),
    feed({ source = PEER, offset, length = 8, more = true, id }: Shape) {
      const fragmentHeader = { nextHeader: 253, offset, more, id };
      const lent = bytes.subarray(0, 48 + length);
      const at40 = { at: 40, nextHeaderAt: 6 };
      const result = made.add(START, { ip: { ...ip, source }, header: fragmentHeader, packet: lent, ...at40 });
      mostPackets = Math.max(mostPackets, made.size.packets);
      mostOctets = Math.max(mostOctets, made.size.octets);
      return result;
    },
  };
}

describe('RFC 8200 4.5: fragment bombs', () => {
  test('100,000 identifications of one source: a site has a quarter of the places', () => {
    const { feed, peaks } = reassembly();
    for (let id = 0; id < 100_000; id++) feed({ offset: 0, id });
    expect(peaks().packets).toBe(MAX_REASSEMBLIES_OF_ONE_SITE);
  });

  test('100,000 addresses of one /64 are one site', () => {
    const { feed, peaks } = reassembly();
    for (let id = 0; id < 100_000; id++) feed({ source: siteOf(0, id), offset: 0, id: 1 });
    expect(peaks().packets).toBe(MAX_REASSEMBLIES_OF_ONE_SITE);
  });

  test('100,000 sites: all the places there are, and no more', () => {
    const { feed, peaks, made } = reassembly();
    for (let i = 0; i < 100_000; i++) feed({ source: siteOf(i), offset: 0, id: 1 });
    expect(peaks().packets).toBe(MAX_REASSEMBLIES);
    expect(made.size.packets).toBe(MAX_REASSEMBLIES);
  });

  test('large fragments: memory of a site and memory in all are bounded', () => {
    const one = reassembly();
    for (let id = 0; id < 2000; id++) one.feed({ offset: 0, length: 60_000, id });
    expect(one.peaks().octets).toBeLessThanOrEqual(MAX_REASSEMBLY_OCTETS_OF_ONE_SITE + 61_000);
    expect(one.made.size.octets).toBeLessThanOrEqual(MAX_REASSEMBLY_OCTETS_OF_ONE_SITE);
    const many = reassembly();
    for (let i = 0; i < 2000; i++) many.feed({ source: siteOf(i), offset: 0, length: 60_000, id: 1 });
    expect(many.made.size.octets).toBeLessThanOrEqual(MAX_REASSEMBLY_OCTETS);
  });

  test('100,000 tiny fragments of a packet: one with more than 128 is spoiled, and what it held is let go', () => {
    const { feed, made } = reassembly();
    let spoiled = 0;
    for (let i = 0; i < 100_000; i++) {
      const result = feed({ offset: (16 * i) % 65_520, id: Math.floor(i / 4095) });
      if (result !== undefined && 'dropped' in result && result.dropped === 'fragment-count') spoiled += 1;
    }
    expect(spoiled).toBe(Math.floor(100_000 / 4095) + 1);
    expect(made.size.octets).toBeLessThan(MAX_REASSEMBLIES * 1024);
    expect(MAX_FRAGMENTS).toBe(128);
  });

  test('100,000 overlapping fragments leave a mark a packet and no octets', () => {
    const { feed, made } = reassembly();
    for (let i = 0; i < 100_000; i++) feed({ offset: i % 2 === 0 ? 0 : 8, length: 16, id: i >>> 1 });
    expect(made.size.octets).toBeLessThanOrEqual(MAX_REASSEMBLIES_OF_ONE_SITE * 512);
  });

  test('20,000 fragments beyond 65,535: refused at the door, few of them answered, nothing kept', () => {
    const { arrive, drops, sent } = world();
    const payload = new Uint8Array(16);
    for (let i = 0; i < 20; i++) {
      const extensions = [fragment({ offset: 65_528, more: i % 2 === 0, id: i })];
      arrive(START, ...new Array<Uint8Array>(1000).fill(packet({ extensions, payload })));
    }
    expect(drops('fragment-too-long')).toBe(20_000);
    expect(sent().length).toBe(50);
  });

  test('one site’s flood takes nothing from another, whose fragments lie far apart', () => {
    const { feed } = reassembly();
    const attacker = siteOf(0);
    feed({ offset: 0, id: 7 });
    for (let id = 0; id < 5000; id++) feed({ source: attacker, offset: 0, length: 60_000, id });
    expect(feed({ offset: 8, id: 7, more: false })).toHaveProperty('packet');
  });

  test('four sites that flood together take nothing from one whose fragments come together', () => {
    const { feed } = reassembly();
    let whole = 0;
    for (let id = 0; id < 10_000; id++) {
      feed({ offset: 0, id });
      for (let i = 0; i < 4; i++) feed({ source: siteOf(i), offset: 0, id });
      if (feed({ offset: 8, id, more: false }) !== undefined) whole += 1;
    }
    expect(whole).toBe(10_000);
  });
});

describe('FairTable', () => {
  test('a site beyond its share loses its own oldest; a full table the oldest of all', () => {
    const evicted: string[] = [];
    const table = new FairTable<string>({ entries: 4, entriesOfOneSite: 2 }, (value) => evicted.push(value));
    const add = (name: string, site: number) => table.add(name, siteOf(site), name);
    add('a1', 1);
    add('b1', 2);
    add('b2', 2);
    add('b3', 2);
    expect(evicted).toEqual(['b1']);
    add('c1', 3);
    add('d1', 4);
    expect(evicted).toEqual(['b1', 'a1']);
    expect(table.size).toBe(4);
    table.add('b2', siteOf(2), 'b2 again');
    expect(table.get('b2')).toBe('b2 again');
    expect(evicted.length).toBe(2);
    expect(table.oldest).toBe('b3');
  });
});

describe('RFC 8504 5.3: option and header bombs', () => {
  test.each([
    ['Destination Options full of Pad1', 'excess-padding', packet({ extensions: [padding(2046)] })],
    [
      'a thousand options',
      'too-many-options',
      packet({ extensions: [hopByHop(...new Array(1000).fill(option(30, 0)))] }),
    ],
    ['33 headers', 'too-many-extension-headers', packet({ extensions: new Array(33).fill(destinationOptions()) })],
  ])('5,000 packets with %s: nothing delivered, nothing answered, nothing kept', (_name, reason, bytes) => {
    const { arrive, drops, sent, upper } = world({ mtu: 9000 });
    for (let i = 0; i < 5; i++) arrive(START, ...new Array<Uint8Array>(1000).fill(bytes));
    expect(drops(reason)).toBe(5000);
    expect(upper.packets).toEqual([]);
    expect(sent()).toEqual([]);
  });
});

function padding(length: number) {
  return {
    protocol: PROTOCOL.destinationOptions,
    emit(next: number) {
      const bytes = new Uint8Array(length + 2);
      bytes[0] = next;
      bytes[1] = bytes.length / 8 - 1;
      return bytes;
    },
  };
}

describe('floods of ICMPv6', () => {
  test('RFC 4443 2.4(f): 100,000 packets that deserve an error in a second: 149 answers', () => {
    const { arrive, ipv6, sent } = world();
    const offending = packet({ protocol: 200 });
    let answers = 0;
    for (let ms = 0; ms < 1000; ms += 10) {
      arrive(at(ms), ...new Array<Uint8Array>(1000).fill(offending));
      answers += sent().length;
    }
    expect(answers).toBe(149);
    expect(ipv6.counters.get('icmp.rate-limited')).toBe(100_000 - 149);
  });

  test('RFC 8201 6: 100,000 made-up reports of Packet Too Big for 100,000 paths change nothing', () => {
    const { arrive, ipv6, drops } = world();
    const quoted = new Uint8Array(60);
    quoted.set(packet({ source: HOST, payload: new Uint8Array(1400) }).subarray(0, 60));
    for (let i = 0; i < 100_000; i += 1000) {
      const reports: Uint8Array[] = [];
      for (let k = 0; k < 10; k++) {
        setU32(quoted, 36, i + k);
        reports.push(icmpError(quoted, 2, 0, 1300));
      }
      arrive(START, ...reports.flatMap((report) => new Array<Uint8Array>(100).fill(report)));
    }
    expect(drops('packet-too-big-made-up')).toBe(100_000);
    for (let i = 0; i < 10; i++) expect(ipv6.path(START, HOST, new Address(0x20010db8, 0x20000, 0, i)).mtu).toBe(1500);
  });

  test('RFC 8201 4: true reports of one site fill its share of the table, not another’s', () => {
    const { arrive, ipv6, sent } = world();
    const reported = (destination: Address): void => {
      sendFrom(ipv6, START, new Uint8Array(1400), { destination });
      const [frame] = sent();
      arrive(START, icmpError(frame?.bytes.subarray(0, 100) ?? new Uint8Array(), 2, 0, 1300));
    };
    reported(PEER);
    for (let i = 0; i < 200; i++) reported(siteOf(0, i + 1));
    expect(ipv6.path(START, HOST, PEER).mtu).toBe(1300);
    expect(ipv6.path(START, HOST, siteOf(0, 1)).mtu).toBe(1500);
    expect(ipv6.path(START, HOST, siteOf(0, 200)).mtu).toBe(1300);
  });

  test('20,000 errors about packets of ours cost no memory and go up once each', () => {
    const { arrive, upper } = world();
    const quoted = packet({ source: HOST, destination: address('2001:db8:2::2') });
    const report = icmpError(quoted, 1, 0);
    let heard = 0;
    upper.icmpError = () => {
      heard += 1;
    };
    for (let i = 0; i < 20; i++) arrive(START, ...new Array<Uint8Array>(1000).fill(report));
    expect(heard).toBe(20_000);
  });
});

describe('RFC 2473: tunnels in tunnels', () => {
  test('20,000 packets nested 28 deep: each is given up at the bound', () => {
    const { ipv6, drops } = world();
    ipv6.register(PROTOCOL.ipv6, {
      input(now, outer) {
        ipv6.inject(now, outer.bytes.subarray(outer.start, outer.end));
        return 'accepted';
      },
    });
    let bytes = packet();
    for (let i = 0; i < 28; i++) bytes = packet({ protocol: PROTOCOL.ipv6, payload: bytes });
    for (let i = 0; i < 20_000; i++) ipv6.inject(START, bytes);
    expect(drops('tunnel-nesting')).toBe(20_000);
  });

  test('fragments in a tunnel of fragments are counted like any others', () => {
    const { ipv6, upper } = world();
    const inner = packet({ extensions: [fragment({ offset: 0, more: true, id: 1 })], payload: new Uint8Array(8) });
    for (let id = 0; id < 1000; id++) ipv6.inject(START, inner, { source: PEER, destination: HOST });
    expect(upper.packets).toEqual([]);
    expect(ipv6.counters.get('drop.fragment-duplicate')).toBe(999);
  });
});
