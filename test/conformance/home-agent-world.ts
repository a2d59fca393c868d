// What the home agent's conformance cases share: a Host that forwards and is a home agent, on the virtual clock, and
// everybody else played by hand. Expectations look at the octets on the wire, not at what a parser of ours says.

import { expect } from 'vitest';
import { setU16, u8, u16 } from '../../stack/core/bytes.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { after, type Duration, EPOCH, type Instant } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { Host } from '../../stack/host.ts';
import { type Address, address, prefix, readAddress } from '../../stack/wire/address.ts';
import type { BindingUpdate } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { echoRequest, mobilityBytes, mobilityPacket, type Seen, see } from '../mobility/packets.ts';
import { authenticatorAt, homeAuthenticator, unsigned } from '../mobility/scripted-home-agent.ts';
import { ntp, TestDevice } from '../mobility/support.ts';

export const AGENT = address('2001:db8:100::ff');
export const HOME = address('2001:db8:100::5');
export const CARE_OF_1 = address('2001:db8:a::1');
export const CARE_OF_2 = address('2001:db8:b::1');
export const CORRESPONDENT = address('2001:db8:c::1');
export const ROUTER = address('2001:db8:f::1');

export const SPI = 1000;
export const KEY = Uint8Array.from({ length: 20 }, (_, i) => i + 1);

export interface UpdateParts {
  readonly sequence: number;
  /** In units of 4 s. */
  readonly lifetime?: number;
  readonly acknowledge?: boolean;
  readonly careOf?: Address;
  readonly home?: Address;
  readonly options?: (usual: MobilityOption[]) => MobilityOption[];
  /** Changes the message before it is signed. */
  readonly alter?: (mh: Uint8Array) => void;
  /** Changes the signed message, under a checksum that holds. */
  readonly spoil?: (mh: Uint8Array) => void;
}

/** What the acknowledgement has to say. */
export interface Acknowledged {
  readonly status: number;
  readonly sequence: number;
  readonly to: Address;
  /** The most that may be granted, in units of 4 s. */
  readonly lifetime: number;
}

export interface WorldOptions {
  readonly security?: 'rfc4285' | 'none';
  /** The node that may register is this member of a group. */
  readonly bid?: number;
}

export class HomeAgentWorld {
  readonly timers = new TimerQueue();
  readonly device = new TestDevice();
  now: Instant = EPOCH;
  #messages = 0n;

  constructor(seed: number, options: WorldOptions = {}) {
    const random = new SeededRandom(seed);
    const { timers } = this;
    const secret = random.bytes(32);
    const host = new Host({ timers, random, secret, forwarding: true, ntpTime: (now) => ntp(now) });
    host.attach(this.device, { addresses: [AGENT] });
    const homePrefixes = [prefix('2001:db8:100::/64')];
    const { bid, ...others } = options;
    const associations = [{ home: HOME, spi: SPI, key: KEY, ...(bid !== undefined && { bid }) }];
    host.beHomeAgent({ address: AGENT, homePrefixes, associations, ...others });
  }

  /** One packet in; what goes out because of it, at once. */
  give(bytes: Uint8Array): Seen[] {
    this.device.sent.length = 0;
    this.device.arrive(this.now, bytes);
    return this.device.sent.splice(0).map(see);
  }

  /** Lets time pass; what is sent on the way. */
  pass(span: Duration): Seen[] {
    const until = after(this.now, span);
    for (let due = this.timers.nextDeadline(); due <= until; due = this.timers.nextDeadline()) {
      this.now = due;
      this.timers.runDue(due);
    }
    this.now = until;
    return this.device.sent.splice(0).map(see);
  }

  update(parts: UpdateParts): Seen[] {
    return this.give(this.updatePacket(parts));
  }

  /** A home registration: H set, Home Address option, Alternate Care-of Address, protected as RFC 4285 says. */
  updatePacket(parts: UpdateParts): Uint8Array {
    const { sequence, lifetime = 105, acknowledge = true, careOf = CARE_OF_1, home = HOME } = parts;
    this.#messages += 1n; // no two with one timestamp
    const usual: MobilityOption[] = [
      { kind: 'alternate-care-of', address: careOf },
      { kind: 'replay-protection', timestamp: ntp(this.now) + this.#messages },
      unsigned(SPI),
    ];
    const options = parts.options?.(usual) ?? usual;
    const flags = { acknowledge, home: true, linkLocal: false, keyManagement: false };
    const message: BindingUpdate = { kind: 'binding-update', sequence, ...flags, lifetime, options };
    const mh = mobilityBytes(message);
    parts.alter?.(mh);
    if (options.some(({ kind }) => kind === 'authentication')) {
      mh.set(homeAuthenticator(KEY, careOf, home, mh), authenticatorAt(mh));
    }
    parts.spoil?.(mh);
    return mobilityPacket({ source: careOf, destination: AGENT, home }, mh);
  }

  /** An echo request from this care-of address, with the home address in a Home Address option. */
  homeEcho(careOf: Address): Seen[] {
    return this.give(echoRequest({ source: careOf, destination: AGENT, home: HOME }));
  }

  /** The correspondent's echo request to the home address. */
  correspondentEcho(): { readonly request: Uint8Array; readonly sent: Seen[] } {
    const request = echoRequest({ source: CORRESPONDENT, destination: HOME });
    return { request, sent: this.give(request) };
  }
}

/** HOME registered from CARE_OF_1. */
export function registered(seed: number, sequence = 15): HomeAgentWorld {
  const w = new HomeAgentWorld(seed);
  expectAcknowledgement(w.update({ sequence }), { status: 0, sequence, to: CARE_OF_1, lifetime: 105 });
  return w;
}

/** The first packet, when there is no second. */
export function only(packets: readonly Seen[]): Seen {
  const [packet] = packets;
  if (packet === undefined || packets.length !== 1) throw new Error(`${packets.length} packets where one was due`);
  return packet;
}

/**
 * RFC 6275 6.1.8, 9.5.4: one Binding Acknowledgement, K=0, by type 2 routing header to the home address, signed. Returns
 * the lifetime granted.
 */
export function expectAcknowledgement(packets: readonly Seen[], due: Acknowledged): number {
  const packet = only(packets);
  const mh = expectMobilityHeader(packet, { type: 6, length: packet.bytes.length - 64 });
  expectRoutedHome(packet, due.to);
  expect({ status: u8(mh, 6), keyManagement: u8(mh, 7) & 0x80, sequence: u16(mh, 8) }).toEqual({
    status: due.status,
    keyManagement: 0,
    sequence: due.sequence,
  });
  const lifetime = u16(mh, 10);
  expect(lifetime).toBeLessThanOrEqual(due.lifetime);
  const advice = refreshAdvice(packet);
  if (advice !== undefined) expect(advice).toBeLessThan(lifetime);
  const at = authenticatorAt(mh);
  expect(mh.slice(at, at + 12)).toEqual(homeAuthenticator(KEY, due.to, HOME, mh));
  return lifetime;
}

/** The Refresh Interval of a Binding Refresh Advice option. */
export function refreshAdvice({ mobility }: Seen): number | undefined {
  if (mobility?.kind !== 'binding-acknowledgement') return undefined;
  const option = mobility.options.find(({ kind }) => kind === 'refresh-advice');
  return option?.kind === 'refresh-advice' ? option.interval : undefined;
}

/** RFC 6275 6.1.9, 9.3.3: one Binding Error of status 1 that names the home address, straight to `to`. */
export function expectBindingError(packets: readonly Seen[], to: Address): void {
  const packet = only(packets);
  const mh = expectMobilityHeader(packet, { type: 7, length: 24 });
  expect(packet).toMatchObject({ source: AGENT, destination: to, route: undefined, home: undefined });
  expect({ status: u8(mh, 6), home: readAddress(mh, 8).toString() }).toEqual({ status: 1, home: HOME.toString() });
}

/** One Echo Reply with the data of echoRequest(), by type 2 routing header: the binding is there and used. */
export function expectRoutedReply(packets: readonly Seen[], to: Address): void {
  const packet = only(packets);
  expectRoutedHome(packet, to);
  expectEchoReply(packet);
}

export function expectEchoReply(packet: Seen): void {
  expect(packet).toMatchObject({ source: AGENT, protocol: 58, checksumHolds: true });
  const icmp = packet.bytes.subarray(packet.start);
  expect([...icmp.subarray(0, 2), ...icmp.subarray(4)]).toEqual([129, 0, 0, 7, 0, 1, 1, 2, 3, 4]);
}

/** RFC 6275 6.4.1: to the care-of address, a routing header of type 2 with the home address and one segment left. */
function expectRoutedHome(packet: Seen, to: Address): void {
  const { bytes } = packet;
  expect(packet).toMatchObject({ source: AGENT, destination: to, checksumHolds: true });
  const header = { nextHeader: u8(bytes, 6), length: u8(bytes, 41), type: u8(bytes, 42), segmentsLeft: u8(bytes, 43) };
  expect(header).toEqual({ nextHeader: 43, length: 2, type: 2, segmentsLeft: 1 });
  expect(readAddress(bytes, 48).toString()).toBe(HOME.toString());
}

/** RFC 6275 6.1.1: Payload Proto, Header Len, type, Reserved and checksum. Returns the message. */
function expectMobilityHeader(packet: Seen, due: { readonly type: number; readonly length: number }): Uint8Array {
  expect(packet).toMatchObject({ protocol: 135, checksumHolds: true });
  const mh = packet.bytes.subarray(packet.start);
  const header = { payloadProto: u8(mh, 0), length: 8 * (u8(mh, 1) + 1), type: u8(mh, 2), reserved: u8(mh, 3) };
  expect(header).toEqual({ payloadProto: 59, ...due, reserved: 0 });
  expect(mh.length).toBe(due.length);
  return mh;
}

/** Of a Mobility Header behind a Home Address option. */
export function clearMobilityChecksum(packet: Uint8Array): Uint8Array {
  setU16(packet, 64 + 4, 0);
  return packet;
}
