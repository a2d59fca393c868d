// The acceptor of a plain client (without Mobile IPv6): nothing to test, a flow binding at the home agent in place of the
// Binding Update (RFC 6089, DESIGN.md section 5), and the client goes back for as long as nothing was said to it.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { FLOW_TIMEOUT } from '../../stack/handoff/acceptor.ts';
import { PRESETS, type Strategy } from '../../stack/handoff/strategy.ts';
import { CORRESPONDENT, ID, RecordingAcceptor, STATES, World } from './recorders.ts';

const PLAIN = { ...CORRESPONDENT, homeToken: undefined, plainRemainingUs: seconds(100) };
const ACCEPTED = 0;
const PROHIBITED = 128;

/** Until the flow binding has been asked for. */
function binding(strategy: Strategy) {
  const world = new World();
  const side = new RecordingAcceptor(world, strategy);
  side.installsAtOnce = true;
  side.acceptor.start(world.now, PLAIN);
  const opening = side.journal.take();
  side.acceptor.message(world.now, {
    ...{ kind: 'state', id: ID, correspondent: PLAIN, connections: STATES, donorTailUs: 0 },
  });
  return { world, side, opening, asked: side.journal.take() };
}

const { classic, prefetched, fast } = PRESETS;

test.each([classic, prefetched, fast])('READY at once, without a test: %o', (strategy) => {
  expect(binding(strategy).opening).toEqual(['hold', 'import', '> ready']);
});

describe('confirmed', () => {
  test('nothing is said before the home agent has answered', () => {
    const { world, side, asked } = binding(prefetched);
    expect(asked).toEqual(['import', 'install', 'bind flow']);
    side.acceptor.flowBound(world.now, ACCEPTED);
    expect(side.journal.take()).toEqual(['resume', '> commit', 'finished']);
  });

  test('a refusal gives the client back', () => {
    const { world, side } = binding(prefetched);
    side.acceptor.flowBound(world.now, PROHIBITED);
    expect(side.journal.take()).toEqual(['> abort', 'discard', 'failed']);
    expect(side.outcome).toEqual({ ok: false, reason: 'the home agent refuses the flow binding (status 128)' });
  });

  test('so does a home agent that stays silent, in its time', () => {
    const { world, side } = binding(prefetched);
    world.pass(milliseconds(FLOW_TIMEOUT / 1e3 - 1));
    expect(side.journal.take()).toEqual([]);
    world.pass(milliseconds(1));
    expect(side.journal.take()).toEqual(['> abort', 'discard', 'failed']);
    expect(side.outcome).toEqual({ ok: false, reason: 'the home agent did not answer within 10 s' });
  });

  test('an answer that comes after that changes nothing', () => {
    const { world, side } = binding(prefetched);
    world.pass(FLOW_TIMEOUT);
    side.journal.take();
    side.acceptor.flowBound(world.now, ACCEPTED);
    expect([side.journal.take(), side.acceptor.phase]).toEqual([[], 'failed']);
  });

  test('a control connection that breaks does not matter any more', () => {
    const { world, side } = binding(prefetched);
    side.acceptor.channelDown(world.now);
    side.acceptor.flowBound(world.now, ACCEPTED);
    expect(side.journal.take()).toEqual(['resume', '> commit', 'finished']);
  });
});

describe('optimistic', () => {
  test('speaks at once, and never takes the direct path', () => {
    const { world, side, asked } = binding(fast);
    expect(asked).toEqual(['import', 'install', 'bind flow', 'resume']);
    side.acceptor.flowBound(world.now, ACCEPTED);
    expect(side.journal.take()).toEqual(['> commit', 'finished']);
  });

  test.each([
    ['refuses', ({ world, side }: ReturnType<typeof binding>) => side.acceptor.flowBound(world.now, PROHIBITED)],
    ['stays silent', ({ world }: ReturnType<typeof binding>) => world.pass(FLOW_TIMEOUT)],
  ])('a home agent that %s: the client stays here all the same, for it has heard of us', (_name, happens) => {
    const started = binding(fast);
    happens(started);
    expect(started.side.journal.take()).toEqual(['> commit', 'finished']);
  });
});

test('answers about a binding of the client are no business of a plain one', () => {
  const { world, side } = binding(prefetched);
  side.acceptor.bindingAcknowledged(world.now, ACCEPTED);
  side.acceptor.unresponsive(world.now);
  expect([side.journal.take(), side.acceptor.phase]).toEqual([[], 'binding']);
});
