// Listeners by port, and how many half-open connections each has (RFC 9293 3.10.1, passive OPEN). A SYN beyond
// the backlog gets a SYN cookie (passive-open.ts).

import { EPOCH, type Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import type { Connection, ExpandedTcpOptions, Listener } from './api.ts';
import { PendingFastOpens } from './fast-open-cookies.ts';
import type { Tcb } from './tcb.ts';

export interface ListenerPlace {
  readonly address: Address | undefined;
  readonly port: number;
  readonly backlog: number;
  readonly fastOpen: boolean;
}

export class TcpListener implements Listener {
  readonly address: Address | undefined;
  readonly port: number;
  readonly options: ExpandedTcpOptions;
  readonly backlog: number;
  readonly accept: (now: Instant, connection: Connection) => void;
  /** In SYN-RECEIVED; at most `backlog` of them. */
  readonly halfOpen = new Set<Tcb>();
  /** Absent: no TCP Fast Open here. */
  readonly fastOpens: PendingFastOpens | undefined;
  /** Established, and not told to the application yet. */
  untaken = 0;
  /** A SYN found the backlog full not long ago: there are SYN cookies under way. */
  floodedUntil: Instant = EPOCH;
  readonly #table: ListenerTable;

  constructor(
    table: ListenerTable,
    where: ListenerPlace,
    options: ExpandedTcpOptions,
    accept: (now: Instant, connection: Connection) => void,
  ) {
    this.#table = table;
    this.address = where.address;
    this.port = where.port;
    this.backlog = where.backlog;
    this.options = options;
    this.fastOpens = where.fastOpen ? new PendingFastOpens() : undefined;
    this.accept = accept;
  }

  /** No longer half open. `resetAt`: the peer has refused it. */
  release(tcb: Tcb, resetAt?: Instant): void {
    if (this.halfOpen.delete(tcb) && tcb.fastOpened) this.fastOpens?.end(resetAt);
  }

  /** Tells the application of a connection that was counted as untaken. */
  take(now: Instant, connection: Connection): void {
    this.untaken -= 1;
    this.accept(now, connection);
  }

  isFlooded(now: Instant): boolean {
    return now < this.floodedUntil;
  }

  /** No new connections: half-open ones are reset, those that are there go on. */
  close(now: Instant): void {
    this.#table.remove(this);
    for (const tcb of this.halfOpen) if (!tcb.early) tcb.connection.abort(now);
  }
}

export class ListenerTable {
  readonly #byPort = new Map<number, TcpListener[]>();

  /** One that names the address goes before one for any. */
  find(address: Address, port: number): TcpListener | undefined {
    const listeners = this.#byPort.get(port);
    if (listeners === undefined) return undefined;
    return listeners.find((l) => l.address?.equals(address)) ?? listeners.find((l) => l.address === undefined);
  }

  has(address: Address | undefined, port: number): boolean {
    const same = (l: TcpListener): boolean =>
      address === undefined ? l.address === undefined : (l.address?.equals(address) ?? false);
    return this.#byPort.get(port)?.some(same) ?? false;
  }

  /** True when any listener at all has this port. */
  usesPort(port: number): boolean {
    return this.#byPort.has(port);
  }

  add(listener: TcpListener): void {
    const listeners = this.#byPort.get(listener.port);
    if (listeners === undefined) this.#byPort.set(listener.port, [listener]);
    else listeners.push(listener);
  }

  remove(listener: TcpListener): void {
    const left = this.#byPort.get(listener.port)?.filter((l) => l !== listener) ?? [];
    if (left.length === 0) this.#byPort.delete(listener.port);
    else this.#byPort.set(listener.port, left);
  }
}
