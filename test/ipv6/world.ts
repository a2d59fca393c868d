// A host under test whose one link ends in the test: packets are put on it by hand and what comes back is
// kept. Addresses: the host is HOST, the far side PEER.

import { concatBytes, setU16 } from '../../stack/core/bytes.ts';
import { checksumHolds, checksumOf, sumWords } from '../../stack/core/checksum.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { type Instant, microseconds, milliseconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { DeviceOffloads, Frame, Offload } from '../../stack/device/device.ts';
import { pipe } from '../../stack/device/pipe.ts';
import { Ipv6 } from '../../stack/ipv6/ipv6.ts';
import type { IcmpErrorReport, ReceivedPacket, UpperLayer, UpperVerdict } from '../../stack/ipv6/port.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
import {
  emitFragmentHeader,
  emitRoutingHeader,
  emitRoutingHeader2,
  type FragmentHeader,
} from '../../stack/wire/extension-header.ts';
import { emitIcmpv6, type Icmpv6Message, icmpv6Length, parseIcmpv6 } from '../../stack/wire/icmpv6.ts';
import {
  emitIpv6Header,
  IPV6_HEADER_LEN,
  type Ipv6Header,
  PROTOCOL,
  parseIpv6Header,
  pseudoHeaderSum,
} from '../../stack/wire/ipv6.ts';
import { emitHomeAddressDestinationOptions, emitOptionsHeader, optionsHeaderLength } from '../../stack/wire/option.ts';

export const HOST = address('2001:db8:1::1');
export const PEER = address('2001:db8:2::2');
export const HOME = address('2001:db8:f::100');
export const ROUTER = address('2001:db8:9::9');
export const START = microseconds(1_000_000) as number as Instant;
export const at = (ms: number): Instant => (START + milliseconds(ms)) as Instant;

/** An experimental protocol (RFC 3692): an upper layer without rules of its own. */
export const TEST_PROTOCOL = 253;

/** An upper layer that writes down what it gets. Octets are copied, as the lending demands. */
export class Recorder implements UpperLayer {
  readonly packets: (ReceivedPacket & { readonly payload: Uint8Array })[] = [];
  readonly errors: IcmpErrorReport[] = [];
  readonly pathChanges: (readonly [Address | undefined, Address | undefined])[] = [];
  verdict: UpperVerdict = 'accepted';
  /** Absent: the flow label decides. */
  isUnderWay?: (local: Address, remote: Address, quoted: Uint8Array) => boolean;

  input(_now: Instant, packet: ReceivedPacket): UpperVerdict {
    this.packets.push({ ...packet, payload: packet.bytes.slice(packet.start, packet.end) });
    return this.verdict;
  }

  icmpError(_now: Instant, report: IcmpErrorReport): void {
    this.errors.push({ ...report, quoted: report.quoted.slice() });
  }

  pathChanged(_now: Instant, local: Address | undefined, remote: Address | undefined): void {
    this.pathChanges.push([local, remote]);
  }
}

export interface WorldOptions {
  readonly mtu?: number;
  readonly offloads?: DeviceOffloads;
  readonly forwarding?: boolean;
  readonly seed?: number;
}

export interface World {
  readonly ipv6: Ipv6;
  readonly timers: TimerQueue;
  /** Receives TEST_PROTOCOL. */
  readonly upper: Recorder;
  /** What the host sent, one array a Device.send. */
  readonly batches: Frame[][];
  /** What the host sent since the last call. */
  sent(): Frame[];
  /** Puts packets on the link, as one batch. */
  arrive(now: Instant, ...packets: Uint8Array[]): void;
  arriveFrame(now: Instant, bytes: Uint8Array, offload: Offload): void;
  drops(reason: string): number;
}

export function world(options: WorldOptions = {}): World {
  const timers = new TimerQueue();
  const [near, far] = pipe({
    names: ['host', 'peer'],
    mtu: options.mtu ?? 1500,
    ...(options.offloads === undefined ? {} : { offloads: options.offloads }),
  });
  const ipv6 = new Ipv6({
    timers,
    random: new SeededRandom(options.seed ?? 1),
    forwarding: options.forwarding ?? false,
    devices: [{ device: near, addresses: [HOST] }],
  });
  ipv6.addRoute(prefix('::/0'), near);
  const upper = new Recorder();
  ipv6.register(TEST_PROTOCOL, upper);
  const batches: Frame[][] = [];
  let seen = 0;
  far.onFrames((_now, frames) => batches.push([...frames]));
  return {
    ipv6,
    timers,
    upper,
    batches,
    sent() {
      const all = batches.flat();
      const fresh = all.slice(seen);
      seen = all.length;
      return fresh;
    },
    arrive: (now, ...packets) =>
      far.send(
        now,
        packets.map((bytes) => ({ bytes })),
      ),
    arriveFrame: (now, bytes, offload) => far.send(now, [{ bytes, offload }]),
    drops: (reason) => ipv6.counters.get(`drop.${reason}`),
  };
}

/** One extension header: its protocol number, and its octets for a given next header. */
export interface Extension {
  readonly protocol: number;
  emit(nextHeader: number): Uint8Array;
}

type OptionOctets = { readonly type: number; readonly data: Uint8Array };

const options = (protocol: number, list: readonly OptionOctets[]): Extension => ({
  protocol,
  emit(nextHeader) {
    const bytes = new Uint8Array(optionsHeaderLength(list));
    emitOptionsHeader(nextHeader, list, bytes, 0);
    return bytes;
  },
});

export const hopByHop = (...list: OptionOctets[]): Extension => options(PROTOCOL.hopByHop, list);
export const destinationOptions = (...list: OptionOctets[]): Extension => options(PROTOCOL.destinationOptions, list);
export const option = (type: number, length = 4): OptionOctets => ({ type, data: new Uint8Array(length) });

export const homeAddressOption = (home: Address): Extension => ({
  protocol: PROTOCOL.destinationOptions,
  emit(nextHeader) {
    const bytes = new Uint8Array(24);
    emitHomeAddressDestinationOptions(nextHeader, home, bytes, 0);
    return bytes;
  },
});

export const routing2 = (home: Address): Extension => ({
  protocol: PROTOCOL.routing,
  emit(nextHeader) {
    const bytes = new Uint8Array(24);
    emitRoutingHeader2(nextHeader, home, bytes, 0);
    return bytes;
  },
});

export const routing = (type: number, segmentsLeft: number): Extension => ({
  protocol: PROTOCOL.routing,
  emit(nextHeader) {
    const bytes = new Uint8Array(24);
    emitRoutingHeader({ nextHeader, type, segmentsLeft, data: new Uint8Array(20) }, bytes, 0);
    return bytes;
  },
});

export const fragment = (fields: Omit<FragmentHeader, 'nextHeader'>): Extension => ({
  protocol: PROTOCOL.fragment,
  emit(nextHeader) {
    const bytes = new Uint8Array(8);
    emitFragmentHeader({ ...fields, nextHeader }, bytes, 0);
    return bytes;
  },
});

export interface PacketShape extends Partial<Pick<Ipv6Header, 'source' | 'destination' | 'hopLimit' | 'trafficClass'>> {
  readonly extensions?: readonly Extension[];
  /** Default TEST_PROTOCOL. */
  readonly protocol?: number;
  readonly payload?: Uint8Array;
}

/** A packet from PEER to HOST, unless the shape says otherwise. */
export function packet(shape: PacketShape = {}): Uint8Array {
  let rest = shape.payload ?? Uint8Array.of(1, 2, 3, 4);
  let nextHeader = shape.protocol ?? TEST_PROTOCOL;
  for (const extension of [...(shape.extensions ?? [])].reverse()) {
    rest = concatBytes(extension.emit(nextHeader), rest);
    nextHeader = extension.protocol;
  }
  const bytes = new Uint8Array(IPV6_HEADER_LEN + rest.length);
  const header = {
    trafficClass: shape.trafficClass ?? 0,
    flowLabel: 0,
    payloadLength: rest.length,
    nextHeader,
    hopLimit: shape.hopLimit ?? 64,
    source: shape.source ?? PEER,
    destination: shape.destination ?? HOST,
  };
  emitIpv6Header(header, bytes, 0);
  bytes.set(rest, IPV6_HEADER_LEN);
  return bytes;
}

/** An ICMPv6 message with its checksum, as a payload for packet(). */
export function icmp(message: Icmpv6Message, source = PEER, destination = HOST): Uint8Array {
  const bytes = new Uint8Array(icmpv6Length(message));
  emitIcmpv6(message, bytes, 0);
  const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.icmpv6, bytes.length);
  setU16(bytes, 2, checksumOf(sumWords(bytes, 0, bytes.length, pseudo)));
  return bytes;
}

export const echoRequest = (data: Uint8Array, source = PEER, destination = HOST): Uint8Array =>
  icmp({ kind: 'echo-request', identifier: 7, sequence: 9, data }, source, destination);

/** An ICMPv6 error packet about `quoted`, from a router on the way. */
export function icmpError(quoted: Uint8Array, type: number, code = 0, parameter = 0, destination = HOST): Uint8Array {
  const payload = icmp({ kind: 'error', type, code, parameter, quoted }, ROUTER, destination);
  return packet({ source: ROUTER, destination, protocol: PROTOCOL.icmpv6, payload });
}

export function header(frame: Frame | Uint8Array | undefined): Ipv6Header {
  const bytes = frame instanceof Uint8Array ? frame : frame?.bytes;
  const parsed = parseIpv6Header(bytes ?? new Uint8Array(0));
  if (!parsed.ok) throw new Error('no packet here');
  return parsed.value;
}

/** The ICMPv6 message right behind the IPv6 header, its checksum checked. */
export function icmpOf(frame: Frame | undefined): Icmpv6Message {
  const ip = header(frame);
  const bytes = frame?.bytes ?? new Uint8Array(0);
  if (ip.nextHeader !== PROTOCOL.icmpv6) throw new Error(`not ICMPv6: ${ip.nextHeader}`);
  const length = bytes.length - IPV6_HEADER_LEN;
  const pseudo = pseudoHeaderSum(ip.source, ip.destination, PROTOCOL.icmpv6, length);
  if (!checksumHolds(sumWords(bytes, IPV6_HEADER_LEN, bytes.length, pseudo))) throw new Error('bad ICMPv6 checksum');
  const message = parseIcmpv6(bytes, IPV6_HEADER_LEN, bytes.length);
  if (!message.ok) throw new Error(message.reason);
  return message.value;
}

/** Sends `payload` of TEST_PROTOCOL (or another) from the host. */
export function sendFrom(
  ipv6: Ipv6,
  now: Instant,
  payload: Uint8Array,
  fields: {
    source?: Address;
    destination?: Address;
    protocol?: number;
    checksumOffset?: number;
    gsoSize?: number;
  } = {},
) {
  const { buffer, start } = ipv6.allocate(payload.length);
  buffer.set(payload, start);
  const end = start + payload.length;
  return ipv6.send(now, { source: HOST, destination: PEER, protocol: TEST_PROTOCOL, buffer, start, end, ...fields });
}
