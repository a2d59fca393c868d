// One receiver a host for Mobility Headers (protocol 135), IPv6-in-IPv6 (41) and Home Address options, for the
// roles of RFC 6275 to share: a host may be correspondent, mobile node and home agent at once. Holds what is
// the same for all of them: the checks of 9.2, the exemptions of 9.3.1, the Binding Error messages of 9.3.3.

import { checksumHolds, sumWords } from '../core/checksum.ts';
import { Counters } from '../core/counters.ts';
import { type Instant, milliseconds } from '../core/time.ts';
import type { HomeAddressOptionSeen, HookVerdict } from '../ipv6/hooks.ts';
import type { IcmpErrorReport, ReceivedPacket, UpperVerdict } from '../ipv6/port.ts';
import { type Address, UNSPECIFIED } from '../wire/address.ts';
import { ECN_MASK, ecnOutOfTunnel, setEcn } from '../wire/ecn.ts';
import { type Ipv6Header, PROTOCOL, pseudoHeaderSum } from '../wire/ipv6.ts';
import { BINDING_ERROR, MOBILITY_FIELD, type MobilityMessage, parseMobilityHeader } from '../wire/mobility.ts';
import type { MobilityEnvironment } from './api.ts';
import { IcmpErrorSender } from './icmp-error.ts';
import { sendMobility } from './mobility-output.ts';
import { RateLimit } from './rate-limit.ts';
import type { MobilityHeaderSpan } from './rr-keys.ts';
import { innerPacketOf } from './tunnel.ts';

/** RFC 6275 9.3.3: Binding Errors are rate limited; a frozen donor's whole flight may provoke one each. */
const BINDING_ERRORS_TO_A_SITE = { burst: 50, interval: milliseconds(10) };
const BINDING_ERRORS = { burst: 200, interval: milliseconds(2) };

export interface ReceivedMobility {
  readonly packet: ReceivedPacket;
  readonly message: MobilityMessage;
  /** Where the Mobility Header is, for checking an authenticator. Lent for the length of the call. */
  readonly header: MobilityHeaderSpan;
}

/** 'pass': not meant for this role; the next one is asked. */
export type MobilityHandler = (now: Instant, received: ReceivedMobility) => 'handled' | 'pass';

export interface TunnelAddresses {
  readonly source: Address;
  readonly destination: Address;
}

/** A role's end of IPv6-in-IPv6 tunnels. */
export interface TunnelEnd {
  /** May this inner packet come out of a tunnel with these ends? (RFC 6275 10.4.5, 11.3.3.) */
  accepts(outer: TunnelAddresses, inner: Ipv6Header): boolean;
  /** Asked for what is accepted. true: it has gone on (lent: copied); else the host takes it as if it had just come. */
  passOn?(now: Instant, inner: Ipv6Header, packet: Uint8Array): boolean;
  /** Told of what no role accepts. */
  refused?(now: Instant, outer: TunnelAddresses, inner: Ipv6Header): void;
}

/** Tells whether a role holds, for our address `local`, a binding of `home` to `careOf`. */
export type HomeAddressJudge = (now: Instant, careOf: Address, home: Address, local: Address) => boolean;

export class MobilityDispatch {
  readonly counters = new Counters();
  readonly icmpErrors: IcmpErrorSender;
  readonly #environment: MobilityEnvironment;
  readonly #handlers = new Map<MobilityMessage['kind'], MobilityHandler[]>();
  readonly #tunnelEnds: TunnelEnd[] = [];
  readonly #judges: HomeAddressJudge[] = [];
  readonly #correspondents: ((home: Address, local: Address) => boolean)[] = [];
  readonly #errorListeners: ((now: Instant, report: IcmpErrorReport) => void)[] = [];
  readonly #bindingErrors = new RateLimit(BINDING_ERRORS_TO_A_SITE, BINDING_ERRORS);

  constructor(environment: MobilityEnvironment) {
    this.#environment = environment;
    this.icmpErrors = new IcmpErrorSender(environment);
    const { ipv6 } = environment;
    ipv6.register(PROTOCOL.mobility, {
      input: (now, packet) => this.#mobilityInput(now, packet),
      icmpError: (now, report) => {
        for (const listener of this.#errorListeners) listener(now, report);
      },
    });
    ipv6.register(PROTOCOL.ipv6, { input: (now, packet) => this.#tunnelInput(now, packet) });
    ipv6.addHooks({ homeAddress: { homeAddressOption: (now, seen) => this.homeAddressOption(now, seen) } });
  }

  /** Subscribes to a kind of message. Roles are asked in the order of their subscription, who asks to be first before. */
  onMessage(kind: MobilityMessage['kind'], handler: MobilityHandler, place: 'first' | 'last' = 'last'): void {
    const handlers = this.#handlers.get(kind) ?? [];
    this.#handlers.set(kind, place === 'first' ? [handler, ...handlers] : [...handlers, handler]);
  }

  onTunnel(end: TunnelEnd): void {
    this.#tunnelEnds.push(end);
  }

  onHomeAddressOption(judge: HomeAddressJudge): void {
    this.#judges.push(judge);
  }

  /**
   * A correspondent tells whether it has, for our address `local`, a binding of `home`, which no home registration may
   * become (RFC 6275 9.5.1).
   */
  onCorrespondentBinding(has: (home: Address, local: Address) => boolean): void {
    this.#correspondents.push(has);
  }

  hasCorrespondentBinding(home: Address, local: Address): boolean {
    return this.#correspondents.some((has) => has(home, local));
  }

  /** Errors about Mobility Headers that this host has sent. */
  onIcmpError(listener: (now: Instant, report: IcmpErrorReport) => void): void {
    this.#errorListeners.push(listener);
  }

  /** RFC 6275 9.2, in its order. */
  #mobilityInput(now: Instant, packet: ReceivedPacket): UpperVerdict {
    const { bytes, start, end } = packet;
    if (!packet.checksumValid && !checksumIsRight(packet)) return this.#drop('mobility-checksum');
    const parse = parseMobilityHeader(bytes, start, end);
    if (!parse.ok) {
      const headerLengthAt = start + MOBILITY_FIELD.headerLength;
      if (parse.pointer === headerLengthAt) this.icmpErrors.parameterProblem(now, packet, headerLengthAt);
      return this.#drop('mobility-malformed');
    }
    const { message, payloadProto } = parse.value;
    if (message.kind === 'unknown') {
      const home = packet.hasHomeAddressOption ? packet.source : UNSPECIFIED;
      this.#bindingError(now, packet.wireDestination, packet.wireSource, BINDING_ERROR.unrecognizedType, home);
      return this.#drop('mobility-type-unknown');
    }
    if (payloadProto !== PROTOCOL.none) {
      this.icmpErrors.parameterProblem(now, packet, start + MOBILITY_FIELD.payloadProto);
      return this.#drop('mobility-payload-proto');
    }
    const received = { packet, message, header: { bytes, start, end: parse.end } };
    for (const handler of this.#handlers.get(message.kind) ?? []) {
      if (handler(now, received) === 'handled') return 'accepted';
    }
    return this.#drop('mobility-unhandled');
  }

  /** RFC 6275 9.3.1: who fails is told by a Binding Error, and his packet is to be dropped. */
  homeAddressOption(now: Instant, seen: HomeAddressOptionSeen): HookVerdict {
    const { careOf, home, destination, protocol } = seen;
    if (!home.isRoutableUnicast || careOf.isMulticast) {
      this.#drop('home-address-not-unicast');
      return 'drop';
    }
    if (protocol === PROTOCOL.mobility || protocol === PROTOCOL.esp || protocol === PROTOCOL.ah) return 'accept';
    if (this.#judges.some((judge) => judge(now, careOf, home, destination))) return 'accept';
    this.#drop('home-address-without-binding');
    this.unknownBinding(now, destination, careOf, home);
    return 'drop';
  }

  /** To whoever sends as if we had a binding of `home`: Binding Error 1, rate limited. */
  unknownBinding(now: Instant, source: Address, destination: Address, home: Address): void {
    this.#bindingError(now, source, destination, BINDING_ERROR.unknownBinding, home);
  }

  /** RFC 6275 9.3.3: between the addresses that were on the wire; what came by tunnel is answered through it. */
  #bindingError(now: Instant, source: Address, destination: Address, status: number, home: Address): void {
    if (!destination.isRoutableUnicast || source.isMulticast || !this.#bindingErrors.take(now, destination)) return;
    const message = { kind: 'binding-error', status, home, options: [] } as const;
    sendMobility(this.#environment, now, { source, destination, message });
  }

  /** RFC 2473 3.3. No role's tunnel comes out of another one: its ends would be home addresses, which accepts() denies. */
  #tunnelInput(now: Instant, packet: ReceivedPacket): UpperVerdict {
    const inner = innerPacketOf(packet);
    if (inner === undefined) return this.#drop('tunnel-malformed');
    const outer = { source: packet.wireSource, destination: packet.wireDestination };
    const exit = this.#tunnelEnds.find((end) => end.accepts(outer, inner.header));
    if (exit === undefined) {
      for (const end of this.#tunnelEnds) end.refused?.(now, outer, inner.header);
      return this.#drop('tunnel-refused');
    }
    const ecn = ecnOutOfTunnel(inner.header.trafficClass, packet.trafficClass);
    if (ecn === undefined) return this.#drop('tunnel-ecn');
    // A mark of the way through the tunnel: in a copy, for the octets are lent.
    const marked = ecn !== (inner.header.trafficClass & ECN_MASK);
    const bytes = marked ? inner.bytes.slice() : inner.bytes;
    if (marked) setEcn(bytes, ecn);
    if (exit.passOn?.(now, inner.header, bytes) !== true) this.#environment.ipv6.inject(now, bytes, outer);
    return 'accepted';
  }

  /** Counts it. 'accepted' towards IPv6: what is due to the sender has been sent, or it is silence. */
  #drop(reason: string): UpperVerdict {
    this.counters.bump(reason);
    return 'accepted';
  }
}

/** RFC 6275 6.1.1: over the home addresses where a Home Address option or type 2 routing header has put them. */
function checksumIsRight(packet: ReceivedPacket): boolean {
  const { source, destination, bytes, start, end } = packet;
  return checksumHolds(
    sumWords(bytes, start, end, pseudoHeaderSum(source, destination, PROTOCOL.mobility, end - start)),
  );
}
