// The TCP layer of a host: segments are matched to connections and listeners, connections are opened, and events
// are told when the call that caused them is over. What a connection does is in the files around it.

import { checksumHolds, sumWords } from '../core/checksum.ts';
import { Counters } from '../core/counters.ts';
import { after, EPOCH, type Instant } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import { NO_TRACE, type Trace } from '../core/trace.ts';
import type { IcmpErrorReport, Ipv6Port, ReceivedPacket, UpperLayer, UpperVerdict } from '../ipv6/port.ts';
import { type Address, UNSPECIFIED } from '../wire/address.ts';
import { PROTOCOL, pseudoHeaderSum } from '../wire/ipv6.ts';
import { seq } from '../wire/seq.ts';
import { parseTcpHeader, TCP_FLAG, type TcpHeader } from '../wire/tcp.ts';
import type {
  Connection,
  ConnectOptions,
  Endpoint,
  ExpandedTcpOptions,
  InstallOptions,
  Listener,
  ListenOptions,
  OpenError,
  TcpEnvironment,
  TcpLayer,
  TcpObserver,
} from './api.ts';
import { ChunkPool } from './chunk-pool.ts';
import { createCongestionControl } from './congestion/create.ts';
import { TcpConnection, tcbOf } from './connection.ts';
import { Demux } from './demux.ts';
import { EventQueue } from './event-queue.ts';
import { EVENT } from './events.ts';
import { onTimer } from './expiry.ts';
import { beginFastOpen } from './fast-open.ts';
import { FastOpenCache } from './fast-open-cache.ts';
import { FastOpenCookies } from './fast-open-cookies.ts';
import { freeze, nudge, resume, thaw } from './handoff.ts';
import { sendSyn } from './handshake.ts';
import { icmpErrorArrives, isInFlight, quotedSegment } from './icmp.ts';
import { secretsFor } from './isn.ts';
import { DEFAULT_BACKLOG, DEFAULT_MAX_MEMORY, DEFAULT_MSS, MAX_BACKLOG, RELIEF_PERIOD } from './limits.ts';
import { ListenerTable, TcpListener } from './listener.ts';
import { expandOptions, mssToAdvertise, windowShiftFor } from './options.ts';
import { PassiveOpens, type PassiveSeed } from './passive-open.ts';
import { PortSelector } from './ports.ts';
import { dropOutOfOrder } from './receive.ts';
import { resetUnmatched } from './reset.ts';
import { endpointOf, restoreTcb } from './restore.ts';
import { segmentArrives } from './segment-arrives.ts';
import { output, refreshPath } from './send.ts';
import type { ConnectionSnapshot } from './snapshot.ts';
import { SynCookies } from './syn-cookie.ts';
import { takeSnapshot } from './take-snapshot.ts';
import { Tcb, type TcbLayer } from './tcb.ts';
import { close, newIncarnation, TimeWaits } from './time-wait.ts';
import type { TimerKind } from './timers.ts';

export class Tcp implements TcpLayer, UpperLayer, TcbLayer {
  readonly ipv6: Ipv6Port;
  readonly timers: TimerQueue;
  readonly trace: Trace;
  readonly observer: TcpObserver;
  readonly counters = new Counters();
  readonly chunks: ChunkPool;
  readonly cookies: SynCookies;
  readonly fastOpenCookies: FastOpenCookies;
  readonly fastOpenServers = new FastOpenCache();
  readonly waits = new TimeWaits();
  /** Asked before a segment that belongs to no connection is answered with a RST. */
  onUnmatched: ((now: Instant, packet: ReceivedPacket, header: TcpHeader) => 'reset' | 'ignore') | undefined;
  readonly #secret: Uint8Array;
  readonly #demux: Demux;
  readonly #listeners = new ListenerTable();
  readonly #ports: PortSelector;
  readonly #events: EventQueue;
  /** Not before. */
  #relieveAt: Instant = EPOCH;
  readonly #passiveOpens = new PassiveOpens(this);

  constructor(environment: TcpEnvironment) {
    this.ipv6 = environment.ipv6;
    this.timers = environment.timers;
    this.trace = environment.trace ?? NO_TRACE;
    this.observer = environment.observer ?? {};
    this.#secret = environment.secret;
    this.chunks = new ChunkPool(environment.maxMemory ?? DEFAULT_MAX_MEMORY);
    this.cookies = new SynCookies(environment.secret, environment.wallSeconds);
    this.fastOpenCookies = new FastOpenCookies(environment.secret, environment.wallSeconds);
    this.#demux = new Demux(environment.random.u32());
    this.#ports = new PortSelector(environment.secret);
    this.#events = new EventQueue(environment.timers);
    this.ipv6.register(PROTOCOL.tcp, this);
  }

  // --- from the application ------------------------------------------------------------------------------

  listen(options: ListenOptions, accept: (now: Instant, connection: Connection) => void): Listener | OpenError {
    const { address } = options;
    if (address !== undefined && !this.ipv6.isLocal(address)) return 'address-not-available';
    const port = options.port === 0 ? this.#freeListenPort() : options.port;
    if (port === undefined || this.#listeners.has(address, port)) return 'address-in-use';
    const backlog = Math.min(MAX_BACKLOG, Math.max(1, options.backlog ?? DEFAULT_BACKLOG));
    const listener = new TcpListener(
      this.#listeners,
      { address, port, backlog, fastOpen: options.fastOpen === true },
      expandOptions(options),
      accept,
    );
    this.#listeners.add(listener);
    return listener;
  }

  connect(now: Instant, options: ConnectOptions): Connection | OpenError {
    const { remote } = options;
    const address = options.localAddress ?? this.ipv6.selectSource(remote.address);
    if (address === undefined) return 'no-route';
    if (!this.ipv6.isLocal(address)) return 'address-not-available';
    const isFree = (port: number): boolean => this.#claim({ address, port }, remote);
    const wanted = options.localPort ?? 0;
    const unused = (port: number): boolean => isFree(port) && !this.#listeners.usesPort(port);
    const port = wanted === 0 ? this.#ports.select({ address, port: 0 }, remote, unused) : wanted;
    if (port === undefined || !isFree(port)) return 'address-in-use';
    const tcb = this.createTcb(now, { address, port }, remote, expandOptions(options));
    this.#events.enter();
    try {
      if (options.fastOpen === true) beginFastOpen(tcb, now);
      if (!tcb.synHeld) sendSyn(tcb, now);
      output(tcb, now);
    } finally {
      this.#events.leave();
    }
    // A peer on this machine may have answered from inside: told later, for nobody listens to this connection yet.
    this.#events.tellLater(now);
    return tcb.connection;
  }

  *connections(): IterableIterator<Connection> {
    for (const tcb of this.#demux.all()) if (tcb.state !== 'CLOSED') yield tcb.connection;
  }

  connectionsBetween(local: Address, remote: Address): Connection[] {
    const between: Connection[] = [];
    for (const tcb of this.#demux.withPeer(remote)) {
      if (tcb.state !== 'CLOSED' && tcb.local.address.equals(local)) between.push(tcb.connection);
    }
    return between;
  }

  // --- from IPv6 -------------------------------------------------------------------------------------------

  input(now: Instant, packet: ReceivedPacket): UpperVerdict {
    const header = this.#parse(packet);
    if (header === undefined) return 'accepted';
    this.#events.enter();
    try {
      this.#deliver(now, header, packet);
    } finally {
      this.#events.leave();
    }
    this.#events.tell(now);
    return 'accepted';
  }

  icmpError(now: Instant, report: IcmpErrorReport): void {
    const quoted = quotedSegment(report.quoted);
    if (quoted === undefined) return;
    const tcb = this.#demux.find(report.local, quoted.localPort, report.remote, quoted.remotePort);
    if (tcb === undefined || tcb.silence !== 'none') return;
    this.#events.enter();
    try {
      icmpErrorArrives(tcb, now, report, quoted);
    } finally {
      this.#events.leave();
    }
    this.#events.tell(now);
  }

  /** RFC 8201 6, RFC 5927 4.1: octets in flight, whoever speaks for the connection now. */
  isUnderWay(local: Address, remote: Address, bytes: Uint8Array): boolean {
    const quoted = quotedSegment(bytes);
    if (quoted === undefined) return false;
    const tcb = this.#demux.find(local, quoted.localPort, remote, quoted.remotePort);
    return tcb !== undefined && isInFlight(tcb, quoted);
  }

  pathChanged(now: Instant, local: Address | undefined, remote: Address | undefined): void {
    for (const tcb of remote === undefined ? this.#demux.all() : this.#demux.withPeer(remote)) {
      if (tcb.silence !== 'none') continue;
      if (local !== undefined && !tcb.local.address.equals(local)) continue;
      refreshPath(tcb, now);
    }
  }

  // --- handoff ---------------------------------------------------------------------------------------------

  onDrained(connection: Connection, handler: ((now: Instant) => void) | undefined): void {
    tcbOf(connection).onDrained = handler;
  }

  freeze(now: Instant, connection: Connection): void {
    freeze(tcbOf(connection), now);
  }

  thaw(now: Instant, connection: Connection): void {
    thaw(tcbOf(connection), now);
  }

  snapshot(now: Instant, connection: Connection): ConnectionSnapshot {
    const tcb = tcbOf(connection);
    if (tcb.silence === 'none') throw new Error('TCP: a snapshot of a connection that is not frozen');
    return takeSnapshot(tcb, now);
  }

  copySendBuffer(connection: Connection, from: number): { readonly offset: number; readonly bytes: Uint8Array } {
    const { sendBuffer } = tcbOf(connection);
    const offset = Math.min(Math.max(from, sendBuffer.start), sendBuffer.end);
    return { offset, bytes: sendBuffer.slice(offset, sendBuffer.end) };
  }

  forget(connection: Connection): void {
    const tcb = tcbOf(connection);
    tcb.timers.cancelAll();
    if ((tcb.pendingEvents & EVENT.accept) !== 0 && tcb.listener !== undefined) tcb.listener.untaken -= 1;
    tcb.pendingEvents = 0;
    tcb.listener?.release(tcb);
    this.waits.delete(tcb);
    tcb.state = 'CLOSED'; // not through transition(): it lives on elsewhere
    tcb.sendBuffer.dispose();
    tcb.receiveBuffer.handOver();
    this.#demux.remove(tcb);
  }

  install(now: Instant, snapshot: ConnectionSnapshot, options: InstallOptions): Connection | OpenError {
    const local = endpointOf(snapshot.local);
    const remote = endpointOf(snapshot.remote);
    if (!this.ipv6.isLocal(local.address)) return 'address-not-available';
    if (!this.#claim(local, remote)) return 'address-in-use';
    const path = this.ipv6.path(now, local.address, remote.address);
    const { flowLabel } = secretsFor(this.#secret, now, local, remote);
    const tcb = restoreTcb(this, now, snapshot, { path, flowLabel }, options);
    tcb.connection = new TcpConnection(tcb);
    this.#demux.add(tcb);
    return tcb.connection;
  }

  resume(now: Instant, connection: Connection): void {
    resume(tcbOf(connection), now);
  }

  nudge(now: Instant, connection: Connection): void {
    nudge(tcbOf(connection), now);
  }

  // --- from connections ------------------------------------------------------------------------------------

  timerExpired(tcb: Tcb, now: Instant, kind: TimerKind): void {
    this.#events.enter();
    try {
      onTimer(tcb, now, kind);
    } finally {
      this.#events.leave();
    }
    this.#events.tell(now);
  }

  eventsPending(tcb: Tcb, now: Instant): void {
    this.#events.add(tcb, now);
  }

  get connectionCount(): number {
    return this.#demux.size;
  }

  /** RFC 2018 8: out-of-order octets go, those of all connections, for it may be others that hoard. */
  relieve(now: Instant): void {
    if (now < this.#relieveAt) return;
    this.#relieveAt = after(now, RELIEF_PERIOD);
    for (const tcb of this.#demux.all()) if (tcb.silence === 'none') dropOutOfOrder(tcb);
  }

  gone(tcb: Tcb): void {
    tcb.timers.cancelAll();
    this.waits.delete(tcb);
    tcb.receiveBuffer.handOver();
    this.#demux.remove(tcb);
  }

  // --- inside ----------------------------------------------------------------------------------------------

  /** The header of a segment that is whole and may be answered; counts why there is none. */
  #parse(packet: ReceivedPacket): TcpHeader | undefined {
    const { source, destination, bytes, start, end } = packet;
    if (destination.isMulticast || source.isMulticast || source.isUnspecified) {
      this.counters.bump('address'); // RFC 9293 3.9.2.3
      return undefined;
    }
    const header = parseTcpHeader(bytes, start, end);
    if (!header.ok) {
      this.counters.bump('malformed');
      return undefined;
    }
    if (packet.checksumValid) return header.value;
    const sum = sumWords(bytes, start, end, pseudoHeaderSum(source, destination, PROTOCOL.tcp, end - start));
    if (checksumHolds(sum)) return header.value;
    this.counters.bump('checksum');
    return undefined;
  }

  #deliver(now: Instant, header: TcpHeader, packet: ReceivedPacket): void {
    const tcb = this.#demux.find(packet.destination, header.destinationPort, packet.source, header.sourcePort);
    if (tcb === undefined) {
      this.#toListener(now, header, packet);
      return;
    }
    if (tcb.silence !== 'none') {
      this.counters.bump('frozen');
      return;
    }
    const isSyn = (header.flags & TCP_FLAG.syn) !== 0;
    if (tcb.state === 'CLOSED') {
      if (!isSyn) return; // a copy of the ACK that ended LAST-ACK
      this.gone(tcb);
      this.#toListener(now, header, packet);
      return;
    }
    const reopened = isSyn ? newIncarnation(tcb, header) : undefined;
    const listener =
      reopened === undefined ? undefined : this.#listeners.find(packet.destination, header.destinationPort);
    if (listener !== undefined) {
      if (!this.#passiveOpens.mayReopen(now, listener)) return; // the SYN comes again
      close(tcb, now);
      this.#passiveOpens.synArrives(now, listener, header, packet, reopened);
      return;
    }
    segmentArrives(tcb, now, header, packet);
  }

  /** RFC 9293 3.10.7.2, and 3.10.7.1 where nobody listens. */
  #toListener(now: Instant, header: TcpHeader, packet: ReceivedPacket): void {
    const listener = this.#listeners.find(packet.destination, header.destinationPort);
    if (listener !== undefined && (header.flags & TCP_FLAG.ack) === 0) {
      const isSyn = (header.flags & (TCP_FLAG.syn | TCP_FLAG.rst)) === TCP_FLAG.syn;
      if (isSyn) this.#passiveOpens.synArrives(now, listener, header, packet);
      return;
    }
    if (listener !== undefined && this.#passiveOpens.ackArrives(now, listener, header, packet) === 'taken') return;
    if (this.onUnmatched?.(now, packet, header) !== 'ignore') resetUnmatched(this.ipv6, now, packet, header);
  }

  createTcb(now: Instant, local: Endpoint, remote: Endpoint, options: ExpandedTcpOptions, passive?: PassiveSeed): Tcb {
    const path = this.ipv6.path(now, local.address, remote.address);
    const { isn, timestampOffset, flowLabel } = secretsFor(this.#secret, now, local, remote);
    const tcb = new Tcb(this, now, {
      local,
      remote,
      options,
      passive: passive !== undefined,
      path,
      congestion: createCongestionControl(options.congestion, DEFAULT_MSS),
      iss: passive?.isn ?? isn,
      irs: passive?.irs ?? seq(0),
      receiveShift: windowShiftFor(options.maxReceiveBuffer),
      advertisedMss: mssToAdvertise(path),
      timestampOffset: passive?.timestampOffset ?? timestampOffset,
      flowLabel,
    });
    tcb.connection = new TcpConnection(tcb);
    tcb.listener = passive?.listener;
    this.#demux.add(tcb);
    return tcb;
  }

  /** True when no connection has these two ends; one that only waits for copies of its last ACK makes room. */
  #claim(local: Endpoint, remote: Endpoint): boolean {
    const tcb = this.#demux.find(local.address, local.port, remote.address, remote.port);
    if (tcb?.state === 'CLOSED') {
      this.gone(tcb);
      return true;
    }
    return tcb === undefined;
  }

  #freeListenPort(): number | undefined {
    const inUse = new Set<number>();
    for (const connection of this.connections()) inUse.add(connection.local.port);
    const nowhere = { address: UNSPECIFIED, port: 0 };
    return this.#ports.select(nowhere, nowhere, (port) => !inUse.has(port) && !this.#listeners.usesPort(port));
  }
}
