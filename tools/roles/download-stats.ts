// What a client's TCP sees of its download: how much came from which node, the handoffs between them. Fed by TCP's
// observer; pure, times come in.
//
// Handoff time as DESIGN.md section 1 has it: from the last data segment that came from the donor's care-of
// address to the first from the acceptor's, of those that the client's TCP accepted.

import { elapsed, type Instant, toMilliseconds } from '../../stack/core/time.ts';
import type { ReceivedPacket } from '../../stack/ipv6/port.ts';

/** What came through the home agent has no care-of address. */
export const VIA_HOME_AGENT = 'home agent';

export interface SourceFigures {
  readonly source: string;
  readonly octets: number;
  readonly segments: number;
}

export interface HandoffFigures {
  readonly from: string;
  readonly to: string;
  readonly handoffMs: number;
  /** Stream offset of the acceptor's first segment. */
  readonly offset: number;
}

export interface DownloadFigures {
  readonly sources: readonly SourceFigures[];
  readonly handoffs: readonly HandoffFigures[];
}

type Seen = Pick<ReceivedPacket, 'wireSource' | 'hasHomeAddressOption' | 'gsoSize'>;

export class DownloadStats {
  readonly #onHandoff: ((handoff: HandoffFigures) => void) | undefined;
  readonly #sources = new Map<string, { readonly source: string; octets: number; segments: number }>();
  readonly #handoffs: HandoffFigures[] = [];
  #current: string | undefined;
  #lastAt: Instant | undefined;
  #last = '';

  /** `onHandoff` is told of each as it is seen. */
  constructor(onHandoff?: (handoff: HandoffFigures) => void) {
    this.#onHandoff = onHandoff;
  }

  /** TCP has accepted a segment with new octets. */
  accepted(now: Instant, packet: Seen, offset: number, length: number): void {
    // A super-frame is several segments of the wire in one.
    const segments = packet.gsoSize > 0 ? Math.ceil(length / packet.gsoSize) : 1;
    const total = this.#source(packet);
    this.#last = total.source;
    total.octets += length;
    total.segments += segments;
    if (packet.hasHomeAddressOption) this.#follow(now, total.source, offset);
  }

  /** Where the last octets came from. */
  get current(): string {
    return this.#last;
  }

  figures(): DownloadFigures {
    return {
      sources: [...this.#sources.values()].map((source) => ({ ...source })),
      handoffs: [...this.#handoffs],
    };
  }

  #source(packet: Seen): { readonly source: string; octets: number; segments: number } {
    const key = packet.hasHomeAddressOption ? packet.wireSource.key : VIA_HOME_AGENT;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const source = packet.hasHomeAddressOption ? packet.wireSource.toString() : VIA_HOME_AGENT;
    const fresh = { source, octets: 0, segments: 0 };
    this.#sources.set(key, fresh);
    return fresh;
  }

  #follow(now: Instant, source: string, offset: number): void {
    if (this.#current !== undefined && this.#lastAt !== undefined && this.#current !== source) {
      const handoffMs = toMilliseconds(elapsed(this.#lastAt, now));
      const handoff = { from: this.#current, to: source, handoffMs, offset };
      this.#handoffs.push(handoff);
      this.#onHandoff?.(handoff);
    }
    this.#current = source;
    this.#lastAt = now;
  }
}
