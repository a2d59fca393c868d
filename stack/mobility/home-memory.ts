// Between a home agent at work and the state it leaves (home-state.ts): which members have something to remember, and
// what is left of it when it is taken up again.

import { after, type Duration, elapsed, type Instant, ZERO } from '../core/time.ts';
import { MAX_DELETE_BCE_TIMEOUT } from './constants.ts';
import { type BindingTerms, type HomeAddressBindings, type HomeMember, NO_BID } from './home-bindings.ts';
import type { FlowState, HomeState, MemberState } from './home-state.ts';

const US_PER_SECOND = 1_000_000n;

/** `clock`: the time of day `now`, in NTP 64-bit format. */
export function homeStateOf(homes: Iterable<HomeAddressBindings>, now: Instant, clock: bigint): HomeState {
  const members: MemberState[] = [];
  const flows: FlowState[] = [];
  for (const { home, members: all, flows: ofHome } of homes) {
    for (const member of all) {
      const state = memberStateOf(member, now, clock);
      if (state !== undefined) members.push(state);
    }
    for (const flow of ofHome.all()) flows.push({ home, flow });
  }
  return { members, flows };
}

/** Undefined: as if it had never been here. */
function memberStateOf(member: HomeMember, now: Instant, clock: bigint): MemberState | undefined {
  const { association, binding, endedSequence, lastTimestamp, timer } = member;
  const sequence = binding?.sequence ?? endedSequence;
  if (sequence === undefined && lastTimestamp === undefined) return undefined;
  const left = timer.armed ? elapsed(now, timer.deadline) : 0;
  return {
    home: association.home,
    bid: association.bid ?? NO_BID,
    careOf: binding?.careOf,
    sequence,
    priority: binding?.priority ?? 0,
    until: clock + (BigInt(Math.max(left, 0)) << 32n) / US_PER_SECOND,
    lastTimestamp,
  };
}

/** How a home agent takes up a state. */
export interface Heir {
  readonly now: Instant;
  /** The time of day, in NTP 64-bit format. */
  readonly clock: bigint;
  /** What it grants at the most. */
  readonly longest: Duration;
  readonly mayBind: (terms: BindingTerms) => boolean;
  readonly bind: (member: HomeMember, terms: BindingTerms) => void;
}

/** Returns how many bindings there are again. */
export function takeUp(state: HomeState, homes: ReadonlyMap<string, HomeAddressBindings>, heir: Heir): number {
  let bindings = 0;
  for (const remembered of state.members) {
    const member = homes.get(remembered.home.key)?.memberOf(remembered.bid);
    if (member !== undefined && takeUpMember(remembered, member, heir)) bindings += 1;
  }
  for (const { home, flow } of state.flows) {
    const ofHome = homes.get(home.key);
    if (ofHome?.isBoundAs(flow.owner)) ofHome.flows.bind(flow);
  }
  return bindings;
}

/** Is it bound? */
function takeUpMember(remembered: MemberState, member: HomeMember, heir: Heir): boolean {
  const { careOf, sequence, priority, lastTimestamp } = remembered;
  member.lastTimestamp = lastTimestamp;
  const left = remainingOf(remembered, heir);
  if (left === ZERO || sequence === undefined) return false;
  const expiresAt = after(heir.now, left);
  if (careOf === undefined) {
    member.endedSequence = sequence;
    member.timer.set(expiresAt);
    return false;
  }
  const terms = { careOf, sequence, expiresAt, priority };
  if (!heir.mayBind(terms)) return false;
  heir.bind(member, terms);
  return true;
}

/** Zero: it has ended. A clock that was set back makes nothing last longer than it ever could. */
function remainingOf({ until, careOf }: MemberState, { clock, longest }: Heir): Duration {
  if (until <= clock) return ZERO;
  const left = Number(((until - clock) * US_PER_SECOND) >> 32n);
  return Math.min(left, careOf === undefined ? MAX_DELETE_BCE_TIMEOUT : longest) as Duration;
}
