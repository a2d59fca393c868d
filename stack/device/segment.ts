// What a device with offloads does to a frame, in software: completes a partial checksum, cuts a TCP
// super-frame into segments (as Linux does in tcp_gso_segment). Used where a frame leaves for a device without
// offloads, and where it has to be shown as it was on the wire.
//
// Nothing is read of the headers between IPv6 and TCP: they are repeated in every segment. The pseudo-header
// sum is taken over from the frame, so a Home Address option or a type 2 routing header (whose home address
// the checksum covers, RFC 6275 6.3.1 and 6.4.1) needs no understanding here.

import { setU16, setU32, u8, u16, u32 } from '../core/bytes.ts';
import { checksumOf, fold, sumWords } from '../core/checksum.ts';
import { IPV6_HEADER_LEN } from '../wire/ipv6.ts';
import { TCP_FLAG, TCP_HEADER_LEN } from '../wire/tcp.ts';
import type { Frame, Offload } from './device.ts';

const PAYLOAD_LENGTH_AT = 4;
const TCP_SEQUENCE_AT = 4;
const TCP_DATA_OFFSET_AT = 12;
const TCP_FLAGS_AT = 13;
const TCP_CHECKSUM_AT = 16;
const UDP_CHECKSUM_AT = 6;

/** Flags that belong to the end of the data, and the one that belongs to its beginning (RFC 3168 6.1.2). */
const LAST_ONLY = TCP_FLAG.fin | TCP_FLAG.psh;
const FIRST_ONLY = TCP_FLAG.cwr;

/** The frame's packet with its checksum filled in: the same octets where nothing was missing, else a copy. */
export function completeChecksum(frame: Frame): Uint8Array {
  const field = checksumField(frame);
  if (field === undefined) return frame.bytes;
  const packet = frame.bytes.slice();
  const checksum = checksumOf(sumWords(packet, field.start, packet.length));
  // RFC 768: a UDP checksum of zero means none, and is sent as all ones.
  setU16(packet, field.at, checksum === 0 && field.at - field.start === UDP_CHECKSUM_AT ? 0xffff : checksum);
  return packet;
}

/** The plain packets of a frame: one where it is no super-frame. A frame that makes no sense comes back as it is. */
export function cutSuperFrame(frame: Frame): Uint8Array[] {
  const gsoSize = frame.offload?.gsoSize ?? 0;
  const layout = gsoSize > 0 ? superFrameLayout(frame) : undefined;
  if (layout === undefined || layout.payloadStart + gsoSize >= frame.bytes.length) return [completeChecksum(frame)];
  const segments: Uint8Array[] = [];
  for (let from = layout.payloadStart; from < frame.bytes.length; from += gsoSize) {
    segments.push(cutSegment(frame.bytes, layout, from, Math.min(from + gsoSize, frame.bytes.length)));
  }
  return segments;
}

/** Octets of the largest packet that the frame is on a wire. */
export function wireLength(frame: Frame): number {
  const gsoSize = frame.offload?.gsoSize ?? 0;
  const layout = gsoSize > 0 ? superFrameLayout(frame) : undefined;
  return layout === undefined ? frame.bytes.length : Math.min(frame.bytes.length, layout.payloadStart + gsoSize);
}

interface SuperFrameLayout {
  /** Where the TCP header begins. */
  readonly tcp: number;
  readonly payloadStart: number;
  /** Pseudo-header sum without the length. */
  readonly addressSum: number;
}

function superFrameLayout(frame: Frame): SuperFrameLayout | undefined {
  const { bytes } = frame;
  const field = checksumField(frame);
  if (field === undefined || field.start < IPV6_HEADER_LEN || field.at !== field.start + TCP_CHECKSUM_AT)
    return undefined;
  const tcp = field.start;
  const payloadStart = tcp + (u8(bytes, tcp + TCP_DATA_OFFSET_AT) >>> 4) * 4;
  if (payloadStart < tcp + TCP_HEADER_LEN || payloadStart > bytes.length) return undefined;
  return { tcp, payloadStart, addressSum: u16(bytes, field.at) + negated(bytes.length - tcp) };
}

/** One segment with payload bytes[from, to) behind a copy of all headers. */
function cutSegment(bytes: Uint8Array, layout: SuperFrameLayout, from: number, to: number): Uint8Array {
  const { tcp, payloadStart } = layout;
  const segment = new Uint8Array(payloadStart + to - from);
  segment.set(bytes.subarray(0, payloadStart));
  segment.set(bytes.subarray(from, to), payloadStart);
  setU16(segment, PAYLOAD_LENGTH_AT, segment.length - IPV6_HEADER_LEN);
  setU32(segment, tcp + TCP_SEQUENCE_AT, u32(bytes, tcp + TCP_SEQUENCE_AT) + (from - payloadStart));
  let flags = u8(bytes, tcp + TCP_FLAGS_AT);
  if (from > payloadStart) flags &= ~FIRST_ONLY;
  if (to < bytes.length) flags &= ~LAST_ONLY;
  segment[tcp + TCP_FLAGS_AT] = flags;
  setU16(segment, tcp + TCP_CHECKSUM_AT, fold(layout.addressSum + (segment.length - tcp)));
  setU16(segment, tcp + TCP_CHECKSUM_AT, checksumOf(sumWords(segment, tcp, segment.length)));
  return segment;
}

/** Where the incomplete checksum is; undefined where there is none, or its place is not inside the frame. */
function checksumField(frame: Frame): { readonly start: number; readonly at: number } | undefined {
  const { checksumStart: start, checksumOffset: offset }: Partial<Offload> = frame.offload ?? {};
  if (start === undefined || offset === undefined || start < 0 || offset < 0) return undefined;
  const at = start + offset;
  return at + 2 <= frame.bytes.length ? { start, at } : undefined;
}

/** What takes `value` out of a one's complement sum. */
const negated = (value: number): number => ~fold(value) & 0xffff;
