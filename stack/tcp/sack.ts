// What the SACK option of an ACK says (RFC 2018, RFC 2883), written into the scoreboard of the flight, and the
// question of RFC 6675 4, IsLost. Every block is checked: a block that no honest peer can send is ignored.

import { DUP_THRESH, MAX_FLIGHT_RUNS } from './limits.ts';
import { positionOf } from './position.ts';
import type { Segment } from './segment.ts';
import type { Tcb } from './tcb.ts';

/** Returns the octets that were not known to have arrived. */
export function takeSackBlocks(tcb: Tcb, seg: Segment): number {
  const { sack } = seg.header.options;
  if (sack === undefined || !tcb.sackPermitted) return 0;
  const { snd, flight } = tcb;
  let fresh = 0;
  for (const block of sack) {
    const left = positionOf(snd.iss, snd.una, block.left);
    const right = positionOf(snd.iss, snd.una, block.right);
    // Below the cumulative ACK: a D-SACK, or an ACK that was overtaken. Nothing to learn for the scoreboard.
    const plausible = left < right && right <= snd.nxt && left >= snd.una && left >= seg.ack;
    if (plausible && flight.runs < MAX_FLIGHT_RUNS) fresh += flight.markSacked(left, right);
  }
  return fresh;
}

/**
 * Marks every run that RFC 6675 calls lost: DupThresh discontiguous SACKed runs lie above it, or more than
 * DupThresh - 1 segments' worth of SACKed octets. Both only ever grow from the end of the flight down, so the walk
 * stops where an earlier one found everything lost.
 */
export function markLostBySack(tcb: Tcb): void {
  const { flight, snd } = tcb;
  if (!flight.hasSacked) return;
  let runsAbove = 0;
  let octetsAbove = 0;
  let lostBelow = flight.lostBelow;
  for (let run = flight.tail; run !== undefined && run.end > flight.lostBelow; run = run.previous) {
    if (run.sacked) {
      runsAbove += 1;
      octetsAbove += run.length;
    } else if (runsAbove >= DUP_THRESH || octetsAbove > (DUP_THRESH - 1) * snd.mss) {
      flight.markLost(run);
      lostBelow = Math.max(lostBelow, run.end);
    }
  }
  flight.lostBelow = lostBelow;
}
