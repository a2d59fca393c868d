// From a capture to what the picture shows: the download's segments by stream offset and by the address they came
// from on the wire, the Mobility Header messages, the comments, and the handoffs. Pure: octets in, data out.
//
// The download is the connection of the first SYN in the capture (of another one, where `client` says so), seen on
// the interface on which its SYN-ACK came to the client: a capture of the whole lab has one for each site.

import type { Address } from '../../stack/wire/address.ts';
import { type PcapngBlock, readPcapng } from '../../stack/wire/pcapng.ts';
import { type Seq, seqAdd, seqDiff } from '../../stack/wire/seq.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { Coverage, type Freshness } from './coverage.ts';
import { dissect, type MobilityPacket, type TcpSegment } from './dissect.ts';
import { laneOf, type MessageLane, messageLabel } from './messages.ts';

/** One data segment at the client. */
export interface Point {
  /** Milliseconds since the SYN. */
  readonly ms: number;
  /** Of its first octet in the stream. */
  readonly offset: number;
  readonly length: number;
  /** Text of the address it came from, or VIA_HOME_AGENT. */
  readonly source: string;
  /** 'dropped': from a node that the client was not bound to any more (RFC 6275 9.3.1). */
  readonly freshness: Freshness | 'dropped';
}

export interface Message {
  readonly ms: number;
  readonly lane: MessageLane;
  readonly label: string;
  /** Of the client: did it come to it? */
  readonly inbound: boolean;
}

/** From the last segment of one node to the first of the next, at the client. */
export interface SeenHandoff {
  readonly from: string;
  readonly to: string;
  readonly lastMs: number;
  readonly firstMs: number;
  /** Stream offset at which the next node begins. */
  readonly offset: number;
}

export interface Timeline {
  readonly client: string;
  readonly server: string;
  readonly points: readonly Point[];
  readonly messages: readonly Message[];
  readonly handoffs: readonly SeenHandoff[];
  /** In the order in which they first appear. */
  readonly sources: readonly SourceTotal[];
  readonly durationMs: number;
  readonly octets: number;
}

export interface SourceTotal {
  readonly source: string;
  readonly segments: number;
  /** New octets only. */
  readonly octets: number;
}

/** The source of what came through the home agent: the contact address itself stands in the IPv6 header. */
export const VIA_HOME_AGENT = 'home agent';

export type TimelineResult =
  | { readonly ok: true; readonly timeline: Timeline }
  | { readonly ok: false; readonly reason: string };

type Packet = Extract<PcapngBlock, { kind: 'packet' }>;

export function readTimeline(capture: Uint8Array, options: { readonly client?: Address } = {}): TimelineResult {
  const found = findDownload(capture, options.client);
  if (typeof found === 'string') return { ok: false, reason: found };
  const collector = new Collector(found);
  for (const block of readPcapng(capture)) {
    if (block.kind === 'packet' && block.interface === found.interface) collector.add(block);
  }
  if (collector.points.length === 0) return { ok: false, reason: 'no data of the connection in the capture' };
  return { ok: true, timeline: collector.timeline() };
}

interface Download {
  readonly interface: number;
  readonly startNs: bigint;
  readonly client: Address;
  readonly server: Address;
  readonly clientPort: number;
  readonly serverPort: number;
}

/** The download, or why there is none. */
function findDownload(capture: Uint8Array, client: Address | undefined): Download | string {
  let download: Omit<Download, 'interface'> | undefined;
  for (const block of readPcapng(capture)) {
    if (block.kind === 'malformed') return `not a whole pcapng file: ${block.reason} at octet ${block.at}`;
    const segment = block.kind === 'packet' ? dissect(block.bytes) : undefined;
    if (block.kind !== 'packet' || segment?.kind !== 'tcp') continue;
    if (download === undefined) download = downloadOf(segment, block.timestampNs, client);
    else if (isFromServer(segment, download)) return { ...download, interface: block.interface };
  }
  if (download !== undefined) return 'no answer to the SYN in the capture';
  return client === undefined ? 'no SYN in the capture' : `no SYN of ${client} in the capture`;
}

function downloadOf(segment: TcpSegment, startNs: bigint, client: Address | undefined) {
  if ((segment.flags & (TCP_FLAG.syn | TCP_FLAG.ack)) !== TCP_FLAG.syn) return undefined;
  if (client !== undefined && !segment.source.equals(client)) return undefined;
  const { source, destination, sourcePort, destinationPort } = segment;
  return { startNs, client: source, server: destination, clientPort: sourcePort, serverPort: destinationPort };
}

function isFromServer(segment: TcpSegment, download: Omit<Download, 'interface'>): boolean {
  const { client, server, clientPort, serverPort } = download;
  return (
    segment.sourcePort === serverPort &&
    segment.destinationPort === clientPort &&
    segment.source.equals(server) &&
    segment.destination.equals(client)
  );
}

const NS_PER_MS = 1e6;

class Collector {
  readonly points: Point[] = [];
  readonly #download: Download;
  readonly #messages: Message[] = [];
  readonly #handoffs: SeenHandoff[] = [];
  readonly #totals = new Map<string, { segments: number; octets: number }>();
  readonly #texts = new Map<string, string>();
  readonly #coverage = new Coverage();
  /** Sequence number and stream offset of one octet: the first after the SYN, later the last that was seen. */
  #anchor: { readonly seq: Seq; readonly offset: number } | undefined;
  /** Whose data counts now: who sent the last Binding Update. */
  #bound: string | undefined;
  #current: { readonly source: string; readonly lastMs: number } | undefined;

  constructor(download: Download) {
    this.#download = download;
  }

  add(block: Packet): void {
    const ms = Number(block.timestampNs - this.#download.startNs) / NS_PER_MS;
    const packet = dissect(block.bytes);
    if (packet?.kind === 'mobility') this.#addMessage(ms, packet);
    if (packet?.kind === 'tcp' && isFromServer(packet, this.#download)) this.#addSegment(ms, packet);
    if (block.comment !== undefined) {
      this.#messages.push({ ms, lane: 'event', label: block.comment, inbound: true });
    }
  }

  timeline(): Timeline {
    const sources = [...this.#totals].map(([source, total]) => ({ source, ...total }));
    return {
      client: this.#download.client.toString(),
      server: this.#download.server.toString(),
      points: this.points,
      messages: this.#messages,
      handoffs: this.#handoffs,
      sources,
      durationMs: this.points.reduce((last, point) => Math.max(last, point.ms), 0),
      octets: sources.reduce((sum, source) => sum + source.octets, 0),
    };
  }

  #addMessage(ms: number, packet: MobilityPacket): void {
    const { client } = this.#download;
    const inbound = packet.destination.equals(client);
    if (!inbound && !packet.source.equals(client)) return;
    this.#messages.push({ ms, lane: laneOf(packet.message), label: messageLabel(packet.message), inbound });
    if (inbound && packet.message.kind === 'binding-update') this.#bound = this.#text(packet.wireSource);
  }

  #addSegment(ms: number, segment: TcpSegment): void {
    if ((segment.flags & TCP_FLAG.syn) !== 0) this.#anchor = { seq: seqAdd(segment.seq, 1), offset: 0 };
    if (segment.length === 0) return;
    this.#anchor ??= { seq: segment.seq, offset: 0 };
    // Sequence numbers wrap; the difference to the segment before does not.
    const offset = this.#anchor.offset + seqDiff(segment.seq, this.#anchor.seq);
    if (offset < 0) return;
    this.#anchor = { seq: segment.seq, offset };
    const direct = !segment.wireSource.equals(segment.source);
    const source = direct ? this.#text(segment.wireSource) : VIA_HOME_AGENT;
    const dropped = direct && this.#bound !== undefined && source !== this.#bound;
    const { freshness, octets } = dropped
      ? { freshness: 'dropped' as const, octets: 0 }
      : this.#coverage.add(offset, offset + segment.length);
    this.points.push({ ms, offset, length: segment.length, source, freshness });
    const total = this.#totals.get(source) ?? { segments: 0, octets: 0 };
    this.#totals.set(source, { segments: total.segments + 1, octets: total.octets + octets });
    if (direct && !dropped) this.#follow(ms, offset, source);
  }

  /** The text of an address takes longer than all the rest: once for each. */
  #text(address: Address): string {
    const known = this.#texts.get(address.key) ?? address.toString();
    this.#texts.set(address.key, known);
    return known;
  }

  #follow(ms: number, offset: number, source: string): void {
    const before = this.#current;
    if (before !== undefined && before.source !== source) {
      this.#handoffs.push({ from: before.source, to: source, lastMs: before.lastMs, firstMs: ms, offset });
    }
    this.#current = { source, lastMs: ms };
  }
}
