// What an ACK costs does not grow with the flight, however finely a peer has cut it: a list that is walked for each
// ACK was a way to make a server slow with small packets (as CVE-2019-11478 was). Counted in looks, not in time.

import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { tcbOf } from '../../stack/tcp/connection.ts';
import { Run } from '../../stack/tcp/flight.ts';
import { MAX_FLIGHT_RUNS, MAX_LATE_RUNS } from '../../stack/tcp/limits.ts';
import { RunIndex } from '../../stack/tcp/run-index.ts';
import type { Tcb } from '../../stack/tcp/tcb.ts';
import { checkTcb } from '../fuzz/tcb-invariants.ts';
import { opened, type ScriptedPeer, sack } from './scripted-peer.ts';

const SYN_OPTIONS = { mss: 1000, sackPermitted: true, windowScale: 14 } as const;

/** A flight of `octets` in one run: the peer has acknowledged all that came before. */
function largeFlight(octets: number): { peer: ScriptedPeer; tcb: Tcb } {
  const tcp = { sendBuffer: 4 * octets, noDelay: true };
  const { peer, connection } = opened({ tcp, synOptions: SYN_OPTIONS, rttMs: 10 });
  const tcb = tcbOf(connection);
  while (tcb.snd.nxt - tcb.snd.una < octets) {
    peer.send({ ack: tcb.snd.nxt });
    connection.write(peer.world.now, new Uint8Array(octets));
    peer.run(1);
    peer.world.sent.length = 0;
  }
  return { peer, tcb };
}

/** The peer SACKs every second octet, three to an ACK, and looks are counted for the last of these ACKs. */
function cutFinely(peer: ScriptedPeer, tcb: Tcb, acks: number): number {
  const { una } = tcb.snd;
  const isAfter = vi.spyOn(tcb.rack, 'isAfter');
  for (let i = 0; i < acks; i++) {
    const at = una + 1 + 6 * i;
    isAfter.mockClear();
    peer.send({ ack: una, options: sack(peer, [at, at + 1], [at + 2, at + 3], [at + 4, at + 5]) });
    peer.world.sent.length = 0;
  }
  return isAfter.mock.calls.length;
}

test('SACK of every second octet: the runs of the flight are bounded, and every one stays found', () => {
  const { peer, tcb } = largeFlight(60_000);
  cutFinely(peer, tcb, MAX_FLIGHT_RUNS / 4);
  // Nothing more is cut out; what is sent on meanwhile comes on top.
  expect(tcb.flight.runs).toBeGreaterThanOrEqual(MAX_FLIGHT_RUNS);
  expect(tcb.flight.runs).toBeLessThan(MAX_FLIGHT_RUNS + 200);
  checkTcb(tcb);
  // A block over many runs cuts none, and is taken beyond the bound too.
  const { una, nxt } = tcb.snd;
  const pieces = tcb.flight.runs;
  peer.send({ ack: una, options: sack(peer, [una + 1, nxt]) });
  expect(tcb.flight.sackedOctets).toBe(nxt - una - 1);
  expect(tcb.flight.runs).toBeLessThan(pieces / 100);
  checkTcb(tcb);
});

test('RFC 8985 6.2, step 5: an ACK looks at a part of what is late, not at the whole flight', () => {
  const { peer, tcb } = largeFlight(20_000);
  tcb.rack.reorderingSeen = true;
  tcb.rack.reoWndMult = 100; // nothing is lost for a round trip: all of it is late
  expect(cutFinely(peer, tcb, 1000)).toBe(MAX_LATE_RUNS);
  expect(tcb.flight.nextLost()).toBeUndefined();
  expect(tcb.timers.reordering.armed).toBe(true);
  checkTcb(tcb);
});

test('RFC 9293 3.8.6: a peer that shuts its window and opens it again and again draws each octet out once a round trip', () => {
  const { peer, tcb } = largeFlight(20_000);
  const { una } = tcb.snd;
  peer.send({ ack: una, window: 0 });
  peer.run(20);
  peer.world.sent.length = 0;
  peer.send({ ack: una });
  expect(peer.world.sent.reduce((sum, { text }) => sum + text.length, 0)).toBe(20_000);
  peer.world.sent.length = 0;
  for (let i = 0; i < 10; i++) {
    peer.send({ ack: una, window: 0 });
    peer.send({ ack: una });
  }
  expect(peer.world.sent).toEqual([]);
  checkTcb(tcb);
});

test('RFC 8985 6.2, step 5: more late runs than are looked at are all found lost when the timer runs out', () => {
  const { peer, tcb } = largeFlight(20_000);
  tcb.rack.reorderingSeen = true;
  tcb.recovery.phase = 'loss'; // so that nothing is sent again meanwhile by a recovery that begins
  const { una, nxt } = tcb.snd;
  for (let at = una + 1; at < una + 400; at += 2) peer.send({ ack: una, options: sack(peer, [at, at + 1]) });
  peer.send({ ack: una, options: sack(peer, [nxt - 1, nxt]) });
  expect(tcb.timers.reordering.armed).toBe(true);
  peer.run(20);
  let waiting = 0;
  for (let run = tcb.flight.head; run !== undefined; run = run.next)
    if (!run.sacked && !run.lost && run.end < nxt) waiting += 1;
  expect(waiting).toBe(0);
});

test('a search among runs finds what a walk finds', () => {
  const positions = fc.uniqueArray(fc.nat(300), { minLength: 1 });
  fc.assert(
    fc.property(positions, fc.array(fc.nat(300)), fc.array(fc.nat(310)), (starts, removed, asked) => {
      const index = new RunIndex();
      const runs = new Map(starts.map((start) => [start, new Run(start, start + 1, 0 as never, 1)]));
      for (const run of runs.values()) index.add(run);
      for (const start of removed) {
        const run = runs.get(start);
        if (run === undefined) continue;
        index.remove(run);
        runs.delete(start);
      }
      const left = [...runs.keys()].sort((a, b) => a - b);
      expect(index.first?.start).toBe(left[0]);
      for (const position of asked) {
        expect(index.lastStartingBefore(position)?.start).toBe(left.filter((start) => start < position).at(-1));
      }
    }),
  );
});

test('the front of a long list is given back as it is taken off', () => {
  const index = new RunIndex();
  const runs = Array.from({ length: 5000 }, (_, i) => new Run(i, i + 1, 0 as never, 1));
  for (const run of runs) index.push(run);
  for (const run of runs.slice(0, 4000)) index.remove(run);
  expect([index.first, index.lastStartingBefore(4500), index.lastStartingBefore(4000)]).toEqual([
    runs[4000],
    runs[4499],
    undefined,
  ]);
});
