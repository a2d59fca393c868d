// A simulated Internet: hosts on one virtual clock, a link model for each ordered pair of them, packets
// routed by their destination. Everything random comes from one seed, so a run repeats to the packet.

import type { Random } from '../../stack/core/random.ts';
import type { Instant } from '../../stack/core/time.ts';
import type { TimerQueue } from '../../stack/core/timer-queue.ts';
import {
  type Device,
  type DeviceOffloads,
  type Frame,
  type FramesHandler,
  NO_OFFLOADS,
} from '../../stack/device/device.ts';
import { Link, type LinkConditions } from '../../stack/device/fault.ts';
import { cutSuperFrame } from '../../stack/device/segment.ts';
import { type Prefix, readAddress } from '../../stack/wire/address.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { findHeader } from './find-header.ts';

/** Watches every packet: when it was sent or delivered, between which nodes. Octets are lent. */
export type PacketTap = (
  now: Instant,
  event: 'sent' | 'delivered',
  from: string,
  to: string,
  packet: Uint8Array,
) => void;

const DESTINATION_AT = 24;

export class Internet {
  readonly #timers: TimerQueue;
  readonly #random: Random;
  readonly #nodes = new Map<string, SimDevice>();
  readonly #routes: { readonly prefix: Prefix; readonly node: string }[] = [];
  readonly #links = new Map<string, Link>();
  readonly #conditions = new Map<string, Partial<LinkConditions>>();
  readonly taps: PacketTap[] = [];
  /** Drops Mobility Headers between these nodes: a host without Mobile IPv6, or a filter on the way. */
  mobilityFilter: ((from: string, to: string) => boolean) | undefined;
  /** Packets to nowhere: a mistake of the test or of a routing decision. */
  unroutable = 0;

  constructor(timers: TimerQueue, random: Random) {
    this.#timers = timers;
    this.#random = random;
  }

  /** A node's attachment: packets to any of the prefixes come to its device. */
  attach(name: string, prefixes: readonly Prefix[], mtu = 1500): Device {
    const device = new SimDevice(name, mtu, (now, packet) => this.#route(now, name, packet));
    this.#nodes.set(name, device);
    for (const prefix of prefixes) this.#routes.push({ prefix, node: name });
    this.#routes.sort((a, b) => b.prefix.length - a.prefix.length);
    return device;
  }

  /** This node sends super-frames, which its device cuts. */
  offload(name: string): void {
    const device = this.#nodes.get(name);
    if (device !== undefined) device.offloads = { checksum: true, tso: true };
  }

  /** Conditions of the link from one node to another (this direction only), now or later. */
  configure(from: string, to: string, conditions: Partial<LinkConditions>): void {
    const key = `${from}>${to}`;
    this.#conditions.set(key, { ...this.#conditions.get(key), ...conditions });
    this.#links.get(key)?.configure(conditions);
  }

  /** The same conditions in both directions. */
  join(a: string, b: string, conditions: Partial<LinkConditions>): void {
    this.configure(a, b, conditions);
    this.configure(b, a, conditions);
  }

  #route(now: Instant, from: string, packet: Uint8Array): void {
    const destination = readAddress(packet, DESTINATION_AT);
    const to = this.#routes.find(({ prefix }) => prefix.contains(destination))?.node;
    if (to === undefined) {
      this.unroutable += 1;
      return;
    }
    if (this.mobilityFilter?.(from, to) === true && carriesMobility(packet)) return;
    for (const tap of this.taps) tap(now, 'sent', from, to, packet);
    this.#link(from, to).send(now, packet);
  }

  #link(from: string, to: string): Link {
    const key = `${from}>${to}`;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const environment = { timers: this.#timers, random: this.#random };
    const link = new Link(environment, this.#conditions.get(key) ?? {}, (now, packets) => {
      for (const packet of packets) for (const tap of this.taps) tap(now, 'delivered', from, to, packet);
      this.#nodes.get(to)?.arrive(now, packets);
    });
    this.#links.set(key, link);
    return link;
  }
}

class SimDevice implements Device {
  offloads: DeviceOffloads = NO_OFFLOADS;
  readonly name: string;
  readonly mtu: number;
  readonly #emit: (now: Instant, packet: Uint8Array) => void;
  #handler: FramesHandler | undefined;
  #isClosed = false;

  constructor(name: string, mtu: number, emit: (now: Instant, packet: Uint8Array) => void) {
    this.name = name;
    this.mtu = mtu;
    this.#emit = emit;
  }

  send(now: Instant, frames: readonly Frame[]): void {
    if (this.#isClosed) return;
    for (const frame of frames) for (const packet of cutSuperFrame(frame)) this.#emit(now, packet);
  }

  onFrames(handler: FramesHandler): void {
    this.#handler = handler;
  }

  arrive(now: Instant, packets: readonly Uint8Array[]): void {
    this.#handler?.(
      now,
      packets.map((bytes) => ({ bytes })),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#handler = undefined;
  }
}

/** Also inside a tunnel. */
const carriesMobility = (packet: Uint8Array): boolean => findHeader(packet, PROTOCOL.mobility) !== undefined;
