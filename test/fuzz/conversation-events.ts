// Octets as the program of a conversation: how it is set up, then events until the octets are used up. The
// peer's numbers are chosen near the edges of what the TCB under test has: that is where the rules are.

import { milliseconds, seconds } from '../../stack/core/time.ts';
import type { TcpOptions } from '../../stack/tcp/api.ts';
import { DEFAULT_MSS } from '../../stack/tcp/limits.ts';
import { SYN_POSITION, seqAt } from '../../stack/tcp/position.ts';
import type { Tcb } from '../../stack/tcp/tcb.ts';
import { type Seq, seq } from '../../stack/wire/seq.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import {
  MAX_TCP_OPTIONS_LEN,
  type SackBlock,
  tcpOptionsLength,
  type TcpOptions as WireOptions,
} from '../../stack/wire/tcp-option.ts';
import { A, B } from '../tcp/support.ts';
import type { ByteReader } from './byte-reader.ts';
import { Conversation, type PeerSegment, type Setup } from './conversation.ts';

const { fin: FIN, syn: SYN, rst: RST, psh: PSH, ack: ACK, urg: URG, ece: ECE, cwr: CWR } = TCP_FLAG;
const BUFFERS = [20_000, 4096, 70_000, 300_000, 0] as const;
/** Events of one program: keeps the slowest input quick. */
const MAX_EVENTS = 300;

export function playConversation(bytes: ByteReader): void {
  const talk = new Conversation(readSetup(bytes));
  const peer = new Peer(talk, bytes);
  peer.handshake();
  for (let n = 0; n < MAX_EVENTS && !bytes.done; n++) peer.event();
  talk.finish();
}

function readSetup(bytes: ByteReader): Setup {
  const bits = bytes.u8();
  return {
    active: (bits & 1) === 0,
    gso: (bits & 2) !== 0,
    autoRead: (bits & 4) !== 0,
    mtu: bytes.pick([1500, 1280, 9000, 65_535]),
    startMs: bytes.pick([0, 1, 77_777, 4_000_000_000]),
    options: {
      congestion: (bits & 8) === 0 ? 'cubic' : 'newreno',
      noDelay: (bits & 16) !== 0,
      delayedAck: milliseconds((bits & 32) === 0 ? 40 : 0),
      keepAlive: (bits & 64) === 0 ? milliseconds(0) : seconds(1),
      userTimeout: seconds((bits & 128) === 0 ? 300 : 5),
      fastOpen: (bits & 4) === 0,
      ...readBuffers(bytes),
    },
  };
}

/** Of a fixed size, or growing. */
function readBuffers(bytes: ByteReader): TcpOptions {
  const [sendBuffer, receiveBuffer] = [bytes.pick(BUFFERS), bytes.pick(BUFFERS)];
  return {
    ...(sendBuffer > 0 ? { sendBuffer } : { sendBuffer: 5000, maxSendBuffer: 1_000_000 }),
    ...(receiveBuffer > 0 ? { receiveBuffer } : { receiveBuffer: 5000, maxReceiveBuffer: 1_000_000 }),
  };
}

class Peer {
  readonly #talk: Conversation;
  readonly #bytes: ByteReader;
  readonly #iss: Seq;
  #window = 65_535;

  constructor(talk: Conversation, bytes: ByteReader) {
    this.#talk = talk;
    this.#bytes = bytes;
    this.#iss = seq(bytes.pick([1000, 0, 0xffff_ffff, 0x7fff_ffff, 0xffff_ff00]));
  }

  /** What an honest peer says to come to ESTABLISHED, with options of the program's choice. */
  handshake(): void {
    const bytes = this.#bytes;
    const bits = bytes.u8();
    this.#window = bytes.pick([65_535, 0, 1, 1000, 5000]);
    const options: { -readonly [K in keyof WireOptions]: WireOptions[K] } = {
      ...((bits & 1) === 0 ? { mss: bytes.pick([1000, 0, 1, 536, DEFAULT_MSS, 1440, 65_535]) } : {}),
      ...((bits & 2) === 0 ? { sackPermitted: true } : {}),
      ...((bits & 4) === 0 ? { timestamp: { value: this.#tsVal(), echo: this.#talk.lastTsVal } } : {}),
      ...((bits & 8) === 0 ? { windowScale: bytes.pick([0, 7, 14, 255]) } : {}),
    };
    if ((bits & 128) !== 0) options.fastOpenCookie = this.#talk.lastCookie;
    if ((bits & 16) !== 0) return; // none at all: the events may bring one
    const ack = this.#sendsAt((tcb) => tcb.snd.nxt);
    const passive = this.#talk.tcb === undefined;
    const ecn = (bits & 64) === 0 ? 0 : passive ? ECE | CWR : ECE;
    const flags = (passive ? SYN : SYN | ACK) | ecn;
    const first = { seq: this.#iss, ack, window: this.#window, options };
    this.#talk.receive({ ...first, flags, length: (bits & 32) === 0 ? 0 : bytes.u8() });
    if (passive) this.#send({});
  }

  event(): void {
    const bytes = this.#bytes;
    const talk = this.#talk;
    const kind = bytes.below(18);
    if (kind < 2) this.#send({ length: this.#length(), ack: this.#ackBase(), ecn: 2 + kind });
    else if (kind < 4) this.#send({ ack: this.#sendsAt((tcb) => tcb.snd.nxt), window: this.#newWindow() });
    else if (kind === 4) this.#send({ ack: this.#ackBase() });
    else if (kind < 7) this.#send({ options: { sack: this.#blocks() }, ack: this.#sendsAt((tcb) => tcb.snd.una) });
    else if (kind === 7) this.#send({ seq: this.#seqBase(), length: this.#length() });
    else if (kind === 8) this.#wild();
    else if (kind < 11) talk.write(bytes.pick([1000, 1, 100, 5000, 20_000, 100_000]));
    else if (kind === 11) talk.read(bytes.pick([100_000, 1, 500, 3000]));
    else if (kind < 14) this.#time();
    else if (kind === 14) this.#app();
    else if (kind === 15) this.#icmp();
    else if (kind === 16) this.#handoff();
    else this.#send({ flags: ACK | FIN, length: this.#length() });
  }

  #app(): void {
    const choice = this.#bytes.below(8);
    if (choice < 4) this.#talk.shutdown();
    else if (choice === 4) this.#talk.abort();
    else if (choice === 5) this.#talk.nudge();
    else if (choice === 6) this.#talk.setOptions({ noDelay: true, keepAlive: seconds(2) });
    else this.#talk.setOptions({ noDelay: false, userTimeout: seconds(3), keepAlive: seconds(0) });
  }

  #time(): void {
    const ms = this.#bytes.pick([-1, 1, 10, 50, 250, 1000, 30_000, 100_000]);
    if (ms < 0) this.#talk.passToNextTimer();
    else this.#talk.pass(milliseconds(ms));
  }

  #icmp(): void {
    const { ipv6 } = this.#talk.host;
    const bytes = this.#bytes;
    const mtu = bytes.pick([1500, 1280, 1400, 600, 9000]);
    const choice = bytes.below(4);
    if (choice === 0) {
      ipv6.changePath({ mtu, overhead: bytes.pick([0, 24, 40, 200]) });
    } else {
      if (choice === 1) ipv6.pathOverride = { ...ipv6.pathOverride, mtu };
      const kind = bytes.pick(['packet-too-big', 'unreachable', 'time-exceeded', 'parameter-problem'] as const);
      const quoted = new Uint8Array(8);
      const view = new DataView(quoted.buffer);
      view.setUint16(0, 5555);
      view.setUint16(2, 80);
      view.setUint32(4, this.#ackBase());
      ipv6.icmp({ kind, code: bytes.below(4), parameter: mtu, local: A, remote: B, quoted });
    }
    this.#talk.check();
  }

  #handoff(): void {
    const talk = this.#talk;
    const bytes = this.#bytes;
    talk.freeze();
    const choice = bytes.u8();
    if ((choice & 1) !== 0) this.#send({ length: 100 });
    if ((choice & 2) !== 0) talk.pass(milliseconds(700));
    if ((choice & 4) !== 0) talk.write(100);
    if ((choice & 8) !== 0) talk.shutdown();
    if ((choice & 128) !== 0) talk.abort();
    if ((choice & 16) !== 0) talk.thaw();
    else talk.move((choice & 32) === 0 ? 'restart' : 'carry', (choice & 64) === 0 ? 0 : 700);
  }

  /** Anything at all, but near the edges. */
  #wild(): void {
    const bytes = this.#bytes;
    const flags = bytes.pick([
      ACK,
      ACK | PSH,
      ACK | FIN,
      SYN,
      SYN | ACK,
      RST,
      RST | ACK,
      ACK | URG,
      ACK | ECE,
      ACK | CWR,
      FIN,
      0,
      SYN | FIN,
      -1,
    ]);
    const bits = bytes.u8();
    const options: { -readonly [K in keyof WireOptions]: WireOptions[K] } = {};
    if ((bits & 1) !== 0) options.sack = this.#blocks();
    if ((bits & 2) !== 0) options.timestamp = { value: this.#oddTsVal(), echo: this.#oddEcho() };
    if ((bits & 4) !== 0) options.mss = bytes.u16();
    if ((bits & 8) !== 0) options.windowScale = bytes.u8();
    if ((bits & 16) !== 0) options.sackPermitted = true;
    if ((bits & 4) !== 0 && (bits & 16) !== 0) options.fastOpenCookie = this.#talk.lastCookie;
    this.#send({
      flags: flags < 0 ? bytes.u8() : flags,
      seq: this.#seqBase(),
      ack: this.#ackBase(),
      window: this.#newWindow(),
      length: this.#length(),
      urgentPointer: (bits & 32) === 0 ? 0 : bytes.u16(),
      lies: (bits & 64) !== 0,
      ecn: (bits & 128) === 0 ? 0 : bytes.below(4),
      options,
    });
  }

  /** A segment of which only the odd things are said; with a timestamp where one is expected. */
  #send(part: Partial<PeerSegment>): void {
    const tcb = this.#talk.tcb;
    let options = part.options ?? {};
    if (options.timestamp === undefined && tcb?.ts.on === true) {
      options = { ...options, timestamp: { value: this.#tsVal(), echo: this.#talk.lastTsVal } };
    }
    while (tcpOptionsLength(options) > MAX_TCP_OPTIONS_LEN)
      options = { ...options, sack: options.sack?.slice(1) ?? [] };
    if (options.sack?.length === 0) {
      const { sack: _none, ...rest } = options;
      options = rest;
    }
    this.#talk.receive({
      flags: ACK,
      seq: this.#receivesAt((t) => t.rcv.nxt),
      ack: this.#sendsAt((t) => t.snd.una),
      window: this.#window,
      length: 0,
      ...part,
      options,
    });
  }

  #length(): number {
    const length = this.#bytes.pick([1000, 0, 1, 2, 100, 536, 1400, 3000, -1]);
    return length < 0 ? this.#bytes.below(60_000) : length;
  }

  #newWindow(): number {
    const window = this.#bytes.pick([65_535, 0, 1, 100, 1000, -1]);
    this.#window = window < 0 ? this.#bytes.u16() : window;
    return this.#window;
  }

  #tsVal(): number {
    return (1000 + Math.floor(this.#talk.now / 1000)) >>> 0;
  }

  #oddTsVal(): number {
    const { ts } = this.#talk.tcb ?? { ts: { recent: 0 } };
    const delta = this.#bytes.pick([0, 1, -1, 0x7fff_ffff, -0x8000_0000, 1_000_000]);
    return (ts.recent + delta) >>> 0;
  }

  #oddEcho(): number {
    return (this.#talk.lastTsVal + this.#bytes.pick([0, 1, -1, 0x7fff_ffff, -1000])) >>> 0;
  }

  /** A position of our stream, as its sequence number. */
  #sendsAt(position: (tcb: Tcb) => number): number {
    const { tcb } = this.#talk;
    return tcb === undefined ? 0 : seqAt(tcb.snd.iss, position(tcb));
  }

  #receivesAt(position: (tcb: Tcb) => number): number {
    const { tcb } = this.#talk;
    if (tcb === undefined || tcb.state === 'SYN-SENT') return seqAt(this.#iss, SYN_POSITION + 1);
    return seqAt(tcb.rcv.irs, position(tcb));
  }

  #near(): number {
    const n = this.#bytes.u8();
    return n < 200 ? 0 : (n - 227) * (n % 2 === 0 ? 1 : 250);
  }

  #seqBase(): number {
    const bytes = this.#bytes;
    const choice = bytes.below(8);
    if (choice === 7) return bytes.u32();
    const base = (tcb: Tcb): number => {
      const { rcv, reassembly } = tcb;
      const island = reassembly.islands[bytes.below(8)] ?? { start: rcv.nxt, end: rcv.nxt + 2000 };
      if (choice < 2) return rcv.nxt + 1 + bytes.below(5000);
      if (choice === 2) return rcv.edge;
      if (choice === 3) return island.start;
      if (choice === 4) return island.end;
      return choice === 5 ? rcv.nxt : SYN_POSITION;
    };
    return this.#receivesAt((tcb) => base(tcb) + this.#near());
  }

  #ackBase(): number {
    const bytes = this.#bytes;
    const choice = bytes.below(6);
    if (choice === 5) return bytes.u32();
    const base = (tcb: Tcb): number => {
      if (choice < 2) return this.#cut(tcb);
      return choice === 2 ? tcb.snd.nxt : choice === 3 ? tcb.snd.una : tcb.snd.una - tcb.snd.maxWnd;
    };
    return this.#sendsAt((tcb) => base(tcb) + this.#near());
  }

  /** A place inside the flight: where a run ends, or between. */
  #cut(tcb: Tcb): number {
    const { una, nxt, mss } = tcb.snd;
    const n = this.#bytes.u8();
    if (n < 192) return Math.min(nxt, una + (n % 48) * mss);
    return una + Math.floor(((nxt - una) * (n - 191)) / 65);
  }

  #blocks(): SackBlock[] {
    const blocks: SackBlock[] = [];
    for (let n = 1 + this.#bytes.below(4); n > 0; n--) {
      const left = this.#sendsAt((tcb) => this.#cut(tcb) + this.#near());
      const length = this.#bytes.pick([1000, 1, 2, 536, 5000, 0, -1]);
      blocks.push({ left: seq(left), right: seq(left + (length < 0 ? this.#bytes.u16() : length)) });
    }
    return blocks;
  }
}
