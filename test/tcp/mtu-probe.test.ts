// RFC 4821 at TCP, segment by segment: what IPv6 asks for is scripted (Path.probe), what TCP tells it is looked at.
// The whole of it, with IPv6's search and paths that swallow packets, is in test/sim/path-mtu.test.ts.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { opened, type ScriptedPeer, type Seen } from './scripted-peer.ts';
import type { WireSegment } from './support.ts';
import { A, type App, established, firstDifference, type Pair, pattern } from './support.ts';

const MSS = 1208; // 1280 - 40 - 20 - 12
const PROBE = 1500;
const PROBE_TEXT = MSS + PROBE - 1280;

interface Options {
  readonly probe?: number;
  readonly gso?: boolean;
}

/** A client that has slow-started over a path of 1280, and is asked now to probe with `probe`. */
function probing({ probe = PROBE, gso = false }: Options = {}): Pair & { probes: () => WireSegment[]; size: number } {
  const made = established({ mtu: 1500, gso });
  const { world, a, client } = made;
  a.ipv6.changePath({ mtu: 1280 });
  client.send(pattern(100_000));
  world.runFor(milliseconds(500));
  const text = MSS + probe - 1280;
  a.ipv6.changePath({ probe });
  a.ipv6.onProbe = (_size, arrived) => a.ipv6.changePath({ probe: 0, ...(arrived && { mtu: probe }) });
  const isProbe = (s: WireSegment): boolean => s.from.equals(A) && s.text.length === text && s.gsoSize === 0;
  return { ...made, size: text, probes: () => world.sent.filter(isProbe) };
}

const finish = ({ world, server }: Pair, sent: Uint8Array): void => {
  world.runFor(seconds(10));
  const got: App = server();
  expect(firstDifference(got.bytes.subarray(100_000), sent)).toBeUndefined();
};

/** Acknowledges segment after segment until one of this length is there; all before it has been acknowledged then. */
function probeOf(peer: ScriptedPeer, length: number): Seen {
  for (let round = 0; round < 20; round++) {
    peer.run(20);
    for (const seen of peer.rest()) {
      if (seen.length === length) return seen;
      peer.send({ ack: seen.seq + seen.length });
    }
  }
  throw new Error('no probe');
}

describe('RFC 4821 7: probes', () => {
  const DATA = pattern(100_000, 5);

  test.each([false, true])('7.2: one segment of the size asked for; it arrives, and that is told (gso %s)', (gso) => {
    const made = probing({ gso });
    made.client.send(DATA);
    finish(made, DATA);
    expect(made.a.ipv6.probes).toEqual(['1500 arrived']);
    expect(made.client.connection.info.sendMss).toBe(PROBE_TEXT);
    expect(made.client.connection.info.retransmits).toBe(0);
  });

  test('7.3: no probe without data behind it, which has to tell of its loss', () => {
    const made = probing();
    made.client.send(pattern(PROBE_TEXT + 3 * MSS));
    made.world.runFor(seconds(2));
    expect(made.probes()).toEqual([]);
    made.client.send(pattern(PROBE_TEXT + 4 * MSS));
    made.world.runFor(seconds(2));
    expect(made.probes().length).toBe(1);
  });

  test('7.4: a probe that is lost alone is no congestion, goes again in small segments, and is told', () => {
    const made = probing();
    const { world, client, probes } = made;
    world.filter = (s) => (s.text.length === PROBE_TEXT ? 'drop' : 'pass');
    client.send(DATA);
    const { cwnd, ssthresh } = client.connection.info;
    finish(made, DATA);
    expect(probes().length).toBe(1);
    expect(made.a.ipv6.probes).toEqual(['1500 lost']);
    expect(client.connection.info.cwnd).toBeGreaterThanOrEqual(cwnd);
    expect(client.connection.info.ssthresh).toBe(ssthresh);
    expect(client.connection.info.retransmits).toBe(2);
    expect(client.connection.info.sendMss).toBe(MSS);
  });

  test('7.4: a probe that is lost with others teaches nothing; the others are congestion', () => {
    const made = probing();
    const { world, client, probes } = made;
    let after = 0;
    world.filter = (s) => {
      if (!s.from.equals(A)) return 'pass';
      if (s.text.length === PROBE_TEXT) after = 1;
      else if (after > 0) after += 1;
      return s.text.length === PROBE_TEXT || after === 3 ? 'drop' : 'pass';
    };
    client.send(DATA.subarray(0, 20_000));
    const { ssthresh } = client.connection.info;
    world.runFor(milliseconds(45));
    expect(probes().length).toBe(1);
    expect(made.a.ipv6.probes).toEqual([]);
    expect(client.connection.info.ssthresh).toBeLessThan(ssthresh);
  });

  test('7.4: the copy of a probe’s octets that is lost too is congestion', () => {
    const made = probing();
    const { world, client } = made;
    let dropped = 0;
    world.filter = (s, index) => {
      if (s.text.length === PROBE_TEXT) return 'drop';
      const again = made.probes().some((p) => p.header.seq === s.header.seq) && s.text.length > 0;
      if (!again || dropped > 0) return 'pass';
      dropped = index;
      return 'drop';
    };
    client.send(DATA);
    const { ssthresh } = client.connection.info;
    finish(made, DATA);
    expect(dropped).toBeGreaterThan(0);
    expect(client.connection.info.ssthresh).toBeLessThan(ssthresh);
  });

  test('7.6.3: a timeout that takes the probe with it: what arrives of its copies is no word about its size', () => {
    const made = probing();
    const { world, client, a, probes } = made;
    let until = 0;
    world.filter = (s) => {
      if (s.text.length === PROBE_TEXT && until === 0) until = world.now + milliseconds(100);
      return s.from.equals(A) && (world.now <= until || s.text.length === PROBE_TEXT) ? 'drop' : 'pass';
    };
    client.send(DATA);
    finish(made, DATA);
    expect(client.connection.info.ssthresh).toBeLessThan(100_000);
    expect(probes().length).toBeGreaterThan(0);
    expect(a.ipv6.probes).not.toContain('1500 arrived');
  });

  test('7.6: what was told of a lost probe is found without a timeout', () => {
    const made = probing();
    const { world, client, a } = made;
    world.filter = (s) => (s.text.length === PROBE_TEXT ? 'drop' : 'pass');
    const start = world.now;
    let told = 0;
    a.ipv6.onProbe = () => {
      told = world.now - start;
      a.ipv6.changePath({ probe: 0 });
    };
    client.send(DATA);
    finish(made, DATA);
    expect(told).toBeLessThan(milliseconds(60));
  });

  test('one at a time, and after a loss a pause', () => {
    const made = probing();
    const { world, client, a, probes } = made;
    a.ipv6.onProbe = undefined; // asks on and on
    world.filter = (s) => (s.text.length === PROBE_TEXT ? 'drop' : 'pass');
    const more = pattern(1_000_000);
    client.send(more);
    finish(made, more);
    const times = probes().map((p) => p.at);
    expect(times.length).toBeGreaterThan(1);
    for (const [i, time] of times.slice(1).entries()) {
      expect(time - (times[i] ?? 0)).toBeGreaterThanOrEqual(milliseconds(40));
    }
  });

  test('a peer that wants small segments is not probed beyond them', () => {
    const made = established({ mtu: 1500 });
    const { world, a, b, client } = made;
    b.ipv6.pathOverride = {};
    a.ipv6.changePath({ mtu: 1280, probe: 9000 });
    client.send(DATA);
    world.runFor(seconds(5));
    expect(a.ipv6.probes).toEqual([]);
    expect(Math.max(...world.sent.map((s) => s.text.length))).toBe(MSS);
  });

  test('7.4: without SACK the third duplicate says it, with the same consequences', () => {
    const { peer, app, connection } = opened({ rttMs: 20, synOptions: { mss: 1220 }, mtu: 1500 });
    peer.host.ipv6.changePath({ mtu: 1270 });
    app.send(pattern(300_000));
    for (let i = 0; i < 2; i++) {
      peer.run(20);
      for (const s of peer.rest()) peer.send({ ack: s.seq + s.length });
    }
    peer.run(20);
    for (const s of peer.rest()) peer.send({ ack: s.seq + s.length });
    expect(connection.info.sackPermitted).toBe(false);
    // The peer's MSS bounds the probe to 1280, so the path is smaller than any path is.
    peer.host.ipv6.changePath({ probe: 1280 });
    peer.host.ipv6.onProbe = () => peer.host.ipv6.changePath({ probe: 0 });
    const probe = probeOf(peer, 1220);
    const { cwnd, ssthresh, retransmits } = connection.info;
    for (let i = 0; i < 3; i++) peer.send({ ack: probe.seq });
    expect(peer.host.ipv6.probes).toEqual(['1280 lost']);
    const again = peer.rest().filter((s) => s.seq >= probe.seq && s.seq < probe.seq + 1220);
    expect(again.map((s) => s.length)).toEqual([1210, 10]);
    for (let i = 0; i < 5; i++) peer.send({ ack: probe.seq });
    expect(connection.info).toMatchObject({ cwnd, ssthresh, retransmits: retransmits + 2 });
  });

  test('RFC 5927 7: Packet Too Big for the probe is neither loss nor a smaller MTU', () => {
    const made = probing();
    const { world, client, a, b, probes } = made;
    world.filter = (s) => (s.text.length === PROBE_TEXT ? 'drop' : 'pass');
    client.send(DATA);
    const { ssthresh } = client.connection.info;
    world.runFor(milliseconds(5));
    const [probe] = probes();
    if (probe === undefined) throw new Error('no probe');
    const quoted = new Uint8Array(8);
    new DataView(quoted.buffer).setUint16(0, probe.header.sourcePort);
    new DataView(quoted.buffer).setUint16(2, probe.header.destinationPort);
    new DataView(quoted.buffer).setUint32(4, probe.header.seq);
    a.ipv6.pathOverride = { mtu: 1280, probe: 0 };
    const ends = { local: a.ipv6.address, remote: b.ipv6.address };
    a.ipv6.icmp({ kind: 'packet-too-big', code: 0, parameter: 1400, ...ends, quoted });
    finish(made, DATA);
    expect(a.ipv6.probes).toEqual([]);
    expect(client.connection.info.ssthresh).toBe(ssthresh);
    expect(client.connection.info.retransmits).toBe(2);
  });

  test('a handoff in mid-probe: its octets are in flight like any others, and nothing is told of it', () => {
    const made = probing();
    const { world, client, a } = made;
    client.send(DATA);
    world.runFor(milliseconds(5));
    expect(made.probes().length).toBe(1);
    a.tcp.freeze(world.now, client.connection);
    const snapshot = a.tcp.snapshot(world.now, client.connection);
    a.tcp.forget(client.connection);
    const other = world.host(A);
    const installed = other.tcp.install(world.now, snapshot, { congestion: 'carry' });
    if (typeof installed === 'string') throw new Error(installed);
    client.adopt(installed);
    other.tcp.resume(world.now, installed);
    client.pump();
    finish(made, DATA);
    expect([...a.ipv6.probes, ...other.ipv6.probes]).toEqual([]);
    expect(installed.info.sendMss).toBe(1500 - 72);
  });
});
