// A member of the group: one server node with its services, the control channel to the others, and the
// handoffs that go out and come in. It joins host (TCP, IPv6, mobile node) and the pure handoff machines;
// it runs the same on a TUN device and in the simulator.

import { Counters } from '../core/counters.ts';
import type { Random } from '../core/random.ts';
import { type Clock, type Instant, ZERO } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import { NO_TRACE, type Trace } from '../core/trace.ts';
import { Acceptor } from '../handoff/acceptor.ts';
import type { HandoffMessage } from '../handoff/messages.ts';
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
import { Departures, type HandoffReport } from './departures.ts';
import { PacketGate } from './packet-gate.ts';
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

export class Member {
  readonly counters = new Counters();
  readonly gate: PacketGate;
  readonly mobile: MobileNodeLayer;
  readonly #o: MemberOptions;
  readonly #trace: Trace;
  readonly #apps = new Map<number, HandoffApp>();
  readonly #departures: Departures;
  readonly #takeovers = new Takeovers();
  readonly #epochs = new ClientEpochs();
  readonly #bound: BoundClients;
  #control: ControlChannel | undefined;

  constructor(options: MemberOptions) {
    this.#o = options;
    this.#trace = options.trace ?? NO_TRACE;
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
    const { tcp, timers, random, clock, peers } = options;
    this.#departures = new Departures({
      ...{ tcp, timers, random, clock, peers, mobile: this.mobile, gate: this.gate, epochs: this.#epochs },
      appOf: (port) => this.#apps.get(port),
      obstacleTo: (member) => this.#obstacleTo(member),
      isComingIn: (client) => this.#takeovers.of(client) !== undefined,
      send: (now, to, message) => this.#send(now, to, message),
      room: (to) => this.#control?.room(to) ?? 0,
      note: (now, event, detail) => this.#note(now, event, detail),
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
    return this.#departures.begin(now, client, to, strategy, done);
  }

  close(now: Instant): void {
    this.#control?.close(now);
  }

  #obstacleTo(member: string): string | undefined {
    return (
      this.complaintAbout(member) ?? (this.isConnectedTo(member) ? undefined : `node '${member}' is not connected`)
    );
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
    this.#departures.recognized(now, client);
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
    if (this.#departures.message(now, from, message)) return;
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
    this.#departures.down(now, member);
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
