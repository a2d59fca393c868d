// Extension headers of a packet for us, walked and obeyed in the order in which they come (RFC 8200 4): unknown
// options and routing types, fragments, the type 2 routing header and the Home Address option (RFC 6275 6.3, 6.4,
// 9.3.1, 11.3.3), about which the hooks decide.

import { assertNever } from '../core/parsed.ts';
import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import {
  headerLengthAt,
  homeAddressOfRoutingHeader2,
  isExtensionHeader,
  parseFragmentHeader,
  parseOptionsHeader,
  parseRoutingHeader,
  ROUTING_TYPE_2,
  type RoutingHeader,
} from '../wire/extension-header.ts';
import { ICMPV6, PARAMETER_PROBLEM_CODE, TIME_EXCEEDED_CODE } from '../wire/icmpv6.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, type Ipv6Header, PROTOCOL } from '../wire/ipv6.ts';
import { excessOf, homeAddressOf, type Ipv6Option, OPTION, unknownOptionAction } from '../wire/option.ts';
import { holdsWholeChain, MAX_EXTENSION_HEADERS, MAX_OPTIONS } from './chain.ts';
import type { Ipv6Context } from './context.ts';
import type { IcmpErrorSender } from './icmp-error.ts';
import { type Fragment, Reassembly } from './reassembly.ts';

/** What the walk ends with: where the upper layer is, and the addresses it sees. */
export interface UpperLayerAt {
  readonly protocol: number;
  readonly start: number;
  /** Offset of the Next Header field that names the upper layer. */
  readonly nextHeaderAt: number;
  readonly source: Address;
  readonly destination: Address;
  readonly hasHomeAddressOption: boolean;
  readonly hasRoutingHeader2: boolean;
}

export type WalkResult =
  | { readonly kind: 'upper-layer'; readonly at: UpperLayerAt }
  /** The last fragment came: the whole packet, to be processed from its beginning. */
  | { readonly kind: 'reassembled'; readonly packet: Uint8Array }
  /** Dropped, answered with an error, or waiting for fragments. */
  | { readonly kind: 'done' };

const DONE: WalkResult = { kind: 'done' };

/** RFC 8200 4.5: the Payload Length of the whole packet may not exceed this. */
const MAX_PAYLOAD_LENGTH = 65_535;

/** How far one packet's walk has come. */
interface Walk {
  readonly now: Instant;
  /** The packet up to its end. */
  readonly packet: Uint8Array;
  readonly ip: Ipv6Header;
  protocol: number;
  at: number;
  nextHeaderAt: number;
  destination: Address;
  home: Address | undefined;
  hasRoutingHeader2: boolean;
  /** Set by the last fragment. */
  reassembled: Uint8Array | undefined;
}

/** true: on to the next header. */
type Step = boolean;

export class ExtensionHeaders {
  readonly reassembly: Reassembly;
  readonly #context: Ipv6Context;
  readonly #errors: IcmpErrorSender;

  constructor(context: Ipv6Context, errors: IcmpErrorSender) {
    this.#context = context;
    this.#errors = errors;
    this.reassembly = new Reassembly(context.timers, (now, first) => this.#timedOut(now, first));
  }

  walk(now: Instant, packet: Uint8Array, ip: Ipv6Header): WalkResult {
    const walk: Walk = {
      now,
      packet,
      ip,
      protocol: ip.nextHeader,
      at: IPV6_HEADER_LEN,
      nextHeaderAt: IPV6_FIELD.nextHeader,
      destination: ip.destination,
      home: undefined,
      hasRoutingHeader2: false,
      reassembled: undefined,
    };
    for (let count = 0; isExtensionHeader(walk.protocol); count++) {
      if (count >= MAX_EXTENSION_HEADERS) {
        this.#context.drop('too-many-extension-headers');
        return DONE;
      }
      if (this.#step(walk)) continue;
      return walk.reassembled === undefined ? DONE : { kind: 'reassembled', packet: walk.reassembled };
    }
    return this.#finish(walk);
  }

  /** RFC 6275 9.3.1: the Home Address option is judged last, when the upper layer is known. */
  #finish(walk: Walk): WalkResult {
    const { home, ip, destination, protocol, at: start, nextHeaderAt, hasRoutingHeader2 } = walk;
    if (home !== undefined) {
      const seen = { careOf: ip.source, home, destination, protocol };
      const verdict = this.#context.hooks.homeAddressOption(walk.now, seen);
      if (verdict !== 'accept') {
        this.#context.drop('home-address-option');
        return DONE;
      }
    }
    const source = home ?? ip.source;
    const hasHomeAddressOption = home !== undefined;
    return {
      kind: 'upper-layer',
      at: { protocol, start, nextHeaderAt, source, destination, hasHomeAddressOption, hasRoutingHeader2 },
    };
  }

  #step(walk: Walk): Step {
    switch (walk.protocol) {
      case PROTOCOL.hopByHop:
        // RFC 8200 4.1: anywhere but right behind the IPv6 header, 0 is not a known next header.
        if (walk.at !== IPV6_HEADER_LEN) {
          return this.#problem(walk, PARAMETER_PROBLEM_CODE.nextHeader, walk.nextHeaderAt, 'hop-by-hop-not-first');
        }
        return this.#options(walk);
      case PROTOCOL.destinationOptions:
        return this.#options(walk);
      case PROTOCOL.routing:
        return this.#routing(walk);
      default:
        return this.#fragment(walk);
    }
  }

  #options(walk: Walk): Step {
    // RFC 8504 5.3: what no honest sender needs is discarded in silence.
    const end = Math.min(walk.packet.length, walk.at + headerLengthAt(walk.protocol, walk.packet, walk.at));
    const excess = excessOf(walk.packet, walk.at + 2, end, MAX_OPTIONS);
    if (excess !== undefined) return this.#drop(excess);
    const header = parseOptionsHeader(walk.packet, walk.at);
    if (!header.ok) return this.#malformed(walk, header.pointer);
    const mayHaveHome = walk.protocol === PROTOCOL.destinationOptions;
    for (const option of header.value.options) {
      const isHome = mayHaveHome && option.type === OPTION.homeAddress && this.#context.hooks.knowsHomeAddressOption;
      if (!(isHome ? this.#homeAddress(walk, option) : this.#unknownOption(walk, option))) return false;
    }
    return advance(walk, header.value.nextHeader, header.end);
  }

  /** RFC 8200 4.2. The options that homeport knows of and leaves alone all say 'skip'. */
  #unknownOption(walk: Walk, option: Ipv6Option): Step {
    const action = unknownOptionAction(option.type);
    switch (action) {
      case 'skip':
        return true;
      case 'discard':
        return this.#drop('unknown-option');
      case 'discard-icmp':
      case 'discard-icmp-unless-multicast':
        if (action === 'discard-icmp-unless-multicast' && walk.ip.destination.isMulticast) {
          return this.#drop('unknown-option');
        }
        return this.#problem(walk, PARAMETER_PROBLEM_CODE.option, option.at, 'unknown-option');
      default:
        return assertNever(action);
    }
  }

  /** RFC 6275 6.3: at most one a packet; 9.3.1: dropped unless it names a unicast routable address. */
  #homeAddress(walk: Walk, option: Ipv6Option): Step {
    const home = homeAddressOf(option);
    if (!home.ok) return this.#malformed(walk, home.pointer);
    if (walk.home !== undefined || !home.value.isRoutableUnicast) return this.#drop('home-address-option');
    walk.home = home.value;
    return true;
  }

  #routing(walk: Walk): Step {
    const header = parseRoutingHeader(walk.packet, walk.at);
    if (!header.ok) return this.#malformed(walk, header.pointer);
    const { type, segmentsLeft, nextHeader } = header.value;
    if (type === ROUTING_TYPE_2 && this.#context.hooks.knowsRoutingHeader2) {
      return this.#routing2(walk, header.value) && advance(walk, nextHeader, header.end);
    }
    // RFC 8200 4.4 for types that are not known, and so for type 0 (RFC 5095 3).
    if (segmentsLeft !== 0) {
      return this.#problem(walk, PARAMETER_PROBLEM_CODE.field, walk.at + 2, 'unknown-routing-type');
    }
    return advance(walk, nextHeader, header.end);
  }

  /** RFC 6275 11.3.3: what fails a check is silently discarded. */
  #routing2(walk: Walk, header: RoutingHeader): Step {
    const home = homeAddressOfRoutingHeader2(header);
    if (!home.ok || walk.hasRoutingHeader2 || !home.value.isRoutableUnicast) return this.#drop('routing-header-2');
    const verdict = this.#context.hooks.routingHeader2(walk.now, walk.ip.destination, home.value);
    if (verdict !== 'accept') return this.#drop('routing-header-2');
    walk.destination = home.value;
    walk.hasRoutingHeader2 = true;
    return true;
  }

  /** RFC 8200 4.5. */
  #fragment(walk: Walk): Step {
    const parsedHeader = parseFragmentHeader(walk.packet, walk.at);
    if (!parsedHeader.ok) return this.#malformed(walk, parsedHeader.pointer);
    const { value: header, end } = parsedHeader;
    // RFC 6946: a whole packet that happens to have a Fragment header has nothing to do with other fragments.
    if (header.offset === 0 && !header.more) return advance(walk, header.nextHeader, end);
    const length = walk.packet.length - end;
    if (header.more && length % 8 !== 0) {
      return this.#problem(walk, PARAMETER_PROBLEM_CODE.field, IPV6_FIELD.payloadLength, 'fragment-length');
    }
    if (walk.at - IPV6_HEADER_LEN + header.offset + length > MAX_PAYLOAD_LENGTH) {
      return this.#problem(walk, PARAMETER_PROBLEM_CODE.field, walk.at + 2, 'fragment-too-long');
    }
    if (length === 0) return this.#drop('fragment-empty');
    if (header.offset === 0 && !holdsWholeChain(walk.packet, walk.packet.length)) {
      return this.#problem(walk, PARAMETER_PROBLEM_CODE.incompleteChain, 0, 'fragment-incomplete-chain');
    }
    const { ip, packet, at, nextHeaderAt } = walk;
    const result = this.reassembly.add(walk.now, { ip, header, packet, at, nextHeaderAt });
    if (result === undefined) return false;
    if ('dropped' in result) return this.#drop(result.dropped);
    this.#context.counters.bump('reassembled');
    walk.reassembled = result.packet;
    return false;
  }

  #timedOut(now: Instant, first: Fragment | undefined): void {
    this.#context.drop('reassembly-timeout');
    if (first === undefined) return;
    this.#errors.send(now, first.packet, first.ip, ICMPV6.timeExceeded, TIME_EXCEEDED_CODE.reassembly, 0);
  }

  #malformed(walk: Walk, pointer: number): Step {
    return this.#problem(walk, PARAMETER_PROBLEM_CODE.field, pointer, 'malformed-extension-header');
  }

  #problem(walk: Walk, code: number, pointer: number, reason: string): Step {
    this.#errors.send(walk.now, walk.packet, walk.ip, ICMPV6.parameterProblem, code, pointer);
    return this.#drop(reason);
  }

  #drop(reason: string): Step {
    this.#context.drop(reason);
    return false;
  }
}

/** On to the header at `next`. Every header has at least 8 octets, so the walk ends. */
function advance(walk: Walk, nextHeader: number, next: number): Step {
  walk.nextHeaderAt = walk.at;
  walk.protocol = nextHeader;
  walk.at = next;
  return true;
}
