// What is neither from us nor for us, on a router (RFC 8200 3, 4443 3.1-3.3): hop limit, route, MTU, the hooks
// of a home agent first. Super-frames are cut before anybody looks, so what leaves is what the sender's segments
// would have been.

import { setU8 } from '../core/bytes.ts';
import type { Instant } from '../core/time.ts';
import type { Frame } from '../device/device.ts';
import { cutSuperFrame } from '../device/segment.ts';
import { ICMPV6, TIME_EXCEEDED_CODE, UNREACHABLE_CODE } from '../wire/icmpv6.ts';
import { IPV6_FIELD, type Ipv6Header, parseIpv6Header } from '../wire/ipv6.ts';
import type { Ipv6Context } from './context.ts';
import type { Port } from './egress.ts';
import type { IcmpErrorSender } from './icmp-error.ts';

export class Forwarding {
  readonly #context: Ipv6Context;
  readonly #errors: IcmpErrorSender;

  constructor(context: Ipv6Context, errors: IcmpErrorSender) {
    this.#context = context;
    this.#errors = errors;
  }

  /** `ingress`: where it came in; undefined for what came out of a tunnel. */
  input(now: Instant, frame: Frame, header: Ipv6Header, ingress: Port | undefined): void {
    if (!isForwardable(header)) {
      this.#refuseScope(now, frame, header, ingress);
      return;
    }
    for (const packet of cutSuperFrame(frame)) this.#packet(now, packet, header, ingress);
  }

  /** `header` has the addresses; lengths differ between the segments of a super-frame. */
  #packet(now: Instant, bytes: Uint8Array, header: Ipv6Header, ingress: Port | undefined): void {
    const { source, destination, hopLimit } = header;
    if (this.#context.hooks.forward(now, { source, destination, bytes })) return;
    if (hopLimit <= 1) {
      this.#refuse(now, bytes, ICMPV6.timeExceeded, TIME_EXCEEDED_CODE.hopLimit, 0, 'hop-limit');
      return;
    }
    const egress = this.#context.routes.lookup(destination);
    if (egress === undefined) {
      this.#refuse(now, bytes, ICMPV6.unreachable, UNREACHABLE_CODE.noRoute, 0, 'no-route');
      return;
    }
    // RFC 4443 3.1: not back over the point-to-point link that it came from, where it would only turn round again.
    if (egress === ingress) {
      this.#refuse(now, bytes, ICMPV6.unreachable, UNREACHABLE_CODE.address, 0, 'back-to-ingress');
      return;
    }
    if (bytes.length > egress.device.mtu) {
      this.#refuse(now, bytes, ICMPV6.packetTooBig, 0, egress.device.mtu, 'forward-too-big');
      return;
    }
    this.#transmit(now, bytes, hopLimit - 1, egress);
  }

  #transmit(now: Instant, bytes: Uint8Array, hopLimit: number, egress: Port): void {
    const { buffer, start } = this.#context.egress.allocate(bytes.length);
    const copy = buffer.subarray(start, start + bytes.length);
    copy.set(bytes);
    setU8(copy, IPV6_FIELD.hopLimit, hopLimit);
    this.#context.counters.bump('forwarded');
    this.#context.egress.send(now, egress, { bytes: copy });
  }

  /**
   * RFC 4443 3.1, code 2: a link-local source asks for what lies beyond its link. It is told, where the answer takes the
   * way that the packet came.
   */
  #refuseScope(now: Instant, frame: Frame, { source, destination }: Ipv6Header, ingress: Port | undefined): void {
    const onLink = source.isLinkLocal && ingress !== undefined && this.#context.routes.lookup(source) === ingress;
    if (onLink && destination.isRoutableUnicast) {
      this.#refuse(now, frame.bytes, ICMPV6.unreachable, UNREACHABLE_CODE.beyondScope, 0, 'not-forwardable');
    } else {
      this.#context.drop('not-forwardable');
    }
  }

  #refuse(now: Instant, bytes: Uint8Array, type: number, code: number, parameter: number, reason: string): void {
    this.#context.drop(reason);
    const header = parseIpv6Header(bytes);
    if (header.ok) this.#errors.send(now, bytes, header.value, type, code, parameter);
  }
}

/** RFC 4291 2.4, 2.5.2, 2.5.3, 2.5.6, 2.7: addresses that no router forwards (multicast routing is not done here). */
const isForwardable = ({ source, destination }: Ipv6Header): boolean =>
  source.isRoutableUnicast && destination.isRoutableUnicast;
