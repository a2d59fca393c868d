// The handoffs that take clients from this member to another: whether one can begin, when it begins, how it ended.

import { toHex } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import type { Clock, Instant } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import { Donor, type DonorOutcome } from '../handoff/donor.ts';
import { HANDOFF_ID_LEN, type HandoffId, type HandoffMessage, MAX_CONNECTIONS } from '../handoff/messages.ts';
import type { Strategy } from '../handoff/strategy.ts';
import type { MobileNodeLayer } from '../mobility/api.ts';
import type { TcpLayer } from '../tcp/api.ts';
import type { Address } from '../wire/address.ts';
import type { HandoffApp } from './app-contract.ts';
import type { ClientEpochs } from './client-epochs.ts';
import type { ControlPeer } from './control-channel.ts';
import { DonorSide } from './donor-side.ts';
import type { PacketGate } from './packet-gate.ts';
import { isRecognized, Recognition } from './recognition.ts';

/** How a handoff ended, told to whoever asked for it. */
export interface HandoffReport {
  readonly id: HandoffId;
  readonly client: Address;
  readonly to: string;
  readonly outcome: DonorOutcome;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
}

export interface DeparturesOptions {
  readonly tcp: TcpLayer;
  readonly mobile: MobileNodeLayer;
  readonly gate: PacketGate;
  readonly timers: TimerQueue;
  readonly random: Random;
  readonly clock: Clock;
  readonly epochs: ClientEpochs;
  readonly peers: readonly ControlPeer[];
  readonly appOf: (port: number) => HandoffApp | undefined;
  /** Why no client can go to this member just now, if that is so. */
  readonly obstacleTo: (member: string) => string | undefined;
  readonly isComingIn: (client: Address) => boolean;
  readonly send: (now: Instant, to: string, message: HandoffMessage) => void;
  /** Octets that would leave for this member at once. */
  readonly room: (to: string) => number;
  readonly note: (now: Instant, event: string, detail: Record<string, string | number | boolean>) => void;
}

/** One handoff as it was asked for. */
interface Wish {
  readonly client: Address;
  readonly peer: ControlPeer;
  readonly strategy: Strategy;
  readonly done: (report: HandoffReport) => void;
}

export class Departures {
  readonly #o: DeparturesOptions;
  readonly #donors = new Map<HandoffId, { readonly donor: Donor; readonly to: string }>();
  readonly #recognition: Recognition;

  constructor(options: DeparturesOptions) {
    this.#o = options;
    this.#recognition = new Recognition(options.timers);
  }

  /** As Member.handoff() says. */
  begin(
    now: Instant,
    client: Address,
    to: string,
    strategy: Strategy,
    done: (report: HandoffReport) => void,
  ): string | undefined {
    const { peers, mobile } = this.#o;
    const peer = peers.find((p) => p.name === to);
    if (peer === undefined) {
      return `unknown node '${to}': the members this node knows are ${peers.map((p) => p.name).join(', ') || 'none'}`;
    }
    const refusal = this.#whyNot(client, to);
    if (refusal !== undefined) return refusal;
    const wish = { client, peer, strategy, done };
    if (isRecognized(mobile.stateOf(client))) this.#donate(now, wish);
    else this.#donateOnceKnown(now, wish);
    return undefined;
  }

  /** The client is bound, or plain. */
  recognized(now: Instant, client: Address): void {
    this.#recognition.changed(now, client);
  }

  /** True: it was about one of these. */
  message(now: Instant, from: string, message: HandoffMessage): boolean {
    const donating = this.#donors.get(message.id);
    if (donating === undefined) return false;
    const { donor, to } = donating;
    if (to !== from) return true;
    if (message.kind === 'abort' && message.epoch !== undefined) this.#o.epochs.note(donor.client, message.epoch);
    donor.message(now, message);
    return true;
  }

  /** The control connection to this member is down. */
  down(now: Instant, member: string): void {
    for (const { donor, to } of [...this.#donors.values()]) if (to === member) donor.channelDown(now);
  }

  #whyNot(client: Address, to: string): string | undefined {
    const { tcp, mobile, obstacleTo, isComingIn } = this.#o;
    const connections = tcp.connectionsBetween(mobile.homeAddress, client);
    if (connections.every(({ state }) => state === 'TIME-WAIT')) return `no client ${client} here`;
    if (connections.length > MAX_CONNECTIONS) return `client ${client} has more than ${MAX_CONNECTIONS} connections`;
    if (this.#isLeaving(client)) return `client ${client} is being handed off already`;
    if (isComingIn(client)) return `client ${client} is just coming in`;
    if (mobile.stateOf(client) === 'plain' && !mobile.canBindFlows) {
      return `client ${client} knows no Mobile IPv6, and the home agent no flow bindings: it stays with this node`;
    }
    return obstacleTo(to);
  }

  #isLeaving(client: Address): boolean {
    if (this.#recognition.has(client)) return true;
    for (const { donor } of this.#donors.values()) if (donor.client.equals(client)) return true;
    return false;
  }

  #donateOnceKnown(now: Instant, wish: Wish): void {
    const { client, peer, done } = wish;
    const { mobile } = this.#o;
    mobile.optimize(now, client); // of a client that was plain, and whose time as one is over, nothing is under way
    this.#recognition.wait(now, client, (at) => {
      const known = isRecognized(mobile.stateOf(client));
      const reason = this.#whyNot(client, peer.name) ?? (known ? undefined : unknownYet(client));
      if (reason === undefined) return this.#donate(at, wish);
      done({ id: this.#newId(), client, to: peer.name, outcome: { ok: false, reason }, startedAt: now, endedAt: at });
    });
  }

  #newId(): HandoffId {
    return toHex(this.#o.random.bytes(HANDOFF_ID_LEN));
  }

  #donate(now: Instant, wish: Wish, isSecondTry = false): void {
    const { client, peer, strategy, done } = wish;
    const { tcp, mobile, gate, timers, clock, epochs, appOf, send, room, note } = this.#o;
    const to = peer.name;
    const id = this.#newId();
    const epoch = epochs.of(client) + 1;
    const side = new DonorSide({
      ...{ id, client, clock, tcp, mobile, gate, appOf },
      acceptorCareOf: peer.careOf,
      send: (at, message) => send(at, to, message),
      room: () => room(to),
      finished: (at, outcome) => {
        this.#donors.delete(id);
        const reason = outcome.ok ? {} : { reason: outcome.reason };
        note(at, outcome.ok ? 'handoff-done' : 'handoff-failed', { id, ...reason });
        // The acceptor knew of handoffs of this client that we have missed, and told their number.
        const missed = epochs.of(client) > epoch;
        if (!outcome.ok && missed && !isSecondTry) this.#donate(at, wish, true);
        else done({ id, client, to, outcome, startedAt: now, endedAt: at });
      },
      donor: () => donor,
    });
    const donor: Donor = new Donor({ id, epoch, client, strategy, timers, actions: side });
    this.#donors.set(id, { donor, to });
    epochs.note(client, epoch);
    note(now, 'handoff-start', { id, client: client.toString(), to });
    donor.start(now);
  }
}

const unknownYet = (client: Address): string =>
  `client ${client} answers, but has no binding for this node yet: ask again in a moment`;
