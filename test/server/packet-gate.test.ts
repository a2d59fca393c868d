// PacketGate: what a frozen or installing end does not see is held, passed on, or let in again in its order.

import { describe, expect, test } from 'vitest';
import { setU16 } from '../../stack/core/bytes.ts';
import { checksumHolds, fold, sumWords } from '../../stack/core/checksum.ts';
import { Counters } from '../../stack/core/counters.ts';
import { type Duration, type Instant, seconds } from '../../stack/core/time.ts';
import type { ReceivedPacket } from '../../stack/ipv6/port.ts';
import { MAX_GATED_CLIENTS, MAX_HELD_OCTETS, PacketGate, TOMBSTONE_LIFETIME } from '../../stack/server/packet-gate.ts';
import { Address, address } from '../../stack/wire/address.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, PROTOCOL, parseIpv6Header, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { seq } from '../../stack/wire/seq.ts';
import { emitTcpHeader, parseTcpHeader, TCP_FLAG, TCP_HEADER_LEN } from '../../stack/wire/tcp.ts';
import { FakeIpv6 } from './fakes.ts';

const HOME = address('2001:db8:1::80');
const CARE_OF = address('2001:db8:a::1');
const OTHER_MEMBER = address('2001:db8:b::1');
const CLIENT = address('2001:db8:c::1');
const OTHER_CLIENT = address('2001:db8:c::2');
const NOW = 5_000_000 as Instant;
const CHECKSUM_AT = 16;
/** A type 2 routing header, as route-optimized packets of a client have it in front of TCP. */
const ROUTING_HEADER = 24;

interface Shape {
  readonly source?: Address;
  readonly destination?: Address;
  readonly protocol?: number;
  readonly payload?: Uint8Array;
  readonly badChecksum?: boolean;
}

/** A packet as IPv6 delivers it: TCP behind 24 octets of routing header, on the wire to the care-of address. */
function packet(shape: Shape = {}): ReceivedPacket {
  const { source = CLIENT, destination = HOME, payload = Uint8Array.of(1, 2, 3) } = shape;
  const protocol = shape.protocol ?? PROTOCOL.tcp;
  const start = IPV6_HEADER_LEN + ROUTING_HEADER;
  const bytes = new Uint8Array(start + TCP_HEADER_LEN + payload.length);
  const [hopLimit, trafficClass] = [55, 3];
  const payloadLength = bytes.length - IPV6_HEADER_LEN;
  emitIpv6Header(
    { trafficClass, flowLabel: 9, payloadLength, nextHeader: PROTOCOL.routing, hopLimit, source, destination: CARE_OF },
    bytes,
    0,
  );
  const ports = { sourcePort: 4000, destinationPort: 80 };
  emitTcpHeader({ ...ports, seq: seq(1000), ack: seq(1), flags: TCP_FLAG.ack, window: 1000 }, bytes, start);
  bytes.set(payload, start + TCP_HEADER_LEN);
  const pseudo = pseudoHeaderSum(source, destination, protocol, bytes.length - start);
  const whole = ~fold(sumWords(bytes, start, bytes.length, pseudo)) & 0xffff;
  setU16(bytes, start + CHECKSUM_AT, shape.badChecksum === true ? whole ^ 0x5555 : whole);
  return {
    source,
    destination,
    wireSource: source,
    wireDestination: CARE_OF,
    protocol,
    bytes,
    start,
    end: bytes.length,
    hopLimit,
    trafficClass,
    checksumValid: false,
    gsoSize: 0,
    hasHomeAddressOption: false,
    hasRoutingHeader2: true,
  };
}

const numbered = (n: number, shape: Shape = {}) => packet({ ...shape, payload: Uint8Array.of(n) });
const lastOctets = (packets: readonly Uint8Array[]) => packets.map((bytes) => bytes[bytes.length - 1]);
const client = (n: number) => new Address(0x20010db8, 0xc, 0, n);

function setup(isReachable = (_member: Address) => false) {
  const ipv6 = new FakeIpv6();
  const counters = new Counters();
  const gate = new PacketGate({ ipv6: ipv6.mobility, counters, homeAddress: HOME, careOf: CARE_OF, isReachable });
  return { ipv6, counters, gate };
}

/** The packet's headers; fails where they are not what the gate makes: IPv6, then TCP with a right checksum. */
function plainTcp(bytes: Uint8Array) {
  const ip = parseIpv6Header(bytes);
  if (!ip.ok) throw new Error(ip.reason);
  expect(ip.value).toMatchObject({ nextHeader: PROTOCOL.tcp, payloadLength: bytes.length - IPV6_HEADER_LEN });
  const { source, destination, payloadLength } = ip.value;
  const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.tcp, payloadLength);
  expect(checksumHolds(sumWords(bytes, IPV6_HEADER_LEN, bytes.length, pseudo)), 'TCP checksum').toBe(true);
  const tcp = parseTcpHeader(bytes, IPV6_HEADER_LEN, bytes.length);
  if (!tcp.ok) throw new Error(tcp.reason);
  return { ip: ip.value, tcp: tcp.value, payload: bytes.subarray(tcp.end) };
}

describe('which packets', () => {
  test('pass while the client is not handed off', () => {
    const { gate, ipv6 } = setup();
    expect(gate.deliver(NOW, packet())).toBe('pass');
    gate.hold(OTHER_CLIENT);
    expect(gate.deliver(NOW, packet())).toBe('pass');
    expect(ipv6.injected).toEqual([]);
  });

  test('of the client, but not TCP to the home address, pass all the same', () => {
    const { gate } = setup();
    gate.hold(CLIENT);
    expect(gate.deliver(NOW, packet({ protocol: PROTOCOL.mobility }))).toBe('pass');
    expect(gate.deliver(NOW, packet({ protocol: PROTOCOL.icmpv6 }))).toBe('pass');
    expect(gate.deliver(NOW, packet({ destination: CARE_OF }))).toBe('pass');
    expect(gate.deliver(NOW, packet({ source: OTHER_CLIENT }))).toBe('pass');
    expect(gate.deliver(NOW, packet())).toBe('taken');
  });
});

describe('super-frames and packets without a checksum', () => {
  test('have to be cut and completed for a client with an entry only', () => {
    const { gate } = setup();
    const big = packet({ payload: new Uint8Array(5000) });
    expect(gate.mayTake(big)).toBe(false);
    gate.hold(CLIENT);
    expect(gate.mayTake(big)).toBe(true);
    gate.forward(NOW, CLIENT, OTHER_MEMBER);
    expect(gate.mayTake(big)).toBe(true);
    gate.open(NOW, CLIENT);
    expect(gate.mayTake(big)).toBe(false);
  });

  test('may stay whole where deliver() lets them pass', () => {
    const { gate } = setup();
    gate.hold(CLIENT);
    for (const shape of [{ protocol: PROTOCOL.icmpv6 }, { destination: CARE_OF }, { source: OTHER_CLIENT }]) {
      expect([gate.mayTake(packet(shape)), gate.deliver(NOW, packet(shape))]).toEqual([false, 'pass']);
    }
  });
});

describe('hold', () => {
  test('keeps copies: the octets were only lent', () => {
    const { gate, ipv6 } = setup();
    gate.hold(CLIENT);
    const lent = numbered(7);
    gate.deliver(NOW, lent);
    lent.bytes.fill(0xee);
    gate.open(NOW, CLIENT);
    expect(lastOctets(ipv6.injected)).toEqual([7]);
  });

  test('said twice does not lose what is held', () => {
    const { gate, ipv6 } = setup();
    gate.hold(CLIENT);
    gate.deliver(NOW, numbered(1));
    gate.hold(CLIENT);
    gate.open(NOW, CLIENT);
    expect(lastOctets(ipv6.injected)).toEqual([1]);
  });

  test('is bounded for each client; what does not fit is lost and counted', () => {
    const { gate, ipv6, counters } = setup();
    gate.hold(CLIENT);
    gate.hold(OTHER_CLIENT);
    const big = packet({ payload: new Uint8Array(60_000) });
    const fits = Math.floor(MAX_HELD_OCTETS / (IPV6_HEADER_LEN + TCP_HEADER_LEN + 60_000));
    for (let n = 0; n < fits + 3; n++) expect(gate.deliver(NOW, big)).toBe('taken');
    gate.deliver(NOW, numbered(1, { source: OTHER_CLIENT }));
    expect(counters.get('gate-overflow')).toBe(3);
    gate.open(NOW, CLIENT);
    expect(ipv6.injected).toHaveLength(fits);
    gate.open(NOW, OTHER_CLIENT);
    expect(ipv6.injected).toHaveLength(fits + 1);
  });

  test('forgets an older tombstone, so that ping-pong makes no loop', () => {
    const { gate, ipv6 } = setup();
    gate.forward(NOW, CLIENT, OTHER_MEMBER);
    gate.hold(CLIENT);
    gate.deliver(NOW, packet());
    expect(ipv6.tunnelled).toEqual([]);
    gate.open(NOW, CLIENT);
    expect(ipv6.injected).toHaveLength(1);
    expect(gate.deliver(NOW, packet())).toBe('pass');
  });
});

describe('open', () => {
  test('lets in what was held, in its order, and then everything', () => {
    const { gate, ipv6 } = setup();
    gate.hold(CLIENT);
    for (const n of [1, 2, 3]) gate.deliver(NOW, numbered(n));
    gate.open(NOW, CLIENT);
    expect(lastOctets(ipv6.injected)).toEqual([1, 2, 3]);
    expect(gate.deliver(NOW, numbered(4))).toBe('pass');
  });

  test('a held packet that comes in again passes, even while others are still to come', () => {
    const { gate, ipv6 } = setup();
    gate.hold(CLIENT);
    for (const n of [1, 2]) gate.deliver(NOW, numbered(n));
    const verdicts: string[] = [];
    ipv6.onInject = (now) => verdicts.push(gate.deliver(now, packet()));
    gate.open(NOW, CLIENT);
    expect(verdicts).toEqual(['pass', 'pass']);
    expect(ipv6.injected).toHaveLength(2);
  });

  test('tells of the tunnel that a packet came through: TCP must know a late packet from another member', () => {
    const { gate, ipv6 } = setup();
    gate.hold(CLIENT);
    gate.deliver(NOW, { ...packet(), tunnel: { source: OTHER_MEMBER, destination: CARE_OF } });
    gate.deliver(NOW, packet());
    gate.open(NOW, CLIENT);
    expect(ipv6.injectedThrough).toEqual([OTHER_MEMBER, undefined]);
  });

  test('takes back a forward: a donor that got its client back', () => {
    const { gate, ipv6 } = setup();
    gate.forward(NOW, CLIENT, OTHER_MEMBER);
    gate.open(NOW, CLIENT);
    expect(gate.deliver(NOW, packet())).toBe('pass');
    expect(ipv6.injected).toEqual([]);
  });

  test('of a client that is not gated does nothing', () => {
    const { gate, ipv6 } = setup();
    gate.open(NOW, CLIENT);
    expect(ipv6.injected).toEqual([]);
  });
});

describe('forward (RFC 2473)', () => {
  test('sends what is held, in its order, and then what comes, from our care-of address to the member', () => {
    const { gate, ipv6, counters } = setup();
    gate.hold(CLIENT);
    for (const n of [1, 2]) gate.deliver(NOW, numbered(n));
    gate.forward(NOW, CLIENT, OTHER_MEMBER);
    expect(gate.deliver(NOW, numbered(3))).toBe('taken');
    expect(lastOctets(ipv6.tunnelled.map((t) => t.inner))).toEqual([1, 2, 3]);
    for (const t of ipv6.tunnelled) expect([t.source, t.destination]).toEqual([CARE_OF, OTHER_MEMBER]);
    expect(counters.get('gate-forwarded')).toBe(3);
    expect(ipv6.injected).toEqual([]);
  });

  test('a tombstone lives 2 MSL from its last use', () => {
    const { gate } = setup();
    gate.forward(NOW, CLIENT, OTHER_MEMBER);
    const later = (NOW + TOMBSTONE_LIFETIME) as Instant;
    expect(gate.deliver(later, packet())).toBe('taken');
    const latest = (later + TOMBSTONE_LIFETIME) as Instant;
    expect(gate.deliver(latest, packet())).toBe('taken');
    expect(gate.deliver((latest + TOMBSTONE_LIFETIME + 1) as Instant, packet())).toBe('pass');
    expect(gate.deliver(latest, packet())).toBe('pass');
  });

  test('it lives on while the other member has the client for certain, and can be reached', () => {
    let reachable = true;
    const { gate } = setup((member) => reachable && member.equals(OTHER_MEMBER));
    const late = (NOW + TOMBSTONE_LIFETIME + 1) as Instant;
    gate.forward(NOW, CLIENT, OTHER_MEMBER);
    gate.settle(CLIENT);
    gate.forward(NOW, OTHER_CLIENT, OTHER_MEMBER); // not for certain
    expect(gate.deliver(late, packet())).toBe('taken');
    expect(gate.deliver(late, packet({ source: OTHER_CLIENT }))).toBe('pass');
    reachable = false;
    expect(gate.deliver((late + TOMBSTONE_LIFETIME + 1) as Instant, packet())).toBe('pass');
  });

  test('RFC 9293 3.4.2: 2 MSL are four minutes', () => {
    expect(TOMBSTONE_LIFETIME).toBe(seconds(240) satisfies Duration);
  });

  test('a later member takes the place of an earlier one', () => {
    const { gate, ipv6 } = setup();
    gate.forward(NOW, CLIENT, OTHER_MEMBER);
    gate.forward(NOW, CLIENT, address('2001:db8:d::1'));
    gate.deliver(NOW, packet());
    expect(ipv6.tunnelled.map((t) => t.destination.toString())).toEqual(['2001:db8:d::1']);
  });
});

describe('table bound', () => {
  test('the oldest tombstone makes room; what is held stays', () => {
    const { gate, counters } = setup();
    gate.hold(client(0));
    for (let n = 1; n < MAX_GATED_CLIENTS; n++) gate.forward(NOW, client(n), OTHER_MEMBER);
    expect(counters.get('gate-tombstone-evicted')).toBe(0);
    gate.hold(client(MAX_GATED_CLIENTS));
    expect(counters.get('gate-tombstone-evicted')).toBe(1);
    expect(gate.deliver(NOW, packet({ source: client(0) }))).toBe('taken');
    expect(gate.deliver(NOW, packet({ source: client(1) }))).toBe('pass');
    expect(gate.deliver(NOW, packet({ source: client(2) }))).toBe('taken');
  });

  test('an entry that changes its kind needs no room', () => {
    const { gate, counters } = setup();
    for (let n = 0; n < MAX_GATED_CLIENTS; n++) gate.forward(NOW, client(n), OTHER_MEMBER);
    gate.hold(client(5));
    gate.forward(NOW, client(5), OTHER_MEMBER);
    expect(counters.get('gate-tombstone-evicted')).toBe(0);
  });
});

describe('the packet that is kept', () => {
  const held = (shape: Shape): Uint8Array[] => {
    const { gate, ipv6 } = setup();
    gate.hold(CLIENT);
    gate.deliver(NOW, packet(shape));
    gate.open(NOW, CLIENT);
    return ipv6.injected;
  };

  test('goes from the client to the home address, without the headers of route optimization', () => {
    const [kept = new Uint8Array()] = held({});
    const { ip, tcp, payload } = plainTcp(kept);
    expect(ip.source).toEqual(CLIENT);
    expect(ip.destination).toEqual(HOME);
    expect(ip).toMatchObject({ hopLimit: 55, trafficClass: 3 });
    expect(tcp).toMatchObject({ sourcePort: 4000, destinationPort: 80 });
    expect([...payload]).toEqual([1, 2, 3]);
  });

  test('with a wrong checksum keeps it: TCP is to judge', () => {
    const [kept = new Uint8Array()] = held({ badChecksum: true });
    expect(() => plainTcp(kept)).toThrow('TCP checksum');
  });

  test.each([0, 1, 17, 19])('of only %i octets of TCP is kept as it came', (length) => {
    const { gate, ipv6 } = setup();
    gate.hold(CLIENT);
    const whole = packet();
    expect(gate.deliver(NOW, { ...whole, end: whole.start + length })).toBe('taken');
    gate.open(NOW, CLIENT);
    expect(ipv6.injected.map((bytes) => bytes.length)).toEqual([IPV6_HEADER_LEN + length]);
  });
});
