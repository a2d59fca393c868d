import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, u16 } from '../../stack/core/bytes.ts';
import { checksumHolds, sumWords } from '../../stack/core/checksum.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { completeChecksum, cutSuperFrame } from '../../stack/device/segment.ts';
import { address } from '../../stack/wire/address.ts';
import { PROTOCOL, parseIpv6Header, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { seq } from '../../stack/wire/seq.ts';
import { parseTcpHeader, TCP_FLAG } from '../../stack/wire/tcp.ts';
import { type SuperFrame, tcpSuperFrame } from './frames.ts';

const HOME = address('2001:db8:ff::1');
const OTHER_HOME = address('2001:db8:fe::1');
const ALL = TCP_FLAG.ack | TCP_FLAG.psh | TCP_FLAG.fin | TCP_FLAG.cwr;

function dissect(packet: Uint8Array, { tcp, source, destination }: SuperFrame) {
  const ip = parseIpv6Header(packet);
  const header = parseTcpHeader(packet, tcp, packet.length);
  if (!ip.ok || !header.ok) throw new Error('a segment that does not parse');
  const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.tcp, packet.length - tcp);
  return {
    payloadLength: ip.value.payloadLength,
    seq: header.value.seq,
    flags: header.value.flags,
    options: header.value.options,
    payload: packet.slice(header.end),
    checksumHolds: checksumHolds(sumWords(packet, tcp, packet.length, pseudo)),
  };
}

const homes = [
  { name: 'plain' },
  { name: 'Home Address option', homeSource: HOME },
  { name: 'type 2 routing header', homeDestination: OTHER_HOME },
  { name: 'both', homeSource: HOME, homeDestination: OTHER_HOME },
];

describe.each(homes)('cutting a super-frame, $name', (home) => {
  test('RFC 9293 3.8.6: the segments carry the same octets under right sequence numbers, flags, lengths and checksums', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9000 }),
        fc.integer({ min: 200, max: 3000 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.boolean(),
        (length, gsoSize, first, timestamps) => {
          const payload = new SeededRandom(length).bytes(length);
          const made = tcpSuperFrame({ payload, gsoSize, flags: ALL, seq: first, timestamps, ...home });
          const packets = cutSuperFrame(made.frame);
          const segments = packets.map((packet) => dissect(packet, made));
          expect(concatBytes(...segments.map((s) => s.payload))).toEqual(payload);
          expect(packets.length).toBe(Math.ceil(length / gsoSize));
          let expected = first;
          segments.forEach((segment, i) => {
            expect(segment.checksumHolds).toBe(true);
            expect(segment.payloadLength).toBe((packets[i]?.length ?? 0) - 40);
            expect(segment.seq).toBe(seq(expected));
            const last = i === segments.length - 1;
            expect(segment.flags).toBe(
              TCP_FLAG.ack | (i === 0 ? TCP_FLAG.cwr : 0) | (last ? TCP_FLAG.psh | TCP_FLAG.fin : 0),
            );
            expect(segment.options).toEqual(segments[0]?.options);
            expected += segment.payload.length;
          });
        },
      ),
      { seed: 11, numRuns: 40 },
    );
  });
});

describe('partial checksums', () => {
  test('a frame with only the pseudo-header sum is completed in a copy', () => {
    const made = tcpSuperFrame({ payload: new Uint8Array(99).fill(3), gsoSize: 0, flags: TCP_FLAG.ack, seq: 1 });
    const before = made.frame.bytes.slice();
    expect(dissect(completeChecksum(made.frame), made).checksumHolds).toBe(true);
    expect(made.frame.bytes).toEqual(before);
  });

  test('a frame without offload comes back as it is', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(completeChecksum({ bytes })).toBe(bytes);
    expect(cutSuperFrame({ bytes })).toEqual([bytes]);
  });

  test('RFC 768: a UDP checksum that comes out as zero is sent as all ones', () => {
    const bytes = new Uint8Array(48);
    bytes.set([0xff, 0xff], 46);
    const packet = completeChecksum({ bytes, offload: { gsoSize: 0, checksumStart: 40, checksumOffset: 6 } });
    expect(u16(packet, 46)).toBe(0xffff);
  });

  test('offload data that point anywhere never throw, and cannot lose a frame', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: -5, max: 70_000 }),
        fc.integer({ min: -5, max: 300 }),
        fc.integer({ min: 0, max: 300 }),
        (bytes, checksumStart, checksumOffset, gsoSize) => {
          const offload = { gsoSize, checksumStart, checksumOffset };
          expect(cutSuperFrame({ bytes, offload }).length).toBeGreaterThan(0);
        },
      ),
      { seed: 12 },
    );
  });
});
