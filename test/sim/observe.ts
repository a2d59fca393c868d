// What a client sees of a handoff, by its own TCP: when the last accepted segment came from one care-of
// address and the first from another (DESIGN.md section 1, "handoff time").

import type { Instant } from '../../stack/core/time.ts';
import type { TcpObserver } from '../../stack/tcp/api.ts';
import type { Address } from '../../stack/wire/address.ts';

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
    if (this.#what === 'data') this.#seen(now, packet.wireSource);
  };

  readonly ackAccepted: NonNullable<TcpObserver['ackAccepted']> = (now, _connection, packet) => {
    if (this.#what === 'ack') this.#seen(now, packet.wireSource);
  };

  /** The first change that ends at this address. */
  changeTo(address: Address): Change | undefined {
    return this.changes.find((change) => change.to === address.toString());
  }

  #seen(now: Instant, address: Address): void {
    const source = address.toString();
    if (this.#last !== undefined && this.#last.source !== source) {
      this.changes.push({ from: this.#last.source, to: source, lastFrom: this.#last.at, firstTo: now });
    }
    this.#last = { source, at: now };
  }
}
