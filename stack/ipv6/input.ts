// The way in (RFC 8200): a frame is checked, forwarded or walked header by header, and handed to its upper layer.
// A packet without extension headers takes the short way through here: its header, its addresses and the
// ReceivedPacket are all that is allocated.

import type { Instant } from '../core/time.ts';
import type { Frame } from '../device/device.ts';
import { cutSuperFrame } from '../device/segment.ts';
import { type Address, address } from '../wire/address.ts';
import { isExtensionHeader } from '../wire/extension-header.ts';
import { ICMPV6, PARAMETER_PROBLEM_CODE, UNREACHABLE_CODE } from '../wire/icmpv6.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, type Ipv6Header, PROTOCOL, parseIpv6Header } from '../wire/ipv6.ts';
import type { Ipv6Context } from './context.ts';
import type { Port } from './egress.ts';
import type { ExtensionHeaders, UpperLayerAt } from './extension-headers.ts';
import type { Forwarding } from './forward.ts';
import type { IcmpErrorSender } from './icmp-error.ts';
import type { ReceivedPacket, UpperVerdict } from './port.ts';
import type { TunnelEnds } from './tunnel.ts';

const ALL_NODES = address('ff02::1');
const ALL_ROUTERS = address('ff02::2');

/** How often a packet may come back in through inject() from inside itself: tunnels in tunnels. */
const MAX_NESTING = 8;

/** A packet together with how it came. */
interface Arrival {
  readonly frame: Frame;
  readonly ip: Ipv6Header;
  readonly end: number;
  readonly ingress: Port | undefined;
  readonly tunnel: TunnelEnds | undefined;
}

export interface InputParts {
  readonly errors: IcmpErrorSender;
  readonly extensions: ExtensionHeaders;
  /** Absent on a host. */
  readonly forwarding: Forwarding | undefined;
}

export class Input {
  readonly #context: Ipv6Context;
  readonly #errors: IcmpErrorSender;
  readonly #extensions: ExtensionHeaders;
  readonly #forwarding: Forwarding | undefined;
  #nesting = 0;

  constructor(context: Ipv6Context, parts: InputParts) {
    this.#context = context;
    this.#errors = parts.errors;
    this.#extensions = parts.extensions;
    this.#forwarding = parts.forwarding;
  }

  /** One batch of a device; what it causes leaves as one batch too. */
  frames(now: Instant, frames: readonly Frame[], ingress: Port): void {
    this.#context.counters.bump('in', frames.length);
    this.#context.egress.begin();
    try {
      for (const frame of frames) this.frame(now, frame, ingress, undefined);
    } finally {
      this.#context.egress.end(now);
    }
  }

  inject(now: Instant, bytes: Uint8Array, tunnel: TunnelEnds | undefined): void {
    if (this.#nesting >= MAX_NESTING) {
      this.#context.drop('tunnel-nesting');
      return;
    }
    this.#nesting += 1;
    this.#context.egress.begin();
    try {
      this.frame(now, { bytes }, undefined, tunnel);
    } finally {
      this.#nesting -= 1;
      this.#context.egress.end(now);
    }
  }

  frame(now: Instant, frame: Frame, ingress: Port | undefined, tunnel: TunnelEnds | undefined): void {
    const header = parseIpv6Header(frame.bytes);
    if (!header.ok) {
      this.#context.drop('malformed');
      return;
    }
    const ip = header.value;
    const end = IPV6_HEADER_LEN + ip.payloadLength;
    if (end > frame.bytes.length) {
      this.#context.drop('truncated');
      return;
    }
    if (!this.#hasSaneAddresses(ip, ingress)) {
      this.#context.drop('bad-address');
      return;
    }
    if (this.#isForUs(ip.destination)) {
      this.#local(now, { frame, ip, end, ingress, tunnel });
    } else if (this.#forwarding !== undefined && !ip.destination.isMulticast) {
      const packet = trimmed(frame, end);
      const verdict = this.#forwarding.input(now, packet, ip, ingress);
      if (verdict === 'ours') this.#local(now, { frame: packet, ip, end, ingress, tunnel });
    } else {
      this.#context.drop('not-ours');
    }
  }

  /**
   * RFC 4291 2.5.2, 2.5.3, 2.7: multicast is no source, the unspecified address no destination, ::1 on no wire. 2.5.5.2:
   * a mapped IPv4 address is for a socket API; on a wire it would slip past whoever filters by address.
   */
  #hasSaneAddresses({ source, destination }: Ipv6Header, ingress: Port | undefined): boolean {
    if (source.isMulticast || destination.isUnspecified) return false;
    if (source.isMappedIpv4 || destination.isMappedIpv4) return false;
    return ingress === this.#context.loopback || !(source.isLoopback || destination.isLoopback);
  }

  /** RFC 4291 2.8. */
  #isForUs(destination: Address): boolean {
    if (!destination.isMulticast) return this.#context.isLocal(destination);
    return destination.equals(ALL_NODES) || (this.#forwarding !== undefined && destination.equals(ALL_ROUTERS));
  }

  #local(now: Instant, arrival: Arrival): void {
    const { ip, frame, end, ingress, tunnel } = arrival;
    if (!isExtensionHeader(ip.nextHeader)) {
      this.#deliver(now, arrival, {
        protocol: ip.nextHeader,
        start: IPV6_HEADER_LEN,
        nextHeaderAt: IPV6_FIELD.nextHeader,
        source: ip.source,
        destination: ip.destination,
        hasHomeAddressOption: false,
        hasRoutingHeader2: false,
      });
      return;
    }
    const walked = this.#extensions.walk(now, frame.bytes.subarray(0, end), ip);
    if (walked.kind === 'upper-layer') this.#deliver(now, arrival, walked.at);
    else if (walked.kind === 'reassembled') this.frame(now, { bytes: walked.packet }, ingress, tunnel);
  }

  #deliver(now: Instant, arrival: Arrival, upper: UpperLayerAt): void {
    const { hooks } = this.#context;
    const packet = receivedPacket(arrival, upper);
    if (arrival.frame.offload !== undefined && hooks.mayTake(packet)) {
      this.#deliverPlain(now, arrival);
      return;
    }
    if (hooks.deliver(now, packet)) return;
    const layer = this.#context.layers.get(packet.protocol);
    const verdict = layer === undefined ? 'unknown-protocol' : layer.input(now, packet);
    if (verdict !== 'accepted') this.#refuse(now, arrival, upper, verdict);
  }

  /** A delivery hook that forwards a packet needs it as it would be on a wire. */
  #deliverPlain(now: Instant, { frame, end, ingress, tunnel }: Arrival): void {
    for (const bytes of cutSuperFrame(trimmed(frame, end))) this.frame(now, { bytes }, ingress, tunnel);
  }

  #refuse(now: Instant, { frame, end, ip }: Arrival, upper: UpperLayerAt, verdict: UpperVerdict): void {
    // RFC 8200 4.7: what follows No Next Header is ignored.
    if (upper.protocol === PROTOCOL.none) {
      this.#context.drop('no-next-header');
      return;
    }
    const packet = frame.bytes.subarray(0, end);
    if (verdict === 'port-unreachable') {
      this.#context.drop('port-unreachable');
      this.#errors.send(now, packet, ip, ICMPV6.unreachable, UNREACHABLE_CODE.port, 0);
      return;
    }
    // RFC 8200 4, RFC 4443 3.4.
    this.#context.drop('unknown-protocol');
    const code = PARAMETER_PROBLEM_CODE.nextHeader;
    this.#errors.send(now, packet, ip, ICMPV6.parameterProblem, code, upper.nextHeaderAt);
  }
}

function receivedPacket({ frame, ip, end, tunnel }: Arrival, upper: UpperLayerAt): ReceivedPacket {
  const { offload } = frame;
  const packet = {
    source: upper.source,
    destination: upper.destination,
    wireSource: ip.source,
    wireDestination: ip.destination,
    protocol: upper.protocol,
    bytes: frame.bytes,
    start: upper.start,
    end,
    hopLimit: ip.hopLimit,
    trafficClass: ip.trafficClass,
    // What lacks its checksum has not been on a wire: this machine made it.
    checksumValid: offload?.checksumStart !== undefined,
    gsoSize: offload?.gsoSize ?? 0,
    hasHomeAddressOption: upper.hasHomeAddressOption,
    hasRoutingHeader2: upper.hasRoutingHeader2,
  };
  return tunnel === undefined ? packet : { ...packet, tunnel };
}

/** Without octets behind the payload (RFC 8200 3). */
const trimmed = (frame: Frame, end: number): Frame =>
  frame.bytes.length === end ? frame : { ...frame, bytes: frame.bytes.subarray(0, end) };
