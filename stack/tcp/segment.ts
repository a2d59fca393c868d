// A segment on its way in: the parsed header with its numbers unfolded to positions, and the part of its text
// that is still wanted (the checks trim it to the window). The octets stay where the packet has them.

import type { ReceivedPacket } from '../ipv6/port.ts';
import { TCP_FLAG, type TcpHeader } from '../wire/tcp.ts';
import { type Position, positionOf } from './position.ts';
import type { Tcb } from './tcb.ts';

export class Segment {
  readonly header: TcpHeader;
  readonly packet: ReceivedPacket;
  /** SEG.SEQ, untrimmed. */
  readonly seq: Position;
  /** SEG.ACK; means nothing without the ACK bit. */
  readonly ack: Position;
  /** SEG.WND in octets. */
  readonly wnd: number;
  /** The text that is left: packet.bytes[textAt, textEnd), from position `textStart` on. */
  textStart: Position;
  textAt: number;
  textEnd: number;
  fin: boolean;

  constructor(tcb: Tcb, header: TcpHeader, packet: ReceivedPacket) {
    const { flags } = header;
    this.header = header;
    this.packet = packet;
    this.seq = positionOf(tcb.rcv.irs, tcb.rcv.nxt, header.seq);
    this.ack = positionOf(tcb.snd.iss, tcb.snd.una, header.ack);
    this.wnd = (flags & TCP_FLAG.syn) !== 0 ? header.window : header.window << tcb.snd.shift;
    this.textAt = packet.start + header.dataOffset;
    this.textEnd = packet.end;
    this.textStart = (flags & TCP_FLAG.syn) !== 0 ? this.seq + 1 : this.seq;
    this.fin = (flags & TCP_FLAG.fin) !== 0;
  }

  get textLength(): number {
    return this.textEnd - this.textAt;
  }

  /** SEG.LEN: text, SYN and FIN. */
  get length(): number {
    return this.textStart - this.seq + this.textLength + (this.fin ? 1 : 0);
  }

  get isAck(): boolean {
    return (this.header.flags & TCP_FLAG.ack) !== 0;
  }

  get isRst(): boolean {
    return (this.header.flags & TCP_FLAG.rst) !== 0;
  }

  get isSyn(): boolean {
    return (this.header.flags & TCP_FLAG.syn) !== 0;
  }

  /** Position of the FIN, if there is one. */
  get finAt(): Position {
    return this.textStart + this.textLength;
  }

  /** Leaves only what lies in [left, right); a FIN beyond it is dropped. */
  trim(left: Position, right: Position): void {
    if (this.fin && this.finAt >= right) this.fin = false;
    const front = Math.min(this.textLength, Math.max(0, left - this.textStart));
    this.textAt += front;
    this.textStart += front;
    const back = Math.min(this.textLength, Math.max(0, this.textStart + this.textLength - right));
    this.textEnd -= back;
  }
}

/** What a check of RFC 9293 3.10.7.4 says: go on with the next, or the segment is done with. */
export type Verdict = 'continue' | 'drop';
