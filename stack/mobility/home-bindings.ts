// The binding cache of a home agent (RFC 6275 10.1) for home addresses with several care-of addresses (RFC
// 5648): a fixed place for each configured member, with key, sequence number and timestamp of its own, so that
// nothing here grows with what strangers send. Chooses the member that a client's packets go to.

import type { Instant } from '../core/time.ts';
import type { Timer } from '../core/timer-queue.ts';
import type { Detour } from '../ipv6/hooks.ts';
import type { Address } from '../wire/address.ts';
import type { SecurityAssociation } from './authentication.ts';
import { FlowBindings } from './flow-binding.ts';

/** What a home agent knows of a mobile node, or of one member of a group, before it registers. */
export interface MemberAssociation extends SecurityAssociation {
  readonly home: Address;
  /** The member's Binding Identifier; absent: the home address is one mobile node's alone. */
  readonly bid?: number;
}

export interface HomeBinding {
  readonly careOf: Address;
  readonly sequence: number;
  readonly expiresAt: Instant;
  /** BID-PRI, the lower the better (RFC 6089 4.1). */
  readonly priority: number;
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

/** A home address and all who share it. */
export class HomeAddressBindings {
  readonly home: Address;
  readonly flows = new FlowBindings();
  readonly #members: HomeMember[] = [];
  #default: HomeMember | undefined;

  constructor(home: Address) {
    this.home = home;
  }

  get members(): readonly HomeMember[] {
    return this.#members;
  }

  add(member: HomeMember): void {
    this.#members.push(member);
  }

  remove(member: HomeMember): void {
    this.#members.splice(this.#members.indexOf(member), 1);
    this.changed();
  }

  /** To be called when a binding was made, changed or ended. */
  changed(): void {
    this.#default = undefined;
    for (const member of this.#members) {
      if (member.binding !== undefined && isPreferred(member, this.#default)) this.#default = member;
    }
  }

  /** The binding that packets from `client` take: its flow's, else the one with the best priority. */
  select(client: Address): HomeBinding | undefined {
    const bid = this.flows.find(client);
    const bound = bid === undefined ? undefined : this.#members.find((member) => member.association.bid === bid);
    return bound?.binding ?? this.#default?.binding;
  }

  isCareOfAddress(careOf: Address): boolean {
    return this.#members.some((member) => member.binding?.careOf.equals(careOf) === true);
  }
}

function isPreferred(member: HomeMember, than: HomeMember | undefined): boolean {
  if (than?.binding === undefined) return true;
  const difference = (member.binding?.priority ?? 0) - than.binding.priority;
  return difference < 0 || (difference === 0 && (member.association.bid ?? 0) < (than.association.bid ?? 0));
}
