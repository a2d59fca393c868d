// What happens on the simulated Internet as a pcapng file, an interface a node. A packet is shown where it arrives, on
// the interface of that node, at that moment: so it stands behind all that caused it, and the time between cause and
// effect is one latency. A TCP segment that a node only passes on (the home agent, a frozen donor) is shown where it
// ends, once, in the tunnel it came out of: a segment that Wireshark calls retransmitted is one. What the nodes say of
// handoffs and bindings becomes comments: on the packet whose arrival made it happen, or else on the next one that the
// node sends. A world with the same seed gives the same octets.

import { concatBytes, toHex } from '../../stack/core/bytes.ts';
import type { Instant } from '../../stack/core/time.ts';
import type { TraceEvent } from '../../stack/core/trace.ts';
import { pcapngInterface, pcapngPacket, pcapngSectionHeader } from '../../stack/wire/pcapng.ts';
import { findTcp } from './find-header.ts';
import type { World } from './world.ts';

/** What a world's instant 0 is called in the file: the time the members' clocks show (RFC 4285 6). */
export const WORLD_BEGINS_NS = 1_691_011_200n * 1_000_000_000n; // 2023-08-02 21:20:00 UTC

interface Arrival {
  readonly at: Instant;
  readonly node: string;
  readonly bytes: Uint8Array;
  readonly comments: string[];
}

/** A packet under way that takes its sender's comments along. */
interface Marked {
  readonly to: string;
  readonly bytes: Uint8Array;
  readonly comments: readonly string[];
}

export class WorldCapture {
  readonly #world: World;
  readonly #shows: (packet: Uint8Array) => boolean;
  readonly #arrivals: Arrival[] = [];
  readonly #latest = new Map<string, Arrival>();
  /** What a node has said and no packet carries yet. */
  readonly #unsent = new Map<string, string[]>();
  readonly #marked: Marked[] = [];
  #eventsSeen: number;

  /** Records from now on what `shows` says. */
  constructor(world: World, shows: (packet: Uint8Array) => boolean = () => true) {
    this.#world = world;
    this.#shows = shows;
    this.#eventsSeen = world.traced.length;
    world.internet.taps.push((now, event, from, to, packet) => {
      this.#commentOnEvents();
      if (!this.#shows(packet)) return;
      if (event === 'sent') this.#sent(from, to, packet);
      else this.#arrived(now, to, packet);
    });
  }

  /** The file: complete, whatever is still under way. */
  file(): Uint8Array {
    this.#commentOnEvents();
    const nodes = [this.#world.home, this.#world.a, this.#world.b, this.#world.c];
    const interfaceOf = new Map(nodes.map(({ name }, i) => [name, i]));
    return concatBytes(
      pcapngSectionHeader('homeport simulator'),
      ...nodes.map(({ name, careOf }) => pcapngInterface({ name, description: `arrivals at ${name}, ${careOf}` })),
      ...withoutPassedOn(this.#arrivals).map(({ at, node, bytes, comments }) =>
        pcapngPacket({
          interface: interfaceOf.get(node) ?? 0,
          timestampNs: WORLD_BEGINS_NS + BigInt(at) * 1_000n,
          bytes,
          ...(comments.length > 0 && { comment: comments.join('\n') }),
        }),
      ),
    );
  }

  #sent(from: string, to: string, packet: Uint8Array): void {
    const comments = this.#unsent.get(from);
    if (comments === undefined) return;
    this.#unsent.delete(from);
    this.#marked.push({ to, bytes: packet.slice(), comments });
  }

  #arrived(at: Instant, node: string, packet: Uint8Array): void {
    const arrival = { at, node, bytes: packet.slice(), comments: this.#takeMarked(node, packet) };
    this.#arrivals.push(arrival);
    this.#latest.set(node, arrival);
  }

  #takeMarked(to: string, packet: Uint8Array): string[] {
    const found = this.#marked.findIndex((marked) => marked.to === to && equalOctets(marked.bytes, packet));
    return found < 0 ? [] : this.#marked.splice(found, 1).flatMap(({ comments }) => comments);
  }

  #commentOnEvents(): void {
    for (const { at, node, event } of this.#world.traced.slice(this.#eventsSeen)) {
      if (!isWorthAComment(event)) continue;
      const latest = this.#latest.get(node);
      if (latest?.at === at) latest.comments.push(describe(node, event));
      else this.#unsent.set(node, [...(this.#unsent.get(node) ?? []), describe(node, event)]);
    }
    this.#eventsSeen = this.#world.traced.length;
  }
}

/** Leaves out each TCP segment that came to another node later, which takes over its comments. */
function withoutPassedOn(arrivals: readonly Arrival[]): Arrival[] {
  const ends = new Map<string, Arrival>();
  const kept: Arrival[] = [];
  for (const arrival of arrivals.toReversed()) {
    const segment = tcpOf(arrival.bytes);
    const end = segment === undefined ? undefined : ends.get(segment);
    if (end !== undefined && end.node !== arrival.node) {
      end.comments.unshift(...arrival.comments);
      continue;
    }
    const shown = { ...arrival, comments: [...arrival.comments] };
    kept.push(shown);
    if (segment !== undefined) ends.set(segment, shown);
  }
  return kept.reverse();
}

/** The octets of the TCP segment: with ports, numbers, timestamps and checksum there is no other like it. */
function tcpOf(packet: Uint8Array): string | undefined {
  const at = findTcp(packet);
  return at === undefined ? undefined : toHex(packet.subarray(at));
}

/** Handoffs (but not each block of a send buffer that is copied ahead), binding caches of client and home agent. */
const isWorthAComment = ({ layer, event }: TraceEvent): boolean =>
  layer === 'handoff'
    ? event !== 'copy-received'
    : layer === 'mobility' && (event === 'binding' || event === 'home-binding');

/** Without the id of the handoff: who looks at a capture of one needs none. */
const describe = (node: string, { event, detail }: TraceEvent): string =>
  [
    `${node}: ${event}`,
    ...Object.entries(detail).flatMap(([key, value]) => (key === 'id' ? [] : `${key}=${value}`)),
  ].join(' ');

const equalOctets = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((v, i) => v === b[i]);
