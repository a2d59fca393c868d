// IPv6 in IPv6 (RFC 2473): the outer header, the tunnel's MTU, fragments of the outer packet where the inner
// one is too small to be refused. The other end of a tunnel (protocol 41) is an upper layer's: it calls inject().

import { setU8, u8 } from '../core/bytes.ts';
import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { ICMPV6, PARAMETER_PROBLEM_CODE, TIME_EXCEEDED_CODE } from '../wire/icmpv6.ts';
import { emitIpv6Header, IPV6_FIELD, IPV6_HEADER_LEN, MINIMUM_MTU, PROTOCOL, parseIpv6Header } from '../wire/ipv6.ts';
import { ENCAPSULATION_LIMIT_HEADER_LEN, emitEncapsulationLimitDestinationOptions } from '../wire/option.ts';
import type { Ipv6Context } from './context.ts';
import type { Port } from './egress.ts';
import { encapsulationLimitAt } from './encapsulation-limit.ts';
import { fragmentPacket, IPV6_HEADER_ONLY } from './fragment.ts';
import type { IcmpErrorSender } from './icmp-error.ts';
import type { SendVerdict } from './port.ts';

export interface TunnelEnds {
  readonly source: Address;
  readonly destination: Address;
}

/** Hop limit of the outer header (RFC 2473 6.3). */
const TUNNEL_HOP_LIMIT = 64;

/** Largest inner packet: the outer Payload Length has 16 bits. */
const MAX_INNER_LENGTH = 0xffff;

/** An inner packet buffer[at, end), and what its outer packet has to say of further tunnels. */
interface Inner {
  readonly buffer: Uint8Array;
  readonly at: number;
  readonly end: number;
  readonly limit: number | undefined;
}

export class Tunnels {
  readonly #context: Ipv6Context;

  constructor(context: Ipv6Context) {
    this.#context = context;
  }

  /** Wraps buffer[at, end), which has room for a header in front of it, and sends it, in fragments if it has to. */
  wrap(now: Instant, buffer: Uint8Array, at: number, end: number, ends: TunnelEnds, port: Port, mtu: number): void {
    this.#encapsulate(now, { buffer, at, end, limit: undefined }, ends, port, mtu);
  }

  #encapsulate(now: Instant, inner: Inner, ends: TunnelEnds, port: Port, mtu: number): void {
    const { buffer, at, end, limit } = inner;
    let start = at;
    if (limit !== undefined) {
      start -= ENCAPSULATION_LIMIT_HEADER_LEN;
      emitEncapsulationLimitDestinationOptions(PROTOCOL.ipv6, limit, buffer, start);
    }
    const outer = {
      trafficClass: ((u8(buffer, at) & 0xf) << 4) | (u8(buffer, at + 1) >>> 4),
      flowLabel: this.#context.flowLabels.ofTunnelled(buffer, at),
      payloadLength: end - start,
      nextHeader: limit === undefined ? PROTOCOL.ipv6 : PROTOCOL.destinationOptions,
      hopLimit: TUNNEL_HOP_LIMIT,
      source: ends.source,
      destination: ends.destination,
    };
    start -= IPV6_HEADER_LEN;
    emitIpv6Header(outer, buffer, start);
    const bytes = buffer.subarray(start, end);
    if (bytes.length <= mtu) {
      this.#context.egress.send(now, port, { bytes });
      return;
    }
    for (const fragment of fragmentPacket(bytes, IPV6_HEADER_ONLY, mtu, this.#context.random.u32())) {
      this.#context.egress.send(now, port, { bytes: fragment });
    }
  }

  wrapCopy(now: Instant, inner: Uint8Array, ends: TunnelEnds, port: Port, mtu: number): void {
    const { buffer, start } = this.#context.egress.allocate(inner.length);
    buffer.set(inner, start);
    this.wrap(now, buffer, start, start + inner.length, ends, port, mtu);
  }

  /**
   * A packet from elsewhere enters a tunnel: as forwarding does, this counts down its hop limit and answers
   * to its source with Time Exceeded or Packet Too Big.
   */
  enter(now: Instant, inner: Uint8Array, ends: TunnelEnds, errors: IcmpErrorSender): SendVerdict {
    const header = parseIpv6Header(inner);
    if (!header.ok || inner.length > MAX_INNER_LENGTH) {
      this.#context.drop('tunnel-malformed');
      return 'dropped';
    }
    const { source, destination } = header.value;
    // RFC 2473 4: what has come through this very tunnel would go round in it.
    if (source.equals(ends.source) && destination.equals(ends.destination)) {
      this.#context.drop('tunnel-loop');
      return 'dropped';
    }
    if (header.value.hopLimit <= 1) {
      this.#context.drop('hop-limit');
      errors.send(now, inner, header.value, ICMPV6.timeExceeded, TIME_EXCEEDED_CODE.hopLimit, 0);
      return 'dropped';
    }
    // RFC 2473 4.1.1: a packet that is in a tunnel already may say how many more it may enter.
    const limitAt = encapsulationLimitAt(inner);
    if (limitAt !== undefined && u8(inner, limitAt) === 0) {
      this.#context.drop('encapsulation-limit');
      errors.send(now, inner, header.value, ICMPV6.parameterProblem, PARAMETER_PROBLEM_CODE.field, limitAt);
      return 'dropped';
    }
    const limit = limitAt === undefined ? undefined : u8(inner, limitAt) - 1;
    const port = this.#context.portTo(ends.destination);
    if (port === undefined) {
      this.#context.drop('no-route');
      return 'no-route';
    }
    const mtu = this.#context.pathMtu.get(ends.destination, port.device.mtu);
    const innerMtu = innerMtuOf(limit === undefined ? mtu : mtu - ENCAPSULATION_LIMIT_HEADER_LEN);
    if (inner.length > innerMtu) {
      this.#context.drop('tunnel-too-big');
      errors.send(now, inner, header.value, ICMPV6.packetTooBig, 0, innerMtu);
      return 'too-big';
    }
    const { buffer, start } = this.#context.egress.allocate(inner.length);
    buffer.set(inner, start);
    setU8(buffer, start + IPV6_FIELD.hopLimit, header.value.hopLimit - 1);
    this.#encapsulate(now, { buffer, at: start, end: start + inner.length, limit }, ends, port, mtu);
    return 'sent';
  }
}

/** RFC 2473 7.1: what a tunnel over a path of this MTU carries in one piece, but never less than IPv6's minimum. */
export const innerMtuOf = (mtu: number): number => Math.max(MINIMUM_MTU, mtu - IPV6_HEADER_LEN);
