import { describe, expect, test } from 'vitest';
import { fragmentPacket, IPV6_HEADER_ONLY } from '../../stack/ipv6/fragment.ts';
import { address } from '../../stack/wire/address.ts';
import { parseFragmentHeader } from '../../stack/wire/extension-header.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { at, echoRequest, HOST, header, PEER, packet, ROUTER, START, sendFrom, TEST_PROTOCOL, world } from './world.ts';

const DATA = new Uint8Array(8);
const labels = (made: ReturnType<typeof world>): number[] => made.sent().map((frame) => header(frame).flowLabel);

describe('RFC 6437: flow labels', () => {
  test('3: the packets of a flow have one label, at all times, and it is not 0', () => {
    const made = world();
    sendFrom(made.ipv6, START, DATA);
    sendFrom(made.ipv6, at(1_000_000), new Uint8Array(500));
    const [first, second] = labels(made);
    expect(first).toBeGreaterThan(0);
    expect(second).toBe(first);
  });

  test('3: another destination, another protocol, another host: another label', () => {
    const made = world();
    const other = world({ seed: 2 });
    sendFrom(made.ipv6, START, DATA);
    sendFrom(made.ipv6, START, DATA, { destination: ROUTER });
    sendFrom(made.ipv6, START, DATA, { protocol: PROTOCOL.mobility });
    sendFrom(other.ipv6, START, DATA);
    expect(new Set([...labels(made), ...labels(other)]).size).toBe(4);
  });

  test('3: labels are spread evenly: each of the 20 bits is set in about half of 2000 flows', () => {
    const made = world();
    for (let i = 1; i <= 2000; i++) sendFrom(made.ipv6, START, DATA, { destination: address(`2001:db8:7::${i}`) });
    const all = labels(made);
    for (let bit = 0; bit < 20; bit++) {
      const share = all.filter((label) => ((label >>> bit) & 1) === 1).length / all.length;
      expect(share, `bit ${bit}`).toBeGreaterThan(0.45);
      expect(share, `bit ${bit}`).toBeLessThan(0.55);
    }
  });

  test('3: what the upper layer names is used as it is', () => {
    const made = world();
    const { buffer, start } = made.ipv6.allocate(8);
    const fields = { source: HOST, destination: PEER, protocol: TEST_PROTOCOL, buffer, start, end: start + 8 };
    made.ipv6.send(START, { ...fields, flowLabel: 0xabcde });
    expect(labels(made)).toEqual([0xabcde]);
  });

  test('3: all fragments of a packet have its label', () => {
    const made = world();
    sendFrom(made.ipv6, START, new Uint8Array(4000));
    const all = labels(made);
    expect(all.length).toBe(3);
    expect(new Set(all).size).toBe(1);
  });

  test('RFC 6438 3: flows inside a tunnel are told apart by the outer label', () => {
    const made = world();
    const inner = (source: string) => packet({ source: address(source), destination: address('2001:db8:f::1') });
    for (const source of ['2001:db8:5::1', '2001:db8:5::1', '2001:db8:5::2', '2001:db8:5::1']) {
      made.ipv6.tunnel(START, inner(source), HOST, PEER);
    }
    const [a, again, b, later] = labels(made);
    expect([again, later]).toEqual([a, a]);
    expect(b).not.toBe(a);
  });
});

describe('RFC 7739: fragment identification', () => {
  const ids = (seed: number): number[] => {
    const made = world({ seed });
    const whole = packet({ protocol: PROTOCOL.icmpv6, payload: echoRequest(new Uint8Array(2000)) });
    for (let i = 0; i < 50; i++) made.arrive(START, ...fragmentPacket(whole, IPV6_HEADER_ONLY, 1500, i));
    const idOf = (bytes: Uint8Array): number => {
      const fragment = parseFragmentHeader(bytes, 40);
      return fragment.ok ? fragment.value.id : -1;
    };
    return made.sent().map((frame) => idOf(frame.bytes));
  };

  test('4: not to be foretold: neither counted up nor the same on another host', () => {
    const packets = ids(1).filter((_id, i) => i % 2 === 0);
    expect(new Set(packets).size).toBe(50);
    const steps = new Set(packets.slice(1).map((id, i) => (id - (packets[i] ?? 0)) >>> 0));
    expect(steps.size).toBe(49);
    expect(ids(2)[0]).not.toBe(packets[0]);
  });

  test('the fragments of one packet share theirs', () => {
    const all = ids(1);
    expect(all[0]).toBe(all[1]);
  });
});
