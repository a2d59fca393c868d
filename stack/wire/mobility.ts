// The Mobility Header and its messages (RFC 6275 6.1). The checksum needs the pseudo-header and is neither
// checked nor made here; that Payload Proto is 59 is for the receiver to check (9.2), in the order of the RFC.
// Reserved bits are ignored when read and zero when written; flags of other RFCs are kept (otherFlags).

import { setU8, setU16, u8, u16 } from '../core/bytes.ts';
import { assertNever, malformed, type Parsed, parsed } from '../core/parsed.ts';
import { readAddress } from './address.ts';
import { PROTOCOL } from './ipv6.ts';
import { type BindingAcknowledgement, type BindingUpdate, MH, type MobilityMessage } from './mobility-message.ts';
import type { MobilityOption } from './mobility-option.ts';
import { emitMobilityOptions, layOutMobilityOptions, parseMobilityOptions } from './mobility-option-codec.ts';

export * from './mobility-message.ts';

/** Offset of the checksum field. */
export const MOBILITY_CHECKSUM = 4;

/** Offsets of fields that an ICMPv6 Parameter Problem points at (RFC 6275 9.2). */
export const MOBILITY_FIELD = { payloadProto: 0, headerLength: 1, type: 2 } as const;

export interface MobilityHeader {
  readonly payloadProto: number;
  /** Of the whole header, in octets. */
  readonly headerLength: number;
  readonly type: number;
  readonly checksum: number;
  readonly message: MobilityMessage;
}

const FLAG = { acknowledge: 0x8000, home: 0x4000, linkLocal: 0x2000, keyManagement: 0x1000, others: 0x0fff } as const;
const ACK_FLAG = { keyManagement: 0x80, others: 0x7f } as const;

/** Offset of the body of a message of unknown type. */
const BODY_AT = 6;

/** Offset of the options, by message type. */
const OPTIONS_AT: readonly number[] = [8, 16, 16, 24, 24, 12, 12, 24];

/** A header shorter than its message's fixed part is malformed, with the pointer at Header Len (RFC 6275 9.2). */
export function parseMobilityHeader(bytes: Uint8Array, start: number, end: number): Parsed<MobilityHeader> {
  if (end - start < 8) return malformed('mobility header truncated', start);
  const headerLength = (u8(bytes, start + MOBILITY_FIELD.headerLength) + 1) * 8;
  const headerEnd = start + headerLength;
  if (headerEnd > end) return malformed('mobility header runs over the packet', start + MOBILITY_FIELD.headerLength);
  const type = u8(bytes, start + MOBILITY_FIELD.type);
  const message = readMessage(type, bytes, start, headerEnd);
  if (!message.ok) return message;
  const header: MobilityHeader = {
    payloadProto: u8(bytes, start),
    headerLength,
    type,
    checksum: u16(bytes, start + MOBILITY_CHECKSUM),
    message: message.value,
  };
  return parsed(header, headerEnd);
}

function readMessage(type: number, bytes: Uint8Array, start: number, end: number): Parsed<MobilityMessage> {
  const optionsAt = OPTIONS_AT[type];
  if (optionsAt === undefined) {
    return parsed({ kind: 'unknown', type, body: bytes.subarray(start + BODY_AT, end), options: [] }, end);
  }
  if (start + optionsAt > end) {
    return malformed('mobility header too short for its message', start + MOBILITY_FIELD.headerLength);
  }
  const options = parseMobilityOptions(bytes, start + optionsAt, end);
  if (!options.ok) return options;
  return parsed(readKnownMessage(type, bytes, start, options.value), end);
}

function readKnownMessage(
  type: number,
  bytes: Uint8Array,
  start: number,
  options: readonly MobilityOption[],
): MobilityMessage {
  switch (type) {
    case MH.homeTestInit:
    case MH.careOfTestInit: {
      const kind = type === MH.homeTestInit ? 'home-test-init' : 'care-of-test-init';
      return { kind, cookie: bytes.subarray(start + 8, start + 16), options };
    }
    case MH.homeTest:
    case MH.careOfTest: {
      const kind = type === MH.homeTest ? 'home-test' : 'care-of-test';
      const cookie = bytes.subarray(start + 8, start + 16);
      return {
        kind,
        nonceIndex: u16(bytes, start + 6),
        cookie,
        token: bytes.subarray(start + 16, start + 24),
        options,
      };
    }
    case MH.bindingUpdate:
      return readBindingUpdate(bytes, start, options);
    case MH.bindingAcknowledgement:
      return readBindingAcknowledgement(bytes, start, options);
    case MH.bindingError:
      return { kind: 'binding-error', status: u8(bytes, start + 6), home: readAddress(bytes, start + 8), options };
    default:
      return { kind: 'binding-refresh-request', options };
  }
}

function readBindingUpdate(bytes: Uint8Array, start: number, options: readonly MobilityOption[]): BindingUpdate {
  const flags = u16(bytes, start + 8);
  const otherFlags = flags & FLAG.others;
  return {
    kind: 'binding-update',
    sequence: u16(bytes, start + 6),
    acknowledge: (flags & FLAG.acknowledge) !== 0,
    home: (flags & FLAG.home) !== 0,
    linkLocal: (flags & FLAG.linkLocal) !== 0,
    keyManagement: (flags & FLAG.keyManagement) !== 0,
    ...(otherFlags !== 0 && { otherFlags }),
    lifetime: u16(bytes, start + 10),
    options,
  };
}

function readBindingAcknowledgement(
  bytes: Uint8Array,
  start: number,
  options: readonly MobilityOption[],
): BindingAcknowledgement {
  const flags = u8(bytes, start + 7);
  const otherFlags = flags & ACK_FLAG.others;
  return {
    kind: 'binding-acknowledgement',
    status: u8(bytes, start + 6),
    keyManagement: (flags & ACK_FLAG.keyManagement) !== 0,
    ...(otherFlags !== 0 && { otherFlags }),
    sequence: u16(bytes, start + 8),
    lifetime: u16(bytes, start + 10),
    options,
  };
}

/** The MH Type of a message. */
export function mobilityType(message: MobilityMessage): number {
  switch (message.kind) {
    case 'binding-refresh-request':
      return MH.bindingRefreshRequest;
    case 'home-test-init':
      return MH.homeTestInit;
    case 'care-of-test-init':
      return MH.careOfTestInit;
    case 'home-test':
      return MH.homeTest;
    case 'care-of-test':
      return MH.careOfTest;
    case 'binding-update':
      return MH.bindingUpdate;
    case 'binding-acknowledgement':
      return MH.bindingAcknowledgement;
    case 'binding-error':
      return MH.bindingError;
    case 'unknown':
      return message.type;
    default:
      return assertNever(message);
  }
}

/** Octets of the header that emitMobilityHeader writes. */
export function mobilityHeaderLength(message: MobilityMessage): number {
  if (message.kind === 'unknown') return (BODY_AT + message.body.length + 7) & ~7;
  return layOutMobilityOptions(message.options, OPTIONS_AT[mobilityType(message)] ?? BODY_AT).end;
}

/**
 * Offset, from the start of the header that emitMobilityHeader writes, of the type octet of the first option of
 * this kind: for an authenticator that is computed over the emitted header and put in afterwards.
 */
export function mobilityOptionOffset(message: MobilityMessage, kind: MobilityOption['kind']): number | undefined {
  const index = message.options.findIndex((option) => option.kind === kind);
  return layOutMobilityOptions(message.options, OPTIONS_AT[mobilityType(message)] ?? BODY_AT).starts[index];
}

/** Writes the whole header, options aligned and padded to a multiple of 8; the checksum field is left 0. */
export function emitMobilityHeader(message: MobilityMessage, into: Uint8Array, at: number): number {
  const length = mobilityHeaderLength(message);
  const type = mobilityType(message);
  into.fill(0, at, at + length);
  setU8(into, at + MOBILITY_FIELD.payloadProto, PROTOCOL.none);
  setU8(into, at + MOBILITY_FIELD.headerLength, length / 8 - 1);
  setU8(into, at + MOBILITY_FIELD.type, type);
  emitFixedPart(message, into, at);
  if (message.kind === 'unknown') return at + length;
  return emitMobilityOptions(message.options, into, at, OPTIONS_AT[type] ?? BODY_AT);
}

/** All between the checksum and the options; reserved octets are zero already. */
function emitFixedPart(message: MobilityMessage, into: Uint8Array, at: number): void {
  switch (message.kind) {
    case 'binding-refresh-request':
      return;
    case 'home-test-init':
    case 'care-of-test-init':
      into.set(message.cookie, at + 8);
      return;
    case 'home-test':
    case 'care-of-test':
      setU16(into, at + 6, message.nonceIndex);
      into.set(message.cookie, at + 8);
      into.set(message.token, at + 16);
      return;
    case 'binding-update':
      setU16(into, at + 6, message.sequence);
      setU16(into, at + 8, bindingUpdateFlags(message));
      setU16(into, at + 10, message.lifetime);
      return;
    case 'binding-acknowledgement':
      setU8(into, at + 6, message.status);
      setU8(into, at + 7, (message.keyManagement ? ACK_FLAG.keyManagement : 0) | (message.otherFlags ?? 0));
      setU16(into, at + 8, message.sequence);
      setU16(into, at + 10, message.lifetime);
      return;
    case 'binding-error':
      setU8(into, at + 6, message.status);
      message.home.write(into, at + 8);
      return;
    case 'unknown':
      into.set(message.body, at + BODY_AT);
      return;
    default:
      assertNever(message);
  }
}

const bindingUpdateFlags = (update: BindingUpdate): number =>
  (update.acknowledge ? FLAG.acknowledge : 0) |
  (update.home ? FLAG.home : 0) |
  (update.linkLocal ? FLAG.linkLocal : 0) |
  (update.keyManagement ? FLAG.keyManagement : 0) |
  ((update.otherFlags ?? 0) & FLAG.others);
