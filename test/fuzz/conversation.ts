// One real Tcp, its application and its peer, with everything checked that can be: the invariants of the TCB after
// each step, what leaves (the right octets, inside the window that was offered, numbers that never go back), what
// the application gets (the right octets, events never from inside a call and none after the last).
// The peer may be as hostile as it likes; what it does is in conversation-events.ts.

import type { Duration, Instant } from '../../stack/core/time.ts';
import { milliseconds, NEVER } from '../../stack/core/time.ts';
import type { Connection, TcpOptions } from '../../stack/tcp/api.ts';
import { tcbOf } from '../../stack/tcp/connection.ts';
import { positionOf } from '../../stack/tcp/position.ts';
import { decodeSnapshot, encodeSnapshot } from '../../stack/tcp/snapshot.ts';
import type { Tcb } from '../../stack/tcp/tcb.ts';
import { seq, seqAdd } from '../../stack/wire/seq.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import type { TcpOptions as WireOptions } from '../../stack/wire/tcp-option.ts';
import { A, B, type TestHost, type WireSegment, World } from '../tcp/support.ts';
import { law } from './law.ts';
import { makeSegment, octetsAt, strays } from './segment-maker.ts';
import { checkTcb } from './tcb-invariants.ts';

const OURS = 0x5eed_0001;
const PEERS = 0x5eed_0002;
const OUR_PORT = 5555;
const PEER_PORT = 80;
/** Virtual time after which a connection whose peer has gone must have given up, if it has anything to do. */
const PATIENCE_MS = 1_000_000;
/** Segments that may leave in that time. */
const MAX_SENT_IN_SILENCE = 2_000;

/** Timestamps of two segments can be compared when no more time has passed (RFC 7323 5.2). */
const TS_HALF_RANGE = milliseconds(2 ** 31);

/** What has been told to the peer of the connection at hand, and what it has offered. */
interface Told {
  readonly tcb: Tcb | undefined;
  ack: number;
  edge: number;
  offered: number;
  tsVal: number | undefined;
  tsAt: number;
}

const NOTHING_TOLD = { ack: -1, edge: -1, offered: -1, tsVal: undefined, tsAt: 0 } as const;

export interface PeerSegment {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly length: number;
  readonly options: WireOptions;
  readonly urgentPointer?: number;
  /** The ECN field of the IPv6 header. */
  readonly ecn?: number;
  /** Octets that are not the stream's. */
  readonly lies?: boolean;
}

export interface Setup {
  readonly active: boolean;
  readonly mtu: number;
  readonly gso: boolean;
  readonly startMs: number;
  readonly autoRead: boolean;
  readonly options: TcpOptions & { readonly fastOpen?: boolean };
}

export class Conversation {
  readonly world: World;
  host: TestHost;
  connection: Connection | undefined;
  /** TSval that came last from our side. */
  lastTsVal = 0;
  /** The Fast Open cookie that came last from our side; empty: a request for one. */
  lastCookie = new Uint8Array(0);
  readonly #autoRead: boolean;
  /** Octets were sent that are not the stream's: what is delivered may be anything. */
  #lied = false;
  /** The application is inside a call into TCP. */
  #calling = false;
  #closedTold: Connection | undefined;
  /** The connection on the node that it was given to last. */
  #movedTo: Tcb | undefined;
  #outbox: WireSegment[] = [];
  #told: Told = { tcb: undefined, ...NOTHING_TOLD };

  constructor(setup: Setup) {
    this.world = new World({ mtu: setup.mtu, gso: setup.gso });
    this.world.run(milliseconds(setup.startMs) as number as Instant);
    this.world.filter = (segment) => {
      this.#outbox.push(segment);
      return 'drop';
    };
    this.#autoRead = setup.autoRead;
    this.host = this.world.host(A);
    if (setup.active) {
      const remote = { address: B, port: PEER_PORT };
      const opened = this.host.tcp.connect(this.now, { remote, localPort: OUR_PORT, ...setup.options });
      law(typeof opened !== 'string', 'the open failed');
      this.#adopt(opened);
    } else {
      this.host.tcp.listen({ port: OUR_PORT, backlog: 4, ...setup.options }, (_now, made) => this.#adopt(made));
    }
    this.check();
  }

  get now(): Instant {
    return this.world.now;
  }

  /** The connection that there is, half-open ones included. */
  get tcb(): Tcb | undefined {
    const [connection] = this.host.tcp.connections();
    return connection === undefined ? undefined : tcbOf(connection);
  }

  /** The peer's segment arrives. */
  receive(segment: PeerSegment): void {
    const header = {
      sourcePort: PEER_PORT,
      destinationPort: OUR_PORT,
      seq: seq(segment.seq),
      ack: seq(segment.ack),
      flags: segment.flags,
      window: segment.window,
      urgentPointer: segment.urgentPointer ?? 0,
      options: segment.options,
    };
    const textAt = (segment.flags & TCP_FLAG.syn) !== 0 ? segment.seq + 1 : segment.seq;
    const text = octetsAt(segment.lies === true ? OURS : PEERS, textAt, segment.length);
    if (segment.lies === true && segment.length > 0) this.#lied = true;
    const bytes = makeSegment(B, A, header, text);
    const at = { at: this.now, from: B, to: A, header: {} as never, text, gsoSize: 0, trafficClass: segment.ecn ?? 0 };
    this.host.ipv6.receive(this.now, at, bytes);
    this.world.timers.runDue(this.now);
    this.check();
  }

  write(length: number): void {
    this.#call((connection) => {
      const { iss } = tcbOf(connection).snd;
      connection.write(this.now, octetsAt(OURS, seqAdd(iss, 1 + connection.bytesWritten), length));
    });
  }

  read(max: number): void {
    this.#call((connection) => this.#read(connection, max));
  }

  shutdown(): void {
    this.#call((connection) => connection.shutdown(this.now));
  }

  abort(): void {
    this.#call((connection) => connection.abort(this.now));
  }

  setOptions(options: Parameters<Connection['setOptions']>[1]): void {
    this.#call((connection) => connection.setOptions(this.now, options));
  }

  nudge(): void {
    this.#call((connection) => this.host.tcp.nudge(this.now, connection));
  }

  pass(time: Duration): void {
    this.world.runFor(time);
    this.check();
  }

  /** To where the next timer runs out; far away where there is none. */
  passToNextTimer(): void {
    const next = this.world.timers.nextDeadline();
    this.world.run(next === NEVER ? ((this.now + milliseconds(26 * 24 * 3_600_000)) as Instant) : next);
    this.check();
  }

  freeze(): void {
    this.#call((connection) => this.host.tcp.freeze(this.now, connection));
  }

  thaw(): void {
    this.#call((connection) => this.host.tcp.thaw(this.now, connection));
  }

  /** The frozen connection goes on at another Tcp; law: what it says of itself is always accepted. */
  move(congestion: 'restart' | 'carry', silentMs: number): void {
    const { connection } = this;
    if (connection === undefined || connection.state === 'CLOSED' || !connection.frozen) return;
    const decoded = decodeSnapshot(encodeSnapshot(this.host.tcp.snapshot(this.now, connection)));
    law(decoded.ok, () => `our own snapshot is refused: ${decoded.ok ? '' : decoded.reason}`);
    this.host.tcp.forget(connection);
    const { pathOverride } = this.host.ipv6;
    this.host = this.world.host(A);
    this.host.ipv6.pathOverride = pathOverride;
    const installed = this.host.tcp.install(this.now, decoded.value, { congestion });
    law(typeof installed !== 'string', () => `install() says ${String(installed)}`);
    this.#movedTo = tcbOf(installed);
    this.#adopt(installed);
    this.pass(milliseconds(silentMs));
    this.#call(() => this.host.tcp.resume(this.now, installed));
  }

  /** The peer is gone for ever; then the application gives up as well, and nothing may be left. */
  finish(): void {
    this.thaw();
    const before = this.world.sent.length;
    for (let left = PATIENCE_MS; left > 0; left /= 4) {
      this.pass(milliseconds(left > 1000 ? Math.floor((left * 3) / 4) : Math.ceil(left)));
      if (left < 1) break;
    }
    const sent = this.world.sent.length - before;
    law(sent <= MAX_SENT_IN_SILENCE, () => `${sent} segments to a peer that is gone`);
    for (const connection of [...this.host.tcp.connections()]) {
      this.#call(() => connection.abort(this.now));
    }
    this.pass(milliseconds(PATIENCE_MS));
    law([...this.host.tcp.connections()].length === 0, 'a connection outlives abort()');
    law(this.world.timers.nextDeadline() === NEVER, 'a timer outlives the last connection');
  }

  check(): void {
    const { tcb } = this;
    if (tcb !== undefined) checkTcb(tcb);
    this.#checkSent(tcb);
  }

  #adopt(connection: Connection): void {
    this.connection = connection;
    const told = (): void => {
      law(!this.#calling, 'an event from inside a call');
      law(this.#closedTold !== connection, 'an event after the last');
    };
    connection.events = {
      connected: told,
      readable: () => {
        told();
        if (this.#autoRead) while (this.#read(connection, 100_000) > 0);
      },
      writable: told,
      drained: told,
      peerFinished: told,
      closed: () => {
        told();
        this.#closedTold = connection;
      },
    };
  }

  #call(work: (connection: Connection) => void): void {
    if (this.connection === undefined) return;
    this.#calling = true;
    try {
      work(this.connection);
    } finally {
      this.#calling = false;
    }
    this.world.timers.runDue(this.now);
    this.check();
  }

  #read(connection: Connection, max: number): number {
    const at = seqAdd(tcbOf(connection).rcv.irs, 1 + connection.bytesRead);
    const bytes = connection.read(this.now, max);
    if (bytes === undefined) return 0;
    law(bytes.length > 0 && bytes.length <= max, () => `read(${max}) gives ${bytes.length} octets`);
    if (!this.#lied) law(strays(PEERS, at, bytes) === undefined, 'other octets are delivered than were sent');
    return bytes.length;
  }

  #checkSent(tcb: Tcb | undefined): void {
    const outbox = this.#outbox;
    this.#outbox = [];
    if (tcb === undefined) return;
    if (this.#told.tcb !== tcb) {
      // Not by its numbers: a connection that is opened again in the same instant has the same ones.
      const moved = tcb === this.#movedTo;
      this.#told = moved ? { ...this.#told, tcb } : { tcb, ...NOTHING_TOLD };
      if (!moved) return; // its predecessor may have spoken in the same step
    }
    this.#told.offered = Math.max(this.#told.offered, tcb.snd.una + tcb.snd.wnd);
    for (const segment of outbox) if ((segment.header.flags & TCP_FLAG.rst) === 0) this.#checkSegment(tcb, segment);
  }

  #checkSegment(tcb: Tcb, { at, header, text }: WireSegment): void {
    const told = this.#told;
    const { flags, options } = header;
    const syn = (flags & TCP_FLAG.syn) !== 0;
    const textSeq = seqAdd(header.seq, syn ? 1 : 0);
    const start = positionOf(tcb.snd.iss, tcb.snd.una, textSeq);
    const end = start + text.length;
    if (options.fastOpenCookie !== undefined) this.lastCookie = options.fastOpenCookie.slice();
    law(strays(OURS, textSeq, text) === undefined, 'other octets leave than were written');
    law(
      end <= Math.max(tcb.sendBuffer.end + 1, 0),
      () => `[${start}, ${end}) leaves, written are ${tcb.sendBuffer.end}`,
    );
    law(
      text.length === 0 || end <= told.offered,
      () => `octets up to ${end} leave, the window ends at ${told.offered}`,
    );
    law((flags & TCP_FLAG.fin) === 0 || (tcb.finQueued && end === tcb.sendBuffer.end), 'a FIN in the wrong place');
    if ((flags & TCP_FLAG.ack) !== 0) {
      const ack = positionOf(tcb.rcv.irs, tcb.rcv.nxt, header.ack);
      law(ack >= told.ack && ack <= tcb.rcv.nxt, () => `ACK ${ack} after ${told.ack}, RCV.NXT is ${tcb.rcv.nxt}`);
      const unit = syn ? 1 : 2 ** tcb.rcv.shift;
      const edge = ack + header.window * unit;
      // RFC 7323 2.2 and 2.4: a SYN cannot say more; where the buffer is full, rounding takes back less than a unit.
      const kept = syn || edge > told.edge - unit || tcb.rcv.fin !== undefined;
      law(kept, () => `the right edge moves left: ${told.edge} to ${edge}`);
      told.ack = ack;
      told.edge = Math.max(told.edge, edge);
    }
    if (options.timestamp !== undefined) {
      const { value } = options.timestamp;
      const comparable = told.tsVal !== undefined && at - told.tsAt < TS_HALF_RANGE;
      law(!comparable || ((value - (told.tsVal ?? 0)) | 0) >= 0, 'TSval goes back');
      told.tsVal = value;
      told.tsAt = at;
      this.lastTsVal = value;
    } else {
      law(syn || !tcb.ts.on, 'a segment without the timestamp option');
    }
  }
}
