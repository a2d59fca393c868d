// How packets of the home address leave a server node and reach it (RFC 6275 11.3.1, 11.3.3): with a Home Address option
// to bound clients, else through the home agent's tunnel. Where the home agent has one binding only, the contact node's,
// the other members send through a tunnel to that node, and it sends on through its own: one tunnel ends where the
// next begins, so no packet is ever in two. Answers the hooks of IPv6; holds no state of any client.

import type { Instant } from '../core/time.ts';
import type { Detour, HookVerdict, Ipv6Mobility, OutputHook, RoutingHeader2Hook } from '../ipv6/hooks.ts';
import type { Address } from '../wire/address.ts';
import { IPV6_HEADER_LEN, type Ipv6Header, PROTOCOL } from '../wire/ipv6.ts';
import type { BindingsAtHome } from './api.ts';
import type { TunnelAddresses, TunnelEnd } from './mobility-dispatch.ts';

/** Octets that a client's packets to the home address may grow by on the way: the home agent's tunnel. */
const RECEIVE_OVERHEAD = IPV6_HEADER_LEN;

export interface WayEnds {
  readonly homeAddress: Address;
  readonly careOf: Address;
  readonly homeAgent: Address;
  /** Default 'many'. */
  readonly bindings?: BindingsAtHome;
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
  readonly #ipv6: Ipv6Mobility;
  readonly #throughHomeAgent: Detour;
  /** That way while the home agent would not have it. */
  readonly #unregistered: Detour;
  readonly #ends: WayEnds;
  readonly #state: WayState;
  #members: readonly Address[] = [];
  /** Of one binding: the way by the contact node, where that is another. */
  #throughContact: Detour | undefined;
  #registers: boolean;

  constructor(ipv6: Ipv6Mobility, ends: WayEnds, state: WayState) {
    const { careOf, homeAgent, bindings } = ends;
    this.direct = { careOfSource: careOf };
    this.#ipv6 = ipv6;
    this.#throughHomeAgent = { tunnel: { source: careOf, destination: homeAgent } };
    this.#unregistered = { ...this.#throughHomeAgent, blocked: true };
    this.#ends = ends;
    this.#state = state;
    this.#registers = bindings !== 'one';
  }

  /** Does this member register with the home agent? */
  get registers(): boolean {
    return this.#registers;
  }

  /** To the home agent, straight or by the contact node. */
  get throughHomeAgent(): Detour {
    return this.#throughContact ?? this.#throughHomeAgent;
  }

  /** Of one binding: who has it. Undefined: not known. */
  setContact(contact: Address | undefined): void {
    const { careOf } = this.#ends;
    this.#registers = contact?.equals(careOf) === true;
    const isOther = contact !== undefined && !this.#registers;
    this.#throughContact = isOther ? { tunnel: { source: careOf, destination: contact } } : undefined;
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
    if (this.#throughContact !== undefined) return this.#throughContact;
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
  accepts(outer: TunnelAddresses, inner: Ipv6Header): boolean {
    const { careOf, homeAddress, homeAgent } = this.#ends;
    if (!outer.destination.equals(careOf)) return false;
    const fromMember = this.#members.some((member) => member.equals(outer.source));
    if (inner.destination.equals(homeAddress)) return fromMember || outer.source.equals(homeAgent);
    return fromMember && this.#mayPassOn(inner);
  }

  /** A member's packets to where we alone may send: the hop limit is counted down here, as by any router. */
  passOn(now: Instant, inner: Ipv6Header, packet: Uint8Array): boolean {
    const { careOf, homeAddress, homeAgent } = this.#ends;
    if (inner.destination.equals(homeAddress)) return false;
    this.#ipv6.tunnel(now, packet, careOf, homeAgent);
    return true;
  }

  /** Only with the one binding in our hands: two members that take each other for the contact node make no loop. */
  #mayPassOn({ source, destination }: Ipv6Header): boolean {
    const { bindings, homeAddress } = this.#ends;
    const isContact = bindings === 'one' && this.#registers && this.#state.isRegistered();
    return isContact && source.equals(homeAddress) && destination.isRoutableUnicast;
  }
}
