// The lab's Internet: one router with a device into every site and a modelled link for each ordered pair of
// sites. Forwards by destination prefix, counts the hop limit down, answers with ICMPv6 errors (RFC 4443) where
// a router does. Sans-IO: time comes with each batch, delays run on a TimerQueue; router-process.ts drives it.

import { setU8 } from '../../stack/core/bytes.ts';
import { Counters } from '../../stack/core/counters.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { elapsed, type Instant, milliseconds, seconds } from '../../stack/core/time.ts';
import type { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Device, Frame } from '../../stack/device/device.ts';
import { Link } from '../../stack/device/fault.ts';
import { cutSuperFrame } from '../../stack/device/segment.ts';
import type { Address } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, parseIpv6Header } from '../../stack/wire/ipv6.ts';
import { icmpv6ErrorPacket, mayCauseError } from './router-error.ts';
import { conditions, pairKey, ROUTER_ADDRESS, type Site, type Topology } from './topology.ts';

/**
 * What the capture is shown: each packet once, where it comes into a site; or, with `lost` saying why, one that does
 * not arrive, where it left its site. Both ends of every way would make each packet look like a retransmission.
 */
export type LabSink = (now: Instant, site: Site, packet: Uint8Array, lost?: string) => void;

export interface RouterOptions {
  readonly topology: Topology;
  readonly timers: TimerQueue;
  /** By the name of the site. */
  readonly devices: ReadonlyMap<string, Device>;
  readonly sink?: LabSink;
}

/** How much later a reordered packet comes: some forty full-sized packets at 100 Mbit/s. */
const REORDERING_DELAY = milliseconds(5);
/** In front of a rate: what the link carries in so long a time, and never less than a few bursts. */
const QUEUE_TIME = milliseconds(20);
const MIN_QUEUE = 256 * 1024;
/** RFC 4443 2.4 (f): a bound on the errors that a flood can make us send. */
const MAX_ERRORS_PER_SECOND = 100;

interface Port {
  readonly site: Site;
  readonly device: Device;
}

export class Router {
  readonly counters = new Counters();
  readonly #ports: readonly Port[];
  readonly #links = new Map<string, Link>();
  readonly #sink: LabSink;
  #errorsSince = Number.NEGATIVE_INFINITY as Instant;
  #errors = 0;

  constructor(options: RouterOptions) {
    const { topology, timers, devices } = options;
    this.#sink = options.sink ?? (() => {});
    this.#ports = topology.sites.map((site) => {
      const device = devices.get(site.name);
      if (device === undefined) throw new Error(`no device for site ${site.name}`);
      return { site, device };
    });
    let number = 0;
    for (const from of this.#ports) {
      for (const to of this.#ports) {
        if (from === to) continue;
        // Each link draws from a generator of its own: traffic elsewhere does not change its luck.
        const random = new SeededRandom(topology.seed * 1_000 + number++);
        const path = conditions(topology, from.site.name, to.site.name);
        const queueBytes = Math.max(MIN_QUEUE, (path.rate / 8e6) * QUEUE_TIME);
        const model = { ...path, queueBytes, reorderingDelay: REORDERING_DELAY };
        const link = new Link({ timers, random }, model, (now, packets) => this.#deliver(now, to, packets));
        this.#links.set(pairKey(from.site.name, to.site.name), link);
      }
      from.device.onFrames((now, frames) => this.#input(now, from, frames));
    }
  }

  /** The model of one direction, for its statistics. */
  link(from: string, to: string): Link | undefined {
    return this.#links.get(pairKey(from, to));
  }

  #input(now: Instant, from: Port, frames: readonly Frame[]): void {
    // Whole packets of the wire: what a kernel left to its device (segments, checksums) is done here.
    for (const frame of frames) for (const packet of cutSuperFrame(frame)) this.#forward(now, from, packet);
  }

  #forward(now: Instant, from: Port, packet: Uint8Array): void {
    const header = parseIpv6Header(packet);
    if (!header.ok || packet.length < IPV6_HEADER_LEN + header.value.payloadLength) {
      this.counters.bump('malformed');
      return;
    }
    const { source, destination, hopLimit } = header.value;
    // What a kernel says to its own link (MLD, router solicitations) is not the Internet's business.
    if (!source.isRoutableUnicast || !destination.isRoutableUnicast) {
      this.counters.bump('not-for-the-internet');
      return;
    }
    if (hopLimit <= 1) {
      this.#sink(now, from.site, packet, 'hop limit exceeded');
      this.#answerError(now, from, packet, source, { type: ICMPV6.timeExceeded, code: 0 });
      return;
    }
    const to = this.#ports.find((port) => port !== from && reaches(port.site, destination));
    if (to === undefined) {
      this.#sink(now, from.site, packet, 'no route');
      this.#answerError(now, from, packet, source, { type: ICMPV6.unreachable, code: 0 });
      return;
    }
    this.counters.bump('forwarded');
    const onward = packet.slice();
    setU8(onward, IPV6_FIELD.hopLimit, hopLimit - 1); // RFC 8200 3
    this.#send(now, from, to, onward);
  }

  #send(now: Instant, from: Port, to: Port, packet: Uint8Array): void {
    const link = this.link(from.site.name, to.site.name);
    if (link === undefined) return;
    const { lost, overflowed } = link.statistics;
    link.send(now, packet);
    if (link.statistics.lost > lost) this.#sink(now, from.site, packet, 'lost');
    if (link.statistics.overflowed > overflowed) this.#sink(now, from.site, packet, 'lost: the queue is full');
  }

  #deliver(now: Instant, to: Port, packets: readonly Uint8Array[]): void {
    for (const packet of packets) this.#sink(now, to.site, packet);
    to.device.send(
      now,
      packets.map((bytes) => ({ bytes })),
    );
  }

  #answerError(
    now: Instant,
    to: Port,
    packet: Uint8Array,
    destination: Address,
    error: { readonly type: number; readonly code: number },
  ): void {
    this.counters.bump(error.type === ICMPV6.timeExceeded ? 'hop-limit-exceeded' : 'no-route');
    if (!mayCauseError(packet) || !this.#withinErrorRate(now)) return;
    this.#deliver(now, to, [icmpv6ErrorPacket({ ...error, source: ROUTER_ADDRESS, destination, offending: packet })]);
  }

  #withinErrorRate(now: Instant): boolean {
    if (elapsed(this.#errorsSince, now) > seconds(1)) {
      this.#errorsSince = now;
      this.#errors = 0;
    }
    this.#errors += 1;
    return this.#errors <= MAX_ERRORS_PER_SECOND;
  }
}

const reaches = (site: Site, destination: Address): boolean =>
  site.prefix.contains(destination) || site.extra.some((extra) => extra.contains(destination));
