// The home agent (RFC 6275 section 10) of a virtual home link: the home prefixes are routed into its device.
// Registers members, tunnels what comes for a home address to the member it is for, and takes what members
// tunnel back. No proxy Neighbor Discovery and no prefix discovery: nobody is ever on the home link.

import { type Parsed, parsed } from '../core/parsed.ts';
import { after, type Duration, type Instant, seconds, times } from '../core/time.ts';
import type { Detour, ForwardedPacket } from '../ipv6/hooks.ts';
import type { Address, Prefix } from '../wire/address.ts';
import { ICMPV6, UNREACHABLE_CODE } from '../wire/icmpv6.ts';
import { type Ipv6Header, PROTOCOL } from '../wire/ipv6.ts';
import { BINDING_STATUS, type BindingUpdate } from '../wire/mobility.ts';
import type { MobilityOption } from '../wire/mobility-option.ts';
import type { MobilityEnvironment } from './api.ts';
import type { UpdateInHand } from './binding-update-check.ts';
import { LIFETIME_UNIT, MAX_DELETE_BCE_TIMEOUT, MAX_LIFETIME_UNITS } from './constants.ts';
import { FlowBudget, flowOfClient, NO_FID } from './flow-binding.ts';
import { takeFlowOptions } from './flow-request.ts';
import { clientOf } from './flow-selector.ts';
import { type HomeAnswer, sendHomeAcknowledgement } from './home-acknowledgement.ts';
import { type BindingTerms, HomeAddressBindings, type HomeMember, type MemberAssociation } from './home-bindings.ts';
import { homeStateOf, takeUp } from './home-memory.ts';
import { emitHomeState, parseHomeState } from './home-state.ts';
import { checkHomeUpdate, type HomeSecurity, homeUpdateInHand } from './home-update-check.ts';
import type { MobilityDispatch, ReceivedMobility, TunnelAddresses } from './mobility-dispatch.ts';
import { findOption } from './mobility-options.ts';

/** RFC 6275 10.3.1 leaves the longest lifetime to the home agent. */
const DEFAULT_MAX_LIFETIME: Duration = seconds(3600);
/** BID-PRI of a binding that names none. */
const NO_PRIORITY = 127;

export interface HomeAgentConfig {
  /** The home agent's own address: end of every tunnel. */
  readonly address: Address;
  readonly homePrefixes: readonly Prefix[];
  readonly associations: readonly MemberAssociation[];
  readonly maxLifetime?: Duration;
  /** Default 'rfc4285'. 'none' is unsafe wherever others can send to us: any of them can divert any home address. */
  readonly security?: HomeSecurity;
  /** Told after anything that exportState() would show: renewals too. */
  readonly stateChanged?: () => void;
  /** Told of each registration made, changed (careOf) or ended (undefined). */
  readonly bindingChanged?: (now: Instant, home: Address, bid: number | undefined, careOf: Address | undefined) => void;
}

export class HomeAgent {
  readonly address: Address;
  readonly #environment: MobilityEnvironment;
  readonly #dispatch: MobilityDispatch;
  readonly #config: HomeAgentConfig;
  readonly #security: HomeSecurity;
  readonly #maxLifetimeUnits: number;
  readonly #homes = new Map<string, HomeAddressBindings>();
  readonly #flowBudget = new FlowBudget();
  readonly #memberOfSpi = new Map<number, HomeMember>();

  constructor(environment: MobilityEnvironment, dispatch: MobilityDispatch, config: HomeAgentConfig) {
    this.address = config.address;
    this.#environment = environment;
    this.#dispatch = dispatch;
    this.#config = config;
    this.#security = config.security ?? 'rfc4285';
    const units = Math.floor((config.maxLifetime ?? DEFAULT_MAX_LIFETIME) / LIFETIME_UNIT);
    // Not 0, which would end what it is asked to grant.
    this.#maxLifetimeUnits = Math.min(Math.max(units, 1), MAX_LIFETIME_UNITS);
    for (const association of config.associations) this.addMember(association);
    // Ahead of a correspondent on the same host, which would answer a home registration with status 131.
    dispatch.onMessage('binding-update', (now, received) => this.#bindingUpdate(now, received), 'first');
    dispatch.onTunnel({
      accepts: (outer, inner) => this.#acceptsTunnel(outer, inner),
      refused: (now, outer, inner) => this.#refusedTunnel(now, outer, inner),
    });
    dispatch.onHomeAddressOption((_now, careOf, home) => this.#homes.get(home.key)?.isCareOfAddress(careOf) ?? false);
    environment.ipv6.addHooks({
      output: { detour: (source, destination, protocol) => this.#detour(source, destination, protocol) },
      forward: { forward: (now, packet) => this.#intercept(now, packet) },
    });
  }

  /** Lets a member register. Throws an Error where the SPI is taken. */
  addMember(association: MemberAssociation): void {
    if (this.#memberOfSpi.has(association.spi)) throw new Error(`SPI ${association.spi} is given to two members`);
    const { home } = association;
    const bindings = this.#homes.get(home.key) ?? new HomeAddressBindings(home, this.#flowBudget);
    this.#homes.set(home.key, bindings);
    const member: HomeMember = {
      association,
      timer: this.#environment.timers.timer((now) => this.#memberTimer(now, member)),
      binding: undefined,
      endedSequence: undefined,
      lastTimestamp: undefined,
    };
    bindings.add(member);
    this.#memberOfSpi.set(association.spi, member);
  }

  removeMember(now: Instant, spi: number): void {
    const member = this.#memberOfSpi.get(spi);
    if (member === undefined) return;
    this.#end(now, member);
    member.timer.remove();
    this.#memberOfSpi.delete(spi);
    const { key } = member.association.home;
    const bindings = this.#homes.get(key);
    bindings?.remove(member);
    if (bindings?.size === 0) this.#homes.delete(key);
    this.#config.stateChanged?.();
  }

  /** Sends all of this client's packets to one member (as that member itself can ask for, RFC 6089). */
  bindFlow(home: Address, client: Address, bid: number): void {
    this.#homes.get(home.key)?.flows.bind(flowOfClient(client, NO_FID, bid));
    this.#config.stateChanged?.();
  }

  /** What restoreState() takes in a later process. Throws an Error where the host has no time of day. */
  exportState(now: Instant): Uint8Array {
    return emitHomeState(homeStateOf(this.#homes.values(), now, this.#clockOf(now)));
  }

  /**
   * Takes up what another process of this home agent has left: to be called before anything is received. Members that
   * may no longer register are passed over, and what has ended meanwhile has ended. Gives the number of bindings.
   */
  restoreState(now: Instant, state: Uint8Array): Parsed<number> {
    const read = parseHomeState(state);
    if (!read.ok) return read;
    const bindings = takeUp(read.value, this.#homes, {
      now,
      clock: this.#clockOf(now),
      longest: times(LIFETIME_UNIT, this.#maxLifetimeUnits),
      mayBind: ({ careOf }) => !this.#isHome(careOf),
      bind: (member, terms) => this.#install(now, member, terms),
    });
    return parsed(bindings, read.end);
  }

  #clockOf(now: Instant): bigint {
    const clock = this.#environment.ntpTime?.(now);
    if (clock === undefined) throw new Error('the state of a home agent needs the time of day');
    return clock;
  }

  /** Where packets from `client` to this home address go now. */
  careOfAddress(home: Address, client: Address): Address | undefined {
    return this.#homes.get(home.key)?.select(client)?.careOf;
  }

  #bindingUpdate(now: Instant, received: ReceivedMobility): 'handled' | 'pass' {
    if (received.message.kind !== 'binding-update') return 'pass';
    const hand = homeUpdateInHand(received, received.message);
    if (!hand.update.home) return this.#changeOfType(now, hand);
    const verdict = checkHomeUpdate(
      {
        security: this.#security,
        prefixes: this.#config.homePrefixes,
        memberOfSpi: (spi) => this.#memberOfSpi.get(spi),
        memberOfHome: (home, bid) => this.#homes.get(home.key)?.memberOf(bid),
        isCorrespondents: (home) => this.#dispatch.hasCorrespondentBinding(home, received.packet.destination),
        clock: this.#environment.ntpTime?.(now),
      },
      hand,
    );
    if (verdict.kind === 'discard') {
      this.#dispatch.counters.bump(verdict.reason);
    } else if (verdict.kind === 'reject') {
      const { member, status, sequence } = verdict;
      this.#acknowledge(now, hand, member, { status, sequence, lifetime: 0 });
    } else {
      this.#accept(now, hand, verdict.member);
    }
    return 'handled';
  }

  /** RFC 6275 9.5.1: a home registration does not become a correspondent's binding. */
  #changeOfType(now: Instant, hand: UpdateInHand): 'handled' | 'pass' {
    const registered = this.#homes.get(hand.home.key)?.isBound === true;
    if (!registered || !hand.received.packet.destination.equals(this.address)) return 'pass';
    const { sequence } = hand.update;
    this.#acknowledge(now, hand, undefined, { status: BINDING_STATUS.registrationTypeChange, sequence, lifetime: 0 });
    return 'handled';
  }

  /** RFC 6275 10.3.1 and 10.3.2. Acknowledged whatever the A bit says. */
  #accept(now: Instant, hand: UpdateInHand, member: HomeMember): void {
    const { update } = hand;
    member.lastTimestamp = findOption(update.options, 'replay-protection')?.timestamp ?? member.lastTimestamp;
    const lifetime = Math.min(update.lifetime, this.#maxLifetimeUnits);
    if (lifetime === 0) {
      this.#end(now, member);
      member.endedSequence = update.sequence;
      member.timer.set(after(now, MAX_DELETE_BCE_TIMEOUT));
    } else {
      this.#bind(now, hand, member, times(LIFETIME_UNIT, lifetime));
    }
    const flows = this.#takeFlows(update, member);
    const answer = { status: BINDING_STATUS.accepted, sequence: update.sequence, lifetime, flows };
    this.#acknowledge(now, hand, member, answer);
    this.#config.stateChanged?.();
  }

  #bind(now: Instant, { update, careOf }: UpdateInHand, member: HomeMember, lifetime: Duration): void {
    const priority = findOption(update.options, 'binding-identifier')?.priority ?? 0;
    this.#install(now, member, {
      careOf,
      sequence: update.sequence,
      expiresAt: after(now, lifetime),
      priority: priority === 0 ? NO_PRIORITY : priority, // RFC 6089 4.1: 0 is reserved
    });
  }

  #install(now: Instant, member: HomeMember, terms: BindingTerms): void {
    const before = member.binding?.careOf;
    const { careOf, expiresAt } = terms;
    member.endedSequence = undefined;
    this.#homes.get(member.association.home.key)?.bind(member, {
      ...terms,
      byRoutingHeader: { careOfDestination: careOf },
      byTunnel: { tunnel: { source: this.address, destination: careOf } },
    });
    member.timer.set(expiresAt);
    if (before === undefined || !before.equals(careOf)) this.#tell(now, member, careOf);
  }

  /** RFC 6089 5.2: a binding that ends takes its flows along. */
  #takeFlows(update: BindingUpdate, { association, binding }: HomeMember): MobilityOption[] {
    const bindings = this.#homes.get(association.home.key);
    if (bindings === undefined || binding === undefined) return [];
    const isBound = (bid: number): boolean => bindings.isBoundAs(bid);
    return takeFlowOptions(update, { bid: association.bid, flows: bindings.flows, isBound });
  }

  #acknowledge(now: Instant, hand: UpdateInHand, member: HomeMember | undefined, answer: HomeAnswer): void {
    const association = this.#security === 'none' ? undefined : member?.association;
    sendHomeAcknowledgement(this.#environment, now, hand, association, answer);
  }

  #memberTimer(now: Instant, member: HomeMember): void {
    member.endedSequence = undefined;
    this.#end(now, member);
    this.#config.stateChanged?.();
  }

  #end(now: Instant, member: HomeMember): void {
    if (member.binding === undefined) return;
    this.#homes.get(member.association.home.key)?.unbind(member);
    this.#tell(now, member, undefined);
  }

  #tell(now: Instant, { association }: HomeMember, careOf: Address | undefined): void {
    const { home, bid } = association;
    const { trace, ipv6 } = this.#environment;
    if (trace !== undefined) {
      const detail = { home: home.toString(), bid: bid ?? 0, careOf: careOf?.toString() ?? 'none' };
      trace(now, { layer: 'mobility', event: 'home-binding', detail });
    }
    ipv6.notifyPathChange(now, this.address, home);
    this.#config.bindingChanged?.(now, home, bid, careOf);
  }

  /** RFC 6275 10.4.2: intercepted and tunnelled. With no binding nobody is there: the prefix is routed to us. */
  #intercept(now: Instant, packet: ForwardedPacket): 'pass' | 'taken' {
    const { source, destination, bytes } = packet;
    if (!this.#isHome(destination)) return 'pass';
    const binding = this.#homes.get(destination.key)?.select(clientOf(packet), bytes);
    if (binding !== undefined) {
      this.#environment.ipv6.tunnel(now, bytes, this.address, binding.careOf);
    } else {
      const error = { type: ICMPV6.unreachable, code: UNREACHABLE_CODE.address };
      this.#dispatch.icmpErrors.send(now, this.address, source, error, bytes);
    }
    return 'taken';
  }

  #isHome(address: Address): boolean {
    return this.#config.homePrefixes.some((prefix) => prefix.contains(address));
  }

  /** Packets of our own: by routing header (RFC 6275 9.3.2), Mobility Headers through the tunnel (6.1, 10.4.2). */
  #detour(source: Address, destination: Address, protocol: number): Detour | undefined {
    const binding = this.#homes.get(destination.key)?.select(source);
    if (binding === undefined) return undefined;
    return protocol === PROTOCOL.mobility ? binding.byTunnel : binding.byRoutingHeader;
  }

  /** RFC 6275 10.4.5: from a registered care-of address, and only with that home address inside. */
  #acceptsTunnel(outer: TunnelAddresses, inner: Ipv6Header): boolean {
    if (!outer.destination.equals(this.address)) return false;
    return this.#homes.get(inner.source.key)?.isCareOfAddress(outer.source) ?? false;
  }

  /**
   * A member may go on using a registration that was lost when this process ended, and would not know before it renews.
   * RFC 6275 has a Binding Error for the Home Address option alone (9.3.3); where a member of this home address is missing,
   * one is sent for a tunnel too, to whom may be that member.
   */
  #refusedTunnel(now: Instant, outer: TunnelAddresses, inner: Ipv6Header): void {
    const bindings = this.#homes.get(inner.source.key);
    if (!outer.destination.equals(this.address) || bindings === undefined || bindings.isComplete) return;
    this.#dispatch.unknownBinding(now, this.address, outer.source, inner.source);
  }
}
