// The control messages of a handoff and their form on the wire: versioned CBOR (RFC 8949) behind a length.
// Every message bears the handoff's id and is idempotent; what comes from a peer is checked field by field.

import { Decoder, Encoder } from 'cbor-x';
import { setU32, u32 } from '../core/bytes.ts';
import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import type { CorrespondentSnapshot, KeygenToken } from '../mobility/api.ts';
import { ADDRESS_LEN, type Address, readAddress } from '../wire/address.ts';
import type { Strategy } from './strategy.ts';

export const MESSAGE_VERSION = 1;
/** Octets of a handoff id. */
export const HANDOFF_ID_LEN = 16;
/** A frame holds at most the buffers of all connections of one client; anything larger is an attack or a bug. */
export const MAX_FRAME = 32 * 1024 * 1024;
/** A client moves with all its connections to the contact address; a donor refuses to start with more. */
export const MAX_CONNECTIONS = 4096;
const MAX_REASON = 500;

/** Hexadecimal digits, unique for ever. */
export type HandoffId = string;

export interface ConnectionName {
  readonly localPort: number;
  readonly remotePort: number;
}

export interface ConnectionState extends ConnectionName {
  /** An encoded ConnectionSnapshot; its send buffer begins where the copies sent ahead end. */
  readonly tcb: Uint8Array;
  /** What the app gave to be carried along: any CBOR value. */
  readonly app: unknown;
}

export type HandoffMessage =
  /** Says nothing: its padding opens the congestion window of a new control connection. */
  | { readonly kind: 'hello'; readonly id: HandoffId; readonly padding: Uint8Array }
  /** Donor: please get ready to take this client over. */
  | {
      readonly kind: 'prepare';
      readonly id: HandoffId;
      /** One higher with each handoff of the client. */
      readonly epoch: number;
      readonly client: Address;
      readonly strategy: Strategy;
      readonly correspondent: CorrespondentSnapshot;
    }
  /** Acceptor: both keygen tokens are here. */
  | { readonly kind: 'ready'; readonly id: HandoffId }
  /** Donor: octets of a send buffer, ahead of STATE. */
  | {
      readonly kind: 'copy';
      readonly id: HandoffId;
      readonly connection: ConnectionName;
      /** Offset in the stream of the first octet. */
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  /** Donor: everything; its point of no return. */
  | {
      readonly kind: 'state';
      readonly id: HandoffId;
      readonly correspondent: CorrespondentSnapshot;
      readonly connections: readonly ConnectionState[];
      /** Microseconds from now until the last packet the donor has sent is at the client, queues included. */
      readonly donorTailUs: number;
    }
  /** Acceptor: the client has its new binding; the donor is free. */
  | { readonly kind: 'commit'; readonly id: HandoffId }
  /** Either side gives up; the acceptor only while it has emitted nothing. */
  | {
      readonly kind: 'abort';
      readonly id: HandoffId;
      readonly reason: string;
      /** Where PREPARE was refused for its epoch: the last one known of the client, for a donor that missed handoffs. */
      readonly epoch?: number;
    }
  /** Donor, on a new control connection: what became of this? The answer is commit, installed or abort. */
  | { readonly kind: 'query'; readonly id: HandoffId }
  /** Acceptor: STATE is here and installed, the client's binding is not confirmed yet. */
  | { readonly kind: 'installed'; readonly id: HandoffId };

const encoder = new Encoder({ useRecords: false, tagUint8Array: false, mapsAsObjects: true });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true });

/** The CBOR form of any value an app or a message wants to carry. */
export const encodeValue = (value: unknown): Uint8Array => new Uint8Array(encoder.encode(value));

/** One frame: four octets of length, then the CBOR map. */
export function encodeMessage(message: HandoffMessage): Uint8Array {
  const body = encoder.encode({ v: MESSAGE_VERSION, ...plain(message) });
  const frame = new Uint8Array(4 + body.length);
  setU32(frame, 0, body.length);
  frame.set(body, 4);
  return frame;
}

/** The length of the frame that begins at `at`, or undefined while its four octets are not all there. */
export function frameLength(bytes: Uint8Array, at: number): Parsed<number> | undefined {
  if (bytes.length - at < 4) return undefined;
  const body = u32(bytes, at);
  if (body > MAX_FRAME) return malformed(`control frame of ${body} octets, more than ${MAX_FRAME}`, at);
  return parsed(4 + body, at + 4);
}

/** The message in a frame's body (without the length). */
export function decodeMessage(body: Uint8Array): Parsed<HandoffMessage> {
  let value: unknown;
  try {
    value = decoder.decode(body);
  } catch {
    return malformed('control message is not CBOR', 0);
  }
  if (!isRecord(value)) return malformed('control message is not a map', 0);
  if (value.v !== MESSAGE_VERSION) {
    const version = typeof value.v === 'number' ? `version ${value.v}` : 'without a version';
    return malformed(`control message ${version}, this node speaks version ${MESSAGE_VERSION}`, 0);
  }
  const message = readMessage(value);
  return message === undefined
    ? malformed('control message has a bad or missing field', 0)
    : parsed(message, body.length);
}

function plain(message: HandoffMessage): Record<string, unknown> {
  switch (message.kind) {
    case 'prepare':
      return { ...message, client: message.client.toBytes(), correspondent: plainCorrespondent(message.correspondent) };
    case 'state':
      return { ...message, correspondent: plainCorrespondent(message.correspondent) };
    default:
      return { ...message };
  }
}

const plainCorrespondent = (c: CorrespondentSnapshot): Record<string, unknown> => ({
  ...c,
  client: c.client.toBytes(),
});

function readMessage(m: Record<string, unknown>): HandoffMessage | undefined {
  const { kind, id } = m;
  if (!isHandoffId(id)) return undefined;
  switch (kind) {
    case 'ready':
    case 'commit':
    case 'query':
    case 'installed':
      return { kind, id };
    case 'hello':
      return m.padding instanceof Uint8Array ? { kind, id, padding: m.padding } : undefined;
    case 'abort':
      return readAbort(m, id);
    case 'prepare':
      return readPrepare(m, id);
    case 'copy':
      return readCopy(m, id);
    case 'state':
      return readState(m, id);
    default:
      return undefined;
  }
}

function readAbort(m: Record<string, unknown>, id: HandoffId): HandoffMessage | undefined {
  const { reason, epoch } = m;
  if (typeof reason !== 'string' || (epoch !== undefined && !isCount(epoch))) return undefined;
  return { kind: 'abort', id, reason: reason.slice(0, MAX_REASON), ...(epoch !== undefined && { epoch }) };
}

function readPrepare(m: Record<string, unknown>, id: HandoffId): HandoffMessage | undefined {
  const client = readClient(m.client);
  const strategy = readStrategy(m.strategy);
  const correspondent = readCorrespondent(m.correspondent);
  if (client === undefined || strategy === undefined || correspondent === undefined) return undefined;
  if (!isCount(m.epoch)) return undefined;
  return { kind: 'prepare', id, epoch: m.epoch, client, strategy, correspondent };
}

function readCopy(m: Record<string, unknown>, id: HandoffId): HandoffMessage | undefined {
  const connection = readConnectionName(m.connection);
  if (connection === undefined || !isCount(m.offset) || !(m.bytes instanceof Uint8Array)) return undefined;
  return { kind: 'copy', id, connection, offset: m.offset, bytes: m.bytes };
}

function readState(m: Record<string, unknown>, id: HandoffId): HandoffMessage | undefined {
  const correspondent = readCorrespondent(m.correspondent);
  if (correspondent === undefined || !Array.isArray(m.connections) || !isCount(m.donorTailUs)) return undefined;
  if (m.connections.length > MAX_CONNECTIONS) return undefined;
  const connections: ConnectionState[] = [];
  for (const entry of m.connections) {
    const name = readConnectionName(entry);
    if (name === undefined || !isRecord(entry) || !(entry.tcb instanceof Uint8Array)) return undefined;
    connections.push({ ...name, tcb: entry.tcb, app: entry.app });
  }
  return { kind: 'state', id, correspondent, connections, donorTailUs: m.donorTailUs };
}

function readStrategy(value: unknown): Strategy | undefined {
  if (!isRecord(value)) return undefined;
  const { tokens, buffers, binding } = value;
  if (tokens !== 'on-demand' && tokens !== 'prefetched') return undefined;
  if (buffers !== 'drain' && buffers !== 'carry') return undefined;
  if (binding !== 'confirmed' && binding !== 'optimistic') return undefined;
  return { tokens, buffers, binding };
}

function readCorrespondent(value: unknown): CorrespondentSnapshot | undefined {
  if (!isRecord(value)) return undefined;
  const client = readClient(value.client);
  const homeToken = value.homeToken === undefined ? undefined : readToken(value.homeToken);
  if (client === undefined || (value.homeToken !== undefined && homeToken === undefined)) return undefined;
  if (!isWord(value.lastSequence) || !isCount(value.bindingRemainingUs) || !isCount(value.plainRemainingUs))
    return undefined;
  return {
    client,
    homeToken,
    lastSequence: value.lastSequence,
    bindingRemainingUs: value.bindingRemainingUs,
    plainRemainingUs: value.plainRemainingUs,
  };
}

function readToken(value: unknown): KeygenToken | undefined {
  if (!isRecord(value) || !(value.token instanceof Uint8Array) || value.token.length !== 8) return undefined;
  if (!isWord(value.nonceIndex) || !isCount(value.remainingUs)) return undefined;
  // A copy: eight octets must not keep a frame of megabytes alive.
  return { token: value.token.slice(), nonceIndex: value.nonceIndex, remainingUs: value.remainingUs };
}

function readConnectionName(value: unknown): ConnectionName | undefined {
  if (!isRecord(value) || !isWord(value.localPort) || !isWord(value.remotePort)) return undefined;
  return { localPort: value.localPort, remotePort: value.remotePort };
}

function readClient(value: unknown): Address | undefined {
  if (!(value instanceof Uint8Array) || value.length !== ADDRESS_LEN) return undefined;
  const client = readAddress(value, 0);
  return client.isRoutableUnicast ? client : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isWord = (value: unknown): value is number => isCount(value) && value <= 0xffff;
const isHandoffId = (value: unknown): value is HandoffId =>
  typeof value === 'string' && value.length === 2 * HANDOFF_ID_LEN && /^[0-9a-f]+$/.test(value);
