// A reader for pcapng capture files of any writer (draft-ietf-opsawg-pcapng): both byte orders, any time
// resolution. It steps over blocks it does not know and stops with a 'malformed' item at the first block that
// cannot be right; it never throws and never reads outside its bytes.

import { u32 } from '../core/bytes.ts';
import { BYTE_ORDER_MAGIC, PCAPNG_BLOCK, PCAPNG_OPTION, padded } from './pcapng-block.ts';

export type PcapngBlock =
  | { readonly kind: 'section'; readonly application: string | undefined; readonly at: number }
  | {
      readonly kind: 'interface';
      readonly index: number;
      readonly name: string | undefined;
      readonly description: string | undefined;
      readonly linkType: number;
      readonly snapLen: number;
      readonly at: number;
    }
  | {
      readonly kind: 'packet';
      readonly interface: number;
      /** Nanoseconds since 1970; a Simple Packet Block has no time, which shows as 0. */
      readonly timestampNs: bigint;
      readonly bytes: Uint8Array;
      readonly originalLength: number;
      readonly comment: string | undefined;
      readonly at: number;
    }
  | { readonly kind: 'unknown'; readonly type: number; readonly body: Uint8Array; readonly at: number }
  | { readonly kind: 'malformed'; readonly reason: string; readonly at: number };

/** What a section says about how its packets are to be read. */
interface Section {
  readonly littleEndian: boolean;
  readonly interfaces: { readonly snapLen: number; readonly toNs: (ticks: bigint) => bigint }[];
}

/** The blocks of a file, in order, each with the offset it begins at. Each turn takes 12 octets or more. */
export function* readPcapng(bytes: Uint8Array): Generator<PcapngBlock, void, undefined> {
  let section: Section | undefined;
  let at = 0;
  while (at < bytes.length) {
    if (at + 12 > bytes.length) return yield { kind: 'malformed', reason: 'block truncated', at };
    if (u32(bytes, at) === PCAPNG_BLOCK.sectionHeader) {
      section = beginSection(bytes, at);
    }
    if (section === undefined) return yield { kind: 'malformed', reason: 'no section header', at };
    const length = get32(section, bytes, at + 4);
    if (length < 12 || length % 4 !== 0) return yield { kind: 'malformed', reason: 'block length', at: at + 4 };
    if (length > bytes.length - at) return yield { kind: 'malformed', reason: 'block truncated', at };
    const end = at + length;
    if (get32(section, bytes, end - 4) !== length) {
      return yield { kind: 'malformed', reason: 'the two block lengths differ', at: end - 4 };
    }
    const item = readBlock(section, get32(section, bytes, at), bytes, at, end - 4);
    yield item;
    if (item.kind === 'malformed') return;
    at = end;
  }
}

/** The type of a Section Header Block reads the same in both byte orders; its magic tells which one it is. */
function beginSection(bytes: Uint8Array, at: number): Section | undefined {
  const magic = u32(bytes, at + 8);
  if (magic === BYTE_ORDER_MAGIC) return { littleEndian: false, interfaces: [] };
  return swap32(magic) === BYTE_ORDER_MAGIC ? { littleEndian: true, interfaces: [] } : undefined;
}

/** One block; its body is [at + 8, end). */
function readBlock(section: Section, type: number, bytes: Uint8Array, at: number, end: number): PcapngBlock {
  switch (type) {
    case PCAPNG_BLOCK.sectionHeader:
      return readSection(section, bytes, at, end);
    case PCAPNG_BLOCK.interfaceDescription:
      return readInterface(section, bytes, at, end);
    case PCAPNG_BLOCK.enhancedPacket:
      return readEnhancedPacket(section, bytes, at, end);
    case PCAPNG_BLOCK.simplePacket:
      return readSimplePacket(section, bytes, at, end);
    default:
      return { kind: 'unknown', type, body: bytes.subarray(at + 8, end), at };
  }
}

function readSection(section: Section, bytes: Uint8Array, at: number, end: number): PcapngBlock {
  if (end - at < 24) return { kind: 'malformed', reason: 'section header truncated', at };
  if (get16(section, bytes, at + 12) !== 1) return { kind: 'malformed', reason: 'pcapng version', at: at + 12 };
  const options = readOptions(section, bytes, at + 24, end);
  return { kind: 'section', application: textOf(options, PCAPNG_OPTION.sectionUserApplication), at };
}

function readInterface(section: Section, bytes: Uint8Array, at: number, end: number): PcapngBlock {
  if (end - at < 16) return { kind: 'malformed', reason: 'interface description truncated', at };
  const options = readOptions(section, bytes, at + 16, end);
  const snapLen = get32(section, bytes, at + 12);
  const index = section.interfaces.length;
  const resolution = options.get(PCAPNG_OPTION.interfaceTimeResolution)?.[0] ?? 6;
  const offset = options.get(PCAPNG_OPTION.interfaceTimeOffset);
  const offsetSec = offset?.length === 8 ? BigInt.asIntN(64, get64(section, offset, 0)) : 0n;
  section.interfaces.push({ snapLen, toNs: timeScale(resolution, offsetSec) });
  return {
    kind: 'interface',
    index,
    name: textOf(options, PCAPNG_OPTION.interfaceName),
    description: textOf(options, PCAPNG_OPTION.interfaceDescription),
    linkType: get16(section, bytes, at + 8),
    snapLen,
    at,
  };
}

function readEnhancedPacket(section: Section, bytes: Uint8Array, at: number, end: number): PcapngBlock {
  if (end - at < 28) return { kind: 'malformed', reason: 'packet block truncated', at };
  const number = get32(section, bytes, at + 8);
  const on = section.interfaces[number];
  if (on === undefined)
    return { kind: 'malformed', reason: 'packet of an interface that is not described', at: at + 8 };
  const captured = get32(section, bytes, at + 20);
  if (captured > end - at - 28) return { kind: 'malformed', reason: 'captured length', at: at + 20 };
  // The high and the low half of the time stand in this order whatever the byte order of each.
  const ticks = (BigInt(get32(section, bytes, at + 12)) << 32n) | BigInt(get32(section, bytes, at + 16));
  const options = readOptions(section, bytes, at + 28 + padded(captured), end);
  return {
    kind: 'packet',
    interface: number,
    timestampNs: on.toNs(ticks),
    bytes: bytes.subarray(at + 28, at + 28 + captured),
    originalLength: get32(section, bytes, at + 24),
    comment: textOf(options, PCAPNG_OPTION.comment),
    at,
  };
}

/** The captured length is not written down: the original one, cut at the snap length of interface 0. */
function readSimplePacket(section: Section, bytes: Uint8Array, at: number, end: number): PcapngBlock {
  const on = section.interfaces[0];
  if (end - at < 12 || on === undefined) return { kind: 'malformed', reason: 'simple packet block', at };
  const originalLength = get32(section, bytes, at + 8);
  const captured = Math.min(originalLength, on.snapLen === 0 ? originalLength : on.snapLen);
  if (captured > end - at - 12) return { kind: 'malformed', reason: 'captured length', at: at + 8 };
  const data = bytes.subarray(at + 12, at + 12 + captured);
  return { kind: 'packet', interface: 0, timestampNs: 0n, bytes: data, originalLength, comment: undefined, at };
}

/** The first option of each code in [start, end); what runs over the end is left out. */
function readOptions(section: Section, bytes: Uint8Array, start: number, end: number): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = start; at + 4 <= end; ) {
    const code = get16(section, bytes, at);
    const length = get16(section, bytes, at + 2);
    if (code === PCAPNG_OPTION.end || at + 4 + length > end) break;
    if (!options.has(code)) options.set(code, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + padded(length);
  }
  return options;
}

function textOf(options: ReadonlyMap<number, Uint8Array>, code: number): string | undefined {
  const value = options.get(code);
  return value === undefined ? undefined : new TextDecoder().decode(value);
}

/** if_tsresol: a power of 10, or of 2 where the highest bit is set. */
function timeScale(resolution: number, offsetSec: bigint): (ticks: bigint) => bigint {
  const base = (resolution & 0x80) === 0 ? 10n : 2n;
  const perSecond = base ** BigInt(resolution & 0x7f);
  return (ticks) => (ticks * 1_000_000_000n) / perSecond + offsetSec * 1_000_000_000n;
}

const swap32 = (n: number): number => ((n << 24) | ((n << 8) & 0xff0000) | ((n >>> 8) & 0xff00) | (n >>> 24)) >>> 0;

const get32 = (section: Section, bytes: Uint8Array, at: number): number =>
  section.littleEndian ? swap32(u32(bytes, at)) : u32(bytes, at);

const get16 = (section: Section, bytes: Uint8Array, at: number): number =>
  section.littleEndian ? get32(section, bytes, at) & 0xffff : u32(bytes, at) >>> 16;

const get64 = (section: Section, bytes: Uint8Array, at: number): bigint =>
  section.littleEndian
    ? (BigInt(get32(section, bytes, at + 4)) << 32n) | BigInt(get32(section, bytes, at))
    : (BigInt(u32(bytes, at)) << 32n) | BigInt(u32(bytes, at + 4));
