import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { below, SeededRandom } from '../../stack/core/random.ts';
import { fragmentPacket, IPV6_HEADER_ONLY } from '../../stack/ipv6/fragment.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import {
  at,
  destinationOptions,
  echoRequest,
  fragment,
  HOME,
  HOST,
  homeAddressOption,
  hopByHop,
  icmpOf,
  PEER,
  packet,
  START,
  world,
} from './world.ts';

const random = new SeededRandom(9);
const octets = (n: number) => random.bytes(n);

/** A fragment of TEST_PROTOCOL from PEER with these octets of the original. */
const piece = (original: Uint8Array, from: number, to: number, more: boolean, id = 1) =>
  packet({ extensions: [fragment({ offset: from, more, id })], payload: original.subarray(from, to) });

describe('RFC 8200 4.5: reassembly', () => {
  test('fragments of a packet come together in any order, duplicates included', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 1280, max: 1500 }),
        fc.integer(),
        (length, mtu, seed) => {
          const shuffle = new SeededRandom(seed);
          const { arrive, upper } = world();
          const payload = shuffle.bytes(length);
          const whole = packet({ payload, extensions: [destinationOptions()] });
          const fragments = [...fragmentPacket(whole, IPV6_HEADER_ONLY, mtu, 77)];
          for (let i = fragments.length - 1; i > 0; i--)
            fragments.splice(below(shuffle, i + 1), 0, ...fragments.splice(i, 1));
          for (const one of fragments.slice(0, -1)) arrive(START, one, one);
          for (const one of fragments.slice(-1)) arrive(START, one);
          expect(upper.packets.map((p) => p.payload)).toEqual([payload]);
          expect(upper.packets[0]).toMatchObject({ source: PEER, destination: HOST });
        },
      ),
      { seed: 21, numRuns: 100 },
    );
  });

  test('fragments keep their own packets by identification', () => {
    const { arrive, upper } = world();
    const [a, b] = [octets(16), octets(16)];
    arrive(
      START,
      piece(a, 0, 8, true, 1),
      piece(b, 8, 16, false, 2),
      piece(a, 8, 16, false, 1),
      piece(b, 0, 8, true, 2),
    );
    expect(upper.packets.map((p) => p.payload)).toEqual([a, b]);
  });

  test('headers in front of the Fragment header are kept once', () => {
    const { arrive, upper, ipv6 } = world();
    const asked: unknown[] = [];
    ipv6.addHooks({
      homeAddress: {
        homeAddressOption(_now, seen) {
          asked.push(seen.home);
          return 'accept';
        },
      },
    });
    const original = octets(24);
    for (const [from, to] of [
      [0, 16],
      [16, 24],
    ] as const) {
      const extensions = [hopByHop(), homeAddressOption(HOME), fragment({ offset: from, more: to < 24, id: 3 })];
      arrive(START, packet({ extensions, payload: original.subarray(from, to) }));
    }
    expect(upper.packets).toMatchObject([{ payload: original, source: HOME, wireSource: PEER }]);
    expect(asked).toEqual([HOME]);
  });

  test('a fragment that is not a multiple of 8 octets and not the last: Parameter Problem at Payload Length', () => {
    const { arrive, sent } = world();
    arrive(START, piece(octets(12), 0, 12, true));
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 0, parameter: 4 });
  });

  test('a fragment that ends beyond 65535: Parameter Problem at Fragment Offset', () => {
    const { arrive, sent } = world();
    arrive(START, packet({ extensions: [fragment({ offset: 65_528, more: false, id: 1 })], payload: octets(8) }));
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 0, parameter: 42 });
  });

  test('a whole packet beyond 65535 because of headers in front of the Fragment header: the same', () => {
    const { arrive, sent } = world();
    const last = fragment({ offset: 65_520, more: false, id: 1 });
    arrive(START, packet({ extensions: [last], payload: octets(8) }));
    expect(sent()).toEqual([]);
    arrive(START, packet({ extensions: [hopByHop(), last], payload: octets(8) }));
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 0, parameter: 50 });
  });

  test('the first fragment’s headers make it too long: dropped when it is whole', () => {
    const { arrive, drops, upper } = world({ mtu: 65_535 });
    const original = octets(65_528);
    arrive(START, piece(original, 32_768, 65_528, false));
    const extensions = [hopByHop(), fragment({ offset: 0, more: true, id: 1 })];
    arrive(START, packet({ extensions, payload: original.subarray(0, 32_768) }));
    expect(drops('fragment-too-long')).toBe(1);
    expect(upper.packets).toEqual([]);
  });

  test('the Next Header of the first fragment counts, whatever the others say', () => {
    const { arrive, upper } = world();
    const original = octets(16);
    const rest = { extensions: [fragment({ offset: 8, more: false, id: 1 })], protocol: 200 };
    arrive(START, piece(original, 0, 8, true), packet({ ...rest, payload: original.subarray(8) }));
    expect(upper.packets.map((p) => p.payload)).toEqual([original]);
  });

  test('after 60 s: Time Exceeded code 1 quotes the first fragment', () => {
    const { arrive, sent, timers } = world();
    const first = piece(octets(16), 0, 8, true);
    arrive(START, first);
    timers.runDue(at(59_999));
    expect(sent()).toEqual([]);
    timers.runDue(at(60_000));
    expect(icmpOf(sent()[0])).toMatchObject({ type: 3, code: 1, quoted: first });
  });

  test('after 60 s without the first fragment: silence', () => {
    const { arrive, sent, timers, drops } = world();
    arrive(START, piece(octets(16), 8, 16, false));
    timers.runDue(at(60_000));
    expect(drops('reassembly-timeout')).toBe(1);
    expect(sent()).toEqual([]);
  });

  test('a last fragment that contradicts another last one spoils the packet', () => {
    const { arrive, upper, drops } = world();
    const original = octets(32);
    arrive(START, piece(original, 16, 24, false), piece(original, 24, 32, false), piece(original, 0, 16, true));
    expect(drops('fragment-overlap')).toBe(1);
    expect(upper.packets).toEqual([]);
  });
});

describe('RFC 5722 3: overlapping fragments', () => {
  const original = octets(40);

  test.each([
    ['the tail of one over the head of the next', [0, 24, 16, 32]],
    ['one inside another', [0, 32, 8, 16]],
    ['one around another', [8, 16, 0, 32]],
  ] as const)('%s: the whole packet is dropped, what comes later included', (_name, [a, b, c, d]) => {
    const { arrive, upper, drops, sent, timers } = world();
    arrive(START, piece(original, a, b, true), piece(original, c, d, true));
    expect(drops('fragment-overlap')).toBe(1);
    arrive(START, piece(original, 0, 16, true), piece(original, 16, 32, true), piece(original, 32, 40, false));
    expect(drops('fragment-spoiled')).toBe(3);
    expect(upper.packets).toEqual([]);
    timers.runDue(at(60_000));
    expect(sent()).toEqual([]);
  });

  test('the same octets again with other content are an overlap too', () => {
    const { arrive, drops } = world();
    arrive(START, piece(octets(16), 0, 8, true), piece(octets(16), 0, 8, true));
    expect(drops('fragment-overlap')).toBe(1);
  });
});

test('RFC 6946 4: an atomic fragment is whole by itself, whatever fragments share its identification', () => {
  const { arrive, upper } = world();
  const original = octets(16);
  arrive(START, piece(original, 0, 8, true, 5));
  arrive(START, packet({ extensions: [fragment({ offset: 0, more: false, id: 5 })], payload: Uint8Array.of(1) }));
  arrive(START, piece(original, 8, 16, false, 5));
  expect(upper.packets.map((p) => p.payload)).toEqual([Uint8Array.of(1), original]);
});

test('RFC 7112 5: a first fragment without the upper-layer header gets Parameter Problem code 3', () => {
  const { arrive, sent, drops } = world();
  const extensions = [fragment({ offset: 0, more: true, id: 1 })];
  arrive(START, packet({ extensions, protocol: PROTOCOL.tcp, payload: octets(16) }));
  expect(drops('fragment-incomplete-chain')).toBe(1);
  expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 3, parameter: 0 });
});

test('RFC 8200 4.5: an echo reply larger than the link goes out in fragments that make the same reply again', () => {
  const asking = world();
  const other = world();
  const data = octets(4000);
  const whole = packet({ protocol: PROTOCOL.icmpv6, payload: echoRequest(data) });
  asking.arrive(START, ...fragmentPacket(whole, IPV6_HEADER_ONLY, 1500, 4));
  const reply = asking.sent();
  expect(reply.map((frame) => frame.bytes.length)).toEqual([1496, 1496, 1160]);
  const got: Uint8Array[] = [];
  other.ipv6.addAddress(PEER);
  other.ipv6.register(PROTOCOL.icmpv6, {
    input(_now, p) {
      got.push(p.bytes.slice(p.start + 8, p.end));
      return 'accepted';
    },
  });
  other.arrive(START, ...reply.map((frame) => frame.bytes));
  expect(got).toEqual([data]);
});
