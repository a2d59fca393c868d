// What the UMIP daemon on Linux is known to want of its peers, one test each: of our mobile node by its correspondent and
// its home agent, and of our correspondent where its mobile node does it so. The peer is played octet by octet; sums
// and keys are computed here, by RFC 6275 and node:crypto alone. Not UMIP itself: no kernel here has Mobile IPv6.

import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { DEFAULT_UPDATE_POLICY } from '../../stack/mobility/update-policy.ts';
import type { Address } from '../../stack/wire/address.ts';
import { expectPackets, expectSilence } from '../conformance/expectations.ts';
import {
  CARE_OF,
  CN,
  clientAckPacket,
  clientUpdate,
  HOME,
  HOME_AGENT,
  tunnelReply,
} from '../conformance/mobile-node-packets.ts';
import {
  bound,
  expectTestInits,
  having,
  MobileNodeWorld,
  only,
  sequenceOf,
  started,
  updating,
} from '../conformance/mobile-node-world.ts';
import { tested } from './correspondent-world.ts';
import { mobilityPacket } from './packets.ts';
import { theMessage } from './support.ts';

/** Where the Mobility Header is behind one header of 24 octets: Home Address option or type 2 routing header. */
const MH_AT = 64;
const mhOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(MH_AT);

/** The Internet checksum over pseudo-header and Mobility Header, field included, added up word by word: 0xffff is right. */
function sumOf(source: Address, destination: Address, mh: Uint8Array): number {
  const octets = [
    ...source.toBytes(),
    ...destination.toBytes(),
    0,
    0,
    mh.length >> 8,
    mh.length & 0xff,
    0,
    0,
    0,
    135,
    ...mh,
  ];
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += (octets[at] ?? 0) * 256 + (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/** First (96, HMAC_SHA1 (Kbm, care-of | correspondent | MH)): checksum zero, without the last 12 octets. */
function authenticatorOf(kbm: Uint8Array, careOf: Address, correspondent: Address, mh: Uint8Array): Uint8Array {
  const covered = mh.slice(0, mh.length - 12);
  covered.set([0, 0], 4);
  const mac = createHmac('sha1', kbm).update(careOf.toBytes()).update(correspondent.toBytes()).update(covered).digest();
  return Uint8Array.from(mac.subarray(0, 12));
}

const sha1 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
};

/** Options of a Mobility Header from `at` on: type, and where it begins. */
function optionsOf(mh: Uint8Array, at: number): { readonly type: number; readonly at: number }[] {
  const options: { type: number; at: number }[] = [];
  for (let next = at; next < mh.length; ) {
    const type = mh[next] ?? 0;
    if (type > 1) options.push({ type, at: next }); // 0, 1: padding
    next += type === 0 ? 1 : 2 + (mh[next + 1] ?? 0);
  }
  return options;
}

/** Of a Binding Update. */
const UPDATE_OPTIONS_AT = 12;
const OPTION = { alternateCareOf: 3, nonceIndices: 4, authorization: 5, authentication: 9 } as const;

describe('of a mobile node, by a correspondent', () => {
  test('the checksum of an update is over the home address, which is in the Home Address option', () => {
    const { update } = updating();
    expect(sumOf(HOME, CN, mhOf(update.bytes))).toBe(0xffff);
    expect(sumOf(CARE_OF, CN, mhOf(update.bytes))).not.toBe(0xffff);
  });

  test('the checksum of an acknowledgement is over the home address, which is in the routing header: another is not taken', () => {
    const { w, sequence } = updating();
    const ack = clientAckPacket({ sequence });
    expect(sumOf(CN, HOME, mhOf(ack))).toBe(0xffff);
    // The same message with a sum over the care-of address.
    const wrong = ack.slice();
    const difference = sumOf(CN, CARE_OF, mhOf(ack));
    const word = ((wrong[MH_AT + 4] ?? 0) << 8) | (wrong[MH_AT + 5] ?? 0);
    let fixed = word + (0xffff - difference);
    fixed = (fixed & 0xffff) + (fixed >> 16);
    wrong.set([fixed >> 8, fixed & 0xff], MH_AT + 4);
    expect(sumOf(CN, CARE_OF, mhOf(wrong))).toBe(0xffff);
    expectSilence(w.give(wrong));
    expect(w.node.stateOf(CN)).toBe('updating');
    expectSilence(w.give(ack));
    expect(w.node.stateOf(CN)).toBe('bound');
  });

  test('the authenticator covers care-of address, correspondent, and the message without its last 12 octets, padded, of its final length', () => {
    const { update } = updating();
    const mh = mhOf(update.bytes);
    expect(mh.length).toBe(((mh[1] ?? 0) + 1) * 8);
    const kbm = sha1(new Uint8Array(8).fill(1), new Uint8Array(8).fill(2)); // home token, care-of token
    expect(mh.slice(-12)).toEqual(authenticatorOf(kbm, CARE_OF, CN, mh));
  });

  test('nonce indices are at 2n, authorization data last and at 8n+2, the Home Address option at 8n+6', () => {
    const { update } = updating();
    const mh = mhOf(update.bytes);
    const options = optionsOf(mh, UPDATE_OPTIONS_AT);
    expect(options.map(({ type }) => type)).toEqual([OPTION.nonceIndices, OPTION.authorization]);
    const [nonces, authorization] = options.map(({ at }) => at);
    expect([(nonces ?? 1) % 2, (authorization ?? 0) % 8, authorization]).toEqual([0, 2, mh.length - 14]);
    expect([update.bytes[40 + 6], (40 + 6) % 8]).toEqual([0xc9, 6]);
  });

  test('payload proto is 59 in all that it sends, and a message with another is met with a Parameter Problem', () => {
    const { w, update, sequence } = updating();
    expect(mhOf(update.bytes)[0]).toBe(59);
    const problems = w.give(clientAckPacket({ sequence, alter: (mh) => void mh.set([6]) }));
    expect(only(problems).icmp).toMatchObject({ kind: 'error', type: 4, code: 0, parameter: MH_AT });
    expect(w.node.stateOf(CN)).toBe('updating');
  });

  test('data that comes before the daemon has processed the update meets Binding Error 1: the update goes again, at most three in a second', () => {
    const { w, sequence } = updating({ updates: DEFAULT_UPDATE_POLICY });
    w.pass(milliseconds(5));
    const again = [...w.bindingError(1), ...w.pass(milliseconds(334)), ...w.bindingError(1)];
    expectPackets(again.slice(0, 1), clientUpdate({ sequence: (sequence + 1) & 0xffff }));
    expect(again.length).toBeLessThanOrEqual(2);
    w.pass(milliseconds(45));
    expectSilence(w.clientAck({ sequence: (sequence + again.length) & 0xffff }));
    expect(w.node.stateOf(CN)).toBe('bound');
  });

  test('a Binding Refresh Request to the home address, 2 s before the end, makes for both tests and an update', () => {
    const { w, sequence } = bound({ updates: { firstWait: 'initial-timeout', renew: false } }, { lifetime: 25 });
    w.pass(seconds(97.9));
    const cookies = expectTestInits(w.refreshRequest());
    expectSilence(w.careOfTest({ cookie: cookies.careOf }));
    expectPackets(w.homeTest({ cookie: cookies.home }), clientUpdate({ sequence: (sequence + 1) & 0xffff }));
  });
});

describe('of a correspondent, by a mobile node', () => {
  test('an update that ends a binding, sent from the care-of address, has a key of the home token alone and that address in its authenticator', () => {
    const w = tested();
    w.node.update({ sequence: 10 });
    w.node.update({ sequence: 11, lifetime: 0 });
    expect(w.node.kbm).toEqual(sha1(w.node.homeToken?.token ?? new Uint8Array(0)));
    expect(w.correspondent.bindingCount).toBe(0);
  });

  test('sent from home, it has the home address in its authenticator', () => {
    const w = tested();
    w.node.update({ sequence: 10 });
    const answer = w.node.update({ sequence: 11, lifetime: 0, source: w.node.home });
    expect(w.node.signedFor.equals(w.node.home)).toBe(true);
    expect(theMessage(answer, 'binding-acknowledgement').message).toMatchObject({ status: 0, sequence: 11 });
    expect(w.correspondent.bindingCount).toBe(0);
  });

  test('and none that is signed with both tokens is taken for one', () => {
    const w = tested();
    w.node.update({ sequence: 10 });
    const { homeToken, careOfToken } = w.node;
    const both = sha1(homeToken?.token ?? new Uint8Array(0), careOfToken?.token ?? new Uint8Array(0));
    const spoil = (mh: Uint8Array): void => {
      mh.set(authenticatorOf(both, w.node.careOf, w.node.correspondent, mh), mh.length - 12);
    };
    expectSilence(w.node.update({ sequence: 11, lifetime: 0, spoil }));
    expect(w.correspondent.bindingCount).toBe(1);
  });

  test('the checksum of an acknowledgement is over the home address in its routing header', () => {
    const w = tested();
    const [answer] = w.node.update({ sequence: 10 });
    const mh = mhOf(answer?.bytes ?? new Uint8Array(0));
    expect(sumOf(w.node.correspondent, w.node.home, mh)).toBe(0xffff);
    expect(sumOf(w.node.correspondent, w.node.careOf, mh)).not.toBe(0xffff);
  });
});

describe('of a mobile node, by a home agent', () => {
  test('no option of RFC 4285, an Alternate Care-of Address at 8n+6, a checksum over the home address', () => {
    const w = new MobileNodeWorld({}, 'none');
    const update = only(w.do((now) => w.node.registerHome(now)));
    const mh = mhOf(update.bytes);
    const options = optionsOf(mh, UPDATE_OPTIONS_AT).filter(({ type }) => type !== 8); // mobile node identifier
    expect(options.map(({ type, at }) => [type, at % 8])).toEqual([[OPTION.alternateCareOf, 6]]);
    expect(sumOf(HOME, HOME_AGENT, mh)).toBe(0xffff);
  });

  test('it takes a second for its duplicate address detection: the update is not sent again meanwhile', () => {
    const w = new MobileNodeWorld({}, 'none');
    const update = only(w.do((now) => w.node.registerHome(now)));
    expectSilence(w.pass(seconds(1)));
    const message = {
      kind: 'binding-acknowledgement',
      status: 0,
      keyManagement: false,
      lifetime: 225,
      options: [],
    } as const;
    const ack = { ...message, sequence: sequenceOf(update) };
    expectSilence(w.give(mobilityPacket({ source: HOME_AGENT, destination: CARE_OF, route: HOME }, ack)));
    expectSilence(w.pass(seconds(60)));
    expectPackets(w.tunnelledEcho().slice(-1), tunnelReply());
  });

  test('RFC 6275 11.8: where it says nothing, the first update goes again after 1.5 s', () => {
    const { w, update } = started();
    expectSilence(w.pass(milliseconds(1_499)));
    expect(having(w.pass(milliseconds(2)), 'binding-update').map(sequenceOf)).toEqual([
      (sequenceOf(update) + 1) & 0xffff,
    ]);
  });
});
