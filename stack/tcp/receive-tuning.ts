// The receive buffer grows with what the connection needs (dynamic right-sizing, as Linux and gVisor have it): twice the
// octets that the application reads in one round trip, so that the window is never what holds the sender back, and
// some more while that number grows, to stay ahead of slow start. An application that reads slowly, or not at
// all, gets no larger buffer. The round trip is measured at the receiving end: by the timestamps that the peer's text
// echoes, or, without them, by the time in which a whole window of text comes in. No RFC: all of this is local.

import type { Instant } from '../core/time.ts';
import { echoAge, timestampTick } from './options.ts';
import type { Position } from './position.ts';
import type { Segment } from './segment.ts';
import type { Tcb } from './tcb.ts';

/** Weight of a new sample of the round trip, as in RFC 6298. */
const GAIN = 1 / 8;
/** Segments beyond twice the octets of a round trip: for what is read in lumps. */
const SLACK_SEGMENTS = 16;
/** Segments of the first round trip that are no reason to grow: the initial window of RFC 6928. */
const FIRST_SEGMENTS = 10;
/** A tick of the timestamp clock, and half of it: when within it an echoed value was sent is not known. */
const TICK_US = 1000;

export class ReceiveTuning {
  /** Smoothed; 0: no sample yet. */
  rttUs = 0;
  /** The echo of the last sample: each counts once. */
  echo = -1;
  /** The round under way: since when, and from which octet on. */
  since: Instant;
  from: Position = 0;
  /** Octets read in the round trip that the buffer was made for. */
  space = 0;
  /** The window that is coming in: since when, and where it ends. Without timestamps only. */
  turnSince: Instant;
  turnEnd: Position = 0;

  constructor(now: Instant) {
    this.since = now;
    this.turnSince = now;
  }

  /** Another path, or another node: what was measured there does not count. */
  restart(now: Instant, read: Position): void {
    this.rttUs = 0;
    this.since = now;
    this.from = read;
    this.turnEnd = 0;
  }
}

const mayGrow = ({ receiveBuffer, options, layer }: Tcb): boolean =>
  receiveBuffer.capacity < options.maxReceiveBuffer && !layer.chunks.isTight;

/** Text has come in order: does it tell the length of a round trip? */
export function measureRoundTrip(tcb: Tcb, now: Instant, seg: Segment): void {
  if (!mayGrow(tcb)) return;
  if (tcb.ts.on) measureByEcho(tcb, now, seg);
  else measureByWindow(tcb, now);
}

/** From our ACK, which let the text go, to the text: to half a tick, and never below what a sender of ours measured. */
function measureByEcho(tcb: Tcb, now: Instant, seg: Segment): void {
  const { tuning } = tcb;
  const echo = seg.header.options.timestamp?.echo ?? tuning.echo;
  if (echo === tuning.echo) return;
  tuning.echo = echo;
  const age = echoAge(tcb, now, seg);
  if (age === undefined) return;
  const sinceMiddleOfTick = now - (timestampTick(now) - age) * TICK_US - TICK_US / 2;
  const sample = Math.max(sinceMiddleOfTick, tcb.rtt.minRtt ?? 1);
  tuning.rttUs = tuning.rttUs === 0 ? sample : tuning.rttUs + GAIN * (sample - tuning.rttUs);
}

/** A window full takes a round trip at least: the least of these is the best that can be known. */
function measureByWindow(tcb: Tcb, now: Instant): void {
  const { tuning, rcv } = tcb;
  if (rcv.nxt < tuning.turnEnd) return;
  if (tuning.turnEnd > 0) {
    const sample = Math.max(1, now - tuning.turnSince);
    tuning.rttUs = tuning.rttUs === 0 ? sample : Math.min(tuning.rttUs, sample);
  }
  tuning.turnSince = now;
  tuning.turnEnd = Math.max(rcv.edge, rcv.nxt + 1);
}

/** The application has read: at the end of a round trip the buffer follows what was read in it. */
export function tuneReceiveBuffer(tcb: Tcb, now: Instant): void {
  if (!mayGrow(tcb)) return;
  const { tuning, rcv } = tcb;
  const rtt = tuning.rttUs > 0 ? tuning.rttUs : (tcb.rtt.srtt ?? 0);
  const elapsed = now - tuning.since;
  if (rtt === 0 || elapsed < rtt) return;
  const copied = ((rcv.read - tuning.from) * rtt) / elapsed;
  tuning.since = now;
  tuning.from = rcv.read;
  const space = Math.max(tuning.space, FIRST_SEGMENTS * rcv.mss);
  if (copied <= space) return;
  tuning.space = copied;
  // Slow start doubles in a round trip, and once more until the larger window is there.
  const ahead = 1 + 2 * Math.min(1, (copied - space) / space);
  const wanted = 2 * copied * ahead + SLACK_SEGMENTS * rcv.mss;
  if (wanted > tcb.receiveBuffer.capacity) {
    tcb.receiveBuffer.grow(Math.min(tcb.options.maxReceiveBuffer, Math.ceil(wanted)));
  }
}
