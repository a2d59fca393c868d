// What the mobile node's conformance cases share: a Host that is a mobile node, on the virtual clock, with its home
// agent and its correspondents played by hand. Every packet a case waits for is built whole by test/mobility/packets.ts,
// with its authenticators by node:crypto, and compared octet for octet, checksums included (flow labels aside).

import { expect } from 'vitest';
import { setU8, u8 } from '../../stack/core/bytes.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { after, type Duration, EPOCH, type Instant, milliseconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { Host } from '../../stack/host.ts';
import type { MobileNode, MobileNodeConfig } from '../../stack/mobility/mobile-node.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import type { BindingAcknowledgement, MobilityMessage } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import {
  echoRequest,
  icmpPacket,
  mobilityBytes,
  mobilityPacket,
  type Seen,
  see,
  tunnelPacket,
} from '../mobility/packets.ts';
import { signed, unsigned } from '../mobility/scripted-home-agent.ts';
import { authenticator, managementKey } from '../mobility/scripted-node.ts';
import { ntp, TestDevice } from '../mobility/support.ts';

export const HOME = address('2001:db8:100::1');
export const HOME_AGENT = address('2001:db8:100::ff');
export const CARE_OF = address('2001:db8:a::1');
export const CN = address('2001:db8:c::1');
export const OTHER_CN = address('2001:db8:d::1');
export const ROUTER = address('2001:db8:f::1');

const SPI = 1001;
const KEY = new Uint8Array(20).fill(9);
const NAI = 'node@example.org';
/** Asked for at the home agent: 900 s. */
export const HOME_LIFETIME = 225;
/** The most that a correspondent is asked for: 420 s (RFC 6275 12). */
export const CN_LIFETIME = 105;
export const HOME_NONCE = 11;
export const CARE_OF_NONCE = 22;
const HOME_TOKEN = new Uint8Array(8).fill(1);
const CARE_OF_TOKEN = new Uint8Array(8).fill(2);
export const KBM = managementKey(HOME_TOKEN, CARE_OF_TOKEN);
/** From the node to anywhere and back. */
const ROUND_TRIP = milliseconds(100);

/** A packet that was sent, and when: in seconds of the virtual clock. */
export interface Sent extends Seen {
  readonly at: number;
}

export interface AckParts {
  readonly sequence: number;
  readonly status?: number;
  /** In units of 4 s. */
  readonly lifetime?: number;
  /** Before the one that authenticates. */
  readonly options?: readonly MobilityOption[];
  /** Changes the message before it is signed. */
  readonly alter?: (mh: Uint8Array) => void;
  /** Changes the signed message, under a checksum that holds. */
  readonly spoil?: (mh: Uint8Array) => void;
  /** Absent: the right one. null: the option that authenticates is not there. */
  readonly key?: Uint8Array | null;
}

export interface TestParts {
  readonly cookie: Uint8Array;
  readonly nonceIndex?: number;
  readonly source?: Address;
  readonly spoil?: (mh: Uint8Array) => void;
}

export class MobileNodeWorld {
  readonly timers = new TimerQueue();
  readonly device = new TestDevice();
  readonly host: Host;
  readonly node: MobileNode;
  now: Instant = EPOCH;

  constructor(config: Partial<MobileNodeConfig> = {}) {
    const random = new SeededRandom(11);
    const { timers } = this;
    this.host = new Host({ timers, random, secret: random.bytes(32), ntpTime: (now) => ntp(now) });
    this.host.attach(this.device, { addresses: [CARE_OF] });
    const own = { homeAddress: HOME, careOf: CARE_OF, homeAgent: HOME_AGENT, association: { spi: SPI, key: KEY } };
    const usual = {
      identifier: NAI,
      routeOptimization: 'automatic',
      updates: { firstWait: 'initial-timeout' },
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

  /** HoT: through the home agent's tunnel. */
  homeTest({ cookie, nonceIndex = HOME_NONCE, source = CN, spoil }: TestParts): Sent[] {
    const mh = mobilityBytes({ kind: 'home-test', nonceIndex, cookie, token: HOME_TOKEN, options: [] });
    spoil?.(mh);
    return this.give(tunnelled(mobilityPacket({ source, destination: HOME }, mh)));
  }

  /** CoT: straight to the care-of address. */
  careOfTest({ cookie, nonceIndex = CARE_OF_NONCE, source = CN, spoil }: TestParts): Sent[] {
    const mh = mobilityBytes({ kind: 'care-of-test', nonceIndex, cookie, token: CARE_OF_TOKEN, options: [] });
    spoil?.(mh);
    return this.give(mobilityPacket({ source, destination: CARE_OF }, mh));
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

export const bindingError = (status: number, home: Address): MobilityMessage => ({
  kind: 'binding-error',
  status,
  home,
  options: [],
});

/** From the home agent, to the care-of address. */
export const tunnelled = (inner: Uint8Array): Uint8Array => tunnelPacket(HOME_AGENT, CARE_OF, inner);

function acknowledgement(
  { sequence, status = 0, lifetime }: AckParts,
  usual: number,
  options: MobilityOption[],
): BindingAcknowledgement {
  const kind = 'binding-acknowledgement';
  return { kind, status, keyManagement: false, sequence, lifetime: lifetime ?? usual, options };
}

/** By type 2 routing header to the home address. */
export function homeAckPacket(parts: AckParts): Uint8Array {
  const { key = KEY, options = [] } = parts;
  const message = acknowledgement(parts, HOME_LIFETIME, [...options, ...(key === null ? [] : [unsigned(SPI)])]);
  const mh = key === null ? mobilityBytes(message) : signed(message, key, CARE_OF, HOME, parts.alter);
  parts.spoil?.(mh);
  return mobilityPacket({ source: HOME_AGENT, destination: CARE_OF, route: HOME }, mh);
}

export function clientAckPacket(parts: AckParts): Uint8Array {
  const { key = KBM, options = [] } = parts;
  const authorization = { kind: 'binding-authorization-data', authenticator: new Uint8Array(12) } as const;
  const all = key === null ? [...options] : [...options, authorization];
  const mh = mobilityBytes(acknowledgement(parts, CN_LIFETIME, all));
  parts.alter?.(mh);
  if (key !== null) mh.set(authenticator(key, CARE_OF, CN, mh), mh.length - 12);
  parts.spoil?.(mh);
  return mobilityPacket({ source: CN, destination: CARE_OF, route: HOME }, mh);
}

/** Sets the fields that are reserved: ignored by a receiver, so nothing may come of it. */
export const setReserved =
  (...at: readonly number[]) =>
  (mh: Uint8Array): void => {
    for (const offset of at) setU8(mh, offset, 0xff);
  };

// The packets a case waits for.

/**
 * Registration with the home agent (RFC 6275 11.7.1, RFC 4285 5.1), sent at this moment. `resent`: so many went before
 * it in the same moment, each with a timestamp of its own.
 */
export function homeUpdate(parts: {
  readonly at: number;
  readonly sequence: number;
  readonly resent?: number;
}): Uint8Array {
  const { at, sequence, resent = 0 } = parts;
  const message = {
    kind: 'binding-update',
    sequence,
    acknowledge: true,
    home: true,
    linkLocal: false,
    keyManagement: false,
    lifetime: HOME_LIFETIME,
    options: [
      { kind: 'alternate-care-of', address: CARE_OF },
      { kind: 'mn-identifier', subtype: 1, identifier: new TextEncoder().encode(NAI) },
      { kind: 'replay-protection', timestamp: ntp(Math.round(at * 1e6) as Instant) + BigInt(resent) },
      unsigned(SPI),
    ],
  } as const satisfies MobilityMessage;
  const mh = signed({ ...message, options: [...message.options] }, KEY, CARE_OF, HOME);
  return mobilityPacket({ source: CARE_OF, destination: HOME_AGENT, home: HOME }, mh);
}

export interface UpdateParts {
  readonly sequence: number;
  readonly lifetime?: number;
  readonly acknowledge?: boolean;
  readonly homeNonce?: number;
  readonly careOfNonce?: number;
}

/** Registration with the correspondent (RFC 6275 11.7.2): nonce indices, Binding Authorization Data last. */
export function clientUpdate(parts: UpdateParts): Uint8Array {
  const { sequence, lifetime = CN_LIFETIME, acknowledge = true } = parts;
  const { homeNonce = HOME_NONCE, careOfNonce = CARE_OF_NONCE } = parts;
  const mh = mobilityBytes({
    kind: 'binding-update',
    sequence,
    acknowledge,
    home: false,
    linkLocal: false,
    keyManagement: false,
    lifetime,
    options: [
      { kind: 'nonce-indices', home: homeNonce, careOf: careOfNonce },
      { kind: 'binding-authorization-data', authenticator: new Uint8Array(12) },
    ],
  });
  mh.set(authenticator(KBM, CARE_OF, CN, mh), mh.length - 12);
  return mobilityPacket({ source: CARE_OF, destination: CN, home: HOME }, mh);
}

const REPLY = { kind: 'echo-reply', identifier: 7, sequence: 1, data: Uint8Array.of(1, 2, 3, 4) } as const;

/** Source the care-of address, home address in a Home Address option, checksum over the home address. */
export const directReply = (destination: Address = CN): Uint8Array =>
  icmpPacket({ source: CARE_OF, destination, home: HOME }, REPLY);

/** Through the reverse tunnel, without Home Address option. */
export const tunnelReply = (destination: Address = CN): Uint8Array =>
  reverseTunnelled(icmpPacket({ source: HOME, destination }, REPLY));

export const reverseTunnelled = (inner: Uint8Array): Uint8Array => tunnelPacket(CARE_OF, HOME_AGENT, inner);

/** HoTI: through the reverse tunnel (RFC 6275 11.6.1). */
export const homeTestInit = (cookie: Uint8Array, destination: Address = CN): Uint8Array =>
  reverseTunnelled(mobilityPacket({ source: HOME, destination }, { kind: 'home-test-init', cookie, options: [] }));

/** CoTI: straight from the care-of address, without Home Address option. */
export const careOfTestInit = (cookie: Uint8Array, destination: Address = CN): Uint8Array =>
  mobilityPacket({ source: CARE_OF, destination }, { kind: 'care-of-test-init', cookie, options: [] });

// What is seen.

/** With the flow label, which is the sender's own choice, taken out; inside a tunnel too. */
function octets(bytes: Uint8Array): string {
  const copy = bytes.slice();
  for (let at = 0; ; at += 40) {
    setU8(copy, at + 1, u8(copy, at + 1) & 0xf0);
    copy.fill(0, at + 2, at + 4);
    if (u8(copy, at + 6) !== PROTOCOL.ipv6) return Buffer.from(copy).toString('hex');
  }
}

/** These packets, in this order, and no others. */
export function expectPackets(sent: readonly Seen[], ...expected: readonly Uint8Array[]): void {
  expect(sent.map(({ bytes }) => octets(bytes))).toEqual(expected.map(octets));
}

export const expectSilence = (sent: readonly Seen[]): void => expectPackets(sent);

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
  return { w, update, sequence: sequenceOf(update) };
}

export function bound(config: Partial<MobileNodeConfig> = {}, ack: Partial<AckParts> = {}) {
  const { w, sequence } = updating(config);
  w.pass(ROUND_TRIP);
  expectSilence(w.clientAck({ sequence, ...ack }));
  return { w, sequence };
}
