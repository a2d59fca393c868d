// Loss and its repair: RFC 6298, 5681, 6675, 6582, 3042, 2018 and 2883, segment by segment against a script.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { opened, type PeerOptions, type ScriptedPeer, type Seen, sack, starts } from './scripted-peer.ts';
import { B, established, firstDifference, PORT, pattern } from './support.ts';

const SACK_OK = { mss: 1000, sackPermitted: true };

/** Ten segments of 1000 octets (or another full size) are out: [0, 10000). */
function tenOut({ full = 1000, ...options }: PeerOptions & { full?: number } = {}): ReturnType<typeof opened> {
  // A handshake as slow as the answers below: no tail loss probe comes in between (RFC 8985 7.2).
  const all = opened({ rttMs: options.synOptions === SACK_OK ? 100 : 0, ...options });
  all.peer.run(100);
  all.app.send(pattern(100_000));
  expect(starts(all.peer.rest())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => n * full));
  all.peer.run(100);
  return all;
}

describe('with SACK (RFC 6675, 8985)', () => {
  test('RFC 6675 5: one segment lost is sent again at the third duplicate, once, and only it', () => {
    const { peer } = tenOut({ synOptions: SACK_OK });
    peer.send({ ack: 0, options: sack(peer, [1000, 2000]) });
    peer.send({ ack: 0, options: sack(peer, [1000, 3000]) });
    expect(starts(peer.rest())).toEqual([10_000, 11_000]); // limited transmit, by the pipe
    peer.run(10);
    peer.send({ ack: 0, options: sack(peer, [1000, 4000]) });
    expect(starts(peer.rest())).toEqual([0]);
    for (let end = 5000; end <= 12_000; end += 1000) peer.send({ ack: 0, options: sack(peer, [1000, end]) });
    expect(starts(peer.rest()).includes(0)).toBe(false);
    peer.send({ ack: 12_000 });
    expect(starts(peer.rest()).every((at) => at >= 12_000)).toBe(true);
  });

  test('RFC 6675 5: two holes are filled in one recovery, with one reduction', () => {
    const { peer, connection } = tenOut({ synOptions: SACK_OK, tcp: { congestion: 'newreno' } });
    peer.send({ ack: 0, options: sack(peer, [1000, 3000], [4000, 10_000]) });
    expect(starts(peer.rest()).slice(0, 2)).toEqual([0, 3000]);
    const { ssthresh, cwnd } = connection.info;
    expect([ssthresh, cwnd]).toEqual([5000, 5000]);
    peer.send({ ack: 3000, options: sack(peer, [4000, 10_000]) });
    expect(connection.info.ssthresh).toBe(5000);
  });

  test('RFC 2018 8: after a timeout a peer that has dropped what it SACKed gets it again', () => {
    const { peer } = tenOut({ synOptions: SACK_OK });
    peer.send({ ack: 0, options: sack(peer, [0, 1000]) }); // a lie: SACKed, but never acknowledged
    peer.rest();
    peer.run(2000);
    expect(starts(peer.rest())[0]).toBe(0);
  });

  test('blocks that no honest peer sends are ignored', () => {
    const { peer, connection } = tenOut({ synOptions: SACK_OK });
    const inFlight = connection.info.inFlight;
    for (const block of [
      [5000, 4000],
      [9000, 20_000],
      [-500, 1000],
      [3000, 3000],
    ] as const) {
      peer.send({ ack: 0, options: sack(peer, block as [number, number]) });
    }
    expect(connection.info.inFlight).toBe(inFlight);
    expect(peer.rest()).toEqual([]);
  });
});

describe('without SACK (RFC 6582)', () => {
  test('RFC 3042: the first two duplicates let one new segment go each', () => {
    const { peer } = tenOut();
    peer.send({ ack: 0 });
    expect(starts(peer.rest())).toEqual([10_000]);
    peer.send({ ack: 0 });
    expect(starts(peer.rest())).toEqual([11_000]);
  });

  test('RFC 6582 3.2: the third duplicate retransmits; a partial ACK the next hole at once', () => {
    const { peer, connection } = tenOut({ tcp: { congestion: 'newreno' } });
    for (let i = 0; i < 3; i++) peer.send({ ack: 0 });
    expect(starts(peer.rest())).toEqual([10_000, 11_000, 0]);
    expect(connection.info.ssthresh).toBe(5000); // RFC 5681 3.2, step 2: limited transmit does not count
    for (let i = 0; i < 4; i++) peer.send({ ack: 0 });
    peer.rest();
    peer.send({ ack: 3000 });
    expect(starts(peer.rest())[0]).toBe(3000);
    peer.send({ ack: 12_000 });
    expect(connection.info.cwnd).toBe(5000);
  });

  test('RFC 5681 2: a changed window or text on it makes an ACK no duplicate', () => {
    const { peer } = tenOut();
    for (let i = 0; i < 5; i++) peer.send({ ack: 0, window: 60_000 - i });
    for (let i = 0; i < 5; i++) peer.send({ ack: 0, text: 10 });
    expect(starts(peer.rest().filter((s) => s.length > 0))).toEqual([]);
  });

  test('RFC 6582 3.2, step 2: duplicates of what was out at a timeout start no second recovery', () => {
    const { peer, connection } = tenOut();
    peer.run(150);
    expect(starts(peer.rest())).toEqual([0]);
    peer.send({ ack: 10_000 });
    peer.rest();
    const { ssthresh } = connection.info;
    for (let i = 0; i < 3; i++) peer.send({ ack: 10_000 });
    expect(connection.info.ssthresh).toBe(ssthresh);
  });
});

describe('timeouts (RFC 6298)', () => {
  test('5.5: the RTO doubles with each timeout, up to a minute; only the oldest segment goes', () => {
    const { peer } = tenOut({ tcp: { userTimeout: seconds(10_000) } });
    peer.run(300_000);
    const seen = peer.rest();
    expect(seen.every((s) => s.seq === 0 && s.length === 1000)).toBe(true);
    const gaps = seen.map((s) => s.at).map((at, i, all) => at - (all[i - 1] ?? 100));
    expect(gaps.slice(1, 9).every((gap, i) => gap === Math.min(60_000, 2 * (gaps[i] ?? 0)))).toBe(true);
    expect(gaps.at(-1)).toBe(60_000);
  });

  test('RFC 5681 3.1: a timeout leaves one segment of window, and slow start brings the rest again', () => {
    const { peer, connection } = tenOut({ window: 10_000 }); // no room for F-RTO
    peer.run(150);
    expect(connection.info.cwnd).toBe(1000);
    expect(starts(peer.rest())).toEqual([0]);
    peer.send({ ack: 1000, window: 9000 });
    expect(starts(peer.rest())).toEqual([1000, 2000]);
    peer.send({ ack: 2000, window: 8000 });
    peer.send({ ack: 3000, window: 7000 });
    expect(starts(peer.rest())).toEqual([3000, 4000, 5000, 6000]);
  });

  test('RFC 5681 3.1 (4): a second timeout for the same octets leaves ssthresh alone', () => {
    const { peer, connection } = tenOut({ tcp: { congestion: 'newreno' } });
    peer.run(150);
    const { ssthresh } = connection.info;
    peer.run(1000);
    expect([ssthresh, connection.info.ssthresh]).toEqual([5000, 5000]);
  });

  test('Karn: an ACK of what was sent twice gives no RTT sample', () => {
    const { peer, connection } = tenOut();
    const { srtt } = connection.info;
    peer.run(5000);
    peer.send({ ack: 10_000 });
    expect(connection.info.srtt).toBe(srtt);
  });

  test('Karn: the RTO stays backed off until something that was sent once is acknowledged', () => {
    const { peer, app, connection } = opened();
    app.send(pattern(1000));
    peer.run(1000); // sent at 0, 200 and 600
    peer.send({ ack: 1000 });
    peer.rest();
    app.send(pattern(1000));
    peer.run(790);
    expect(starts(peer.rest())).toEqual([1000]);
    peer.send({ ack: 2000 });
    expect(connection.info.rto).toBeGreaterThanOrEqual(790_000);
    expect(connection.info.rto).toBeLessThan(3_000_000);
  });

  test('RFC 9293 3.8.6.1: when a shut window opens, what was dropped at it goes again at once', () => {
    const { peer, app } = opened();
    app.send(pattern(1000));
    peer.send({ ack: 0, window: 0 });
    peer.run(20_000);
    peer.rest();
    peer.send({ ack: 0 });
    expect(starts(peer.rest())).toEqual([0]);
  });

  test('RFC 5681 3.1 (4): octets SACKed in a long recovery do not raise ssthresh at its timeout', () => {
    const { peer, connection } = tenOut({ synOptions: SACK_OK });
    for (let end = 2000; end <= 40_000; end += 1000) peer.send({ ack: 0, options: sack(peer, [1000, end]) });
    const { cwnd } = connection.info;
    expect(cwnd).toBe(7000);
    peer.run(300); // the retransmission was lost as well
    expect(connection.info.cwnd).toBe(1000);
    expect(connection.info.ssthresh).toBeLessThanOrEqual(cwnd);
  });

  test('RFC 9293 3.8.3, R1: after three timeouts of full segments the path is suspected, once', () => {
    const { peer } = tenOut({ synOptions: { mss: 1440 }, full: 1440 });
    peer.send({ ack: 1440 });
    peer.run(800);
    expect(peer.host.ipv6.blackHoles).toEqual([]);
    peer.run(20_000);
    expect(peer.host.ipv6.blackHoles).toEqual([1500]);
  });

  test('RFC 4821 7.7: after two, where no full segment ever arrived', () => {
    const { peer } = tenOut({ synOptions: { mss: 1440 }, full: 1440 });
    peer.run(500);
    expect(peer.host.ipv6.blackHoles).toEqual([1500]);
  });

  test('RFC 4821 7.7: after two, where only less than full segments arrive', () => {
    const { peer, app } = opened({ rttMs: 100, synOptions: { mss: 1440, sackPermitted: true }, mtu: 1500 });
    app.send(pattern(1440));
    peer.run(100);
    peer.send({ ack: 1440 });
    app.connection.setOptions(peer.world.now, { noDelay: true });
    app.send(pattern(3000));
    peer.run(100);
    peer.send({ ack: 1440, options: sack(peer, [1440 + 2880, 1440 + 3000]) });
    peer.run(1500);
    expect(peer.host.ipv6.blackHoles).toEqual([1500]);
  });

  test('RFC 4821 7.7: a segment need not be full to be too large', () => {
    const vanishes = (length: number): readonly number[] => {
      const { peer, app } = opened({ rttMs: 100, synOptions: { mss: 1440 }, mtu: 1500 });
      app.send(pattern(length));
      peer.run(20_000);
      return peer.host.ipv6.blackHoles;
    };
    expect(vanishes(1300)).toEqual([1360]);
    expect(vanishes(1220)).toEqual([]);
  });

  test('RFC 4821 7.7: where small segments vanish, size is not the reason', () => {
    const { peer } = tenOut();
    peer.run(20_000);
    expect(peer.host.ipv6.blackHoles).toEqual([]);
  });

  test('RFC 7323 4.1: an echo from within the same tick: a tick at most, not no round trip at all', () => {
    const { peer, connection } = opened({ synOptions: { mss: 1000, timestamp: { value: 1, echo: 0 } }, rttMs: 10 });
    connection.write(peer.world.now, pattern(988));
    peer.run(200);
    const copy = peer.rest().at(-1);
    expect(copy?.at).toBe(210); // sent again just now
    peer.send({ ack: 988, options: { timestamp: { value: 2, echo: copy?.options.timestamp?.value ?? 0 } } });
    expect(connection.info.minRtt).toBe(milliseconds(1));
  });

  test('RFC 9293 3.7.1: a copy that does not fit the path any more asks for the size that does', () => {
    const { peer, connection } = opened({ synOptions: { mss: 1440 }, rttMs: 10 });
    connection.write(peer.world.now, pattern(1440));
    peer.host.ipv6.pathOverride = { mtu: 1280 }; // and nobody has told
    peer.run(1000);
    expect(peer.rest().map((s) => s.length)).toEqual([1440, 1220]);
  });

  test('RFC 9293 3.8.6.1: a window shut over text in flight is no sign of a path that swallows large packets', () => {
    const { peer, connection } = opened({ synOptions: { mss: 1440 }, rttMs: 10 });
    connection.write(peer.world.now, pattern(1440));
    peer.send({ ack: 0, window: 0 });
    for (let i = 0; i < 4; i++) {
      peer.run(200 * 2 ** i);
      expect(peer.rest().at(-1)).toMatchObject({ seq: 0, length: 1440 });
      peer.send({ ack: 0, window: 0 });
    }
    expect(peer.host.ipv6.blackHoles).toEqual([]);
  });
});

describe('what the receiver says (RFC 2018, 2883, 5681 4.2)', () => {
  const blocks = (peer: ScriptedPeer, seen: Seen | undefined): number[][] =>
    (seen?.options.sack ?? []).map(({ left, right }) => [(left - peer.iss - 1) | 0, (right - peer.iss - 1) | 0]);

  test('RFC 2018 4: out of order octets are reported at once, the newest block first', () => {
    const { peer } = opened({ synOptions: SACK_OK });
    for (const at of [1000, 3000, 5000, 7000]) peer.send({ seq: at, text: 500, ack: 0 });
    const seen = peer.rest();
    expect(seen.map((s) => blocks(peer, s))).toEqual([
      [[1000, 1500]],
      [
        [3000, 3500],
        [1000, 1500],
      ],
      [
        [5000, 5500],
        [3000, 3500],
        [1000, 1500],
      ],
      [
        [7000, 7500],
        [5000, 5500],
        [3000, 3500],
        [1000, 1500],
      ],
    ]);
    expect(seen.every((s) => s.ack === 0)).toBe(true);
  });

  test('RFC 5681 4.2: a segment that fills a gap is acknowledged at once, with all behind it', () => {
    const { peer, app } = opened({ synOptions: SACK_OK });
    peer.send({ seq: 500, text: 500, ack: 0 });
    peer.rest();
    peer.send({ seq: 0, text: 500, ack: 0 });
    expect(peer.rest()).toMatchObject([{ ack: 1000 }]);
    expect(app.receivedLength).toBe(1000);
  });

  test('RFC 2883 4.1: a duplicate is reported in the first block, once', () => {
    const { peer } = opened({ synOptions: SACK_OK });
    peer.send({ seq: 0, text: 1000, ack: 0 });
    peer.send({ seq: 0, text: 500, ack: 0 });
    const seen = peer.rest();
    expect(blocks(peer, seen.at(-1))).toEqual([[0, 500]]);
    peer.send({ seq: 2000, text: 500, ack: 0 });
    expect(blocks(peer, peer.rest().at(-1))).toEqual([[2000, 2500]]);
  });

  test('RFC 2883 4.2: a duplicate inside the out-of-order queue comes before its own block', () => {
    const { peer } = opened({ synOptions: SACK_OK });
    peer.send({ seq: 1000, text: 1000, ack: 0 });
    peer.send({ seq: 1200, text: 300, ack: 0 });
    expect(blocks(peer, peer.rest().at(-1))).toEqual([
      [1200, 1500],
      [1000, 2000],
    ]);
  });

  test('SACK blocks take their place from the text of a segment (RFC 6691)', () => {
    const { peer, app } = opened({ synOptions: SACK_OK });
    peer.send({ seq: 1000, text: 100, ack: 0 });
    peer.rest();
    app.send(pattern(2000));
    expect(peer.rest()[0]).toMatchObject({ length: 1000 - 12 });
  });
});

test('a burst of losses in a large window is repaired without a timeout', () => {
  const made = established({ delay: milliseconds(20) }, { accepted: (app) => app.send(pattern(400_000)) });
  made.world.runFor(milliseconds(10));
  let count = 0;
  made.world.filter = (s) => {
    if (s.text.length === 0 || s.header.sourcePort !== PORT || !s.from.equals(B)) return 'pass';
    count += 1;
    return count > 20 && count < 60 && count % 4 === 0 ? 'drop' : 'pass';
  };
  made.world.runFor(seconds(5));
  expect(firstDifference(made.client.bytes, pattern(400_000))).toBeUndefined();
  expect(made.server().connection.info.rto).toBeLessThanOrEqual(seconds(1));
  expect(count).toBeLessThan(320);
});
