import { describe, expect, test } from 'vitest';
import { checksumHolds, sumWords } from '../../stack/core/checksum.ts';
import type { DeviceOffloads } from '../../stack/device/device.ts';
import type { HomeAddressOptionSeen, HookVerdict } from '../../stack/ipv6/hooks.ts';
import type { ReceivedPacket } from '../../stack/ipv6/port.ts';
import { address } from '../../stack/wire/address.ts';
import { PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { DESTINATION, SOURCE, tcpSuperFrame } from '../device/frames.ts';
import {
  destinationOptions,
  HOME,
  HOST,
  header,
  homeAddressOption,
  icmpOf,
  option,
  PEER,
  packet,
  Recorder,
  routing2,
  START,
  TEST_PROTOCOL,
  world,
} from './world.ts';

describe('RFC 6275 9.3.1: Home Address option', () => {
  function judged(...verdicts: HookVerdict[]) {
    const made = world();
    const seen: HomeAddressOptionSeen[] = [];
    for (const verdict of verdicts) {
      made.ipv6.addHooks({
        homeAddress: {
          homeAddressOption(_now, option) {
            seen.push(option);
            return verdict;
          },
        },
      });
    }
    return { ...made, seen };
  }

  test('accepted: the upper layer sees the home address as source', () => {
    const { arrive, upper, seen } = judged('accept');
    arrive(START, packet({ extensions: [homeAddressOption(HOME), destinationOptions()] }));
    expect(upper.packets).toMatchObject([
      { source: HOME, wireSource: PEER, destination: HOST, hasHomeAddressOption: true, hasRoutingHeader2: false },
    ]);
    expect(seen).toEqual([{ careOf: PEER, home: HOME, destination: HOST, protocol: TEST_PROTOCOL }]);
  });

  test('refused: the packet is dropped, the hook has said what is due', () => {
    const { arrive, upper, drops, sent } = judged('drop', 'accept');
    arrive(START, packet({ extensions: [homeAddressOption(HOME)] }));
    expect(upper.packets).toEqual([]);
    expect(drops('home-address-option')).toBe(1);
    expect(sent()).toEqual([]);
  });

  test('the first hook that knows decides; where none does the packet is dropped', () => {
    const first = judged('unknown', 'accept');
    first.arrive(START, packet({ extensions: [homeAddressOption(HOME)] }));
    expect(first.upper.packets.length).toBe(1);
    const second = judged('unknown', 'unknown');
    second.arrive(START, packet({ extensions: [homeAddressOption(HOME)] }));
    expect(second.upper.packets).toEqual([]);
  });

  test('a host that knows no Mobile IPv6: Parameter Problem code 2 at the option', () => {
    const { arrive, sent, upper } = world();
    arrive(START, packet({ extensions: [homeAddressOption(HOME)] }));
    expect(upper.packets).toEqual([]);
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 2, parameter: 46 });
  });

  test('6.3: a second one, or an address that is not unicast and routable, drops the packet', () => {
    for (const extensions of [
      [homeAddressOption(HOME), homeAddressOption(HOME)],
      [homeAddressOption(address('ff0e::1'))],
      [homeAddressOption(address('fe80::1'))],
    ]) {
      const { arrive, seen, drops } = judged('accept');
      arrive(START, packet({ extensions }));
      expect(seen).toEqual([]);
      expect(drops('home-address-option')).toBe(1);
    }
  });

  test('6.3: a wrong length is a Parameter Problem at the length', () => {
    const { arrive, sent } = judged('accept');
    arrive(START, packet({ extensions: [destinationOptions(option(0xc9, 8))] }));
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 0, parameter: 47 });
  });

  test('the hook is not asked for a packet that is dropped on the way to its upper layer', () => {
    const { arrive, seen } = judged('accept');
    arrive(START, packet({ extensions: [homeAddressOption(HOME), destinationOptions(option(0x5e))] }));
    expect(seen).toEqual([]);
  });
});

describe('RFC 6275 11.3.3: type 2 routing header', () => {
  function mobileNode() {
    const made = world();
    made.ipv6.addAddress(HOME);
    made.ipv6.addHooks({
      routingHeader2: {
        routingHeader2: (_now, careOf, home) => (careOf.equals(HOST) && home.equals(HOME) ? 'accept' : 'drop'),
      },
    });
    return made;
  }

  test('accepted: the upper layer sees the home address as destination', () => {
    const { arrive, upper } = mobileNode();
    arrive(START, packet({ extensions: [routing2(HOME)] }));
    expect(upper.packets).toMatchObject([
      { source: PEER, destination: HOME, wireDestination: HOST, hasRoutingHeader2: true, hasHomeAddressOption: false },
    ]);
  });

  test('the Home Address hook is told the home address as destination', () => {
    const { arrive, ipv6 } = mobileNode();
    const seen: HomeAddressOptionSeen[] = [];
    ipv6.addHooks({
      homeAddress: {
        homeAddressOption(_now, option) {
          seen.push(option);
          return 'accept';
        },
      },
    });
    const remoteHome = address('2001:db8:e::1');
    arrive(START, packet({ extensions: [routing2(HOME), homeAddressOption(remoteHome)] }));
    expect(seen).toMatchObject([{ home: remoteHome, careOf: PEER, destination: HOME }]);
  });

  const changed = (at: number, value: number) => {
    const bytes = packet({ extensions: [routing2(HOME)] });
    bytes[at] = value;
    return bytes;
  };

  test.each([
    ['segments left is not 1', changed(43, 0)],
    ['segments left is not 1', changed(43, 2)],
    ['the home address is not ours', packet({ extensions: [routing2(PEER)] })],
    ['the home address is multicast', packet({ extensions: [routing2(address('ff0e::1'))] })],
    ['there are two', packet({ extensions: [routing2(HOME), routing2(HOME)] })],
    ['it comes to the home address itself', packet({ destination: HOME, extensions: [routing2(HOME)] })],
  ])('silently discarded where %s', (_name, bytes) => {
    const { arrive, upper, sent, drops } = mobileNode();
    arrive(START, bytes);
    expect(upper.packets).toEqual([]);
    expect(drops('routing-header-2')).toBe(1);
    expect(sent()).toEqual([]);
  });
});

describe('delivery hook', () => {
  test('sees translated packets before the upper layer, and may take them', () => {
    const { arrive, upper, ipv6 } = world();
    const seen: string[] = [];
    ipv6.addHooks({
      delivery: {
        deliver(_now, p) {
          seen.push(p.source.toString());
          return p.end - p.start === 1 ? 'taken' : 'pass';
        },
      },
      homeAddress: { homeAddressOption: () => 'accept' },
    });
    arrive(START, packet({ payload: Uint8Array.of(1), extensions: [homeAddressOption(HOME)] }), packet());
    expect(seen).toEqual([HOME.toString(), PEER.toString()]);
    expect(upper.packets.map((p) => p.payload.length)).toEqual([4]);
  });

  const TSO: DeviceOffloads = { checksum: true, tso: true };

  function receiver(mayTake: ((packet: ReceivedPacket) => boolean) | undefined) {
    const { ipv6, arriveFrame } = world({ offloads: TSO });
    const tcp = new Recorder();
    const hooked: Uint8Array[] = [];
    ipv6.addAddress(DESTINATION);
    ipv6.register(PROTOCOL.tcp, tcp);
    const deliver = (_now: unknown, p: ReceivedPacket) => {
      hooked.push(p.bytes.slice(p.start, p.end));
      return 'pass' as const;
    };
    ipv6.addHooks({ delivery: mayTake === undefined ? { deliver } : { deliver, mayTake } });
    const { frame } = tcpSuperFrame({ payload: new Uint8Array(2500), gsoSize: 1000, flags: TCP_FLAG.ack, seq: 1 });
    if (frame.offload !== undefined) arriveFrame(START, frame.bytes, frame.offload);
    return { tcp, hooked };
  }

  test('gets super-frames cut and with complete checksums, so that it can forward what it takes', () => {
    const { hooked, tcp } = receiver(undefined);
    expect(hooked.map((bytes) => bytes.length)).toEqual([1020, 1020, 520]);
    for (const bytes of hooked) {
      const pseudo = pseudoHeaderSum(SOURCE, DESTINATION, PROTOCOL.tcp, bytes.length);
      expect(checksumHolds(sumWords(bytes, 0, bytes.length, pseudo))).toBe(true);
    }
    expect(tcp.packets.map((p) => p.gsoSize)).toEqual([0, 0, 0]);
  });

  test('one that will not take a packet leaves it whole', () => {
    const { hooked, tcp } = receiver(() => false);
    expect(hooked.map((bytes) => bytes.length)).toEqual([2520]);
    expect(tcp.packets).toMatchObject([{ gsoSize: 1000, checksumValid: true }]);
  });
});

test('RFC 8200 8.1: errors are sent from the address that the packet came to', () => {
  const { arrive, sent, ipv6 } = world();
  ipv6.addAddress(HOME);
  arrive(START, packet({ destination: HOME, protocol: 200 }));
  expect(header(sent()[0])).toMatchObject({ source: HOME, destination: PEER });
});
