// Actions of a donor and an acceptor that only write down what they were asked for. Answers (saved,
// installed, tests done ...) are left to the test unless it says that they come at once.

import { type Duration, type Instant, milliseconds, ZERO } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { Acceptor, type AcceptorActions, type AcceptorOutcome } from '../../stack/handoff/acceptor.ts';
import type { CopiedBuffers } from '../../stack/handoff/copied-buffers.ts';
import { Donor, type DonorActions, type DonorOutcome } from '../../stack/handoff/donor.ts';
import type { ConnectionName, ConnectionState, HandoffMessage } from '../../stack/handoff/messages.ts';
import { PRESETS, type Strategy } from '../../stack/handoff/strategy.ts';
import type { CorrespondentSnapshot } from '../../stack/mobility/api.ts';
import { address } from '../../stack/wire/address.ts';

export const ID = '000102030405060708090a0b0c0d0e0f';
export const OTHER_ID = 'ffeeddccbbaa99887766554433221100';
export const CLIENT = address('2001:db8:c::1');
export const CONNECTION: ConnectionName = { localPort: 80, remotePort: 4000 };
export const CORRESPONDENT: CorrespondentSnapshot = {
  client: CLIENT,
  homeToken: { token: new Uint8Array(8).fill(1), nonceIndex: 2, remainingUs: 100_000_000 },
  lastSequence: 9,
  bindingRemainingUs: 300_000_000,
  plainRemainingUs: 0,
};
export const STATES: readonly ConnectionState[] = [{ ...CONNECTION, tcb: Uint8Array.of(1), app: null }];

/** A virtual clock over one timer queue. */
export class World {
  readonly timers = new TimerQueue();
  now = 1_000_000 as Instant;

  /** Lets the time pass, timers included. */
  pass(span: Duration): void {
    const end = (this.now + span) as Instant;
    for (let next = this.timers.nextDeadline(); next <= end; next = this.timers.nextDeadline()) {
      this.now = next;
      this.timers.runDue(next);
    }
    this.now = end;
  }
}

/** What happened since the last look: messages by their kind with an arrow, actions by their name. */
export class Journal {
  #entries: string[] = [];

  add(entry: string): void {
    this.#entries.push(entry);
  }

  take(): string[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }
}

export class RecordingDonor implements DonorActions {
  readonly journal = new Journal();
  readonly sent: HandoffMessage[] = [];
  readonly donor: Donor;
  isEmpty = false;
  savesAtOnce = false;
  caughtUp = true;
  tailIs: Duration = milliseconds(20);
  outcome: DonorOutcome | undefined;

  constructor(world: World, strategy: Strategy = PRESETS.prefetched) {
    this.donor = new Donor({ id: ID, epoch: 4, client: CLIENT, strategy, timers: world.timers, actions: this });
  }

  send(_now: Instant, message: HandoffMessage): void {
    this.sent.push(message);
    this.journal.add(`> ${message.kind}`);
  }
  quiesce(): void {
    this.journal.add('quiesce');
  }
  isDrained(): boolean {
    return this.isEmpty;
  }
  save(now: Instant): void {
    this.journal.add('save');
    if (this.savesAtOnce) this.donor.saved(now);
  }
  freeze(): void {
    this.journal.add('freeze');
  }
  copyAhead(): void {
    this.journal.add('copy-ahead');
  }
  hasCaughtUp(): boolean {
    return this.caughtUp;
  }
  collect(): readonly ConnectionState[] {
    this.journal.add('collect');
    return STATES;
  }
  correspondent(): CorrespondentSnapshot {
    return CORRESPONDENT;
  }
  tail(): Duration {
    return this.tailIs;
  }
  forward(): void {
    this.journal.add('forward');
  }
  thaw(): void {
    this.journal.add('thaw');
  }
  release(): void {
    this.journal.add('release');
  }
  finished(_now: Instant, outcome: DonorOutcome): void {
    this.outcome = outcome;
    this.journal.add(outcome.ok ? 'finished' : 'failed');
  }
}

export class RecordingAcceptor implements AcceptorActions {
  readonly journal = new Journal();
  readonly sent: HandoffMessage[] = [];
  readonly imported: CorrespondentSnapshot[] = [];
  readonly acceptor: Acceptor;
  testsAtOnce = false;
  installsAtOnce = false;
  hasTokens = true;
  latency = { donor: ZERO, client: ZERO };
  /** What was copied ahead, as install() found it. */
  copied: Uint8Array[] | undefined;
  outcome: AcceptorOutcome | undefined;

  constructor(world: World, strategy: Strategy = PRESETS.prefetched) {
    this.acceptor = new Acceptor({ id: ID, epoch: 4, client: CLIENT, strategy, timers: world.timers, actions: this });
  }

  send(_now: Instant, message: HandoffMessage): void {
    this.sent.push(message);
    this.journal.add(`> ${message.kind}`);
  }
  hold(): void {
    this.journal.add('hold');
  }
  importCorrespondent(_now: Instant, snapshot: CorrespondentSnapshot): void {
    this.imported.push(snapshot);
    this.journal.add('import');
  }
  runTests(now: Instant): void {
    this.journal.add('tests');
    if (this.testsAtOnce) this.acceptor.testsDone(now);
  }
  install(now: Instant, _connections: readonly ConnectionState[], copied: CopiedBuffers): void {
    this.journal.add('install');
    this.copied = copied.of(CONNECTION)?.chunks.slice();
    if (this.installsAtOnce) this.acceptor.installed(now);
  }
  latencies(): { readonly donor: Duration; readonly client: Duration } {
    return this.latency;
  }
  bind(): boolean {
    this.journal.add(this.hasTokens ? 'bind' : 'bind refused');
    return this.hasTokens;
  }
  bindFlow(): void {
    this.journal.add('bind flow');
  }
  route(_now: Instant, route: 'direct' | 'home-agent'): void {
    this.journal.add(`route ${route}`);
  }
  resume(): void {
    this.journal.add('resume');
  }
  nudge(): void {
    this.journal.add('nudge');
  }
  discard(): void {
    this.journal.add('discard');
  }
  finished(_now: Instant, outcome: AcceptorOutcome): void {
    this.outcome = outcome;
    this.journal.add(outcome.ok ? 'finished' : 'failed');
  }
}
