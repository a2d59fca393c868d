// The correspondent node (RFC 6275 section 9): answers both tests of return routability without keeping state,
// accepts Binding Updates, and has IPv6 send packets for a bound home address to its care-of address. The
// transport sees home addresses only. Home registrations are the home agent's.

import { after, type Duration, elapsed, type Instant, seconds, times } from '../core/time.ts';
import type { Detour } from '../ipv6/hooks.ts';
import type { Address } from '../wire/address.ts';
import { homeAddressOfRoutingHeader2, parseRoutingHeader } from '../wire/extension-header.ts';
import { ICMPV6 } from '../wire/icmpv6.ts';
import { PROTOCOL, parseIpv6Header } from '../wire/ipv6.ts';
import { BINDING_STATUS, type BindingAcknowledgement } from '../wire/mobility.ts';
import type { MobilityEnvironment } from './api.ts';
import { type Binding, BindingCache, MAX_BINDINGS } from './binding-cache.ts';
import { checkBindingUpdate, type UpdateInHand, updateInHand } from './binding-update-check.ts';
import { LIFETIME_UNIT, MAX_RR_LIFETIME_UNITS } from './constants.ts';
import type { MobilityDispatch, ReceivedMobility } from './mobility-dispatch.ts';
import { UNSIGNED_AUTHORIZATION } from './mobility-options.ts';
import { sendMobility } from './mobility-output.ts';
import { careOfKeygenToken, homeKeygenToken, NonceTable, signBinding } from './rr-keys.ts';

/** A Binding Refresh Request goes out this long before the end of a binding in use, or at 4/5 of a short one. */
const REFRESH_REQUEST_MARGIN: Duration = seconds(20);
const REFRESH_REQUEST_FRACTION = 1 / 5;

export interface CorrespondentOptions {
  readonly maxBindings?: number;
  /** Told of a binding made or changed, and (undefined) of one that ended; `local` is the address of ours it is for. */
  readonly bindingChanged?: (now: Instant, home: Address, careOf: Address | undefined, local: Address) => void;
  /** Addresses of others that it answers for as for its own (a gateway's). Default: none. */
  readonly isBehindUs?: (address: Address) => boolean;
}

export class Correspondent {
  readonly #environment: MobilityEnvironment;
  readonly #dispatch: MobilityDispatch;
  readonly #options: CorrespondentOptions;
  readonly #nonces: NonceTable;
  readonly #cache: BindingCache;

  constructor(environment: MobilityEnvironment, dispatch: MobilityDispatch, options: CorrespondentOptions = {}) {
    this.#environment = environment;
    this.#dispatch = dispatch;
    this.#options = options;
    this.#nonces = new NonceTable(environment.random);
    const limit = options.maxBindings ?? MAX_BINDINGS;
    this.#cache = new BindingCache(environment.timers, (now, binding) => this.#bindingTimer(now, binding), limit);
    dispatch.onMessage('home-test-init', (now, received) => this.#testInit(now, received));
    dispatch.onMessage('care-of-test-init', (now, received) => this.#testInit(now, received));
    dispatch.onMessage('binding-update', (now, received) => this.#bindingUpdate(now, received));
    dispatch.onHomeAddressOption((_now, careOf, home, local) => this.#isBound(careOf, home, local));
    dispatch.onCorrespondentBinding((home, local) => this.#cache.find(local, home) !== undefined);
    environment.ipv6.addHooks({
      output: { detour: (source, destination, protocol) => this.#detour(source, destination, protocol) },
      // RFC 6275 8.2: discarded in silence unless a mobile node on this host takes it.
      routingHeader2: { routingHeader2: () => 'unknown' },
      tunnelError: {
        tunnelError: (now, error) => {
          if (error.type === ICMPV6.unreachable && error.credible) this.#unreachable(now, error.quoted);
          return 'pass';
        },
      },
    });
  }

  /** Where packets for this home address go, if it is bound; without `local`: whichever of our addresses they are from. */
  careOfAddress(home: Address, local?: Address): Address | undefined {
    if (local !== undefined) return this.#cache.find(local, home)?.careOf;
    for (const binding of this.#cache.values()) if (binding.home.equals(home)) return binding.careOf;
    return undefined;
  }

  /** The care-of address for a packet from `local` to `home`, which uses the binding (RFC 6275 9.3.2). */
  use(local: Address, home: Address): Address | undefined {
    const binding = this.#cache.find(local, home);
    if (binding === undefined) return undefined;
    binding.used = true;
    return binding.careOf;
  }

  get bindingCount(): number {
    return this.#cache.size;
  }

  /** RFC 6275 9.3.2; Mobility Headers go past the binding cache (6.1). */
  #detour(source: Address, destination: Address, protocol: number): Detour | undefined {
    if (protocol === PROTOCOL.mobility) return undefined;
    const binding = this.#cache.find(source, destination);
    if (binding === undefined) return undefined;
    binding.used = true;
    return binding.detour;
  }

  /** RFC 6275 9.3.1: home and care-of address must both be the entry's. */
  #isBound(careOf: Address, home: Address, local: Address): boolean {
    const binding = this.#cache.find(local, home);
    if (binding === undefined || !binding.careOf.equals(careOf)) return false;
    binding.used = true;
    return true;
  }

  /** RFC 6275 9.4.1 to 9.4.4: the answer holds all that a later Binding Update has to prove. */
  #testInit(now: Instant, { packet, message }: ReceivedMobility): 'handled' | 'pass' {
    const { source, destination } = packet;
    if (packet.hasHomeAddressOption || !source.isRoutableUnicast || destination.isMulticast) return 'pass';
    if (message.kind !== 'home-test-init' && message.kind !== 'care-of-test-init') return 'pass';
    const nonce = this.#nonces.current(now);
    const { kcn } = this.#nonces;
    const answer =
      message.kind === 'home-test-init'
        ? ({ kind: 'home-test', token: homeKeygenToken(kcn, source, nonce.value) } as const)
        : ({ kind: 'care-of-test', token: careOfKeygenToken(kcn, source, nonce.value) } as const);
    sendMobility(this.#environment, now, {
      source: destination,
      destination: source,
      message: { ...answer, cookie: message.cookie, nonceIndex: nonce.index, options: [] },
    });
    return 'handled';
  }

  #bindingUpdate(now: Instant, received: ReceivedMobility): 'handled' | 'pass' {
    if (received.message.kind !== 'binding-update') return 'pass';
    const hand = updateInHand(received, received.message);
    const { ipv6 } = this.#environment;
    const isOurs = (address: Address) => ipv6.isLocal(address) || this.#options.isBehindUs?.(address) === true;
    const judge = { cache: this.#cache, nonces: this.#nonces, isOurs };
    const verdict = checkBindingUpdate(now, judge, hand);
    if (verdict.kind === 'discard') {
      this.#dispatch.counters.bump(verdict.reason);
    } else if (verdict.kind === 'reject') {
      // Also without the A bit (RFC 6275 9.5.4).
      this.#acknowledge(now, hand, verdict.kbm, { status: verdict.status, sequence: verdict.sequence, lifetime: 0 });
    } else {
      const lifetime = Math.min(hand.update.lifetime, MAX_RR_LIFETIME_UNITS);
      const { sequence, acknowledge } = hand.update;
      if (lifetime === 0)
        this.#deleteBinding(now, { local: hand.received.packet.destination, home: hand.home, sequence });
      else this.#setBinding(now, hand, times(LIFETIME_UNIT, lifetime));
      if (acknowledge) {
        this.#acknowledge(now, hand, verdict.kbm, { status: BINDING_STATUS.accepted, sequence, lifetime });
      }
    }
    return 'handled';
  }

  /** RFC 6275 9.5.2. */
  #setBinding(now: Instant, hand: UpdateInHand, lifetime: Duration): void {
    const { home, careOf, update, received } = hand;
    const local = received.packet.destination;
    const before = this.#cache.find(local, home)?.careOf;
    const terms = { home, careOf, local, sequence: update.sequence };
    const { binding, evicted } = this.#cache.set(now, { ...terms, expiresAt: after(now, lifetime) });
    binding.timer.set(after(binding.expiresAt, times(refreshMargin(binding), -2)));
    if (evicted !== undefined) this.#changed(now, evicted, undefined);
    if (before === undefined || !before.equals(careOf)) this.#changed(now, binding, careOf);
  }

  #deleteBinding(now: Instant, ended: Pick<Binding, 'local' | 'home' | 'sequence'>): void {
    const existed = this.#cache.find(ended.local, ended.home) !== undefined;
    this.#cache.end(now, ended);
    if (existed) this.#changed(now, ended, undefined);
  }

  /** RFC 6275 9.5.4: to where the update came from; by routing header unless that is the home address itself. */
  #acknowledge(
    now: Instant,
    hand: UpdateInHand,
    kbm: Uint8Array | undefined,
    answer: Pick<BindingAcknowledgement, 'status' | 'sequence' | 'lifetime'>,
  ): void {
    const { home, careOf, received } = hand;
    const { wireSource, destination: local } = received.packet;
    const options = kbm === undefined ? [] : [UNSIGNED_AUTHORIZATION];
    sendMobility(this.#environment, now, {
      source: local,
      destination: home,
      message: { kind: 'binding-acknowledgement', keyManagement: false, ...answer, options },
      via: wireSource.equals(home) ? {} : { careOfDestination: wireSource },
      ...(kbm !== undefined && { sign: (header) => signBinding(kbm, careOf, local, header) }),
    });
  }

  /** On the way to expiry: from two margins before the end on, use is watched; at one margin, refresh is asked for. */
  #bindingTimer(now: Instant, binding: Binding): void {
    const requestAt = after(binding.expiresAt, times(refreshMargin(binding), -1));
    if (now >= binding.expiresAt) {
      this.#deleteBinding(now, binding);
    } else if (now >= requestAt) {
      if (binding.used) this.#requestRefresh(now, binding);
      binding.timer.set(binding.expiresAt);
    } else {
      binding.used = false;
      binding.timer.set(requestAt);
    }
  }

  /** RFC 6275 9.5.5: to the home address, past the binding. */
  #requestRefresh(now: Instant, binding: Binding): void {
    const message = { kind: 'binding-refresh-request', options: [] } as const;
    sendMobility(this.#environment, now, { source: binding.local, destination: binding.home, message });
  }

  /** RFC 6275 9.3.4: errors from the way to the care-of address, when they do not stop, end the binding. Forged ones do not. */
  #unreachable(now: Instant, quoted: Uint8Array): void {
    const header = parseIpv6Header(quoted);
    if (!header.ok || header.value.nextHeader !== PROTOCOL.routing) return;
    const routing = parseRoutingHeader(quoted, header.end);
    const home = routing.ok ? homeAddressOfRoutingHeader2(routing.value) : routing;
    const binding = home.ok ? this.#cache.find(header.value.source, home.value) : undefined;
    if (binding === undefined || !binding.careOf.equals(header.value.destination)) return;
    if (this.#cache.noteError(now, binding)) this.#changed(now, binding, undefined);
  }

  #changed(now: Instant, { local, home }: Pick<Binding, 'local' | 'home'>, careOf: Address | undefined): void {
    const detail = { home: home.toString(), careOf: careOf?.toString() ?? 'none' };
    this.#environment.trace?.(now, { layer: 'mobility', event: 'binding', detail });
    this.#environment.ipv6.notifyPathChange(now, local, home);
    this.#options.bindingChanged?.(now, home, careOf, local);
  }
}

function refreshMargin(binding: Binding): Duration {
  const lifetime = elapsed(binding.grantedAt, binding.expiresAt);
  return Math.min(REFRESH_REQUEST_MARGIN, times(lifetime, REFRESH_REQUEST_FRACTION)) as Duration;
}
