// ICMPv6 errors that mobility itself owes to a sender (RFC 4443 through RFC 6275 9.2 and RFC 2473 8): built
// here, sent past every binding, rate limited, never about an ICMPv6 error and never to many.

import { u8 } from '../core/bytes.ts';
import { type Instant, milliseconds } from '../core/time.ts';
import { type Detour, DIRECT } from '../ipv6/hooks.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import type { Address } from '../wire/address.ts';
import {
  emitIcmpv6,
  ICMPV6,
  ICMPV6_CHECKSUM,
  ICMPV6_HEADER_LEN,
  type Icmpv6Message,
  isIcmpv6Error,
} from '../wire/icmpv6.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, MINIMUM_MTU, PROTOCOL } from '../wire/ipv6.ts';
import type { MobilityEnvironment } from './api.ts';
import { RateLimit } from './rate-limit.ts';

const ERRORS_TO_A_SITE = { burst: 20, interval: milliseconds(10) };
const ERRORS = { burst: 80, interval: milliseconds(2) };

export interface IcmpError {
  readonly type: number;
  readonly code: number;
  /** Pointer of a Parameter Problem, MTU of a Packet Too Big. */
  readonly parameter?: number;
}

export class IcmpErrorSender {
  readonly #environment: MobilityEnvironment;
  readonly #limit = new RateLimit(ERRORS_TO_A_SITE, ERRORS);

  constructor(environment: MobilityEnvironment) {
    this.#environment = environment;
  }

  /** Tells `to` of its packet, which is quoted as far as the minimum MTU allows (RFC 4443 2.4(c)). */
  send(now: Instant, from: Address, to: Address, error: IcmpError, packet: Uint8Array): void {
    this.#send(now, from, to, error, packet, DIRECT);
  }

  /**
   * RFC 6275 9.2: Parameter Problem code 0 to the source of a packet, past the binding cache. What came through
   * a tunnel is answered as the output hooks say: from the home address, through the tunnel.
   */
  parameterProblem(now: Instant, received: ReceivedPacket, pointer: number): void {
    const error = { type: ICMPV6.parameterProblem, code: 0, parameter: pointer };
    const via = received.tunnel === undefined ? DIRECT : undefined;
    this.#send(now, received.wireDestination, received.wireSource, error, received.bytes, via);
  }

  #send(now: Instant, from: Address, to: Address, error: IcmpError, packet: Uint8Array, via: Detour | undefined): void {
    if (!to.isRoutableUnicast || from.isMulticast || isAboutIcmpError(packet) || !this.#limit.take(now, to)) return;
    const quoted = packet.subarray(0, MINIMUM_MTU - IPV6_HEADER_LEN - ICMPV6_HEADER_LEN);
    const { ipv6 } = this.#environment;
    const { buffer, start } = ipv6.allocate(ICMPV6_HEADER_LEN + quoted.length);
    const message: Icmpv6Message = { kind: 'error', parameter: 0, ...error, quoted };
    const end = emitIcmpv6(message, buffer, start);
    const outgoing = {
      source: from,
      destination: to,
      protocol: PROTOCOL.icmpv6,
      buffer,
      start,
      end,
      checksumOffset: ICMPV6_CHECKSUM,
    };
    if (via === undefined) ipv6.send(now, outgoing);
    else ipv6.sendVia(now, outgoing, via);
  }
}

/** RFC 4443 2.4(e.1). Looks behind the IPv6 header only: an error seldom has extension headers. */
function isAboutIcmpError(packet: Uint8Array): boolean {
  return u8(packet, IPV6_FIELD.nextHeader) === PROTOCOL.icmpv6 && isIcmpv6Error(u8(packet, IPV6_HEADER_LEN));
}
