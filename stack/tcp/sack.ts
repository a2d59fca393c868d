// What the SACK option of an ACK says (RFC 2018, RFC 2883), written into the scoreboard of the flight, and the
// question of RFC 6675 4, IsLost, where RACK cannot answer it. Every block is checked: a block that no honest peer can send is ignored.

import type { SackBlock } from '../wire/tcp-option.ts';
import { DUP_THRESH, MAX_FLIGHT_RUNS } from './limits.ts';
import { type Position, positionOf } from './position.ts';
import type { Segment } from './segment.ts';
import type { Tcb } from './tcb.ts';

/** Returns the octets that were not known to have arrived. */
export function takeSackBlocks(tcb: Tcb, seg: Segment): number {
  const { sack } = seg.header.options;
  if (sack === undefined || !tcb.sackPermitted) return 0;
  const { snd, flight } = tcb;
  let fresh = 0;
  for (const [index, block] of sack.entries()) {
    const left = positionOf(snd.iss, snd.una, block.left);
    const right = positionOf(snd.iss, snd.una, block.right);
    if (index === 0 && takeDuplicate(tcb, seg, left, right, sack[1])) continue;
    // Below the cumulative ACK: from an ACK that was overtaken. Nothing to learn for the scoreboard.
    const plausible = left < right && right <= snd.nxt && left >= snd.una && left >= seg.ack;
    if (plausible) fresh += flight.markSacked(left, right, flight.runs < MAX_FLIGHT_RUNS);
  }
  return fresh;
}

/**
 * RFC 2883 4: the first block is a duplicate when it lies below the cumulative ACK, or inside the second block.
 * Takes it to RACK; false: it is none.
 */
function takeDuplicate(
  tcb: Tcb,
  seg: Segment,
  left: Position,
  right: Position,
  second: SackBlock | undefined,
): boolean {
  const { snd, rack, tailProbe } = tcb;
  if (left >= right || right > snd.nxt || left < seg.ack - snd.maxWnd) return false;
  const inside =
    second !== undefined &&
    left >= positionOf(snd.iss, snd.una, second.left) &&
    right <= positionOf(snd.iss, snd.una, second.right);
  if (right > seg.ack && !inside) return false;
  tcb.doubt.peerReports = true;
  const ours = tcb.copies.strike(left, right) > 0;
  rack.noteDuplicate(left, right, ours && !(tailProbe.isRetransmission && right === tailProbe.endSeq));
  return true;
}

/**
 * IsLost of RFC 6675 4, for what another node has sent: DupThresh discontiguous SACKed runs lie above it, or more
 * than DupThresh - 1 segments' worth of SACKed octets. Its time of sending is not known here, so RACK can judge it
 * only once octets of our own have arrived. Evidence only ever grows from the end of the flight down: the walk
 * stops where an earlier one found everything lost.
 */
export function markInheritedLost(tcb: Tcb): void {
  const { flight, snd } = tcb;
  if (!flight.hasSacked || flight.inheritedEnd <= snd.una) return;
  let runsAbove = 0;
  let octetsAbove = 0;
  let lostBelow = flight.lostBelow;
  let run = flight.lastStartingBefore(flight.highestSacked);
  while (run !== undefined && run.end > flight.lostBelow) {
    const enough = runsAbove >= DUP_THRESH || octetsAbove > (DUP_THRESH - 1) * snd.mss;
    if (run.sacked) {
      runsAbove += 1;
      octetsAbove += run.length;
    } else if (run.inherited && enough) {
      flight.markLost(run);
      lostBelow = Math.max(lostBelow, run.end);
    }
    // With evidence enough, our own octets that lie between have nothing to add.
    run = enough && run.start > flight.inheritedEnd ? flight.lastStartingBefore(flight.inheritedEnd) : run.previous;
  }
  flight.lostBelow = lostBelow;
}
