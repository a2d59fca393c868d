// What is neither from us nor for us, on a router (RFC 8200 3, 4443 3.1-3.3): hop limit, route, MTU, the hooks
// of a client gateway and of a home agent first. A super-frame goes on whole where its way out cuts it; it is cut
// here where a home agent has to see packets, or the device out cannot: what leaves is what the sender's segments
// would have been.

import { setU8 } from '../core/bytes.ts';
import type { Instant } from '../core/time.ts';
import type { Frame } from '../device/device.ts';
import { cutSuperFrame, wireLength } from '../device/segment.ts';
import { ICMPV6, TIME_EXCEEDED_CODE, UNREACHABLE_CODE } from '../wire/icmpv6.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, type Ipv6Header, parseIpv6Header } from '../wire/ipv6.ts';
import type { Ipv6Context } from './context.ts';
import type { Port } from './egress.ts';
import type { Onward } from './hooks.ts';
import type { IcmpErrorSender } from './icmp-error.ts';
import { HEADROOM } from './port.ts';

/** A super-frame beyond this has no room for what a hook may put in: the Payload Length is of 16 bits (RFC 8200 3). */
const MAX_GROWING_LENGTH = 0xffff + IPV6_HEADER_LEN - HEADROOM;

/** One frame on its way through. */
interface Transit {
  /** As it came, which is what an error quotes. */
  readonly frame: Frame;
  readonly header: Ipv6Header;
  readonly ingress: Port | undefined;
  /** As it goes on, where a hook has changed it. */
  readonly onward: Onward | undefined;
}

export class Forwarding {
  readonly #context: Ipv6Context;
  readonly #errors: IcmpErrorSender;

  constructor(context: Ipv6Context, errors: IcmpErrorSender) {
    this.#context = context;
    this.#errors = errors;
  }

  /** `ingress`: where it came in; undefined for what came out of a tunnel. 'ours': it is to be taken as if for us. */
  input(now: Instant, frame: Frame, header: Ipv6Header, ingress: Port | undefined): 'done' | 'ours' {
    if (!isForwardable(header)) {
      this.#refuseScope(now, frame, header, ingress);
      return 'done';
    }
    if (frame.offload !== undefined && frame.bytes.length > MAX_GROWING_LENGTH) {
      for (const bytes of cutSuperFrame(frame)) this.input(now, { bytes }, header, ingress);
      return 'done';
    }
    const { hooks, routes } = this.#context;
    const { source, destination } = header;
    const egress = routes.lookup(destination);
    const verdict = hooks.transit(now, { source, destination, frame, egress: egress?.device });
    if (verdict === 'ours') return 'ours';
    if (verdict === 'taken') return 'done';
    if (verdict !== 'pass') {
      const way = verdict.destination.equals(destination) ? egress : routes.lookup(verdict.destination);
      this.#packet(now, { frame, header, ingress, onward: verdict }, way);
    } else if (hooks.looksAtForwarded) {
      for (const bytes of cutSuperFrame(frame)) {
        if (hooks.forward(now, { source, destination, bytes })) continue;
        this.#packet(now, { frame: { bytes }, header, ingress, onward: undefined }, egress);
      }
    } else {
      this.#packet(now, { frame, header, ingress, onward: undefined }, egress);
    }
    return 'done';
  }

  #packet(now: Instant, transit: Transit, egress: Port | undefined): void {
    const { ingress, onward } = transit;
    if (transit.header.hopLimit <= 1) {
      this.#refuse(now, transit, ICMPV6.timeExceeded, TIME_EXCEEDED_CODE.hopLimit, 0, 'hop-limit');
      return;
    }
    if (egress === undefined) {
      this.#refuse(now, transit, ICMPV6.unreachable, UNREACHABLE_CODE.noRoute, 0, 'no-route');
      return;
    }
    // RFC 4443 3.1: not back over the point-to-point link that it came from, where it would only turn round again.
    if (egress === ingress) {
      this.#refuse(now, transit, ICMPV6.unreachable, UNREACHABLE_CODE.address, 0, 'back-to-ingress');
      return;
    }
    if (wireLength(onward?.frame ?? transit.frame) > egress.device.mtu) {
      const mtu = egress.device.mtu - (onward?.growth ?? 0);
      this.#refuse(now, transit, ICMPV6.packetTooBig, 0, mtu, 'forward-too-big');
      return;
    }
    this.#transmit(now, transit, egress);
  }

  #transmit(now: Instant, { frame, header, onward }: Transit, egress: Port): void {
    const ready = onward?.frame ?? this.#copy(frame);
    setU8(ready.bytes, IPV6_FIELD.hopLimit, header.hopLimit - 1);
    this.#context.counters.bump('forwarded');
    const { egress: out } = this.#context;
    const { checksum, tso } = egress.device.offloads;
    const { offload } = ready;
    const takesIt = offload === undefined || (offload.gsoSize > 0 ? tso : checksum);
    if (takesIt) {
      out.send(now, egress, ready);
    } else {
      for (const bytes of cutSuperFrame(ready)) out.send(now, egress, { bytes });
    }
  }

  /** The octets are lent, and the sender's own. */
  #copy(frame: Frame): Frame {
    const { buffer, start } = this.#context.egress.allocate(frame.bytes.length);
    const bytes = buffer.subarray(start, start + frame.bytes.length);
    bytes.set(frame.bytes);
    return { ...frame, bytes };
  }

  /**
   * RFC 4443 3.1, code 2: a link-local source asks for what lies beyond its link. It is told, where the answer takes the
   * way that the packet came.
   */
  #refuseScope(now: Instant, frame: Frame, header: Ipv6Header, ingress: Port | undefined): void {
    const { source, destination } = header;
    const onLink = source.isLinkLocal && ingress !== undefined && this.#context.routes.lookup(source) === ingress;
    if (onLink && destination.isRoutableUnicast) {
      const transit = { frame, header, ingress, onward: undefined };
      this.#refuse(now, transit, ICMPV6.unreachable, UNREACHABLE_CODE.beyondScope, 0, 'not-forwardable');
    } else {
      this.#context.drop('not-forwardable');
    }
  }

  #refuse(now: Instant, transit: Transit, type: number, code: number, parameter: number, reason: string): void {
    this.#context.drop(reason);
    // Of a super-frame its first segment is quoted, which nobody would see unfinished.
    const [packet] = cutSuperFrame(transit.frame);
    if (packet === undefined) return;
    const header = parseIpv6Header(packet);
    if (header.ok) this.#errors.send(now, packet, header.value, type, code, parameter);
  }
}

/** RFC 4291 2.4, 2.5.2, 2.5.3, 2.5.6, 2.7: addresses that no router forwards (multicast routing is not done here). */
const isForwardable = ({ source, destination }: Ipv6Header): boolean =>
  source.isRoutableUnicast && destination.isRoutableUnicast;
