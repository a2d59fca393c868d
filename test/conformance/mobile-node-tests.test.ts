// Mobile node: what it makes of HoT and CoT (RFC 6275 11.6.2). The same rules for both, so each is told once for the
// two tests: `it` is the test in question, the other one goes well.

import { describe, expect, test } from 'vitest';
import { setU16 } from '../../stack/core/bytes.ts';
import { seconds } from '../../stack/core/time.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import {
  CARE_OF_NONCE,
  careOfTestInit,
  clientUpdate,
  directReply,
  HOME_NONCE,
  homeTestInit,
  OTHER_CN,
  setReserved,
  type TestParts,
  tunnelReply,
  type UpdateParts,
} from './mobile-node-packets.ts';
import {
  bound,
  cookieOf,
  type MobileNodeWorld,
  only,
  registered,
  type Sent,
  sequenceOf,
  testing,
  timesFrom,
} from './mobile-node-world.ts';

const OTHER_COOKIE = new Uint8Array(8).fill(0x55);
const OTHER_NONCE = 333;

const HOME_TEST = {
  name: 'HoT',
  side: 'home',
  other: 'careOf',
  nonce: HOME_NONCE,
  init: homeTestInit,
  give: (w: MobileNodeWorld, parts: TestParts) => w.homeTest(parts),
  giveOther: (w: MobileNodeWorld, parts: TestParts) => w.careOfTest(parts),
} as const;

const CARE_OF_TEST = {
  name: 'CoT',
  side: 'careOf',
  other: 'home',
  nonce: CARE_OF_NONCE,
  init: careOfTestInit,
  give: (w: MobileNodeWorld, parts: TestParts) => w.careOfTest(parts),
  giveOther: (w: MobileNodeWorld, parts: TestParts) => w.homeTest(parts),
} as const;

/** The one packet that was sent is the update, whole. */
function expectUpdate(sent: readonly Sent[], parts: Partial<UpdateParts> = {}): void {
  const update = only(sent);
  expectPackets([update], clientUpdate({ sequence: sequenceOf(update), ...parts }));
}

describe('in either order, the update has both nonce indices', () => {
  test.each(['MN-2-1-3-2-001', 'MN-2-1-4-2-001'])('%s: CoT, then HoT', () => {
    const { w, cookies } = testing();
    expectSilence(w.careOfTest({ cookie: cookies.careOf }));
    expectUpdate(w.homeTest({ cookie: cookies.home }));
  });

  test.each(['MN-2-1-3-2-007', 'MN-2-1-4-2-006'])('%s: HoT, then CoT', () => {
    const { w, cookies } = testing();
    expectSilence(w.homeTest({ cookie: cookies.home }));
    expectUpdate(w.careOfTest({ cookie: cookies.careOf }));
  });
});

describe.each([
  {
    ...HOME_TEST,
    reserved: 'MN-2-1-3-2-015',
    twice: 'MN-2-1-3-2-008',
    old: 'MN-2-1-3-2-002',
    cookie: 'MN-2-1-3-2-003',
    source: 'MN-2-1-3-2-004',
    checksum: 'MN-4-2-1-2-007',
    unasked: 'MN-2-1-3-2-011',
    stray: 'MN-2-1-3-2-012',
  },
  {
    ...CARE_OF_TEST,
    reserved: 'MN-2-1-4-2-014',
    twice: 'MN-2-1-4-2-007',
    old: 'MN-2-1-4-2-002',
    cookie: 'MN-2-1-4-2-003',
    source: 'MN-2-1-4-2-004',
    checksum: 'MN-4-2-1-2-013',
    unasked: 'MN-2-1-4-2-010',
    stray: 'MN-2-1-4-2-011',
  },
] as const)('$name', (it) => {
  /** It is not taken for an answer: its init goes again after 1 s, then 2 s, with fresh cookies, and no update goes. */
  function expectIgnored(parts: (right: Uint8Array) => TestParts): void {
    const { w, cookies, startedAt } = testing();
    expectSilence(it.giveOther(w, { cookie: cookies[it.other] }));
    expectSilence(it.give(w, parts(cookies[it.side])));
    const sent = w.pass(seconds(3.5));
    expect(timesFrom(startedAt, sent)).toEqual([1, 3]);
    const fresh = sent.map(cookieOf);
    expectPackets(sent, ...fresh.map((cookie) => it.init(cookie)));
    expect(new Set([cookies[it.side], ...fresh].map(String)).size).toBe(3);
    expectPackets(w.routedEcho(), tunnelReply());
  }

  test(`${it.reserved}: its Reserved field is ignored`, () => {
    const { w, cookies } = testing();
    expectSilence(it.giveOther(w, { cookie: cookies[it.other] }));
    expectUpdate(it.give(w, { cookie: cookies[it.side], spoil: setReserved(3) }));
  });

  test(`${it.twice}: the first of two with the right cookie counts`, () => {
    const { w, cookies } = testing();
    const cookie = cookies[it.side];
    expectSilence(it.give(w, { cookie }));
    expectSilence(it.give(w, { cookie, nonceIndex: OTHER_NONCE }));
    expectUpdate(it.giveOther(w, { cookie: cookies[it.other] })); // with the index of the first
  });

  test(`${it.old}: only the cookie of the latest init message counts`, () => {
    const { w, cookies } = testing();
    expectSilence(it.giveOther(w, { cookie: cookies[it.other] }));
    const latest = cookieOf(only(w.pass(seconds(1))));
    expectSilence(it.give(w, { cookie: cookies[it.side], nonceIndex: OTHER_NONCE }));
    expectUpdate(it.give(w, { cookie: latest }));
  });

  test(`${it.cookie}: ignored with another cookie`, () => {
    expectIgnored(() => ({ cookie: OTHER_COOKIE }));
  });

  test(`${it.source}: ignored from another source than the correspondent`, () => {
    expectIgnored((cookie) => ({ cookie, source: OTHER_CN }));
  });

  test(`${it.checksum}: dropped when its checksum is wrong`, () => {
    expectIgnored((cookie) => ({ cookie, spoilPacket: (packet) => setU16(packet, 40 + 4, 0) }));
  });

  test(`${it.unasked}: ignored from a node without entry in the list`, () => {
    const { w } = registered();
    expectSilence(it.give(w, { cookie: OTHER_COOKIE }));
    expectSilence(w.pass(seconds(32)));
  });

  test(`${it.stray}: ignored while no test runs, and the binding stays`, () => {
    const { w, cookies } = bound();
    expectSilence(it.give(w, { cookie: cookies[it.side], nonceIndex: OTHER_NONCE }));
    expectSilence(w.pass(seconds(32)));
    expectPackets(w.routedEcho(), directReply());
  });
});
