// Flow bindings (RFC 6089) as far as a group needs them: all packets from one client to the home address go to
// one member, whatever the default is. The selector is the client's address (RFC 6088 start source address).
// Deviates from RFC 6089 5.2: a later update that does not name a flow leaves it in place; the flow ends with
// its member's binding, or when another member binds the same client.

import type { Address } from '../wire/address.ts';
import type { FlowIdentification } from '../wire/mobility-option.ts';

/** Flows of one home address. When full, the oldest one makes room: its client falls back to the default. */
export const MAX_FLOW_BINDINGS = 65_536;

/** A flow that sends all of one client's packets to the member that says so. */
export function clientFlow(fid: number, client: Address, bid: number): FlowIdentification {
  return {
    kind: 'flow-identification',
    fid,
    priority: 1,
    status: 0,
    subOptions: [
      { kind: 'binding-reference', bids: [bid] },
      { kind: 'traffic-selector', selector: { source: { first: client } } },
    ],
  };
}

/** The client that a Flow Identification option selects; undefined: a selector of another shape. */
export function clientOfFlow(flow: FlowIdentification): Address | undefined {
  for (const subOption of flow.subOptions) {
    if (subOption.kind !== 'traffic-selector') continue;
    const { source, ...others } = subOption.selector;
    if (source === undefined || source.last !== undefined || Object.keys(others).length > 0) return undefined;
    return source.first;
  }
  return undefined;
}

export interface FlowBinding {
  readonly client: Address;
  readonly bid: number;
}

export class FlowBindings {
  readonly #flows = new Map<string, FlowBinding>();
  readonly #clientsOfBid = new Map<number, Set<string>>();
  readonly #limit: number;

  constructor(limit: number = MAX_FLOW_BINDINGS) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Oldest first. */
  all(): Iterable<FlowBinding> {
    return this.#flows.values();
  }

  /** The Binding Identifier that packets from this client go to. */
  find(client: Address): number | undefined {
    return this.#flows.get(client.key)?.bid;
  }

  bind(client: Address, bid: number): void {
    this.#remove(client.key);
    if (this.#flows.size >= this.#limit) {
      const [oldest] = this.#flows.keys();
      if (oldest !== undefined) this.#remove(oldest);
    }
    this.#flows.set(client.key, { client, bid });
    const clients = this.#clientsOfBid.get(bid);
    if (clients === undefined) this.#clientsOfBid.set(bid, new Set([client.key]));
    else clients.add(client.key);
  }

  /** The member's binding has ended, and its flows with it. */
  removeAllOf(bid: number): void {
    for (const client of this.#clientsOfBid.get(bid) ?? []) this.#flows.delete(client);
    this.#clientsOfBid.delete(bid);
  }

  #remove(client: string): void {
    const flow = this.#flows.get(client);
    if (flow === undefined) return;
    this.#flows.delete(client);
    const clients = this.#clientsOfBid.get(flow.bid);
    clients?.delete(client);
    if (clients?.size === 0) this.#clientsOfBid.delete(flow.bid);
  }
}
