// A SYN flood: 100,000 SYNs from random sources in ten seconds, while clients that mean it connect and transfer.

import { expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { microseconds, milliseconds, seconds } from '../../stack/core/time.ts';
import type { ReceivedPacket } from '../../stack/ipv6/port.ts';
import { DEFAULT_BACKLOG } from '../../stack/tcp/limits.ts';
import { Address, address } from '../../stack/wire/address.ts';
import { seq } from '../../stack/wire/seq.ts';
import { emitTcpHeader, TCP_FLAG, tcpHeaderLength } from '../../stack/wire/tcp.ts';
import { App, B, expectOpen, firstDifference, PORT, pattern, type TestHost, World } from './support.ts';

const SYNS = 100_000;
const BATCH = 100;
const CLIENTS = 40;

/** SYNs for a host, as IPv6 would hand them up: checksums are taken for granted. */
class Flood {
  readonly #random = new SeededRandom(7);
  readonly #options = { mss: 1440, sackPermitted: true, windowScale: 7, timestamp: { value: 1, echo: 0 } };
  readonly #bytes = new Uint8Array(tcpHeaderLength(this.#options));

  send(world: World, host: TestHost): void {
    const word = (): number => this.#random.u32();
    const source = new Address(0x20010db8, word(), word(), word());
    const ports = word();
    const header = {
      sourcePort: (ports >>> 16) | 1,
      destinationPort: PORT,
      seq: seq(word()),
      ack: seq(0),
      flags: TCP_FLAG.syn,
      window: 65_535,
      options: this.#options,
    };
    emitTcpHeader(header, this.#bytes, 0);
    host.tcp.input(world.now, packetFrom(source, this.#bytes));
  }
}

const packetFrom = (source: Address, bytes: Uint8Array): ReceivedPacket => ({
  source,
  wireSource: source,
  destination: B,
  wireDestination: B,
  protocol: 6,
  hopLimit: 64,
  trafficClass: 0,
  bytes,
  start: 0,
  end: bytes.length,
  checksumValid: true,
  gsoSize: 0,
  hasHomeAddressOption: false,
  hasRoutingHeader2: false,
});

test('RFC 4987 3.6: a flood of 100,000 SYNs: clients connect and transfer, and nothing piles up', () => {
  const world = new World({ delay: milliseconds(20) });
  const server = world.host(B);
  const received: Uint8Array[] = [];
  expectOpen(
    server.tcp.listen({ port: PORT }, (_now, connection) => {
      const app = new App(world, connection);
      received.push(app.bytes);
      const index = received.length - 1;
      const { peerFinished } = connection.events;
      connection.events.peerFinished = (now) => {
        peerFinished?.(now);
        received[index] = app.bytes;
      };
    }),
  );
  const a = address('2001:db8:a::1');
  const clientHost = world.host(a);
  world.filter = (segment) => (segment.to.equals(a) || segment.to.equals(B) ? 'pass' : 'drop');
  const flood = new Flood();
  const clients: App[] = [];
  let most = 0;
  for (let sent = 0; sent < SYNS; sent += BATCH) {
    for (let i = 0; i < BATCH; i++) flood.send(world, server);
    if (sent % (SYNS / CLIENTS) === 0) {
      const opened = clientHost.tcp.connect(world.now, { remote: { address: B, port: PORT } });
      const client = new App(world, expectOpen(opened));
      client.send(pattern(5000, clients.length), true);
      clients.push(client);
    }
    most = Math.max(most, [...server.tcp.connections()].length - CLIENTS);
    world.runFor(microseconds((10_000_000 * BATCH) / SYNS));
    world.sent.length = 0;
  }
  world.runFor(seconds(2));
  expect(clients.filter((app) => app.error !== undefined || app.connection.state !== 'TIME-WAIT')).toEqual([]);
  expect(received.map((bytes, i) => firstDifference(bytes, pattern(5000, i)))).toEqual(clients.map(() => undefined));
  expect(most).toBeLessThanOrEqual(DEFAULT_BACKLOG);
  expect(server.tcp.counters.get('syn-cookie-taken')).toBeGreaterThan(0);
  world.runFor(seconds(60));
  expect([...server.tcp.connections()]).toEqual([]);
});
