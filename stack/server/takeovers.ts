// The handoffs that bring clients to this member: those under way, and as many of the finished ones as a donor may
// still ask about with a late QUERY.

import type { Acceptor } from '../handoff/acceptor.ts';
import type { HandoffId } from '../handoff/messages.ts';
import type { Address } from '../wire/address.ts';

/** Handoffs coming in at the same time: each holds packets and buffers of a client. */
export const MAX_INCOMING = 1024;
/** Finished ones that are remembered beside them. */
export const MAX_REMEMBERED = 1024;

export interface Takeover {
  readonly acceptor: Acceptor;
  /** The donor's name. */
  readonly from: string;
}

const isOver = ({ acceptor }: Takeover): boolean => acceptor.phase === 'done' || acceptor.phase === 'failed';

export class Takeovers {
  readonly #all = new Map<HandoffId, Takeover>();

  get(id: HandoffId): Takeover | undefined {
    return this.#all.get(id);
  }

  /** The handoff that is bringing this client here, if one is. */
  of(client: Address): Acceptor | undefined {
    for (const takeover of this.#all.values()) {
      if (!isOver(takeover) && takeover.acceptor.client.equals(client)) return takeover.acceptor;
    }
    return undefined;
  }

  /** Clients on their way here. */
  *clients(): Iterable<Address> {
    for (const takeover of this.#all.values()) if (!isOver(takeover)) yield takeover.acceptor.client;
  }

  /** Those that this donor sends, finished or not. */
  from(donor: string): Acceptor[] {
    return [...this.#all.values()].filter(({ from }) => from === donor).map(({ acceptor }) => acceptor);
  }

  /** Is one more possible? The longest finished make room. */
  hasRoom(): boolean {
    let underWay = 0;
    for (const [id, takeover] of this.#all) {
      if (!isOver(takeover)) underWay += 1;
      else if (this.#all.size >= MAX_INCOMING + MAX_REMEMBERED) this.#all.delete(id);
    }
    return underWay < MAX_INCOMING;
  }

  add(id: HandoffId, takeover: Takeover): void {
    this.#all.set(id, takeover);
  }
}
