// The octets of a send buffer apart from their snapshot: a handoff copies them ahead, ships the snapshot with what
// was written since, and puts both together on the other node. Pure: each gives a new snapshot.

import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import type { ConnectionSnapshot, StreamChunk, StreamRange } from './snapshot-form.ts';

/** Where the octets of the send buffer begin: SND.UNA, without SYN and FIN. */
export const sendBufferStart = (snapshot: ConnectionSnapshot): number =>
  Math.min(Math.max(0, snapshot.send.una), snapshot.send.end);

/** The same snapshot without those octets of its send buffer that lie before `upTo` in the stream. */
export function withoutSendBuffer(
  snapshot: ConnectionSnapshot,
  upTo: number = Number.POSITIVE_INFINITY,
): ConnectionSnapshot {
  const sendBuffer: StreamChunk[] = [];
  for (const { offset, bytes } of snapshot.sendBuffer) {
    const cut = Math.max(0, upTo - offset);
    if (cut < bytes.length) sendBuffer.push({ offset: offset + cut, bytes: bytes.subarray(cut) });
  }
  return { ...snapshot, sendBuffer };
}

/**
 * The same snapshot with these octets, which follow each other from `offset` on, in its send buffer. What it does
 * not need of them is left out; a reason where the buffer is not whole then.
 */
export function withSendBuffer(
  snapshot: ConnectionSnapshot,
  offset: number,
  chunks: readonly Uint8Array[],
): Parsed<ConnectionSnapshot> {
  const sendBuffer = [...snapshot.sendBuffer];
  let at = offset;
  for (const bytes of chunks) {
    const from = Math.max(at, sendBufferStart(snapshot));
    const to = Math.min(at + bytes.length, snapshot.send.end);
    if (from < to) sendBuffer.push({ offset: from, bytes: bytes.subarray(from - at, to - at) });
    at += bytes.length;
  }
  const whole = { ...snapshot, sendBuffer };
  const [gap] = missingFromSendBuffer(whole);
  if (gap !== undefined) return malformed(`octets ${gap.start} to ${gap.end} of the send buffer are missing`, 0);
  return parsed(whole, 0);
}

/** The pieces of the send buffer that are not there, in order. None: the snapshot can be installed. */
export function missingFromSendBuffer(snapshot: ConnectionSnapshot): StreamRange[] {
  const missing: StreamRange[] = [];
  let reach = sendBufferStart(snapshot);
  for (const { offset, bytes } of [...snapshot.sendBuffer].sort((a, b) => a.offset - b.offset)) {
    if (offset > reach) missing.push({ start: reach, end: offset });
    reach = Math.max(reach, offset + bytes.length);
  }
  if (reach < snapshot.send.end) missing.push({ start: reach, end: snapshot.send.end });
  return missing;
}
