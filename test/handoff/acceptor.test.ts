// The acceptor: what it does at each event in each phase. It gives the client back as long as it has emitted
// nothing; from its Binding Update on the client is its own (DESIGN.md section 7).

import { describe, expect, test } from 'vitest';
import { type Duration, milliseconds, seconds } from '../../stack/core/time.ts';
import {
  type AcceptorPhase,
  BINDING_TIMEOUT,
  MAX_HOLD_BACK,
  RESTORE_TIMEOUT,
  STATE_TIMEOUT,
} from '../../stack/handoff/acceptor.ts';
import { CopiedBuffers, MAX_COPIED } from '../../stack/handoff/copied-buffers.ts';
import type { HandoffMessage } from '../../stack/handoff/messages.ts';
import { PRESETS, type Strategy } from '../../stack/handoff/strategy.ts';
import { CLIENT, CONNECTION, CORRESPONDENT, ID, OTHER_ID, RecordingAcceptor, STATES, World } from './recorders.ts';

const PREPARE: HandoffMessage = {
  kind: 'prepare',
  id: ID,
  epoch: 4,
  client: CLIENT,
  strategy: PRESETS.prefetched,
  correspondent: CORRESPONDENT,
};
const stateWithTail = (donorTailUs: number): HandoffMessage => ({
  kind: 'state',
  id: ID,
  correspondent: CORRESPONDENT,
  connections: STATES,
  donorTailUs,
});
const STATE = stateWithTail(0);
const copy = (offset: number, bytes: Uint8Array): HandoffMessage => ({
  kind: 'copy',
  id: ID,
  connection: CONNECTION,
  offset,
  bytes,
});
const QUERY: HandoffMessage = { kind: 'query', id: ID };
const ABORT: HandoffMessage = { kind: 'abort', id: ID, reason: 'changed my mind' };
const ACCEPTED = 0;
const REASON_UNSPECIFIED = 128;
const OPTIMISTIC: Strategy = { tokens: 'prefetched', buffers: 'drain', binding: 'optimistic' };

const PHASES: readonly AcceptorPhase[] = [
  'testing',
  'ready',
  'installing',
  'holding-back',
  'binding',
  'done',
  'failed',
];

interface Case {
  readonly world: World;
  readonly side: RecordingAcceptor;
}

/** An acceptor that has come as far as `phase`, its journal empty. */
function acceptorIn(phase: AcceptorPhase, strategy: Strategy = PRESETS.prefetched): Case {
  const world = new World();
  const side = new RecordingAcceptor(world, phase === 'holding-back' ? { ...strategy, buffers: 'carry' } : strategy);
  side.acceptor.start(world.now, CORRESPONDENT);
  const steps: readonly [AcceptorPhase, () => void][] = [
    ['testing', () => side.acceptor.testsDone(world.now)],
    ['ready', () => side.acceptor.message(world.now, phase === 'holding-back' ? stateWithTail(5000) : STATE)],
    ['installing', () => side.acceptor.installed(world.now)],
    ['binding', () => side.acceptor.bindingAcknowledged(world.now, ACCEPTED)],
  ];
  for (const [at, step] of steps) {
    if (phase === 'failed') side.acceptor.failed(world.now, 'for the test');
    if (side.acceptor.phase === phase) break;
    if (side.acceptor.phase === at) step();
  }
  expect(side.acceptor.phase).toBe(phase);
  side.journal.take();
  side.sent.length = 0;
  return { world, side };
}

describe('the whole way', () => {
  test('confirmed: nothing is said before the Binding Acknowledgement', () => {
    const world = new World();
    const side = new RecordingAcceptor(world, PRESETS.prefetched);
    side.acceptor.start(world.now, CORRESPONDENT);
    expect(side.journal.take()).toEqual(['hold', 'import', 'tests']);
    side.acceptor.testsDone(world.now);
    expect(side.journal.take()).toEqual(['> ready']);
    side.acceptor.message(world.now, STATE);
    expect(side.journal.take()).toEqual(['import', 'install']);
    side.acceptor.installed(world.now);
    expect(side.journal.take()).toEqual(['bind']);
    side.acceptor.bindingAcknowledged(world.now, ACCEPTED);
    expect(side.journal.take()).toEqual(['resume', '> commit', 'finished']);
    expect(side.outcome).toEqual({ ok: true });
  });

  test('optimistic: data right behind the Binding Update, COMMIT with the acknowledgement', () => {
    const world = new World();
    const side = new RecordingAcceptor(world, PRESETS.fast);
    side.testsAtOnce = true;
    side.installsAtOnce = true;
    side.acceptor.start(world.now, CORRESPONDENT);
    expect(side.journal.take()).toEqual(['hold', 'import', 'tests', '> ready']);
    side.acceptor.message(world.now, STATE);
    expect(side.journal.take()).toEqual(['import', 'install', 'bind', 'route direct', 'resume']);
    side.acceptor.bindingAcknowledged(world.now, ACCEPTED);
    expect(side.journal.take()).toEqual(['> commit', 'finished']);
  });

  test('optimistic and the client was not quick enough: what it refused is sent again, once', () => {
    const { world, side } = acceptorIn('binding', OPTIMISTIC);
    side.acceptor.bindingError();
    side.acceptor.bindingError();
    expect(side.journal.take()).toEqual([]);
    side.acceptor.bindingAcknowledged(world.now, ACCEPTED);
    expect(side.journal.take()).toEqual(['nudge', '> commit', 'finished']);
  });

  test('on-demand: the home token of the donor is not used, neither from PREPARE nor from STATE', () => {
    const world = new World();
    const side = new RecordingAcceptor(world, PRESETS.classic);
    side.testsAtOnce = true;
    side.acceptor.start(world.now, CORRESPONDENT);
    side.acceptor.message(world.now, STATE);
    expect(side.imported).toEqual([
      { ...CORRESPONDENT, homeToken: undefined },
      { ...CORRESPONDENT, homeToken: undefined },
    ]);
  });

  test('prefetched: the home token of the donor is used', () => {
    const { side } = acceptorIn('installing');
    expect(side.imported).toEqual([CORRESPONDENT, CORRESPONDENT]);
  });
});

type Row = readonly [entries: readonly string[], phase: AcceptorPhase];
type Table = Partial<Record<AcceptorPhase, Row>>;

const GIVEN_BACK: Row = [['> abort', 'discard', 'failed'], 'failed'];
const LEFT_WITH_DONOR: Row = [['discard', 'failed'], 'failed'];
const REFUSED_FOR_EVER: Row = [['> abort'], 'failed'];
const INSTALLED: Row = [['> installed'], 'binding'];

const EVENTS: readonly [string, (c: Case) => void, Table][] = [
  [
    'PREPARE again',
    ({ world, side }) => side.acceptor.message(world.now, PREPARE),
    { ready: [['> ready'], 'ready'], failed: REFUSED_FOR_EVER },
  ],
  ['tests done', ({ world, side }) => side.acceptor.testsDone(world.now), { testing: [['> ready'], 'ready'] }],
  [
    'STATE',
    ({ world, side }) => side.acceptor.message(world.now, STATE),
    { testing: GIVEN_BACK, ready: [['import', 'install'], 'installing'], failed: REFUSED_FOR_EVER },
  ],
  ['installed', ({ world, side }) => side.acceptor.installed(world.now), { installing: [['bind'], 'binding'] }],
  [
    'a failure of its own',
    ({ world, side }) => side.acceptor.failed(world.now, 'the app refused'),
    { testing: GIVEN_BACK, ready: GIVEN_BACK, installing: GIVEN_BACK, 'holding-back': GIVEN_BACK },
  ],
  [
    'ABORT of the donor',
    ({ world, side }) => side.acceptor.message(world.now, ABORT),
    { testing: LEFT_WITH_DONOR, ready: LEFT_WITH_DONOR },
  ],
  [
    'QUERY',
    ({ world, side }) => side.acceptor.message(world.now, QUERY),
    {
      testing: GIVEN_BACK,
      ready: GIVEN_BACK,
      installing: [['> installed'], 'installing'],
      'holding-back': [['> installed'], 'holding-back'],
      binding: INSTALLED,
      done: [['> commit'], 'done'],
      failed: REFUSED_FOR_EVER,
    },
  ],
  [
    'a broken channel',
    ({ world, side }) => side.acceptor.channelDown(world.now),
    { testing: LEFT_WITH_DONOR, ready: LEFT_WITH_DONOR },
  ],
  [
    'a Binding Acknowledgement',
    ({ world, side }) => side.acceptor.bindingAcknowledged(world.now, ACCEPTED),
    { binding: [['resume', '> commit', 'finished'], 'done'] },
  ],
  [
    'a refused binding',
    ({ world, side }) => side.acceptor.bindingAcknowledged(world.now, REASON_UNSPECIFIED),
    { binding: [['route home-agent', 'resume', '> commit', 'finished'], 'done'] },
  ],
  [
    'a client that does not answer',
    ({ world, side }) => side.acceptor.unresponsive(world.now),
    { testing: GIVEN_BACK, binding: [['route home-agent', 'resume', '> commit', 'finished'], 'done'] },
  ],
  ['a Binding Error', ({ side }) => side.acceptor.bindingError(), {}],
  [
    'messages of a donor or another handoff',
    ({ world, side }) => {
      for (const kind of ['ready', 'commit', 'installed'] as const) side.acceptor.message(world.now, { kind, id: ID });
      for (const message of [PREPARE, STATE, QUERY, ABORT, copy(0, Uint8Array.of(1))]) {
        side.acceptor.message(world.now, { ...message, id: OTHER_ID });
      }
    },
    {},
  ],
];

describe.each(EVENTS)('%s', (_event, happen, table) => {
  test.each(PHASES)('while %s', (phase) => {
    const found = acceptorIn(phase);
    const [entries, next] = table[phase] ?? [[], phase];
    happen(found);
    expect(found.side.journal.take()).toEqual(entries);
    expect(found.side.acceptor.phase).toBe(next);
  });
});

describe('timeouts', () => {
  const timeouts: readonly ['testing' | 'ready' | 'installing', Duration, string][] = [
    ['testing', STATE_TIMEOUT, 'the donor sent no STATE within 60 s'],
    ['ready', STATE_TIMEOUT, 'the donor sent no STATE within 60 s'],
    ['installing', RESTORE_TIMEOUT, 'the app did not take over within 5 s'],
  ];

  test.each(timeouts)('%s: the client goes back when the time is over, not before', (phase, timeout, reason) => {
    const { world, side } = acceptorIn(phase);
    world.pass((timeout - 1) as Duration);
    expect(side.journal.take()).toEqual([]);
    world.pass(1 as Duration);
    expect(side.journal.take()).toEqual(['> abort', 'discard', 'failed']);
    expect(side.outcome).toEqual({ ok: false, reason });
  });

  test('READY does not start the time for STATE anew', () => {
    const { world, side } = acceptorIn('testing');
    world.pass((STATE_TIMEOUT - 1) as Duration);
    side.acceptor.testsDone(world.now);
    world.pass(1 as Duration);
    expect(side.acceptor.phase).toBe('failed');
  });

  test('binding: the client is reached through the home agent when the time is over, not before', () => {
    const { world, side } = acceptorIn('binding');
    world.pass((BINDING_TIMEOUT - 1) as Duration);
    expect(side.journal.take()).toEqual([]);
    world.pass(1 as Duration);
    expect(side.journal.take()).toEqual(['route home-agent', 'resume', '> commit', 'finished']);
    side.acceptor.bindingAcknowledged(world.now, ACCEPTED);
    side.acceptor.unresponsive(world.now);
    expect(side.journal.take()).toEqual([]);
  });

  test.each(['done', 'failed'] as const)('%s: no timer is left', (phase) => {
    const { world, side } = acceptorIn(phase);
    world.pass(seconds(1000));
    expect(side.journal.take()).toEqual([]);
  });

  test('an app that takes over after its time changes nothing', () => {
    const { world, side } = acceptorIn('installing');
    world.pass(RESTORE_TIMEOUT);
    side.journal.take();
    side.acceptor.installed(world.now);
    expect(side.journal.take()).toEqual([]);
  });
});

describe('giving back', () => {
  test('tokens that have expired by the time of the Binding Update: nothing was emitted, so the client goes back', () => {
    const { world, side } = acceptorIn('installing');
    side.hasTokens = false;
    side.acceptor.installed(world.now);
    expect(side.journal.take()).toEqual(['bind refused', '> abort', 'discard', 'failed']);
  });

  test('an installation that fails at once', () => {
    const { world, side } = acceptorIn('ready');
    side.install = (now) => side.acceptor.failed(now, 'no service on port 80 here');
    side.acceptor.message(world.now, STATE);
    expect(side.sent).toEqual([{ kind: 'abort', id: ID, reason: 'no service on port 80 here' }]);
    expect(side.acceptor.phase).toBe('failed');
  });

  test('refused for ever: whatever comes after ABORT is answered with ABORT or not at all', () => {
    const { world, side } = acceptorIn('failed');
    const later = [PREPARE, STATE, copy(0, Uint8Array.of(1)), STATE, QUERY, ABORT];
    for (const message of later) side.acceptor.message(world.now, message);
    side.acceptor.testsDone(world.now);
    side.acceptor.installed(world.now);
    side.acceptor.bindingAcknowledged(world.now, ACCEPTED);
    expect(new Set(side.journal.take())).toEqual(new Set(['> abort']));
    expect(side.acceptor.phase).toBe('failed');
  });
});

describe('a client without a binding', () => {
  test('optimistic: what had gone out directly is sent again through the home agent, nothing resumes twice', () => {
    const { world, side } = acceptorIn('binding', OPTIMISTIC);
    side.acceptor.unresponsive(world.now);
    expect(side.journal.take()).toEqual(['route home-agent', 'nudge', '> commit', 'finished']);
  });

  test('RFC 6275 6.1.8: statuses below 128 accept, those from 128 on refuse', () => {
    for (const [status, first] of [
      [1, 'resume'],
      [127, 'resume'],
      [128, 'route home-agent'],
      [255, 'route home-agent'],
    ] as const) {
      const { world, side } = acceptorIn('binding');
      side.acceptor.bindingAcknowledged(world.now, status);
      expect(side.journal.take()[0]).toBe(first);
    }
  });
});

describe('hold back: the Binding Update does not overtake the last packet of the donor', () => {
  /** Donor to acceptor 10 ms, acceptor to client 20 ms. */
  function holding(strategy: Strategy, tail: Duration): Case {
    const found = acceptorIn('ready', strategy);
    found.side.latency = { donor: milliseconds(10), client: milliseconds(20) };
    found.side.acceptor.message(found.world.now, stateWithTail(tail));
    found.side.journal.take();
    return found;
  }

  test('by what the donor has queued beyond the way of STATE and of the Binding Update', () => {
    const { world, side } = holding(PRESETS.fast, milliseconds(75));
    side.acceptor.installed(world.now);
    expect(side.acceptor.phase).toBe('holding-back');
    world.pass(milliseconds(44.999));
    expect(side.journal.take()).toEqual([]);
    world.pass(milliseconds(0.001));
    expect(side.journal.take()).toEqual(['bind', 'route direct', 'resume']);
  });

  test('not at all where the donor is through in time', () => {
    const { world, side } = holding(PRESETS.fast, milliseconds(30));
    side.acceptor.installed(world.now);
    expect(side.journal.take()).toEqual(['bind', 'route direct', 'resume']);
  });

  test('the time that the app takes to restore counts', () => {
    const { world, side } = holding(PRESETS.fast, milliseconds(75));
    world.pass(milliseconds(40));
    side.acceptor.installed(world.now);
    world.pass(milliseconds(5));
    expect(side.journal.take()).toEqual(['bind', 'route direct', 'resume']);
  });

  test('not where the donor has drained', () => {
    const { world, side } = holding(PRESETS.prefetched, milliseconds(500));
    side.acceptor.installed(world.now);
    expect(side.journal.take()).toEqual(['bind']);
  });

  test('never longer than MAX_HOLD_BACK, whatever a donor says', () => {
    const { world, side } = holding(PRESETS.fast, Number.MAX_SAFE_INTEGER as Duration);
    side.acceptor.installed(world.now);
    world.pass((MAX_HOLD_BACK - 1) as Duration);
    expect(side.acceptor.phase).toBe('holding-back');
    world.pass(1 as Duration);
    expect(side.acceptor.phase).toBe('binding');
  });
});

describe('buffers copied ahead', () => {
  test('reach install in their order', () => {
    const { world, side } = acceptorIn('testing');
    side.acceptor.message(world.now, copy(100, Uint8Array.of(1, 2)));
    side.acceptor.testsDone(world.now);
    side.acceptor.message(world.now, copy(102, Uint8Array.of(3)));
    side.acceptor.message(world.now, STATE);
    expect(side.copied).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3)]);
  });

  test('that overlap make the acceptor give the client back', () => {
    const { world, side } = acceptorIn('ready');
    side.acceptor.message(world.now, copy(100, Uint8Array.of(1, 2)));
    side.acceptor.message(world.now, copy(101, Uint8Array.of(2)));
    expect(side.journal.take()).toEqual(['> abort', 'discard', 'failed']);
  });

  test('that come after STATE are ignored', () => {
    const { world, side } = acceptorIn('installing');
    side.acceptor.message(world.now, copy(100, Uint8Array.of(1)));
    expect(side.journal.take()).toEqual([]);
  });

  test('are one stretch for each connection', () => {
    const copied = new CopiedBuffers();
    const other = { localPort: 80, remotePort: 4001 };
    expect(copied.add(CONNECTION, 0, Uint8Array.of(1))).toBe(true);
    expect(copied.add(other, 50, Uint8Array.of(2))).toBe(true);
    expect(copied.of(CONNECTION)).toMatchObject({ offset: 0, chunks: [Uint8Array.of(1)] });
    expect(copied.of(other)).toMatchObject({ offset: 50, chunks: [Uint8Array.of(2)] });
    expect(copied.of({ localPort: 8, remotePort: 4000 })).toBeUndefined();
  });

  test('begin anew behind a gap: what was before it has been acknowledged', () => {
    const copied = new CopiedBuffers();
    copied.add(CONNECTION, 0, Uint8Array.of(1, 2));
    expect(copied.add(CONNECTION, 10, Uint8Array.of(9))).toBe(true);
    expect(copied.of(CONNECTION)).toMatchObject({ offset: 10, chunks: [Uint8Array.of(9)] });
  });

  test('are bounded over all connections', () => {
    const copied = new CopiedBuffers();
    const half = new Uint8Array(MAX_COPIED / 2);
    expect(copied.add(CONNECTION, 0, half)).toBe(true);
    expect(copied.add({ localPort: 80, remotePort: 4001 }, 0, half)).toBe(true);
    expect(copied.add({ localPort: 80, remotePort: 4002 }, 0, Uint8Array.of(1))).toBe(false);
  });

  test('of a connection that goes on and on are the latest: the client has acknowledged the others', () => {
    const copied = new CopiedBuffers();
    const quarter = new Uint8Array(MAX_COPIED / 4);
    for (let n = 0; n < 10; n++) expect(copied.add(CONNECTION, n * quarter.length, quarter)).toBe(true);
    expect(copied.of(CONNECTION)?.offset).toBe(6 * quarter.length);
    expect(copied.of(CONNECTION)?.chunks).toHaveLength(4);
  });

  test('do not count any more once a gap has thrown them away', () => {
    const copied = new CopiedBuffers();
    const half = new Uint8Array(MAX_COPIED / 2);
    for (let round = 0; round < 5; round++) expect(copied.add(CONNECTION, round * MAX_COPIED, half)).toBe(true);
  });

  test.each(['installing', 'failed'] as const)('are let go of once the acceptor is %s', (phase) => {
    const { world, side } = acceptorIn('ready');
    let seen: CopiedBuffers | undefined;
    side.install = (_now, _connections, copied) => {
      seen = copied;
      expect(copied.of(CONNECTION)).toBeDefined();
      if (phase === 'failed') side.acceptor.failed(world.now, 'no');
    };
    side.acceptor.message(world.now, copy(0, Uint8Array.of(1)));
    side.acceptor.message(world.now, STATE);
    expect(side.acceptor.phase).toBe(phase);
    expect(seen?.of(CONNECTION)).toBeUndefined();
  });
});
