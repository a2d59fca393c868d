// One bulk transfer between two TCP layers over a Link each way (device/fault.ts): a rate with a queue in front of
// it, delay, loss, reordering, duplication. Nothing but TCP and the links, so that minutes of it take little.

import { SeededRandom } from '../../stack/core/random.ts';
import { EPOCH, type Instant, milliseconds, seconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Trace } from '../../stack/core/trace.ts';
import { Link, type LinkConditions } from '../../stack/device/fault.ts';
import {
  HEADROOM,
  type Ipv6Port,
  type OutgoingPacket,
  type PacketSpace,
  type Path,
  type SendVerdict,
  type UpperLayer,
} from '../../stack/ipv6/port.ts';
import type { Connection, TcpOptions } from '../../stack/tcp/api.ts';
import { Tcp } from '../../stack/tcp/tcp.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { setEcn } from '../../stack/wire/ecn.ts';

const SENDER = address('2001:db8:a::1');
const RECEIVER = address('2001:db8:b::1');
const PORT = 80;
const MTU = 1500;
const WRITE = new Uint8Array(64 * 1024);

export interface TransferOptions {
  readonly seed: number;
  /** Towards the receiver. */
  readonly path: Partial<LinkConditions>;
  /** The way of the ACKs. Default: the delay of `path` alone. */
  readonly back?: Partial<LinkConditions>;
  readonly tcp?: TcpOptions;
  /** Virtual seconds. */
  readonly seconds: number;
  readonly trace?: Trace;
  /** Called after each event, with the sender's connection. */
  readonly watch?: (now: Instant, connection: Connection) => void;
}

export interface TransferResult {
  /** Octets that the receiving application has got. */
  readonly octets: number;
  readonly sender: Connection;
  readonly link: Link;
  /** What the sender traced, by name. */
  readonly events: ReadonlyMap<string, number>;
}

/** IPv6 as TCP sees it, straight on a link. An IPv6 header's length is sent along, for the rate to count it. */
class LinkIpv6 implements Ipv6Port {
  readonly #address: Address;
  readonly #buffer = new Uint8Array(HEADROOM + MTU);
  upper: UpperLayer | undefined;
  link: Link | undefined;

  constructor(at: Address) {
    this.#address = at;
  }

  register(_protocol: number, layer: UpperLayer): void {
    this.upper = layer;
  }

  allocate(): PacketSpace {
    return { buffer: this.#buffer, start: HEADROOM };
  }

  send(now: Instant, packet: OutgoingPacket): SendVerdict {
    const bytes = packet.buffer.subarray(packet.start - IPV6_HEADER_LEN, packet.end);
    bytes[1] = 0;
    setEcn(bytes, (packet.trafficClass ?? 0) & 3);
    this.link?.send(now, bytes);
    return 'sent';
  }

  path(): Path {
    return {
      way: '',
      mtu: MTU,
      overhead: 0,
      receiveOverhead: 0,
      probe: 0,
      gso: false,
      queueFrames: Number.POSITIVE_INFINITY,
    };
  }

  selectSource(): Address {
    return this.#address;
  }

  isLocal(at: Address): boolean {
    return at.equals(this.#address);
  }

  reportBlackHole(): void {}

  reportProbe(): void {}

  /** What the link to here delivers. */
  deliver(now: Instant, bytes: Uint8Array, source: Address): void {
    this.upper?.input(now, {
      source,
      destination: this.#address,
      wireSource: source,
      wireDestination: this.#address,
      protocol: 6,
      bytes,
      start: IPV6_HEADER_LEN,
      end: bytes.length,
      hopLimit: 64,
      trafficClass: (((bytes[0] ?? 0) & 0xf) << 4) | ((bytes[1] ?? 0) >>> 4),
      checksumValid: true,
      gsoSize: 0,
      hasHomeAddressOption: false,
      hasRoutingHeader2: false,
    });
  }
}

const IPV6_HEADER_LEN = 40;

/** Sends as fast as it goes for so many virtual seconds, from the SYN on. */
export function transferFor(options: TransferOptions): TransferResult {
  const timers = new TimerQueue();
  const random = new SeededRandom(options.seed);
  const [near, far] = [new LinkIpv6(SENDER), new LinkIpv6(RECEIVER)];
  const { path } = options;
  const toFar = new Link({ timers, random }, path, (now, packets) => {
    for (const packet of packets) far.deliver(now, packet, SENDER);
  });
  near.link = toFar;
  const back = options.back ?? { delay: path.delay ?? milliseconds(0) };
  far.link = new Link({ timers, random }, back, (now, packets) => {
    for (const packet of packets) near.deliver(now, packet, RECEIVER);
  });
  const events = new Map<string, number>();
  const trace: Trace = (now, event) => {
    events.set(event.event, (events.get(event.event) ?? 0) + 1);
    options.trace?.(now, event);
  };
  const secret = Uint8Array.of(1, 2, 3);
  const sending = new Tcp({ ipv6: near, timers, random, secret, trace });
  const receiving = new Tcp({ ipv6: far, timers, random, secret });
  let octets = 0;
  receiving.listen({ port: PORT, receiveBuffer: 8 * 1024 * 1024, ...options.tcp }, (_now, connection) => {
    connection.events = {
      readable(now) {
        for (let bytes = connection.read(now); bytes !== undefined; bytes = connection.read(now))
          octets += bytes.length;
      },
    };
  });
  const sender = sending.connect(EPOCH, {
    remote: { address: RECEIVER, port: PORT },
    sendBuffer: 8 * 1024 * 1024,
    ...options.tcp,
  });
  if (typeof sender === 'string') throw new Error(sender);
  const fill = (now: Instant): void => {
    while (sender.write(now, WRITE) === WRITE.length);
  };
  sender.events = { connected: fill, writable: fill };
  const end = seconds(options.seconds);
  for (let now = timers.nextDeadline(); now <= end; now = timers.nextDeadline()) {
    timers.runDue(now);
    options.watch?.(now, sender);
  }
  return { octets, sender, link: toFar, events };
}
