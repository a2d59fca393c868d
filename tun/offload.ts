// struct virtio_net_hdr (virtio 1.2, 5.1.6) to the stack's Offload and back, as words of the table shared with the
// addon. The kernel's half of the contract: NEEDS_CSUM means that the checksum field holds the folded
// pseudo-header sum only; a GSO frame is one TCP packet to be cut into segments of gso_size payload octets.

import { u8 } from '../stack/core/bytes.ts';
import type { Frame, Offload } from '../stack/device/device.ts';
import { VIRTIO_FLAG, VIRTIO_GSO, WORD } from './addon.ts';

/** In the TCP header: data offset, and the octet of flags with CWR (RFC 9293 3.1). */
const TCP_DATA_OFFSET_AT = 12;
const TCP_FLAGS_AT = 13;
const TCP_CWR = 0x80;

/** What the header at `base` says of a received frame; undefined for a plain packet with a complete checksum. */
export function readOffload(table: Uint32Array, base: number): Offload | undefined {
  const gsoType = word(table, base + WORD.gsoType) & ~VIRTIO_GSO.ecn;
  const gsoSize = gsoType === VIRTIO_GSO.none ? 0 : word(table, base + WORD.gsoSize);
  // DATA_VALID and no flag at all both mean a field that is complete: there is no link that could have spoilt it.
  if ((word(table, base + WORD.flags) & VIRTIO_FLAG.needsChecksum) === 0)
    return gsoSize === 0 ? undefined : { gsoSize };
  return {
    gsoSize,
    checksumStart: word(table, base + WORD.checksumStart),
    checksumOffset: word(table, base + WORD.checksumOffset),
  };
}

/** Writes the header of a frame to be sent. Returns the size of the largest packet it is on the wire. */
export function writeOffload(frame: Frame, table: Uint32Array, base: number): number {
  const { bytes, offload } = frame;
  table.fill(0, base + WORD.flags, base + WORD.checksumOffset + 1);
  if (offload?.checksumStart === undefined) {
    if (offload !== undefined && offload.gsoSize > 0)
      throw new Error('a super-frame needs its checksum left to the device');
    return bytes.length;
  }
  const { gsoSize, checksumStart, checksumOffset = 0 } = offload;
  table[base + WORD.flags] = VIRTIO_FLAG.needsChecksum;
  table[base + WORD.checksumStart] = checksumStart;
  table[base + WORD.checksumOffset] = checksumOffset;
  const headerLength = checksumStart + 4 * (u8(bytes, checksumStart + TCP_DATA_OFFSET_AT) >>> 4);
  // A frame of one segment is no super-frame: the kernel would refuse gso_size beyond what is there.
  if (gsoSize === 0 || bytes.length <= headerLength + gsoSize) return bytes.length;
  // RFC 3168 6.1.2: CWR stands on the first segment only, which the kernel sees to when it is told.
  const cwr = (u8(bytes, checksumStart + TCP_FLAGS_AT) & TCP_CWR) !== 0;
  table[base + WORD.gsoType] = VIRTIO_GSO.tcp6 | (cwr ? VIRTIO_GSO.ecn : 0);
  table[base + WORD.gsoSize] = gsoSize;
  table[base + WORD.headerLength] = headerLength;
  return headerLength + gsoSize;
}

const word = (table: Uint32Array, at: number): number => table[at] ?? 0;
