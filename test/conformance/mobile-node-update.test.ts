// Mobile node: Binding Updates to a correspondent (RFC 6275 11.7.2, 11.8), their renewal, and Binding Refresh
// Requests (11.7.4).

import { describe, expect, test } from 'vitest';
import { u8, u16 } from '../../stack/core/bytes.ts';
import { seconds } from '../../stack/core/time.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import { CARE_OF, CN, clientUpdate, directReply, HOME, setReserved, tunnelReply } from './mobile-node-packets.ts';
import {
  bound,
  type Cookies,
  expectClientUpdates,
  expectTestInits,
  expectTestsBegin,
  type MobileNodeWorld,
  only,
  registered,
  type Sent,
  sequenceOf,
  started,
  timesFrom,
  UNACKNOWLEDGED,
  updating,
} from './mobile-node-world.ts';

/** Both tests go well; what is sent then. */
function answer(w: MobileNodeWorld, cookies: Cookies): Sent[] {
  expectSilence(w.careOfTest({ cookie: cookies.careOf }));
  return w.homeTest({ cookie: cookies.home });
}

const next = (sequence: number): number => (sequence + 1) & 0xffff;

describe('the update', () => {
  test('MN-3-1-1-2-001: Home Address option, nonce indices, Binding Authorization Data last', () => {
    const { update, sequence } = updating();
    expectPackets([update], clientUpdate({ sequence, lifetime: 105 }));
    const { bytes } = update;
    expect({ first: u8(bytes, 6), second: u8(bytes, 40), option: u8(bytes, 46) }).toEqual({
      first: 60,
      second: 135,
      option: 0xc9,
    });
    const mh = bytes.subarray(64);
    expect({ reserved: u8(mh, 3), flags: u16(mh, 8) }).toEqual({ reserved: 0, flags: 0x8000 }); // A alone
    expect({ type: u8(mh, mh.length - 14), length: u8(mh, mh.length - 13) }).toEqual({ type: 5, length: 12 });
  });

  test('MN-3-1-1-2-001: its lifetime is no longer than what is left of the home registration', () => {
    const { w, sequence: homeSequence } = started();
    expectSilence(w.homeAck({ sequence: homeSequence, lifetime: 50 }));
    expectSilence(w.pass(seconds(6)));
    const update = only(answer(w, expectTestsBegin(w)));
    expectPackets([update], clientUpdate({ sequence: sequenceOf(update), lifetime: 48 }));
  });

  test('MN-3-1-1-2-002: without A bit, sent once', () => {
    const { w, update, sequence } = updating(UNACKNOWLEDGED);
    expectPackets([update], clientUpdate({ sequence, acknowledge: false }));
    expectSilence(w.pass(seconds(64)));
    expectPackets(w.routedEcho(), directReply());
  });

  test('MN-3-1-1-2-003: with A bit', () => {
    const { update, sequence } = updating();
    expectPackets([update], clientUpdate({ sequence, acknowledge: true }));
  });

  test('MN-3-1-1-2-004: from the care-of address that the CoT came to', () => {
    const { update } = updating();
    expect(update).toMatchObject({ source: CARE_OF, destination: CN, home: HOME, checksumHolds: true });
    expect(update.mobility?.options.map(({ kind }) => kind)).toEqual(['nonce-indices', 'binding-authorization-data']);
  });

  test('MN-3-1-1-2-006: unacknowledged, it goes again after 1 s, doubling, until the wait has reached 32 s', () => {
    const { w, update, sequence } = updating();
    const sent = w.pass(seconds(32));
    expectPackets(w.routedEcho(), tunnelReply());
    sent.push(...w.pass(seconds(100)));
    expect(timesFrom(update.at, sent)).toEqual([1, 3, 7, 15, 31]);
    expectClientUpdates(sent, sequence);
  });
});

describe('the renewal', () => {
  test('MN-3-1-2-2-006: before the binding ends, with the tokens while they live, with new ones afterwards', () => {
    const { w, sequence } = bound({}, { lifetime: 40 });
    const sent = w.pass(seconds(159));
    const [renewal] = sent;
    expect(timesFrom(renewal?.at ?? 0, sent).slice(0, 2)).toEqual([0, 1]); // before the end, and again
    expectPackets(sent.slice(0, 1), clientUpdate({ sequence: next(sequence) }));
    const last = sequenceOf(sent.at(-1) ?? only([]));
    expectSilence(w.clientAck({ sequence: last, lifetime: 40 }));
    // 4/5 of 160 s later the tokens are older than 210 s.
    const cookies = expectTestInits(w.pass(seconds(128)));
    expectPackets(answer(w, cookies), clientUpdate({ sequence: next(last) }));
    expectPackets(w.routedEcho(), directReply());
  });
});

describe('the tokens', () => {
  test('RFC 6275 5.2.7: kept, both tests are repeated before they end, and the binding is left alone', () => {
    const { w, sequence } = bound({ updates: { keepTokens: true } });
    const since = w.clock;
    const cookies = expectTestInits(w.pass(seconds(180)));
    expect(w.clock - since).toBe(180); // of 210 s
    expectSilence(answer(w, cookies));
    expect(w.node.hasTokens(w.now, CN)).toBe(true);
    // So that an update can leave at once, long after the first tokens have ended.
    w.pass(seconds(120));
    expectPackets(w.bindingError(1), clientUpdate({ sequence: next(sequence) }));
  });

  test('RFC 6275 5.2.7: not kept, they end after 210 s and are got anew when an update is due', () => {
    const { w } = bound();
    expectSilence(w.pass(seconds(300)));
    expect(w.node.hasTokens(w.now, CN)).toBe(false);
    expectTestInits(w.bindingError(1));
  });

  test('RFC 6275 5.2.7: kept, a client that answers no test is bound to the end', () => {
    const { w } = bound({ updates: { keepTokens: true } });
    w.pass(seconds(415));
    expectPackets(w.routedEcho(), directReply());
  });
});

describe('a Binding Refresh Request', () => {
  test('MN-3-4-1-2-001: makes for both tests and then an update', () => {
    const { w, sequence } = bound();
    w.pass(seconds(10));
    const cookies = expectTestInits(w.refreshRequest());
    expectPackets(answer(w, cookies), clientUpdate({ sequence: next(sequence) }));
  });

  test('MN-3-4-1-2-006: its Reserved fields are ignored', () => {
    const { w, sequence } = bound();
    w.pass(seconds(10));
    const cookies = expectTestInits(w.refreshRequest(CN, setReserved(3, 6, 7)));
    expectPackets(answer(w, cookies), clientUpdate({ sequence: next(sequence) }));
  });

  test('MN-3-4-1-2-005: is ignored from a node without entry in the list', () => {
    const { w } = registered();
    expectSilence(w.refreshRequest());
    expectSilence(w.pass(seconds(32)));
  });
});
