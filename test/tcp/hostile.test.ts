// A peer that says anything at all: no segment throws, nothing grows beyond its bound, and what the application
// gets is what was sent at those positions. Urgent octets are among the things a peer may say.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { tcbOf } from '../../stack/tcp/connection.ts';
import { MAX_OUT_OF_ORDER_RANGES } from '../../stack/tcp/limits.ts';
import { seqAdd } from '../../stack/wire/seq.ts';
import { checkTcb } from '../fuzz/tcb-invariants.ts';
import { ACK, opened, PSH, type Script, type ScriptedPeer, URG } from './scripted-peer.ts';
import { A, B, pattern, World } from './support.ts';

test('RFC 6093 2: urgent octets are delivered in line', () => {
  const { peer, app } = opened();
  peer.send({ flags: ACK | URG | PSH, text: pattern(20), urgentPointer: 5, ack: 0 });
  expect(app.bytes).toEqual(pattern(20));
});

describe('any segment in any state', () => {
  const near = fc.oneof(fc.integer({ min: -5, max: 5000 }), fc.integer({ min: -100_000, max: 100_000 }), fc.integer());
  const block = fc.tuple(near, near);
  const segment = fc.record({
    flags: fc.oneof(fc.constantFrom(ACK, ACK | PSH, ACK | 1, 2, 4, 18, 20), fc.nat(255)),
    seq: near,
    ack: near,
    length: fc.oneof(fc.nat(3000), fc.constant(0)),
    window: fc.nat(65_535),
    urgent: fc.nat(65_535),
    blocks: fc.array(block, { maxLength: 3 }),
    timestamp: fc.option(fc.tuple(fc.nat(), fc.nat())),
    wait: fc.constantFrom(0, 0, 0, 1, 50, 700),
    call: fc.constantFrom('none', 'none', 'write', 'shutdown', 'read'),
  });

  const script = (peer: ScriptedPeer, s: typeof segment extends fc.Arbitrary<infer T> ? T : never): Script => ({
    flags: s.flags,
    seq: s.seq,
    ack: s.ack,
    text: s.length,
    window: s.window,
    urgentPointer: s.urgent,
    options: {
      ...(s.blocks.length === 0 ? {} : { sack: s.blocks.map(([l, r]) => ({ left: at(peer, l), right: at(peer, r) })) }),
      ...(s.timestamp === null ? {} : { timestamp: { value: s.timestamp[0], echo: s.timestamp[1] } }),
    },
  });
  const at = (peer: ScriptedPeer, position: number) => seqAdd(peer.ours ?? (0 as never), position + 1);

  test('does no harm', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.array(segment, { maxLength: 40 }),
        (sackPermitted, stamps, segments) => {
          const { peer, connection, app } = opened({
            tcp: { sendBuffer: 20_000, receiveBuffer: 20_000 },
            synOptions: { mss: 1000, sackPermitted, ...(stamps ? { timestamp: { value: 1, echo: 0 } } : {}) },
          });
          app.autoRead = false;
          for (const s of segments) {
            if (s.call === 'write') connection.write(peer.world.now, pattern(3000));
            if (s.call === 'shutdown') connection.shutdown(peer.world.now);
            if (s.call === 'read') connection.read(peer.world.now, s.length);
            peer.send(script(peer, s));
            peer.world.runFor(milliseconds(s.wait));
            checkTcb(tcbOf(connection));
            expect(connection.readableBytes).toBeLessThanOrEqual(20_000 + 1);
            expect(connection.unacknowledged).toBeLessThanOrEqual(20_000);
          }
          peer.world.runFor(seconds(2000));
          expect(peer.rest().length).toBeLessThan(3000);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('random octets are dropped, whatever they look like', () => {
    const world = new World();
    const { tcp } = world.host(A);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const addresses = { source: B, destination: A, wireSource: B, wireDestination: A };
        tcp.input(world.now, {
          ...addresses,
          ...{ protocol: 6, bytes, start: 0, end: bytes.length, hopLimit: 1, trafficClass: 0, gsoSize: 0 },
          ...{ checksumValid: true, hasHomeAddressOption: false, hasRoutingHeader2: false },
        });
      }),
    );
  });

  test('octets strewn over the window are bounded in number', () => {
    const { peer, connection } = opened({ tcp: { receiveBuffer: 1 << 20 }, synOptions: { mss: 1000, windowScale: 7 } });
    for (let i = 0; i < 3 * MAX_OUT_OF_ORDER_RANGES; i++) peer.send({ seq: 1 + 2 * i, text: 1, ack: 0 });
    expect(peer.host.tcp.counters.get('out-of-order-dropped')).toBe(2 * MAX_OUT_OF_ORDER_RANGES);
    peer.send({ seq: 0, text: 1, ack: 0 });
    expect(connection.bytesRead).toBe(2);
  });
});
