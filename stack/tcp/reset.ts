// RST segments: for what belongs to no connection (RFC 9293 3.10.7.1) and for connections that end by force.

import type { Instant } from '../core/time.ts';
import type { Ipv6Port, ReceivedPacket } from '../ipv6/port.ts';
import { PROTOCOL } from '../wire/ipv6.ts';
import { type Seq, seq, seqAdd } from '../wire/seq.ts';
import { emitTcpHeader, TCP_CHECKSUM, TCP_FLAG, TCP_HEADER_LEN, type TcpHeader } from '../wire/tcp.ts';
import type { Endpoint } from './api.ts';
import { seqAt } from './position.ts';
import type { Tcb } from './tcb.ts';

interface Reset {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly at: Seq;
  /** Absent: a bare RST. */
  readonly ack?: Seq;
  /** Absent: IPv6 makes one. */
  readonly flowLabel?: number;
}

function sendReset(ipv6: Ipv6Port, now: Instant, reset: Reset): void {
  const { from, to, at, ack, flowLabel } = reset;
  const { buffer, start } = ipv6.allocate(TCP_HEADER_LEN);
  const end = emitTcpHeader(
    {
      sourcePort: from.port,
      destinationPort: to.port,
      seq: at,
      ack: ack ?? seq(0),
      flags: ack === undefined ? TCP_FLAG.rst : TCP_FLAG.rst | TCP_FLAG.ack,
      window: 0,
    },
    buffer,
    start,
  );
  const ways = { source: from.address, destination: to.address, ...(flowLabel !== undefined && { flowLabel }) };
  ipv6.send(now, { ...ways, protocol: PROTOCOL.tcp, buffer, start, end, checksumOffset: TCP_CHECKSUM });
}

/** RFC 9293 3.10.7.1: the answer to a segment that belongs to no connection; none to a RST. */
export function resetUnmatched(ipv6: Ipv6Port, now: Instant, packet: ReceivedPacket, header: TcpHeader): void {
  const { flags } = header;
  if ((flags & TCP_FLAG.rst) !== 0) return;
  const from = { address: packet.destination, port: header.destinationPort };
  const to = { address: packet.source, port: header.sourcePort };
  if ((flags & TCP_FLAG.ack) !== 0) {
    sendReset(ipv6, now, { from, to, at: header.ack });
    return;
  }
  const text = packet.end - packet.start - header.dataOffset;
  const controls = ((flags & TCP_FLAG.syn) !== 0 ? 1 : 0) + ((flags & TCP_FLAG.fin) !== 0 ? 1 : 0);
  sendReset(ipv6, now, { from, to, at: seq(0), ack: seqAdd(header.seq, text + controls) });
}

/** RFC 9293 3.10.5, ABORT: <SEQ=SND.NXT><ACK=RCV.NXT>, which the peer takes without a challenge. */
export function resetConnection(tcb: Tcb, now: Instant): void {
  const { snd, rcv, layer, flowLabel } = tcb;
  const [at, ack] = [seqAt(snd.iss, snd.nxt), seqAt(rcv.irs, rcv.nxt)];
  sendReset(layer.ipv6, now, { from: tcb.local, to: tcb.remote, at, ack, flowLabel });
  layer.observer.segmentSent?.(now, tcb.connection, { offset: snd.nxt, length: 0, retransmission: false, rst: true });
}
