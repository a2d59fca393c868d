// A home agent whose process starts again: what it has to know of before is in octets, and every other octet is refused.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { after, type Duration, EPOCH, type Instant, seconds } from '../../stack/core/time.ts';
import type { FlowBinding } from '../../stack/mobility/flow-binding.ts';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import { emitHomeState, type HomeState, parseHomeState } from '../../stack/mobility/home-state.ts';
import { Address, address, prefix } from '../../stack/wire/address.ts';
import type { BindingUpdate } from '../../stack/wire/mobility.ts';
import { trafficSelectors } from '../wire/arbitraries.ts';
import { echoRequest, mobilityPacket } from './packets.ts';
import { signed, unsigned } from './scripted-home-agent.ts';
import { ntp, TestHost, theMessage } from './support.ts';

const SELF = address('2001:db8:100::ff');
const GROUP = address('2001:db8:100::1');
const CARE_OF = [address('2001:db8:a::1'), address('2001:db8:b::1')] as const;
const CLIENT = address('2001:db8:c::1');
const OTHER_CLIENT = address('2001:db8:c::2');
const KEY = new Uint8Array(20).fill(5);

/** One process of the home agent; it starts at `since` of the world's time. */
class Process {
  readonly host: TestHost;
  readonly agent: HomeAgent;
  changes = 0;
  readonly #since: Instant;

  constructor(since: Instant = EPOCH, members: readonly number[] = [1, 2]) {
    this.#since = since;
    this.host = new TestHost(SELF, { seed: 4, forwarding: true, clockOffset: since / 1e6 });
    this.agent = new HomeAgent(this.host.environment, this.host.dispatch, {
      address: SELF,
      homePrefixes: [prefix('2001:db8:100::/64')],
      associations: members.map((bid) => ({ home: GROUP, bid, spi: 1000 + bid, key: KEY })),
      stateChanged: () => {
        this.changes += 1;
      },
    });
  }

  /** Ends, and starts again after a while; gives what was restored. */
  restart(downtime: Duration, members?: readonly number[]): { readonly next: Process; readonly bindings: number } {
    const { host, agent } = this;
    const next = new Process(after(after(this.#since, host.now as unknown as Duration), downtime), members);
    const restored = next.agent.restoreState(next.host.now, agent.exportState(host.now));
    if (!restored.ok) throw new Error(restored.reason);
    return { next, bindings: restored.value };
  }

  update(
    bid: 1 | 2,
    sequence: number,
    parts: { readonly lifetime?: number; readonly ticks?: bigint } = {},
  ): Uint8Array {
    const { lifetime = 105, ticks = 0n } = parts;
    const source = CARE_OF[bid - 1] ?? SELF;
    const message: BindingUpdate = {
      kind: 'binding-update',
      sequence,
      ...{ acknowledge: true, home: true, linkLocal: false, keyManagement: false },
      lifetime,
      options: [
        { kind: 'binding-identifier', bid, status: 0, simultaneous: false, priority: 10 * bid },
        { kind: 'replay-protection', timestamp: ntp(this.host.now, this.#since / 1e6) + ticks },
        unsigned(1000 + bid),
      ],
    };
    const bytes = signed(message, KEY, source, GROUP);
    return mobilityPacket({ source, destination: SELF, home: GROUP }, bytes);
  }

  /** Status and sequence number of the answer. */
  give(update: Uint8Array) {
    const { status, sequence } = theMessage(this.host.give(update), 'binding-acknowledgement').message;
    return { status, sequence };
  }

  /** Where the client's packet is tunnelled to. */
  tunnelTo(source: Address): string | undefined {
    const [sent] = this.host.give(echoRequest({ source, destination: GROUP }));
    return sent?.inner === undefined ? undefined : sent.destination.toString();
  }
}

function bothRegistered(): Process {
  const process = new Process();
  expect(process.give(process.update(1, 7))).toEqual({ status: 0, sequence: 7 });
  expect(process.give(process.update(2, 90))).toEqual({ status: 0, sequence: 90 });
  process.agent.bindFlow(GROUP, OTHER_CLIENT, 2);
  return process;
}

test('bindings, priorities and flow bindings are there again', () => {
  const { next, bindings } = bothRegistered().restart(seconds(30));
  expect(bindings).toBe(2);
  expect(next.tunnelTo(CLIENT)).toBe(CARE_OF[0].toString());
  expect(next.tunnelTo(OTHER_CLIENT)).toBe(CARE_OF[1].toString());
});

test('RFC 6275 9.6: the time that the process was away counts', () => {
  const before = bothRegistered();
  before.host.pass(seconds(100));
  const { next } = before.restart(seconds(300));
  next.host.pass(seconds(19));
  expect(next.tunnelTo(CLIENT)).toBe(CARE_OF[0].toString());
  next.host.pass(seconds(1.001));
  expect(next.tunnelTo(CLIENT)).toBeUndefined();
  expect(bothRegistered().restart(seconds(420)).bindings).toBe(0);
});

test('RFC 6275 9.5.1: sequence numbers go on from where they were', () => {
  const { next } = bothRegistered().restart(seconds(1));
  expect(next.give(next.update(1, 7))).toEqual({ status: 135, sequence: 7 });
  expect(next.give(next.update(1, 8, { ticks: 1n }))).toEqual({ status: 0, sequence: 8 });
});

test('RFC 6275 10.3.2: an older update after the end of a binding is refused for the rest of its 10 s', () => {
  const before = bothRegistered();
  expect(before.give(before.update(1, 8, { lifetime: 0, ticks: 1n })).status).toBe(0);
  const { next } = before.restart(seconds(4));
  expect(next.tunnelTo(CLIENT)).toBe(CARE_OF[1].toString());
  expect(next.give(next.update(1, 7))).toEqual({ status: 135, sequence: 8 });
  next.host.pass(seconds(6.001));
  expect(next.give(next.update(1, 7))).toEqual({ status: 0, sequence: 7 });
});

test('RFC 4285 6: what was accepted before is a replay, though the binding has ended', () => {
  const before = new Process();
  const update = before.update(1, 7, { lifetime: 1 });
  expect(before.give(update).status).toBe(0);
  before.host.pass(seconds(4));
  const { next } = before.restart(seconds(2));
  expect(next.give(update).status).toBe(144);
  expect(next.give(next.update(1, 7)).status).toBe(0);
});

test('members that may no longer register are passed over', () => {
  const { next, bindings } = bothRegistered().restart(seconds(1), [2]);
  expect(bindings).toBe(1);
  expect(next.tunnelTo(CLIENT)).toBe(CARE_OF[1].toString());
});

test('a clock that was set back lets no binding last longer than is ever granted', () => {
  const before = new Process(after(EPOCH, seconds(100_000)));
  before.give(before.update(1, 7));
  const next = new Process();
  next.agent.restoreState(next.host.now, before.agent.exportState(before.host.now));
  next.host.pass(seconds(3600));
  expect(next.tunnelTo(CLIENT)).toBeUndefined();
});

test('every change is told: registration, renewal, end by itself', () => {
  const process = new Process();
  process.give(process.update(1, 1, { lifetime: 2 }));
  process.give(process.update(1, 2, { lifetime: 2, ticks: 1n }));
  expect(process.changes).toBe(2);
  process.host.pass(seconds(8));
  expect(process.changes).toBe(3);
});

test('a refused update changes nothing that is kept', () => {
  const process = new Process();
  process.give(process.update(1, 1));
  process.give(process.update(1, 1, { ticks: 1n }));
  expect(process.changes).toBe(1);
});

const anyAddress = fc
  .tuple(fc.integer({ min: 0, max: 0xffff }), fc.nat(0xffff_ffff))
  .map(([high, low]) => new Address(0x2001_0000 + high, 0, 0, low));
const u64s = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const u16s = fc.nat(0xffff);
const boundMember = fc.record({
  ...{ home: anyAddress, bid: u16s, careOf: anyAddress, sequence: u16s },
  ...{ priority: fc.integer({ min: 1, max: 127 }), until: u64s, lastTimestamp: fc.option(u64s, { nil: undefined }) },
});
const endedMember = fc.record({
  ...{ home: anyAddress, bid: u16s, careOf: fc.constant(undefined), sequence: fc.option(u16s, { nil: undefined }) },
  ...{ priority: fc.constant(0), until: u64s, lastTimestamp: fc.option(u64s, { nil: undefined }) },
});
const anyFlow: fc.Arbitrary<FlowBinding> = fc.record({
  ...{ owner: u16s, fid: u16s, priority: u16s, bids: fc.array(u16s, { minLength: 1, maxLength: 3 }) },
  selector: trafficSelectors,
});
const anyState: fc.Arbitrary<HomeState> = fc.record({
  members: fc.array(fc.oneof(boundMember, endedMember), { maxLength: 5 }),
  flows: fc.array(fc.record({ home: anyAddress, flow: anyFlow }), { maxLength: 3 }),
});

test('emit(parse(b)) is b, and no piece of b is a state', () => {
  fc.assert(
    fc.property(anyState, fc.nat(), (state, cut) => {
      const bytes = emitHomeState(state);
      const read = parseHomeState(bytes);
      if (!read.ok) throw new Error(read.reason);
      expect(emitHomeState(read.value)).toEqual(bytes);
      expect(parseHomeState(bytes.subarray(0, cut % bytes.length)).ok).toBe(false);
    }),
    { seed: 11, numRuns: 200 },
  );
});

test('a state with any octet changed is refused, or is another state', () => {
  fc.assert(
    fc.property(anyState, fc.nat(), fc.integer({ min: 1, max: 255 }), (state, place, change) => {
      const bytes = emitHomeState(state);
      const at = place % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ change;
      const read = parseHomeState(bytes);
      if (read.ok) expect(emitHomeState(read.value)).toEqual(bytes);
    }),
    { seed: 12, numRuns: 500 },
  );
});

const STATE: HomeState = {
  members: [{ home: GROUP, bid: 1, careOf: CARE_OF[0], sequence: 7, priority: 10, until: 5n, lastTimestamp: 6n }],
  flows: [],
};
const faults: readonly [string, number, number, string][] = [
  ['another file', 0, 0, "not a home agent's state"],
  ['another version', 5, 1, 'state of version 1, where 2 is known'],
  ['a count that is wrong', 11, 2, 'state of another length than it says'],
  ['reserved octets that say something', 7, 1, 'reserved octets'],
  ['an unknown flag', 16 + 19, 15, 'flags that nobody knows'],
  ['a binding without sequence number', 16 + 19, 5, 'a binding without sequence number'],
  ['a timestamp that the flags deny', 16 + 19, 3, 'a value that the flags deny'],
  ['a priority of 0', 16 + 23, 0, 'priority'],
  ['a multicast care-of address', 16 + 24, 0xff, 'care-of address'],
];
test.each(faults)('%s is refused whole', (_what, at, octet, reason) => {
  const bytes = emitHomeState(STATE);
  bytes[at] = octet;
  expect(parseHomeState(bytes)).toMatchObject({ ok: false, reason });
  const process = new Process();
  expect(process.agent.restoreState(process.host.now, bytes).ok).toBe(false);
  expect(process.tunnelTo(CLIENT)).toBeUndefined();
});
