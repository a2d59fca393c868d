// Reassembly of fragments (RFC 8200 4.5; overlaps: RFC 5722). Everything a peer can feed is bounded: packets
// under way, octets, fragments a packet; beyond that the oldest goes. Atomic fragments (RFC 6946) never come here.

import { equalBytes, setU8, setU16 } from '../core/bytes.ts';
import { after, type Instant, seconds } from '../core/time.ts';
import type { Timer, TimerQueue } from '../core/timer-queue.ts';
import { FRAGMENT_HEADER_LEN, type FragmentHeader } from '../wire/extension-header.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN, type Ipv6Header } from '../wire/ipv6.ts';

/** RFC 8200 4.5: 60 s after the first fragment to arrive. */
const TIMEOUT = seconds(60);

export const MAX_REASSEMBLIES = 256;
export const MAX_REASSEMBLY_OCTETS = 4 * 1024 * 1024;
/** 65535 octets over the minimum MTU are 54 fragments. */
export const MAX_FRAGMENTS = 128;

const MAX_PAYLOAD_LENGTH = 0xffff;

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
  readonly expires: Instant;
  /** In the order of their offsets, none touching another's octets. */
  readonly pieces: Piece[];
  octets: number;
  /** Length of the fragmentable part, known from the last fragment. */
  total: number | undefined;
  /** The first fragment, octets copied: its headers go in front of the whole. */
  first: Fragment | undefined;
  /** RFC 8200 4.5: fragments that overlap spoil the packet, those still to come included. */
  spoiled: boolean;
}

/** Why a fragment was not used, for a counter; or the reassembled packet; undefined while octets are missing. */
export type ReassemblyResult = { readonly packet: Uint8Array } | { readonly dropped: string } | undefined;

export class Reassembly {
  /** In the order of their expiry. */
  readonly #assemblies = new Map<string, Assembly>();
  readonly #timer: Timer;
  readonly #timedOut: (now: Instant, first: Fragment | undefined) => void;
  #octets = 0;

  /** `timedOut` gets the first fragment, where that one had come: it is owed a Time Exceeded. */
  constructor(timers: TimerQueue, timedOut: (now: Instant, first: Fragment | undefined) => void) {
    this.#timer = timers.timer((now) => this.#expire(now));
    this.#timedOut = timedOut;
  }

  /** Packets under way, and the octets that they hold. */
  get size(): { readonly packets: number; readonly octets: number } {
    return { packets: this.#assemblies.size, octets: this.#octets };
  }

  add(now: Instant, fragment: Fragment): ReassemblyResult {
    const key = `${fragment.ip.source.key}${fragment.ip.destination.key}${fragment.header.id}`;
    const assembly = this.#assemblies.get(key) ?? this.#begin(now, key);
    if (assembly.spoiled) return { dropped: 'fragment-spoiled' };
    const result = this.#insert(assembly, fragment);
    if (result !== undefined) return result;
    if (assembly.first === undefined || assembly.octets !== assembly.total) {
      this.#makeRoom();
      return undefined;
    }
    this.#forget(key, assembly);
    return joined(assembly.first, assembly.pieces, assembly.total);
  }

  #begin(now: Instant, key: string): Assembly {
    const expires = after(now, TIMEOUT);
    const assembly: Assembly = { expires, pieces: [], octets: 0, total: undefined, first: undefined, spoiled: false };
    this.#assemblies.set(key, assembly);
    this.#makeRoom();
    this.#arm();
    return assembly;
  }

  #insert(assembly: Assembly, fragment: Fragment): ReassemblyResult {
    const { header, packet, at } = fragment;
    const { offset } = header;
    const data = packet.subarray(at + FRAGMENT_HEADER_LEN);
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
    if (offset === 0) assembly.first = { ...fragment, packet: packet.slice() };
    assembly.pieces.splice(place, 0, { offset, end, data: data.slice() });
    assembly.octets += data.length;
    this.#octets += data.length;
    return undefined;
  }

  /** Keeps the entry, so that fragments still to come are known for what they are, but none of its octets. */
  #spoil(assembly: Assembly, dropped: string): ReassemblyResult {
    this.#octets -= assembly.octets;
    assembly.octets = 0;
    assembly.pieces.length = 0;
    assembly.first = undefined;
    assembly.spoiled = true;
    return { dropped };
  }

  #makeRoom(): void {
    for (const [key, assembly] of this.#assemblies) {
      if (this.#assemblies.size <= MAX_REASSEMBLIES && this.#octets <= MAX_REASSEMBLY_OCTETS) return;
      this.#forget(key, assembly);
    }
  }

  #forget(key: string, assembly: Assembly): void {
    this.#assemblies.delete(key);
    this.#octets -= assembly.octets;
  }

  #expire(now: Instant): void {
    for (const [key, assembly] of this.#assemblies) {
      if (assembly.expires > now) break;
      this.#forget(key, assembly);
      if (!assembly.spoiled) this.#timedOut(now, assembly.first);
    }
    this.#arm();
  }

  #arm(): void {
    for (const assembly of this.#assemblies.values()) {
      this.#timer.set(assembly.expires);
      return;
    }
  }
}

/** Does a fragment that ends at `end` go with what the last fragment said, and with those that are there? */
function agreesOnTotal(assembly: Assembly, end: number, more: boolean): boolean {
  if (assembly.total !== undefined) return more ? end < assembly.total : end === assembly.total;
  return more || (assembly.pieces.at(-1)?.end ?? 0) <= end;
}

/** The original packet: the headers of the first fragment without its Fragment header, and all the data. */
function joined(first: Fragment, pieces: readonly Piece[], total: number): ReassemblyResult {
  const length = first.at + total;
  if (length - IPV6_HEADER_LEN > MAX_PAYLOAD_LENGTH) return { dropped: 'fragment-too-long' };
  const packet = new Uint8Array(length);
  packet.set(first.packet.subarray(0, first.at));
  for (const piece of pieces) packet.set(piece.data, first.at + piece.offset);
  setU8(packet, first.nextHeaderAt, first.header.nextHeader);
  setU16(packet, IPV6_FIELD.payloadLength, length - IPV6_HEADER_LEN);
  return { packet };
}
