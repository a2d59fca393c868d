// Inside TCP a sequence number is a *position* in its stream: the SYN is at -1, the first octet at 0, the FIN
// behind the last octet. Positions never wrap (a double counts 2^53 octets), so the RFC's comparisons are
// plain < and <=. Only here are they folded to the 32 bits of the wire, and unfolded on the way in.

import { type Seq, seq, seqDiff } from '../wire/seq.ts';

/** A sequence number unfolded: octets since the first one after the SYN. */
export type Position = number;

export const SYN_POSITION: Position = -1;

/** The sequence number of a position in the stream that began with the initial sequence number `initial`. */
export const seqAt = (initial: Seq, position: Position): Seq => seq(initial + 1 + position);

/** The position of `s` that is nearest to `near`: right as long as they are less than 2^31 apart. */
export const positionOf = (initial: Seq, near: Position, s: Seq): Position => near + seqDiff(s, seqAt(initial, near));
