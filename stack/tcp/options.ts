// Options: those of the application with their defaults, and those that the two SYNs agree on (RFC 9293 3.7.1,
// RFC 7323 2 and 3, RFC 2018 2), with what follows from them for the size of segments (RFC 6691).

import { type Duration, type Instant, ZERO } from '../core/time.ts';
import type { Path } from '../ipv6/port.ts';
import { TCP_HEADER_LEN } from '../wire/tcp.ts';
import {
  MAX_TCP_OPTIONS_LEN,
  TIMESTAMP_OPTION_LEN,
  tcpOptionsLength,
  type TcpOptions as WireOptions,
} from '../wire/tcp-option.ts';
import type { ExpandedTcpOptions, TcpOptions } from './api.ts';
import { createCongestionControl } from './congestion/create.ts';
import {
  DEFAULT_DELAYED_ACK,
  DEFAULT_MAX_BUFFER,
  DEFAULT_MSS,
  DEFAULT_TIME_WAIT,
  DEFAULT_USER_TIMEOUT,
  INITIAL_BUFFER,
  IPV6_HEADER_LEN,
  MAX_BUFFER,
  MAX_DELAYED_ACK,
  MAX_WINDOW_SHIFT,
  MIN_BUFFER,
  MIN_MSS,
  TS_RECENT_LIFETIME,
} from './limits.ts';
import type { Segment } from './segment.ts';
import type { Tcb } from './tcb.ts';
import { takeUserTimeout, userTimeoutOption } from './user-timeout.ts';

const clamp = (n: number, least: number, most: number): number => Math.min(most, Math.max(least, Math.floor(n)));

/** Where a buffer begins and how far it grows: a size alone is fixed, a limit alone cuts the default short. */
function bufferSizes(size: number | undefined, limit: number | undefined): { size: number; limit: number } {
  const most = clamp(limit ?? size ?? DEFAULT_MAX_BUFFER, MIN_BUFFER, MAX_BUFFER);
  return { size: clamp(size ?? INITIAL_BUFFER, MIN_BUFFER, most), limit: most };
}

/** RFC 9293 3.8.6.3 MUST-40. */
export const boundedDelay = (delayedAck: Duration): Duration => clamp(delayedAck, 0, MAX_DELAYED_ACK) as Duration;

export function expandOptions(options: TcpOptions): ExpandedTcpOptions {
  const send = bufferSizes(options.sendBuffer, options.maxSendBuffer);
  const receive = bufferSizes(options.receiveBuffer, options.maxReceiveBuffer);
  return {
    sendBuffer: send.size,
    maxSendBuffer: send.limit,
    receiveBuffer: receive.size,
    maxReceiveBuffer: receive.limit,
    congestion: options.congestion ?? 'cubic',
    ecn: options.ecn ?? 'passive',
    noDelay: options.noDelay ?? false,
    delayedAck: boundedDelay(options.delayedAck ?? DEFAULT_DELAYED_ACK),
    userTimeout: options.userTimeout ?? DEFAULT_USER_TIMEOUT,
    userTimeoutOption: options.userTimeoutOption ?? false,
    userTimeoutChangeable: options.userTimeout === undefined,
    advertisedUserTimeout: options.userTimeout ?? DEFAULT_USER_TIMEOUT,
    linger: options.linger,
    keepAlive: options.keepAlive ?? ZERO,
    timeWait: options.timeWait ?? DEFAULT_TIME_WAIT,
  };
}

/** RFC 7323 2.2: the least shift with which 16 bits can say the whole buffer, as large as it may become. */
export const windowShiftFor = (receiveBuffer: number): number =>
  Math.min(MAX_WINDOW_SHIFT, 32 - Math.clz32(Math.ceil(receiveBuffer / 0xffff) - 1));

/** RFC 6691: the MSS option counts the fixed headers alone, and here what the path in may put between them. */
export const mssToAdvertise = (path: Path): number =>
  clamp(path.mtu - IPV6_HEADER_LEN - TCP_HEADER_LEN - path.receiveOverhead, MIN_MSS, 0xffff);

/** RFC 7323 5.4: a tick is 1 ms. */
export const timestampTick = (now: Instant): number => Math.floor(now / 1000);

/** TSval. */
export const timestampValue = (tcb: Tcb, now: Instant): number => (timestampTick(now) + tcb.ts.offset) >>> 0;

/** What our SYN or SYN,ACK carries; a SYN,ACK answers only what the SYN brought. */
export function synOptions(tcb: Tcb, now: Instant): WireOptions {
  const answer = tcb.state !== 'SYN-SENT';
  const timestamp = { value: timestampValue(tcb, now), echo: tcb.ts.recent };
  const options: WireOptions = {
    mss: tcb.rcv.advertisedMss,
    ...(!answer || tcb.sackPermitted ? { sackPermitted: true } : {}),
    ...(!answer || tcb.ts.on ? { timestamp } : {}),
    ...(!answer || tcb.windowScaling ? { windowScale: tcb.rcv.shift } : {}),
    ...(tcb.fastOpenCookie === undefined ? {} : { fastOpenCookie: tcb.fastOpenCookie }),
  };
  const longer = { ...options, ...userTimeoutOption(tcb) };
  return tcpOptionsLength(longer) <= MAX_TCP_OPTIONS_LEN ? longer : options; // a long cookie: ACKs tell it later
}

/** Takes the options of the peer's SYN or SYN,ACK: both sides have an option, or neither uses it. */
export function takeSynOptions(tcb: Tcb, now: Instant, peer: WireOptions): void {
  tcb.snd.peerMss = Math.max(MIN_MSS, peer.mss ?? DEFAULT_MSS);
  tcb.sackPermitted = peer.sackPermitted === true;
  tcb.windowScaling = peer.windowScale !== undefined;
  tcb.snd.shift = Math.min(peer.windowScale ?? 0, MAX_WINDOW_SHIFT);
  if (!tcb.windowScaling) tcb.rcv.shift = 0;
  tcb.ts.on = peer.timestamp !== undefined;
  if (peer.timestamp !== undefined) {
    tcb.ts.recent = peer.timestamp.value;
    tcb.ts.recentAt = now;
  }
  if (peer.userTimeout !== undefined) takeUserTimeout(tcb, now, peer.userTimeout);
  tcb.snd.mss = effectiveMss(tcb.path, tcb.snd.peerMss, tcb.ts.on);
  tcb.congestion = createCongestionControl(tcb.options.congestion, tcb.snd.mss);
}

/** RFC 9293 3.7.1: Eff.snd.MSS for a segment that has no more options than every segment has. */
export function effectiveMss(path: Path, peerMss: number, timestamps: boolean): number {
  const largest = Math.min(peerMss, path.mtu - IPV6_HEADER_LEN - TCP_HEADER_LEN);
  return Math.max(1, largest - path.overhead - (timestamps ? TIMESTAMP_OPTION_LEN : 0));
}

/** The packet of a full segment where the path carries `mtu` octets: the peer may want smaller ones. */
export const largestPacket = (tcb: Tcb, mtu: number): number =>
  Math.min(mtu, tcb.snd.peerMss + IPV6_HEADER_LEN + TCP_HEADER_LEN);

/** Path or options have changed. */
export function updateSendMss(tcb: Tcb): void {
  const mss = effectiveMss(tcb.path, tcb.snd.peerMss, tcb.ts.on);
  if (mss === tcb.snd.mss) return;
  tcb.snd.mss = mss;
  tcb.congestion.onMssChange(mss);
}

/** Ticks since the TSval was sent that this ACK echoes. An echo of another node's is none (a handoff). */
export function echoAge(tcb: Tcb, now: Instant, seg: Segment): number | undefined {
  const echo = seg.header.options.timestamp?.echo;
  if (!tcb.ts.on || echo === undefined) return undefined;
  const ticks = (timestampValue(tcb, now) - echo) | 0;
  const ours = timestampTick(now) - timestampTick(tcb.ts.firstAt);
  return ticks >= 0 && ticks <= ours ? ticks : undefined;
}

/** RFC 7323 5.2 and 5.5: is this TSval older than TS.Recent, as far as that one can still be trusted? */
export const isOldTimestamp = (tcb: Tcb, now: Instant, value: number): boolean =>
  ((value - tcb.ts.recent) | 0) < 0 && now - tcb.ts.recentAt <= TS_RECENT_LIFETIME;

/** RFC 7323 4.3, (2): TS.Recent follows what lies at or before the last ACK sent. */
export function takeTimestamp(tcb: Tcb, now: Instant, value: number, seq: number): void {
  if (seq > tcb.rcv.lastAckSent || isOldTimestamp(tcb, now, value)) return;
  tcb.ts.recent = value;
  tcb.ts.recentAt = now;
}
