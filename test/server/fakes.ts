// A TCP layer and the mobility side of IPv6 that only do what a test tells them, and remember what was asked.

import { concatBytes, equalBytes } from '../../stack/core/bytes.ts';
import { type Duration, type Instant, milliseconds, seconds } from '../../stack/core/time.ts';
import type { Ipv6Mobility } from '../../stack/ipv6/hooks.ts';
import type {
  CorrespondentSnapshot,
  MobileNodeEvents,
  MobileNodeLayer,
  RouteOptimization,
} from '../../stack/mobility/api.ts';
import { WARM_UP } from '../../stack/server/control-channel.ts';
import type {
  Connection,
  ConnectionError,
  ConnectionEvents,
  ConnectionInfo,
  ConnectOptions,
  Endpoint,
  ListenOptions,
  OpenError,
  TcpLayer,
  TcpState,
} from '../../stack/tcp/api.ts';
import { type ConnectionSnapshot, SNAPSHOT_VERSION } from '../../stack/tcp/snapshot.ts';
import { type Address, readAddress } from '../../stack/wire/address.ts';

export { World } from '../handoff/recorders.ts';

const INFO: ConnectionInfo = {
  srtt: milliseconds(22),
  minRtt: milliseconds(20),
  recentRtt: milliseconds(22),
  rto: seconds(1),
  cwnd: 14_000,
  ssthresh: 1_000_000,
  inFlight: 0,
  sendMss: 1400,
  retransmits: 0,
  sackPermitted: true,
  timestamps: true,
  fastOpened: false,
  sendBuffer: 1 << 20,
  receiveBuffer: 1 << 20,
  ecn: false,
};

export class FakeConnection implements Connection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  events: ConnectionEvents = {};
  state: TcpState;
  info: ConnectionInfo = INFO;
  urgentEnd = 0;
  frozen = false;
  bytesWritten = 0;
  bytesRead = 0;
  /** What write() takes until the test makes room. */
  room = Number.POSITIVE_INFINITY;
  aborted = false;
  finished = false;
  /** The send buffer, where a test gives it one, and the offset of its first octet in the stream. */
  unacknowledgedBytes = new Uint8Array(0);
  firstUnacknowledged = 0;
  readonly #inbox: Uint8Array[] = [];
  readonly #written: Uint8Array[] = [];
  /** Sees everything that is written, as it is. */
  onWrite: ((bytes: Uint8Array) => void) | undefined;

  constructor(local: Endpoint, remote: Endpoint, state: TcpState) {
    this.local = local;
    this.remote = remote;
    this.state = state;
  }

  /** All octets written since the last look, less those with which a control connection begins. */
  takeWritten(): Uint8Array {
    return withoutWarmUp(concatBytes(...this.#written.splice(0)));
  }
  get unacknowledged(): number {
    return this.unacknowledgedBytes.length;
  }
  get readableBytes(): number {
    return this.#inbox.reduce((sum, piece) => sum + piece.length, 0);
  }

  // What the peer does.
  establish(now: Instant): void {
    this.state = 'ESTABLISHED';
    this.events.connected?.(now);
  }
  receive(now: Instant, bytes: Uint8Array): void {
    this.#inbox.push(bytes);
    this.events.readable?.(now);
  }
  makeRoom(now: Instant, octets: number): void {
    this.room = octets;
    this.events.writable?.(now);
  }
  end(now: Instant, error?: ConnectionError): void {
    if (this.state === 'CLOSED') return;
    this.state = 'CLOSED';
    this.events.closed?.(now, error);
  }

  // What our side does.
  write(_now: Instant, bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    this.room -= taken;
    this.#written.push(bytes.slice(0, taken));
    this.onWrite?.(bytes.slice(0, taken));
    return taken;
  }
  read(_now: Instant): Uint8Array | undefined {
    return this.state === 'CLOSED' ? undefined : this.#inbox.shift();
  }
  close(now: Instant): void {
    this.shutdown(now);
  }

  shutdown(now: Instant): void {
    this.finished = true;
    this.end(now);
  }
  abort(now: Instant): void {
    this.aborted = true;
    this.end(now, 'aborted');
  }
  setOptions(): void {}
}

const notHere = (): never => {
  throw new Error('not part of this fake');
};

export class FakeTcp implements TcpLayer {
  readonly opened: FakeConnection[] = [];
  onUnmatched: TcpLayer['onUnmatched'];
  listening: ListenOptions | undefined;
  /** What the next opens answer in place of a connection. */
  refusal: OpenError | undefined;
  #accept: ((now: Instant, connection: Connection) => void) | undefined;

  listen(
    options: ListenOptions,
    accept: (now: Instant, connection: Connection) => void,
  ): ReturnType<TcpLayer['listen']> {
    if (this.refusal !== undefined) return this.refusal;
    this.listening = options;
    this.#accept = accept;
    return {
      address: options.address,
      port: options.port,
      close: () => {
        this.listening = undefined;
      },
    };
  }
  connect(_now: Instant, options: ConnectOptions): Connection | OpenError {
    if (this.refusal !== undefined || options.localAddress === undefined) return this.refusal ?? 'no-route';
    const local = { address: options.localAddress, port: 49_152 + this.opened.length };
    const connection = new FakeConnection(local, options.remote, 'SYN-SENT');
    this.opened.push(connection);
    return connection;
  }
  /** A connection from `address` arrives at the listener; `early`: octets that are there already. */
  arrive(now: Instant, address: Address, early?: Uint8Array): FakeConnection {
    const local = { address: this.listening?.address ?? address, port: this.listening?.port ?? 0 };
    const connection = new FakeConnection(local, { address, port: 50_000 }, 'ESTABLISHED');
    if (early !== undefined) connection.receive(now, early);
    this.#accept?.(now, connection);
    return connection;
  }

  // Handoff: the connections of one client, and what was asked for them, in order.
  clients: FakeConnection[] = [];
  readonly asked: string[] = [];
  readonly drainHandlers = new Map<Connection, (now: Instant) => void>();
  /** What install() answers in place of a connection, by local port. */
  readonly installRefusals = new Map<number, OpenError>();
  readonly installed: ConnectionSnapshot[] = [];

  connections(): Iterable<Connection> {
    return this.clients;
  }
  connectionsBetween(): Connection[] {
    return this.clients;
  }
  onDrained(connection: Connection, handler: ((now: Instant) => void) | undefined): void {
    if (handler === undefined) this.drainHandlers.delete(connection);
    else this.drainHandlers.set(connection, handler);
  }
  freeze(_now: Instant, connection: Connection): void {
    this.#ask('freeze', connection).frozen = true;
  }
  thaw(_now: Instant, connection: Connection): void {
    this.#ask('thaw', connection).frozen = false;
  }
  snapshot(_now: Instant, connection: Connection): ConnectionSnapshot {
    const fake = this.#ask('snapshot', connection);
    return snapshotOf(fake, fake.unacknowledgedBytes);
  }
  copySendBuffer(connection: Connection, from: number): { readonly offset: number; readonly bytes: Uint8Array } {
    const { unacknowledgedBytes, firstUnacknowledged } = this.#find(connection);
    const offset = Math.max(from, firstUnacknowledged);
    return { offset, bytes: unacknowledgedBytes.subarray(offset - firstUnacknowledged) };
  }
  forget(connection: Connection): void {
    this.#ask('forget', connection);
    this.clients = this.clients.filter((c) => c !== connection);
  }
  install(_now: Instant, snapshot: ConnectionSnapshot): Connection | OpenError {
    const refusal = this.installRefusals.get(snapshot.local.port);
    if (refusal !== undefined) return refusal;
    this.installed.push(snapshot);
    const end = ({ address, port }: { address: Uint8Array; port: number }) => ({
      address: readAddress(address, 0),
      port,
    });
    const connection = new FakeConnection(end(snapshot.local), end(snapshot.remote), snapshot.state);
    connection.frozen = true;
    this.clients.push(connection);
    this.#ask('install', connection);
    return connection;
  }
  resume(_now: Instant, connection: Connection): void {
    this.#ask('resume', connection);
  }
  nudge(_now: Instant, connection: Connection): void {
    this.#ask('nudge', connection);
  }

  #ask(what: string, connection: Connection): FakeConnection {
    this.asked.push(`${what} ${connection.local.port}/${connection.remote.port}`);
    return this.#find(connection);
  }
  #find(connection: Connection): FakeConnection {
    const found = this.clients.find((c) => c === connection);
    if (found === undefined) throw new Error('no connection of this fake');
    return found;
  }
}

/** A snapshot that passes every check, with `sendBuffer` written and not acknowledged. */
export function snapshotOf(connection: FakeConnection, sendBuffer: Uint8Array): ConnectionSnapshot {
  const una = connection.firstUnacknowledged;
  const end = una + sendBuffer.length;
  const endpoint = ({ address, port }: Endpoint) => ({ address: address.toBytes(), port });
  return {
    version: SNAPSHOT_VERSION,
    local: endpoint(connection.local),
    remote: endpoint(connection.remote),
    state: connection.state,
    passive: true,
    fastOpened: false,
    options: {
      sendBuffer: 1 << 20,
      maxSendBuffer: 1 << 20,
      receiveBuffer: 1 << 20,
      maxReceiveBuffer: 1 << 20,
      congestion: 'cubic',
      ecn: 'passive',
      noDelay: false,
      delayedAckUs: 0,
      userTimeoutUs: 0,
      userTimeoutOption: false,
      userTimeoutChangeable: false,
      advertisedUserTimeoutUs: 0,
      keepAliveUs: 0,
      timeWaitUs: 0,
    },
    negotiated: {
      peerMss: 1400,
      advertisedMss: 1400,
      sackPermitted: true,
      timestamps: true,
      windowScaling: true,
      sendShift: 5,
      receiveShift: 5,
    },
    send: {
      iss: 1,
      una,
      nxt: end,
      wnd: 9,
      wl1: 0,
      wl2: 0,
      maxWnd: 9,
      up: 0,
      end,
      fin: false,
      sacked: [],
      synRetransmitted: false,
    },
    receive: { irs: 1, nxt: 0, edge: 1000, lastAckSent: 0, mss: 1400, up: 0, read: 0, unacknowledgedText: 0 },
    timestamps: { value: 1, recent: 1, recentAgeUs: 0 },
    ecn: { on: false, echo: false, cwrDue: false, point: -1 },
    sendBuffer: sendBuffer.length === 0 ? [] : [{ offset: una, bytes: sendBuffer }],
    receiveBuffer: { offset: 0, bytes: new Uint8Array(0) },
    outOfOrder: [],
    rtt: { srttUs: 1000, rttvarUs: 10, minRttUs: 1000, rtoUs: 1_000_000, backoff: 0 },
    congestion: { algorithm: 'cubic', cwnd: 14_000, ssthresh: Number.POSITIVE_INFINITY, extra: {} },
    timers: {},
    attempts: { timeouts: 0, retransmits: 0, windowProbes: 0, keepAliveProbes: 0 },
  };
}

/** The mobile node, as far as a handoff uses it. */
export class FakeMobile implements MobileNodeLayer {
  canBindFlows = true;
  readonly homeAddress: Address;
  readonly careOf: Address;
  readonly asked: string[] = [];
  readonly imported: CorrespondentSnapshot[] = [];
  tokens = true;
  /** Who is told. */
  events: MobileNodeEvents = {};
  state: RouteOptimization = 'bound';
  latency: Duration | undefined = milliseconds(20);

  constructor(homeAddress: Address, careOf: Address) {
    this.homeAddress = homeAddress;
    this.careOf = careOf;
  }

  registerHome(): void {}
  optimize(): void {
    this.asked.push('optimize');
  }
  stateOf(): RouteOptimization {
    return this.state;
  }
  runTests(now: Instant, client: Address): void {
    this.asked.push('tests');
    if (this.tokens) this.events.testsDone?.(now, client);
  }
  sendBindingUpdate(): boolean {
    this.asked.push('binding-update');
    return this.tokens;
  }
  bindFlow(): void {
    this.asked.push('flow-binding');
  }
  hasFlow(): boolean {
    return this.asked.includes('flow-binding');
  }
  unbindFlow(): void {
    this.asked.push('flow-unbinding');
  }
  useRoute(_now: Instant, _client: Address, route: 'direct' | 'home-agent'): void {
    this.asked.push(`route ${route}`);
  }
  latencyTo(): Duration | undefined {
    return this.latency;
  }
  suspendCorrespondent(): void {
    this.asked.push('suspend');
  }
  wakeCorrespondent(): void {
    this.asked.push('wake');
  }
  exportCorrespondent(_now: Instant, client: Address): CorrespondentSnapshot {
    return { client, homeToken: undefined, lastSequence: 5, bindingRemainingUs: 0, plainRemainingUs: 0 };
  }
  importCorrespondent(_now: Instant, snapshot: CorrespondentSnapshot): void {
    this.imported.push(snapshot);
  }
  forgetCorrespondent(): void {
    this.asked.push('forget-correspondent');
  }
}

export interface Tunnelled {
  readonly inner: Uint8Array;
  readonly source: Address;
  readonly destination: Address;
}

/** Injected and tunnelled packets, in their order; injected ones may be looked at as they come. */
export class FakeIpv6 {
  readonly injected: Uint8Array[] = [];
  /** Where the tunnel of each began, if it came through one. */
  readonly injectedThrough: (Address | undefined)[] = [];
  readonly tunnelled: Tunnelled[] = [];
  onInject: ((now: Instant, packet: Uint8Array) => void) | undefined;

  readonly mobility: Ipv6Mobility = {
    addHooks: () => {},
    sendVia: notHere,
    tunnel: (_now, inner, source, destination) => {
      this.tunnelled.push({ inner, source, destination });
      return 'sent';
    },
    inject: (now, packet, tunnel) => {
      this.injected.push(packet);
      this.injectedThrough.push(tunnel?.source);
      this.onInject?.(now, packet);
    },
    addAddress: notHere,
    removeAddress: notHere,
    notifyPathChange: notHere,
  };
}

export const beginsWithWarmUp = (bytes: Uint8Array): boolean => equalBytes(bytes.subarray(0, WARM_UP.length), WARM_UP);

export const withoutWarmUp = (bytes: Uint8Array): Uint8Array =>
  beginsWithWarmUp(bytes) ? bytes.subarray(WARM_UP.length) : bytes;
