// virtio_net_hdr and Offload, both ways, without a kernel.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Frame } from '../../stack/device/device.ts';
import { address } from '../../stack/wire/address.ts';
import { seq } from '../../stack/wire/seq.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { VIRTIO_FLAG, VIRTIO_GSO, WORDS } from '../../tun/addon.ts';
import { readOffload, writeOffload } from '../../tun/offload.ts';
import { tcpFrame } from './packets.ts';

const ends = { source: address('2001:db8::1'), destination: address('2001:db8::2') };
const tcp = { sourcePort: 1, destinationPort: 2, seq: seq(1), ack: seq(1), window: 1, flags: TCP_FLAG.ack };

/** at, length, flags, gsoType, headerLength, gsoSize, checksumStart, checksumOffset. */
const words = (...values: readonly number[]): Uint32Array => Uint32Array.from([0, 0, ...values]);

function written(frame: Frame): { header: number[]; largest: number } {
  const table = new Uint32Array(WORDS).fill(0xdead);
  const largest = writeOffload(frame, table, 0);
  return { header: [...table.subarray(2)], largest };
}

describe('virtio 1.2 5.1.6, received', () => {
  test('no flags, or DATA_VALID: a plain packet', () => {
    expect(readOffload(words(0, VIRTIO_GSO.none, 0, 0, 0, 0), 0)).toBeUndefined();
    expect(readOffload(words(VIRTIO_FLAG.dataValid, VIRTIO_GSO.none, 0, 0, 0, 0), 0)).toBeUndefined();
  });

  test('NEEDS_CSUM: where the checksum begins and where it goes', () => {
    const header = words(VIRTIO_FLAG.needsChecksum, VIRTIO_GSO.none, 60, 1400, 40, 16);
    expect(readOffload(header, 0)).toEqual({ gsoSize: 0, checksumStart: 40, checksumOffset: 16 });
  });

  test('GSO_TCPV6, with or without the ECN bit: the segment size', () => {
    for (const ecn of [0, VIRTIO_GSO.ecn]) {
      const header = words(VIRTIO_FLAG.needsChecksum, VIRTIO_GSO.tcp6 | ecn, 60, 1400, 40, 16);
      expect(readOffload(header, 0)).toEqual({ gsoSize: 1400, checksumStart: 40, checksumOffset: 16 });
    }
  });
});

describe('virtio 1.2 5.1.6, sent', () => {
  test('a plain packet has an empty header, whatever was in the table', () => {
    expect(written({ bytes: new Uint8Array(100) })).toEqual({ header: [0, 0, 0, 0, 0, 0], largest: 100 });
  });

  test('a super-frame has the length of its headers, and its segments are the largest packets', () => {
    const frame = tcpFrame(ends, { ...tcp, options: { timestamp: { value: 1, echo: 2 } } }, new Uint8Array(5000), 1400);
    const header = [VIRTIO_FLAG.needsChecksum, VIRTIO_GSO.tcp6, 72, 1400, 40, 16];
    expect(written(frame)).toEqual({ header, largest: 1472 });
  });

  test('RFC 3168 6.1.2: a super-frame with CWR has the ECN bit', () => {
    const frame = tcpFrame(ends, { ...tcp, flags: TCP_FLAG.ack | TCP_FLAG.cwr }, new Uint8Array(5000), 1400);
    expect(written(frame).header[1]).toBe(VIRTIO_GSO.tcp6 | VIRTIO_GSO.ecn);
  });

  test('a super-frame of one segment is a packet', () => {
    const frame = tcpFrame(ends, tcp, new Uint8Array(1400), 1400);
    expect(written(frame)).toEqual({ header: [VIRTIO_FLAG.needsChecksum, 0, 0, 0, 40, 16], largest: 1460 });
  });

  test('a super-frame with a complete checksum is an error of its sender', () => {
    expect(() => written({ bytes: new Uint8Array(5000), offload: { gsoSize: 1400 } })).toThrow('checksum');
  });
});

test('what is written is read back the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9000 }), fc.integer({ min: 1, max: 1400 }), (length, gsoSize) => {
      const frame = tcpFrame(ends, tcp, new Uint8Array(length), length > gsoSize ? gsoSize : 0);
      const table = new Uint32Array(2 * WORDS);
      writeOffload(frame, table, WORDS);
      expect(readOffload(table, WORDS)).toEqual(frame.offload);
    }),
  );
});
