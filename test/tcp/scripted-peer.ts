// The other end as a script: segments made by hand go to the TCP under test, and what it answers is looked at one
// segment at a time. Numbers are positions, as inside TCP: 0 is the first octet behind the SYN of each side.

import { EMPTY } from '../../stack/core/bytes.ts';
import { checksumOf, sumWords } from '../../stack/core/checksum.ts';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import type { Connection, ConnectOptions, ListenOptions } from '../../stack/tcp/api.ts';
import { pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { type Seq, seq, seqAdd, seqDiff } from '../../stack/wire/seq.ts';
import { emitTcpHeader, TCP_FLAG, TCP_HEADER_LEN } from '../../stack/wire/tcp.ts';
import { type TcpOptions, tcpOptionsLength } from '../../stack/wire/tcp-option.ts';
import { A, App, B, expectOpen, PORT, type TestHost, type WireOptions, type WireSegment, World } from './support.ts';

export const { fin: FIN, syn: SYN, rst: RST, psh: PSH, ack: ACK, urg: URG, ece: ECE, cwr: CWR } = TCP_FLAG;

export interface Script {
  readonly flags?: number;
  /** Position in the peer's stream; -1 is its SYN. Default: behind what it has sent. */
  readonly seq?: number;
  /** Position in our stream. Default: all that has been received. */
  readonly ack?: number;
  readonly text?: Uint8Array | number;
  readonly window?: number;
  readonly options?: TcpOptions;
  readonly urgentPointer?: number;
  /** DSCP and ECN of its IPv6 header. */
  readonly trafficClass?: number;
  /** In place of `options`: these octets, whatever they say. A multiple of 4. */
  readonly rawOptions?: Uint8Array;
  /** A lie in the header, in words. */
  readonly dataOffset?: number;
  /** Octets that arrive of it. */
  readonly truncateTo?: number;
  readonly badChecksum?: boolean;
}

/** What a segment of the TCP under test said, in positions. */
export interface Seen {
  readonly at: number;
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly length: number;
  readonly window: number;
  readonly urgentPointer: number;
  readonly trafficClass: number;
  readonly options: TcpOptions;
  readonly text: Uint8Array;
  readonly toPort: number;
}

export interface PeerOptions extends WireOptions {
  readonly iss?: number;
  readonly tcp?: Partial<ConnectOptions>;
  /** Options of the peer's SYN. Default: MSS 1000, nothing else. */
  readonly synOptions?: TcpOptions;
  readonly window?: number;
  /** Where the clock starts: decides our ISN (RFC 6528). */
  readonly startAt?: number;
  /** Round trip of the handshake of opened(), in milliseconds. Default: none. */
  readonly rttMs?: number;
}

/** The peer's port, and ours for an active open. */
export const OURS = 5555;

export class ScriptedPeer {
  readonly world: World;
  host: TestHost;
  iss: Seq;
  window: number;
  /** Next position to send. */
  nxt = 0;
  /** Behind the last position received in order, as the peer acknowledges it by default. */
  acked = 0;
  port = PORT;
  /** Our initial sequence number, known from our first segment. */
  ours: Seq | undefined;
  /** Put on every segment: TSval and TSecr. */
  timestamps: (() => TcpOptions) | undefined;
  #read = 0;

  constructor(options: PeerOptions = {}) {
    this.world = new World(options);
    if (options.startAt !== undefined) this.world.run(options.startAt as never);
    this.host = this.world.host(A);
    this.iss = seq(options.iss ?? 100_000);
    this.window = options.window ?? 65_535;
  }

  /** The peer's segment reaches the TCP under test at once. */
  send(script: Script = {}): void {
    const text = typeof script.text === 'number' ? new Uint8Array(script.text).fill(0x78) : (script.text ?? EMPTY);
    const flags = script.flags ?? ACK;
    const at = script.seq ?? this.nxt;
    const bytes = this.#emit(script, flags, at, text);
    const trafficClass = script.trafficClass ?? 0;
    const segment = { at: this.world.now, from: B, to: A, header: {} as never, text, gsoSize: 0, trafficClass };
    const controls = ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
    this.nxt = Math.max(this.nxt, at + text.length + controls);
    this.host.ipv6.receive(this.world.now, segment, bytes);
    this.world.timers.runDue(this.world.now);
  }

  #emit(script: Script, flags: number, at: number, text: Uint8Array): Uint8Array {
    const options = script.rawOptions === undefined ? { ...this.timestamps?.(), ...script.options } : {};
    const raw = script.rawOptions ?? EMPTY;
    const headerLength = TCP_HEADER_LEN + tcpOptionsLength(options) + raw.length;
    const bytes = new Uint8Array(headerLength + text.length);
    const header = {
      sourcePort: this.port,
      destinationPort: OURS,
      seq: seqAdd(this.iss, at + 1),
      ack: (flags & ACK) === 0 ? seq(0) : seqAdd(this.ours ?? seq(0), (script.ack ?? this.acked) + 1),
      flags,
      window: script.window ?? this.window,
      urgentPointer: script.urgentPointer ?? 0,
      options,
    };
    bytes.set(raw, emitTcpHeader(header, bytes, 0));
    bytes.set(text, headerLength);
    bytes[12] = script.dataOffset === undefined ? headerLength << 2 : script.dataOffset << 4;
    const arrives = bytes.subarray(0, script.truncateTo ?? bytes.length);
    if (arrives.length < TCP_HEADER_LEN) return arrives;
    const sum = sumWords(arrives, 0, arrives.length, pseudoHeaderSum(B, A, 6, arrives.length));
    const checksum = checksumOf(sum) ^ (script.badChecksum === true ? 0x5555 : 0);
    arrives[16] = checksum >>> 8;
    arrives[17] = checksum & 0xff;
    return arrives;
  }

  /** Goes on with another node, which the connection has moved to. */
  take(host: TestHost): void {
    this.host = host;
  }

  /** The next segment that the TCP under test has sent, if there is one. */
  next(): Seen | undefined {
    for (; this.#read < this.world.sent.length; this.#read++) {
      const segment = this.world.sent[this.#read];
      if (segment === undefined || !segment.from.equals(A)) continue;
      this.#read += 1;
      return this.#see(segment);
    }
    return undefined;
  }

  /** All segments sent since the last look. */
  rest(): Seen[] {
    const all: Seen[] = [];
    for (let seen = this.next(); seen !== undefined; seen = this.next()) all.push(seen);
    return all;
  }

  run(ms: number): void {
    this.world.runFor(milliseconds(ms));
  }

  #see(segment: WireSegment): Seen {
    const { header, text } = segment;
    if ((header.flags & SYN) !== 0) this.ours = header.seq;
    const received = seqDiff(header.seq, seqAdd(this.ours ?? seq(0), 1));
    return {
      at: segment.at / 1000,
      flags: header.flags,
      seq: received,
      ack: seqDiff(header.ack, seqAdd(this.iss, 1)),
      length: text.length,
      window: header.window,
      urgentPointer: header.urgentPointer,
      trafficClass: segment.trafficClass,
      options: header.options,
      text,
      toPort: header.destinationPort,
    };
  }
}

/** A connection that we open to the peer, established; our SYN and ACK have been read. */
export function opened(options: PeerOptions = {}): { peer: ScriptedPeer; app: App; connection: Connection } {
  const peer = new ScriptedPeer(options);
  const connection = expectOpen(
    peer.host.tcp.connect(peer.world.now, { remote: { address: B, port: PORT }, localPort: OURS, ...options.tcp }),
  );
  const app = new App(peer.world, connection);
  peer.next();
  peer.run(options.rttMs ?? 0);
  peer.send({ flags: SYN | ACK, seq: -1, ack: 0, options: options.synOptions ?? { mss: 1000 } });
  peer.rest();
  return { peer, app, connection };
}

/** A listener of ours, and the peer before its SYN. */
export function listening(options: PeerOptions & { listen?: Partial<ListenOptions> } = {}): {
  peer: ScriptedPeer;
  accepted: App[];
} {
  const peer = new ScriptedPeer(options);
  const accepted: App[] = [];
  expectOpen(
    peer.host.tcp.listen({ port: OURS, ...options.listen }, (_now, connection) => {
      accepted.push(new App(peer.world, connection));
    }),
  );
  return { peer, accepted };
}

/** A SACK option with these blocks, in positions of our stream. */
export const sack = (peer: ScriptedPeer, ...blocks: readonly (readonly [number, number])[]): TcpOptions => ({
  sack: blocks.map(([left, right]) => ({
    left: seqAdd(peer.ours ?? seq(0), left + 1),
    right: seqAdd(peer.ours ?? seq(0), right + 1),
  })),
});

export const starts = (seen: readonly Seen[]): number[] => seen.map((s) => s.seq);

export const LONG = seconds(100_000);
