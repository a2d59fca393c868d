import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setU8 } from '../../stack/core/bytes.ts';
import type { ReceivedPacket } from '../../stack/ipv6/port.ts';
import { Correspondent } from '../../stack/mobility/correspondent.ts';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import { MobileNode } from '../../stack/mobility/mobile-node.ts';
import { address, prefix } from '../../stack/wire/address.ts';
import { ECN, setEcn } from '../../stack/wire/ecn.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { echoRequest, mobilityPacket, packet, tunnelPacket } from './packets.ts';
import { COOKIE, ScriptedNode } from './scripted-node.ts';
import { TestHost, theMessage } from './support.ts';

const SELF = address('2001:db8:a::1');
const HOME = address('2001:db8:100::1');
const HOME_AGENT = address('2001:db8:100::ff');
const PEER = address('2001:db8:c::1');
const KEY = { spi: 1001, key: new Uint8Array(20) };

/** All three roles on one host. */
function everything(): TestHost {
  const host = new TestHost(SELF, { seed: 4, forwarding: true });
  const { environment, dispatch } = host;
  new Correspondent(environment, dispatch);
  new MobileNode(environment, dispatch, {
    homeAddress: HOME,
    careOf: SELF,
    homeAgent: HOME_AGENT,
    association: KEY,
    bid: 1,
  });
  const homePrefixes = [prefix('2001:db8:200::/64')];
  new HomeAgent(environment, dispatch, {
    address: SELF,
    homePrefixes,
    associations: [{ ...KEY, home: address('2001:db8:200::1') }],
  });
  return host;
}

describe('hostile octets', () => {
  test('random Mobility Headers, also of known types, never throw and never get more than one answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 80 }), fc.nat(8), fc.boolean(), (octets, type, withHome) => {
        const bytes = octets.slice(0, octets.length & ~7);
        setU8(bytes, 0, 59);
        setU8(bytes, 1, bytes.length / 8 - 1);
        setU8(bytes, 2, type);
        const way = { source: PEER, destination: SELF, ...(withHome && { home: address('2001:db8:300::1') }) };
        expect(everything().give(mobilityPacket(way, bytes)).length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('random tunnel contents never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (upper) => {
        const source = HOME_AGENT;
        expect(everything().give(packet({ source, destination: SELF, protocol: 41, upper }))).toEqual([]);
      }),
    );
  });

  test('a tunnel within a tunnel is dropped', () => {
    const echo = echoRequest({ source: PEER, destination: HOME });
    const host = everything();
    expect(host.give(tunnelPacket(HOME_AGENT, SELF, tunnelPacket(HOME_AGENT, HOME, echo)))).toEqual([]);
    expect(host.dispatch.counters.get('tunnel-refused')).toBe(1);
    host.give(tunnelPacket(HOME_AGENT, SELF, echo));
    expect(host.dispatch.counters.get('tunnel-refused')).toBe(1); // the inner one alone is taken
  });
});

test('RFC 6040 4.2: a mark on the way through a tunnel reaches what was in it, or drops it', () => {
  const through = (inner: number, outer: number) => {
    const host = everything();
    const echo = echoRequest({ source: PEER, destination: HOME });
    setEcn(echo, inner);
    const tunnelled = tunnelPacket(HOME_AGENT, SELF, echo);
    setEcn(tunnelled, outer);
    const fields: number[] = [];
    const deliver = (_now: unknown, { trafficClass, protocol }: ReceivedPacket) => {
      if (protocol !== PROTOCOL.ipv6) fields.push(trafficClass & 3);
      return 'pass' as const;
    };
    host.ipv6.addHooks({ delivery: { deliver } });
    host.give(tunnelled);
    return { field: fields.at(-1), dropped: host.dispatch.counters.get('tunnel-ecn'), unchanged: echo[1] };
  };
  expect(through(ECN.ect0, ECN.ce)).toMatchObject({ field: ECN.ce, dropped: 0, unchanged: ECN.ect0 << 4 });
  expect(through(ECN.ect0, ECN.ect0)).toMatchObject({ field: ECN.ect0, dropped: 0 });
  expect(through(ECN.notEct, ECN.ce)).toMatchObject({ dropped: 1 });
});

describe('several roles on one host', () => {
  test("a home registration goes to the home agent, a correspondent's update to the correspondent", () => {
    const host = everything();
    const node = new ScriptedNode(host, SELF, address('2001:db8:300::1'), PEER);
    node.tests();
    expect(theMessage(node.update({ sequence: 1 }), 'binding-acknowledgement').message.status).toBe(0);
    const registration = node.update({ sequence: 2, homeRegistration: true, options: () => [] });
    expect(registration).toEqual([]);
    expect(host.dispatch.counters.get('home-update-unprotected')).toBe(1);
  });

  test('RFC 6275 9.3.1: protocol 135 needs no binding for its Home Address option', () => {
    const host = everything();
    const init = { kind: 'home-test-init', cookie: COOKIE, options: [] } as const;
    expect(host.give(mobilityPacket({ source: PEER, destination: SELF, home: HOME }, init))).toEqual([]);
    expect(host.dispatch.counters.get('home-address-without-binding')).toBe(0);
  });
});
