// The donor: what it does at each event in each phase. STATE is its point of no return (DESIGN.md section 7).

import { describe, expect, test } from 'vitest';
import { type Duration, milliseconds, seconds } from '../../stack/core/time.ts';
import {
  CATCH_UP_TIMEOUT,
  COPY_INTERVAL,
  type DonorPhase,
  DRAIN_TIMEOUT,
  MAX_QUERIES,
  PREPARE_TIMEOUT,
  QUERY_INTERVAL,
  SAVE_TIMEOUT,
  tailOf,
} from '../../stack/handoff/donor.ts';
import type { HandoffMessage } from '../../stack/handoff/messages.ts';
import { PRESETS, type Strategy } from '../../stack/handoff/strategy.ts';
import { CLIENT, CORRESPONDENT, ID, OTHER_ID, RecordingDonor, STATES, World } from './recorders.ts';

const READY: HandoffMessage = { kind: 'ready', id: ID };
const COMMIT: HandoffMessage = { kind: 'commit', id: ID };
const INSTALLED: HandoffMessage = { kind: 'installed', id: ID };
const ABORT: HandoffMessage = { kind: 'abort', id: ID, reason: 'no room' };
/** What only an acceptor is sent. */
const ACCEPTORS: readonly HandoffMessage[] = [
  { kind: 'prepare', id: ID, epoch: 4, client: CLIENT, strategy: PRESETS.fast, correspondent: CORRESPONDENT },
  { kind: 'copy', id: ID, connection: { localPort: 80, remotePort: 1 }, offset: 0, bytes: Uint8Array.of(1) },
  { kind: 'state', id: ID, correspondent: CORRESPONDENT, connections: STATES, donorTailUs: 0 },
  { kind: 'query', id: ID },
];

const PHASES: readonly DonorPhase[] = [
  'idle',
  'quiescing',
  'preparing',
  'catching-up',
  'draining',
  'saving',
  'shipped',
  'done',
  'failed',
];
/** Strategies whose donor comes by phases that `prefetched` has not. */
const STRATEGY_FOR: Partial<Record<DonorPhase, Strategy>> = { quiescing: PRESETS.classic, 'catching-up': PRESETS.fast };

/** A donor that has come as far as `phase`, its journal empty. */
function donorIn(phase: DonorPhase): { world: World; side: RecordingDonor } {
  const world = new World();
  const side = new RecordingDonor(world, STRATEGY_FOR[phase] ?? PRESETS.prefetched);
  side.caughtUp = false;
  const steps: readonly [DonorPhase, () => void][] = [
    ['idle', () => side.donor.start(world.now)],
    ['preparing', () => side.donor.message(world.now, READY)],
    ['draining', () => drain(world, side)],
    ['saving', () => side.donor.saved(world.now)],
    ['shipped', () => side.donor.message(world.now, phase === 'failed' ? ABORT : COMMIT)],
  ];
  for (const [at, step] of steps) {
    if (side.donor.phase === phase) break;
    if (side.donor.phase === at) step();
  }
  expect(side.donor.phase).toBe(phase);
  side.journal.take();
  side.sent.length = 0;
  return { world, side };
}

function drain(world: World, side: RecordingDonor): void {
  side.isEmpty = true;
  side.donor.drained(world.now);
}

describe('the whole way', () => {
  test('classic: quiet and drained before PREPARE, saved and frozen after READY', () => {
    const world = new World();
    const side = new RecordingDonor(world, PRESETS.classic);
    side.savesAtOnce = true;
    side.donor.start(world.now);
    expect(side.journal.take()).toEqual(['quiesce']);
    drain(world, side);
    expect(side.journal.take()).toEqual(['> prepare']);
    side.donor.message(world.now, READY);
    expect(side.journal.take()).toEqual(['quiesce', 'save', 'freeze', 'collect', '> state', 'forward']);
    side.donor.message(world.now, COMMIT);
    expect(side.journal.take()).toEqual(['release', 'finished']);
    expect(side.outcome).toEqual({ ok: true });
  });

  test('classic with empty buffers: PREPARE at once', () => {
    const world = new World();
    const side = new RecordingDonor(world, PRESETS.classic);
    side.isEmpty = true;
    side.donor.start(world.now);
    expect(side.journal.take()).toEqual(['quiesce', '> prepare']);
  });

  test('prefetched: PREPARE while the apps still write; quiet and drained after READY', () => {
    const world = new World();
    const side = new RecordingDonor(world, PRESETS.prefetched);
    side.donor.start(world.now);
    expect(side.journal.take()).toEqual(['> prepare']);
    side.donor.message(world.now, READY);
    expect(side.journal.take()).toEqual(['quiesce']);
    drain(world, side);
    expect(side.journal.take()).toEqual(['save']);
    side.donor.saved(world.now);
    expect(side.journal.take()).toEqual(['freeze', 'collect', '> state', 'forward']);
  });

  test('fast: buffers are copied ahead until READY, nothing is drained', () => {
    const world = new World();
    const side = new RecordingDonor(world, PRESETS.fast);
    side.savesAtOnce = true;
    side.donor.start(world.now);
    expect(side.journal.take()).toEqual(['> prepare', 'copy-ahead']);
    world.pass((3 * COPY_INTERVAL) as Duration);
    expect(side.journal.take()).toEqual(['copy-ahead', 'copy-ahead', 'copy-ahead']);
    side.donor.message(world.now, READY);
    expect(side.journal.take()).toEqual(['copy-ahead', 'quiesce', 'save', 'freeze', 'collect', '> state', 'forward']);
    world.pass((3 * COPY_INTERVAL) as Duration);
    expect(side.journal.take()).toEqual([]);
  });

  test('on-demand with carried buffers: quiet at once, copied ahead, not drained', () => {
    const world = new World();
    const strategy: Strategy = { tokens: 'on-demand', buffers: 'carry', binding: 'confirmed' };
    const side = new RecordingDonor(world, strategy);
    side.donor.start(world.now);
    expect(side.journal.take()).toEqual(['quiesce', '> prepare', 'copy-ahead']);
    side.donor.message(world.now, READY);
    expect(side.journal.take()).toEqual(['copy-ahead', 'quiesce', 'save']);
  });

  test('fast: the apps write on until STATE would leave at once', () => {
    const { world, side } = donorIn('catching-up');
    world.pass((2 * COPY_INTERVAL) as Duration);
    expect(side.journal.take()).toEqual(['copy-ahead', 'copy-ahead']);
    side.caughtUp = true;
    world.pass(COPY_INTERVAL);
    expect(side.journal.take()).toEqual(['copy-ahead', 'quiesce', 'save']);
  });

  test('fast: a control channel that never catches up does not put the handoff off for ever', () => {
    const { world, side } = donorIn('catching-up');
    world.pass((CATCH_UP_TIMEOUT - 1) as Duration);
    expect(new Set(side.journal.take())).toEqual(new Set(['copy-ahead']));
    world.pass(1 as Duration);
    expect(side.journal.take().slice(-2)).toEqual(['quiesce', 'save']);
  });

  test('PREPARE and STATE bear id, epoch, client, strategy, binding state, connections and tail', () => {
    const world = new World();
    const side = new RecordingDonor(world, PRESETS.fast);
    side.savesAtOnce = true;
    side.donor.start(world.now);
    side.donor.message(world.now, READY);
    expect(side.sent).toEqual([
      { kind: 'prepare', id: ID, epoch: 4, client: CLIENT, strategy: PRESETS.fast, correspondent: CORRESPONDENT },
      { kind: 'state', id: ID, correspondent: CORRESPONDENT, connections: STATES, donorTailUs: 20_000 },
    ]);
  });

  test('data still unacknowledged does not count as drained', () => {
    const { world, side } = donorIn('draining');
    side.donor.drained(world.now);
    expect(side.donor.phase).toBe('draining');
    expect(side.journal.take()).toEqual([]);
  });
});

/** Phase x event: what comes out, and the phase behind it. Nothing listed: nothing happens. */
type Row = readonly [entries: readonly string[], phase: DonorPhase];
type Table = Partial<Record<DonorPhase, Row>>;

const GIVEN_BACK: Row = [['thaw', 'failed'], 'failed'];
const GIVEN_UP: Row = [['> abort', 'thaw', 'failed'], 'failed'];

const EVENTS: readonly [string, (world: World, side: RecordingDonor) => void, Table][] = [
  ['start', (w, s) => s.donor.start(w.now), { idle: [['> prepare'], 'preparing'] }],
  ['READY', (w, s) => s.donor.message(w.now, READY), { preparing: [['quiesce'], 'draining'] }],
  ['COMMIT', (w, s) => s.donor.message(w.now, COMMIT), { shipped: [['release', 'finished'], 'done'] }],
  ['INSTALLED', (w, s) => s.donor.message(w.now, INSTALLED), {}],
  [
    'ABORT',
    (w, s) => s.donor.message(w.now, ABORT),
    {
      idle: GIVEN_BACK,
      quiescing: GIVEN_BACK,
      preparing: GIVEN_BACK,
      'catching-up': GIVEN_BACK,
      draining: GIVEN_BACK,
      saving: GIVEN_BACK,
      shipped: GIVEN_BACK,
    },
  ],
  [
    'a failure of its own',
    (w, s) => s.donor.failed(w.now, 'the app gave no state'),
    {
      idle: GIVEN_UP,
      quiescing: GIVEN_UP,
      preparing: GIVEN_UP,
      'catching-up': GIVEN_UP,
      draining: GIVEN_UP,
      saving: GIVEN_UP,
    },
  ],
  [
    'a broken channel',
    (w, s) => s.donor.channelDown(w.now),
    {
      idle: GIVEN_UP,
      quiescing: GIVEN_UP,
      preparing: GIVEN_UP,
      'catching-up': GIVEN_UP,
      draining: GIVEN_UP,
      saving: GIVEN_UP,
      shipped: [['> query'], 'shipped'],
    },
  ],
  ['drained', drain, { quiescing: [['> prepare'], 'preparing'], draining: [['save'], 'saving'] }],
  ['saved', (w, s) => s.donor.saved(w.now), { saving: [['freeze', 'collect', '> state', 'forward'], 'shipped'] }],
  ['messages of an acceptor', (w, s) => ACCEPTORS.forEach((m) => void s.donor.message(w.now, m)), {}],
  [
    'messages of another handoff',
    (w, s) => [READY, COMMIT, ABORT, INSTALLED].forEach((m) => void s.donor.message(w.now, { ...m, id: OTHER_ID })),
    {},
  ],
];

describe.each(EVENTS)('%s', (_event, happen, table) => {
  test.each(PHASES)('while %s', (phase) => {
    const { world, side } = donorIn(phase);
    const [entries, next] = table[phase] ?? [[], phase];
    happen(world, side);
    expect(side.journal.take()).toEqual(entries);
    expect(side.donor.phase).toBe(next);
  });
});

describe('timeouts', () => {
  const timeouts: readonly [DonorPhase, Duration, string][] = [
    ['quiescing', DRAIN_TIMEOUT, 'the client did not acknowledge all data within 10 s'],
    ['preparing', PREPARE_TIMEOUT, 'the acceptor was not ready within 10 s'],
    ['draining', DRAIN_TIMEOUT, 'the client did not acknowledge all data within 10 s'],
    ['saving', SAVE_TIMEOUT, 'the app did not give its state within 5 s'],
  ];

  test.each(timeouts)('%s: thaws when the time is over, not before', (phase, timeout, reason) => {
    const { world, side } = donorIn(phase);
    world.pass((timeout - 1) as Duration);
    expect(side.journal.take()).toEqual([]);
    world.pass(1 as Duration);
    expect(side.journal.take()).toEqual(['> abort', 'thaw', 'failed']);
    expect(side.outcome).toEqual({ ok: false, reason });
    expect(side.sent).toEqual([{ kind: 'abort', id: ID, reason }]);
  });

  test.each(['idle', 'done', 'failed'] as const)('%s: no timer is left', (phase) => {
    const { world, side } = donorIn(phase);
    expect(world.timers.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    world.pass(seconds(1000));
    expect(side.journal.take()).toEqual([]);
  });

  test('a failure while copying ahead ends the copying', () => {
    const world = new World();
    const side = new RecordingDonor(world, PRESETS.fast);
    side.donor.start(world.now);
    side.donor.channelDown(world.now);
    side.journal.take();
    world.pass(seconds(10));
    expect(side.journal.take()).toEqual([]);
  });

  test('an answer of the app that comes after the time is over changes nothing', () => {
    const { world, side } = donorIn('saving');
    world.pass(SAVE_TIMEOUT);
    side.journal.take();
    side.donor.saved(world.now);
    expect(side.journal.take()).toEqual([]);
    expect(side.donor.phase).toBe('failed');
  });
});

describe('after STATE', () => {
  test('a silent acceptor is asked every QUERY_INTERVAL', () => {
    const { world, side } = donorIn('shipped');
    world.pass((QUERY_INTERVAL - 1) as Duration);
    expect(side.journal.take()).toEqual([]);
    world.pass(1 as Duration);
    expect(side.journal.take()).toEqual(['> query']);
    world.pass((2 * QUERY_INTERVAL) as Duration);
    expect(side.journal.take()).toEqual(['> query', '> query']);
  });

  test('no timeout and no failure of its own ever thaws it: only ABORT does', () => {
    const { world, side } = donorIn('shipped');
    side.donor.failed(world.now, 'whatever');
    side.donor.channelDown(world.now);
    world.pass(seconds(100));
    expect(new Set(side.journal.take())).toEqual(new Set(['> query']));
    side.donor.message(world.now, ABORT);
    expect(side.journal.take()).toEqual(['thaw', 'failed']);
    expect(side.outcome).toEqual({ ok: false, reason: 'no room' });
  });

  test('INSTALLED makes it wait on for as long as it takes', () => {
    const { world, side } = donorIn('shipped');
    for (let asked = 0; asked < 3 * MAX_QUERIES; asked++) {
      world.pass(QUERY_INTERVAL);
      side.donor.message(world.now, INSTALLED);
    }
    expect(side.donor.phase).toBe('shipped');
    side.donor.message(world.now, COMMIT);
    expect(side.outcome).toEqual({ ok: true });
  });

  test('an acceptor that is silent for ever: the connections are let go, never thawed', () => {
    const { world, side } = donorIn('shipped');
    world.pass((QUERY_INTERVAL * MAX_QUERIES) as Duration);
    expect(side.journal.take().filter((entry) => entry === '> query')).toHaveLength(MAX_QUERIES);
    world.pass(QUERY_INTERVAL);
    expect(side.journal.take()).toEqual(['release', 'failed']);
    side.donor.message(world.now, ABORT);
    expect(side.journal.take()).toEqual([]);
  });
});

describe('tailOf: when the last packet sent will have arrived', () => {
  const latency = milliseconds(20);

  test('the latency, and the longest queue that the round trips of the connections show', () => {
    expect(tailOf(latency, [])).toBe(milliseconds(20));
    expect(tailOf(latency, [{ recentRtt: milliseconds(40) }])).toBe(milliseconds(20));
    const rtts = [{ recentRtt: milliseconds(70) }, { recentRtt: undefined }, { recentRtt: milliseconds(55) }];
    expect(tailOf(latency, rtts)).toBe(milliseconds(50));
  });

  test('nothing measured: no tail; a round trip below twice the latency: no negative queue', () => {
    expect(tailOf(undefined, [{ recentRtt: milliseconds(70) }])).toBe(0);
    expect(tailOf(latency, [{ recentRtt: milliseconds(30) }])).toBe(milliseconds(20));
  });

  test('whole microseconds, as STATE carries them', () => {
    expect(tailOf(166.5 as Duration, [{ recentRtt: 1000.25 as Duration }])).toBe(834);
  });
});
