// Mobile node: when it begins return routability, and how it asks (RFC 6275 11.6.1, 11.7.2, 11.8).

import { describe, expect, test } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import { echoRequest } from '../mobility/packets.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import {
  CARE_OF,
  CN,
  careOfTestInit,
  directReply,
  HOME,
  HOME_AGENT,
  homeTestInit,
  OTHER_CN,
  ROUTER,
  tunnelled,
  tunnelReply,
} from './mobile-node-packets.ts';
import {
  bound,
  cookieOf,
  expectTestsBegin,
  expectUnable,
  having,
  only,
  registered,
  testing,
  timesFrom,
  UNRENEWED,
} from './mobile-node-world.ts';

describe('which packets begin it', () => {
  test('MN-2-1-1-2-015: none while route optimization is only on request', () => {
    const { w } = registered({ routeOptimization: 'on-request' });
    expectPackets(w.tunnelledEcho(), tunnelReply());
    expectSilence(w.pass(seconds(32)));
  });

  test('MN-2-1-1-2-016: none of a correspondent for which it is off', () => {
    const { w } = registered({ mayOptimize: (client) => !client.equals(CN) });
    expectPackets(w.tunnelledEcho(), tunnelReply());
    expectSilence(w.pass(seconds(32)));
    expectTestsBegin(w, OTHER_CN);
  });

  test('MN-2-1-1-2-028: none whose inner destination is not the home address', () => {
    const { w } = registered();
    for (const destination of [CARE_OF, ROUTER]) {
      expectSilence(w.give(tunnelled(echoRequest({ source: CN, destination }))));
    }
    expectSilence(w.pass(seconds(32)));
  });

  test.each(['MN-2-1-1-2-004', 'MN-2-1-2-2-004'])('%s: none of the home agent itself', () => {
    const { w } = registered();
    expectPackets(w.tunnelledEcho(HOME_AGENT), directReply(HOME_AGENT));
    expectSilence(w.pass(seconds(32)));
  });

  test('MN-2-1-1-2-006: none that came straight, by routing header', () => {
    const { w } = bound();
    expectPackets(w.routedEcho(), directReply());
    expectSilence(w.pass(seconds(32)));
  });

  test.each(['MN-2-1-1-2-019', 'MN-2-1-2-2-019'])('%s: the next one after a binding has ended', () => {
    const { w, cookies } = bound(UNRENEWED);
    expectSilence(w.pass(seconds(420)));
    const again = expectTestsBegin(w);
    expect(again.home).not.toEqual(cookies.home);
    expect(again.careOf).not.toEqual(cookies.careOf);
  });
});

describe('the messages', () => {
  test('MN-2-1-1-2-001: HoTI through the tunnel, from the home address', () => {
    const { w } = registered();
    const init = only(having(w.tunnelledEcho(), 'home-test-init'));
    expectPackets([init], homeTestInit(cookieOf(init)));
    expect(init).toMatchObject({ source: CARE_OF, destination: HOME_AGENT, home: undefined });
    expect(init.inner).toMatchObject({ source: HOME, destination: CN, home: undefined, checksumHolds: true });
  });

  test('MN-2-1-2-2-001: CoTI straight from the care-of address, at the same time', () => {
    const { w } = registered();
    const init = only(having(w.tunnelledEcho(), 'care-of-test-init'));
    expectPackets([init], careOfTestInit(cookieOf(init)));
    expect(init).toMatchObject({ source: CARE_OF, destination: CN, home: undefined, checksumHolds: true });
  });

  test.each([
    ['MN-2-1-1-2-010', 'home-test-init'],
    ['MN-2-1-2-2-010', 'care-of-test-init'],
  ] as const)('%s: a %s that is not answered goes again after 1 and 2 s, then no more', (_id, kind) => {
    const { w, cookies, startedAt } = testing();
    const home = kind === 'home-test-init';
    expectSilence(home ? w.careOfTest({ cookie: cookies.careOf }) : w.homeTest({ cookie: cookies.home }));
    const sent = w.pass(seconds(2));
    expectPackets(w.routedEcho(), tunnelReply());
    sent.push(...w.pass(seconds(60)));
    expect(timesFrom(startedAt, sent)).toEqual([1, 3]);
    const fresh = sent.map(cookieOf);
    expectPackets(sent, ...fresh.map((cookie) => (home ? homeTestInit(cookie) : careOfTestInit(cookie))));
    const all = [home ? cookies.home : cookies.careOf, ...fresh].map(String);
    expect(new Set(all).size).toBe(3);
    expectUnable(w);
  });
});
