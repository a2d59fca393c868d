// A snapshot brought to life as a TCB that is silent until it is resumed. What the donor had in flight is taken to
// be in the network still: it is in no pipe of ours, gives no RTT sample, and is sent again only on evidence.

import { type Duration, EPOCH, type Instant } from '../core/time.ts';
import type { Path } from '../ipv6/port.ts';
import { readAddress } from '../wire/address.ts';
import { seq } from '../wire/seq.ts';
import type { Endpoint, ExpandedTcpOptions, InstallOptions } from './api.ts';
import { createCongestionControl } from './congestion/create.ts';
import { effectiveMss, timestampTick } from './options.ts';
import { missingFromSendBuffer, sendBufferStart } from './snapshot-buffer.ts';
import type { ConnectionSnapshot, EndpointSnapshot, OptionsSnapshot } from './snapshot-form.ts';
import { Tcb, type TcbLayer } from './tcb.ts';

export const endpointOf = (end: EndpointSnapshot): Endpoint => ({
  address: readAddress(end.address, 0),
  port: end.port,
});

/** What this node says of the connection's way. */
export interface Way {
  readonly path: Path;
  readonly flowLabel: number;
}

/** Throws where octets of the send buffer are missing: the caller has to complete it first. */
export function restoreTcb(
  layer: TcbLayer,
  now: Instant,
  snapshot: ConnectionSnapshot,
  { path, flowLabel }: Way,
  install: InstallOptions,
): Tcb {
  if (missingFromSendBuffer(snapshot).length > 0) throw new Error('TCP snapshot: the send buffer is not complete');
  const { negotiated, send, receive, timestamps } = snapshot;
  const mss = effectiveMss(path, negotiated.peerMss, negotiated.timestamps);
  const congestion = createCongestionControl(snapshot.options.congestion, mss, snapshot.congestion);
  if (install.congestion === 'restart') congestion.onNewPath(now);
  // One tick ahead: an echo of the donor's last TSval can be told from an echo of ours.
  const firstValue = (timestamps.value + 1) >>> 0;
  const tcb = new Tcb(layer, now, {
    local: endpointOf(snapshot.local),
    remote: endpointOf(snapshot.remote),
    options: optionsOf(snapshot.options),
    passive: snapshot.passive,
    path,
    congestion,
    iss: seq(send.iss),
    irs: seq(receive.irs),
    receiveShift: negotiated.receiveShift,
    advertisedMss: negotiated.advertisedMss,
    timestampOffset: (firstValue - timestampTick(now)) >>> 0,
    flowLabel,
  });
  tcb.state = snapshot.state;
  tcb.silence = 'installed';
  tcb.fastOpened = snapshot.fastOpened;
  tcb.sackPermitted = negotiated.sackPermitted;
  tcb.windowScaling = negotiated.windowScaling;
  tcb.ts.on = negotiated.timestamps;
  tcb.ts.recent = timestamps.recent;
  tcb.ts.recentAt = Math.max(EPOCH, now - timestamps.recentAgeUs) as Instant;
  tcb.rtt.restore(snapshot.rtt);
  Object.assign(tcb.ecn, snapshot.ecn);
  tcb.frozenTimers = snapshot.timers;
  Object.assign(tcb, snapshot.attempts);
  restoreSend(tcb, now, snapshot, mss);
  restoreReceive(tcb, snapshot);
  return tcb;
}

function restoreSend(tcb: Tcb, now: Instant, snapshot: ConnectionSnapshot, mss: number): void {
  const { send, negotiated } = snapshot;
  const { una, nxt, wnd, wl1, wl2, maxWnd, up } = send;
  Object.assign(tcb.snd, { una, nxt, wnd, wl1, wl2, maxWnd, up, mss });
  tcb.snd.peerMss = negotiated.peerMss;
  tcb.snd.shift = negotiated.sendShift;
  tcb.finQueued = send.fin;
  tcb.synRetransmitted = send.synRetransmitted;
  tcb.sendBuffer.start = sendBufferStart(snapshot);
  tcb.sendBuffer.end = send.end;
  for (const { offset, bytes } of snapshot.sendBuffer) tcb.sendBuffer.write(offset, bytes, 0, bytes.length);
  let at = una;
  for (const { start, end } of send.sacked) {
    tcb.flight.inherit(at, start, now, false);
    tcb.flight.inherit(start, end, now, true);
    at = end;
  }
  tcb.flight.inherit(at, nxt, now, false);
}

function restoreReceive(tcb: Tcb, snapshot: ConnectionSnapshot): void {
  const { receive, receiveBuffer, outOfOrder } = snapshot;
  const { nxt, edge, lastAckSent, mss, up, read } = receive;
  Object.assign(tcb.rcv, { nxt, edge, lastAckSent, mss, up, read });
  tcb.rcv.fin = receive.fin;
  tcb.reassembly.fin = receive.outOfOrderFin;
  tcb.unacknowledgedText = receive.unacknowledgedText;
  tcb.receiveBuffer.start = read;
  tcb.tuning.from = read;
  tcb.receiveBuffer.end = read + receiveBuffer.bytes.length;
  for (const { offset, bytes } of [receiveBuffer, ...outOfOrder]) {
    tcb.receiveBuffer.write(offset, bytes, 0, bytes.length);
  }
  for (const { offset, bytes } of outOfOrder) tcb.reassembly.add(offset, offset + bytes.length);
  if (receive.duplicate !== undefined) tcb.reassembly.duplicate = { ...receive.duplicate };
}

function optionsOf(options: OptionsSnapshot): ExpandedTcpOptions {
  const { sendBuffer, maxSendBuffer, receiveBuffer, maxReceiveBuffer, congestion, ecn, noDelay } = options;
  return {
    ...{ sendBuffer, maxSendBuffer, receiveBuffer, maxReceiveBuffer, congestion, ecn, noDelay },
    delayedAck: options.delayedAckUs as Duration,
    userTimeout: options.userTimeoutUs as Duration,
    userTimeoutOption: options.userTimeoutOption,
    userTimeoutChangeable: options.userTimeoutChangeable,
    advertisedUserTimeout: options.advertisedUserTimeoutUs as Duration,
    linger: options.lingerUs as Duration | undefined,
    keepAlive: options.keepAliveUs as Duration,
    timeWait: options.timeWaitUs as Duration,
  };
}
