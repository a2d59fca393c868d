// ICMPv6 errors that come in (RFC 4443 2.4 d): matched back to the packet of ours that they quote, through type 2
// routing header and Home Address option to the addresses that the upper layer named, and reported to it. A
// Packet Too Big lowers the path MTU (RFC 8201), if it quotes what we have sent; an error from inside a tunnel is
// relayed (RFC 2473 8).

import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { ICMPV6, type Icmpv6Error, UNREACHABLE_CODE } from '../wire/icmpv6.ts';
import { IPV6_HEADER_LEN, type Ipv6Header, PROTOCOL, parseIpv6Header } from '../wire/ipv6.ts';
import { type HeaderChain, walkHeaders } from './chain.ts';
import type { Ipv6Context } from './context.ts';
import type { IcmpErrorSender } from './icmp-error.ts';
import type { IcmpErrorReport } from './port.ts';
import { innerMtuOf } from './tunnel.ts';

const KINDS: Readonly<Record<number, IcmpErrorReport['kind']>> = {
  [ICMPV6.unreachable]: 'unreachable',
  [ICMPV6.packetTooBig]: 'packet-too-big',
  [ICMPV6.timeExceeded]: 'time-exceeded',
  [ICMPV6.parameterProblem]: 'parameter-problem',
};

/** Tunnels in tunnels of ours that an error is followed into. */
const MAX_NESTING = 4;

/** A quoted packet of ours. */
interface Quoted {
  readonly header: Ipv6Header;
  readonly chain: HeaderChain;
  /** The addresses that the upper layer named. */
  readonly local: Address;
  readonly remote: Address;
  /** Where it went on the wire. */
  readonly wireDestination: Address;
}

export class IcmpReports {
  readonly #context: Ipv6Context;
  readonly #errors: IcmpErrorSender;

  constructor(context: Ipv6Context, errors: IcmpErrorSender) {
    this.#context = context;
    this.#errors = errors;
  }

  input(now: Instant, error: Icmpv6Error): void {
    this.#input(now, error, 0);
  }

  #input(now: Instant, error: Icmpv6Error, nesting: number): void {
    const kind = KINDS[error.type] ?? 'unknown';
    const quoted = this.#ourPacket(error.quoted);
    if (quoted === undefined) {
      this.#context.drop('icmp-error-not-ours');
      return;
    }
    if (nesting === 0 && kind === 'packet-too-big' && !this.#isCredible(error, quoted)) {
      this.#context.drop('packet-too-big-made-up');
      return;
    }
    const { type, code, parameter } = error;
    this.#context.counters.bump(`icmp.received.${type}`);
    this.#context.trace(now, 'icmp-error', { type, code, parameter, remote: quoted.remote.toString() });
    // What a tunnel relays is about its outer path, whose MTU has been noted.
    const lowered = nesting === 0 && type === ICMPV6.packetTooBig && this.#lowerPathMtu(now, quoted, parameter);
    this.#report(now, kind, error, quoted, nesting);
    if (!lowered) return;
    if (quoted.chain.protocol === PROTOCOL.ipv6) this.#context.layers.pathChanged(now, undefined, undefined);
    else this.#context.layers.pathChanged(now, quoted.local, quoted.remote);
  }

  /** The quoted packet, if it names us as its source. */
  #ourPacket(bytes: Uint8Array): Quoted | undefined {
    const header = parseIpv6Header(bytes);
    if (!header.ok || !this.#context.isLocal(header.value.source)) return undefined;
    const chain = walkHeaders(bytes, bytes.length);
    const { source, destination } = header.value;
    const local = chain.home ?? source;
    if (!this.#context.isLocal(local)) return undefined;
    // Seen on its way, the routing header still names the home address; seen at its end, the two are swapped.
    const consumed = chain.routed?.segmentsLeft === 0;
    const remote = consumed ? destination : (chain.routed?.address ?? destination);
    const wireDestination = consumed ? (chain.routed?.address ?? destination) : destination;
    return { header: header.value, chain, local, remote, wireDestination };
  }

  /**
   * RFC 8201 6, RFC 5927 7: is this really a packet of ours? Whoever can forge it has to see what we send: a layer that
   * keeps track of what is under way knows it; of all else the flow label has to be right.
   */
  #isCredible(error: Icmpv6Error, { header, chain, local, remote }: Quoted): boolean {
    const rest = error.quoted.subarray(chain.start);
    const layer = this.#context.layers.get(chain.protocol);
    if (layer?.isUnderWay !== undefined) {
      return chain.complete && chain.fragmentOffset === 0 && layer.isUnderWay(local, remote, rest);
    }
    const { flowLabels } = this.#context;
    if (chain.protocol !== PROTOCOL.ipv6) return header.flowLabel === flowLabels.of(local, remote, chain.protocol);
    return rest.length >= IPV6_HEADER_LEN && header.flowLabel === flowLabels.ofTunnelled(rest, 0);
  }

  /** Believed only of a packet that was larger than what is now said to fit (RFC 8201 4, 6). */
  #lowerPathMtu(now: Instant, quoted: Quoted, mtu: number): boolean {
    if (IPV6_HEADER_LEN + quoted.header.payloadLength <= mtu) return false;
    const port = this.#context.portTo(quoted.wireDestination);
    if (port === undefined) return false;
    const lowered = this.#context.pathMtu.lower(now, quoted.wireDestination, mtu, port.device.mtu);
    if (lowered) this.#context.trace(now, 'path-mtu', { destination: quoted.wireDestination.toString(), mtu });
    return lowered;
  }

  #report(now: Instant, kind: IcmpErrorReport['kind'], error: Icmpv6Error, quoted: Quoted, nesting: number): void {
    const { chain, local, remote } = quoted;
    const tunnelled = chain.protocol === PROTOCOL.ipv6;
    if ((tunnelled || chain.home !== undefined || chain.routed !== undefined) && this.#hookTakes(now, error, quoted))
      return;
    if (!chain.complete || chain.fragmentOffset > 0) return;
    if (tunnelled && this.#context.isLocal(quoted.header.source)) {
      this.#relay(now, error, quoted, nesting);
      return;
    }
    const { code } = error;
    const hasParameter = kind === 'packet-too-big' || kind === 'parameter-problem';
    const parameter = hasParameter ? error.parameter : 0;
    const { protocol } = chain;
    const rest = error.quoted.subarray(chain.start);
    this.#context.layers
      .get(protocol)
      ?.icmpError?.(now, { kind, code, parameter, local, remote, protocol, quoted: rest });
  }

  #hookTakes(now: Instant, error: Icmpv6Error, packet: Quoted): boolean {
    const { type, code, parameter, quoted } = error;
    const credible = this.#isCredible(error, packet);
    return this.#context.hooks.tunnelError(now, { type, code, parameter, quoted, credible });
  }

  /** RFC 2473 8: to the inner source, in its own terms; if that is ourselves, as an error about the inner packet. */
  #relay(now: Instant, error: Icmpv6Error, { chain, wireDestination }: Quoted, nesting: number): void {
    const inner = error.quoted.subarray(chain.start);
    const header = parseIpv6Header(inner);
    if (!header.ok || nesting >= MAX_NESTING) return;
    const tooBig = error.type === ICMPV6.packetTooBig;
    const type = tooBig ? ICMPV6.packetTooBig : ICMPV6.unreachable;
    const code = tooBig ? 0 : UNREACHABLE_CODE.address;
    const parameter = tooBig ? innerMtuOf(error.parameter) : 0;
    if (this.#context.isLocal(header.value.source)) {
      this.#input(now, { kind: 'error', type, code, parameter, quoted: inner }, nesting + 1);
    } else if (!tooBig || IPV6_HEADER_LEN + header.value.payloadLength > parameter) {
      this.#errors.send(now, inner, header.value, type, code, parameter);
    }
    this.#context.trace(now, 'tunnel-error', { type, tunnel: wireDestination.toString() });
  }
}
