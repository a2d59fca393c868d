// The MTU of a home agent's tunnel, and who hears of it (RFC 2473 6.7, 7, 8).

import { expect, test } from 'vitest';
import { u8, u16 } from '../../stack/core/bytes.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import {
  AGENT,
  CARE_OF_1,
  CORRESPONDENT,
  HOME,
  type HomeAgentWorld,
  only,
  ROUTER,
  registered,
} from '../conformance/home-agent-world.ts';
import { icmpPacket, type Seen } from './packets.ts';

const TUNNEL_HEADER = 40;
const ECHO_HEADERS = 48;
const FRAGMENT = 44;

/** The correspondent's packet of this length. */
const request = (length: number): Uint8Array =>
  icmpPacket(
    { source: CORRESPONDENT, destination: HOME },
    { kind: 'echo-request', identifier: 7, sequence: 1, data: new Uint8Array(length - ECHO_HEADERS) },
  );

/** A router on the way to the care-of address cannot pass this on. */
function tooBig(w: HomeAgentWorld, tunnelled: Seen, mtu: number): Seen[] {
  const quoted = tunnelled.bytes.subarray(0, 1280 - ECHO_HEADERS);
  const error = { kind: 'error', type: ICMPV6.packetTooBig, code: 0, parameter: mtu, quoted } as const;
  return w.give(icmpPacket({ source: ROUTER, destination: AGENT }, error));
}

function expectTooBig(sent: readonly Seen[], mtu: number): Seen {
  const packet = only(sent);
  expect(packet).toMatchObject({ source: AGENT, destination: CORRESPONDENT, checksumHolds: true });
  expect(packet.icmp).toMatchObject({ kind: 'error', type: ICMPV6.packetTooBig, code: 0, parameter: mtu });
  return packet;
}

test('RFC 2473 7.1: what the tunnel cannot carry is answered with what it can', () => {
  const w = registered(80);
  expectTooBig(w.give(request(1461)), 1460);
  expect(only(w.give(request(1460))).bytes).toHaveLength(1500);
});

test('RFC 2473 8.3: Packet Too Big from inside the tunnel is relayed to the inner sender in its own terms', () => {
  const w = registered(81);
  const relayed = expectTooBig(tooBig(w, only(w.give(request(1460))), 1400), 1400 - TUNNEL_HEADER);
  // It quotes the inner packet, as the tunnel carried it.
  const { bytes, start } = relayed;
  expect(u16(bytes, start + 8 + 4)).toBe(1460 - 40);
  expect(bytes.length).toBeLessThanOrEqual(1280);
  expect(bytes.subarray(start + 8 + 8, start + 8 + 40)).toEqual(request(1460).subarray(8, 40));
});

test('RFC 2473 6.7: the tunnel remembers, for all that are sent into it', () => {
  const w = registered(82);
  tooBig(w, only(w.give(request(1460))), 1400);
  expectTooBig(w.give(request(1361)), 1360);
  expect(only(w.give(request(1360))).bytes).toHaveLength(1400);
});

test('RFC 2473 7.1 (b): a packet of the minimum MTU goes through in fragments; its sender hears nothing', () => {
  const w = registered(83);
  const first = only(w.give(request(1280)));
  expect(first.bytes).toHaveLength(1320);
  expect(tooBig(w, first, 1280)).toEqual([]);
  w.device.sent.length = 0;
  w.device.arrive(w.now, request(1280));
  const fragments = w.device.sent.splice(0);
  expect(fragments.map((bytes) => ({ nextHeader: u8(bytes, 6), tooLong: bytes.length > 1280 }))).toEqual([
    { nextHeader: FRAGMENT, tooLong: false },
    { nextHeader: FRAGMENT, tooLong: false },
  ]);
  expect(fragments.map((bytes) => u8(bytes, 40))).toEqual([41, 41]);
  // The whole inner packet is in them.
  expect(fragments.reduce((sum, bytes) => sum + bytes.length - 48, 0)).toBe(1280);
});

test('RFC 8201 4: what was not too big for the router is not believed', () => {
  const w = registered(84);
  expect(tooBig(w, only(w.give(request(1300))), 1400)).toEqual([]);
  expect(only(w.give(request(1460)))).toMatchObject({ destination: CARE_OF_1 });
});
