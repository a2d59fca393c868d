// What the mobile node's conformance cases share: a Host that is a mobile node, on the virtual clock, with its home
// agent and its correspondents played by hand. What it sends is compared with the packets that are due octet for octet,
// checksums included (flow labels aside).

import { SeededRandom } from '../../stack/core/random.ts';
import { after, type Duration, EPOCH, type Instant, milliseconds, seconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { Host } from '../../stack/host.ts';
import type { HomeSecurity } from '../../stack/mobility/home-update-check.ts';
import type { MobileNode, MobileNodeConfig } from '../../stack/mobility/mobile-node.ts';
import type { Address } from '../../stack/wire/address.ts';
import type { MobilityMessage } from '../../stack/wire/mobility.ts';
import { echoRequest, mobilityBytes, mobilityPacket, type Seen, see } from '../mobility/packets.ts';
import { ntp, TestDevice } from '../mobility/support.ts';
import { expectPackets, expectSilence } from './expectations.ts';
import {
  type AckParts,
  bindingError,
  CARE_OF,
  CN,
  careOfTestInit,
  careOfTestPacket,
  clientAckPacket,
  clientUpdate,
  HOME,
  HOME_AGENT,
  homeAckPacket,
  homeTestInit,
  homeTestPacket,
  homeUpdate,
  KEY,
  NAI,
  SPI,
  type TestParts,
  tunnelled,
  tunnelReply,
} from './mobile-node-packets.ts';

/** From the node to anywhere and back. */
const ROUND_TRIP = milliseconds(100);

const STANDARD = { firstWait: 'initial-timeout' } as const;
/** Bindings of correspondents end when they end. */
export const UNRENEWED: Partial<MobileNodeConfig> = { updates: { ...STANDARD, renew: false } };
/** Updates to correspondents without A bit. */
export const UNACKNOWLEDGED: Partial<MobileNodeConfig> = { updates: { ...STANDARD, acknowledge: false } };

/** A packet that was sent, and when: in seconds of the virtual clock. */
export interface Sent extends Seen {
  readonly at: number;
}

export class MobileNodeWorld {
  readonly timers = new TimerQueue();
  readonly device = new TestDevice();
  readonly host: Host;
  readonly node: MobileNode;
  now: Instant = EPOCH;

  constructor(config: Partial<MobileNodeConfig> = {}, security: HomeSecurity = 'rfc4285') {
    const random = new SeededRandom(11);
    const { timers } = this;
    this.host = new Host({ timers, random, secret: random.bytes(32), ntpTime: (now) => ntp(now) });
    this.host.attach(this.device, { addresses: [CARE_OF] });
    const association = security === 'none' ? {} : { association: { spi: SPI, key: KEY } };
    const own = { homeAddress: HOME, careOf: CARE_OF, homeAgent: HOME_AGENT, ...association };
    const usual = {
      identifier: NAI,
      routeOptimization: 'automatic',
      updates: STANDARD,
    } as const;
    this.node = this.host.beMobileNode({ ...own, ...usual, ...config }, {});
  }

  /** Seconds since the beginning. */
  get clock(): number {
    return this.now / 1e6;
  }

  /** One packet in; what goes out because of it, at once. */
  give(bytes: Uint8Array): Sent[] {
    this.device.arrive(this.now, bytes);
    return this.#take();
  }

  do(work: (now: Instant) => void): Sent[] {
    this.host.ipv6.enter(this.now, () => work(this.now));
    return this.#take();
  }

  /** Lets time pass; what is sent on the way. */
  pass(span: Duration): Sent[] {
    const until = after(this.now, span);
    const sent: Sent[] = [];
    for (let due = this.timers.nextDeadline(); due <= until; due = this.timers.nextDeadline()) {
      this.now = due;
      this.timers.runDue(due);
      sent.push(...this.#take());
    }
    this.now = until;
    return sent;
  }

  #take(): Sent[] {
    return this.device.sent.splice(0).map((bytes) => ({ ...see(bytes), at: this.clock }));
  }

  /** The home agent's acknowledgement. */
  homeAck(parts: AckParts): Sent[] {
    return this.give(homeAckPacket(parts));
  }

  /** The correspondent's. */
  clientAck(parts: AckParts): Sent[] {
    return this.give(clientAckPacket(parts));
  }

  homeTest(parts: TestParts): Sent[] {
    return this.give(homeTestPacket(parts));
  }

  careOfTest(parts: TestParts): Sent[] {
    return this.give(careOfTestPacket(parts));
  }

  /** An echo request by type 2 routing header, straight to the care-of address. */
  routedEcho(source: Address = CN): Sent[] {
    return this.give(echoRequest({ source, destination: CARE_OF, route: HOME }));
  }

  /** An echo request that the home agent has intercepted and tunnels. */
  tunnelledEcho(source: Address = CN): Sent[] {
    return this.give(tunnelled(echoRequest({ source, destination: HOME })));
  }

  refreshRequest(source: Address = CN, spoil?: (mh: Uint8Array) => void): Sent[] {
    const mh = mobilityBytes({ kind: 'binding-refresh-request', options: [] });
    spoil?.(mh);
    return this.give(tunnelled(mobilityPacket({ source, destination: HOME }, mh)));
  }

  bindingError(status: number, source: Address = CN, home: Address = HOME): Sent[] {
    return this.give(mobilityPacket({ source, destination: CARE_OF }, bindingError(status, home)));
  }
}

// What is seen.

/** The packets with this message, outermost or inside a tunnel. */
export const having = (sent: readonly Sent[], kind: MobilityMessage['kind']): Sent[] =>
  sent.filter(({ mobility, inner }) => (mobility ?? inner?.mobility)?.kind === kind);

/** The first packet, when there is no second. */
export function only(sent: readonly Sent[]): Sent {
  const [packet] = sent;
  if (packet === undefined || sent.length !== 1) throw new Error(`${sent.length} packets where one was due`);
  return packet;
}

/** Seconds from `start` (of the virtual clock) at which they were sent. */
export const timesFrom = (start: number, sent: readonly Sent[]): number[] =>
  sent.map(({ at }) => Math.round((at - start) * 1e3) / 1e3);

export const sequenceOf = ({ mobility }: Seen): number => {
  if (mobility?.kind !== 'binding-update') throw new Error('not a Binding Update');
  return mobility.sequence;
};

export function cookieOf({ mobility, inner }: Seen): Uint8Array {
  const message = mobility ?? inner?.mobility;
  if (message?.kind !== 'home-test-init' && message?.kind !== 'care-of-test-init') throw new Error('not a test init');
  return message.cookie;
}

/** These are home registrations, whole, whose numbers go on from `sequence` by one each. */
export function expectHomeUpdates(sent: readonly Sent[], sequence: number): void {
  expectPackets(sent, ...sent.map(({ at }, i) => homeUpdate({ at, sequence: (sequence + 1 + i) & 0xffff })));
}

/** These are Binding Updates to the correspondent, likewise. */
export function expectClientUpdates(sent: readonly Sent[], sequence: number): void {
  expectPackets(sent, ...sent.map((_, i) => clientUpdate({ sequence: (sequence + 1 + i) & 0xffff })));
}

/** A HoTI and a CoTI to this correspondent and nothing else; returns their cookies. */
export function expectTestInits(sent: readonly Sent[], cn: Address = CN): Cookies {
  const [home, careOf] = [only(having(sent, 'home-test-init')), only(having(sent, 'care-of-test-init'))].map(cookieOf);
  if (home === undefined || careOf === undefined) throw new Error('no test');
  expectPackets(sent, homeTestInit(home, cn), careOfTestInit(careOf, cn));
  return { home, careOf };
}

export interface Cookies {
  readonly home: Uint8Array;
  readonly careOf: Uint8Array;
}

// How far a case begins.

/** Started, its first home registration on the way. */
export function started(config: Partial<MobileNodeConfig> = {}) {
  const w = new MobileNodeWorld(config);
  const update = only(w.do((now) => w.node.registerHome(now)));
  return { w, update, sequence: sequenceOf(update) };
}

export function registered(config: Partial<MobileNodeConfig> = {}) {
  const start = started(config);
  start.w.pass(ROUND_TRIP);
  expectSilence(start.w.homeAck({ sequence: start.sequence }));
  return start;
}

/** A tunnelled echo of the correspondent has started both tests; the echo's reply has been seen. */
export function testing(config: Partial<MobileNodeConfig> = {}) {
  const { w } = registered(config);
  const startedAt = w.clock;
  return { w, cookies: expectTestsBegin(w), startedAt };
}

/** A tunnelled echo is answered through the tunnel and makes both tests begin. */
export function expectTestsBegin(w: MobileNodeWorld, cn: Address = CN): Cookies {
  const sent = w.tunnelledEcho(cn);
  expectPackets(sent.slice(-1), tunnelReply(cn));
  return expectTestInits(sent.slice(0, -1), cn);
}

/** Both tests are answered, a Binding Update is on the way. */
export function updating(config: Partial<MobileNodeConfig> = {}) {
  const { w, cookies } = testing(config);
  w.pass(ROUND_TRIP);
  expectSilence(w.careOfTest({ cookie: cookies.careOf }));
  const update = only(w.homeTest({ cookie: cookies.home }));
  return { w, update, sequence: sequenceOf(update), cookies };
}

export function bound(config: Partial<MobileNodeConfig> = {}, ack: Partial<AckParts> = {}) {
  const state = updating(config);
  state.w.pass(ROUND_TRIP);
  expectSilence(state.w.clientAck({ sequence: state.sequence, ...ack }));
  return state;
}

/** Route optimization with this correspondent has been given up: nothing goes to it but by tunnel, and no test begins. */
export function expectUnable(w: MobileNodeWorld): void {
  expectSilence(w.pass(seconds(32)));
  expectPackets(w.tunnelledEcho(), tunnelReply());
  expectPackets(w.routedEcho(), tunnelReply());
  expectSilence(w.pass(seconds(32)));
}
