// The doubt that goes with each recovery: was it called for? What is noted when it begins, for spurious.ts to judge.
// It does not travel in a snapshot: what it could give back is the window of another node's path.

import type { Position } from './position.ts';

export class Doubt {
  about: 'nothing' | 'recovery' | 'timeout' = 'nothing';
  /** RetransmitTS (RFC 3522 3.2): TSval of the first copy; undefined: none left yet, or it has been answered. */
  retransmitTs: number | undefined;
  /** The first copy is still to leave. */
  #awaitsCopy = false;
  /** The recovery is over; evidence counts until SND.UNA is beyond this. */
  until: Position = Number.POSITIVE_INFINITY;
  /** The peer has reported a duplicate: it knows RFC 2883. */
  peerReports = false;

  begin(about: 'recovery' | 'timeout'): void {
    this.about = about;
    this.retransmitTs = undefined;
    this.#awaitsCopy = true;
    this.until = Number.POSITIVE_INFINITY;
  }

  end(): void {
    this.about = 'nothing';
    this.retransmitTs = undefined;
    this.#awaitsCopy = false;
  }

  /** Octets leave again with this TSval. A second timeout does not overwrite it (RFC 3522 3.2, step 2). */
  copyLeaves(value: number): void {
    if (this.#awaitsCopy) this.retransmitTs = value;
    this.#awaitsCopy = false;
  }
}
