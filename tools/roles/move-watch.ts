// Tells when what a client's TCP accepts from a peer begins to come from another node. Of uploads these are the
// acknowledgements. Fed by TCP's observer; pure, times come in.

import { elapsed, type Instant, toMilliseconds } from '../../stack/core/time.ts';
import type { ReceivedPacket } from '../../stack/ipv6/port.ts';
import type { TcpObserver } from '../../stack/tcp/api.ts';

export interface PeerMove {
  /** The peer's address, which stays. */
  readonly home: string;
  readonly from: string;
  readonly to: string;
  /** From the last segment that came from the one to the first from the other. */
  readonly handoffMs: number;
}

type Seen = Pick<ReceivedPacket, 'source' | 'wireSource' | 'hasHomeAddressOption'>;

/** Peers that are remembered; those first seen go first. */
const MAX_PEERS = 1024;

export class MoveWatch {
  readonly observer: TcpObserver = {
    dataAccepted: (now, _connection, packet) => this.seen(now, packet),
    ackAccepted: (now, _connection, packet) => this.seen(now, packet),
  };
  readonly #moved: (move: PeerMove) => void;
  readonly #peers = new Map<string, { readonly from: ReceivedPacket['wireSource']; at: Instant }>();

  constructor(moved: (move: PeerMove) => void) {
    this.#moved = moved;
  }

  /** TCP has accepted this segment. What came through the home agent tells nothing of nodes. */
  seen(now: Instant, { source, wireSource, hasHomeAddressOption }: Seen): void {
    if (!hasHomeAddressOption) return;
    const before = this.#peers.get(source.key);
    if (before?.from.equals(wireSource) === true) {
      before.at = now;
      return;
    }
    this.#peers.set(source.key, { from: wireSource, at: now });
    if (before === undefined) {
      this.#forget();
      return;
    }
    const handoffMs = toMilliseconds(elapsed(before.at, now));
    this.#moved({ home: `${source}`, from: `${before.from}`, to: `${wireSource}`, handoffMs });
  }

  #forget(): void {
    const [oldest] = this.#peers.keys();
    if (this.#peers.size > MAX_PEERS && oldest !== undefined) this.#peers.delete(oldest);
  }
}
