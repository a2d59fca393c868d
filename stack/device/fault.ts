// A model of a wide-area link: delay, loss, duplication, reordering, corruption, a rate with a bounded queue,
// an MTU. Link is the model on plain packets, for the lab's router and the simulator; FaultDevice puts one in
// each direction of a Device. Everything random comes from an injected Random and everything later from
// a TimerQueue, so that a run repeats from its seed. No ICMPv6 here: a packet over the MTU just vanishes.

import { below, type Random } from '../core/random.ts';
import { after, type Duration, type Instant, ZERO } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import { ECN, isEct, setEcn } from '../wire/ecn.ts';
import type { Device, DeviceOffloads, Frame, FramesHandler } from './device.ts';
import { NO_OFFLOADS } from './device.ts';
import { cutSuperFrame } from './segment.ts';

export interface LinkConditions {
  /** One-way delay. */
  readonly delay: Duration;
  /** Probabilities, 0 to 1, each drawn for each packet. */
  readonly loss: number;
  readonly duplication: number;
  readonly corruption: number;
  /** A corrupted packet has one bit flipped in so many of its first octets: headers only, or anywhere. */
  readonly corruptionSpan: number;
  readonly reordering: number;
  /** Of a CE mark on a packet whose sender knows ECN (RFC 3168 5). */
  readonly marking: number;
  /** Such packets are marked too when so much waits for the rate. */
  readonly markingQueueBytes: number;
  /** How much later a reordered packet comes; the packets behind it are not held back. */
  readonly reorderingDelay: Duration;
  /** Bits a second; 0: no limit. */
  readonly rate: number;
  /** Octets that may wait for the rate; more are dropped at the tail. */
  readonly queueBytes: number;
  /** Larger packets are dropped. */
  readonly mtu: number;
}

/** A wire without faults, without delay. */
export const PERFECT: LinkConditions = {
  delay: ZERO,
  loss: 0,
  duplication: 0,
  corruption: 0,
  corruptionSpan: Number.POSITIVE_INFINITY,
  reordering: 0,
  marking: 0,
  markingQueueBytes: Number.POSITIVE_INFINITY,
  reorderingDelay: ZERO,
  rate: 0,
  queueBytes: 256 * 1024,
  mtu: Number.POSITIVE_INFINITY,
};

/** Octets under way on one link: a sender without congestion control must not fill the memory. */
const MAX_OCTETS_UNDER_WAY = 256 * 1024 * 1024;

export interface LinkStatistics {
  sent: number;
  delivered: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  /** Marked CE. */
  marked: number;
  reordered: number;
  /** Dropped because the queue in front of the rate was full. */
  overflowed: number;
  /** Dropped because larger than the MTU. */
  oversized: number;
}

/** All packets that are due, in the order of their arrival. The octets are lent for the length of the call. */
export type LinkReceiver = (now: Instant, packets: readonly Uint8Array[]) => void;

export interface LinkEnvironment {
  readonly timers: TimerQueue;
  readonly random: Random;
}

interface Flight {
  readonly due: Instant;
  readonly bytes: Uint8Array;
}

/** One direction of a link. */
export class Link {
  readonly statistics: LinkStatistics = {
    sent: 0,
    delivered: 0,
    lost: 0,
    duplicated: 0,
    corrupted: 0,
    marked: 0,
    reordered: 0,
    overflowed: 0,
    oversized: 0,
  };
  #conditions: LinkConditions;
  readonly #random: Random;
  readonly #timer: Timer;
  readonly #receive: LinkReceiver;
  /** In the order of arrival; the first is at #head. */
  #flights: Flight[] = [];
  #head = 0;
  #octets = 0;
  /** When the last octet handed to the rate limiter will have left; fractions of a microsecond count. */
  #busyUntil = 0;
  /** Arrival of the last packet that kept its place: a change of the delay does not reorder. */
  #lastInOrder: Instant = 0 as Instant;

  constructor(environment: LinkEnvironment, conditions: Partial<LinkConditions>, receive: LinkReceiver) {
    this.#conditions = { ...PERFECT, ...conditions };
    this.#random = environment.random;
    this.#receive = receive;
    this.#timer = environment.timers.timer((now) => this.#deliverDue(now));
  }

  get conditions(): LinkConditions {
    return this.#conditions;
  }

  /** Changes what is named, from the next packet on; packets under way arrive as they would have. */
  configure(change: Partial<LinkConditions>): void {
    this.#conditions = { ...this.#conditions, ...change };
  }

  /** Takes one packet (copied). It comes out of the receiver later, or never, or twice. */
  send(now: Instant, bytes: Uint8Array): void {
    const { loss, duplication, mtu } = this.#conditions;
    this.statistics.sent += 1;
    if (bytes.length > mtu) {
      this.statistics.oversized += 1;
      return;
    }
    const departure = this.#depart(now, bytes.length);
    if (departure === undefined) {
      this.statistics.overflowed += 1;
      return;
    }
    if (this.#happens(loss)) {
      this.statistics.lost += 1;
      return;
    }
    const mark = this.#marks(now, departure, bytes);
    this.#fly(departure, bytes, mark);
    if (this.#happens(duplication)) {
      this.statistics.duplicated += 1;
      this.#fly(departure, bytes, mark);
    }
  }

  /** RFC 3168 5: in place of a drop, early. */
  #marks(now: Instant, departure: Instant, bytes: Uint8Array): boolean {
    const { marking, markingQueueBytes, rate } = this.#conditions;
    if (!isEct((bytes[1] ?? 0) >>> 4)) return false;
    const waiting = rate > 0 ? ((departure - now) * rate) / 8e6 - bytes.length : 0;
    if (waiting <= markingQueueBytes && !this.#happens(marking)) return false;
    this.statistics.marked += 1;
    return true;
  }

  /** When the packet has left the rate limiter, or undefined where its queue is full. */
  #depart(now: Instant, length: number): Instant | undefined {
    const { rate, queueBytes } = this.#conditions;
    if (this.#octets + length > MAX_OCTETS_UNDER_WAY) return undefined;
    if (rate <= 0) return now;
    const start = Math.max(now, this.#busyUntil);
    const waiting = ((start - now) * rate) / 8e6;
    if (waiting > 0 && waiting + length > queueBytes) return undefined;
    this.#busyUntil = start + (length * 8e6) / rate;
    return Math.ceil(this.#busyUntil) as Instant;
  }

  #fly(departure: Instant, bytes: Uint8Array, mark: boolean): void {
    const { delay, reordering, reorderingDelay, corruption, corruptionSpan } = this.#conditions;
    const copy = bytes.slice();
    if (mark) setEcn(copy, ECN.ce);
    if (this.#happens(corruption) && copy.length > 0) {
      this.statistics.corrupted += 1;
      const at = below(this.#random, Math.min(copy.length, corruptionSpan));
      copy[at] = (copy[at] ?? 0) ^ (1 << below(this.#random, 8));
    }
    let due = after(departure, delay);
    if (this.#happens(reordering)) {
      this.statistics.reordered += 1;
      due = after(due, reorderingDelay);
    } else {
      due = Math.max(due, this.#lastInOrder) as Instant;
      this.#lastInOrder = due;
    }
    this.#enqueue({ due, bytes: copy });
  }

  /** Behind everything that arrives no later: almost always at the end. */
  #enqueue(flight: Flight): void {
    let at = this.#flights.length;
    while (at > this.#head && (this.#flights[at - 1]?.due ?? 0) > flight.due) at -= 1;
    if (at === this.#flights.length) this.#flights.push(flight);
    else this.#flights.splice(at, 0, flight);
    this.#octets += flight.bytes.length;
    if (at === this.#head) this.#timer.set(flight.due);
  }

  #deliverDue(now: Instant): void {
    const packets: Uint8Array[] = [];
    for (let next = this.#flights[this.#head]; next !== undefined && next.due <= now; ) {
      packets.push(next.bytes);
      this.#octets -= next.bytes.length;
      this.#head += 1;
      next = this.#flights[this.#head];
    }
    if (this.#head * 2 > this.#flights.length) {
      this.#flights = this.#flights.slice(this.#head);
      this.#head = 0;
    }
    const first = this.#flights[this.#head];
    if (first !== undefined) this.#timer.set(first.due);
    this.statistics.delivered += packets.length;
    if (packets.length > 0) this.#receive(now, packets);
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#random.float() < probability;
  }
}

/** A Device behind a faulty link, one model in each direction. Super-frames are cut first: faults hit packets. */
export class FaultDevice implements Device {
  readonly offloads: DeviceOffloads = NO_OFFLOADS;
  readonly outbound: Link;
  readonly inbound: Link;
  readonly #device: Device;
  #handler: FramesHandler | undefined;

  constructor(
    environment: LinkEnvironment,
    device: Device,
    conditions: { readonly outbound?: Partial<LinkConditions>; readonly inbound?: Partial<LinkConditions> },
  ) {
    this.#device = device;
    this.outbound = new Link(environment, conditions.outbound ?? {}, (now, packets) =>
      device.send(now, packets.map(plainFrame)),
    );
    this.inbound = new Link(environment, conditions.inbound ?? {}, (now, packets) =>
      this.#handler?.(now, packets.map(plainFrame)),
    );
    device.onFrames((now, frames) => sendAll(now, this.inbound, frames));
  }

  get name(): string {
    return this.#device.name;
  }

  get mtu(): number {
    return this.#device.mtu;
  }

  send(now: Instant, frames: readonly Frame[]): void {
    sendAll(now, this.outbound, frames);
  }

  onFrames(handler: FramesHandler): void {
    this.#handler = handler;
  }

  close(): void {
    this.#handler = undefined;
    this.#device.close();
  }
}

function sendAll(now: Instant, link: Link, frames: readonly Frame[]): void {
  for (const frame of frames) {
    for (const packet of cutSuperFrame(frame)) link.send(now, packet);
  }
}

const plainFrame = (bytes: Uint8Array): Frame => ({ bytes });
