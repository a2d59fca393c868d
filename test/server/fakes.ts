// A TCP layer and the mobility side of IPv6 that only do what a test tells them, and remember what was asked.

import { concatBytes } from '../../stack/core/bytes.ts';
import { type Duration, type Instant, milliseconds, seconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Ipv6Mobility } from '../../stack/ipv6/hooks.ts';
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
import type { Address } from '../../stack/wire/address.ts';

const INFO: ConnectionInfo = {
  srtt: milliseconds(22),
  minRtt: milliseconds(20),
  rto: seconds(1),
  cwnd: 14_000,
  ssthresh: 1_000_000,
  inFlight: 0,
  sendMss: 1400,
  retransmits: 0,
  sackPermitted: true,
  timestamps: true,
};

/** A virtual clock over one timer queue. */
export class World {
  readonly timers = new TimerQueue();
  now = 1_000_000 as Instant;

  /** Lets the time pass, timers included. */
  pass(span: Duration): void {
    const end = (this.now + span) as Instant;
    for (let next = this.timers.nextDeadline(); next <= end; next = this.timers.nextDeadline()) {
      this.now = next;
      this.timers.runDue(next);
    }
    this.now = end;
  }
}

export class FakeConnection implements Connection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  events: ConnectionEvents = {};
  state: TcpState;
  info: ConnectionInfo = INFO;
  frozen = false;
  unacknowledged = 0;
  bytesWritten = 0;
  bytesRead = 0;
  /** What write() takes until the test makes room. */
  room = Number.POSITIVE_INFINITY;
  aborted = false;
  finished = false;
  readonly #inbox: Uint8Array[] = [];
  readonly #written: Uint8Array[] = [];

  constructor(local: Endpoint, remote: Endpoint, state: TcpState) {
    this.local = local;
    this.remote = remote;
    this.state = state;
  }

  /** All octets written since the last look. */
  takeWritten(): Uint8Array {
    return concatBytes(...this.#written.splice(0));
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
    return taken;
  }
  read(_now: Instant): Uint8Array | undefined {
    return this.state === 'CLOSED' ? undefined : this.#inbox.shift();
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

  connections = notHere;
  connectionsBetween = notHere;
  onDrained = notHere;
  freeze = notHere;
  thaw = notHere;
  snapshot = notHere;
  copySendBuffer = notHere;
  forget = notHere;
  install = notHere;
  resume = notHere;
  nudge = notHere;
}

export interface Tunnelled {
  readonly inner: Uint8Array;
  readonly source: Address;
  readonly destination: Address;
}

/** Injected and tunnelled packets, in their order; injected ones may be looked at as they come. */
export class FakeIpv6 {
  readonly injected: Uint8Array[] = [];
  readonly tunnelled: Tunnelled[] = [];
  onInject: ((now: Instant, packet: Uint8Array) => void) | undefined;

  readonly mobility: Ipv6Mobility = {
    addHooks: () => {},
    sendVia: notHere,
    tunnel: (_now, inner, source, destination) => {
      this.tunnelled.push({ inner, source, destination });
      return 'sent';
    },
    inject: (now, packet) => {
      this.injected.push(packet);
      this.onInject?.(now, packet);
    },
    addAddress: notHere,
    removeAddress: notHere,
    notifyPathChange: notHere,
  };
}
