// A TCP layer without packets, for tests of the Node face: two ends with bounded buffers, joined by a microtask
// where a network would be. Octets move only as fast as the reader reads, events come one turn later,
// FIN and RST keep their order. What it lacks on purpose: segments, timers, loss.

import type { Clock, Instant } from '../../stack/core/time.ts';
import type {
  Connection,
  ConnectionError,
  ConnectionEvents,
  ConnectionInfo,
  ConnectOptions,
  Listener,
  ListenOptions,
  OpenError,
  TcpLayer,
  TcpOptions,
  TcpState,
} from '../../stack/tcp/api.ts';
import type { SocketHome } from '../../stack/tcp/socket-connect.ts';
import { address } from '../../stack/wire/address.ts';

export const CLIENT = address('2001:db8:c::1');
export const SERVER = address('2001:db8:5::1');
export const CLOCK: Clock = { now: () => 1_000_000 as Instant };
const NOW = CLOCK.now();

export class FakeConnection implements Connection {
  readonly local;
  readonly remote;
  state: TcpState = 'ESTABLISHED';
  events: ConnectionEvents = {};
  bytesWritten = 0;
  bytesRead = 0;
  urgentEnd = 0;
  frozen = false;
  readonly info = {} as ConnectionInfo;
  /** Everything that was set with setOptions, in order. */
  readonly optionsSet: Partial<TcpOptions>[] = [];
  /** Length of each write() that took something. */
  readonly writes: number[] = [];
  finSent = false;
  resetSent = false;
  peer: FakeConnection | undefined;
  sendQueue: Uint8Array[] = [];
  receiveQueue: Uint8Array[] = [];
  sendBuffer = 64 * 1024;
  receiveBuffer = 64 * 1024;
  #wantsWritable = false;
  #finDelivered = false;
  #over = false;

  constructor(local: Connection['local'], remote: Connection['remote']) {
    this.local = local;
    this.remote = remote;
  }

  get unacknowledged(): number {
    return lengthOf(this.sendQueue);
  }

  get readableBytes(): number {
    return lengthOf(this.receiveQueue);
  }

  write(_now: Instant, bytes: Uint8Array): number {
    if (this.frozen) throw new Error('write to a frozen connection');
    if (this.finSent || this.#over) return 0;
    const taken = bytes.slice(0, Math.max(0, this.sendBuffer - this.unacknowledged));
    this.#wantsWritable = taken.length < bytes.length;
    if (taken.length === 0) return 0;
    this.sendQueue.push(taken);
    this.writes.push(taken.length);
    this.bytesWritten += taken.length;
    this.pumpSoon();
    return taken.length;
  }

  read(_now: Instant, max = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const first = this.receiveQueue.shift();
    if (first === undefined) return undefined;
    if (first.length > max) this.receiveQueue.unshift(first.subarray(max));
    const chunk = first.slice(0, max);
    this.bytesRead += chunk.length;
    this.peer?.pumpSoon();
    return chunk;
  }

  close(_now: Instant): void {
    this.shutdown(_now);
  }

  shutdown(_now: Instant): void {
    if (this.finSent) return;
    this.finSent = true;
    this.pumpSoon();
  }

  abort(_now: Instant): void {
    if (this.#over) return;
    this.resetSent = true;
    this.#over = true;
    this.state = 'CLOSED';
    soon(() => this.peer?.fail('reset'));
  }

  setOptions(_now: Instant, options: Partial<TcpOptions>): void {
    this.optionsSet.push(options);
  }

  pumpSoon(): void {
    soon(() => this.pump());
  }

  /** Moves what the peer has room for; tells both sides. */
  pump(): void {
    const { peer } = this;
    if (peer === undefined || this.frozen || peer.frozen || this.#over) return;
    const wasEmpty = peer.readableBytes === 0;
    let moved = 0;
    for (let room = peer.receiveBuffer - peer.readableBytes; room > 0; room = peer.receiveBuffer - peer.readableBytes) {
      const first = this.sendQueue.shift();
      if (first === undefined) break;
      if (first.length > room) this.sendQueue.unshift(first.subarray(room));
      peer.receiveQueue.push(first.subarray(0, room));
      moved += Math.min(room, first.length);
    }
    if (moved > 0 && wasEmpty) peer.events.readable?.(NOW);
    if (moved > 0 && this.#wantsWritable) {
      this.#wantsWritable = false;
      this.events.writable?.(NOW);
    }
    if (this.finSent && this.sendQueue.length === 0 && !this.#finDelivered) this.#deliverFin(peer);
  }

  fail(error: ConnectionError): void {
    if (this.#over) return;
    this.#over = true;
    this.state = 'CLOSED';
    this.events.closed?.(NOW, error);
  }

  /** The stream continues on another object, as it does on another node; this one is dead. */
  moveTo(other: FakeConnection): void {
    this.#over = true;
    this.frozen = true;
    Object.assign(other, {
      state: this.state,
      peer: this.peer,
      sendQueue: this.sendQueue,
      receiveQueue: this.receiveQueue,
      bytesRead: this.bytesRead,
      bytesWritten: this.bytesWritten,
      finSent: this.finSent,
    });
    if (this.peer !== undefined) this.peer.peer = other;
    this.sendQueue = [];
    this.receiveQueue = [];
  }

  #deliverFin(peer: FakeConnection): void {
    this.#finDelivered = true;
    this.state = this.state === 'CLOSE-WAIT' ? 'LAST-ACK' : 'FIN-WAIT-2';
    peer.state = peer.state === 'FIN-WAIT-2' ? 'TIME-WAIT' : 'CLOSE-WAIT';
    peer.events.peerFinished?.(NOW);
    if (peer.state === 'TIME-WAIT') {
      for (const end of [this, peer]) {
        end.#over = true;
        end.events.closed?.(NOW);
      }
    }
  }
}

/** Two hosts' layers: connect on one reaches a listener on the other. */
export class FakeTcp {
  readonly opened: FakeConnection[] = [];
  readonly accepted: FakeConnection[] = [];
  /** Connections that get no answer at all. */
  silent = false;
  connectError: OpenError | undefined;
  readonly #listeners = new Map<number, (now: Instant, connection: Connection) => void>();
  #nextPort = 40_000;

  /** What sockets belong to. */
  get home(): SocketHome {
    return { tcp: this as unknown as TcpLayer, clock: CLOCK };
  }

  listen(options: ListenOptions, accept: (now: Instant, connection: Connection) => void): Listener | OpenError {
    const port = options.port === 0 ? this.#nextPort++ : options.port;
    if (this.#listeners.has(port)) return 'address-in-use';
    this.#listeners.set(port, accept);
    return { address: options.address, port, close: () => void this.#listeners.delete(port) };
  }

  connect(_now: Instant, options: ConnectOptions): Connection | OpenError {
    if (this.connectError !== undefined) return this.connectError;
    const local = { address: CLIENT, port: options.localPort ?? this.#nextPort++ };
    const client = new FakeConnection(local, options.remote);
    client.state = 'SYN-SENT';
    this.opened.push(client);
    if (!this.silent) soon(() => this.#answer(client));
    return client;
  }

  #answer(client: FakeConnection): void {
    const accept = this.#listeners.get(client.remote.port);
    if (accept === undefined) return client.fail('refused');
    if (client.resetSent) return;
    const server = new FakeConnection(client.remote, client.local);
    server.peer = client;
    client.peer = server;
    client.state = 'ESTABLISHED';
    this.accepted.push(server);
    accept(NOW, server);
    server.events.connected?.(NOW);
    client.events.connected?.(NOW);
  }
}

const soon = (work: () => void): void => void setImmediate(work);
const lengthOf = (chunks: readonly Uint8Array[]): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);

/** Lets everything that is under way settle. */
export async function settle(turns = 20): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
