// Mobile node: what it makes of a correspondent's acknowledgement (RFC 6275 11.7.3). Bound, it answers an echo request
// that comes by routing header straight from its care-of address; not bound, through the home agent.

import { describe, expect, test } from 'vitest';
import { concatBytes, setU8 } from '../../stack/core/bytes.ts';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { mobilityPacket } from '../mobility/packets.ts';
import { authenticator, managementKey } from '../mobility/scripted-node.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import {
  type AckParts,
  CARE_OF,
  CN,
  clientAckPacket,
  clientUpdate,
  directReply,
  HOME,
  KBM,
  tunnelReply,
} from './mobile-node-packets.ts';
import {
  bound,
  expectClientUpdates,
  expectTestsBegin,
  type MobileNodeWorld,
  timesFrom,
  UNRENEWED,
  updating,
} from './mobile-node-world.ts';

const expectBound = (w: MobileNodeWorld): void => expectPackets(w.routedEcho(), directReply());
const expectNotBound = (w: MobileNodeWorld): void => expectPackets(w.routedEcho(), tunnelReply());

/** The update was sent and this came; nothing is sent because of it. */
function acknowledged(packet: (sequence: number) => Uint8Array) {
  const { w, update, sequence } = updating();
  expectNotBound(w);
  expectSilence(w.give(packet(sequence)));
  return { w, update, sequence };
}

/** As if nothing had come: sent again after 1 s, doubling, numbers growing. */
function expectIgnored(packet: (sequence: number) => Uint8Array): void {
  const { w, update, sequence } = acknowledged(packet);
  const sent = w.pass(seconds(8));
  expect(timesFrom(update.at, sent)).toEqual([1, 3, 7]);
  expectClientUpdates(sent, sequence);
  expectNotBound(w);
}

describe('accepted', () => {
  test('MN-3-2-1-2-001: status 0, same number, valid authenticator', () => {
    const { w } = acknowledged((sequence) => clientAckPacket({ sequence }));
    expectBound(w);
    expectSilence(w.pass(seconds(32)));
  });

  test('MN-3-2-1-2-029: reserved fields are ignored', () => {
    const alter = (mh: Uint8Array): void => {
      setU8(mh, 3, 0xff);
      setU8(mh, 7, 0x7f); // behind K
    };
    const { w } = acknowledged((sequence) => clientAckPacket({ sequence, alter }));
    expectBound(w);
  });

  test.each([
    ['MN-3-2-1-2-017', 'shorter than asked for', 60],
    ['MN-3-2-1-2-018', 'as asked for', 105],
  ] as const)('%s: with a lifetime %s, the binding ends with it', (_id, _name, lifetime) => {
    const { w, update, cookies } = bound(UNRENEWED, { lifetime });
    const end = update.at + 4 * lifetime; // counted from the sending of the update
    expectSilence(w.pass(seconds(Math.round((end - w.clock) * 1000 - 1) / 1000)));
    expectBound(w);
    expectSilence(w.pass(milliseconds(1)));
    expectNotBound(w);
    const again = expectTestsBegin(w);
    expect(again.home).not.toEqual(cookies.home);
    expect(again.careOf).not.toEqual(cookies.careOf);
  });

  test("MN-3-2-1-2-023: a correspondent's refresh advice is ignored", () => {
    const interval = 52;
    const { w } = bound({}, { options: [{ kind: 'refresh-advice', interval }] });
    expectBound(w);
    expectSilence(w.pass(seconds(4 * interval + 10)));
    expectBound(w);
  });
});

describe('refused', () => {
  test('MN-3-2-1-2-003: after status 128 no more updates', () => {
    const { w } = acknowledged((sequence) => clientAckPacket({ sequence, status: 128 }));
    expectSilence(w.pass(seconds(64)));
    expectNotBound(w);
  });

  test('RFC 6275 11.7.3: accepted for no time at all is as good as refused', () => {
    const { w } = acknowledged((sequence) => clientAckPacket({ sequence, lifetime: 0 }));
    expectSilence(w.pass(seconds(64)));
    expectNotBound(w);
  });

  test('MN-3-2-1-2-010: after status 135 the next update goes on from its sequence number', () => {
    const { w } = acknowledged(() => clientAckPacket({ sequence: 4711, status: 135 }));
    expectPackets(w.pass(milliseconds(1)), clientUpdate({ sequence: 4712 })); // same nonce indices
    expectNotBound(w);
    expectSilence(w.clientAck({ sequence: 4712 }));
    expectBound(w);
  });

  test('MN-3-2-1-2-010: a status 135 that does not verify is ignored', () => {
    expectIgnored(() => clientAckPacket({ sequence: 4711, status: 135, key: OTHER_KEY }));
  });
});

const OTHER_KEY = managementKey(new Uint8Array(8).fill(3));

describe('ignored', () => {
  test('MN-3-2-1-2-014: another sequence number', () => {
    expectIgnored((sequence) => clientAckPacket({ sequence: (sequence + 1) & 0xffff }));
  });

  test.each([
    ['another key', (sequence: number): AckParts => ({ sequence, key: OTHER_KEY })],
    ['none at all', (sequence: number): AckParts => ({ sequence, key: null })],
  ])('MN-3-2-1-2-024: a wrong authenticator (%s)', (_name, parts) => {
    expectIgnored((sequence) => clientAckPacket(parts(sequence)));
  });

  test('MN-3-2-1-2-024: a right authenticator in an option of another type', () => {
    const alter = (mh: Uint8Array): void => setU8(mh, mh.length - 14, 1); // PadN
    expectIgnored((sequence) => clientAckPacket({ sequence, alter }));
  });

  test('MN-3-2-1-2-025: padding behind the Binding Authorization Data', () => {
    const padding = Uint8Array.of(1, 6, 0, 0, 0, 0, 0, 0);
    expectIgnored((sequence) => {
      const usual = clientAckPacket({ sequence }).slice(64);
      setU8(usual, 1, usual.length / 8); // one unit more
      usual.set(authenticator(KBM, CARE_OF, CN, usual), usual.length - 12);
      return mobilityPacket({ source: CN, destination: CARE_OF, route: HOME }, concatBytes(usual, padding));
    });
  });
});
