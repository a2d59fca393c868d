// A member of the group: one server node with its services, the control channel to the others, and the
// handoffs that go out and come in. It joins host (TCP, IPv6, mobile node) and the pure handoff machines;
// it runs the same on a TUN device and in the simulator.

import { toHex } from '../core/bytes.ts';
import { Counters } from '../core/counters.ts';
import type { Random } from '../core/random.ts';
import { type Clock, type Instant, ZERO } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import { NO_TRACE, type Trace } from '../core/trace.ts';
import { Acceptor } from '../handoff/acceptor.ts';
import { Donor, type DonorOutcome } from '../handoff/donor.ts';
import { HANDOFF_ID_LEN, type HandoffId, type HandoffMessage, MAX_CONNECTIONS } from '../handoff/messages.ts';
import type { Strategy } from '../handoff/strategy.ts';
import type { Ipv6Mobility } from '../ipv6/hooks.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import type { MobileNodeEvents, MobileNodeLayer } from '../mobility/api.ts';
import type { Connection, InstallOptions, ListenOptions, TcpLayer } from '../tcp/api.ts';
import type { Address } from '../wire/address.ts';
import { TCP_FLAG, type TcpHeader } from '../wire/tcp.ts';
import { AcceptorSide } from './acceptor-side.ts';
import type { HandoffApp } from './app-contract.ts';
import { BoundClients } from './bound-clients.ts';
import { ClientEpochs } from './client-epochs.ts';
import { type ControlChannel, type ControlPeer, PlainControlChannel } from './control-channel.ts';
import { DonorSide } from './donor-side.ts';
import { PacketGate } from './packet-gate.ts';
import { isRecognized, Recognition } from './recognition.ts';
import { Takeovers } from './takeovers.ts';

export interface MemberPeer extends ControlPeer {
  /** Binding Identifier of this member at the home agent (RFC 5648). */
  readonly bid: number;
}

export interface MemberOptions {
  readonly tcp: TcpLayer;
  readonly ipv6: Ipv6Mobility;
  /** Makes the mobile node, which tells what happens through `events`. */
  readonly mobile: (events: MobileNodeEvents) => MobileNodeLayer;
  readonly timers: TimerQueue;
  readonly random: Random;
  /** For what an app does in its own time; everything else brings its time along. */
  readonly clock: Clock;
  readonly controlPort: number;
  readonly peers: readonly MemberPeer[];
  /** Congestion state of connections that are taken over. Default 'restart'. */
  readonly install?: InstallOptions;
  readonly trace?: Trace;
}

/** How a handoff ended, told to whoever asked for it. */
export interface HandoffReport {
  readonly id: HandoffId;
  readonly client: Address;
  readonly to: string;
  readonly outcome: DonorOutcome;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
}

export class Member {
  readonly counters = new Counters();
  readonly gate: PacketGate;
  readonly mobile: MobileNodeLayer;
  readonly #o: MemberOptions;
  readonly #trace: Trace;
  readonly #apps = new Map<number, HandoffApp>();
  readonly #donors = new Map<HandoffId, { readonly donor: Donor; readonly to: string }>();
  readonly #takeovers = new Takeovers();
  readonly #epochs = new ClientEpochs();
  readonly #bound: BoundClients;
  readonly #recognition: Recognition;
  #control: ControlChannel | undefined;

  constructor(options: MemberOptions) {
    this.#o = options;
    this.#trace = options.trace ?? NO_TRACE;
    this.#recognition = new Recognition(options.timers);
    this.mobile = options.mobile({
      testsDone: (now, client) => this.#takeovers.of(client)?.testsDone(now),
      bindingAcknowledged: (now, client, status) => {
        this.#note(now, 'binding-acknowledged', { client: client.toString(), status });
        this.#takeovers.of(client)?.bindingAcknowledged(now, status);
        this.#recognized(now, client);
      },
      bindingError: (_now, client) => this.#takeovers.of(client)?.bindingError(),
      unresponsive: (now, client) => {
        this.#takeovers.of(client)?.unresponsive(now);
        this.#recognized(now, client);
      },
      flowBound: (now, client, status) => {
        this.#note(now, 'flow-bound', { client: client.toString(), status });
        this.#takeovers.of(client)?.flowBound(now, status);
      },
      relayHomeTest: (now, bid, packet) => this.#relayHomeTest(now, bid, packet),
    });
    const { homeAddress, careOf } = this.mobile;
    this.gate = new PacketGate({
      ...{ ipv6: options.ipv6, counters: this.counters, homeAddress, careOf },
      isReachable: (member) => options.peers.some((p) => p.careOf.equals(member) && this.isConnectedTo(p.name)),
    });
    this.#bound = new BoundClients({
      timers: options.timers,
      inUse: () => this.#clientsInUse(),
      forget: (now, client) => this.#left(now, client),
    });
    options.tcp.onUnmatched = (_now, packet, header) => this.#unmatched(packet, header);
  }

  /** Opens the control channel. Throws when its port is taken. */
  start(now: Instant): void {
    const { tcp, timers, controlPort, peers } = this.#o;
    const { mobile } = this;
    this.#control = new PlainControlChannel(now, {
      tcp,
      timers,
      counters: this.counters,
      address: mobile.careOf,
      port: controlPort,
      peers,
      handlers: {
        message: (at, from, message) => this.#message(at, from, message),
        down: (at, member) => this.#down(at, member),
      },
    });
  }

  /** Serves `app` at a port of the contact address. Throws when the port is taken. */
  serve(port: number, app: HandoffApp, options: Omit<ListenOptions, 'port' | 'address'> = {}): void {
    const { tcp } = this.#o;
    const { mobile } = this;
    const listener = tcp.listen({ ...options, address: mobile.homeAddress, port }, (now, connection) =>
      this.#accepted(now, connection, app),
    );
    if (typeof listener === 'string') throw new Error(`port ${port} of ${mobile.homeAddress}: ${listener}`);
    this.#apps.set(port, app);
  }

  /** Has the control connection to this member been opened? */
  isConnectedTo(member: string): boolean {
    return this.#control?.isUp(member) === true;
  }

  /** Why no client can go to this member: it speaks otherwise than we do. */
  complaintAbout(member: string): string | undefined {
    const reason = this.#control?.complaint(member);
    return reason === undefined ? undefined : `what node '${member}' says is not understood: ${reason}`;
  }

  /** Everybody connected to the contact address here. */
  clients(): { readonly client: Address; readonly connections: number }[] {
    const found = new Map<string, { client: Address; connections: number }>();
    for (const connection of this.#o.tcp.connections()) {
      if (!connection.local.address.equals(this.mobile.homeAddress)) continue;
      const client = connection.remote.address;
      const entry = found.get(client.key) ?? { client, connections: 0 };
      entry.connections += 1;
      found.set(client.key, entry);
    }
    return [...found.values()];
  }

  /** Keys of the clients that are connected here or on their way. */
  #clientsInUse(): Set<string> {
    const keys = new Set(this.clients().map(({ client }) => client.key));
    for (const client of this.#takeovers.clients()) keys.add(client.key);
    return keys;
  }

  /**
   * Hands a client to another member. A string says why that cannot even begin; else `done` tells the end. Where it is not yet
   * known whether the client is bound or plain, the handoff waits until it is (RECOGNITION_TIME at most).
   */
  handoff(
    now: Instant,
    client: Address,
    to: string,
    strategy: Strategy,
    done: (report: HandoffReport) => void,
  ): string | undefined {
    const refusal = this.#whyNot(client, to);
    if (refusal !== undefined) return refusal;
    const peer = this.#o.peers.find((p) => p.name === to);
    if (peer === undefined) return `unknown node '${to}'`;
    if (isRecognized(this.mobile.stateOf(client))) this.#donate(now, client, peer, strategy, done);
    else this.#donateOnceKnown(now, client, peer, strategy, done);
    return undefined;
  }

  #donateOnceKnown(
    now: Instant,
    client: Address,
    peer: MemberPeer,
    strategy: Strategy,
    done: (report: HandoffReport) => void,
  ): void {
    this.mobile.optimize(now, client); // of a client that was plain, and whose time as one is over, nothing is under way
    this.#recognition.wait(now, client, (at) => {
      const known = isRecognized(this.mobile.stateOf(client));
      const reason = this.#whyNot(client, peer.name) ?? (known ? undefined : unknownYet(client));
      if (reason === undefined) return this.#donate(at, client, peer, strategy, done);
      done({ id: this.#newId(), client, to: peer.name, outcome: { ok: false, reason }, startedAt: now, endedAt: at });
    });
  }

  #newId(): HandoffId {
    return toHex(this.#o.random.bytes(HANDOFF_ID_LEN));
  }

  #donate(
    now: Instant,
    client: Address,
    peer: MemberPeer,
    strategy: Strategy,
    done: (report: HandoffReport) => void,
    isSecondTry = false,
  ): void {
    const to = peer.name;
    const id = this.#newId();
    const { tcp, clock, timers } = this.#o;
    const { mobile } = this;
    const side = new DonorSide({
      id,
      client,
      acceptorCareOf: peer.careOf,
      clock,
      tcp,
      mobile,
      gate: this.gate,
      appOf: (port) => this.#apps.get(port),
      send: (at, message) => this.#send(at, to, message),
      room: () => this.#control?.room(to) ?? 0,
      finished: (at, outcome) => {
        this.#donors.delete(id);
        this.#note(at, outcome.ok ? 'handoff-done' : 'handoff-failed', {
          id,
          ...(outcome.ok ? {} : { reason: outcome.reason }),
        });
        // The acceptor knew of handoffs of this client that we have missed, and told their number.
        const missed = this.#epochs.of(client) > epoch;
        if (!outcome.ok && missed && !isSecondTry) this.#donate(at, client, peer, strategy, done, true);
        else done({ id, client, to, outcome, startedAt: now, endedAt: at });
      },
      donor: () => donor,
    });
    const epoch = this.#epochs.of(client) + 1;
    const donor: Donor = new Donor({ id, epoch, client, strategy, timers, actions: side });
    this.#donors.set(id, { donor, to });
    this.#epochs.note(client, epoch);
    this.#note(now, 'handoff-start', { id, client: client.toString(), to });
    donor.start(now);
  }

  close(now: Instant): void {
    this.#control?.close(now);
  }

  #whyNot(client: Address, to: string): string | undefined {
    if (!this.#o.peers.some((p) => p.name === to)) {
      return `unknown node '${to}': the members this node knows are ${this.#o.peers.map((p) => p.name).join(', ') || 'none'}`;
    }
    const connections = this.#o.tcp.connectionsBetween(this.mobile.homeAddress, client);
    if (connections.every(({ state }) => state === 'TIME-WAIT')) return `no client ${client} here`;
    if (connections.length > MAX_CONNECTIONS) return `client ${client} has more than ${MAX_CONNECTIONS} connections`;
    for (const { donor } of this.#donors.values()) {
      if (donor.client.equals(client)) return `client ${client} is being handed off already`;
    }
    if (this.#recognition.has(client)) return `client ${client} is being handed off already`;
    if (this.#takeovers.of(client) !== undefined) return `client ${client} is just coming in`;
    if (this.mobile.stateOf(client) === 'plain' && !this.mobile.canBindFlows) {
      return `client ${client} knows no Mobile IPv6, and the home agent no flow bindings: it stays with this node`;
    }
    const complaint = this.complaintAbout(to);
    if (complaint !== undefined) return complaint;
    if (!this.isConnectedTo(to)) return `node '${to}' is not connected`;
    return undefined;
  }

  #accepted(now: Instant, connection: Connection, app: HandoffApp): void {
    app.accept(now, connection);
    this.#bound.add(now, connection.remote.address);
    this.mobile.optimize(now, connection.remote.address);
    this.#serveIfPlain(now, connection.remote.address);
  }

  /** The client is bound, or plain. */
  #recognized(now: Instant, client: Address): void {
    this.#serveIfPlain(now, client);
    this.#recognition.changed(now, client);
  }

  /** DESIGN.md 5: a plain client gets its flow binding before the home agent's default can move to another member. */
  #serveIfPlain(now: Instant, client: Address): void {
    const { mobile } = this;
    const wanting = mobile.stateOf(client) === 'plain' && !mobile.hasFlow(client);
    if (wanting && this.#serves(client)) mobile.bindFlow(now, client, 'last');
  }

  /** That it is plain is remembered in its time: it may come back. */
  #left(now: Instant, client: Address): void {
    this.mobile.unbindFlow(now, client);
    if (this.mobile.stateOf(client) !== 'plain') this.mobile.forgetCorrespondent(client);
  }

  /**
   * A late packet that a donor sends on may belong to a connection that ended before the cut: as in TIME-WAIT,
   * nobody needs an answer to it. A SYN does.
   */
  #unmatched(packet: ReceivedPacket, header: TcpHeader): 'reset' | 'ignore' {
    const from = packet.tunnel?.source;
    if (from === undefined || (header.flags & TCP_FLAG.syn) !== 0) return 'reset';
    return this.#o.peers.some((peer) => peer.careOf.equals(from)) ? 'ignore' : 'reset';
  }

  #message(now: Instant, from: string, message: HandoffMessage): void {
    if (message.kind === 'hello') return;
    this.#note(now, `${message.kind}-received`, { id: message.id, from });
    const donating = this.#donors.get(message.id);
    if (donating !== undefined) {
      if (donating.to !== from) return;
      if (message.kind === 'abort' && message.epoch !== undefined)
        this.#epochs.note(donating.donor.client, message.epoch);
      donating.donor.message(now, message);
      return;
    }
    const accepting = this.#takeovers.get(message.id);
    if (accepting !== undefined) {
      if (accepting.from === from) accepting.acceptor.message(now, message);
      return;
    }
    if (message.kind === 'prepare') this.#prepare(now, from, message);
    else if (message.kind === 'state' || message.kind === 'query') {
      this.#send(now, from, { kind: 'abort', id: message.id, reason: 'this node knows nothing of the handoff' });
    }
  }

  #prepare(now: Instant, from: string, message: Extract<HandoffMessage, { kind: 'prepare' }>): void {
    const { id, epoch, client, strategy, correspondent } = message;
    const refuse = (reason: string, known?: number) =>
      this.#send(now, from, { kind: 'abort', id, reason, ...(known !== undefined && { epoch: known }) });
    const known = this.#epochs.of(client);
    const peer = this.#o.peers.find((p) => p.name === from);
    if (peer === undefined) return;
    if (!correspondent.client.equals(client)) return refuse('the correspondent state is of another client');
    if (epoch <= known) return refuse(`epoch ${epoch} of this client is past`, known);
    if (this.#takeovers.of(client) !== undefined) return refuse('the client is just coming in');
    if (this.#serves(client)) return refuse('this node has connections of the client itself');
    if (!this.#takeovers.hasRoom()) return refuse('too many handoffs at the same time');
    const { tcp, clock, timers, install } = this.#o;
    const { mobile } = this;
    const side = new AcceptorSide({
      client,
      donorCareOf: peer.careOf,
      clock,
      tcp,
      mobile,
      gate: this.gate,
      install: install ?? { congestion: 'restart' },
      appOf: (port) => this.#apps.get(port),
      latencies: () => ({
        donor: this.#control?.latency(from) ?? ZERO,
        client: mobile.latencyTo(client) ?? ZERO,
      }),
      send: (at, reply) => this.#send(at, from, reply),
      finished: (at, outcome) => {
        if (outcome.ok) this.#bound.add(at, client);
        this.#note(at, outcome.ok ? 'takeover-done' : 'takeover-failed', {
          id,
          ...(outcome.ok ? {} : { reason: outcome.reason }),
        });
      },
      acceptor: () => acceptor,
    });
    const acceptor: Acceptor = new Acceptor({ id, epoch, client, strategy, timers, actions: side });
    this.#takeovers.add(id, { acceptor, from });
    this.#epochs.note(client, epoch);
    acceptor.start(now, correspondent);
  }

  /** DESIGN.md 5: the home agent gave us a home test that another member asked for. */
  #relayHomeTest(now: Instant, bid: number, packet: Uint8Array): void {
    const peer = this.#o.peers.find((p) => p.bid === bid);
    if (peer === undefined) this.counters.bump('home-test-for-nobody');
    else this.#o.ipv6.tunnel(now, packet, this.mobile.careOf, peer.careOf);
  }

  #down(now: Instant, member: string): void {
    for (const { donor, to } of [...this.#donors.values()]) if (to === member) donor.channelDown(now);
    for (const acceptor of this.#takeovers.from(member)) acceptor.channelDown(now);
  }

  #send(now: Instant, to: string, message: HandoffMessage): void {
    if (message.kind !== 'copy') this.#note(now, `${message.kind}-sent`, { id: message.id, to });
    this.#control?.send(now, to, message);
  }

  /** Ours, or not given away for good yet: another's claim to hand it over cannot be true, or comes too early. */
  #serves(client: Address): boolean {
    return this.#o.tcp.connectionsBetween(this.mobile.homeAddress, client).some((c) => c.state !== 'CLOSED');
  }

  #note(now: Instant, event: string, detail: Record<string, string | number | boolean>): void {
    this.#trace(now, { layer: 'handoff', event, detail });
  }
}

const unknownYet = (client: Address): string =>
  `client ${client} answers, but has no binding for this node yet: ask again in a moment`;
