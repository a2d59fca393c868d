// How packets of the home address leave a server node and reach it (RFC 6275 11.3.1, 11.3.3): with a Home Address option
// to bound clients, else through the home agent's tunnel. Answers the hooks of IPv6; holds no state of any client.

import type { Instant } from '../core/time.ts';
import type { Detour, HookVerdict, OutputHook, RoutingHeader2Hook } from '../ipv6/hooks.ts';
import type { Address } from '../wire/address.ts';
import { IPV6_HEADER_LEN, type Ipv6Header, PROTOCOL } from '../wire/ipv6.ts';
import type { TunnelEnd } from './mobility-dispatch.ts';

/** Octets that a client's packets to the home address may grow by on the way: the home agent's tunnel. */
const RECEIVE_OVERHEAD = IPV6_HEADER_LEN;

export interface WayEnds {
  readonly homeAddress: Address;
  readonly careOf: Address;
  readonly homeAgent: Address;
}

/** What the way of a packet depends on. */
export interface WayState {
  /** Has the home agent a binding of ours? */
  isRegistered(): boolean;
  /** Does this client take packets with our care-of address? */
  isBound(client: Address): boolean;
}

export class PacketWays implements OutputHook, RoutingHeader2Hook, TunnelEnd {
  readonly direct: Detour;
  readonly throughHomeAgent: Detour;
  /** That way while the home agent would not have it. */
  readonly #unregistered: Detour;
  readonly #ends: WayEnds;
  readonly #state: WayState;
  #members: readonly Address[] = [];

  constructor(ends: WayEnds, state: WayState) {
    const { careOf, homeAgent } = ends;
    this.direct = { careOfSource: careOf };
    this.throughHomeAgent = { tunnel: { source: careOf, destination: homeAgent } };
    this.#unregistered = { ...this.throughHomeAgent, blocked: true };
    this.#ends = ends;
    this.#state = state;
  }

  /** Care-of addresses of the other members: they, beside the home agent, may send us packets by tunnel. */
  setMembers(careOfAddresses: readonly Address[]): void {
    this.#members = careOfAddresses.filter((member) => !member.equals(this.#ends.careOf));
  }

  /**
   * RFC 6275 11.3.1. Mobility Headers from the home address never use a binding (6.1). Without a home registration the
   * home agent takes nothing out of the tunnel (10.4.5), so nothing else goes in.
   */
  detour(source: Address, destination: Address, protocol: number): Detour | undefined {
    if (!source.equals(this.#ends.homeAddress)) return undefined;
    if (protocol === PROTOCOL.mobility) return this.throughHomeAgent;
    if (this.#state.isBound(destination)) return this.direct;
    if (!this.#state.isRegistered()) return this.#unregistered;
    return destination.equals(this.#ends.homeAgent) ? this.direct : this.throughHomeAgent;
  }

  receiveOverhead(local: Address): number {
    return local.equals(this.#ends.homeAddress) ? RECEIVE_OVERHEAD : 0;
  }

  /** RFC 6275 6.4: the routing header of a packet to our care-of address must name our home address. */
  routingHeader2(_now: Instant, careOf: Address, home: Address): HookVerdict {
    return careOf.equals(this.#ends.careOf) && home.equals(this.#ends.homeAddress) ? 'accept' : 'unknown';
  }

  /** RFC 6275 11.3.3, and late packets that a donor sends on: for our home address, from whom we know. */
  accepts(outer: { readonly source: Address; readonly destination: Address }, inner: Ipv6Header): boolean {
    const { careOf, homeAddress, homeAgent } = this.#ends;
    if (!outer.destination.equals(careOf) || !inner.destination.equals(homeAddress)) return false;
    return outer.source.equals(homeAgent) || this.#members.some((member) => member.equals(outer.source));
  }
}
