// A correspondent node on behalf of the hosts behind a router (RFC 6275 section 9): they run any programs on any stack,
// and know nothing of Mobile IPv6. The tests and updates that a mobile node sends them are answered here; what they
// send to a bound home address leaves with a type 2 routing header, what comes with a Home Address option arrives
// without it. Everything else passes. The bindings are the Correspondent's, one cache for each host (9.1).
//
// Not here: hosts behind that are mobile nodes themselves towards the same peer, and AH, which covers the headers that
// are changed (RFC 4302).

import { setU16, setU32, u8, u32 } from '../core/bytes.ts';
import { checksumHolds, checksumOf, sumWords } from '../core/checksum.ts';
import { type Duration, elapsed, type Instant } from '../core/time.ts';
import type { Frame, Onward, TransitFrame, TransitVerdict } from '../ipv6/hooks.ts';
import type { Ipv6Port } from '../ipv6/port.ts';
import type { Address } from '../wire/address.ts';
import { readAddress } from '../wire/address.ts';
import { ROUTING_HEADER_2_LEN } from '../wire/extension-header.ts';
import { ICMPV6, ICMPV6_CHECKSUM, ICMPV6_HEADER_LEN, isIcmpv6Error } from '../wire/icmpv6.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, PROTOCOL, pseudoHeaderSum } from '../wire/ipv6.ts';
import { MOBILITY_FIELD } from '../wire/mobility.ts';
import { MH } from '../wire/mobility-message.ts';
import { HOME_ADDRESS_HEADER_LEN } from '../wire/option.ts';
import { TCP_HEADER_LEN } from '../wire/tcp.ts';
import type { Correspondent } from './correspondent.ts';
import type { MobilityDispatch } from './mobility-dispatch.ts';
import { isSyn, mssAbove, setMss } from './mss-clamp.ts';
import {
  type Allocate,
  copied,
  type Headers,
  headersOf,
  withoutHomeAddress,
  withoutRoutingHeader2,
  withRoutingHeader2,
} from './translation.ts';

/** A client behind us hears from another node. */
export interface MoveSeen {
  readonly client: Address;
  readonly home: Address;
  readonly from: Address;
  readonly to: Address;
  /** From the last packet of the one to the first of the other, as they left for the client. */
  readonly gap: Duration;
}

export interface ClientGatewayConfig {
  /** Is this the address of a host behind us? */
  readonly isBehindUs: (address: Address) => boolean;
  /** MTU of the way out. */
  readonly outsideMtu: number;
  /** Told of each move, when the first packet from the new node comes by. */
  readonly moved?: (now: Instant, move: MoveSeen) => void;
}

/** What a packet may have more on the way than its sender knows of: a type 2 routing header out, a HAO in. */
const MOST_EXTRA = Math.max(ROUTING_HEADER_2_LEN, HOME_ADDRESS_HEADER_LEN);

/** Messages that a correspondent is sent (RFC 6275 6.1); the others pass, for a mobile node behind us. */
const FOR_CORRESPONDENTS: readonly number[] = [MH.homeTestInit, MH.careOfTestInit, MH.bindingUpdate];

export class ClientGateway {
  readonly #dispatch: MobilityDispatch;
  readonly #correspondent: Correspondent;
  readonly #config: ClientGatewayConfig;
  readonly #allocate: Allocate;
  readonly #mostMss: number;
  /** By client and home address; an entry goes with its binding. */
  readonly #heard = new Map<string, { readonly from: Address; at: Instant }>();

  constructor(
    environment: { readonly ipv6: Ipv6Port },
    dispatch: MobilityDispatch,
    correspondent: Correspondent,
    config: ClientGatewayConfig,
  ) {
    this.#dispatch = dispatch;
    this.#correspondent = correspondent;
    this.#config = config;
    this.#mostMss = config.outsideMtu - MOST_EXTRA - IPV6_HEADER_LEN - TCP_HEADER_LEN;
    this.#allocate = (length) => {
      const { buffer, start } = environment.ipv6.allocate(length);
      return buffer.subarray(start, start + length);
    };
  }

  /** A binding has ended: no more is remembered of whom the client heard. */
  forget(client: Address, home: Address): void {
    this.#heard.delete(keyOf(client, home));
  }

  /** The hook of the router. */
  transit(now: Instant, transit: TransitFrame): TransitVerdict {
    return this.#config.isBehindUs(transit.destination) ? this.#inward(now, transit) : this.#outward(transit);
  }

  /** RFC 6275 9.3.2. A packet that has a routing header of its own goes by the home agent. */
  #outward({ frame, source, destination }: TransitFrame): TransitVerdict {
    const headers = headersOf(frame.bytes);
    if (headers === undefined) return 'pass';
    const isMobility = headers.protocol === PROTOCOL.mobility;
    const careOf =
      headers.routing === undefined && !isMobility ? this.#correspondent.use(source, destination) : undefined;
    if (careOf === undefined) return this.#clamped(frame, headers, destination);
    const out = withRoutingHeader2(frame, headers, { home: destination, careOf }, this.#allocate);
    this.#clampIn(out, headers.start + ROUTING_HEADER_2_LEN, headers);
    return { frame: out, destination: careOf, growth: ROUTING_HEADER_2_LEN };
  }

  #inward(now: Instant, { frame, source, destination }: TransitFrame): TransitVerdict {
    const headers = headersOf(frame.bytes);
    if (headers === undefined) return 'pass';
    const { protocol, start, home } = headers;
    if (protocol === PROTOCOL.mobility && (home !== undefined || isForCorrespondent(frame.bytes, headers)))
      return 'ours';
    if (home === undefined) {
      if (protocol === PROTOCOL.icmpv6 && start === IPV6_HEADER_LEN) return this.#icmp(frame, destination);
      return this.#clamped(frame, headers, destination);
    }
    // RFC 6275 9.3.1, 9.3.3.
    const seen = { careOf: source, home: home.address, destination, protocol };
    if (this.#dispatch.homeAddressOption(now, seen) !== 'accept') return 'taken';
    if (this.#correspondent.careOfAddress(home.address, destination)?.equals(source) === true) {
      this.#hear(now, destination, home.address, source); // ESP comes through without a binding
    }
    const out = withoutHomeAddress(frame, home, this.#allocate);
    const growth = out.bytes.length - frame.bytes.length;
    this.#clampIn(out, start + growth, headers);
    return { frame: out, destination, growth };
  }

  #hear(now: Instant, client: Address, home: Address, from: Address): void {
    const key = keyOf(client, home);
    const before = this.#heard.get(key);
    if (before?.from.equals(from) === true) {
      before.at = now;
      return;
    }
    this.#heard.set(key, { from, at: now });
    if (before === undefined) return;
    this.#config.moved?.(now, { client, home, from: before.from, to: from, gap: elapsed(before.at, now) });
  }

  /** A SYN whose MSS is too large, in a copy; else as it is. */
  #clamped(frame: Frame, headers: Headers, destination: Address): TransitVerdict {
    const { start } = headers;
    if (!hasSyn(frame.bytes, start, headers) || mssAbove(frame.bytes, start, this.#mostMss) === undefined)
      return 'pass';
    const out = copied(frame, this.#allocate);
    this.#clampIn(out, start, headers);
    return { frame: out, destination, growth: 0 };
  }

  #clampIn(frame: Frame, start: number, headers: Headers): void {
    if (!hasSyn(frame.bytes, start, headers)) return;
    const at = mssAbove(frame.bytes, start, this.#mostMss);
    if (at !== undefined) setMss(frame.bytes, start, at, this.#mostMss, frame.offload?.checksumStart === undefined);
  }

  /**
   * RFC 6275 9.3.4: an error about what left with a routing header is made one about what the client had sent, if it is
   * on the way that the binding takes. Whether to believe it is the client's to judge, who knows what it has under way.
   */
  #icmp(frame: Frame, client: Address): TransitVerdict {
    const { bytes } = frame;
    if (bytes.length < IPV6_HEADER_LEN + ICMPV6_HEADER_LEN || !isIcmpv6Error(u8(bytes, IPV6_HEADER_LEN))) return 'pass';
    const quoted = bytes.subarray(IPV6_HEADER_LEN + ICMPV6_HEADER_LEN);
    const original = withoutRoutingHeader2(quoted);
    if (original === undefined || !readAddress(quoted, IPV6_FIELD.source).equals(client)) return 'pass';
    const careOf = this.#correspondent.careOfAddress(original.home, client);
    if (careOf?.equals(readAddress(quoted, IPV6_FIELD.destination)) !== true) return 'pass';
    // One that was damaged on the way stays so: it is not to get a right checksum here.
    const pseudo = pseudoHeaderSum(readAddress(bytes, IPV6_FIELD.source), client, PROTOCOL.icmpv6, lengthOf(bytes));
    if (!checksumHolds(sumWords(bytes, IPV6_HEADER_LEN, bytes.length, pseudo))) return 'pass';
    return this.#errorAbout(bytes, original.bytes, client);
  }

  #errorAbout(bytes: Uint8Array, original: Uint8Array, client: Address): Onward {
    const length = ICMPV6_HEADER_LEN + original.length;
    const out = this.#allocate(IPV6_HEADER_LEN + length);
    out.set(bytes.subarray(0, IPV6_HEADER_LEN + ICMPV6_HEADER_LEN));
    out.set(original, IPV6_HEADER_LEN + ICMPV6_HEADER_LEN);
    setU16(out, IPV6_FIELD.payloadLength, length);
    const type = u8(out, IPV6_HEADER_LEN);
    const parameterAt = IPV6_HEADER_LEN + 4;
    if (type === ICMPV6.packetTooBig) setU32(out, parameterAt, u32(out, parameterAt) - ROUTING_HEADER_2_LEN);
    const checksumAt = IPV6_HEADER_LEN + ICMPV6_CHECKSUM;
    const source = readAddress(out, IPV6_FIELD.source);
    setU16(out, checksumAt, 0);
    const pseudo = pseudoHeaderSum(source, client, PROTOCOL.icmpv6, length);
    setU16(out, checksumAt, checksumOf(sumWords(out, IPV6_HEADER_LEN, out.length, pseudo)));
    return { frame: { bytes: out }, destination: client, growth: out.length - bytes.length };
  }
}

const lengthOf = (packet: Uint8Array): number => packet.length - IPV6_HEADER_LEN;

const keyOf = (client: Address, home: Address): string => home.key + client.key;

const isForCorrespondent = (bytes: Uint8Array, { start, hasUpperLayer }: Headers): boolean =>
  !hasUpperLayer || FOR_CORRESPONDENTS.includes(u8(bytes, start + MOBILITY_FIELD.type));

const hasSyn = (bytes: Uint8Array, start: number, { protocol, hasUpperLayer }: Headers): boolean =>
  protocol === PROTOCOL.tcp && hasUpperLayer && isSyn(bytes, start);
