// A donor and an acceptor against each other, over control connections that break, lose what is under way,
// deliver it late and come back; tests, apps and bindings that take their time, fail or never answer. Whatever
// happens, the client has one owner: never two, never none for good (DESIGN.md section 7).

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Duration, elapsed, type Instant, milliseconds, NEVER, seconds } from '../../stack/core/time.ts';
import { Acceptor, type AcceptorActions, type AcceptorOutcome } from '../../stack/handoff/acceptor.ts';
import { Donor, type DonorActions, type DonorOutcome } from '../../stack/handoff/donor.ts';
import { decodeMessage, encodeMessage, type HandoffMessage } from '../../stack/handoff/messages.ts';
import type { Strategy } from '../../stack/handoff/strategy.ts';
import type { CorrespondentSnapshot } from '../../stack/mobility/api.ts';
import { strategies } from './arbitraries.ts';
import { CLIENT, CORRESPONDENT, ID, STATES, World } from './recorders.ts';

const ONE_WAY = milliseconds(10);
/** Outages end by then, and everybody has been told. */
const TROUBLE_ENDS = seconds(100);
const SETTLED = seconds(1000);
const LENGTH_OCTETS = 4;

/** One direction's connection breaks. */
interface Break {
  readonly direction: 'to-acceptor' | 'to-donor';
  readonly atMs: number;
  readonly outageMs: number;
  /** How much later than the sender the receiver learns of it. */
  readonly noticedMs: number;
  /** Messages under way that still arrive, and when: the others are lost. */
  readonly survivors: number;
  readonly lateMs: number;
}

/** How long an answer takes; undefined: it never comes. */
type Delay = number | undefined;

interface Scenario {
  readonly breaks: readonly Break[];
  readonly testsMs: Delay;
  /** Until all is acknowledged (drain), or copied ahead (carry). */
  readonly drainMs: Delay;
  readonly saveMs: Delay;
  readonly saveFails: boolean;
  readonly installMs: Delay;
  readonly installFails: boolean;
  readonly hasTokens: boolean;
  /** The client has no Mobile IPv6: what is 'bound' is its flow, at the home agent. */
  readonly plain: boolean;
  readonly tailMs: number;
  readonly bindingMs: number;
  readonly binding: 'accepted' | 'refused' | 'unresponsive';
  /** A Binding Error comes back this long after the Binding Update. */
  readonly bindingErrorMs: Delay;
  /** The donor's operator, app or connection gives up at this moment. */
  readonly giveUpMs: Delay;
}

/** Most of it happens within some round trips; some of it takes longer than every timeout, or never happens. */
const soon = fc.integer({ min: 0, max: 150 });
const about = fc.oneof({ weight: 9, arbitrary: soon }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 20_000 }) });
const delay: fc.Arbitrary<Delay> = fc.oneof(
  { weight: 19, arbitrary: about },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
const oneIn = (n: number): fc.Arbitrary<boolean> => fc.nat(n - 1).map((drawn) => drawn === 0);

const breaks: fc.Arbitrary<Break> = fc.record({
  direction: fc.constantFrom('to-acceptor' as const, 'to-donor' as const),
  atMs: fc.integer({ min: 0, max: 600 }),
  outageMs: fc.oneof(soon, fc.integer({ min: 0, max: 20_000 })),
  noticedMs: fc.oneof(soon, fc.integer({ min: 0, max: 20_000 })),
  survivors: fc.nat(3),
  lateMs: fc.oneof(soon, fc.integer({ min: 0, max: 20_000 })),
});

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  breaks: fc.array(breaks, { maxLength: 3 }),
  testsMs: delay,
  drainMs: delay,
  saveMs: delay,
  saveFails: oneIn(20),
  installMs: delay,
  installFails: oneIn(10),
  hasTokens: oneIn(20).map((expired) => !expired),
  plain: oneIn(3),
  tailMs: fc.nat(100),
  bindingMs: about,
  binding: fc.constantFrom('accepted' as const, 'accepted' as const, 'refused' as const, 'unresponsive' as const),
  bindingErrorMs: delay,
  giveUpMs: fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 600 }) },
  ),
});

interface Underway {
  readonly message: Uint8Array;
  /** NEVER: lost. */
  arrives: Instant;
}

/** One direction of the control channel: in order, with outages. What is sent during an outage waits for its end. */
class Wire {
  readonly #world: World;
  readonly #deliver: (message: HandoffMessage) => void;
  #underway: Underway[] = [];
  #waiting: Uint8Array[] = [];
  #downUntil = 0 as Instant;

  constructor(world: World, deliver: (message: HandoffMessage) => void) {
    this.#world = world;
    this.#deliver = deliver;
  }

  send(message: HandoffMessage): void {
    const frame = encodeMessage(message).subarray(LENGTH_OCTETS);
    if (this.#world.now < this.#downUntil) this.#waiting.push(frame);
    else this.#put(frame);
  }

  /** What waits is lost too: a connection that could not be opened forgets its backlog. */
  break({ outageMs, survivors, lateMs }: Break): void {
    const { now } = this.#world;
    this.#waiting = [];
    this.#underway = this.#underway.filter((u) => u.arrives !== NEVER && u.arrives > now);
    for (const [n, u] of this.#underway.entries())
      u.arrives = n < survivors ? ((now + lateMs * 1000) as Instant) : NEVER;
    for (const u of this.#underway) if (u.arrives !== NEVER) this.#schedule(u);
    this.#downUntil = Math.max(this.#downUntil, now + outageMs * 1000) as Instant;
    schedule(this.#world, outageMs, () => this.#comesBack());
  }

  #comesBack(): void {
    if (this.#world.now < this.#downUntil) return;
    for (const frame of this.#waiting.splice(0)) this.#put(frame);
  }

  #put(message: Uint8Array): void {
    const u = { message, arrives: (this.#world.now + ONE_WAY) as Instant };
    this.#underway.push(u);
    this.#schedule(u);
  }

  #schedule(u: Underway): void {
    const expected = u.arrives;
    const timer = this.#world.timers.timer((now) => {
      if (u.arrives !== expected || now !== expected) return;
      u.arrives = NEVER;
      const decoded = decodeMessage(u.message);
      if (!decoded.ok) throw new Error(decoded.reason);
      this.#deliver(decoded.value);
    });
    timer.set(expected);
  }
}

function schedule(world: World, delayMs: Delay, action: (now: Instant) => void): void {
  if (delayMs !== undefined) world.timers.timer(action).set((world.now + delayMs * 1000) as Instant);
}

/** Who may speak to the client, checked at each change. */
class Ownership {
  donor: 'speaks' | 'frozen' | 'released' = 'speaks';
  acceptor: 'silent' | 'emitted' | 'discarded' = 'silent';
  thaws = 0;

  check(): void {
    expect(this, 'donor and acceptor both speak to the client').not.toMatchObject({
      donor: 'speaks',
      acceptor: 'emitted',
    });
  }
}

class DonorNode implements DonorActions {
  readonly donor: Donor;
  outcome: DonorOutcome | undefined;
  stateSent = false;
  readonly #world: World;
  readonly #s: Scenario;
  readonly #owner: Ownership;
  readonly #wire: () => Wire;
  readonly #startedAt: Instant;
  #drained = false;
  #quiet = false;

  constructor(world: World, s: Scenario, strategy: Strategy, owner: Ownership, wire: () => Wire) {
    this.#world = world;
    this.#startedAt = world.now;
    this.#s = s;
    this.#owner = owner;
    this.#wire = wire;
    this.donor = new Donor({ id: ID, epoch: 1, client: CLIENT, strategy, timers: world.timers, actions: this });
  }

  send(_now: Instant, message: HandoffMessage): void {
    if (message.kind === 'state') this.stateSent = true;
    this.#wire().send(message);
  }
  quiesce(): void {
    if (this.#quiet) return;
    this.#quiet = true;
    schedule(this.#world, this.#s.drainMs, (now) => {
      this.#drained = true;
      this.donor.drained(now);
    });
  }
  isDrained(): boolean {
    return this.#drained;
  }
  save(): void {
    schedule(this.#world, this.#s.saveMs, (now) =>
      this.#s.saveFails ? this.donor.failed(now, 'no state') : this.donor.saved(now),
    );
  }
  freeze(): void {
    this.#owner.donor = 'frozen';
  }
  copyAhead(): void {}
  hasCaughtUp(): boolean {
    return this.#s.drainMs !== undefined && elapsed(this.#startedAt, this.#world.now) >= milliseconds(this.#s.drainMs);
  }
  collect(): typeof STATES {
    expect(this.#owner.donor, 'a snapshot of connections that still speak').toBe('frozen');
    return STATES;
  }
  correspondent(): CorrespondentSnapshot {
    return { ...CORRESPONDENT, plainRemainingUs: this.#s.plain ? 100_000_000 : 0 };
  }
  tail(): Duration {
    return milliseconds(this.#s.tailMs);
  }
  forward(): void {}
  thaw(): void {
    this.#owner.donor = 'speaks';
    this.#owner.thaws += 1;
    this.#owner.check();
  }
  release(): void {
    this.#owner.donor = 'released';
  }
  finished(_now: Instant, outcome: DonorOutcome): void {
    expect(this.outcome, 'the donor finished twice').toBeUndefined();
    this.outcome = outcome;
  }
}

class AcceptorNode implements AcceptorActions {
  acceptor: Acceptor | undefined;
  outcome: AcceptorOutcome | undefined;
  readonly #world: World;
  readonly #s: Scenario;
  readonly #owner: Ownership;
  readonly #wire: () => Wire;

  constructor(world: World, s: Scenario, owner: Ownership, wire: () => Wire) {
    this.#world = world;
    this.#s = s;
    this.#owner = owner;
    this.#wire = wire;
  }

  /** As a member does: PREPARE begins a handoff, anything else about an unknown one is refused. */
  message(message: HandoffMessage): void {
    const { now } = this.#world;
    if (this.acceptor !== undefined) this.acceptor.message(now, message);
    else if (message.kind === 'prepare') this.#prepare(now, message);
    else if (message.kind === 'state' || message.kind === 'query') {
      this.send(now, { kind: 'abort', id: message.id, reason: 'unknown handoff' });
    }
  }

  #prepare(now: Instant, message: Extract<HandoffMessage, { kind: 'prepare' }>): void {
    const { id, epoch, client, strategy, correspondent } = message;
    this.acceptor = new Acceptor({ id, epoch, client, strategy, timers: this.#world.timers, actions: this });
    this.acceptor.start(now, correspondent);
  }

  send(_now: Instant, message: HandoffMessage): void {
    this.#wire().send(message);
  }
  hold(): void {}
  importCorrespondent(): void {}
  runTests(): void {
    schedule(this.#world, this.#s.testsMs, (now) => this.acceptor?.testsDone(now));
  }
  install(): void {
    schedule(this.#world, this.#s.installMs, (now) =>
      this.#s.installFails ? this.acceptor?.failed(now, 'refused') : this.acceptor?.installed(now),
    );
  }
  latencies(): { donor: Duration; client: Duration } {
    return { donor: ONE_WAY, client: ONE_WAY };
  }
  bind(): boolean {
    if (!this.#s.hasTokens) return false;
    this.#emit();
    schedule(this.#world, this.#s.bindingErrorMs, () => this.acceptor?.bindingError());
    schedule(this.#world, this.#s.bindingMs, (now) => {
      if (this.#s.binding === 'unresponsive') this.acceptor?.unresponsive(now);
      else this.acceptor?.bindingAcknowledged(now, this.#s.binding === 'accepted' ? 0 : 128);
    });
    return true;
  }
  bindFlow(): void {
    if (this.#s.binding === 'unresponsive') return;
    schedule(this.#world, this.#s.bindingMs, (now) =>
      this.acceptor?.flowBound(now, this.#s.binding === 'accepted' ? 0 : 128),
    );
  }
  route(): void {}
  resume(): void {
    this.#emit();
  }
  nudge(): void {
    this.#emit();
  }
  discard(): void {
    expect(this.#owner.acceptor, 'a client that has heard from the acceptor is given back').toBe('silent');
    this.#owner.acceptor = 'discarded';
  }
  finished(_now: Instant, outcome: AcceptorOutcome): void {
    expect(this.outcome, 'the acceptor finished twice').toBeUndefined();
    this.outcome = outcome;
  }

  #emit(): void {
    expect(this.#owner.acceptor, 'the acceptor speaks after it gave the client back').not.toBe('discarded');
    this.#owner.acceptor = 'emitted';
    this.#owner.check();
  }
}

interface Ended {
  readonly owner: Ownership;
  readonly donor: DonorNode;
  readonly acceptor: AcceptorNode;
  readonly world: World;
}

function run(scenario: Scenario, strategy: Strategy): Ended {
  const world = new World();
  const owner = new Ownership();
  const donor = new DonorNode(world, scenario, strategy, owner, () => toAcceptor);
  const acceptor = new AcceptorNode(world, scenario, owner, () => toDonor);
  const toAcceptor = new Wire(world, (message) => acceptor.message(message));
  const toDonor = new Wire(world, (message) => donor.donor.message(world.now, message));
  for (const b of scenario.breaks) {
    const [wire, sender, receiver] =
      b.direction === 'to-acceptor'
        ? ([toAcceptor, () => donor.donor, () => acceptor.acceptor] as const)
        : ([toDonor, () => acceptor.acceptor, () => donor.donor] as const);
    schedule(world, b.atMs, (now) => {
      wire.break(b);
      sender()?.channelDown(now);
      schedule(world, b.noticedMs, (later) => receiver()?.channelDown(later));
    });
  }
  schedule(world, scenario.giveUpMs, (now) => donor.donor.failed(now, 'given up'));
  donor.donor.start(world.now);
  world.pass(TROUBLE_ENDS);
  world.pass(SETTLED);
  return { owner, donor, acceptor, world };
}

const RUNS = { seed: 0x686f6d65, numRuns: 3000 } as const;

test('never two owners; and once the trouble is over exactly one, on which both sides agree', () => {
  fc.assert(
    fc.property(scenarios, strategies, (scenario, strategy) => {
      const { owner, donor, acceptor } = run(scenario, strategy);
      expect(donor.outcome).toBeDefined();
      if (owner.acceptor === 'emitted') {
        expect(owner).toMatchObject({ donor: 'released', thaws: 0 });
        expect(donor.outcome).toEqual({ ok: true });
        expect(acceptor.outcome).toEqual({ ok: true });
      } else {
        expect(owner).toMatchObject({ donor: 'speaks', thaws: 1 });
        expect(donor.outcome).toMatchObject({ ok: false });
        expect(acceptor.outcome?.ok ?? false).toBe(false);
      }
    }),
    RUNS,
  );
});

test('the scenarios reach every end that there is', () => {
  const ends = new Map<string, number>();
  const count = (end: string) => ends.set(end, (ends.get(end) ?? 0) + 1);
  fc.assert(
    fc.property(scenarios, strategies, (scenario, strategy) => {
      const { owner, donor, acceptor } = run(scenario, strategy);
      count(`STATE ${donor.stateSent ? 'sent' : 'not sent'}, acceptor ${owner.acceptor}`);
      if (donor.stateSent && acceptor.outcome?.ok === false) count(acceptor.outcome.reason);
    }),
    RUNS,
  );
  for (const end of [
    'STATE sent, acceptor emitted',
    'STATE sent, acceptor discarded',
    'STATE not sent, acceptor silent',
    'STATE not sent, acceptor discarded',
    'the control connection to the donor broke',
    'STATE did not arrive',
    'refused',
    'the app did not take over within 5 s',
    'the keygen tokens have expired',
    'the home agent refuses the flow binding (status 128)',
    'the home agent did not answer within 10 s',
  ]) {
    expect(ends.get(end) ?? 0, end).toBeGreaterThan(3);
  }
});

test('an acceptor never keeps the packets of a client that it did not get', () => {
  fc.assert(
    fc.property(scenarios, strategies, (scenario, strategy) => {
      const { owner, acceptor } = run(scenario, strategy);
      if (acceptor.acceptor !== undefined) expect(owner.acceptor).not.toBe('silent');
    }),
    RUNS,
  );
});

test('a failure before STATE thaws at once, whatever the other side does', () => {
  fc.assert(
    fc.property(scenarios, strategies, fc.nat(200), (scenario, strategy, atMs) => {
      const world = new World();
      const owner = new Ownership();
      const lost = new Wire(world, () => {});
      const side = new DonorNode(world, scenario, strategy, owner, () => lost);
      side.donor.start(world.now);
      schedule(world, 20, (now) => side.donor.message(now, { kind: 'ready', id: ID }));
      world.pass(milliseconds(atMs));
      if (side.stateSent || side.outcome !== undefined) return;
      side.donor.channelDown(world.now);
      expect(owner).toMatchObject({ donor: 'speaks', thaws: 1 });
      expect(side.donor.phase).toBe('failed');
    }),
    RUNS,
  );
});

test('once given back, an id is refused for ever: a second run of the same messages changes nothing', () => {
  fc.assert(
    fc.property(scenarios, strategies, (scenario, strategy) => {
      const { owner, acceptor, world } = run({ ...scenario, installFails: true }, strategy);
      if (acceptor.acceptor === undefined) return;
      const before = { ...owner };
      const replay: HandoffMessage[] = [
        { kind: 'prepare', id: ID, epoch: 1, client: CLIENT, strategy, correspondent: CORRESPONDENT },
        { kind: 'state', id: ID, correspondent: CORRESPONDENT, connections: STATES, donorTailUs: 0 },
        { kind: 'query', id: ID },
      ];
      for (const message of replay) acceptor.message(message);
      world.pass(SETTLED);
      expect({ ...owner }).toEqual(before);
      expect(acceptor.acceptor.phase).toBe('failed');
    }),
    { ...RUNS, numRuns: 500 },
  );
});

const CALM: Scenario = {
  breaks: [],
  testsMs: 40,
  drainMs: 20,
  saveMs: 0,
  saveFails: false,
  installMs: 0,
  installFails: false,
  hasTokens: true,
  plain: false,
  tailMs: 10,
  bindingMs: 40,
  binding: 'accepted',
  bindingErrorMs: undefined,
  giveUpMs: undefined,
};

test('without trouble every strategy moves the client', () => {
  fc.assert(
    fc.property(strategies, (strategy) => {
      const { owner } = run(CALM, strategy);
      expect(owner).toMatchObject({ donor: 'released', acceptor: 'emitted', thaws: 0 });
    }),
  );
});

test('STATE that is delivered after the QUERY which the acceptor has answered with ABORT is not taken up', () => {
  // PREPARE at 0, READY at 50, STATE sent at 70 ms; the connection breaks at 75 and STATE comes 5 s late.
  const b = {
    direction: 'to-acceptor',
    atMs: 75,
    outageMs: 100,
    noticedMs: 20_000,
    survivors: 1,
    lateMs: 5000,
  } as const;
  const strategy = { tokens: 'prefetched', buffers: 'drain', binding: 'confirmed' } as const;
  const { owner, donor } = run({ ...CALM, testsMs: 30, breaks: [b] }, strategy);
  expect(donor.stateSent).toBe(true);
  expect(donor.outcome).toEqual({ ok: false, reason: 'STATE did not arrive' });
  expect(owner).toMatchObject({ donor: 'speaks', acceptor: 'discarded' });
});

test('a COMMIT that is lost is said again when the donor asks', () => {
  // PREPARE 0-10, tests 40, READY 50-60, drained 80, STATE 90, BA 130, COMMIT under way to 140 ms.
  const b = { direction: 'to-donor', atMs: 135, outageMs: 1000, noticedMs: 0, survivors: 0, lateMs: 0 } as const;
  const strategy = { tokens: 'prefetched', buffers: 'drain', binding: 'confirmed' } as const;
  const { owner, donor } = run({ ...CALM, breaks: [b] }, strategy);
  expect(owner).toMatchObject({ donor: 'released', acceptor: 'emitted' });
  expect(donor.outcome).toEqual({ ok: true });
});
