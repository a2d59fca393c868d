// Proportional Rate Reduction (RFC 9937): by its arithmetic, and as a script sees it.

import { describe, expect, test } from 'vitest';
import { Prr } from '../../stack/tcp/prr.ts';
import { opened, sack, starts } from './scripted-peer.ts';
import { pattern } from './support.ts';

const MSS = 1000;

describe('RFC 9937 6.2', () => {
  test('above ssthresh, what leaves is in proportion to what has arrived', () => {
    const prr = new Prr();
    prr.begin(20_000, 19_000);
    let inFlight = 19_000;
    let sent = 0;
    for (let ack = 0; ack < 9; ack++) {
      inFlight -= MSS;
      prr.onAck(MSS, inFlight, 10_000, false, MSS);
      while (prr.window - inFlight >= MSS) {
        prr.onSent(MSS);
        inFlight += MSS;
        sent += 1;
      }
    }
    expect(sent).toBe(4); // one for every second
  });

  test('the first retransmission leaves whatever the arithmetic says', () => {
    const prr = new Prr();
    prr.begin(20_000, 30_000);
    prr.onAck(MSS, 29_000, 0, false, MSS);
    expect(prr.window - 29_000).toBe(MSS);
  });

  test('below ssthresh, no more leaves than has arrived (CRB)', () => {
    const prr = new Prr();
    prr.begin(20_000, 4000);
    prr.onAck(2 * MSS, 4000, 10_000, false, MSS);
    expect(prr.window).toBe(6000);
  });

  test('and one segment more for an ACK that advances and finds no loss (SSRB), up to ssthresh', () => {
    const prr = new Prr();
    prr.begin(20_000, 4000);
    prr.onAck(2 * MSS, 4000, 10_000, true, MSS);
    expect(prr.window).toBe(7000);
    prr.onAck(9 * MSS, 4000, 10_000, true, MSS);
    expect(prr.window).toBe(10_000);
  });

  test('an ACK that delivers nothing changes nothing', () => {
    const prr = new Prr();
    prr.begin(20_000, 4000);
    prr.onAck(0, 1000, 10_000, true, MSS);
    expect(prr.window).toBe(4000);
  });
});

test('RFC 9937 1: a recovery sends on all along, and ends at ssthresh', () => {
  const { peer, app, connection } = opened({
    synOptions: { mss: MSS, sackPermitted: true },
    rttMs: 20,
    tcp: { congestion: 'newreno' },
  });
  app.send(pattern(100_000));
  peer.rest();
  peer.run(20);
  const answered: number[] = [];
  for (let end = 2000; end <= 10_000; end += MSS) {
    peer.send({ ack: 0, options: sack(peer, [1000, end]) });
    const seen = starts(peer.rest());
    if (end >= 4000) answered.push(seen.length);
  }
  // The retransmission, one for two that arrive, and from ssthresh on one for each.
  expect(answered).toEqual([1, 0, 0, 1, 0, 0, 1]);
  peer.send({ ack: 15_000, window: 0 });
  expect(connection.info.cwnd).toBe(5000);
});
