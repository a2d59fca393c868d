// The fields of a decoded snapshot against each other: whatever would make a TCB lie to itself, or reach beyond
// its buffers, is refused before there is one.

import type { FieldReader } from './field-reader.ts';
import { sendBufferStart } from './snapshot-buffer.ts';
import type { ConnectionSnapshot, StreamChunk } from './snapshot-form.ts';

/** Sequence numbers can be told apart only so far (RFC 9293 3.4). */
const MAX_SPAN = 2 ** 31 - 1;

/** Reports the first contradiction to `reader`. */
export function checkSnapshot(snapshot: ConnectionSnapshot, reader: FieldReader): void {
  checkSend(snapshot, reader);
  checkReceive(snapshot, reader);
  checkState(snapshot, reader);
  checkNegotiated(snapshot, reader);
}

/** What follows from what the SYNs did not agree on; and the segment from which SND.WND was taken has been received. */
function checkNegotiated({ state, negotiated, send, receive }: ConnectionSnapshot, reader: FieldReader): void {
  const { sackPermitted, windowScaling, sendShift, receiveShift } = negotiated;
  reader.check(sackPermitted || send.sacked.length === 0, 'SACKed ranges without SACK');
  const unscaled = sendShift === 0 && (receiveShift === 0 || state === 'SYN-SENT');
  reader.check(windowScaling || unscaled, 'windows scaled without the option');
  reader.check(send.wl1 <= Math.max(receive.nxt, receive.edge), 'send.wl1 is beyond the window');
  reader.check(send.wl2 <= send.nxt, 'send.wl2 is beyond send.nxt');
}

function checkSend(snapshot: ConnectionSnapshot, reader: FieldReader): void {
  const { send, options, sendBuffer } = snapshot;
  const start = sendBufferStart(snapshot);
  reader.check(send.una <= send.nxt, 'send.una is beyond send.nxt');
  reader.check(send.nxt <= send.end + (send.fin ? 1 : 0), 'send.nxt is beyond what was written');
  reader.check(send.nxt - send.una <= MAX_SPAN, 'too much in flight');
  reader.check(snapshot.ecn.point <= send.nxt, 'ecn.point is beyond send.nxt');
  reader.check(send.up <= send.end, 'send.up is beyond what was written');
  reader.check(send.wnd <= send.maxWnd, 'send.wnd is beyond the largest ever');
  reader.check(send.end - start <= options.sendBuffer, 'the send buffer overflows');
  reader.check(
    sendBuffer.every((chunk) => isWithin(chunk, start, send.end)),
    'octets outside the send buffer',
  );
  let reach = Math.max(0, send.una);
  for (const { start: left, end } of send.sacked) {
    reader.check(left >= reach && end > left && end <= send.nxt, 'SACKed ranges out of order');
    reach = end;
  }
}

function checkReceive(snapshot: ConnectionSnapshot, reader: FieldReader): void {
  const { receive, options, receiveBuffer, outOfOrder } = snapshot;
  // An advertised edge may lie beyond the buffer by the granularity of the scaled window.
  const room = receive.read + options.receiveBuffer + 2 ** snapshot.negotiated.receiveShift;
  const textEnd = receive.fin ?? Math.max(0, receive.nxt);
  reader.check(receive.fin === undefined || receive.nxt === receive.fin + 1, 'receive.fin is not behind the text');
  reader.check(receive.read <= textEnd, 'receive.read is beyond the text');
  reader.check(receiveBuffer.offset === receive.read, 'the receive buffer does not begin at receive.read');
  reader.check(receiveBuffer.bytes.length === textEnd - receive.read, 'the receive buffer is not whole');
  reader.check(receive.edge <= room, 'the window is beyond the buffer');
  reader.check(textEnd <= room, 'the receive buffer overflows');
  reader.check(receive.up <= textEnd + MAX_SPAN, 'receive.up is out of reach');
  reader.check(receive.lastAckSent <= receive.nxt, 'receive.lastAckSent is beyond receive.nxt');
  const fin = receive.outOfOrderFin;
  reader.check(fin === undefined || (receive.fin === undefined && fin >= textEnd), 'a FIN inside the text');
  let reach = textEnd;
  for (const chunk of outOfOrder) {
    reader.check(chunk.offset > reach && chunk.bytes.length > 0, 'out-of-order ranges out of order');
    reader.check(isWithin(chunk, reach, receive.edge), 'out-of-order octets outside the window');
    reach = chunk.offset + chunk.bytes.length;
  }
}

/** What each state says of SYN and FIN. */
function checkState(snapshot: ConnectionSnapshot, reader: FieldReader): void {
  const { state, send, receive } = snapshot;
  const opening = state === 'SYN-SENT' || state === 'SYN-RECEIVED';
  reader.check(opening ? send.una === -1 : send.una >= 0, `send.una does not agree with ${state}`);
  reader.check(send.nxt >= 0, 'the SYN has not been sent');
  reader.check(
    state === 'SYN-SENT' ? receive.nxt === -1 : receive.nxt >= 0,
    `receive.nxt does not agree with ${state}`,
  );
  const peerClosed = state === 'CLOSE-WAIT' || state === 'CLOSING' || state === 'LAST-ACK' || state === 'TIME-WAIT';
  reader.check((receive.fin !== undefined) === peerClosed, `the peer's FIN does not agree with ${state}`);
  const open = state === 'ESTABLISHED' || state === 'CLOSE-WAIT';
  reader.check(opening || send.fin === !open, `our FIN does not agree with ${state}`);
}

const isWithin = (chunk: StreamChunk, start: number, end: number): boolean =>
  chunk.offset >= start && chunk.offset + chunk.bytes.length <= end;
