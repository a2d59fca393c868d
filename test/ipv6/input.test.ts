import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, u16 } from '../../stack/core/bytes.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { address } from '../../stack/wire/address.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import {
  at,
  destinationOptions,
  fragment,
  HOST,
  header,
  hopByHop,
  icmpOf,
  option,
  PEER,
  packet,
  Recorder,
  routing,
  START,
  TEST_PROTOCOL,
  world,
} from './world.ts';

const PAYLOAD = Uint8Array.of(1, 2, 3, 4);

describe('the short way', () => {
  test('RFC 8200 3: a packet for us reaches its upper layer, without what is behind the payload', () => {
    const { arrive, upper } = world();
    arrive(START, concatBytes(packet({ trafficClass: 0x03, hopLimit: 9 }), Uint8Array.of(9, 9)));
    expect(upper.packets).toMatchObject([
      { source: PEER, destination: HOST, payload: PAYLOAD, hopLimit: 9, trafficClass: 3, checksumValid: false },
    ]);
  });

  test('RFC 8200 3: a hop limit of 0 is no matter to the destination', () => {
    const { arrive, upper } = world();
    arrive(START, packet({ hopLimit: 0 }));
    expect(upper.packets).toMatchObject([{ hopLimit: 0 }]);
  });

  test('RFC 4291 2.8: all nodes listen to ff02::1, routers to ff02::2 as well', () => {
    for (const forwarding of [false, true]) {
      const { arrive, upper } = world({ forwarding });
      arrive(START, packet({ destination: address('ff02::1') }), packet({ destination: address('ff02::2') }));
      expect(upper.packets.length).toBe(forwarding ? 2 : 1);
    }
  });

  test('RFC 8200 3: a packet shorter than its payload length is dropped', () => {
    const { arrive, upper, drops } = world();
    arrive(START, packet().subarray(0, 43));
    expect(upper.packets).toEqual([]);
    expect(drops('truncated')).toBe(1);
  });

  test.each([
    ['source multicast', { source: address('ff02::1') }],
    ['destination unspecified', { destination: address('::') }],
    ['source loopback', { source: address('::1') }],
    ['destination loopback', { destination: address('::1') }],
    ['source an IPv4-mapped address', { source: address('::ffff:192.0.2.1') }],
    ['destination an IPv4-mapped address', { destination: address('::ffff:192.0.2.1') }],
  ])('RFC 4291 2.5: %s is dropped', (_name, shape) => {
    const { arrive, upper, drops } = world();
    arrive(START, packet(shape));
    expect(upper.packets).toEqual([]);
    expect(drops('bad-address')).toBe(1);
  });

  test('a host drops what is not for it and answers nothing', () => {
    const { arrive, sent, drops } = world();
    arrive(START, packet({ destination: PEER }));
    expect(drops('not-ours')).toBe(1);
    expect(sent()).toEqual([]);
  });

  test('an upper layer without a free port gets Destination Unreachable code 4 sent', () => {
    const { arrive, sent, upper } = world();
    upper.verdict = 'port-unreachable';
    const offending = packet();
    arrive(START, offending);
    expect(icmpOf(sent()[0])).toMatchObject({ type: 1, code: 4, quoted: offending });
  });

  test('RFC 8200 4: an unknown next header gets Parameter Problem code 1 with a pointer to it', () => {
    const { arrive, sent } = world();
    const offending = packet({ protocol: 200 });
    arrive(START, offending);
    const [answer] = sent();
    expect(icmpOf(answer)).toMatchObject({ type: 4, code: 1, parameter: 6, quoted: offending });
    expect(header(answer)).toMatchObject({ source: HOST, destination: PEER });
  });

  test('RFC 8200 4.7: what follows No Next Header is ignored', () => {
    const { arrive, sent, drops } = world();
    arrive(START, packet({ protocol: PROTOCOL.none }));
    expect(drops('no-next-header')).toBe(1);
    expect(sent()).toEqual([]);
  });

  test('one batch in, one batch out', () => {
    const { arrive, batches, upper } = world();
    upper.verdict = 'port-unreachable';
    arrive(START, packet(), packet(), packet());
    expect(batches.map((batch) => batch.length)).toEqual([3]);
  });
});

describe('extension headers', () => {
  const padding = destinationOptions();
  const atomic = fragment({ offset: 0, more: false, id: 5 });

  test('RFC 8200 4.1: any legal order is taken', () => {
    const orders = fc.shuffledSubarray([padding, routing(0, 0), atomic, destinationOptions(option(0x1e))]);
    fc.assert(
      fc.property(orders, fc.boolean(), (extensions, first) => {
        const { arrive, upper } = world();
        arrive(START, packet({ extensions: first ? [hopByHop(), ...extensions] : extensions }));
        expect(upper.packets.map((p) => p.payload)).toEqual([PAYLOAD]);
      }),
      { seed: 3 },
    );
  });

  test('RFC 8200 4.1: each header may come any number of times', () => {
    const { arrive, upper } = world();
    const many = [padding, routing(0, 0), atomic, padding, routing(0, 0), atomic, atomic, padding];
    arrive(START, packet({ extensions: [hopByHop(), ...many] }));
    expect(upper.packets.map((p) => p.payload)).toEqual([PAYLOAD]);
  });

  test('RFC 8200 4.1: Hop-by-Hop Options anywhere but first is an unrecognized next header', () => {
    const { arrive, sent, upper } = world();
    arrive(START, packet({ extensions: [padding, hopByHop()] }));
    expect(upper.packets).toEqual([]);
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 1, parameter: 40 });
  });

  test.each([
    ['00: skipped', 0x1e, 'delivered', undefined],
    ['01: discarded', 0x5e, 'dropped', undefined],
    ['10: discarded, Parameter Problem code 2', 0x9e, 'dropped', { type: 4, code: 2, parameter: 42 }],
    ['11: discarded, Parameter Problem code 2', 0xde, 'dropped', { type: 4, code: 2, parameter: 42 }],
  ])('RFC 8200 4.2: unknown option with action %s', (_name, type, fate, answer) => {
    for (const extension of [hopByHop(option(type)), destinationOptions(option(type))]) {
      const { arrive, sent, upper } = world();
      arrive(START, packet({ extensions: [extension] }));
      expect(upper.packets.length).toBe(fate === 'delivered' ? 1 : 0);
      const answers = sent().map(icmpOf);
      expect(answers.length).toBe(answer === undefined ? 0 : 1);
      if (answer !== undefined) expect(answers[0]).toMatchObject(answer);
    }
  });

  test('RFC 8200 4.2: to a multicast destination only action 10 is answered', () => {
    const { arrive, sent } = world();
    const destination = address('ff02::1');
    arrive(START, packet({ destination, extensions: [destinationOptions(option(0xde))] }));
    expect(sent()).toEqual([]);
    arrive(START, packet({ destination, extensions: [destinationOptions(option(0x9e))] }));
    const [answer] = sent();
    expect(icmpOf(answer)).toMatchObject({ type: 4, code: 2, parameter: 42 });
    expect(header(answer).source).toEqual(HOST);
  });

  test('RFC 8200 4.2: an option that runs over its header is a Parameter Problem code 0', () => {
    const { arrive, sent } = world();
    const bytes = packet({ extensions: [destinationOptions(option(0x1e))] });
    bytes[43] = 200;
    arrive(START, bytes);
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 0, parameter: 43 });
  });

  test('RFC 5095 3: a type 0 routing header with segments left is refused, without is skipped', () => {
    const { arrive, sent, upper } = world();
    arrive(START, packet({ extensions: [routing(0, 1)] }));
    expect(upper.packets).toEqual([]);
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 0, parameter: 42 });
    arrive(START, packet({ extensions: [routing(0, 0)] }));
    expect(upper.packets.length).toBe(1);
  });

  test('RFC 8200 4.4: without Mobile IPv6, type 2 is a routing type like any unknown one', () => {
    const { arrive, sent } = world();
    arrive(START, packet({ extensions: [routing(2, 1)] }));
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 0, parameter: 42 });
  });

  const header60 = (octets: readonly number[]) => ({
    protocol: PROTOCOL.destinationOptions,
    emit: (next: number) => Uint8Array.of(next, (octets.length + 2) / 8 - 1, ...octets),
  });

  test.each([
    ['eight options', new Array(8).fill(option(0x1e, 0)), 'delivered'],
    ['nine options', new Array(9).fill(option(0x1e, 0)), 'too-many-options'],
  ])('RFC 8504 5.3: %s: %3$s', (_name, list, fate) => {
    for (const extension of [hopByHop(...list), destinationOptions(...list)]) {
      const { arrive, upper, drops, sent } = world();
      arrive(START, packet({ extensions: [extension] }));
      expect(fate === 'delivered' ? upper.packets.length : drops(fate)).toBe(1);
      expect(sent()).toEqual([]);
    }
  });

  test.each([
    ['seven Pad1', [0x1e, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'delivered'],
    ['eight Pad1', [0x1e, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'excess-padding'],
    ['a PadN of seven octets', [1, 5, 0, 0, 0, 0, 0, 0x1e, 5, 0, 0, 0, 0, 0], 'delivered'],
    ['a PadN of eight octets', [1, 6, 0, 0, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0], 'excess-padding'],
    ['two PadN in a row', [1, 2, 0, 0, 1, 2, 0, 0, 0x1e, 4, 0, 0, 0, 0], 'excess-padding'],
  ])('RFC 8504 5.3: %s: %3$s', (_name, octets, fate) => {
    const { arrive, upper, drops, sent } = world();
    arrive(START, packet({ extensions: [header60(octets)] }));
    expect(fate === 'delivered' ? upper.packets.length : drops(fate)).toBe(1);
    expect(sent()).toEqual([]);
  });

  test('RFC 8504 5.3: a chain longer than the limit is dropped', () => {
    const { arrive, upper, drops } = world();
    arrive(START, packet({ extensions: new Array(33).fill(padding) }));
    expect(upper.packets).toEqual([]);
    expect(drops('too-many-extension-headers')).toBe(1);
  });

  test('an unknown protocol behind extension headers is pointed at where it is named', () => {
    const { arrive, sent } = world();
    arrive(START, packet({ extensions: [hopByHop(), padding], protocol: 200 }));
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 1, parameter: 48 });
  });
});

describe('loopback', () => {
  test('a packet to an address of ours comes back when the timers run, checksum trusted', () => {
    const { ipv6, timers, sent } = world();
    const upper = new Recorder();
    ipv6.register(99, upper);
    const { buffer, start } = ipv6.allocate(4);
    buffer.set(PAYLOAD, start);
    const fields = { source: HOST, destination: HOST, protocol: 99, buffer, start, end: start + 4, checksumOffset: 0 };
    expect(ipv6.send(START, fields)).toBe('sent');
    expect(upper.packets).toEqual([]);
    timers.runDue(START);
    expect(upper.packets).toMatchObject([{ source: HOST, destination: HOST, checksumValid: true }]);
    expect(sent()).toEqual([]);
  });
});

describe('garbage', () => {
  test('random frames never throw', () => {
    const { arrive, timers } = world({ forwarding: true, mtu: 65_535 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        arrive(START, bytes);
        timers.runDue(START);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  test('random mutations of packets with every header never throw, and leave no packet half done', () => {
    const chains = [
      [hopByHop(option(0x1e)), destinationOptions(option(0x05)), routing(0, 0)],
      [fragment({ offset: 0, more: true, id: 1 })],
      [destinationOptions(option(0xc9, 16)), routing(2, 1), fragment({ offset: 8, more: false, id: 1 })],
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...chains),
        fc.constantFrom(TEST_PROTOCOL, PROTOCOL.icmpv6, PROTOCOL.tcp, PROTOCOL.ipv6),
        fc.array(fc.tuple(fc.integer({ min: 4, max: 120 }), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
        fc.integer({ min: 0, max: 200 }),
        (extensions, protocol, changes, length) => {
          const { arrive, timers, ipv6 } = world({ forwarding: true });
          ipv6.addHooks({
            homeAddress: { homeAddressOption: () => 'accept' },
            routingHeader2: { routingHeader2: () => 'accept' },
          });
          const bytes = packet({ extensions, protocol, payload: new SeededRandom(length).bytes(64) });
          for (const [where, value] of changes) if (where < bytes.length) bytes[where] = value;
          arrive(START, bytes.subarray(0, Math.max(length, 41)));
          timers.runDue(at(70_000));
        },
      ),
      { seed: 6, numRuns: 1000 },
    );
  });
});

test('a packet injected out of a tunnel comes with the outer addresses', () => {
  const { ipv6, upper } = world();
  const tunnel = { source: PEER, destination: HOST };
  ipv6.inject(START, packet(), tunnel);
  expect(upper.packets).toMatchObject([{ tunnel }]);
  expect(u16(upper.packets[0]?.bytes ?? new Uint8Array(), 4)).toBe(4);
});

test('RFC 2473 3: tunnels in tunnels end at a bound, not at the stack of calls', () => {
  const { ipv6, drops } = world();
  ipv6.register(PROTOCOL.ipv6, {
    input(now, outer) {
      ipv6.inject(now, outer.bytes.slice(outer.start, outer.end));
      return 'accepted';
    },
  });
  let bytes = packet();
  for (let i = 0; i < 1000; i++) bytes = packet({ protocol: PROTOCOL.ipv6, payload: bytes });
  ipv6.inject(START, bytes);
  expect(drops('tunnel-nesting')).toBe(1);
});
