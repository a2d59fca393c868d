// Mobile node: how it asks for its home registration (RFC 6275 11.7.1, 11.8), and keeps it.

import { describe, expect, test } from 'vitest';
import { u8, u16 } from '../../stack/core/bytes.ts';
import { seconds } from '../../stack/core/time.ts';
import { MH } from '../../stack/wire/mobility.ts';
import { authenticatorAt } from '../mobility/scripted-home-agent.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import { CARE_OF, HOME, HOME_AGENT, HOME_LIFETIME, homeUpdate } from './mobile-node-packets.ts';
import {
  expectHomeUpdates,
  having,
  type MobileNodeWorld,
  only,
  registered,
  sequenceOf,
  started,
  timesFrom,
} from './mobile-node-world.ts';

const homeUpdates = (sent: ReturnType<MobileNodeWorld['pass']>) => having(sent, 'binding-update');

describe('the first registration', () => {
  test('MN-3-1-1-1-010: the configured home address is registered from the care-of address', () => {
    const { update } = started();
    expect(update).toMatchObject({ source: CARE_OF, destination: HOME_AGENT, home: HOME, checksumHolds: true });
    expect(update.mobility).toMatchObject({ home: true, lifetime: HOME_LIFETIME });
    expect(update.mobility?.options[0]).toEqual({ kind: 'alternate-care-of', address: CARE_OF });
  });

  test('MN-2-1-1-1-001: the whole update, field by field', () => {
    const { update, sequence } = started();
    expectPackets([update], homeUpdate({ at: 0, sequence }));
    const { bytes } = update;
    // Destination Options right behind the IPv6 header, the Home Address option in it at 8n+6, then the Mobility Header.
    expect({ first: u8(bytes, 6), second: u8(bytes, 40), option: u8(bytes, 46), length: u8(bytes, 47) }).toEqual({
      first: 60,
      second: 135,
      option: 0xc9,
      length: 16,
    });
    const mh = bytes.subarray(64);
    expect({ payloadProto: u8(mh, 0), type: u8(mh, 2), reserved: u8(mh, 3), flags: u16(mh, 8) }).toEqual({
      payloadProto: 59,
      type: MH.bindingUpdate,
      reserved: 0,
      flags: 0xc000,
    });
    const kinds = update.mobility?.options.map(({ kind }) => kind);
    expect(kinds).toEqual(['alternate-care-of', 'mn-identifier', 'replay-protection', 'authentication']);
  });

  test('MN-2-1-1-1-004: a key configured by hand makes for K=0 and a protected update', () => {
    const { update, sequence } = started();
    expect(update.mobility).toMatchObject({ keyManagement: false });
    const mh = update.bytes.subarray(update.start);
    const expected = homeUpdate({ at: 0, sequence }).subarray(update.start);
    const at = authenticatorAt(mh);
    expect(mh.slice(at, at + 12)).toEqual(expected.slice(at, at + 12));
    expect(mh.length - at - 12).toBeLessThan(8); // nothing but padding behind it
  });

  test('MN-2-1-1-1-013: unanswered, it goes again after 1.5, 3, 6, 12, 24 s and then every 32 s', () => {
    const { w, sequence } = started();
    const sent = w.pass(seconds(120));
    expect(timesFrom(0, sent)).toEqual([1.5, 4.5, 10.5, 22.5, 46.5, 78.5, 110.5]);
    expectHomeUpdates(sent, sequence);
    expectSilence(w.routedEcho(HOME_AGENT));
  });

  test('MN-2-1-1-1-008: once the registration has run out, it backs off as at first', () => {
    const { w, sequence } = started();
    expectSilence(w.homeAck({ sequence, lifetime: 15 }));
    const unheard = w.pass(seconds(60)); // renewals that nobody hears
    expectHomeUpdates(unheard, sequence);
    const last = unheard.at(-1);
    expect(last?.at).toBe(60); // the end of the registration
    const repeats = w.pass(seconds(5));
    expect(timesFrom(60, repeats)).toEqual([1.5, 4.5]);
    expectHomeUpdates(repeats, last === undefined ? 0 : sequenceOf(last));
  });
});

describe('the renewal', () => {
  test('MN-2-1-2-1-004: a registration is renewed before it ends', () => {
    const { w, sequence } = registered();
    const [renewal] = w.pass(seconds(4 * HOME_LIFETIME - 1));
    expect(renewal?.at).toBe(720);
    expectPackets(renewal ? [renewal] : [], homeUpdate({ at: 720, sequence: (sequence + 1) & 0xffff }));
  });

  test('MN-2-1-2-1-006: a renewal that stays unanswered goes again after 1, 2, 4, 8, 16, 32 s', () => {
    const { w, sequence } = registered();
    w.pass(seconds(700));
    const sent = homeUpdates(w.pass(seconds(120)));
    expect(timesFrom(sent[0]?.at ?? 0, sent)).toEqual([0, 1, 3, 7, 15, 31, 63, 95]);
    expectHomeUpdates(sent, sequence);
  });

  test('MN-2-2-1-1-020: a shorter lifetime than asked for counts, from the sending of the update', () => {
    const { w, sequence } = started();
    w.pass(seconds(1));
    expectSilence(w.homeAck({ sequence, lifetime: 10 }));
    const renewal = only(w.pass(seconds(31.5)));
    expect(renewal.at).toBe(32); // 4/5 of 40 s
    expectHomeUpdates([renewal], sequence);
    expect(w.clock).toBeLessThan(40);
  });

  test("MN-2-2-1-1-026: the home agent's refresh advice makes for an earlier one", () => {
    const { w, sequence } = started();
    expectSilence(w.homeAck({ sequence, options: [{ kind: 'refresh-advice', interval: 25 }] }));
    expectSilence(w.pass(seconds(79)));
    const renewal = only(w.pass(seconds(1.5)));
    expect(renewal.at).toBe(80); // 4/5 of 100 s
    expectHomeUpdates([renewal], sequence);
  });

  test('RFC 6275 6.2.4: an advice of 0 is none', () => {
    const { w, sequence } = started();
    expectSilence(w.homeAck({ sequence, options: [{ kind: 'refresh-advice', interval: 0 }] }));
    expectSilence(w.pass(seconds(719)));
  });
});
