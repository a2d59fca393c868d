// The segments of a script: the peer's are sent, ours are compared with what the TCP under test has sent, exactly at
// the time the script gives. Both are written down as a script would say them.

import { seq, seqAdd, seqDiff } from '../../../stack/wire/seq.ts';
import type { TcpOptions } from '../../../stack/wire/tcp-option.ts';
import { ACK, FIN, RST, ScriptedPeer, type Seen, SYN } from '../scripted-peer.ts';
import { PORT } from '../support.ts';
import { differences, type Known, specOf } from './match.ts';
import type { Given } from './notation.ts';
import { formatSegment, type SegmentSpec } from './segment-notation.ts';
import { firstWrongOctet, streamText } from './stream-text.ts';
import { formatTime } from './time-notation.ts';

/** A line does not hold. */
export class Mismatch extends Error {}

interface Sent {
  readonly seen: Seen;
  /** Our ISN before this segment. */
  readonly oursBefore: number | undefined;
}

/** What the peer's TSvals count from, in milliseconds. */
const PEER_CLOCK = 1000;

export class Exchange {
  readonly peer: ScriptedPeer;
  /** All segments so far. */
  readonly log: string[] = [];
  readonly #startedAt: number;
  readonly #pending: Sent[] = [];
  /** The peer's last ACK and window field. */
  #peerAck = 0;
  #peerWindow: number;
  /** Behind the highest position that we have sent, and our last ACK. */
  #sentEnd = 0;
  #lastAck: number | undefined;
  #firstTsval: number | undefined;
  #lastTsval: number | undefined;
  /** RFC 7413: what our SYN,ACK gave. */
  #cookie = '';
  /** The peer's SYN had a timestamp. */
  #peerStamps = false;

  constructor(given: Given) {
    const { iss, mtu, window, clock } = given;
    this.peer = new ScriptedPeer({
      ...(iss === undefined ? {} : { iss }),
      ...(mtu === undefined ? {} : { mtu }),
      ...(clock === undefined ? {} : { startAt: clock }),
    });
    this.#peerWindow = window ?? 65_535;
    this.#startedAt = this.now;
  }

  get now(): number {
    return this.peer.world.now;
  }

  /** Time passes in which nothing is sent. */
  pass(us: number): void {
    this.peer.world.run((this.now + us) as never);
    this.nothingPending();
  }

  /** Everything that was sent has been expected. */
  nothingPending(): void {
    this.#pull();
    const [sent] = this.#pending;
    if (sent === undefined) return;
    for (const one of this.#pending) this.#note('=>', one.seen);
    throw new Mismatch(`not expected: -> ${this.#format(sent.seen)} at ${this.#at(sent.seen)}`);
  }

  // --- ours ----------------------------------------------------------------------------------------------------

  expect(spec: SegmentSpec, wait: number, tolerance: number): void {
    const target = this.now + wait;
    for (const part of pieces(spec)) this.#compare(part, this.#next(target + tolerance), target, tolerance);
  }

  /** The next segment of ours; time passes until it comes, but not beyond `limit`. */
  #next(limit: number): Sent {
    const { world } = this.peer;
    for (;;) {
      this.#pull();
      const sent = this.#pending.shift();
      if (sent !== undefined) return sent;
      const next = world.timers.nextDeadline();
      world.run(Math.min(next, limit) as never);
      if (next <= limit) continue;
      this.log.push(`${this.#clock(this.now)} nothing`);
      throw new Mismatch(`nothing was sent until ${this.#clock(this.now)}`);
    }
  }

  #compare(spec: SegmentSpec, sent: Sent, target: number, tolerance: number): void {
    const { seen } = sent;
    if (seen.options.timestamp !== undefined) this.#firstTsval ??= seen.options.timestamp.value;
    const found = [...differences(spec, seen, this.#known), ...this.#issDifference(spec, sent), ...wrongText(seen)];
    if (Math.abs(Math.round(seen.at * 1000) - target) > tolerance) {
      found.unshift(`time: expected ${this.#clock(target)}, came at ${this.#at(seen)}`);
    }
    this.#note(found.length === 0 ? '->' : '=>', seen);
    if (found.length > 0) throw new Mismatch(`${found.join('\n  ')}\n  it came as: -> ${this.#format(seen)}`);
    this.#remember(sent);
  }

  /** A SYN that comes again has the number it had, unless the script says that this is another connection. */
  #issDifference(spec: SegmentSpec, { seen, oursBefore }: Sent): string[] {
    if ((seen.flags & SYN) === 0 || oursBefore === undefined || spec.iss === 'any') return [];
    const by = seqDiff(this.peer.ours ?? seq(0), seq(oursBefore));
    return by === (spec.iss ?? 0) ? [] : [`iss: expected ${spec.iss ?? 0} after the one before, came ${by}`];
  }

  #remember({ seen, oursBefore }: Sent): void {
    const { flags } = seen;
    if ((flags & SYN) !== 0 && oursBefore !== this.peer.ours) this.#sentEnd = 0;
    const controls = ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
    this.#sentEnd = Math.max(this.#sentEnd, seen.seq + seen.length + controls);
    if ((flags & ACK) !== 0) this.#lastAck = seen.ack;
    if (seen.options.timestamp !== undefined) this.#lastTsval = seen.options.timestamp.value;
    if (seen.options.fastOpenCookie !== undefined) this.#cookie = hex(seen.options.fastOpenCookie);
  }

  #pull(): void {
    for (;;) {
      const oursBefore = this.peer.ours;
      const seen = this.peer.next();
      if (seen === undefined) return;
      this.#pending.push({ seen, oursBefore });
    }
  }

  // --- the peer's ----------------------------------------------------------------------------------------------

  send(spec: SegmentSpec): void {
    for (const part of pieces(spec)) this.#send(part);
  }

  #send(spec: SegmentSpec): void {
    const { flags, options } = spec;
    const isSyn = (flags & SYN) !== 0;
    const at = this.#sequence(spec, isSyn);
    this.#peerAck = spec.ack ?? this.#peerAck;
    if (typeof spec.win === 'number') this.#peerWindow = spec.win;
    this.#noteSent(spec, isSyn && spec.length > 0 ? 0 : at);
    if (isSyn && options?.timestamp !== undefined && options.timestamp !== 'none') this.#peerStamps = true;
    this.peer.port = spec.port ?? PORT;
    const text = streamText('peer', isSyn ? at + 1 : at, spec.length);
    this.peer.send({
      flags,
      seq: at,
      ack: this.#peerAck,
      text: spec.garbled ? text.map((octet) => octet ^ 0xff) : text,
      window: this.#peerWindow,
      trafficClass: spec.ecn,
      options: this.#options(spec),
      ...(spec.urg === undefined ? {} : { urgentPointer: spec.urg }),
      ...(options?.raw === undefined ? {} : { rawOptions: options.raw }),
      ...(spec.dataOffset === undefined ? {} : { dataOffset: spec.dataOffset }),
      ...(spec.truncateTo === undefined ? {} : { truncateTo: spec.truncateTo }),
      ...(spec.badChecksum === undefined ? {} : { badChecksum: spec.badChecksum }),
    });
  }

  #sequence(spec: SegmentSpec, isSyn: boolean): number {
    if (spec.absolute !== undefined) return seqDiff(seq(spec.absolute), this.peer.iss) - 1;
    if (isSyn && spec.length > 0) return -1;
    return spec.seq ?? (isSyn ? -1 : this.peer.nxt);
  }

  #options(spec: SegmentSpec): TcpOptions {
    const { mss, windowScale, sackPermitted, sack, userTimeout, fastOpen } = spec.options ?? {};
    const wire = (at: number): ReturnType<typeof seq> => seqAdd(this.peer.ours ?? seq(0), at + 1);
    return {
      ...(mss === undefined ? {} : { mss }),
      ...(typeof windowScale === 'number' ? { windowScale } : {}),
      ...(sackPermitted ? { sackPermitted } : {}),
      ...(sack === undefined ? {} : { sack: sack.map(([left, right]) => ({ left: wire(left), right: wire(right) })) }),
      ...(userTimeout === undefined ? {} : { userTimeout: { granularity: 'seconds', value: userTimeout } }),
      ...(fastOpen === undefined ? {} : { fastOpenCookie: octets(fastOpen === '*' ? this.#cookie : fastOpen) }),
      ...this.#timestamp(spec),
    };
  }

  /** RFC 7323 3.2: once both SYNs have it, every segment but a RST. */
  #timestamp({ flags, options }: SegmentSpec): TcpOptions {
    const said = options?.timestamp;
    if (said === 'none' || options?.raw !== undefined) return {};
    const due = this.#peerStamps && this.#lastTsval !== undefined && (flags & RST) === 0;
    if (said === undefined && !due) return {};
    const value = said?.value ?? PEER_CLOCK + Math.floor((this.now - this.#startedAt) / 1000);
    const echo = said?.echo === undefined ? (this.#lastTsval ?? 0) : ((this.#firstTsval ?? 0) + said.echo) >>> 0;
    return { timestamp: { value, echo } };
  }

  // --- how it is told ------------------------------------------------------------------------------------------

  /** What is no segment of ours or the peer's. */
  note(what: string): void {
    this.log.push(`${this.#clock(this.now)} ${what}`);
  }

  get #known(): Known {
    const { ours, iss } = this.peer;
    return { ours, iss, sentEnd: this.#sentEnd, lastAck: this.#lastAck, firstTsval: this.#firstTsval };
  }

  #noteSent(spec: SegmentSpec, at: number): void {
    const ack = (spec.flags & ACK) === 0 ? {} : { ack: this.#peerAck };
    this.note(`<- ${formatSegment({ ...spec, seq: at, ...ack, win: this.#peerWindow })}`);
  }

  #note(arrow: string, seen: Seen): void {
    this.log.push(`${this.#at(seen)} ${arrow} ${this.#format(seen)}`);
  }

  #format(seen: Seen): string {
    return formatSegment(specOf(seen, this.#known));
  }

  #at(seen: Seen): string {
    return this.#clock(seen.at * 1000);
  }

  /** Since the script began. */
  #clock(us: number): string {
    return formatTime(Math.round(us) - this.#startedAt);
  }
}

const wrongText = (seen: Seen): string[] => {
  const wrong = firstWrongOctet('us', Math.max(0, seen.seq), seen.text);
  return wrong === undefined ? [] : [`octet ${wrong} is not what was written`];
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

/** `0:3000/1000` is three segments. */
function pieces(spec: SegmentSpec): SegmentSpec[] {
  const { each, seq: from, length } = spec;
  if (each === undefined || from === undefined) return [spec];
  const all: SegmentSpec[] = [];
  for (let at = from; at < from + length; at += each) {
    all.push({ ...spec, seq: at, length: Math.min(each, from + length - at) });
  }
  return all;
}
