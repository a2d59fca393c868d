import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../stack/core/bytes.ts';
import {
  type PcapngBlock,
  pcapngInterface,
  pcapngPacket,
  pcapngSectionHeader,
  pcapngTlsSecrets,
  readPcapng,
} from '../../stack/wire/pcapng.ts';
import { octets, RUNS, u16s, u32s, u64s } from './arbitraries.ts';

const read = (bytes: Uint8Array): PcapngBlock[] => [...readPcapng(bytes)];
const hex = (text: string) => toHex(fromHex(text));

const SECTION = `
  0a0d0d0a 0000002c 1a2b3c4d 0001 0000 ffffffffffffffff
  0004 0008 686f6d65706f7274
  0000 0000
  0000002c`;
const INTERFACE = `
  00000001 00000034 0065 0000 00000000
  0002 0004 74756e30
  0003 0006 7369746520 61 0000
  0009 0001 09 000000
  0000 0000
  00000034`;
const PACKET = `
  00000006 0000003c 00000000 17e1d2c3 b4a59687 00000005 00000064
  6001020304 000000
  0001 000b 62696e64696e67207570 21 00
  0000 0000
  0000003c`;

describe('encoder', () => {
  test('draft-ietf-opsawg-pcapng 4.1: section header block', () => {
    expect(toHex(pcapngSectionHeader('homeport'))).toBe(hex(SECTION));
  });

  test('draft-ietf-opsawg-pcapng 4.2: interface description block, times in nanoseconds', () => {
    expect(toHex(pcapngInterface({ name: 'tun0', description: 'site a' }))).toBe(hex(INTERFACE));
  });

  test('draft-ietf-opsawg-pcapng 4.3: enhanced packet block, data and comment padded to 32 bits', () => {
    const packet = pcapngPacket({
      interface: 0,
      timestampNs: 0x17e1d2c3b4a59687n,
      bytes: fromHex('6001020304'),
      originalLength: 100,
      comment: 'binding up!',
    });
    expect(toHex(packet)).toBe(hex(PACKET));
  });

  test('a packet without a comment has no options, and all of it is captured', () => {
    const packet = pcapngPacket({ interface: 2, timestampNs: 1n, bytes: fromHex('60010203') });
    expect(toHex(packet)).toBe(hex('00000006 00000024 00000002 00000000 00000001 00000004 00000004 60010203 00000024'));
  });

  test('draft-ietf-opsawg-pcapng 4.7: decryption secrets block', () => {
    expect(toHex(pcapngTlsSecrets('A B C\n'))).toBe(
      hex('0000000a 0000001c 544c534b 00000006 41204220430a 0000 0000001c'),
    );
  });
});

describe('reader', () => {
  const packets = fc.record(
    {
      interface: fc.integer({ min: 0, max: 1 }),
      timestampNs: u64s,
      bytes: octets(0, 40),
      originalLength: u32s,
      comment: fc.string({ unit: 'grapheme', maxLength: 20 }),
    },
    { requiredKeys: ['interface', 'timestampNs', 'bytes'] },
  );

  test('reads what the encoder wrote', () => {
    fc.assert(
      fc.property(fc.array(packets, { maxLength: 5 }), u16s, u32s, (list, linkType, snapLen) => {
        const file = concatBytes(
          pcapngSectionHeader('homeport'),
          pcapngInterface({ name: 'a', linkType, snapLen }),
          pcapngInterface({ description: 'b' }),
          ...list.map(pcapngPacket),
        );
        const blocks = read(file);
        expect(blocks.slice(0, 3)).toEqual([
          { kind: 'section', application: 'homeport', at: 0 },
          expect.objectContaining({ kind: 'interface', index: 0, name: 'a', linkType, snapLen }),
          expect.objectContaining({ kind: 'interface', index: 1, description: 'b', linkType: 101, snapLen: 0 }),
        ]);
        expect(blocks.slice(3)).toEqual(
          list.map((packet) => ({
            kind: 'packet',
            at: expect.any(Number),
            interface: packet.interface,
            timestampNs: packet.timestampNs,
            bytes: packet.bytes,
            originalLength: packet.originalLength ?? packet.bytes.length,
            comment: packet.comment,
          })),
        );
      }),
      RUNS,
    );
  });

  test('a little-endian file with microseconds, an unknown block, a simple packet', () => {
    const file = fromHex(`
      0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
      01000000 14000000 6500 0000 04000000 14000000
      ad0b0000 10000000 deadbeef 10000000
      06000000 28000000 00000000 01000000 02000000 04000000 07000000 60aabbcc 00000000 28000000
      03000000 14000000 09000000 60ddeeff 14000000`);
    expect(read(file)).toEqual([
      { kind: 'section', application: undefined, at: 0 },
      { kind: 'interface', index: 0, name: undefined, description: undefined, linkType: 101, snapLen: 4, at: 28 },
      { kind: 'unknown', type: 0xbad, body: fromHex('deadbeef'), at: 48 },
      {
        kind: 'packet',
        interface: 0,
        timestampNs: (2n ** 32n + 2n) * 1000n,
        bytes: fromHex('60aabbcc'),
        originalLength: 7,
        comment: undefined,
        at: 64,
      },
      {
        kind: 'packet',
        interface: 0,
        timestampNs: 0n,
        bytes: fromHex('60ddeeff'),
        originalLength: 9,
        comment: undefined,
        at: 104,
      },
    ]);
  });

  test.each([
    ['powers of 2', '0009 0001 94 000000', 3n << 20n, 3_000_000_000n],
    ['an offset in seconds', '000e 0008 0000000000000064', 5_000_000n, 105_000_000_000n],
    ['picoseconds', '0009 0001 0c 000000', 7_000n, 7n],
  ])('times: %s', (_name, option, ticks, expected) => {
    const length = (28 + fromHex(option).length - 8 + 4).toString(16).padStart(8, '0');
    const description = fromHex(`00000001 ${length} 0065 0000 00000000 ${option} 00000000 ${length}`);
    const packet = pcapngPacket({ interface: 0, timestampNs: ticks, bytes: new Uint8Array(0) });
    expect(read(concatBytes(pcapngSectionHeader('x'), description, packet)).at(-1)).toMatchObject({
      timestampNs: expected,
    });
  });

  test('a second section counts its interfaces anew, in its own byte order', () => {
    const little = fromHex('0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000');
    const blocks = read(concatBytes(pcapngSectionHeader('x'), pcapngInterface({}), little, little));
    expect(blocks.map((block) => block.kind)).toEqual(['section', 'interface', 'section', 'section']);
    const packet = fromHex('06000000 20000000 00000000 00000000 00000000 00000000 00000000 20000000');
    expect(read(concatBytes(pcapngSectionHeader('x'), pcapngInterface({}), little, packet)).at(-1)).toMatchObject({
      kind: 'malformed',
      reason: 'packet of an interface that is not described',
    });
  });

  const start = concatBytes(pcapngSectionHeader('x'), pcapngInterface({}));
  test.each([
    ['no section header', '00000001 00000014 0065 0000 00000000 00000014', 'no section header', false],
    ['a block length of 0', '00000bad 00000000 00000000', 'block length', true],
    ['a block length that is not a multiple of 4', '00000bad 0000000d 00000000 00', 'block length', true],
    ['a block length of almost 2^32', '00000bad fffffffc 00000000', 'block truncated', true],
    ['two lengths that differ', '00000bad 0000000c 00000010', 'the two block lengths differ', true],
    ['half a block', '00000bad 0000', 'block truncated', true],
    [
      'a captured length that reaches past the end of its block',
      '00000006 00000024 00000000 00000000 00000000 00000005 00000005 00000000 00000024',
      'captured length',
      true,
    ],
    [
      'a captured length of almost 2^32',
      '00000006 00000024 00000000 00000000 00000000 fffffff0 fffffff0 00000000 00000024',
      'captured length',
      true,
    ],
    [
      'a packet block without room for its fields',
      '00000006 00000010 00000000 00000010',
      'packet block truncated',
      true,
    ],
    ['another version', '0a0d0d0a 0000001c 1a2b3c4d 0002 0000 ffffffffffffffff 0000001c', 'pcapng version', false],
  ])('%s ends the file as malformed', (_name, block, reason, afterStart) => {
    const file = afterStart ? concatBytes(start, fromHex(block)) : fromHex(block);
    expect(read(file).at(-1)).toMatchObject({ kind: 'malformed', reason });
  });

  test('an option that runs over its block is left out, the packet is not', () => {
    const packet = fromHex(
      '00000006 00000028 00000000 00000000 00000000 00000004 00000004 60000000 0001 ffff 00000028',
    );
    expect(read(concatBytes(start, packet)).at(-1)).toMatchObject({ kind: 'packet', comment: undefined });
  });

  test('random octets, and files with octets changed: never a throw, never more blocks than octets allow', () => {
    const whole = concatBytes(start, pcapngPacket({ interface: 0, timestampNs: 5n, bytes: octetsOf(9), comment: 'c' }));
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(changes, fc.nat(), octets(0, 60), (changed, cut, tail) => {
        const file = concatBytes(whole.subarray(0, cut % (whole.length + 1)), tail);
        if (file.length > 0) for (const [at, octet] of changed) file[at % file.length] = octet;
        const blocks = read(file);
        expect(blocks.length).toBeLessThanOrEqual(file.length / 12 + 1);
        const bad = blocks.findIndex((block) => block.kind === 'malformed');
        expect(bad === -1 || bad === blocks.length - 1).toBe(true);
      }),
      { ...RUNS, numRuns: 1_000 },
    );
  });
});

function octetsOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i);
}
