// A small group on the simulated Internet, mobility only: a home agent, two members and a client with real Ipv6
// stacks. Every packet on the way is kept, taken apart, so that a test can ask what went where.

import { SeededRandom } from '../../stack/core/random.ts';
import { after, type Duration, EPOCH, type Instant, milliseconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Device } from '../../stack/device/device.ts';
import { Ipv6 } from '../../stack/ipv6/ipv6.ts';
import type { MobileNodeEvents, MobilityEnvironment } from '../../stack/mobility/api.ts';
import { Correspondent } from '../../stack/mobility/correspondent.ts';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import { CONTACT_PRIORITY, MEMBER_PRIORITY, MobileNode } from '../../stack/mobility/mobile-node.ts';
import { MobilityDispatch } from '../../stack/mobility/mobility-dispatch.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
import { emitIcmpv6, ICMPV6_CHECKSUM, type Icmpv6Message, icmpv6Length } from '../../stack/wire/icmpv6.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { Internet } from '../sim/internet.ts';
import { type Seen, see } from './packets.ts';
import { ntp } from './support.ts';

export const HOME = address('2001:db8:100::1');
export const HOME_AGENT = address('2001:db8:100::ff');
export const MEMBER_A = address('2001:db8:a::1');
export const MEMBER_B = address('2001:db8:b::1');
export const CLIENT = address('2001:db8:c::1');
/** One way between any two nodes. */
export const LATENCY: Duration = milliseconds(10);

export interface Carried {
  readonly from: string;
  readonly to: string;
  readonly at: Instant;
  readonly packet: Seen;
}

const key = (bid: number) => ({ spi: 1000 + bid, key: new Uint8Array(20).fill(bid) });

export class Group {
  readonly timers = new TimerQueue();
  readonly internet: Internet;
  homeAgent: HomeAgent;
  readonly a: MobileNode;
  b: MobileNode;
  /** Undefined: a plain client. */
  readonly correspondent: Correspondent | undefined;
  readonly clientIpv6: Ipv6;
  readonly carried: Carried[] = [];
  /** Calls of the members' events, as 'a bindingAcknowledged 0'. */
  readonly events: string[] = [];
  now: Instant = EPOCH;
  readonly #random: SeededRandom;
  readonly #devices = new Map<string, Device>();

  constructor(options: { readonly seed: number; readonly plainClient?: boolean }) {
    this.#random = new SeededRandom(options.seed);
    this.internet = new Internet(this.timers, this.#random);
    this.internet.taps.push((at, event, from, to, packet) => {
      if (event === 'sent') this.carried.push({ from, to, at, packet: see(packet.slice()) });
    });
    this.homeAgent = this.#homeAgent();
    this.a = this.#member('a', MEMBER_A, 1, CONTACT_PRIORITY);
    this.b = this.#member('b', MEMBER_B, 2, MEMBER_PRIORITY);
    const client = this.#host('c', CLIENT);
    this.clientIpv6 = client.ipv6;
    const plain = options.plainClient === true;
    this.correspondent = plain ? undefined : new Correspondent(client, new MobilityDispatch(client));
    for (const x of ['home', 'a', 'b', 'c']) {
      for (const y of ['home', 'a', 'b', 'c']) if (x < y) this.internet.join(x, y, { delay: LATENCY });
    }
  }

  /** Both members register; the world is at rest after it. */
  register(): void {
    this.a.registerHome(this.now);
    this.b.registerHome(this.now);
    this.pass(milliseconds(100));
  }

  pass(span: Duration): void {
    const until = after(this.now, span);
    for (let due = this.timers.nextDeadline(); due <= until; due = this.timers.nextDeadline()) {
      this.now = due;
      this.timers.runDue(due);
    }
    this.now = until;
  }

  /** b's process ends without a word and starts again, its clock `offsetSec` off. */
  restartB(offsetSec = 0): void {
    this.#devices.get('b')?.close();
    this.b = this.#member('b', MEMBER_B, 2, MEMBER_PRIORITY, offsetSec);
  }

  /** The home agent's process ends and starts again, without its state. */
  restartHomeAgent(): void {
    this.#devices.get('home')?.close();
    this.homeAgent = this.#homeAgent();
  }

  /** What was carried since the last look. */
  take(): Carried[] {
    return this.carried.splice(0);
  }

  /** The client sends an echo request to the home address; everything carried because of it is returned. */
  echo(): Carried[] {
    this.take();
    const message: Icmpv6Message = { kind: 'echo-request', identifier: 1, sequence: 1, data: new Uint8Array(8) };
    const { buffer, start } = this.clientIpv6.allocate(icmpv6Length(message));
    const end = emitIcmpv6(message, buffer, start);
    const packet = { source: CLIENT, destination: HOME, protocol: PROTOCOL.icmpv6, buffer, start, end };
    this.clientIpv6.enter(this.now, () =>
      this.clientIpv6.send(this.now, { ...packet, checksumOffset: ICMPV6_CHECKSUM }),
    );
    this.pass(milliseconds(100));
    return this.take();
  }

  #homeAgent(): HomeAgent {
    const home = this.#host('home', HOME_AGENT, true);
    return new HomeAgent(home, new MobilityDispatch(home), {
      address: HOME_AGENT,
      homePrefixes: [prefix('2001:db8:100::/64')],
      associations: [1, 2].map((bid) => ({ home: HOME, bid, ...key(bid) })),
    });
  }

  #host(name: string, own: Address, forwarding = false, offsetSec = 0): MobilityEnvironment & { readonly ipv6: Ipv6 } {
    const { timers } = this;
    const network = prefix(`${own}/64`);
    const device = this.internet.attach(name, [network]);
    this.#devices.set(name, device);
    const ipv6 = new Ipv6({ timers, random: this.#random, forwarding, devices: [{ device, addresses: [own] }] });
    ipv6.addRoute(prefix('::/0'), device);
    return { ipv6, timers, random: this.#random, ntpTime: (now) => ntp(now, offsetSec) };
  }

  #member(name: string, careOf: Address, bid: number, priority: number, offsetSec = 0): MobileNode {
    const environment = this.#host(name, careOf, false, offsetSec);
    const note =
      (event: string) =>
      (_now: Instant, ...rest: unknown[]): void => {
        this.events.push([name, event, ...rest.filter((value) => typeof value === 'number')].join(' '));
      };
    const events: MobileNodeEvents = {
      testsDone: note('testsDone'),
      bindingAcknowledged: note('bindingAcknowledged'),
      bindingError: note('bindingError'),
      unresponsive: note('unresponsive'),
      homeRegistered: note('homeRegistered'),
      flowBound: note('flowBound'),
      relayHomeTest: (now, to, packet) => {
        this.events.push(`${name} relayHomeTest ${to}`);
        environment.ipv6.tunnel(now, packet, careOf, to === 1 ? MEMBER_A : MEMBER_B);
      },
    };
    const config = { homeAddress: HOME, careOf, homeAgent: HOME_AGENT, association: key(bid), bid, priority };
    const node = new MobileNode(environment, new MobilityDispatch(environment), config, events);
    node.setMembers([MEMBER_A, MEMBER_B]);
    return node;
  }
}
