// A whole group in simulation: a home agent, server nodes (members) and clients, made of the same classes that
// run on TUN devices, on the simulated Internet. One virtual clock, one seed.

import { SeededRandom } from '../../stack/core/random.ts';
import { after, type Duration, EPOCH, type Instant, milliseconds, NEVER, seconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Trace, TraceEvent } from '../../stack/core/trace.ts';
import type { Device } from '../../stack/device/device.ts';
import type { LinkConditions } from '../../stack/device/fault.ts';
import { pipe } from '../../stack/device/pipe.ts';
import type { Strategy } from '../../stack/handoff/strategy.ts';
import { Host } from '../../stack/host.ts';
import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import type { MoveSeen } from '../../stack/mobility/client-gateway.ts';
import type { Correspondent } from '../../stack/mobility/correspondent.ts';
import { CONTACT_PRIORITY, MEMBER_PRIORITY, type MobileNode } from '../../stack/mobility/mobile-node.ts';
import type { HandoffApp } from '../../stack/server/app-contract.ts';
import type { HandoffReport } from '../../stack/server/departures.ts';
import { Member } from '../../stack/server/member.ts';
import type { TcpObserver } from '../../stack/tcp/api.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
import { Internet } from './internet.ts';
import { lateUpdates } from './late-updates.ts';

export const CONTACT = address('2001:db8:100::1');
export const HOME_AGENT = address('2001:db8:100::ff');
export const CONTROL_PORT = 4433;
/** A world that has not come to rest by then has a bug. */
const MAX_EVENTS = 20_000_000;

/** How long a daemon takes to process a Binding Update. */
const DAEMON_MS = { least: 5, spread: 45 };
/** RFC 4862 5.1: one probe, and a second of waiting. */
const DUPLICATE_ADDRESS_DETECTION = seconds(1);

/** One-way latencies in milliseconds. */
export interface WorldLatencies {
  readonly donorAcceptor: number;
  readonly clientDonor: number;
  readonly clientAcceptor: number;
  /** Between the home agent and each of the others. */
  readonly home: number;
}

/**
 * 'plain': without Mobile IPv6; it answers a Mobility Header with a Parameter Problem. 'gateway': such a one, behind a
 * gateway that knows it.
 */
export type ClientKind = 'correspondent' | 'plain' | 'gateway';

export interface WorldOptions {
  readonly seed: number;
  readonly latencies: WorldLatencies;
  /** Which member the home agent's default binding leads to. Default 'a', the donor of a first handoff. */
  readonly contact?: 'a' | 'b';
  readonly clientObserver?: TcpObserver;
  /** What *c* is. Default 'correspondent'. */
  readonly client?: ClientKind;
  /**
   * 'one': a home agent as UMIP has it, which knows neither Binding Identifiers nor RFC 4285, takes a second for its
   * duplicate address detection (RFC 6275 10.3.1), and correspondents that process Binding Updates in a daemon, 5 to 50
   * ms late. Default 'many'.
   */
  readonly bindings?: BindingsAtHome;
}

export interface Node {
  readonly name: string;
  readonly host: Host;
  readonly careOf: Address;
}

export interface MemberNode extends Node {
  readonly member: Member;
  /** Another contact node; of one binding. */
  setContact(now: Instant, contact: Address): void;
}

export interface ClientNode extends Node {
  /** Absent: a plain client. */
  readonly correspondent?: Correspondent;
}

export interface Gateway {
  /** What it has said of its client's moves. */
  readonly moves: MoveSeen[];
  /** Another gateway in its place, without its memory. */
  restart(): Correspondent;
}

/** Home agent *home*, members *a* and *b*, client *c*. */
export class World {
  readonly timers = new TimerQueue();
  readonly random: SeededRandom;
  readonly internet: Internet;
  a: MemberNode;
  b: MemberNode;
  readonly c: ClientNode;
  readonly home: Node;
  /** What happened, for tests that look behind the scenes. */
  readonly traced: { readonly at: Instant; readonly node: string; readonly event: TraceEvent }[] = [];
  now: Instant = EPOCH;
  /** Of the members. */
  readonly #devices = new Map<string, Device>();
  readonly #bindings: BindingsAtHome;
  readonly #contact: Address;

  constructor(options: WorldOptions) {
    const { seed, latencies, contact = 'a', bindings = 'many' } = options;
    this.#bindings = bindings;
    this.#contact = careOfAddress(contact);
    this.random = new SeededRandom(seed);
    this.internet = new Internet(this.timers, this.random);
    this.home = this.#homeAgent();
    this.a = this.#member('a', 1, contact === 'a', 'b', 2);
    this.b = this.#member('b', 2, contact === 'b', 'a', 1);
    this.c =
      options.client === 'gateway'
        ? this.addClientBehindGateway('c', options.clientObserver)
        : this.addClient('c', options.clientObserver, options.client);
    const delay = (ms: number): Partial<LinkConditions> => ({ delay: milliseconds(ms) });
    this.internet.join('a', 'b', delay(latencies.donorAcceptor));
    this.internet.join('a', 'c', delay(latencies.clientDonor));
    this.internet.join('b', 'c', delay(latencies.clientAcceptor));
    for (const node of ['a', 'b', 'c']) this.internet.join('home', node, delay(latencies.home));
  }

  /** Opens the control channels, registers the members at home; returns when the group is ready. */
  start(apps: (node: MemberNode) => ReadonlyMap<number, HandoffApp>): void {
    for (const node of [this.a, this.b]) this.#start(node, apps(node));
    this.runFor(seconds(5));
  }

  /** The process of the contact node is killed, and started again without its memory. */
  restartContact(apps: ReadonlyMap<number, HandoffApp>): void {
    this.#devices.get('a')?.close();
    this.a = this.#member('a', 1, true, 'b', 2);
    this.#start(this.a, apps);
  }

  #start(node: MemberNode, apps: ReadonlyMap<number, HandoffApp>): void {
    for (const [port, app] of apps) node.member.serve(port, app, { delayedAck: 0 as Duration });
    node.member.start(this.now);
    node.member.mobile.registerHome(this.now);
  }

  /** A further client; its name is a hexadecimal number. Its links are perfect until they are configured. */
  addClient(name: string, observer?: TcpObserver, kind: ClientKind = 'correspondent'): ClientNode {
    const careOf = careOfAddress(name);
    const host = this.#host(name, observer);
    const device = this.internet.attach(name, [prefix(`${careOf}/64`)]);
    const slow = (): Duration => milliseconds(DAEMON_MS.least + this.random.float() * DAEMON_MS.spread);
    host.attach(this.#bindings === 'one' ? lateUpdates(device, this.timers, slow) : device, { addresses: [careOf] });
    return { name, host, careOf, ...(kind === 'correspondent' && { correspondent: host.beCorrespondent() }) };
  }

  /**
   * A further client, of a stack without Mobile IPv6, behind a gateway of its own whose link outside has this MTU; the
   * link between them carries super-frames.
   */
  addClientBehindGateway(
    name: string,
    observer?: TcpObserver,
    mtu = 1500,
  ): ClientNode & { readonly correspondent: Correspondent; readonly gateway: Gateway } {
    const careOf = careOfAddress(name);
    const offloads = { checksum: true, tso: true };
    const [toGateway, inside] = pipe({ names: [`${name} inside`, `${name} gateway`], offloads });
    const host = this.#host(name, observer);
    host.attach(toGateway, { addresses: [careOf] });
    const outside = this.internet.attach(name, [prefix(`${careOf}/64`)], mtu);
    const gateway: Gateway = { moves: [], restart: () => this.#gateway(name, inside, outside, gateway) };
    return { name, host, careOf, correspondent: gateway.restart(), gateway };
  }

  #gateway(name: string, inside: Device, outside: Device, { moves }: Gateway): Correspondent {
    const host = this.#host(`${name} gateway`, undefined, true);
    host.attach(inside, { addresses: [address('fe80::1')], routes: [prefix(`${careOfAddress(name)}/128`)] });
    host.attach(outside, { addresses: [address(`2001:db8:${name}::ff`)] });
    return host.beClientGateway({ inside, outside, moved: (_now, move) => moves.push(move) });
  }

  memberOf(name: 'a' | 'b'): MemberNode {
    return name === 'a' ? this.a : this.b;
  }

  /** Starts a handoff of the client; the report appears in the returned box. Throws when it cannot begin. */
  handoff(from: 'a' | 'b', to: 'a' | 'b', strategy: Strategy, client: ClientNode = this.c): { report?: HandoffReport } {
    const box: { report?: HandoffReport } = {};
    const refusal = this.memberOf(from).member.handoff(this.now, client.careOf, to, strategy, (report) => {
      box.report = report;
    });
    if (refusal !== undefined) throw new Error(refusal);
    return box;
  }

  runFor(span: Duration): void {
    this.runUntil(() => false, after(this.now, span));
  }

  /** Runs events until the condition holds (true) or `limit` is reached (false). */
  runUntil(condition: () => boolean, limit: Instant): boolean {
    for (let events = 0; events < MAX_EVENTS; events++) {
      if (condition()) return true;
      const next = this.timers.nextDeadline();
      if (next === NEVER || next > limit) {
        this.now = limit;
        return condition();
      }
      this.now = next;
      this.timers.runDue(next);
    }
    throw new Error(`more than ${MAX_EVENTS} events: the world does not come to rest`);
  }

  #host(name: string, observer?: TcpObserver, forwarding = false): Host {
    const trace: Trace = (at, event) => this.traced.push({ at, node: name, event });
    return new Host({
      timers: this.timers,
      random: this.random,
      secret: new Uint8Array(32).fill(7),
      ntpTime: (at) =>
        (BigInt(3_900_000_000 + Math.floor(at / 1e6)) << 32n) | BigInt(Math.floor(((at % 1e6) / 1e6) * 2 ** 32)),
      trace,
      forwarding,
      ...(observer && { observer }),
    });
  }

  #homeAgent(): Node {
    const host = this.#host('home', undefined, true);
    const device = this.internet.attach('home', [prefix('2001:db8:100::/64')]);
    const config = { address: HOME_AGENT, homePrefixes: [prefix('2001:db8:100::/64')] };
    if (this.#bindings === 'many') {
      host.attach(device, { addresses: [HOME_AGENT] });
      const associations = [1, 2].map((bid) => ({ home: CONTACT, bid, ...association(bid) }));
      host.beHomeAgent({ ...config, associations });
    } else {
      let isBound = false; // only the first registration waits for the detection
      const wait = (): Duration => (isBound ? (0 as Duration) : DUPLICATE_ADDRESS_DETECTION);
      host.attach(lateUpdates(device, this.timers, wait), { addresses: [HOME_AGENT] });
      host.beHomeAgent({
        ...config,
        security: 'none',
        associations: [{ home: CONTACT, ...association(0) }],
        bindingChanged: (_now, _home, _bid, careOf) => {
          isBound = careOf !== undefined;
        },
      });
    }
    return { name: 'home', host, careOf: HOME_AGENT };
  }

  #member(name: string, bid: number, contact: boolean, peer: string, peerBid: number): MemberNode {
    const careOf = careOfAddress(name);
    const host = this.#host(name);
    const device = this.internet.attach(name, [prefix(`${careOf}/64`)]);
    this.#devices.set(name, device);
    host.attach(device, { addresses: [careOf] });
    const peerCareOf = careOfAddress(peer);
    const nodes: MobileNode[] = [];
    const member = new Member({
      tcp: host.tcp,
      ipv6: host.ipv6,
      mobile: (events) => {
        const config = {
          homeAddress: CONTACT,
          careOf,
          homeAgent: HOME_AGENT,
          bid,
          ...(this.#bindings === 'many'
            ? { association: association(bid) }
            : ({ bindings: 'one', contact: this.#contact } as const)),
          priority: contact ? CONTACT_PRIORITY : MEMBER_PRIORITY,
        };
        const mobile = host.beMobileNode(config, events);
        mobile.setMembers([peerCareOf]);
        nodes.push(mobile);
        return mobile;
      },
      timers: this.timers,
      random: this.random,
      clock: { now: () => this.now },
      controlPort: CONTROL_PORT,
      peers: [{ name: peer, careOf: peerCareOf, controlPort: CONTROL_PORT, bid: peerBid }],
      trace: (at, event) => this.traced.push({ at, node: name, event }),
    });
    const setContact = (now: Instant, careOfContact: Address): void => {
      for (const node of nodes) node.setContact(now, careOfContact);
    };
    return { name, host, careOf, member, setContact };
  }
}

const careOfAddress = (name: string): Address => address(`2001:db8:${name}::1`);

/** The key a member shares with the home agent (RFC 4285). */
const association = (bid: number) => ({ spi: 1000 + bid, key: new Uint8Array(20).fill(bid) });
