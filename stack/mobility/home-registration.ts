// A server node's registration with its home agent (RFC 6275 11.7.1, 11.7.3): the Binding Update with H and A,
// its Binding Identifier (RFC 5648), flow bindings (RFC 6089), timestamp and authenticator (RFC 4285), sent again
// with back-off until it is acknowledged and renewed in good time.

import { after, type Duration, elapsed, type Instant, NEVER, seconds, times } from '../core/time.ts';
import type { Timer } from '../core/timer-queue.ts';
import type { Address } from '../wire/address.ts';
import { BINDING_STATUS, type BindingAcknowledgement, type BindingUpdate } from '../wire/mobility.ts';
import type { MobilityOption } from '../wire/mobility-option.ts';
import type { BindingsAtHome, FlowTurn, MobileNodeEvents, MobilityEnvironment } from './api.ts';
import {
  homeAgentAuthentication,
  type SecurityAssociation,
  signAuthentication,
  unsignedAuthentication,
  verifyAuthentication,
} from './authentication.ts';
import {
  FIRST_REJECTION,
  INITIAL_BINDACK_TIMEOUT,
  INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION,
  LIFETIME_UNIT,
  MAX_BINDACK_TIMEOUT,
} from './constants.ts';
import { FlowRegistrations } from './flow-registrations.ts';
import { MessageTimestamps } from './message-timestamps.ts';
import type { ReceivedMobility } from './mobility-dispatch.ts';
import { findOption } from './mobility-options.ts';
import { sendMobility } from './mobility-output.ts';
import { UpdateRate } from './update-rate.ts';

/** Asked for when the configuration names none. */
const DEFAULT_LIFETIME: Duration = seconds(900);
const RENEWAL_FRACTION = 4 / 5;
/** RFC 4283 3: subtype of an MN Identifier option that holds a network access identifier. */
const NETWORK_ACCESS_IDENTIFIER = 1;

export interface HomeRegistrationConfig {
  readonly homeAddress: Address;
  readonly careOf: Address;
  readonly homeAgent: Address;
  /** Absent: the home agent asks for no RFC 4285. Unsafe, unless the way to it is secured otherwise. */
  readonly association?: SecurityAssociation;
  /** Which member of the group this is (RFC 5648); absent where the home address is one node's own. */
  readonly bid?: number;
  /** Default 'many'. 'one': neither Binding Identifier nor flow bindings are sent. */
  readonly bindings?: BindingsAtHome;
  /** RFC 4283: the node's name, a network access identifier. */
  readonly identifier?: string;
  readonly lifetime?: Duration;
}

interface OutstandingUpdate {
  readonly sequence: number;
  readonly sentAt: Instant;
  readonly wait: Duration;
  readonly lifetime: number;
}

export class HomeRegistration {
  readonly #environment: MobilityEnvironment;
  readonly #config: HomeRegistrationConfig;
  /** What we are told apart by at the home agent. */
  readonly #bid: number | undefined;
  readonly #events: MobileNodeEvents;
  readonly #resend: Timer;
  readonly #renewal: Timer;
  readonly #expiry: Timer;
  readonly #rate = new UpdateRate();
  readonly #timestamps: MessageTimestamps;
  /** Undefined: the home address is this node's alone. */
  readonly #flows: FlowRegistrations | undefined;
  #sequence: number;
  #outstanding: OutstandingUpdate | undefined;
  #registeredUntil: Instant | undefined;
  #priority: number;
  /** False after deregister: nothing is renewed. */
  #wanted = false;

  constructor(
    environment: MobilityEnvironment,
    config: HomeRegistrationConfig,
    priority: number,
    events: MobileNodeEvents,
  ) {
    this.#environment = environment;
    this.#config = config;
    this.#bid = config.bindings === 'one' ? undefined : config.bid;
    this.#priority = priority;
    this.#events = events;
    this.#flows = this.#bid === undefined ? undefined : new FlowRegistrations(config.careOf, this.#bid);
    this.#timestamps = new MessageTimestamps(environment);
    this.#sequence = environment.random.u32() & 0xffff;
    this.#resend = environment.timers.timer((now) => this.#resendDue(now));
    this.#renewal = environment.timers.timer((now) => this.register(now));
    this.#expiry = environment.timers.timer((now) => this.#expired(now));
  }

  get registered(): boolean {
    return this.#registeredUntil !== undefined;
  }

  /** What is left of the registration; zero without one. */
  remaining(now: Instant): Duration {
    return elapsed(now, this.#registeredUntil ?? now);
  }

  register(now: Instant): void {
    this.#wanted = true;
    this.#begin(now);
  }

  /**
   * RFC 6275 11.3.6: the home agent has no binding of ours. It is asked for anew; an update that is under way asks already.
   * Until the answer nothing else changes, for anybody can forge the error.
   */
  bindingError(now: Instant): void {
    if (this.#wanted && this.#outstanding === undefined) this.#begin(now);
  }

  /** Leaves: lifetime 0 (RFC 6275 11.5.5), sent again like any update. */
  deregister(now: Instant): void {
    this.#wanted = false;
    this.#renewal.cancel();
    this.#begin(now);
  }

  /** Another node registers in our place: nothing more is sent, and what we had is void. */
  abandon(): void {
    this.#wanted = false;
    this.#outstanding = undefined;
    this.#registeredUntil = undefined;
    for (const timer of [this.#resend, this.#renewal, this.#expiry]) timer.cancel();
  }

  /** BID-PRI (RFC 6089 4.1), the lower the better: how the contact node becomes the default. */
  setPriority(now: Instant, priority: number): void {
    if (this.#priority === priority) return;
    this.#priority = priority;
    if (this.#wanted) this.#begin(now);
  }

  /** Has the home agent send us what comes from this client (RFC 6089). The event flowBound tells when it does. */
  bindFlow(now: Instant, client: Address, turn?: FlowTurn): void {
    if (this.#flows?.want(client, turn) === true) this.#begin(now);
  }

  /** Has bindFlow() been called for it, and none of those that follow? */
  hasFlow(client: Address): boolean {
    return this.#flows?.has(client) === true;
  }

  /** The client has left. */
  unbindFlow(now: Instant, client: Address): void {
    if (this.#flows?.drop(client) === true && this.#wanted) this.#begin(now);
  }

  /** Nothing is said of this client's flow, which may be another member's by now, until reclaimFlow(). */
  lendFlow(client: Address): void {
    this.#flows?.lend(client);
  }

  /** The client stays after all: its flow, where it had one, is made sure of. */
  reclaimFlow(now: Instant, client: Address): void {
    if (this.#flows?.reclaim(client) === true) this.#begin(now);
  }

  /** Like unbindFlow(), in the next update whenever that is. After lendFlow() there is nothing to be said. */
  forgetFlow(client: Address): void {
    this.#flows?.drop(client);
  }

  /** RFC 6275 11.7.3. Not authenticated by the home agent: as if it had not come. */
  acknowledge(now: Instant, received: ReceivedMobility, ack: BindingAcknowledgement): void {
    if (!this.#isAuthentic(received, ack)) return;
    if (ack.status < FIRST_REJECTION) this.#tellFlows(now, ack); // of an earlier update too
    const outstanding = this.#outstanding;
    if (outstanding === undefined) return;
    if (ack.status === BINDING_STATUS.sequenceOutOfWindow) {
      this.#sequence = ack.sequence;
      this.#resend.set(this.#rate.earliest(now));
      return;
    }
    if (ack.sequence !== outstanding.sequence) return;
    if (ack.status === BINDING_STATUS.replayMismatch) {
      if (this.#timestamps.adopt(now, ack)) this.#resend.set(this.#rate.earliest(now));
    } else if (ack.status < FIRST_REJECTION) this.#accepted(now, outstanding, ack);
    else this.#rejected(now, ack);
  }

  #isAuthentic({ header }: ReceivedMobility, ack: BindingAcknowledgement): boolean {
    const { homeAddress, careOf, association } = this.#config;
    if (association === undefined) return true;
    const option = homeAgentAuthentication(ack.options);
    return option !== undefined && verifyAuthentication(association, careOf, homeAddress, option, header);
  }

  #begin(now: Instant): void {
    const first = this.registered ? INITIAL_BINDACK_TIMEOUT : INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION;
    this.#transmit(now, first);
  }

  #resendDue(now: Instant): void {
    const { wait, sequence } = this.#outstanding ?? {};
    if (sequence !== undefined) this.#flows?.unanswered(sequence);
    if (wait === undefined) this.#begin(now);
    else if (!this.#wanted && wait >= MAX_BINDACK_TIMEOUT)
      this.#outstanding = undefined; // left unheard: it expires there
    else this.#transmit(now, Math.min(times(wait, 2), MAX_BINDACK_TIMEOUT) as Duration);
  }

  #transmit(now: Instant, wait: Duration): void {
    const earliest = this.#rate.earliest(now);
    if (earliest > now) {
      this.#resend.set(earliest);
      return;
    }
    this.#rate.note(now);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const lifetime = this.#wanted ? Math.floor((this.#config.lifetime ?? DEFAULT_LIFETIME) / LIFETIME_UNIT) : 0;
    this.#outstanding = { sequence: this.#sequence, sentAt: now, wait, lifetime };
    this.#resend.set(after(now, wait));
    this.#send(now, {
      kind: 'binding-update',
      sequence: this.#sequence,
      acknowledge: true,
      home: true,
      linkLocal: false,
      keyManagement: false,
      lifetime,
      options: this.#options(now),
    });
  }

  #send(now: Instant, message: BindingUpdate): void {
    const { homeAddress, careOf, homeAgent, association } = this.#config;
    const detail = { sequence: message.sequence, lifetime: message.lifetime };
    this.#environment.trace?.(now, { layer: 'mobility', event: 'home-binding-update-sent', detail });
    sendMobility(this.#environment, now, {
      source: homeAddress,
      destination: homeAgent,
      message,
      via: { careOfSource: careOf },
      ...(association !== undefined && {
        sign: (header) => signAuthentication(association, careOf, homeAddress, message, header),
      }),
    });
  }

  /** RFC 6275 11.7.1; those of RFC 4285 are the last, the authentication option behind all (5.1). */
  #options(now: Instant): MobilityOption[] {
    const { careOf, association, identifier } = this.#config;
    const bid = this.#bid;
    const options: MobilityOption[] = [{ kind: 'alternate-care-of', address: careOf }];
    if (bid !== undefined) {
      options.push({ kind: 'binding-identifier', bid, status: 0, simultaneous: false, priority: this.#priority });
      if (this.#wanted) options.push(...(this.#flows?.take(this.#sequence) ?? []));
    }
    if (identifier !== undefined) {
      const name = new TextEncoder().encode(identifier);
      options.push({ kind: 'mn-identifier', subtype: NETWORK_ACCESS_IDENTIFIER, identifier: name });
    }
    if (association === undefined) return options;
    const timestamp = this.#timestamps.next(now);
    if (timestamp !== undefined) options.push({ kind: 'replay-protection', timestamp });
    options.push(unsignedAuthentication(association.spi));
    return options;
  }

  #accepted(now: Instant, { sentAt, lifetime }: OutstandingUpdate, ack: BindingAcknowledgement): void {
    this.#outstanding = undefined;
    this.#resend.cancel();
    const granted = times(LIFETIME_UNIT, Math.min(ack.lifetime, lifetime));
    this.#registeredUntil = granted > 0 ? after(sentAt, granted) : undefined;
    this.#expiry.set(this.#registeredUntil ?? NEVER);
    if (granted > 0) this.#renewal.set(after(sentAt, renewalInterval(granted, ack)));
    else if (this.#wanted) this.#resend.set(after(now, MAX_BINDACK_TIMEOUT)); // accepted for no time at all
    this.#events.homeRegistered?.(now, ack.status);
    if (this.#wanted && this.#flows?.waiting === true) this.#begin(now);
  }

  /** RFC 6275 11.8: what is sent from here on is a first registration, and backs off like one. */
  #expired(now: Instant): void {
    this.#registeredUntil = undefined;
    this.#flows?.askAgain(); // they end with the registration
    if (this.#wanted) this.#begin(now);
  }

  /** Tried again, seldom: the reason may go away (RFC 6275 11.8). */
  #rejected(now: Instant, ack: BindingAcknowledgement): void {
    this.#outstanding = undefined;
    if (this.#wanted) this.#resend.set(after(now, MAX_BINDACK_TIMEOUT));
    else this.#resend.cancel();
    this.#events.homeRegistered?.(now, ack.status);
    this.#tellFlows(now, ack);
  }

  #tellFlows(now: Instant, ack: BindingAcknowledgement): void {
    for (const { client, status } of this.#flows?.answered(ack) ?? []) this.#events.flowBound?.(now, client, status);
  }
}

/** RFC 6275 6.2.4: by the home agent's advice where it gives one that is shorter than the lifetime, and not zero. */
function renewalInterval(granted: Duration, ack: BindingAcknowledgement): Duration {
  const advice = findOption(ack.options, 'refresh-advice')?.interval;
  const interval = advice === undefined || advice === 0 ? granted : times(LIFETIME_UNIT, advice);
  return times(Math.min(granted, interval) as Duration, RENEWAL_FRACTION);
}
