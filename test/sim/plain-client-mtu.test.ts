// A plain client is served through the home agent's tunnel. Where the path behind the tunnel is narrow, a router there says so
// to the home address (RFC 8201): the word reaches the member whose segment it was, and that one sends smaller ones.

import { expect, test } from 'vitest';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { address, prefix } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { icmpPacket } from '../mobility/packets.ts';
import { BulkApp } from './apps.ts';
import { type Download, download } from './download.ts';
import { CONTACT, type MemberNode, World } from './world.ts';

const PORT = 80;
const OTHER = address('2001:db8:d::1');
const ROUTER = address('2001:db8:e::1');
const NARROW = 1400;
const OCTETS = 2_000_000;
/** On the wire to the home agent: that and the tunnel's header. */
const THROUGH_TUNNEL = NARROW + 40;

/** A world whose client has no Mobile IPv6 and is behind a router that passes no more than NARROW, and says so or not. */
function narrowWorld(says = true, octets = OCTETS): World {
  const latencies = { donorAcceptor: 10, clientDonor: 10, clientAcceptor: 10, home: 10 };
  const world = new World({ seed: 4, latencies });
  const { internet } = world;
  internet.mobilityFilter = (from, to) => from === 'c' || to === 'c';
  internet.join('a', 'home', { rate: 20e6, queueBytes: 400_000 });
  internet.join('home', 'c', { rate: 20e6, queueBytes: 400_000, mtu: NARROW });
  const router = internet.attach('e', [prefix('2001:db8:e::/64')]);
  internet.taps.push((now, event, from, to, packet) => {
    if (!says || event !== 'sent' || from !== 'home' || to !== 'c' || packet.length <= NARROW) return;
    const error = { kind: 'error', type: ICMPV6.packetTooBig, code: 0, parameter: NARROW } as const;
    const quoted = packet.slice(0, 1232);
    router.send(now, [{ bytes: icmpPacket({ source: ROUTER, destination: CONTACT }, { ...error, quoted }) }]);
  });
  world.start(() => new Map([[PORT, new BulkApp(octets)]]));
  return world;
}

const serverAt = ({ host }: MemberNode): Connection | undefined =>
  [...host.tcp.connections()].find(({ local }) => local.port === PORT);
const timeouts = (world: World): number => world.traced.filter(({ event }) => event.event === 'timeout').length;
const isWhole = ({ progress }: Download): boolean => progress.received === OCTETS && progress.wrongAt < 0;

test('RFC 8201 4, RFC 2473 8: the segments of the default member fit after one round trip, without a timeout', () => {
  const world = narrowWorld();
  const stream = download(world, PORT);
  world.runFor(milliseconds(400));
  expect(serverAt(world.a)?.info.sendMss).toBe(NARROW - 40 - 32);
  expect(world.a.host.ipv6.path(world.now, CONTACT, world.c.careOf)).toMatchObject({
    mtu: THROUGH_TUNNEL,
    overhead: 40,
  });
  expect(world.runUntil(() => isWhole(stream), after(world.now, seconds(20)))).toBe(true);
  expect(timeouts(world)).toBe(0);
});

test('the path of other clients through the same tunnel stays as wide as it is', () => {
  const world = narrowWorld();
  download(world, PORT);
  world.runFor(milliseconds(400));
  expect(world.a.host.ipv6.path(world.now, CONTACT, OTHER).mtu).toBe(1500);
});

test('RFC 4821 7: where the router says nothing the client’s own path is searched, and the tunnel stays as it is', () => {
  const world = narrowWorld(false, 20_000_000);
  const stream = download(world, PORT);
  world.runFor(seconds(8));
  const { mtu } = world.a.host.ipv6.path(world.now, CONTACT, world.c.careOf);
  expect(mtu).toBeLessThanOrEqual(THROUGH_TUNNEL);
  expect(mtu).toBeGreaterThan(THROUGH_TUNNEL - 8);
  expect(world.a.host.ipv6.path(world.now, CONTACT, OTHER).mtu).toBe(1500);
  expect(stream.progress.wrongAt).toBe(-1);
});
