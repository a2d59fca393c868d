// What a client sees of a handoff, by its own TCP: when the last accepted segment came from one care-of
// address and the first from another (DESIGN.md section 1, "handoff time").

import type { Instant } from '../../stack/core/time.ts';
import type { TcpObserver } from '../../stack/tcp/api.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { parseTcpHeader } from '../../stack/wire/tcp.ts';
import { findTcp } from './find-header.ts';
import type { Internet } from './internet.ts';

export interface Change {
  readonly from: string;
  readonly to: string;
  readonly lastFrom: Instant;
  readonly firstTo: Instant;
}

/** Follows the source of accepted data ('data') or of acceptable ACKs ('ack') of a client's connections. */
export class SourceWatch implements TcpObserver {
  readonly changes: Change[] = [];
  readonly #what: 'data' | 'ack';
  #last: { readonly source: string; at: Instant } | undefined;

  constructor(what: 'data' | 'ack') {
    this.#what = what;
  }

  readonly dataAccepted: NonNullable<TcpObserver['dataAccepted']> = (now, _connection, packet) => {
    if (this.#what === 'data') this.seen(now, packet.wireSource);
  };

  readonly ackAccepted: NonNullable<TcpObserver['ackAccepted']> = (now, _connection, packet) => {
    if (this.#what === 'ack') this.seen(now, packet.wireSource);
  };

  /** The first change that ends at this address. */
  changeTo(address: Address): Change | undefined {
    return this.changes.find((change) => change.to === address.toString());
  }

  seen(now: Instant, address: Address): void {
    const source = address.toString();
    if (this.#last !== undefined && this.#last.source !== source) {
      this.changes.push({ from: this.#last.source, to: source, lastFrom: this.#last.at, firstTo: now });
    }
    this.#last = { source, at: now };
  }
}

/**
 * The same for a plain client, which sees but the contact address: from whom a segment is shows where its tunnel to the home
 * agent began.
 */
export class TunnelWatch {
  readonly #watch: SourceWatch;
  readonly #tunnelled = new Map<string, Address>();

  constructor(what: 'data' | 'ack', internet: Internet) {
    this.#watch = new SourceWatch(what);
    internet.taps.push((now, event, from, to, packet) => {
      const at = event === 'delivered' ? findTcp(packet) : undefined;
      const header = at === undefined ? undefined : parseTcpHeader(packet, at, packet.length);
      if (at === undefined || header?.ok !== true) return;
      // The checksum tells apart what two nodes say alike: their time stamps differ.
      const { seq, ack, checksum } = header.value;
      const name = `${seq}/${ack}/${checksum}`;
      if (to === 'home') this.#tunnelled.set(name, address(`2001:db8:${from}::1`));
      const source = from === 'home' && to === 'c' ? this.#tunnelled.get(name) : undefined;
      const counts = what === 'ack' || header.end < packet.length;
      if (source !== undefined && counts) this.#watch.seen(now, source);
    });
  }

  changeTo(careOf: Address): Change | undefined {
    return this.#watch.changeTo(careOf);
  }
}
