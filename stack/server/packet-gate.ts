// What happens to the TCP packets of a client that is being handed off: they pass, are held, or go on to
// another member through a tunnel (RFC 2473). A frozen end therefore never sees a segment, let alone resets
// it. After a handoff the forwarding entry is the donor's tombstone: it lives 2 MSL from its last use. Where the other member
// is known to have the client it lives on for as long as that member can be reached: a client whose binding has ended
// comes back to the contact node, and is still the other's (DESIGN.md section 6).

import type { Counters } from '../core/counters.ts';
import { after, type Duration, type Instant, seconds } from '../core/time.ts';
import type { DeliveryHook, Ipv6Mobility } from '../ipv6/hooks.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import type { Address } from '../wire/address.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, PROTOCOL } from '../wire/ipv6.ts';

/** 2 MSL (RFC 9293 3.4.2): segments of the old path are gone from the network by then. */
export const TOMBSTONE_LIFETIME: Duration = seconds(240);
/** Held packets of one client: about a receive window; what does not fit is lost like any packet. */
export const MAX_HELD_OCTETS = 2 * 1024 * 1024;
/** Clients with an entry; the oldest tombstone makes room. */
export const MAX_GATED_CLIENTS = 65_536;

/** A packet as the client's TCP meant it, and the tunnel it came through, which tells whose late packet it may be. */
interface Kept {
  readonly bytes: Uint8Array;
  readonly tunnel: ReceivedPacket['tunnel'];
}

type Entry =
  | { readonly kind: 'hold'; readonly packets: Kept[]; octets: number }
  | { readonly kind: 'forward'; readonly to: Address; expires: Instant; owned: boolean };

export interface PacketGateOptions {
  readonly ipv6: Ipv6Mobility;
  readonly counters: Counters;
  readonly homeAddress: Address;
  readonly careOf: Address;
  /** Is the member with this care-of address there? Default: nobody knows. */
  readonly isReachable?: (member: Address) => boolean;
}

export class PacketGate implements DeliveryHook {
  readonly #o: PacketGateOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: PacketGateOptions) {
    this.#o = options;
    options.ipv6.addHooks({ delivery: this });
  }

  /** Asked about super-frames: only a client with an entry has its packets cut. */
  mayTake(packet: ReceivedPacket): boolean {
    return this.#entryOf(packet) !== undefined;
  }

  deliver(now: Instant, packet: ReceivedPacket): 'pass' | 'taken' {
    const entry = this.#entryOf(packet);
    if (entry === undefined) return 'pass';
    if (entry.kind === 'forward' && entry.expires < now && !this.#isOwned(entry)) {
      this.#entries.delete(packet.source.key);
      return 'pass';
    }
    this.#take(now, entry, { bytes: plainPacket(packet), tunnel: packet.tunnel });
    return 'taken';
  }

  /** Keeps the client's packets from now on. A tombstone for it is forgotten. */
  hold(client: Address): void {
    if (this.#entries.get(client.key)?.kind === 'hold') return;
    this.#set(client, { kind: 'hold', packets: [], octets: 0 });
  }

  /** Sends what is held, and what comes from now on, to another member. */
  forward(now: Instant, client: Address, to: Address): void {
    const held = this.#entries.get(client.key);
    const entry: Entry = { kind: 'forward', to, expires: after(now, TOMBSTONE_LIFETIME), owned: false };
    this.#set(client, entry);
    if (held?.kind === 'hold') for (const packet of held.packets) this.#take(now, entry, packet);
  }

  /** The member that the client's packets go to has it for certain: they go there for as long as it can be reached. */
  settle(client: Address): void {
    const entry = this.#entries.get(client.key);
    if (entry?.kind === 'forward') entry.owned = true;
  }

  /** Lets the client's packets pass again, those that were held first. */
  open(now: Instant, client: Address): void {
    const held = this.#entries.get(client.key);
    this.#entries.delete(client.key);
    if (held?.kind === 'hold') for (const { bytes, tunnel } of held.packets) this.#o.ipv6.inject(now, bytes, tunnel);
  }

  #isOwned(entry: { readonly to: Address; readonly owned: boolean }): boolean {
    return entry.owned && this.#o.isReachable?.(entry.to) === true;
  }

  #entryOf(packet: ReceivedPacket): Entry | undefined {
    if (this.#entries.size === 0 || packet.protocol !== PROTOCOL.tcp) return undefined;
    return packet.destination.equals(this.#o.homeAddress) ? this.#entries.get(packet.source.key) : undefined;
  }

  #take(now: Instant, entry: Entry, packet: Kept): void {
    if (entry.kind === 'forward') {
      entry.expires = after(now, TOMBSTONE_LIFETIME);
      this.#o.counters.bump('gate-forwarded');
      this.#o.ipv6.tunnel(now, packet.bytes, this.#o.careOf, entry.to);
    } else if (entry.octets + packet.bytes.length > MAX_HELD_OCTETS) {
      this.#o.counters.bump('gate-overflow');
    } else {
      entry.packets.push(packet);
      entry.octets += packet.bytes.length;
    }
  }

  #set(client: Address, entry: Entry): void {
    this.#entries.delete(client.key);
    if (this.#entries.size >= MAX_GATED_CLIENTS) this.#evictTombstone();
    this.#entries.set(client.key, entry);
  }

  #evictTombstone(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.kind !== 'forward') continue;
      this.#entries.delete(key);
      this.#o.counters.bump('gate-tombstone-evicted');
      return;
    }
  }
}

/**
 * A copy of a packet as the client's TCP meant it: from the client to the home address, without the headers that
 * route optimization added. Its checksum is complete (see mayTake) and covers just these addresses.
 */
function plainPacket(packet: ReceivedPacket): Uint8Array {
  const { source, destination, trafficClass, hopLimit, protocol: nextHeader } = packet;
  const payloadLength = packet.end - packet.start;
  const plain = new Uint8Array(IPV6_HEADER_LEN + payloadLength);
  emitIpv6Header({ trafficClass, flowLabel: 0, payloadLength, nextHeader, hopLimit, source, destination }, plain, 0);
  plain.set(packet.bytes.subarray(packet.start, packet.end), IPV6_HEADER_LEN);
  return plain;
}
