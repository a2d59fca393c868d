// Reassembly of fragments (RFC 8200 4.5; overlaps: RFC 5722). Everything a peer can feed is bounded: packets
// under way, memory, fragments a packet. Beyond that the oldest goes, first of the site that sends too much. Atomic
// fragments (RFC 6946) never come here.

import { equalBytes, setU8, setU16 } from '../core/bytes.ts';
import { after, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import { ECN, ECN_MASK, setEcn } from '../wire/ecn.ts';
import { FRAGMENT_HEADER_LEN, type FragmentHeader } from '../wire/extension-header.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, type Ipv6Header } from '../wire/ipv6.ts';
import { FairTable } from './fair-table.ts';

/** RFC 8200 4.5: 60 s after the first fragment to arrive. */
const TIMEOUT = seconds(60);

export const MAX_REASSEMBLIES = 256;
export const MAX_REASSEMBLY_OCTETS = 4 * 1024 * 1024;
/** A quarter for one site: it takes four that work together to push out the packets of a fifth. */
export const MAX_REASSEMBLIES_OF_ONE_SITE = MAX_REASSEMBLIES / 4;
export const MAX_REASSEMBLY_OCTETS_OF_ONE_SITE = MAX_REASSEMBLY_OCTETS / 4;
/** 65535 octets over the minimum MTU are 54 fragments. */
export const MAX_FRAGMENTS = 128;
const MAX_PAYLOAD_LENGTH = 0xffff;
const CE_SEEN = 1 << ECN.ce;
const NOT_ECT_SEEN = 1 << ECN.notEct;

/** What a fragment costs beside its octets, so that tiny ones are not free. */
export const FRAGMENT_OVERHEAD = 256;

export interface Fragment {
  readonly ip: Ipv6Header;
  readonly header: FragmentHeader;
  /** The packet that carries it, up to its end. */
  readonly packet: Uint8Array;
  /** Where the Fragment header begins. */
  readonly at: number;
  /** Offset of the Next Header field that says Fragment. */
  readonly nextHeaderAt: number;
}

interface Piece {
  readonly offset: number;
  readonly end: number;
  readonly data: Uint8Array;
}

interface Assembly {
  readonly key: string;
  readonly expires: Instant;
  readonly site: Site;
  /** In the order of their offsets, none touching another's octets. */
  readonly pieces: Piece[];
  /** Of the original that are here. */
  octets: number;
  /** Memory it holds. */
  cost: number;
  /** Length of the fragmentable part, known from the last fragment. */
  total: number | undefined;
  /** The first fragment, octets copied: its headers go in front of the whole. */
  first: Fragment | undefined;
  /** Which ECN fields have come, a bit each. */
  ecn: number;
  /** RFC 8200 4.5: fragments that overlap spoil the packet, those still to come included. */
  spoiled: boolean;
}

/** A /64, and what its packets under way hold in memory. */
interface Site {
  readonly name: string;
  packets: number;
  cost: number;
}

/** Why a fragment was not used, for a counter; or the reassembled packet; undefined while octets are missing. */
export type ReassemblyResult = { readonly packet: Uint8Array } | { readonly dropped: string } | undefined;

export class Reassembly {
  /** In the order of their expiry. */
  readonly #assemblies = new FairTable<Assembly>(
    { entries: MAX_REASSEMBLIES, entriesOfOneSite: MAX_REASSEMBLIES_OF_ONE_SITE },
    (assembly) => this.#settle(assembly),
  );
  readonly #sites = new Map<string, Site>();
  readonly #timer: Timer;
  readonly #timedOut: (now: Instant, first: Fragment | undefined) => void;
  #cost = 0;

  /** `timedOut` gets the first fragment, where that one had come: it is owed a Time Exceeded. */
  constructor(timers: TimerQueue, timedOut: (now: Instant, first: Fragment | undefined) => void) {
    this.#timer = timers.timer((now) => this.#expire(now));
    this.#timedOut = timedOut;
  }

  /** Packets under way, and the octets of memory that they hold. */
  get size(): { readonly packets: number; readonly octets: number } {
    return { packets: this.#assemblies.size, octets: this.#cost };
  }

  add(now: Instant, fragment: Fragment): ReassemblyResult {
    const { source, destination } = fragment.ip;
    const key = `${source.key}${destination.key}${fragment.header.id}`;
    const assembly = this.#assemblies.get(key) ?? this.#begin(now, key, fragment);
    if (assembly.spoiled) return { dropped: 'fragment-spoiled' };
    const result = this.#insert(assembly, fragment);
    if (result !== undefined) return result;
    if (assembly.first === undefined || assembly.octets !== assembly.total) {
      this.#makeRoom(assembly);
      return undefined;
    }
    this.#forget(assembly);
    // A first fragment with more headers in front of its Fragment header than the others have.
    if (assembly.first.at - IPV6_HEADER_LEN + assembly.total > MAX_PAYLOAD_LENGTH)
      return { dropped: 'fragment-too-long' };
    const packet = joined(assembly.first, assembly.pieces, assembly.total);
    if ((assembly.ecn & CE_SEEN) !== 0) {
      // RFC 3168 5.3: a mark on any is one on the whole, but there is none for a sender that knows no marks.
      if ((assembly.ecn & NOT_ECT_SEEN) !== 0) return { dropped: 'fragment-ecn' };
      setEcn(packet, ECN.ce);
    }
    return { packet };
  }

  #begin(now: Instant, key: string, { ip: { source } }: Fragment): Assembly {
    const name = `${source.w0}/${source.w1}`;
    const site = this.#sites.get(name) ?? { name, packets: 0, cost: 0 };
    const assembly: Assembly = {
      key,
      expires: after(now, TIMEOUT),
      site,
      pieces: [],
      octets: 0,
      cost: 0,
      total: undefined,
      first: undefined,
      ecn: 0,
      spoiled: false,
    };
    this.#assemblies.add(key, source, assembly);
    this.#sites.set(name, site);
    site.packets += 1;
    this.#charge(assembly, FRAGMENT_OVERHEAD);
    this.#arm();
    return assembly;
  }

  #insert(assembly: Assembly, fragment: Fragment): ReassemblyResult {
    const { header, at } = fragment;
    const { offset } = header;
    const start = at + FRAGMENT_HEADER_LEN;
    const data = fragment.packet.subarray(start);
    const end = offset + data.length;
    let place = assembly.pieces.length;
    while (place > 0 && (assembly.pieces[place - 1]?.offset ?? 0) >= offset) place -= 1;
    const before = assembly.pieces[place - 1];
    const behind = assembly.pieces[place];
    // RFC 8200 4.5 lets exact duplicates pass as what they are.
    if (behind?.offset === offset && equalBytes(behind.data, data)) return { dropped: 'fragment-duplicate' };
    const overlaps = (before !== undefined && before.end > offset) || (behind !== undefined && behind.offset < end);
    if (overlaps || !agreesOnTotal(assembly, end, header.more)) return this.#spoil(assembly, 'fragment-overlap');
    if (assembly.pieces.length >= MAX_FRAGMENTS) return this.#spoil(assembly, 'fragment-count');
    if (!header.more) assembly.total = end;
    // The first is kept whole, for its headers and to be quoted; of the others only the data.
    const copy = fragment.packet.slice(offset === 0 ? 0 : start);
    if (offset === 0) assembly.first = { ...fragment, packet: copy };
    assembly.pieces.splice(place, 0, { offset, end, data: offset === 0 ? copy.subarray(start) : copy });
    assembly.ecn |= 1 << (fragment.ip.trafficClass & ECN_MASK);
    assembly.octets += data.length;
    this.#charge(assembly, copy.length + FRAGMENT_OVERHEAD);
    return undefined;
  }

  /** Keeps the entry, so that fragments still to come are known for what they are, but none of its octets. */
  #spoil(assembly: Assembly, dropped: string): ReassemblyResult {
    this.#charge(assembly, FRAGMENT_OVERHEAD - assembly.cost);
    assembly.octets = 0;
    assembly.pieces.length = 0;
    assembly.first = undefined;
    assembly.spoiled = true;
    return { dropped };
  }

  #makeRoom(assembly: Assembly): void {
    while (assembly.site.cost > MAX_REASSEMBLY_OCTETS_OF_ONE_SITE) this.#assemblies.evictOldestBeside(assembly.key);
    while (this.#cost > MAX_REASSEMBLY_OCTETS) this.#assemblies.evictOldest();
  }

  #charge(assembly: Assembly, octets: number): void {
    assembly.cost += octets;
    assembly.site.cost += octets;
    this.#cost += octets;
  }

  #forget(assembly: Assembly): void {
    this.#assemblies.delete(assembly.key);
    this.#settle(assembly);
  }

  /** It has left the table. */
  #settle(assembly: Assembly): void {
    const { site } = assembly;
    this.#charge(assembly, -assembly.cost);
    site.packets -= 1;
    if (site.packets === 0) this.#sites.delete(site.name);
  }

  #expire(now: Instant): void {
    for (let oldest = this.#assemblies.oldest; oldest !== undefined; oldest = this.#assemblies.oldest) {
      if (oldest.expires > now) break;
      this.#forget(oldest);
      if (!oldest.spoiled) this.#timedOut(now, oldest.first);
    }
    this.#arm();
  }

  #arm(): void {
    const { oldest } = this.#assemblies;
    if (oldest !== undefined) this.#timer.set(oldest.expires);
  }
}

/** Does a fragment that ends at `end` go with what the last fragment said, and with those that are there? */
function agreesOnTotal(assembly: Assembly, end: number, more: boolean): boolean {
  if (assembly.total !== undefined) return more ? end < assembly.total : end === assembly.total;
  return more || (assembly.pieces.at(-1)?.end ?? 0) <= end;
}

/** The original packet: the headers of the first fragment without its Fragment header, and all the data. */
function joined(first: Fragment, pieces: readonly Piece[], total: number): Uint8Array {
  const length = first.at + total;
  const packet = new Uint8Array(length);
  packet.set(first.packet.subarray(0, first.at));
  for (const piece of pieces) packet.set(piece.data, first.at + piece.offset);
  setU8(packet, first.nextHeaderAt, first.header.nextHeader);
  setU16(packet, IPV6_FIELD.payloadLength, length - IPV6_HEADER_LEN);
  return packet;
}
