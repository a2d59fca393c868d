// Which clients' packets a member wants from its home agent (RFC 6089), the member's side: asked for with the updates of its
// home registration, as many in one as fit, asked for again where the home agent no longer knows them, and taken back when the
// client has left. When updates are sent is HomeRegistration's.
//
// RFC 6089 5.2.2 takes a flow back by not naming it in an update that names all others. There may be ten thousand: so a flow
// that is no longer wanted is changed instead, to select what comes from our own care-of address, which nothing does.

import type { Address } from '../wire/address.ts';
import type { BindingAcknowledgement } from '../wire/mobility.ts';
import type { FlowIdentification } from '../wire/mobility-option.ts';
import type { FlowTurn } from './api.ts';
import { MAX_CLIENTS } from './binding-update-list.ts';
import { FIRST_REJECTION } from './constants.ts';
import { clientFlow } from './flow-binding.ts';
import { FlowNumbers } from './flow-number.ts';
import { FLOW_STATUS } from './flow-request.ts';

/** Flow Identification options in one update: each has 36 octets, and the packet is to stay below 1280. */
export const MAX_FLOWS_PER_UPDATE = 20;
/** Updates whose acknowledgements may still come: of about three seconds, for no more than three are sent in one. */
const MAX_BATCHES = 8;

/** 'given-up': the home agent is to be told. 'lent': it may be another member's by now, so nothing is said of it. */
type Purpose = 'wanted' | 'given-up' | 'lent';

interface Flow {
  readonly client: Address;
  readonly fid: number;
  purpose: Purpose;
  /** The home agent has said that it sends us the packets. */
  bound: boolean;
}

interface Asked {
  readonly flow: Flow;
  readonly purpose: Purpose;
}

/** What one update asks. A probe asks for nothing new: does the home agent still know this flow? */
interface Batch {
  readonly asked: readonly Asked[];
  readonly isProbe: boolean;
}

/** The home agent's word on one client. */
export interface FlowAnswer {
  readonly client: Address;
  readonly status: number;
}

export class FlowRegistrations {
  readonly #careOf: Address;
  readonly #bid: number;
  readonly #limit: number;
  readonly #numbers = new FlowNumbers();
  readonly #flows = new Map<string, Flow>();
  /** To be asked: these at once, and those when there is room. */
  #first = new Set<Flow>();
  readonly #later = new Set<Flow>();
  /** By the sequence number of the update. */
  readonly #batches = new Map<number, Batch>();

  constructor(careOf: Address, bid: number, limit: number = MAX_CLIENTS) {
    this.#careOf = careOf;
    this.#bid = bid;
    this.#limit = limit;
  }

  /** Is there anything that the home agent has yet to answer? */
  get waiting(): boolean {
    return this.#first.size + this.#later.size > 0;
  }

  /** Is it asked for, or has it been? */
  has(client: Address): boolean {
    return this.#flows.get(client.key)?.purpose === 'wanted';
  }

  /** False: there are too many. */
  want(client: Address, turn: FlowTurn = 'first'): boolean {
    const flow = this.#flows.get(client.key) ?? this.#make(client);
    if (flow === undefined) return false;
    this.#unqueue(flow);
    flow.purpose = 'wanted';
    (turn === 'first' ? this.#first : this.#later).add(flow);
    return true;
  }

  /** Another member may take the client over: nothing is said of its flow until reclaim(). */
  lend(client: Address): void {
    const flow = this.#flows.get(client.key);
    if (flow?.purpose !== 'wanted') return;
    this.#unqueue(flow);
    flow.purpose = 'lent';
  }

  /** The client stays after all. False: it has no flow. */
  reclaim(client: Address): boolean {
    return this.#flows.get(client.key)?.purpose === 'lent' && this.want(client);
  }

  /**
   * The client has left. True: the home agent is to be told. False: there is nothing to tell, as of a client that is another
   * member's now, which has told.
   */
  drop(client: Address): boolean {
    const flow = this.#flows.get(client.key);
    if (flow === undefined) return false;
    this.#unqueue(flow);
    if (flow.purpose === 'lent') {
      this.#flows.delete(client.key);
      return false;
    }
    flow.purpose = 'given-up';
    this.#later.add(flow);
    return true;
  }

  /** The home agent has lost them: all are asked for again. */
  askAgain(): void {
    for (const flow of this.#flows.values()) {
      flow.bound = false;
      if (flow.purpose === 'wanted' && !this.#first.has(flow)) this.#later.add(flow);
    }
  }

  /** The update has not been answered in time: what it asked comes first in the next. */
  unanswered(sequence: number): void {
    const asked = this.#batches.get(sequence)?.asked ?? [];
    const unheard = asked.map(({ flow }) => flow).filter((flow) => this.#later.delete(flow));
    this.#first = new Set([...unheard, ...this.#first]);
  }

  /** What goes into the update of this number. */
  take(sequence: number): FlowIdentification[] {
    const flows = [...this.#next()];
    if (flows.length === 0) return this.#probe(sequence);
    for (const flow of flows) {
      // Behind the others, until it is answered.
      this.#unqueue(flow);
      this.#later.add(flow);
    }
    this.#remember(sequence, flows, false);
    return flows.map((flow) => this.#optionOf(flow));
  }

  /**
   * What an acknowledgement says of the flows in the update that it is about, which need not be the last one. It may leave
   * them out, and then means them all (RFC 6089 4.2). Those of an update that was refused as a whole are asked for again.
   */
  answered(ack: BindingAcknowledgement): FlowAnswer[] {
    const batch = this.#batches.get(ack.sequence);
    if (batch === undefined) return [];
    this.#batches.delete(ack.sequence);
    const statuses = new Map<number, number>();
    for (const option of ack.options) {
      if (option.kind === 'flow-identification') statuses.set(option.fid, option.status);
    }
    const answers: FlowAnswer[] = [];
    for (const { flow, purpose } of batch.asked) {
      const status = statuses.get(flow.fid) ?? ack.status;
      if (batch.isProbe && status === FLOW_STATUS.fidNotFound) this.askAgain();
      if (batch.isProbe || flow.purpose !== purpose || !this.#waits(flow)) continue;
      if (ack.status < FIRST_REJECTION) this.#unqueue(flow);
      flow.bound = status < FIRST_REJECTION;
      if (purpose === 'wanted') answers.push({ client: flow.client, status });
      else if (flow.bound) this.#flows.delete(flow.client.key);
    }
    return answers;
  }

  #make(client: Address): Flow | undefined {
    if (this.#flows.size >= this.#limit) return undefined;
    const flow: Flow = { client, fid: this.#numbers.of(client), purpose: 'wanted', bound: false };
    this.#flows.set(client.key, flow);
    return flow;
  }

  *#next(): Iterable<Flow> {
    let count = 0;
    for (const queue of [this.#first, this.#later]) {
      for (const flow of queue) {
        if (count++ === MAX_FLOWS_PER_UPDATE) return;
        yield flow;
      }
    }
  }

  /** A flow that names no selector has to be known already (RFC 6089 4.2): where it is not, none is. */
  #probe(sequence: number): FlowIdentification[] {
    for (const flow of this.#flows.values()) {
      if (flow.purpose !== 'wanted' || !flow.bound) continue;
      this.#remember(sequence, [flow], true);
      return [{ ...this.#optionOf(flow), subOptions: [] }];
    }
    return [];
  }

  #remember(sequence: number, flows: readonly Flow[], isProbe: boolean): void {
    const [oldest] = this.#batches.keys();
    if (this.#batches.size >= MAX_BATCHES && oldest !== undefined) this.#batches.delete(oldest);
    this.#batches.set(sequence, { asked: flows.map((flow) => ({ flow, purpose: flow.purpose })), isProbe });
  }

  #optionOf({ client, fid, purpose }: Flow): FlowIdentification {
    return clientFlow(fid, purpose === 'given-up' ? this.#careOf : client, this.#bid);
  }

  #waits(flow: Flow): boolean {
    return this.#first.has(flow) || this.#later.has(flow);
  }

  #unqueue(flow: Flow): void {
    this.#first.delete(flow);
    this.#later.delete(flow);
  }
}
