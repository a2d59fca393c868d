// RFC 6437 in TCP: one label a connection, kept wherever it moves within a group.

import { expect, test, vi } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import type { OutgoingPacket } from '../../stack/ipv6/port.ts';
import { Tcp } from '../../stack/tcp/tcp.ts';
import { A, B, established, expectOpen, FakeIpv6, PORT, pattern, type TestHost, World } from './support.ts';

/** The labels of all that this host sends from now on. */
function labelsOf({ ipv6 }: TestHost): number[] {
  const seen: number[] = [];
  const send = ipv6.send.bind(ipv6);
  vi.spyOn(ipv6, 'send').mockImplementation((now, packet: OutgoingPacket) => {
    seen.push(packet.flowLabel ?? 0);
    return send(now, packet);
  });
  return seen;
}

test('RFC 6437 3: every packet of a connection has its label: data, ACK, retransmission, FIN, RST', () => {
  const world = new World({ loss: 0.05, seed: 3 });
  const { client, a } = established({}, {}, world);
  const seen = labelsOf(a);
  client.send(pattern(200_000));
  world.runFor(seconds(20));
  client.connection.abort(world.now);
  expect(client.connection.info.retransmits).toBeGreaterThan(0);
  expect(seen.length).toBeGreaterThan(100);
  expect(new Set(seen).size).toBe(1);
  expect(seen[0]).toBeGreaterThan(0);
  expect(seen[0]).toBeLessThan(2 ** 20);
});

test('RFC 6437 3: two connections between the same hosts have different labels', () => {
  const { world, a, client } = established();
  const seen = labelsOf(a);
  client.send(pattern(10));
  expectOpen(a.tcp.connect(world.now, { remote: { address: B, port: PORT } }));
  world.runFor(milliseconds(5));
  expect(new Set(seen).size).toBe(2);
});

test.each([
  ['in the same group: the same label', [1, 2, 3], true],
  ['with another secret: another label', [1, 2, 4], false],
])('a connection that moves %s', (_name, secret, same) => {
  const { world, a, client } = established();
  const before = labelsOf(a);
  client.send(pattern(10));
  world.runFor(milliseconds(100));
  a.tcp.freeze(world.now, client.connection);
  const snapshot = a.tcp.snapshot(world.now, client.connection);
  const ipv6 = new FakeIpv6(world, A);
  const { timers, random } = world;
  const tcp = new Tcp({ ipv6, timers, random, secret: Uint8Array.from(secret) });
  const after = labelsOf({ ipv6, tcp });
  tcp.resume(world.now, expectOpen(tcp.install(world.now, snapshot, { congestion: 'carry' })));
  expect(after.length).toBe(1);
  expect(after[0] === before[0]).toBe(same);
});
