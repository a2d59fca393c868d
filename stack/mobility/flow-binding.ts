// The flow bindings of a home address (RFC 6089): which packets go to which of its bindings, whatever the default is. A group
// has one for each plain client, by its source address alone: these are found in a map. Whatever else a selector of
// RFC 6088 asks for is compared packet by packet, so there are few of those. One flow for each selector: the later counts.

import { toHex } from '../core/bytes.ts';
import type { Address } from '../wire/address.ts';
import { flowSubOptionBytes, type Ipv6TrafficSelector } from '../wire/flow-identification.ts';
import type { FlowIdentification } from '../wire/mobility-option.ts';
import { flowFieldsOf, onlySource, selects } from './flow-selector.ts';

/** Flows of one home address. When full, the oldest one makes room: its client falls back to the default. */
export const MAX_FLOW_BINDINGS = 65_536;
/** Flows of all home addresses; about 600 octets each. Beyond it only what replaces another is taken. */
export const MAX_FLOW_BINDINGS_IN_ALL = 4 * MAX_FLOW_BINDINGS;
/** Flows of one home address that select by more than a source address: each packet may be compared with all of them. */
export const MAX_COMPARED_FLOWS = 64;
/** Bindings that one flow may name: each is looked at for each packet while those before it are away. */
export const MAX_BINDINGS_OF_FLOW = 16;
/** RFC 6089 4.2: reserved. Here: made by the home agent itself. */
export const NO_FID = 0;
/** FID-PRI of a client's flow: before any other (RFC 6089 4.2; 0 is reserved). */
const CLIENT_PRIORITY = 1;

export interface FlowBinding {
  /** Binding Identifier of the member that made it: its flows end with its binding, and FIDs are its own. */
  readonly owner: number;
  readonly fid: number;
  /** FID-PRI: the lower the better. */
  readonly priority: number;
  readonly selector: Ipv6TrafficSelector;
  /** Where its packets go: to the best one that is bound. */
  readonly bids: readonly number[];
}

/** All packets of one client. */
export const flowOfClient = (client: Address, fid: number, bid: number): FlowBinding => ({
  ...{ owner: bid, fid, priority: CLIENT_PRIORITY },
  selector: { source: { first: client } },
  bids: [bid],
});

/** A flow that sends all of one client's packets to the member that says so. */
export const clientFlow = (fid: number, client: Address, bid: number): FlowIdentification =>
  flowOption(flowOfClient(client, fid, bid));

export const flowOption = ({ fid, priority, selector, bids }: FlowBinding): FlowIdentification => ({
  kind: 'flow-identification',
  ...{ fid, priority, status: 0 },
  subOptions: [
    { kind: 'binding-reference', bids },
    { kind: 'traffic-selector', selector },
  ],
});

/** How many more flows there may be, over all home addresses. */
export class FlowBudget {
  left: number;

  constructor(limit: number = MAX_FLOW_BINDINGS_IN_ALL) {
    this.left = limit;
  }
}

/** A flow with what it is found by. */
interface Entry {
  readonly flow: FlowBinding;
  /** Of its selector: the client's address, if that is all. */
  readonly key: string;
  readonly isOfClient: boolean;
}

/** What one owner calls a flow: its FID, or for those without one the selector. */
type FlowName = number | string;

export class FlowBindings {
  /** By the source address that is all of their selector; the oldest first. */
  readonly #ofClients = new Map<string, Entry>();
  /** All others, the best FID-PRI first. */
  readonly #compared: Entry[] = [];
  readonly #ofOwner = new Map<number, Map<FlowName, Entry>>();
  readonly #budget: FlowBudget;
  readonly #limit: number;

  constructor(budget: FlowBudget = new FlowBudget(), limit: number = MAX_FLOW_BINDINGS) {
    this.#budget = budget;
    this.#limit = limit;
  }

  get size(): number {
    return this.#ofClients.size + this.#compared.length;
  }

  /** Those of clients from the oldest on, then the others. */
  *all(): Iterable<FlowBinding> {
    for (const { flow } of this.#ofClients.values()) yield flow;
    for (const { flow } of this.#compared) yield flow;
  }

  /** The flow that its owner calls so. */
  of(owner: number, fid: number): FlowBinding | undefined {
    return this.#ofOwner.get(owner)?.get(fid)?.flow;
  }

  /**
   * What `choose` makes of the bindings of the best flow for which it makes anything (RFC 6089 4.2: in the order of their
   * FID-PRI). Without the packet only flows of clients are looked at.
   */
  find<T>(
    source: Address,
    packet: Uint8Array | undefined,
    choose: (bids: readonly number[]) => T | undefined,
  ): T | undefined {
    let ofClient = this.#ofClients.get(source.key)?.flow;
    if (packet !== undefined && this.#compared.length > 0) {
      const fields = flowFieldsOf(packet);
      for (const { flow } of this.#compared) {
        if (ofClient !== undefined && ofClient.priority <= flow.priority) {
          const chosen = choose(ofClient.bids);
          if (chosen !== undefined) return chosen;
          ofClient = undefined;
        }
        const chosen = selects(flow.selector, fields) ? choose(flow.bids) : undefined;
        if (chosen !== undefined) return chosen;
      }
    }
    return ofClient === undefined ? undefined : choose(ofClient.bids);
  }

  /** In place of the flow of the same name, and of that of the same selector. False: there is no room. */
  bind(flow: FlowBinding): boolean {
    const client = onlySource(flow.selector);
    const entry = { flow, key: client?.key ?? keyOf(flow.selector), isOfClient: client !== undefined };
    const before = [this.#ofOwner.get(flow.owner)?.get(nameOf(entry)), this.#sameSelector(entry)];
    const replaces = before.some((other) => other?.isOfClient === entry.isOfClient);
    if (!replaces && !this.#makesRoom(entry)) return false;
    for (const other of before) if (other !== undefined) this.#remove(other);
    this.#add(entry);
    return true;
  }

  /** RFC 6089 5.2.2: of this owner's flows only these go on. */
  keepOnly(owner: number, fids: ReadonlySet<number>): void {
    for (const entry of [...(this.#ofOwner.get(owner)?.values() ?? [])]) {
      if (!fids.has(entry.flow.fid)) this.#remove(entry);
    }
  }

  /** The owner's binding has ended, and its flows with it. */
  removeAllOf(owner: number): void {
    for (const entry of [...(this.#ofOwner.get(owner)?.values() ?? [])]) this.#remove(entry);
  }

  #sameSelector({ key, isOfClient }: Entry): Entry | undefined {
    return isOfClient ? this.#ofClients.get(key) : this.#compared.find((other) => other.key === key);
  }

  #makesRoom({ isOfClient }: Entry): boolean {
    if (!isOfClient) return this.#compared.length < MAX_COMPARED_FLOWS && this.#budget.left > 0;
    if (this.#ofClients.size >= this.#limit) {
      const [oldest] = this.#ofClients.values();
      if (oldest !== undefined) this.#remove(oldest);
    }
    return this.#budget.left > 0;
  }

  #add(entry: Entry): void {
    const { flow, key, isOfClient } = entry;
    if (isOfClient) {
      this.#ofClients.set(key, entry);
    } else {
      const worse = this.#compared.findIndex((other) => other.flow.priority > flow.priority);
      this.#compared.splice(worse < 0 ? this.#compared.length : worse, 0, entry);
    }
    const ofOwner = this.#ofOwner.get(flow.owner) ?? new Map<FlowName, Entry>();
    ofOwner.set(nameOf(entry), entry);
    this.#ofOwner.set(flow.owner, ofOwner);
    this.#budget.left -= 1;
  }

  #remove(entry: Entry): void {
    const { flow, key, isOfClient } = entry;
    const ofOwner = this.#ofOwner.get(flow.owner);
    if (ofOwner?.delete(nameOf(entry)) !== true) return; // already
    if (ofOwner.size === 0) this.#ofOwner.delete(flow.owner);
    if (isOfClient) this.#ofClients.delete(key);
    else this.#compared.splice(this.#compared.indexOf(entry), 1);
    this.#budget.left += 1;
  }
}

const nameOf = ({ flow, key }: Entry): FlowName => (flow.fid === NO_FID ? key : flow.fid);

const keyOf = (selector: Ipv6TrafficSelector): string =>
  toHex(flowSubOptionBytes([{ kind: 'traffic-selector', selector }]));
