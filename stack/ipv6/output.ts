// The way out for packets of the upper layers: the detour that the output hooks ask for (a Home Address option,
// a type 2 routing header, a tunnel), the IPv6 header in front, the checksum or what the device needs for it,
// fragments where a packet does not fit and is not TCP's. RFC 8200 3, 4.1, 8.1; RFC 6275 6.3, 6.4; RFC 2473.
//
// Headers are written into the headroom in front of the upper-layer packet; nothing is copied on the usual way.

import { setU16, u8 } from '../core/bytes.ts';
import { checksumOf, fold, sumWords } from '../core/checksum.ts';
import type { Instant } from '../core/time.ts';
import type { Frame } from '../device/device.ts';
import { cutSuperFrame } from '../device/segment.ts';
import type { Address } from '../wire/address.ts';
import { emitRoutingHeader2, ROUTING_HEADER_2_LEN } from '../wire/extension-header.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, MINIMUM_MTU, PROTOCOL, pseudoHeaderSum } from '../wire/ipv6.ts';
import { emitHomeAddressDestinationOptions, HOME_ADDRESS_HEADER_LEN } from '../wire/option.ts';
import type { Ipv6Context } from './context.ts';
import type { Port } from './egress.ts';
import { fragmentPacket, IPV6_HEADER_ONLY, type PerFragmentHeaders } from './fragment.ts';
import { type Detour, DIRECT } from './hooks.ts';
import { HEADROOM, type OutgoingPacket, type SendVerdict } from './port.ts';
import type { Tunnels } from './tunnel.ts';
import { lastDestination, WayMtu } from './way-mtu.ts';

export const DEFAULT_HOP_LIMIT = 64;

/** Largest value of the Payload Length field. */
export const MAX_PAYLOAD_LENGTH = 0xffff;

const TCP_DATA_OFFSET_AT = 12;

/** UDP's checksum field: the one that must not be sent as zero (RFC 8200 8.1). */
const UDP_CHECKSUM_AT = 6;

/** Where a packet goes and in what: its detour, seen against routes and path MTUs. */
interface Way {
  readonly port: Port;
  readonly detour: Detour;
  /** Octets of extension headers. */
  readonly extensions: number;
  /** Largest packet on the wire; inside a tunnel, the outer header counts. */
  readonly mtu: number;
  /** The same all the way, the part behind a tunnel included. */
  readonly wholeMtu: number;
}

/** Octets that a detour puts between the IPv6 header and the upper layer. */
export const extensionLength = (detour: Detour): number =>
  (detour.careOfDestination === undefined ? 0 : ROUTING_HEADER_2_LEN) +
  (detour.careOfSource === undefined ? 0 : HOME_ADDRESS_HEADER_LEN);

export class Output {
  readonly #context: Ipv6Context;
  readonly #tunnels: Tunnels;

  constructor(context: Ipv6Context, tunnels: Tunnels) {
    this.#context = context;
    this.#tunnels = tunnels;
  }

  send(now: Instant, packet: OutgoingPacket): SendVerdict {
    return this.sendVia(now, packet, this.detourOf(packet.source, packet.destination, packet.protocol));
  }

  /** What the hooks say; packets to ourselves never leave and take no detour. */
  detourOf(source: Address, destination: Address, protocol: number): Detour {
    const { hooks } = this.#context;
    return (this.#context.isLocal(destination) ? undefined : hooks.detour(source, destination, protocol)) ?? DIRECT;
  }

  /** Octets beside the IPv6 header that a packet of this protocol gets on its way out. */
  headerOverhead(source: Address, destination: Address, protocol: number): number {
    const detour = this.detourOf(source, destination, protocol);
    return extensionLength(detour) + (detour.tunnel === undefined ? 0 : IPV6_HEADER_LEN);
  }

  sendVia(now: Instant, packet: OutgoingPacket, detour: Detour): SendVerdict {
    if (detour.blocked === true) {
      this.#context.drop('way-blocked');
      return 'dropped';
    }
    const way = this.#wayOf(packet, detour);
    if (way === undefined) {
      this.#context.drop('no-route');
      return 'no-route';
    }
    const length = packet.end - packet.start;
    if (IPV6_HEADER_LEN + way.extensions + length > MAX_PAYLOAD_LENGTH) return 'too-big';
    const inner = IPV6_HEADER_LEN + way.extensions + length;
    const outer = detour.tunnel === undefined ? 0 : IPV6_HEADER_LEN;
    const superFrame = isSuperFrame(packet);
    const largest = outer + (superFrame ? segmentLength(packet, way) : inner);
    if (largest > way.wholeMtu && !mayFragment(packet, detour, largest - outer)) return 'too-big';
    const ready = this.#context.egress.keeps(packet.buffer) && packet.start >= HEADROOM ? packet : this.#copy(packet);
    if (superFrame) this.#sendSuperFrame(now, ready, way);
    else this.#sendPlain(now, ready, way, largest <= way.mtu);
    return 'sent';
  }

  #wayOf(packet: OutgoingPacket, detour: Detour): Way | undefined {
    const destination = lastDestination(detour, packet.destination);
    const port = this.#context.portTo(destination);
    if (port === undefined) return undefined;
    const { mtu: firstHop } = port.device;
    const { pathMtu } = this.#context;
    const isProbe = packet.probe === true;
    const mtu = isProbe ? firstHop : pathMtu.get(destination, firstHop);
    const isTunnelled = !isProbe && detour.tunnel !== undefined;
    const wholeMtu = isTunnelled ? new WayMtu(pathMtu, detour, packet.destination, firstHop).mtu : mtu;
    return { port, detour, extensions: extensionLength(detour), mtu, wholeMtu };
  }

  #sendPlain(now: Instant, packet: OutgoingPacket, way: Way, fits: boolean): void {
    const { tunnel } = way.detour;
    const offload = way.port.device.offloads.checksum && tunnel === undefined && fits;
    this.#writeChecksum(packet, offload);
    const at = this.#writeHeaders(packet, way);
    const bytes = packet.buffer.subarray(at, packet.end);
    if (tunnel !== undefined) this.#tunnels.wrap(now, packet.buffer, at, packet.end, tunnel, way.port, way.mtu);
    else if (fits) this.#emit(now, way.port, packet, at, bytes, offload);
    else this.#sendFragments(now, way, bytes);
  }

  #emit(now: Instant, port: Port, packet: OutgoingPacket, at: number, bytes: Uint8Array, offload: boolean): void {
    const { checksumOffset } = packet;
    const frame: Frame =
      offload && checksumOffset !== undefined
        ? { bytes, offload: { gsoSize: 0, checksumStart: packet.start - at, checksumOffset } }
        : { bytes };
    this.#context.egress.send(now, port, frame);
  }

  /** As one frame where the device cuts it, else cut here; segments of a tunnelled one get an outer header each. */
  #sendSuperFrame(now: Instant, packet: OutgoingPacket, way: Way): void {
    const { tunnel } = way.detour;
    this.#writeChecksum(packet, true);
    const at = this.#writeHeaders(packet, way);
    const offload = {
      gsoSize: packet.gsoSize ?? 0,
      checksumStart: packet.start - at,
      checksumOffset: packet.checksumOffset ?? 0,
    };
    const frame: Frame = { bytes: packet.buffer.subarray(at, packet.end), offload };
    if (tunnel === undefined && way.port.device.offloads.tso) {
      this.#context.egress.send(now, way.port, frame);
      return;
    }
    for (const bytes of cutSuperFrame(frame)) {
      if (tunnel === undefined) this.#context.egress.send(now, way.port, { bytes });
      else this.#tunnels.wrapCopy(now, bytes, tunnel, way.port, way.mtu);
    }
  }

  /** RFC 6275 6.3: the Home Address option comes in front of a Fragment header, and so do all headers written here. */
  #sendFragments(now: Instant, way: Way, bytes: Uint8Array): void {
    const end = IPV6_HEADER_LEN + way.extensions;
    const headers: PerFragmentHeaders =
      way.extensions === 0 ? IPV6_HEADER_ONLY : { end, nextHeaderAt: end - HOME_ADDRESS_HEADER_LEN };
    for (const fragment of fragmentPacket(bytes, headers, way.mtu, this.#context.random.u32())) {
      this.#context.egress.send(now, way.port, { bytes: fragment });
    }
  }

  /** The pseudo-header has the home addresses: those that the upper layer named (RFC 6275 6.3.1, 6.4.1). */
  #writeChecksum(packet: OutgoingPacket, partial: boolean): void {
    const { buffer, start, end, checksumOffset } = packet;
    if (checksumOffset === undefined) return;
    const pseudo = pseudoHeaderSum(packet.source, packet.destination, packet.protocol, end - start);
    if (partial) {
      setU16(buffer, start + checksumOffset, fold(pseudo));
      return;
    }
    const checksum = checksumOf(sumWords(buffer, start, end, pseudo));
    const zero = packet.protocol === PROTOCOL.udp && checksumOffset === UDP_CHECKSUM_AT ? 0xffff : 0;
    setU16(buffer, start + checksumOffset, checksum === 0 ? zero : checksum);
  }

  /** Everything in front of the upper layer, in the order of RFC 8200 4.1. Returns where the packet begins. */
  #writeHeaders(packet: OutgoingPacket, way: Way): number {
    const { careOfSource, careOfDestination } = way.detour;
    let at = packet.start;
    let nextHeader = packet.protocol;
    if (careOfSource !== undefined) {
      at -= HOME_ADDRESS_HEADER_LEN;
      emitHomeAddressDestinationOptions(nextHeader, packet.source, packet.buffer, at);
      nextHeader = PROTOCOL.destinationOptions;
    }
    if (careOfDestination !== undefined) {
      at -= ROUTING_HEADER_2_LEN;
      emitRoutingHeader2(nextHeader, packet.destination, packet.buffer, at);
      nextHeader = PROTOCOL.routing;
    }
    const header = {
      trafficClass: packet.trafficClass ?? 0,
      flowLabel: packet.flowLabel ?? this.#context.flowLabels.of(packet.source, packet.destination, packet.protocol),
      payloadLength: packet.end - at,
      nextHeader,
      hopLimit: packet.hopLimit ?? DEFAULT_HOP_LIMIT,
      source: careOfSource ?? packet.source,
      destination: careOfDestination ?? packet.destination,
    };
    at -= IPV6_HEADER_LEN;
    emitIpv6Header(header, packet.buffer, at);
    return at;
  }

  /** A packet in a buffer of the caller's own, which may change before the batch leaves. */
  #copy(packet: OutgoingPacket): OutgoingPacket {
    const length = packet.end - packet.start;
    const { buffer, start } = this.#context.egress.allocate(length);
    buffer.set(packet.buffer.subarray(packet.start, packet.end), start);
    return { ...packet, buffer, start, end: start + length };
  }
}

/**
 * TCP follows the path MTU instead of being fragmented; but a tunnel carries an inner packet of the minimum MTU
 * whatever its own (RFC 2473 7.1).
 */
const mayFragment = (packet: OutgoingPacket, detour: Detour, length: number): boolean =>
  packet.protocol !== PROTOCOL.tcp || (detour.tunnel !== undefined && length <= MINIMUM_MTU);

const tcpHeaderLength = (packet: OutgoingPacket): number =>
  (u8(packet.buffer, packet.start + TCP_DATA_OFFSET_AT) >>> 4) * 4;

/** A packet that may be cut and has to be: one segment's worth of payload is an ordinary packet. */
const isSuperFrame = (packet: OutgoingPacket): boolean =>
  packet.gsoSize !== undefined &&
  packet.gsoSize > 0 &&
  packet.end - packet.start > tcpHeaderLength(packet) + packet.gsoSize;

const segmentLength = (packet: OutgoingPacket, way: Way): number =>
  IPV6_HEADER_LEN + way.extensions + tcpHeaderLength(packet) + (packet.gsoSize ?? 0);
