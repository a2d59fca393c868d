// The binding cache of a home agent (RFC 6275 10.1) for home addresses with several care-of addresses (RFC
// 5648): a fixed place for each configured member, with key, sequence number and timestamp of its own, so that
// nothing here grows with what strangers send. Chooses the member that a client's packets go to.

import type { Instant } from '../core/time.ts';
import type { Timer } from '../core/timer-queue.ts';
import type { Detour } from '../ipv6/hooks.ts';
import type { Address } from '../wire/address.ts';
import type { SecurityAssociation } from './authentication.ts';
import { FlowBindings, type FlowBudget } from './flow-binding.ts';
import { MemberRanking } from './member-ranking.ts';

/** Stands for no Binding Identifier: RFC 5648 4.1 reserves it. */
export const NO_BID = 0;

/** What a home agent knows of a mobile node, or of one member of a group, before it registers. */
export interface MemberAssociation extends SecurityAssociation {
  readonly home: Address;
  /** The member's Binding Identifier; absent: the home address is one mobile node's alone. */
  readonly bid?: number;
}

/** What was agreed on. */
export interface BindingTerms {
  readonly careOf: Address;
  readonly sequence: number;
  readonly expiresAt: Instant;
  /** BID-PRI, the lower the better (RFC 6089 4.1). */
  readonly priority: number;
}

export interface HomeBinding extends BindingTerms {
  /** For the output hook: packets of the home agent's own to this binding. */
  readonly byRoutingHeader: Detour;
  readonly byTunnel: Detour;
}

export interface HomeMember {
  readonly association: MemberAssociation;
  /** Ends the binding; and after that, the memory of its sequence number. */
  readonly timer: Timer;
  binding: HomeBinding | undefined;
  /** Of a binding that was deleted a moment ago (RFC 6275 10.3.2). */
  endedSequence: number | undefined;
  /** The greatest accepted (RFC 4285 6). */
  lastTimestamp: bigint | undefined;
}

/** A home address and all who share it. Nothing here takes longer the more there are, but for a logarithm. */
export class HomeAddressBindings {
  readonly home: Address;
  readonly flows: FlowBindings;
  readonly #memberOfBid = new Map<number, HomeMember>();
  readonly #bound = new Set<HomeMember>();
  readonly #ranking = new MemberRanking();
  /** How many members are bound to each care-of address. */
  readonly #careOfAddresses = new Map<string, number>();

  constructor(home: Address, flows?: FlowBudget) {
    this.home = home;
    this.flows = new FlowBindings(flows);
  }

  /** Members that may register. */
  get size(): number {
    return this.#memberOfBid.size;
  }

  get members(): Iterable<HomeMember> {
    return this.#memberOfBid.values();
  }

  get isBound(): boolean {
    return this.#bound.size > 0;
  }

  /** Are all bound that may be? */
  get isComplete(): boolean {
    return this.#bound.size === this.size;
  }

  /** The member with this Binding Identifier; undefined as one: the node whose own the home address is. */
  memberOf(bid: number | undefined): HomeMember | undefined {
    return this.#memberOfBid.get(bid ?? NO_BID);
  }

  /** Throws an Error where the Binding Identifier is taken. */
  add(member: HomeMember): void {
    const { bid } = member.association;
    if (this.memberOf(bid) !== undefined)
      throw new Error(`${this.home} has two members of identifier ${bid ?? 'none'}`);
    this.#memberOfBid.set(bid ?? NO_BID, member);
  }

  /** One that is not bound. */
  remove(member: HomeMember): void {
    this.#memberOfBid.delete(member.association.bid ?? NO_BID);
  }

  bind(member: HomeMember, binding: HomeBinding): void {
    const before = member.binding;
    member.binding = binding;
    this.#bound.add(member);
    if (before?.priority !== binding.priority) this.#ranking.enter(member, this.#bound);
    this.#count(binding.careOf, 1);
    if (before !== undefined) this.#count(before.careOf, -1);
  }

  /** The member's binding has ended, and its flows with it. */
  unbind(member: HomeMember): void {
    const { binding, association } = member;
    if (binding === undefined) return;
    member.binding = undefined;
    this.#bound.delete(member);
    this.#count(binding.careOf, -1);
    if (association.bid !== undefined) this.flows.removeAllOf(association.bid);
  }

  /**
   * The binding that packets from `client` take: its flow's, else the one with the best priority. Without the packet,
   * flows that ask for more than its source are left out.
   */
  select(client: Address, packet?: Uint8Array): HomeBinding | undefined {
    return this.flows.find(client, packet, (bids) => this.#bestOf(bids)) ?? this.#ranking.best()?.binding;
  }

  isBoundAs(bid: number): boolean {
    return bid !== NO_BID && this.memberOf(bid)?.binding !== undefined;
  }

  /** RFC 6089 4.1: of several the one with the best BID-PRI, the first among equals. */
  #bestOf(bids: readonly number[]): HomeBinding | undefined {
    let best: HomeBinding | undefined;
    for (const bid of bids) {
      const binding = this.memberOf(bid)?.binding;
      if (binding !== undefined && (best === undefined || binding.priority < best.priority)) best = binding;
    }
    return best;
  }

  isCareOfAddress(careOf: Address): boolean {
    return this.#careOfAddresses.has(careOf.key);
  }

  #count(careOf: Address, change: 1 | -1): void {
    const count = (this.#careOfAddresses.get(careOf.key) ?? 0) + change;
    if (count === 0) this.#careOfAddresses.delete(careOf.key);
    else this.#careOfAddresses.set(careOf.key, count);
  }
}
