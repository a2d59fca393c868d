// A frozen TCB written down as a snapshot. The TCB is not changed.

import { elapsed, type Instant } from '../core/time.ts';
import type { Endpoint } from './api.ts';
import type { Run } from './flight.ts';
import { MAX_FLIGHT_RUNS } from './limits.ts';
import { timestampValue } from './options.ts';
import type { Range } from './reassembly.ts';
import {
  type ConnectionSnapshot,
  type EndpointSnapshot,
  type NegotiatedSnapshot,
  type OptionsSnapshot,
  type ReceiveSnapshot,
  type SendSnapshot,
  SNAPSHOT_VERSION,
  type StreamChunk,
  type StreamRange,
} from './snapshot-form.ts';
import type { StreamBuffer } from './stream-buffer.ts';
import type { Tcb } from './tcb.ts';

export function takeSnapshot(tcb: Tcb, now: Instant): ConnectionSnapshot {
  const { sendBuffer, receiveBuffer, reassembly } = tcb;
  return {
    version: SNAPSHOT_VERSION,
    local: endpoint(tcb.local),
    remote: endpoint(tcb.remote),
    state: tcb.state,
    passive: tcb.passive,
    fastOpened: tcb.fastOpened,
    options: options(tcb),
    negotiated: negotiated(tcb),
    send: send(tcb),
    receive: receive(tcb),
    timestamps: {
      value: timestampValue(tcb, now),
      recent: tcb.ts.recent,
      recentAgeUs: Math.max(0, elapsed(tcb.ts.recentAt, now)),
    },
    ecn: { on: tcb.ecn.on, echo: tcb.ecn.echo, cwrDue: tcb.ecn.cwrDue, point: tcb.ecn.point },
    sendBuffer: sendBuffer.length === 0 ? [] : [chunk(sendBuffer, sendBuffer.start, sendBuffer.end)],
    receiveBuffer: chunk(receiveBuffer, tcb.rcv.read, receiveBuffer.end),
    outOfOrder: reassembly.islands.map(({ start, end }) => chunk(receiveBuffer, start, end)),
    rtt: tcb.rtt.state(),
    congestion: tcb.congestion.state(now),
    timers: tcb.frozenTimers,
    attempts: {
      timeouts: tcb.timeouts,
      retransmits: tcb.retransmits,
      windowProbes: tcb.windowProbes,
      keepAliveProbes: tcb.keepAliveProbes,
    },
  };
}

const endpoint = (end: Endpoint): EndpointSnapshot => ({ address: end.address.toBytes(), port: end.port });

const chunk = (buffer: StreamBuffer, from: number, to: number): StreamChunk => ({
  offset: from,
  bytes: buffer.slice(from, to),
});

function options(tcb: Tcb): OptionsSnapshot {
  const { maxSendBuffer, maxReceiveBuffer, congestion, ecn, noDelay, delayedAck, keepAlive, timeWait } = tcb.options;
  const { userTimeout, userTimeoutOption, userTimeoutChangeable, advertisedUserTimeout, linger } = tcb.options;
  return {
    sendBuffer: tcb.sendBuffer.capacity,
    receiveBuffer: tcb.receiveBuffer.capacity,
    ...{ maxSendBuffer, maxReceiveBuffer, congestion, ecn, noDelay },
    delayedAckUs: delayedAck,
    userTimeoutUs: userTimeout,
    userTimeoutOption,
    userTimeoutChangeable,
    advertisedUserTimeoutUs: advertisedUserTimeout,
    ...(linger === undefined ? {} : { lingerUs: linger }),
    keepAliveUs: keepAlive,
    timeWaitUs: timeWait,
  };
}

function negotiated(tcb: Tcb): NegotiatedSnapshot {
  return {
    peerMss: tcb.snd.peerMss,
    advertisedMss: tcb.rcv.advertisedMss,
    sackPermitted: tcb.sackPermitted,
    timestamps: tcb.ts.on,
    windowScaling: tcb.windowScaling,
    sendShift: tcb.snd.shift,
    receiveShift: tcb.rcv.shift,
  };
}

function send(tcb: Tcb): SendSnapshot {
  const { iss, una, nxt, wnd, wl1, wl2, maxWnd, up } = tcb.snd;
  return {
    ...{ iss, una, nxt, wnd, wl1, wl2, maxWnd, up },
    end: tcb.sendBuffer.end,
    fin: tcb.finQueued,
    sacked: sackedRanges(tcb.flight.head),
    synRetransmitted: tcb.synRetransmitted,
  };
}

/** As many as a node takes: what is left out is at worst sent again. */
function sackedRanges(head: Run | undefined): StreamRange[] {
  const ranges: StreamRange[] = [];
  for (let run = head; run !== undefined && ranges.length < MAX_FLIGHT_RUNS; run = run.next) {
    if (run.sacked) ranges.push({ start: run.start, end: run.end });
  }
  return ranges;
}

function receive(tcb: Tcb): ReceiveSnapshot {
  const { irs, nxt, edge, lastAckSent, mss, up, read, fin } = tcb.rcv;
  const { fin: outOfOrderFin, duplicate } = tcb.reassembly;
  return {
    ...{ irs, nxt, edge, lastAckSent, mss, up, read },
    ...(fin === undefined ? {} : { fin }),
    ...(outOfOrderFin === undefined ? {} : { outOfOrderFin }),
    ...(duplicate === undefined ? {} : { duplicate: range(duplicate) }),
    unacknowledgedText: tcb.unacknowledgedText,
  };
}

const range = ({ start, end }: Range): StreamRange => ({ start, end });
