// What comes for a listener (RFC 9293 3.10.7.2): a SYN becomes a half-open connection while there is room for one, and
// gets a SYN cookie where there is none (RFC 4987 3.6); the ACK that brings a cookie back becomes a connection. Nothing
// is remembered in between. Cookies are looked at for a while after the last one was given, so that in quiet times
// nobody can open a connection by guessing.

import { after, type Instant } from '../core/time.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import { PROTOCOL } from '../wire/ipv6.ts';
import { type Seq, seqAdd } from '../wire/seq.ts';
import { emitTcpHeader, TCP_CHECKSUM, TCP_FLAG, type TcpHeader, tcpHeaderLength } from '../wire/tcp.ts';
import type { TcpOptions as WireOptions } from '../wire/tcp-option.ts';
import type { Endpoint, ExpandedTcpOptions } from './api.ts';
import { asksForEcn } from './ecn.ts';
import type { FastOpenCookies } from './fast-open-cookies.ts';
import { acceptSyn, openFromCookie, type TextOfSyn, tellOpen } from './handshake.ts';
import { COOKIE_LIFETIME, MAX_CONNECTIONS } from './limits.ts';
import type { TcpListener } from './listener.ts';
import { mssToAdvertise, timestampTick, windowShiftFor } from './options.ts';
import { segmentArrives } from './segment-arrives.ts';
import { output } from './send.ts';
import { packOptions, type SynCookies, unpackEcn, unpackOptions, valueAfter } from './syn-cookie.ts';
import type { Tcb, TcbLayer } from './tcb.ts';

/** What a connection from a passive open begins with. */
export interface PassiveSeed {
  readonly listener: TcpListener;
  readonly irs: Seq;
  /** Absent: chosen as for any connection. */
  readonly isn?: Seq | undefined;
  readonly timestampOffset?: number;
}

/** What a passive open needs of the layer. */
export interface PassiveOpenLayer extends TcbLayer {
  readonly cookies: SynCookies;
  readonly fastOpenCookies: FastOpenCookies;
  /** Connections in all states. */
  readonly connectionCount: number;
  createTcb(now: Instant, local: Endpoint, remote: Endpoint, options: ExpandedTcpOptions, passive: PassiveSeed): Tcb;
}

export class PassiveOpens {
  readonly #layer: PassiveOpenLayer;

  constructor(layer: PassiveOpenLayer) {
    this.#layer = layer;
  }

  /** RFC 9293 3.10.7.2, third. `isn`: the new incarnation of a connection starts there. */
  synArrives(now: Instant, listener: TcpListener, header: TcpHeader, packet: ReceivedPacket, isn?: Seq): void {
    const layer = this.#layer;
    if (!this.#hasRoom(listener)) return;
    if (this.#isFull(now, listener)) {
      this.#sendCookie(now, listener, header, packet);
      return;
    }
    const tcb = layer.createTcb(now, ...endsOf(packet, header), listener.options, { listener, irs: header.seq, isn });
    listener.halfOpen.add(tcb);
    const text = this.#fastOpen(now, listener, tcb, header, packet);
    acceptSyn(tcb, now, header, packet, text);
    if (tcb.early) tellOpen(tcb, now);
    output(tcb, now);
  }

  /**
   * May a SYN in TIME-WAIT begin the next connection? Its ISN has to lie beyond the numbers of the last one (RFC 9293
   * 3.6.1, RFC 6191 2), which no cookie can do: without a place among the half-open ones TIME-WAIT goes on.
   */
  mayReopen(now: Instant, listener: TcpListener): boolean {
    return this.#hasRoom(listener) && !this.#isFull(now, listener);
  }

  /** RFC 7413 4.2.2, 1 to 5. */
  #fastOpen(now: Instant, listener: TcpListener, tcb: Tcb, header: TcpHeader, packet: ReceivedPacket): TextOfSyn {
    const { fastOpenCookie: cookie } = header.options;
    if (cookie === undefined) return 'take';
    const { fastOpens } = listener;
    if (fastOpens === undefined) return 'refuse';
    const { fastOpenCookies, counters } = this.#layer;
    const verdict = cookie.length === 0 ? 'bad' : fastOpenCookies.check(now, packet, cookie);
    if (verdict !== 'good') tcb.fastOpenCookie = fastOpenCookies.make(now, packet);
    const hasText = packet.end - packet.start > header.dataOffset;
    if (verdict === 'bad' || !hasText) return 'refuse';
    if (!fastOpens.take(now)) {
      counters.bump('fast-open-overflow');
      return 'refuse';
    }
    tcb.fastOpened = true;
    return 'take';
  }

  /**
   * RFC 9293 3.10.7.2, second: an ACK is reset, unless it brings back a cookie. 'taken': there is no more to do. These
   * RSTs are not rationed: no more of them leave than ACKs come, as from a port where nobody listens, and a count that all
   * share would tell an attacker whose ACKs were refused and who has a connection (CVE-2016-5696).
   */
  ackArrives(now: Instant, listener: TcpListener, header: TcpHeader, packet: ReceivedPacket): 'taken' | 'reset' {
    const isAck = (header.flags & (TCP_FLAG.syn | TCP_FLAG.ack | TCP_FLAG.rst)) === TCP_FLAG.ack;
    if (!isAck || !listener.isFlooded(now)) return 'reset';
    const { cookies, counters } = this.#layer;
    const mss = cookies.check(now, packet, header);
    if (mss === undefined) {
      counters.bump('syn-cookie-refused');
      return isFurtherOn(header, packet) ? 'taken' : 'reset';
    }
    if (this.#hasRoom(listener)) this.#open(now, listener, header, packet, mss);
    return 'taken';
  }

  /** False: the peer has to try again later. */
  #hasRoom(listener: TcpListener): boolean {
    const { counters, connectionCount } = this.#layer;
    if (connectionCount < MAX_CONNECTIONS && listener.untaken < listener.backlog) return true;
    counters.bump('accept-overflow');
    return false;
  }

  /** As many half-open connections as the backlog allows: a flood, it may be. */
  #isFull(now: Instant, listener: TcpListener): boolean {
    if (listener.halfOpen.size < listener.backlog) return false;
    listener.floodedUntil = after(now, COOKIE_LIFETIME);
    this.#layer.counters.bump('backlog');
    return true;
  }

  /** SYN,ACK, and nothing is kept. */
  #sendCookie(now: Instant, listener: TcpListener, header: TcpHeader, packet: ReceivedPacket): void {
    const { ipv6, cookies } = this.#layer;
    const { isn, timestampOffset } = cookies.make(now, packet, header);
    const { receiveBuffer, maxReceiveBuffer } = listener.options;
    const mss = mssToAdvertise(ipv6.path(now, packet.destination, packet.source));
    // Like the rest of what was agreed, it can be known again only with timestamps.
    const ecn = header.options.timestamp !== undefined && asksForEcn(header.flags, listener.options.ecn);
    const options = cookieOptions(mss, header.options, timestampTick(now) + timestampOffset, maxReceiveBuffer, ecn);
    const { buffer, start } = ipv6.allocate(tcpHeaderLength(options));
    const answer = {
      sourcePort: header.destinationPort,
      destinationPort: header.sourcePort,
      seq: isn,
      ack: seqAdd(header.seq, 1),
      flags: TCP_FLAG.syn | TCP_FLAG.ack | (ecn ? TCP_FLAG.ece : 0),
      window: Math.min(0xffff, receiveBuffer),
      options,
    };
    const end = emitTcpHeader(answer, buffer, start);
    ipv6.send(now, {
      source: packet.destination,
      destination: packet.source,
      protocol: PROTOCOL.tcp,
      buffer,
      start,
      end,
      checksumOffset: TCP_CHECKSUM,
    });
    this.#layer.counters.bump('syn-cookie-sent');
  }

  #open(now: Instant, listener: TcpListener, header: TcpHeader, packet: ReceivedPacket, mss: number): void {
    const { timestamp } = header.options;
    const seed = {
      listener,
      irs: seqAdd(header.seq, -1),
      isn: seqAdd(header.ack, -1),
      // Our TSvals go on above the one in the SYN,ACK, so that PAWS at the peer takes them.
      ...(timestamp && { timestampOffset: (valueAfter(timestamp.echo) - timestampTick(now)) >>> 0 }),
    };
    const tcb = this.#layer.createTcb(now, ...endsOf(packet, header), listener.options, seed);
    const options = timestamp === undefined ? { mss } : { mss, timestamp, ...unpackOptions(timestamp.echo) };
    openFromCookie(tcb, now, options, timestamp !== undefined && unpackEcn(timestamp.echo));
    this.#layer.counters.bump('syn-cookie-taken');
    segmentArrives(tcb, now, header, packet);
  }
}

/**
 * Text or a FIN of a connection whose first segments were lost, it may be: the cookie is in the first, which comes
 * again. Deviates from RFC 9293 3.10.7.2, second: a RST would end a connection that the peer has for open.
 */
const isFurtherOn = (header: TcpHeader, { start, end }: ReceivedPacket): boolean =>
  end - start > header.dataOffset || (header.flags & TCP_FLAG.fin) !== 0;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const endsOf = (packet: ReceivedPacket, header: TcpHeader): [local: Endpoint, remote: Endpoint] => [
  { address: packet.destination, port: header.destinationPort },
  { address: packet.source, port: header.sourcePort },
];

/** What the SYN,ACK agrees to: only with timestamps can any of it be known again. */
function cookieOptions(
  mss: number,
  offered: WireOptions,
  tick: number,
  maxReceiveBuffer: number,
  ecn: boolean,
): WireOptions {
  const { timestamp } = offered;
  if (timestamp === undefined) return { mss };
  // By assignment: spreading costs as much as all the rest of an answer.
  const options: Writable<WireOptions> = { mss };
  options.timestamp = { value: packOptions(tick >>> 0, offered, ecn), echo: timestamp.value };
  if (offered.sackPermitted === true) options.sackPermitted = true;
  if (offered.windowScale !== undefined) options.windowScale = windowShiftFor(maxReceiveBuffer);
  return options;
}
