// ICMPv6 errors we send (RFC 4443 2.4): to whom none may go, how many in a second, what is quoted.

import { u8 } from '../core/bytes.ts';
import { after, EPOCH, elapsed, type Instant, seconds } from '../core/time.ts';
import {
  emitIcmpv6,
  ICMPV6,
  ICMPV6_CHECKSUM,
  ICMPV6_HEADER_LEN,
  isIcmpv6Error,
  PARAMETER_PROBLEM_CODE,
} from '../wire/icmpv6.ts';
import { IPV6_HEADER_LEN, type Ipv6Header, MINIMUM_MTU, PROTOCOL } from '../wire/ipv6.ts';
import { walkHeaders } from './chain.ts';
import type { Ipv6Context } from './context.ts';
import type { Output } from './output.ts';

/** Redirect (RFC 4861 4.5): the other message that is never answered with an error (RFC 4443 2.4 e.2). */
const REDIRECT = 137;

/** RFC 4443 2.4(f): a token bucket; enough for traceroute from several sides, too little to be an amplifier. */
const ERRORS_PER_SECOND = 100;
const ERROR_BURST = 50;

/** RFC 4443 2.4(c): the whole error stays within the minimum MTU, with the headers of a detour. */
const MAX_QUOTE = MINIMUM_MTU - IPV6_HEADER_LEN - ICMPV6_HEADER_LEN;

const INTERVAL_US = seconds(1) / ERRORS_PER_SECOND;

export class IcmpErrorSender {
  readonly #context: Ipv6Context;
  readonly #output: Output;
  /** The bucket, kept as the moment at which it will be full: full at first. */
  #fullAt: Instant = EPOCH;

  constructor(context: Ipv6Context, output: Output) {
    this.#context = context;
    this.#output = output;
  }

  /** Answers `offending` (as it came, its header parsed) where RFC 4443 allows it. */
  send(now: Instant, offending: Uint8Array, header: Ipv6Header, type: number, code: number, parameter: number): void {
    if (!mayAnswer(offending, header, type, code)) return;
    if (!this.#takeToken(now)) {
      this.#context.counters.bump('icmp.rate-limited');
      return;
    }
    const source = this.#context.isLocal(header.destination)
      ? header.destination
      : this.#context.selectSource(header.source);
    if (source === undefined) return;
    const room = MAX_QUOTE - this.#output.headerOverhead(source, header.source, PROTOCOL.icmpv6);
    const quoted = offending.subarray(0, Math.min(offending.length, room));
    const { buffer, start } = this.#context.egress.allocate(ICMPV6_HEADER_LEN + quoted.length);
    const end = emitIcmpv6({ kind: 'error', type, code, parameter, quoted }, buffer, start);
    this.#context.counters.bump(`icmp.sent.${type}`);
    this.#context.trace(now, 'icmp-error-sent', { type, code, parameter, to: header.source.toString() });
    this.#output.send(now, {
      source,
      destination: header.source,
      protocol: PROTOCOL.icmpv6,
      buffer,
      start,
      end,
      checksumOffset: ICMPV6_CHECKSUM,
    });
  }

  #takeToken(now: Instant): boolean {
    const fullAt = Math.max(this.#fullAt, now) as Instant;
    if (elapsed(now, fullAt) > (ERROR_BURST - 1) * INTERVAL_US) return false;
    this.#fullAt = after(fullAt, seconds(1 / ERRORS_PER_SECOND));
    return true;
  }
}

/** RFC 4443 2.4(e): never in answer to an error, a multicast, or a source that is not one node. */
function mayAnswer(offending: Uint8Array, header: Ipv6Header, type: number, code: number): boolean {
  const { source, destination } = header;
  if (source.isUnspecified || source.isMulticast) return false;
  if (destination.isMulticast && !isMulticastException(type, code)) return false;
  const chain = walkHeaders(offending, offending.length);
  if (!chain.complete || chain.protocol !== PROTOCOL.icmpv6) return true;
  // A later fragment of an ICMPv6 message does not tell what message.
  if (chain.fragmentOffset > 0) return false;
  const offendingType = u8(offending, chain.start);
  return chain.start < offending.length && !isIcmpv6Error(offendingType) && offendingType !== REDIRECT;
}

/** RFC 4443 2.4 e.3: path MTU discovery works for multicast, and an option may ask for an answer all the same. */
const isMulticastException = (type: number, code: number): boolean =>
  type === ICMPV6.packetTooBig || (type === ICMPV6.parameterProblem && code === PARAMETER_PROBLEM_CODE.option);
