// Mobile node: what it makes of the home agent's answer (RFC 6275 11.7.3). Registered, it answers an echo request that
// the home agent routes to it from the care-of address; not registered, it says nothing.

import { describe, expect, test } from 'vitest';
import { setU8, setU16 } from '../../stack/core/bytes.ts';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { UNSPECIFIED } from '../../stack/wire/address.ts';
import { mobilityPacket } from '../mobility/packets.ts';
import { authenticatorAt } from '../mobility/scripted-home-agent.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import {
  type AckParts,
  bindingError,
  CARE_OF,
  directReply,
  HOME,
  HOME_AGENT,
  homeAckPacket,
  homeUpdate,
  setReserved,
} from './mobile-node-packets.ts';
import { expectHomeUpdates, type MobileNodeWorld, only, started, timesFrom } from './mobile-node-world.ts';

/** Started, and the acknowledgement has come. */
function acknowledged(parts: (sequence: number) => AckParts) {
  const { w, sequence } = started();
  expectSilence(w.homeAck(parts(sequence)));
  return { w, sequence };
}

const expectRegistered = (w: MobileNodeWorld): void => expectPackets(w.routedEcho(HOME_AGENT), directReply(HOME_AGENT));

const expectNotRegistered = (w: MobileNodeWorld): void => expectSilence(w.routedEcho(HOME_AGENT));

/** As if nothing had come: sent again after 1.5 s, doubling. */
function expectIgnored(w: MobileNodeWorld, sequence: number): void {
  expectNotRegistered(w);
  const sent = w.pass(seconds(23));
  expect(timesFrom(0, sent)).toEqual([1.5, 4.5, 10.5, 22.5]);
  expectHomeUpdates(sent, sequence);
  expectNotRegistered(w);
}

describe('accepted', () => {
  test('MN-2-2-1-1-001: status 0 registers', () => {
    const { w, sequence } = started();
    expectNotRegistered(w);
    expectSilence(w.homeAck({ sequence }));
    expectRegistered(w);
    expectSilence(w.pass(seconds(700)));
  });

  test('MN-2-2-1-1-039: reserved fields are ignored', () => {
    // Reserved of the Mobility Header; the flags behind K (R and P are of other RFCs).
    const alter = setReserved(3);
    const flags = (mh: Uint8Array): void => setU8(mh, 7, 0x1f);
    const both = (mh: Uint8Array): void => {
      alter(mh);
      flags(mh);
    };
    const { w } = acknowledged((sequence) => ({ sequence, alter: both }));
    expectRegistered(w);
  });

  test('MN-2-2-1-1-014: K=0 registers without any key management', () => {
    const { w, sequence } = started();
    expect(homeAckPacket({ sequence })[64 + 7]).toBe(0);
    expectSilence(w.homeAck({ sequence }));
    expectRegistered(w);
  });

  test('MN-2-2-1-1-033: an unassigned status below 128 is acceptance', () => {
    const { w } = acknowledged((sequence) => ({ sequence, status: 127 }));
    expectRegistered(w);
  });
});

describe('refused', () => {
  test('MN-2-2-1-1-003: status 128 does not register; one more try a long time later', () => {
    const { w, sequence } = acknowledged((s) => ({ sequence: s, status: 128 }));
    expectNotRegistered(w);
    const sent = w.pass(seconds(33));
    expect(timesFrom(0, sent)).toEqual([32]);
    expectHomeUpdates(sent, sequence);
    expectNotRegistered(w);
  });

  test('RFC 6275 11.7.3: accepted for no time at all does not register; one more try a long time later', () => {
    const { w, sequence } = acknowledged((s) => ({ sequence: s, lifetime: 0 }));
    expectNotRegistered(w);
    const sent = w.pass(seconds(33));
    expect(timesFrom(0, sent)).toEqual([32]);
    expectHomeUpdates(sent, sequence);
  });

  test('MN-2-2-1-1-010: status 135 makes the next update go on from its sequence number', () => {
    const { w } = acknowledged(() => ({ sequence: 4711, status: 135 }));
    expectPackets(w.pass(milliseconds(1)), homeUpdate({ at: 0, sequence: 4712, resent: 1 }));
    expectNotRegistered(w);
    expectSilence(w.homeAck({ sequence: 4712 }));
    expectRegistered(w);
  });

  test('MN-2-2-1-1-010: a status 135 that does not verify is ignored', () => {
    const key = new Uint8Array(20).fill(8);
    const { w, sequence } = acknowledged(() => ({ sequence: 4711, status: 135, key }));
    expectIgnored(w, sequence);
  });

  test('MN-2-2-1-1-016: behind sequence number 65535 comes 0', () => {
    const { w } = acknowledged(() => ({ sequence: 65_535, status: 135 }));
    expectPackets(w.pass(milliseconds(1)), homeUpdate({ at: 0, sequence: 0, resent: 1 }));
  });
});

describe('ignored', () => {
  test('MN-2-2-1-1-017: another sequence number', () => {
    const { w, sequence } = acknowledged((s) => ({ sequence: (s + 1) & 0xffff }));
    expectIgnored(w, sequence);
  });

  test.each([
    ['no authentication option', (s: number): AckParts => ({ sequence: s, key: null })],
    ['another key', (s: number): AckParts => ({ sequence: s, key: new Uint8Array(20).fill(8) })],
    [
      'an octet of the authenticator changed',
      (s: number): AckParts => ({ sequence: s, spoil: (mh) => setU8(mh, authenticatorAt(mh), 0x77) }),
    ],
  ] as const)('MN-2-2-1-1-038: an acknowledgement without protection (%s)', (_name, parts) => {
    const { w, sequence } = acknowledged(parts);
    expectIgnored(w, sequence);
  });

  test('MN-6-2-1-1-004: a Mobility Header whose checksum is wrong', () => {
    const { w, sequence } = started();
    const ack = homeAckPacket({ sequence });
    setU16(ack, 64 + 4, 0);
    expectSilence(w.give(ack));
    expectIgnored(w, sequence);
  });
});

test('MN-6-2-1-1-003: a message of unknown type gets Binding Error 2', () => {
  const { w, sequence } = started();
  const ack = homeAckPacket({ sequence });
  const mh = ack.slice(64);
  setU8(mh, 2, 250);
  setU16(mh, 4, 0);
  const sent = w.give(mobilityPacket({ source: HOME_AGENT, destination: CARE_OF, route: HOME }, mh));
  const error = mobilityPacket({ source: CARE_OF, destination: HOME_AGENT }, bindingError(2, UNSPECIFIED));
  expectPackets([only(sent)], error);
  expectIgnored(w, sequence);
});
