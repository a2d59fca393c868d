// SYN cookies (RFC 4987 3.6): our initial sequence number says all that we would have to remember of a SYN, so that
// the ACK which brings it back opens the connection. It is a keyed hash of the two ends, the peer's initial sequence
// number and the time, plus a number for the MSS: a guess is right once in 2^28. What else the SYN offered goes into
// the low bits of the timestamp, as Linux has it; without timestamps it is given up. The key comes from the secret
// that a group shares: a member that is flooded too can check what another has given, by a clock that both have.

import { setU16, setU32 } from '../core/bytes.ts';
import { hmac } from '../core/digest.ts';
import { SIPHASH_KEY_LEN, SipHash } from '../core/siphash.ts';
import { EPOCH, elapsed, type Instant, toSeconds } from '../core/time.ts';
import type { ReceivedPacket } from '../ipv6/port.ts';
import { ADDRESS_LEN } from '../wire/address.ts';
import { type Seq, seq, seqAdd } from '../wire/seq.ts';
import type { TcpHeader } from '../wire/tcp.ts';
import type { TcpOptions as WireOptions } from '../wire/tcp-option.ts';
import { COOKIE_PERIOD, DEFAULT_MSS, MIN_MSS } from './limits.ts';

/** What a cookie can say of the peer's MSS: minimum and usual MTUs, less headers, tunnels and home addresses. */
const MSS_STEPS = [MIN_MSS, 536, DEFAULT_MSS, 1360, 1400, 1420, 1440, 8940] as const;

const sinceOrigin = (now: Instant): number => toSeconds(elapsed(EPOCH, now));

/** The ends, the peer's initial sequence number, the period. */
const MESSAGE_LEN = 2 * ADDRESS_LEN + 2 + 2 + 4 + 4;

export interface SynCookie {
  readonly isn: Seq;
  /** Of the TSval that goes with it. */
  readonly timestampOffset: number;
}

export class SynCookies {
  readonly #hash: SipHash;
  readonly #seconds: (now: Instant) => number;
  readonly #message = new Uint8Array(MESSAGE_LEN);

  /** `seconds`: what all members of the group agree on; absent: this node's own clock. */
  constructor(secret: Uint8Array, seconds: (now: Instant) => number = sinceOrigin) {
    const key = hmac('sha256', secret, new TextEncoder().encode('SYN cookies'));
    this.#hash = new SipHash(key.subarray(0, SIPHASH_KEY_LEN));
    this.#seconds = seconds;
  }

  /** For the answer to this SYN. */
  make(now: Instant, packet: ReceivedPacket, header: TcpHeader): SynCookie {
    const { low, high } = this.#of(packet, header, header.seq, this.#period(now));
    return { isn: seq(low + stepFor(header.options.mss ?? DEFAULT_MSS)), timestampOffset: high };
  }

  /** The MSS in the cookie that this ACK brings back; undefined: it is none of ours, or older than two periods. */
  check(now: Instant, packet: ReceivedPacket, header: TcpHeader): number | undefined {
    const [irs, cookie] = [seqAdd(header.seq, -1), seqAdd(header.ack, -1)];
    const period = this.#period(now);
    return this.#mssIn(cookie, packet, header, irs, period) ?? this.#mssIn(cookie, packet, header, irs, period - 1);
  }

  #mssIn(cookie: Seq, packet: ReceivedPacket, header: TcpHeader, irs: Seq, period: number): number | undefined {
    return MSS_STEPS[(cookie - this.#of(packet, header, irs, period).low) >>> 0];
  }

  #period(now: Instant): number {
    return Math.floor(this.#seconds(now) / toSeconds(COOKIE_PERIOD));
  }

  #of(packet: ReceivedPacket, header: TcpHeader, irs: Seq, period: number): SipHash {
    const message = this.#message;
    packet.destination.write(message, 0);
    packet.source.write(message, ADDRESS_LEN);
    setU16(message, 2 * ADDRESS_LEN, header.destinationPort);
    setU16(message, 2 * ADDRESS_LEN + 2, header.sourcePort);
    setU32(message, 2 * ADDRESS_LEN + 4, irs);
    setU32(message, 2 * ADDRESS_LEN + 8, period);
    return this.#hash.hash(message);
  }
}

/** The largest step that is no more than `mss`. */
function stepFor(mss: number): number {
  let step = MSS_STEPS.length - 1;
  while (step > 0 && mss < (MSS_STEPS[step] ?? 0)) step -= 1;
  return step;
}

const OPTION_BITS = 6;
const OPTION_MASK = (1 << OPTION_BITS) - 1;
const NO_WINDOW_SCALE = 0xf;
const SACK_BIT = 0x10;
const ECN_BIT = 0x20;

/** The last value up to `value` whose low bits tell what the SYN offered: TSval must not run ahead of the clock. */
export function packOptions(value: number, { windowScale, sackPermitted }: WireOptions, ecn: boolean): number {
  const scale = windowScale === undefined ? NO_WINDOW_SCALE : Math.min(windowScale, NO_WINDOW_SCALE - 1);
  const packed = (value & ~OPTION_MASK) | scale | (sackPermitted === true ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0);
  return (packed >>> 0 > value ? packed - (1 << OPTION_BITS) : packed) >>> 0;
}

/** What packOptions() has put into the TSval that `echo` repeats. */
export function unpackOptions(echo: number): Pick<WireOptions, 'windowScale' | 'sackPermitted'> {
  const windowScale = echo & NO_WINDOW_SCALE;
  return {
    ...(windowScale === NO_WINDOW_SCALE ? {} : { windowScale }),
    ...((echo & SACK_BIT) === 0 ? {} : { sackPermitted: true }),
  };
}

/** Whether the SYN,ACK with that TSval agreed to ECN. */
export const unpackEcn = (echo: number): boolean => (echo & ECN_BIT) !== 0;

/** The least TSval that is above every one packOptions() may have made of the same tick as `echo`. */
export const valueAfter = (echo: number): number => ((echo | OPTION_MASK) + 1) >>> 0;
