// What a home agent tunnels to a mobile node and takes from it (RFC 6275 10.4.2, 10.4.5; RFC 2473).

import { expect, test } from 'vitest';
import { setU8, u8, u16, u32 } from '../../stack/core/bytes.ts';
import type { Address } from '../../stack/wire/address.ts';
import { readAddress } from '../../stack/wire/address.ts';
import { echoRequest, icmpPacket, type Seen, tunnelPacket } from '../mobility/packets.ts';
import {
  AGENT,
  CARE_OF_1,
  CARE_OF_2,
  CORRESPONDENT,
  expectAcknowledgement,
  expectRoutedReply,
  HOME,
  type HomeAgentWorld,
  only,
  ROUTER,
  registered,
} from './home-agent-world.ts';

const HOP_LIMIT = 7;
const TIME_EXCEEDED = 3;

/** The packet one router further on. */
function oneHopOn(packet: Uint8Array): Uint8Array {
  const on = packet.slice();
  setU8(on, HOP_LIMIT, u8(on, HOP_LIMIT) - 1);
  return on;
}

/** IPv6 in IPv6, no extension header, with exactly this packet inside. */
function expectTunnelled(packet: Seen, to: Address, request: Uint8Array): void {
  const { bytes } = packet;
  expect({ nextHeader: u8(bytes, 6), payloadLength: u16(bytes, 4) }).toEqual({
    nextHeader: 41,
    payloadLength: request.length,
  });
  expect(u8(bytes, HOP_LIMIT)).toBeGreaterThan(1);
  expect(readAddress(bytes, 8).toString()).toBe(AGENT.toString());
  expect(readAddress(bytes, 24).toString()).toBe(to.toString());
  expect(bytes.subarray(40)).toEqual(oneHopOn(request));
}

const innerEcho = (sequence: number): Uint8Array => echoRequest({ source: HOME, destination: CORRESPONDENT }, sequence);

/** Tunnelled back from `careOf`, the inner packet goes on as if it came from home. */
function expectForwarded(w: HomeAgentWorld, careOf: Address, sequence: number): void {
  const inner = innerEcho(sequence);
  const sent = only(w.give(tunnelPacket(careOf, AGENT, inner)));
  expect(sent).toMatchObject({ source: HOME, destination: CORRESPONDENT, home: undefined, checksumHolds: true });
  expect(sent.bytes).toEqual(oneHopOn(inner));
}

function moveToSecond(w: HomeAgentWorld): void {
  const sent = w.update({ sequence: 16, careOf: CARE_OF_2 });
  expectAcknowledgement(sent, { status: 0, sequence: 16, to: CARE_OF_2, lifetime: 105 });
}

test('HA_5_1_5: a packet for the home address is tunnelled to the care-of address', () => {
  const { request, sent } = registered(40).correspondentEcho();
  expectTunnelled(only(sent), CARE_OF_1, request);
});

test('HA_5_1_6: after a move the tunnel ends at the new care-of address', () => {
  const w = registered(41);
  const before = w.correspondentEcho();
  expectTunnelled(only(before.sent), CARE_OF_1, before.request);
  moveToSecond(w);
  const behind = w.correspondentEcho();
  expectTunnelled(only(behind.sent), CARE_OF_2, behind.request);
});

test('HA_5_1_7: Time Exceeded from inside the tunnel is relayed as unreachable', () => {
  const w = registered(42);
  const { request, sent } = w.correspondentEcho();
  const quoted = only(sent).bytes;
  const error = { kind: 'error', type: TIME_EXCEEDED, code: 0, parameter: 0, quoted } as const;
  const relayed = only(w.give(icmpPacket({ source: ROUTER, destination: AGENT }, error)));
  expect(relayed).toMatchObject({ source: AGENT, destination: CORRESPONDENT, protocol: 58, checksumHolds: true });
  const icmp = relayed.bytes.subarray(relayed.start);
  expect({ type: u8(icmp, 0), code: u8(icmp, 1), unused: u32(icmp, 4) }).toEqual({ type: 1, code: 3, unused: 0 });
  expect(icmp.subarray(8)).toEqual(oneHopOn(request));
});

test('HA_6_1_3: what comes by tunnel from the care-of address is forwarded', () => {
  expectForwarded(registered(43), CARE_OF_1, 1);
});

test('HA_6_1_4: after a move only the new care-of address is a source of tunnels', () => {
  const w = registered(44);
  expectForwarded(w, CARE_OF_1, 1);
  moveToSecond(w);
  expectForwarded(w, CARE_OF_2, 2);
  expect(w.give(tunnelPacket(CARE_OF_1, AGENT, innerEcho(3)))).toEqual([]);
});

test('HA_6_2_2: a tunnel from elsewhere is dropped in silence', () => {
  const w = registered(45);
  expect(w.give(tunnelPacket(CARE_OF_2, AGENT, innerEcho(1)))).toEqual([]);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
  expectForwarded(w, CARE_OF_1, 2);
});
