// Encoders for the blocks of a pcapng capture file (draft-ietf-opsawg-pcapng). Blocks are written big-endian,
// which the byte-order magic allows, with times in nanoseconds; a file is a section header, its interfaces
// and its packets, one behind the other. Where the octets go is the caller's business.

import { concatBytes, setU16, setU32, setU64 } from '../core/bytes.ts';
import { BYTE_ORDER_MAGIC, LINKTYPE_RAW, PCAPNG_BLOCK, PCAPNG_OPTION, padded } from './pcapng-block.ts';

export { LINKTYPE_RAW } from './pcapng-block.ts';
export { type PcapngBlock, readPcapng } from './pcapng-reader.ts';

/** Secrets in the format of NSS key logs. */
const SECRETS_TLS_KEY_LOG = 0x544c534b;

/** if_tsresol: 10^-9 s. */
const NANOSECONDS = 9;

/** An option's length field has 16 bits. */
const MAX_OPTION_LEN = 0xffff;

export interface PcapngInterface {
  readonly name?: string;
  readonly description?: string;
  /** Default LINKTYPE_RAW. */
  readonly linkType?: number;
  /** Default 0: no limit. */
  readonly snapLen?: number;
}

export interface PcapngPacket {
  /** Number of the interface: interfaces count from 0 in the order of their blocks. */
  readonly interface: number;
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint;
  readonly bytes: Uint8Array;
  /** Where `bytes` is only the start of the packet. Default: all of it. */
  readonly originalLength?: number;
  readonly comment?: string;
}

interface BlockOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** The block a file begins with; `app` is the program that writes it. */
export function pcapngSectionHeader(app: string): Uint8Array {
  const fixed = new Uint8Array(16);
  setU32(fixed, 0, BYTE_ORDER_MAGIC);
  setU16(fixed, 4, 1); // version 1.0
  fixed.fill(0xff, 8); // section length: not given
  return block(PCAPNG_BLOCK.sectionHeader, fixed, [text(PCAPNG_OPTION.sectionUserApplication, app)]);
}

export function pcapngInterface(description: PcapngInterface): Uint8Array {
  const fixed = new Uint8Array(8);
  setU16(fixed, 0, description.linkType ?? LINKTYPE_RAW);
  setU32(fixed, 4, description.snapLen ?? 0);
  const options: BlockOption[] = [];
  if (description.name !== undefined) options.push(text(PCAPNG_OPTION.interfaceName, description.name));
  if (description.description !== undefined) {
    options.push(text(PCAPNG_OPTION.interfaceDescription, description.description));
  }
  options.push({ code: PCAPNG_OPTION.interfaceTimeResolution, value: Uint8Array.of(NANOSECONDS) });
  return block(PCAPNG_BLOCK.interfaceDescription, fixed, options);
}

export function pcapngPacket(packet: PcapngPacket): Uint8Array {
  const captured = packet.bytes.length;
  const body = new Uint8Array(20 + padded(captured));
  setU32(body, 0, packet.interface);
  setU64(body, 4, packet.timestampNs);
  setU32(body, 12, captured);
  setU32(body, 16, packet.originalLength ?? captured);
  body.set(packet.bytes, 20);
  return block(
    PCAPNG_BLOCK.enhancedPacket,
    body,
    packet.comment === undefined ? [] : [text(PCAPNG_OPTION.comment, packet.comment)],
  );
}

/** Lines of an NSS key log, for Wireshark to decrypt the packets that follow. */
export function pcapngTlsSecrets(keyLog: string): Uint8Array {
  const secrets = new TextEncoder().encode(keyLog);
  const body = new Uint8Array(8 + padded(secrets.length));
  setU32(body, 0, SECRETS_TLS_KEY_LOG);
  setU32(body, 4, secrets.length);
  body.set(secrets, 8);
  return block(PCAPNG_BLOCK.decryptionSecrets, body, []);
}

/** Type, total length, a body that is a multiple of 4 octets, options, total length. */
function block(type: number, body: Uint8Array, options: readonly BlockOption[]): Uint8Array {
  const parts = [body, ...options.map(optionBytes)];
  if (options.length > 0) parts.push(new Uint8Array(4)); // opt_endofopt
  const content = concatBytes(...parts);
  const length = 12 + content.length;
  const out = new Uint8Array(length);
  setU32(out, 0, type);
  setU32(out, 4, length);
  out.set(content, 8);
  setU32(out, length - 4, length);
  return out;
}

function optionBytes({ code, value }: BlockOption): Uint8Array {
  const out = new Uint8Array(4 + padded(value.length));
  setU16(out, 0, code);
  setU16(out, 2, value.length);
  out.set(value, 4);
  return out;
}

const text = (code: number, value: string): BlockOption => ({
  code,
  value: new TextEncoder().encode(value).subarray(0, MAX_OPTION_LEN),
});
