// Home registrations that are accepted, and those that are nobody's business (RFC 6275 9.2, 9.5.1, 10.3.1).

import { expect, test } from 'vitest';
import { setU8, u8 } from '../../stack/core/bytes.ts';
import { seconds } from '../../stack/core/time.ts';
import { address } from '../../stack/wire/address.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { echoRequest } from '../mobility/packets.ts';
import { authenticatorAt, unsigned } from '../mobility/scripted-home-agent.ts';
import {
  AGENT,
  CARE_OF_1,
  CARE_OF_2,
  clearMobilityChecksum,
  expectAcknowledgement,
  expectBindingError,
  expectEchoReply,
  expectRoutedReply,
  HomeAgentWorld,
  only,
  registered,
} from './home-agent-world.ts';

test('HA_0_0_0: nothing registered, echo requests from foreign links are answered plainly', () => {
  const w = new HomeAgentWorld(1);
  for (const source of [CARE_OF_1, CARE_OF_2]) {
    const reply = only(w.give(echoRequest({ source, destination: AGENT })));
    expectEchoReply(reply);
    expect(reply).toMatchObject({ destination: source, route: undefined, home: undefined, start: 40 });
  }
});

test('HA_2_1_5: a home registration with A set is acknowledged and used', () => {
  const w = new HomeAgentWorld(2);
  const granted = expectAcknowledgement(w.update({ sequence: 15, lifetime: 105 }), {
    status: 0,
    sequence: 15,
    to: CARE_OF_1,
    lifetime: 105,
  });
  expect(granted).toBeGreaterThan(0);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('HA_2_1_6: a home registration is acknowledged without the A bit too', () => {
  const w = new HomeAgentWorld(3);
  const sent = w.update({ sequence: 15, lifetime: 105, acknowledge: false });
  const due = { status: 0, sequence: 15, to: CARE_OF_1, lifetime: 105 };
  expect(expectAcknowledgement(sent, due)).toBeGreaterThan(0);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('HA_2_1_15: both Reserved fields are ignored', () => {
  const w = new HomeAgentWorld(4);
  const alter = (mh: Uint8Array): void => {
    setU8(mh, 3, 0xff);
    setU8(mh, 8, u8(mh, 8) | 0x0f); // A, H, L and K are the four bits above
    setU8(mh, 9, 0xff);
  };
  const due = { status: 0, sequence: 15, to: CARE_OF_1, lifetime: 105 };
  expect(expectAcknowledgement(w.update({ sequence: 15, alter }), due)).toBeGreaterThan(0);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('HA_2_1_7: a registration is renewed for half its time', () => {
  const w = new HomeAgentWorld(5);
  const first = { status: 0, sequence: 15, to: CARE_OF_1, lifetime: 105 };
  const half = Math.floor(expectAcknowledgement(w.update({ sequence: 15 }), first) / 2);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
  const second = { status: 0, sequence: 16, to: CARE_OF_1, lifetime: half };
  const granted = expectAcknowledgement(w.update({ sequence: 16, lifetime: half }), second);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
  // The second lifetime counts: not the first one, not their sum.
  w.pass(seconds(4 * granted));
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('HA_2_1_8: a registration ends with its lifetime', () => {
  const w = new HomeAgentWorld(6);
  const due = { status: 0, sequence: 15, to: CARE_OF_1, lifetime: 8 };
  const granted = expectAcknowledgement(w.update({ sequence: 15, lifetime: 8 }), due);
  for (let second = 0; second < 4 * granted; second++) {
    expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
    expect(w.pass(seconds(1))).toEqual([]);
  }
  for (let second = 0; second < 3; second++) {
    expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
    expect(w.pass(seconds(1))).toEqual([]);
  }
});

test('HA_1_1_8: a wrong Mobility Header checksum is discarded in silence', () => {
  const w = new HomeAgentWorld(7);
  expect(w.give(clearMobilityChecksum(w.updatePacket({ sequence: 15 })))).toEqual([]);
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('HA_2_2_6: an unprotected home registration is discarded in silence', () => {
  const w = new HomeAgentWorld(8);
  const unprotected = (usual: MobilityOption[]): MobilityOption[] => usual.slice(0, -1);
  const unknownSpi = (usual: MobilityOption[]): MobilityOption[] => [...usual.slice(0, -1), unsigned(4242)];
  for (const options of [unprotected, unknownSpi]) {
    expect(w.update({ sequence: 15, options })).toEqual([]);
    expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
  }
  // RFC 4285 5.1: with the option, and a wrong authenticator in it, the sender is told.
  const spoil = (mh: Uint8Array): void => setU8(mh, authenticatorAt(mh), u8(mh, authenticatorAt(mh)) ^ 1);
  expectAcknowledgement(w.update({ sequence: 15, spoil }), { status: 146, sequence: 15, to: CARE_OF_1, lifetime: 0 });
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('HA_2_2_8: a home registration with Nonce Indices is discarded in silence', () => {
  const w = new HomeAgentWorld(9);
  const nonces: MobilityOption = { kind: 'nonce-indices', home: 1, careOf: 2 };
  expect(w.update({ sequence: 15, options: (usual) => [nonces, ...usual] })).toEqual([]);
  expectBindingError(w.homeEcho(CARE_OF_1), CARE_OF_1);
});

test('HA_2_2_14: a multicast home address is discarded in silence, what is registered stays', () => {
  const w = registered(10);
  expect(w.update({ sequence: 16, careOf: CARE_OF_2, home: address('ff0e::1') })).toEqual([]);
  expectRoutedReply(w.homeEcho(CARE_OF_1), CARE_OF_1);
  expectBindingError(w.homeEcho(CARE_OF_2), CARE_OF_2);
});
