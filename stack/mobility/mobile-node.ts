// The mobile node side (RFC 6275 section 11) of a server node: keeps it registered with the home agent, runs
// return routability and binds clients. The entries of the Binding Update List and HomeRegistration hold the state,
// mobile-node-input.ts gives them what is received, and packets go by PacketWays. No movement detection: the care-of
// address stays.

import { concatBytes, setU16, u8 } from '../core/bytes.ts';
import type { Duration, Instant } from '../core/time.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import type { Address } from '../wire/address.ts';
import { isIcmpv6Error } from '../wire/icmpv6.ts';
import { PROTOCOL } from '../wire/ipv6.ts';
import { COOKIE_LEN } from '../wire/mobility.ts';
import type {
  CorrespondentSnapshot,
  FlowTurn,
  MobileNodeEvents,
  MobileNodeLayer,
  MobilityEnvironment,
  RouteOptimization,
} from './api.ts';
import { BindingUpdateList } from './binding-update-list.ts';
import { ClientRegistration, type RegistrationCalls } from './client-registration.ts';
import { LIFETIME_UNIT, MAX_RR_LIFETIME_UNITS } from './constants.ts';
import { HomeRegistration, type HomeRegistrationConfig } from './home-registration.ts';
import { subscribe } from './mobile-node-input.ts';
import type { MobilityDispatch } from './mobility-dispatch.ts';
import { UNSIGNED_AUTHORIZATION } from './mobility-options.ts';
import { sendMobility } from './mobility-output.ts';
import { PacketWays } from './packet-ways.ts';
import { signBinding } from './rr-keys.ts';
import type { UpdateTerms } from './update-exchange.ts';
import { DEFAULT_UPDATE_POLICY, type UpdatePolicy } from './update-policy.ts';

/** Where an init cookie of ours holds the Binding Identifier, and how much of it that takes. */
const COOKIE_BID_LEN = 2;
/** BID-PRI of a member that is not the contact node (RFC 6089 4.1: 7 bits, the lower the better). */
export const MEMBER_PRIORITY = 10;
export const CONTACT_PRIORITY = 1;

export interface MobileNodeConfig extends HomeRegistrationConfig {
  /** At the start; see setPriority. */
  readonly priority?: number;
  /**
   * 'automatic': a packet of a client that comes through the home agent starts route optimization (RFC 6275
   * 11.7.2). 'on-request', the default: only optimize() does.
   */
  readonly routeOptimization?: 'automatic' | 'on-request';
  /** Clients for which this is false are served through the home agent only (RFC 6275 8.5). Default: it is for all. */
  readonly mayOptimize?: (client: Address) => boolean;
  /** How Binding Updates to clients are sent; see DEFAULT_UPDATE_POLICY. */
  readonly updates?: Partial<UpdatePolicy>;
  readonly maxClients?: number;
  /** With `bindings: 'one'`: care-of address of the contact node, which may be our own. See setContact. */
  readonly contact?: Address;
}

export class MobileNode implements MobileNodeLayer {
  readonly homeAddress: Address;
  readonly careOf: Address;
  readonly home: HomeRegistration;
  readonly #environment: MobilityEnvironment;
  readonly #config: MobileNodeConfig;
  readonly #events: MobileNodeEvents;
  readonly #list: BindingUpdateList;
  readonly #calls: RegistrationCalls;
  readonly #ways: PacketWays;

  constructor(
    environment: MobilityEnvironment,
    dispatch: MobilityDispatch,
    config: MobileNodeConfig,
    events: MobileNodeEvents = {},
  ) {
    this.homeAddress = config.homeAddress;
    this.careOf = config.careOf;
    this.home = new HomeRegistration(environment, config, config.priority ?? MEMBER_PRIORITY, events);
    this.#environment = environment;
    this.#config = config;
    this.#events = events;
    this.#list = new BindingUpdateList(config.maxClients);
    this.#calls = this.#registrationCalls();
    this.#ways = new PacketWays(environment.ipv6, config, {
      isRegistered: () => this.home.registered,
      isBound: (client) => this.#list.find(client)?.direct === true,
    });
    dispatch.onTunnel(this.#ways);
    subscribe(dispatch, { config, events, list: this.#list, home: this.home, trace: environment.trace });
    this.#plugIn();
    environment.ipv6.addAddress(config.homeAddress);
    if (config.bindings === 'one') this.#ways.setContact(config.contact);
  }

  get canBindFlows(): boolean {
    return this.#config.bindings !== 'one';
  }

  /** Care-of addresses of the other members: they, beside the home agent, may send us packets by tunnel. */
  setMembers(careOfAddresses: readonly Address[]): void {
    this.#ways.setMembers(careOfAddresses);
  }

  /** Priority of our binding at the home agent (the lower the better): CONTACT_PRIORITY makes it the default. */
  setPriority(now: Instant, priority: number): void {
    this.home.setPriority(now, priority);
  }

  bindFlow(now: Instant, client: Address, turn?: FlowTurn): void {
    this.home.bindFlow(now, client, turn);
  }

  hasFlow(client: Address): boolean {
    return this.home.hasFlow(client);
  }

  unbindFlow(now: Instant, client: Address): void {
    this.home.unbindFlow(now, client);
  }

  /** Of one binding (see BindingsAtHome), only the contact node registers. */
  registerHome(now: Instant): void {
    if (this.#ways.registers) this.home.register(now);
  }

  /**
   * Where the home agent has one binding: the contact node by its care-of address, which registers. The one before says
   * nothing, for a deregistration that comes late would end the binding of the new one (RFC 6275 10.3.2).
   */
  setContact(now: Instant, contact: Address): void {
    if (this.canBindFlows) return;
    this.#ways.setContact(contact);
    if (this.#ways.registers) this.home.register(now);
    else this.home.abandon();
    this.#environment.ipv6.notifyPathChange(now, this.homeAddress, undefined);
  }

  deregisterHome(now: Instant): void {
    this.home.deregister(now);
  }

  optimize(now: Instant, client: Address): void {
    if (this.#config.mayOptimize?.(client) ?? true) this.#entry(client)?.optimize(now);
  }

  stateOf(client: Address): RouteOptimization {
    return this.#list.find(client)?.state() ?? 'none';
  }

  runTests(now: Instant, client: Address, which: { readonly home: boolean; readonly careOf: boolean }): void {
    this.#entry(client)?.runTests(now, which);
  }

  hasTokens(now: Instant, client: Address): boolean {
    return this.#list.find(client)?.hasTokens(now) ?? false;
  }

  sendBindingUpdate(now: Instant, client: Address): boolean {
    return this.#list.find(client)?.sendUpdate(now) ?? false;
  }

  useRoute(now: Instant, client: Address, route: 'direct' | 'home-agent'): void {
    this.#entry(client)?.useRoute(now, route);
  }

  latencyTo(client: Address): Duration | undefined {
    return this.#list.find(client)?.latency;
  }

  suspendCorrespondent(client: Address): void {
    this.#list.find(client)?.suspend();
    this.home.lendFlow(client);
  }

  wakeCorrespondent(now: Instant, client: Address): void {
    this.#list.find(client)?.wake(now);
    this.home.reclaimFlow(now, client);
  }

  exportCorrespondent(now: Instant, client: Address): CorrespondentSnapshot {
    const nothing = { client, homeToken: undefined, bindingRemainingUs: 0, plainRemainingUs: 0 };
    return this.#list.find(client)?.snapshot(now) ?? { ...nothing, lastSequence: this.#randomSequence() };
  }

  importCorrespondent(now: Instant, snapshot: CorrespondentSnapshot): void {
    this.#entry(snapshot.client)?.adopt(now, snapshot);
  }

  forgetCorrespondent(client: Address): void {
    this.#list.delete(client);
    this.home.forgetFlow(client);
  }

  #entry(client: Address): ClientRegistration | undefined {
    return this.#list.findOrAdd(client, () => new ClientRegistration(client, this.#randomSequence(), this.#calls));
  }

  #randomSequence(): number {
    return this.#environment.random.u32() & 0xffff;
  }

  #registrationCalls(): RegistrationCalls {
    const { timers, ipv6 } = this.#environment;
    return {
      timers,
      policy: { ...DEFAULT_UPDATE_POLICY, ...this.#config.updates },
      events: this.#events,
      newCookie: (which) => this.#newCookie(which),
      sendTestInit: (now, client, which, cookie) => this.#sendTestInit(now, client, which, cookie),
      sendUpdate: (now, client, terms) => this.#sendUpdate(now, client, terms),
      lifetimeUnits: (now) => this.#lifetimeUnits(now),
      routeChanged: (now, client) => ipv6.notifyPathChange(now, this.homeAddress, client),
    };
  }

  #plugIn(): void {
    const automatic = this.#config.routeOptimization === 'automatic';
    this.#environment.ipv6.addHooks({
      output: this.#ways,
      routingHeader2: this.#ways,
      ...(automatic && { delivery: { deliver: (now, packet) => this.#delivered(now, packet), mayTake: () => false } }),
    });
  }

  #isHomeAgent(address: Address): boolean {
    return address.equals(this.#config.homeAgent);
  }

  /**
   * RFC 6275 11.7.2: a packet through the home agent says that its sender has no binding. An ICMPv6 error makes no
   * entry in the list (11.3.5).
   */
  #delivered(now: Instant, packet: ReceivedPacket): 'pass' {
    const { tunnel, source, destination } = packet;
    const fromHomeAgent = tunnel !== undefined && this.#isHomeAgent(tunnel.source) && !this.#isHomeAgent(source);
    if (fromHomeAgent && destination.equals(this.homeAddress) && isTraffic(packet)) {
      const state = this.stateOf(source);
      if (state === 'none' && source.isRoutableUnicast) this.optimize(now, source);
    }
    return 'pass';
  }

  /** The home test's cookie begins with our Binding Identifier, so that its answer finds the member that asked. */
  #newCookie(which: 'home' | 'care-of'): Uint8Array {
    const { bid } = this.#config;
    if (which === 'care-of' || bid === undefined) return this.#environment.random.bytes(COOKIE_LEN);
    const tag = new Uint8Array(COOKIE_BID_LEN);
    setU16(tag, 0, bid);
    return concatBytes(tag, this.#environment.random.bytes(COOKIE_LEN - COOKIE_BID_LEN));
  }

  /** RFC 6275 11.6.1: HoTI from the home address through the home agent, CoTI straight from the care-of address. */
  #sendTestInit(now: Instant, client: Address, which: 'home' | 'care-of', cookie: Uint8Array): void {
    const home = which === 'home';
    sendMobility(this.#environment, now, {
      source: home ? this.homeAddress : this.careOf,
      destination: client,
      message: { kind: home ? 'home-test-init' : 'care-of-test-init', cookie, options: [] },
      via: home ? this.#ways.throughHomeAgent : {},
    });
  }

  /** RFC 6275 11.7.2. */
  #sendUpdate(now: Instant, client: Address, terms: UpdateTerms): void {
    const { sequence, acknowledge, lifetime, homeNonceIndex, careOfNonceIndex, kbm } = terms;
    const detail = { client: client.toString(), sequence, lifetime };
    this.#environment.trace?.(now, { layer: 'mobility', event: 'binding-update-sent', detail });
    sendMobility(this.#environment, now, {
      source: this.homeAddress,
      destination: client,
      message: {
        kind: 'binding-update',
        sequence,
        acknowledge,
        home: false,
        linkLocal: false,
        keyManagement: false,
        lifetime,
        options: [{ kind: 'nonce-indices', home: homeNonceIndex, careOf: careOfNonceIndex }, UNSIGNED_AUTHORIZATION],
      },
      via: this.#ways.direct,
      sign: (header) => signBinding(kbm, this.careOf, client, header),
    });
  }

  /**
   * Deviates from RFC 6275 11.7.2 while the home registration is away (or another member's): clients that hold tokens are bound all the
   * same, for the group serves its clients through an outage of the home agent.
   */
  #lifetimeUnits(now: Instant): number {
    if (!this.home.registered) return MAX_RR_LIFETIME_UNITS;
    return Math.max(1, Math.min(MAX_RR_LIFETIME_UNITS, Math.floor(this.home.remaining(now) / LIFETIME_UNIT)));
  }
}

const isTraffic = ({ protocol, bytes, start }: ReceivedPacket): boolean =>
  protocol !== PROTOCOL.mobility && !(protocol === PROTOCOL.icmpv6 && isIcmpv6Error(u8(bytes, start)));
