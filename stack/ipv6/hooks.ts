// What mobility plugs into IPv6. Each hook is a narrow question at one point of the packet's way; a host
// may have several of each (correspondent, mobile node, home agent) and the first that answers wins.

import type { Instant } from '../core/time.ts';
import type { Device, Frame } from '../device/device.ts';
import type { Address } from '../wire/address.ts';
import type { OutgoingPacket, ReceivedPacket, SendVerdict } from './port.ts';

export type { Frame };

/** How a packet leaves, other than as the upper layer asked. Absent fields: unchanged. */
export interface Detour {
  /** Goes into the IPv6 header as source; the home address moves into a Home Address option (RFC 6275 6.3). */
  readonly careOfSource?: Address;
  /** Goes into the IPv6 header as destination; the home address moves into a type 2 routing header (6.4). */
  readonly careOfDestination?: Address;
  /** The packet as changed above is put into an IPv6 header with these addresses (RFC 2473). */
  readonly tunnel?: { readonly source: Address; readonly destination: Address };
  /** The way is not open now: the packet is dropped. The path is still the one described above. */
  readonly blocked?: boolean;
}

/** No detour, said explicitly: overrides what the output hooks would do. */
export const DIRECT: Detour = {};

export interface OutputHook {
  /** Asked for each packet of the upper layers that brings no detour of its own. Must be quick. */
  detour(source: Address, destination: Address, protocol: number): Detour | undefined;
  /** Octets beyond the 40 of IPv6 that the peer may have to put into its packets to `local` (for the MSS option). */
  receiveOverhead?(local: Address, remote: Address): number;
}

/** A Home Address option on its way in (RFC 6275 9.3.1). The upper layer has not been looked at. */
export interface HomeAddressOptionSeen {
  readonly careOf: Address;
  readonly home: Address;
  readonly destination: Address;
  /** Next header value of the upper layer (after all extension headers): 135, 50 and 51 are exempt from the binding check. */
  readonly protocol: number;
}

/** 'drop': the hook has sent whatever error is due. 'unknown': this hook does not judge it. */
export type HookVerdict = 'accept' | 'drop' | 'unknown';

export interface HomeAddressHook {
  /** No hook accepts: the packet is dropped; a host with no such hook at all answers with a Parameter Problem. */
  homeAddressOption(now: Instant, seen: HomeAddressOptionSeen): HookVerdict;
}

export interface RoutingHeader2Hook {
  /** May a packet to `careOf` (one of our addresses) go on to `home`, which the routing header names? (RFC 6275 6.4) */
  routingHeader2(now: Instant, careOf: Address, home: Address): HookVerdict;
}

/** Sees every packet for one of our addresses just before its upper layer does, addresses already translated. */
export interface DeliveryHook {
  /** 'taken': the hook keeps or forwards it (bytes are lent: copy them); the upper layer never sees it. */
  deliver(now: Instant, packet: ReceivedPacket): 'pass' | 'taken';
  /**
   * Asked first where a packet is a super-frame or lacks its checksum (offloading). true, or no such method: it is
   * cut and completed, and each plain packet comes to deliver(). false: deliver() will pass it, so it may stay whole.
   */
  mayTake?(packet: ReceivedPacket): boolean;
}

/** A router's packets: neither from us nor to us. */
export interface ForwardHook {
  /** `packet` is the whole IPv6 packet, hop limit not yet counted down. 'taken': the hook deals with it. */
  forward(now: Instant, packet: ForwardedPacket): 'pass' | 'taken';
}

export interface ForwardedPacket {
  readonly source: Address;
  readonly destination: Address;
  /** Complete checksum, at most one segment: super-frames have been cut. */
  readonly bytes: Uint8Array;
}

/** A router's frame on its way from one device to another, before anything of it is judged. */
export interface TransitFrame {
  readonly source: Address;
  readonly destination: Address;
  /** May be a super-frame and lack its checksum. Lent for the length of the call. */
  readonly frame: Frame;
  /** Where it would leave; undefined: there is no route. */
  readonly egress: Device | undefined;
}

/** A frame that goes on in another form. */
export interface Onward {
  /** In space of Ipv6Port.allocate(); hop limit not yet counted down. */
  readonly frame: Frame;
  readonly destination: Address;
  /** Octets that each packet has more than before (negative: fewer): a sender is told of MTUs in its own measure. */
  readonly growth: number;
}

/** 'ours': this host deals with it as if it had the destination address. 'taken': the hook has dealt with it. */
export type TransitVerdict = 'pass' | 'taken' | 'ours' | Onward;

export interface TransitHook {
  transit(now: Instant, transit: TransitFrame): TransitVerdict;
}

/** An ICMPv6 error about a packet that went by a detour or through a tunnel of ours. */
export interface TunnelError {
  readonly type: number;
  readonly code: number;
  readonly parameter: number;
  /** The offending packet as we had put it on the wire. */
  readonly quoted: Uint8Array;
  /** The quote is of what we sent, as only who is on its path can tell (RFC 5927 4, RFC 6437). */
  readonly credible: boolean;
}

export interface TunnelErrorHook {
  /** 'taken': relayed (RFC 2473 8). */
  tunnelError(now: Instant, error: TunnelError): 'pass' | 'taken';
}

export interface Hooks {
  readonly output?: OutputHook;
  readonly homeAddress?: HomeAddressHook;
  readonly routingHeader2?: RoutingHeader2Hook;
  readonly delivery?: DeliveryHook;
  readonly transit?: TransitHook;
  readonly forward?: ForwardHook;
  readonly tunnelError?: TunnelErrorHook;
}

/** The part of IPv6 that mobility and the handoff call, beside port.ts. */
export interface Ipv6Mobility {
  addHooks(hooks: Hooks): void;
  /** Like Ipv6Port.send, but the packet goes exactly this way; output hooks are not asked. */
  sendVia(now: Instant, packet: OutgoingPacket, detour: Detour): SendVerdict;
  /**
   * Puts a whole IPv6 packet into an outer header and sends it (RFC 2473): hop limit of the inner packet
   * counted down by one, Packet Too Big to the inner source where the tunnel's MTU is exceeded.
   */
  tunnel(now: Instant, inner: Uint8Array, source: Address, destination: Address): SendVerdict;
  /** Takes a whole IPv6 packet as if it had just arrived (out of a tunnel, or held by a delivery hook). */
  inject(now: Instant, packet: Uint8Array, tunnel?: { readonly source: Address; readonly destination: Address }): void;
  /** Adds or removes an address of ours; a home address is on no device but local all the same. */
  addAddress(address: Address): void;
  removeAddress(address: Address): void;
  /** Tells all upper layers that the path between these two has changed. */
  notifyPathChange(now: Instant, local: Address | undefined, remote: Address | undefined): void;
}
