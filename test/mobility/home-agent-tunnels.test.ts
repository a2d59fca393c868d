// Tunnels of a home agent beyond the plain case (RFC 2473): packets that are in a tunnel already, hop limits, paths of the
// least MTU, and whom an ICMPv6 error goes to where a home address is shared.

import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../stack/core/bytes.ts';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import { address, prefix } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { emitEncapsulationLimitDestinationOptions } from '../../stack/wire/option.ts';
import {
  AGENT,
  CARE_OF_1,
  CARE_OF_2,
  CORRESPONDENT,
  HOME,
  type HomeAgentWorld,
  only,
  ROUTER,
  registered,
} from '../conformance/home-agent-world.ts';
import { echoRequest, icmpPacket, mobilityPacket, packet, type Seen, tunnelPacket } from './packets.ts';
import { TestHost } from './support.ts';

const FAR = address('2001:db8:e::1');
const DESTINATION_OPTIONS = PROTOCOL.destinationOptions;

/** A packet that somebody tunnels to the home address, with a limit if there is one. */
function tunnelled(limit?: number): Uint8Array {
  const inner = echoRequest({ source: FAR, destination: HOME });
  if (limit === undefined) return tunnelPacket(CORRESPONDENT, HOME, inner);
  const options = new Uint8Array(8);
  emitEncapsulationLimitDestinationOptions(PROTOCOL.ipv6, limit, options, 0);
  const upper = concatBytes(options, inner);
  return packet({ source: CORRESPONDENT, destination: HOME, protocol: DESTINATION_OPTIONS, upper });
}

const errorOf = (sent: readonly Seen[]) => {
  const { destination, icmp } = only(sent);
  return { to: destination.toString(), ...(icmp?.kind === 'error' && { ...icmp, quoted: undefined }) };
};

describe('RFC 2473 4: a packet that is in a tunnel already', () => {
  test('is tunnelled on, whole', () => {
    const sent = only(registered(90).give(tunnelled()));
    expect(sent).toMatchObject({ source: AGENT, destination: CARE_OF_1 });
    expect(sent.inner).toMatchObject({ source: CORRESPONDENT, destination: HOME, hopLimit: 63 });
    expect(sent.inner?.inner).toMatchObject({ source: FAR, destination: HOME, hopLimit: 64, checksumHolds: true });
  });

  test('4.1.1 (a): with a limit of 0 it is refused, by a Parameter Problem that points at the limit', () => {
    expect(errorOf(registered(91).give(tunnelled(0)))).toMatchObject({
      to: CORRESPONDENT.toString(),
      ...{ type: ICMPV6.parameterProblem, code: 0, parameter: 40 + 4 },
    });
  });

  test('4.1.1 (b): else the limit is on the outer header, one less', () => {
    const w = registered(92);
    w.device.arrive(w.now, tunnelled(2));
    const bytes = w.device.sent.at(-1) ?? new Uint8Array(0);
    expect([...bytes.subarray(6, 7), ...bytes.subarray(40, 48)]).toEqual([60, 41, 0, 4, 1, 1, 1, 1, 0]);
  });

  test('RFC 6275 10.4.5: out of a member’s tunnel nothing is taken out once more, for it was not configured', () => {
    const inner = echoRequest({ source: HOME, destination: CORRESPONDENT });
    const twice = tunnelPacket(CARE_OF_1, AGENT, tunnelPacket(HOME, AGENT, inner));
    expect(registered(93).give(twice)).toEqual([]);
    expect(only(registered(93).give(tunnelPacket(CARE_OF_1, AGENT, inner)))).toMatchObject({
      destination: CORRESPONDENT,
    });
  });

  test('3: one that a member sends through its tunnel is forwarded', () => {
    const inner = tunnelPacket(HOME, FAR, echoRequest({ source: HOME, destination: CORRESPONDENT }));
    expect(only(registered(94).give(tunnelPacket(CARE_OF_1, AGENT, inner)))).toMatchObject({
      source: HOME,
      destination: FAR,
      hopLimit: 63,
    });
  });
});

describe('RFC 2473 3.1, 6.3: hop limits', () => {
  test('the outer one is the tunnel’s own, whatever the inner one', () => {
    const sent = only(registered(95).give(echoRequest({ source: CORRESPONDENT, destination: HOME })));
    expect(sent.hopLimit).toBe(64);
  });

  test.each([0, 1])('an inner one of %i does not enter', (hopLimit) => {
    const upper = new Uint8Array(8);
    const sent = registered(96).give(
      packet({ source: CORRESPONDENT, destination: HOME, hopLimit, protocol: 59, upper }),
    );
    expect(errorOf(sent)).toMatchObject({ to: CORRESPONDENT.toString(), type: ICMPV6.timeExceeded, code: 0 });
  });
});

describe('RFC 2473 7.1, RFC 8200 5: a path of the least MTU', () => {
  const request = (length: number): Uint8Array =>
    icmpPacket(
      { source: CORRESPONDENT, destination: HOME },
      { kind: 'echo-request', identifier: 7, sequence: 1, data: new Uint8Array(length - 48) },
    );
  const tooBig = (w: HomeAgentWorld, mtu: number): Seen[] => {
    const quoted = only(w.give(request(1460))).bytes.subarray(0, 1232);
    return w.give(
      icmpPacket({ source: ROUTER, destination: AGENT }, { kind: 'error', type: 2, code: 0, parameter: mtu, quoted }),
    );
  };

  test.each([1280, 1281, 1319])('an MTU of %i is told as 1280, never less', (mtu) => {
    const w = registered(97);
    expect(errorOf(tooBig(w, mtu))).toMatchObject({ type: ICMPV6.packetTooBig, parameter: 1280 });
    expect(errorOf(w.give(request(1281)))).toMatchObject({ type: ICMPV6.packetTooBig, parameter: 1280 });
    expect(w.give(request(1280)).length).toBe(2);
  });

  test('RFC 8201 4: a report of less than 1280 changes nothing', () => {
    const w = registered(98);
    tooBig(w, 1279);
    expect(only(w.give(request(1460)))).toMatchObject({ destination: CARE_OF_1 });
  });
});

describe('RFC 4443 2.4 d: an error for a shared home address goes to the member whose packet it is about', () => {
  const GROUP = address('2001:db8:100::1');
  const CLIENT = address('2001:db8:c::9');

  /** Members 1, the default, and 2, to whom the client is bound. */
  function group(): TestHost {
    const host = new TestHost(AGENT, { seed: 5, forwarding: true });
    const key = new Uint8Array(20);
    const agent = new HomeAgent(host.environment, host.dispatch, {
      address: AGENT,
      homePrefixes: [prefix('2001:db8:100::/64')],
      security: 'none',
      associations: [1, 2].map((bid) => ({ home: GROUP, bid, spi: bid, key })),
    });
    for (const [bid, source] of [[1, CARE_OF_1] as const, [2, CARE_OF_2] as const]) {
      const identifier = { kind: 'binding-identifier', bid, status: 0, simultaneous: false, priority: bid } as const;
      const flags = { acknowledge: true, home: true, linkLocal: false, keyManagement: false };
      const update = { kind: 'binding-update', sequence: 1, ...flags, lifetime: 105, options: [identifier] } as const;
      host.give(mobilityPacket({ source, destination: AGENT, home: GROUP }, update));
    }
    agent.bindFlow(GROUP, CLIENT, 2);
    return host;
  }

  const error = (quoted: Uint8Array): Uint8Array =>
    icmpPacket(
      { source: ROUTER, destination: GROUP },
      { kind: 'error', type: ICMPV6.packetTooBig, code: 0, parameter: 1400, quoted },
    );
  const wayOf = (bytes: Uint8Array): string | undefined => group().give(bytes)[0]?.destination.toString();
  const ofClient = echoRequest({ source: GROUP, destination: CLIENT });

  test('of a client with a flow to the member of that flow, others to the default', () => {
    expect(wayOf(error(ofClient))).toBe(CARE_OF_2.toString());
    expect(wayOf(error(echoRequest({ source: GROUP, destination: FAR })))).toBe(CARE_OF_1.toString());
  });

  test.each([
    ['a quote of somebody else’s packet', error(echoRequest({ source: FAR, destination: CLIENT }))],
    ['a quote that is too short', error(ofClient.subarray(0, 39))],
    [
      'no error',
      icmpPacket(
        { source: ROUTER, destination: GROUP },
        { kind: 'echo-request', identifier: 1, sequence: 1, data: ofClient },
      ),
    ],
  ])('%s decides nothing', (_what, bytes) => {
    expect(wayOf(bytes)).toBe(CARE_OF_1.toString());
  });
});
