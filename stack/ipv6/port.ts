// What IPv6 offers upward. TCP, ICMPv6 echo and mobility see IPv6 through this file (and hooks.ts) only.
// Nothing here knows of mobility: a path has a number of octets that somebody puts in front of the
// upper-layer header, and that is all TCP needs to know of home addresses, routing headers and tunnels.

import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';

/** Free octets that a packet buffer has in front of the upper-layer header: IPv6, HAO, RH2, a tunnel header. */
export const HEADROOM = 128;

/** A packet on its way up. Bytes are lent for the length of the call: copy what is kept. */
export interface ReceivedPacket {
  /** The addresses the upper layer sees: the home addresses, where mobility has put them in place. */
  readonly source: Address;
  readonly destination: Address;
  /** The addresses that were in the IPv6 header on the wire (care-of addresses). */
  readonly wireSource: Address;
  readonly wireDestination: Address;
  /** The next header value that selected the handler. */
  readonly protocol: number;
  /** The whole packet from its IPv6 header on; the upper layer is bytes[start, end). */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly hopLimit: number;
  /** DSCP and ECN. */
  readonly trafficClass: number;
  /** The upper-layer checksum needs no check (made by this machine's kernel, or checked already). */
  readonly checksumValid: boolean;
  /** Segment size of a super-frame, 0 for an ordinary packet. */
  readonly gsoSize: number;
  readonly hasHomeAddressOption: boolean;
  readonly hasRoutingHeader2: boolean;
  /** The outer header, where the packet came through an IPv6-in-IPv6 tunnel (RFC 2473). */
  readonly tunnel?: { readonly source: Address; readonly destination: Address };
}

/** An ICMPv6 error about a packet we sent, already matched to the addresses the upper layer used. */
export interface IcmpErrorReport {
  /** 'unknown': of a type that is not known here, which is reported all the same (RFC 4443 2.4 a). */
  readonly kind: 'unreachable' | 'packet-too-big' | 'time-exceeded' | 'parameter-problem' | 'unknown';
  readonly code: number;
  /** MTU of a Packet Too Big, pointer of a Parameter Problem, else 0. */
  readonly parameter: number;
  /** Our address and the peer's, as the upper layer named them when it sent. */
  readonly local: Address;
  readonly remote: Address;
  readonly protocol: number;
  /** What the error quotes of our upper-layer packet: at least its first 8 octets where the sender quoted that much. */
  readonly quoted: Uint8Array;
}

/** What an upper layer answers to a packet: anything but 'accepted' makes IPv6 send the ICMPv6 error. */
export type UpperVerdict = 'accepted' | 'port-unreachable' | 'unknown-protocol';

export interface UpperLayer {
  input(now: Instant, packet: ReceivedPacket): UpperVerdict;
  icmpError?(now: Instant, report: IcmpErrorReport): void;
  /**
   * Asked before a Packet Too Big is believed (RFC 8201 6): has this layer sent the packet that is quoted, and is it
   * under way still? Without this method the flow label decides.
   */
  isUnderWay?(local: Address, remote: Address, quoted: Uint8Array): boolean;
  /** The path between these two addresses has changed (MTU, overhead, gso); undefined remote: any. */
  pathChanged?(now: Instant, local: Address | undefined, remote: Address | undefined): void;
}

/** The way from one of our addresses to a peer, as the upper layer has to know it. */
export interface Path {
  /** Names where packets are really sent: another name, and they take another way, with another round trip. */
  readonly way: string;
  /** Largest packet on the wire, in octets, all headers included (path MTU). */
  readonly mtu: number;
  /** Octets put between or in front of the IPv6 header and the upper layer on the way out (HAO, RH2, tunnel). */
  readonly overhead: number;
  /** Octets that the peer's packets may have to carry beyond 40 of IPv6: what the MSS option allows for. */
  readonly receiveOverhead: number;
  /** RFC 4821: a larger packet that would be worth sending to see whether it arrives (OutgoingPacket.probe); 0: none. */
  readonly probe: number;
  /** True when super-frames may be sent (the device cuts them and no tunnel is in the way). */
  readonly gso: boolean;
  /** Frames that the device keeps for us while we are busy: a larger burst of the peer is lost. Infinity: no bound is known. */
  readonly queueFrames: number;
}

export interface PacketSpace {
  readonly buffer: Uint8Array;
  /** Where the upper-layer packet begins; HEADROOM octets before it are IPv6's to fill. */
  readonly start: number;
}

export interface OutgoingPacket {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  /** The upper-layer packet is buffer[start, end); the HEADROOM octets before `start` get overwritten. */
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Offset from `start` of a 16-bit Internet checksum field, which is zero: IPv6 or the device fills it. */
  readonly checksumOffset?: number;
  /** Payload octets a segment; makes this a TCP super-frame. */
  readonly gsoSize?: number;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  /** RFC 6437. Absent: made from addresses and protocol. */
  readonly flowLabel?: number;
  /** May be larger than the path MTU, to find out whether it passes. Never fragmented. */
  readonly probe?: boolean;
}

export type SendVerdict = 'sent' | 'no-route' | 'too-big' | 'dropped';

export interface Ipv6Port {
  /** Makes `layer` the receiver of `protocol` (a next header value). */
  register(protocol: number, layer: UpperLayer): void;
  /** Space for an upper-layer packet, valid until the next call into the stack: fill it and send it at once. */
  allocate(length: number): PacketSpace;
  send(now: Instant, packet: OutgoingPacket): SendVerdict;
  path(now: Instant, local: Address, remote: Address): Path;
  /** RFC 6724 source selection; undefined without a route or an address. */
  selectSource(destination: Address): Address | undefined;
  /** Is this address one of ours (home addresses included)? */
  isLocal(address: Address): boolean;
  /** The upper layer learnt that packets of this size vanish without a word (RFC 4821 7.7). */
  reportBlackHole(now: Instant, local: Address, remote: Address, size: number): void;
  /** What became of a probe of Path.probe octets: it arrived, or it was lost and nothing else with it (RFC 4821 7.6). */
  reportProbe(now: Instant, local: Address, remote: Address, size: number, arrived: boolean): void;
}
