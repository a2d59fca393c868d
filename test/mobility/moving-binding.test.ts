// A correspondent's binding moves while packets, fragments and errors are under way.

import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../stack/core/bytes.ts';
import { EPOCH } from '../../stack/core/time.ts';
import type { IcmpErrorReport, ReceivedPacket } from '../../stack/ipv6/port.ts';
import type { Address } from '../../stack/wire/address.ts';
import { emitFragmentHeader, FRAGMENT_HEADER_LEN } from '../../stack/wire/extension-header.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { bound, CARE_OF, type CorrespondentWorld, ELSEWHERE, HOME, SELF } from './correspondent-world.ts';
import { icmpPacket, packet, type Seen } from './packets.ts';
import { theMessage } from './support.ts';

/** An upper layer of the test (RFC 3692 has this number for it), which notes what it is told. */
const TEST_PROTOCOL = 253;

interface Upper {
  readonly arrived: ReceivedPacket[];
  readonly errors: IcmpErrorReport[];
  readonly pathChanges: string[];
}

function withUpper(): CorrespondentWorld & { readonly upper: Upper } {
  const w = bound({ sequence: 1 });
  const upper: Upper = { arrived: [], errors: [], pathChanges: [] };
  w.host.ipv6.register(TEST_PROTOCOL, {
    input(_now, received) {
      upper.arrived.push(received);
      return 'accepted';
    },
    icmpError: (_now, report) => void upper.errors.push(report),
    pathChanged: (_now, _local, remote) => void upper.pathChanges.push(remote?.toString() ?? 'any'),
  });
  return { ...w, upper };
}

function move({ node }: CorrespondentWorld, careOf: Address, sequence: number): void {
  node.careOf = careOf;
  node.tests();
  expect(theMessage(node.update({ sequence }), 'binding-acknowledgement').message.status).toBe(0);
}

/** A packet of 1400 octets to the home address, as it is on the wire. */
function sent({ host }: CorrespondentWorld): Seen {
  const [packet] = host.do((now) => {
    const { buffer, start } = host.ipv6.allocate(1336);
    host.ipv6.send(now, {
      source: SELF,
      destination: HOME,
      protocol: TEST_PROTOCOL,
      buffer,
      start,
      end: start + 1336,
      checksumOffset: 0,
    });
  });
  if (packet === undefined) throw new Error('nothing was sent');
  return packet;
}

function tooBig({ host }: CorrespondentWorld, { bytes }: Seen, parameter: number): void {
  const error = {
    kind: 'error',
    type: ICMPV6.packetTooBig,
    code: 0,
    parameter,
    quoted: bytes.subarray(0, 1232),
  } as const;
  expect(host.give(icmpPacket({ source: ELSEWHERE, destination: SELF }, error))).toEqual([]);
}

const mtuTo = ({ host }: CorrespondentWorld): number => host.ipv6.path(EPOCH, SELF, HOME).mtu;

describe('errors', () => {
  test('RFC 6275 9.3.4: an error about a packet by routing header is reported under the home address', () => {
    const w = withUpper();
    const packet = sent(w);
    expect(packet).toMatchObject({ destination: CARE_OF, route: HOME });
    tooBig(w, packet, 1300);
    expect(w.upper.errors).toMatchObject([{ kind: 'packet-too-big', parameter: 1300, local: SELF, remote: HOME }]);
    expect(w.upper.pathChanges).toEqual([HOME.toString()]);
  });

  test('RFC 8201 4: path MTU follows the path: a late Packet Too Big is about the way to the old care-of address', () => {
    const w = withUpper();
    const old = sent(w);
    move(w, ELSEWHERE, 2);
    tooBig(w, old, 1300);
    expect(w.upper.errors).toMatchObject([{ kind: 'packet-too-big', local: SELF, remote: HOME }]);
    expect(mtuTo(w)).toBe(1500);
    move(w, CARE_OF, 3);
    expect(mtuTo(w)).toBe(1300);
    w.node.update({ sequence: 4, lifetime: 0 });
    expect(mtuTo(w)).toBe(1500);
  });

  test('the room for the routing header comes and goes with the binding, and the upper layers are told each time', () => {
    const w = withUpper();
    const overhead = () => w.host.ipv6.path(EPOCH, SELF, HOME).overhead;
    expect(overhead()).toBe(24);
    move(w, ELSEWHERE, 2);
    expect(overhead()).toBe(24);
    w.node.update({ sequence: 3, lifetime: 0 });
    expect(overhead()).toBe(0);
    expect(w.upper.pathChanges).toEqual([HOME.toString(), HOME.toString()]);
  });
});

/** Both fragments of a packet with the Home Address option, 16 octets of payload. */
function fragments(source: Address, id: number): readonly [Uint8Array, Uint8Array] {
  const fragment = (offset: number, more: boolean) => {
    const header = new Uint8Array(FRAGMENT_HEADER_LEN);
    emitFragmentHeader({ nextHeader: TEST_PROTOCOL, offset, more, id }, header, 0);
    const upper = concatBytes(header, new Uint8Array(8).fill(offset + 1));
    return packet({ source, destination: SELF, home: HOME, protocol: PROTOCOL.fragment, upper });
  };
  return [fragment(0, true), fragment(8, false)];
}

describe('fragments', () => {
  test('RFC 6275 9.3.1: a packet in fragments is judged when it is whole: from the old care-of address it is Binding Error 1', () => {
    const w = withUpper();
    const [first, second] = fragments(CARE_OF, 7);
    expect(w.host.give(first)).toEqual([]);
    move(w, ELSEWHERE, 2);
    const { packet, message } = theMessage(w.host.give(second), 'binding-error');
    expect(packet.destination.equals(CARE_OF)).toBe(true);
    expect(message).toMatchObject({ status: 1, home: HOME });
    expect(w.upper.arrived).toEqual([]);
  });

  test('RFC 6275 9.3.1: fragments that came ahead of the update are taken with it', () => {
    const w = withUpper();
    const [first, second] = fragments(ELSEWHERE, 8);
    expect(w.host.give(first)).toEqual([]);
    move(w, ELSEWHERE, 2);
    expect(w.host.give(second)).toEqual([]);
    expect(w.upper.arrived).toMatchObject([{ source: HOME, wireSource: ELSEWHERE, destination: SELF }]);
  });
});
