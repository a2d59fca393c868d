// Snapshots as CBOR (RFC 8949). What is decoded comes from another node: each field is checked for its type and
// bounds, and the fields against each other, before anybody builds a TCB from it. Decoding never throws.

import { Decoder, Encoder } from 'cbor-x';
import { malformed, type Parsed, parsed } from '../core/parsed.ts';
import type { TcpState } from './api.ts';
import type { CongestionState } from './congestion/congestion.ts';
import { FieldReader } from './field-reader.ts';
import {
  MAX_BUFFER,
  MAX_FLIGHT_RUNS,
  MAX_OUT_OF_ORDER_RANGES,
  MAX_RTO,
  MAX_WINDOW_SHIFT,
  MIN_BUFFER,
  MIN_MSS,
} from './limits.ts';
import type { RttState } from './rtt.ts';
import { checkSnapshot } from './snapshot-check.ts';
import {
  type AttemptsSnapshot,
  type ConnectionSnapshot,
  type EcnSnapshot,
  type EndpointSnapshot,
  type NegotiatedSnapshot,
  type OptionsSnapshot,
  type ReceiveSnapshot,
  type SendSnapshot,
  SNAPSHOT_VERSION,
  type StreamChunk,
  type StreamRange,
  type TimestampSnapshot,
} from './snapshot-form.ts';
import { TIMER_KINDS, type TimerAges } from './timers.ts';

/** Buffers of both directions at their largest, and room for the rest. */
export const MAX_SNAPSHOT_LEN = 2 * MAX_BUFFER + 1024 * 1024;
/** Positions are doubles: whole numbers up to here. */
const MAX_POSITION = Number.MAX_SAFE_INTEGER;
const MAX_U32 = 0xffff_ffff;
const MAX_PORT = 0xffff;
const MAX_WINDOW = 0xffff * 2 ** MAX_WINDOW_SHIFT;
/** A hundred years: any duration that is no mistake. */
const MAX_DURATION_US = 100 * 365 * 24 * 3600 * 1e6;
const MAX_COUNT = 1e12;
const MAX_CHUNKS = 65_536;
const MAX_EXTRA = 16;
const ADDRESS_LEN = 16;

/** The states in which a connection can be installed; CLOSED and LISTEN are none. */
const STATES = [
  'ESTABLISHED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const satisfies readonly TcpState[];

const CBOR = { useRecords: false, tagUint8Array: false, mapsAsObjects: true } as const;
const encoder = new Encoder(CBOR);
const decoder = new Decoder(CBOR);

export const encodeSnapshot = (snapshot: ConnectionSnapshot): Uint8Array => new Uint8Array(encoder.encode(snapshot));

/** The byte strings of the result are views of `bytes`. */
export function decodeSnapshot(bytes: Uint8Array): Parsed<ConnectionSnapshot> {
  if (bytes.length > MAX_SNAPSHOT_LEN) return malformed('snapshot too long', 0);
  const value = decodeCbor(bytes);
  if (value === undefined) return malformed('snapshot is not CBOR', 0);
  const reader = new FieldReader(value, 'snapshot');
  const version = reader.integer('version', 0, MAX_U32);
  if (reader.reason === undefined && version !== SNAPSHOT_VERSION) {
    return malformed(`snapshot version ${version}, this node speaks ${SNAPSHOT_VERSION}`, 0);
  }
  const snapshot = readSnapshot(reader);
  if (reader.reason === undefined) checkSnapshot(snapshot, reader);
  return reader.reason === undefined ? parsed(snapshot, bytes.length) : malformed(reader.reason, 0);
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // the library throws on what is no CBOR
  }
}

function readSnapshot(r: FieldReader): ConnectionSnapshot {
  return {
    version: SNAPSHOT_VERSION,
    local: readEndpoint(r.map('local')),
    remote: readEndpoint(r.map('remote')),
    state: r.oneOf('state', STATES),
    passive: r.boolean('passive'),
    fastOpened: r.boolean('fastOpened'),
    options: readOptions(r.map('options')),
    negotiated: readNegotiated(r.map('negotiated')),
    send: readSend(r.map('send')),
    receive: readReceive(r.map('receive')),
    timestamps: readTimestamps(r.map('timestamps')),
    ecn: readEcn(r.map('ecn')),
    sendBuffer: r.list('sendBuffer', MAX_CHUNKS).map(readChunk),
    receiveBuffer: readChunk(r.map('receiveBuffer')),
    outOfOrder: r.list('outOfOrder', MAX_OUT_OF_ORDER_RANGES).map(readChunk),
    rtt: readRtt(r.map('rtt')),
    congestion: readCongestion(r.map('congestion')),
    timers: readTimers(r.map('timers')),
    attempts: readAttempts(r.map('attempts')),
  };
}

const readEndpoint = (r: FieldReader): EndpointSnapshot => ({
  address: r.bytes('address', ADDRESS_LEN, ADDRESS_LEN),
  port: r.integer('port', 1, MAX_PORT),
});

const readChunk = (r: FieldReader): StreamChunk => ({
  offset: r.integer('offset', 0, MAX_POSITION),
  bytes: r.bytes('bytes', 0, MAX_BUFFER),
});

const readRange = (r: FieldReader): StreamRange => ({
  start: r.integer('start', 0, MAX_POSITION),
  end: r.integer('end', 0, MAX_POSITION),
});

const readOptions = (r: FieldReader): OptionsSnapshot => ({
  sendBuffer: r.integer('sendBuffer', MIN_BUFFER, MAX_BUFFER),
  maxSendBuffer: r.integer('maxSendBuffer', MIN_BUFFER, MAX_BUFFER),
  receiveBuffer: r.integer('receiveBuffer', MIN_BUFFER, MAX_BUFFER),
  maxReceiveBuffer: r.integer('maxReceiveBuffer', MIN_BUFFER, MAX_BUFFER),
  congestion: r.oneOf('congestion', ['cubic', 'newreno']),
  ecn: r.oneOf('ecn', ['on', 'passive', 'off']),
  noDelay: r.boolean('noDelay'),
  delayedAckUs: r.number('delayedAckUs', 0, MAX_DURATION_US),
  userTimeoutUs: r.number('userTimeoutUs', 0, MAX_DURATION_US),
  userTimeoutOption: r.boolean('userTimeoutOption'),
  userTimeoutChangeable: r.boolean('userTimeoutChangeable'),
  advertisedUserTimeoutUs: r.number('advertisedUserTimeoutUs', 0, MAX_DURATION_US),
  ...(r.has('lingerUs') ? { lingerUs: r.number('lingerUs', 0, MAX_DURATION_US) } : {}),
  keepAliveUs: r.number('keepAliveUs', 0, MAX_DURATION_US),
  timeWaitUs: r.number('timeWaitUs', 0, MAX_DURATION_US),
});

const readNegotiated = (r: FieldReader): NegotiatedSnapshot => ({
  peerMss: r.integer('peerMss', MIN_MSS, 0xffff),
  advertisedMss: r.integer('advertisedMss', MIN_MSS, 0xffff),
  sackPermitted: r.boolean('sackPermitted'),
  timestamps: r.boolean('timestamps'),
  windowScaling: r.boolean('windowScaling'),
  sendShift: r.integer('sendShift', 0, MAX_WINDOW_SHIFT),
  receiveShift: r.integer('receiveShift', 0, MAX_WINDOW_SHIFT),
});

const readSend = (r: FieldReader): SendSnapshot => ({
  iss: r.integer('iss', 0, MAX_U32),
  una: r.integer('una', -1, MAX_POSITION),
  nxt: r.integer('nxt', -1, MAX_POSITION),
  wnd: r.integer('wnd', 0, MAX_WINDOW),
  wl1: r.integer('wl1', -1, MAX_POSITION),
  wl2: r.integer('wl2', -1, MAX_POSITION),
  maxWnd: r.integer('maxWnd', 0, MAX_WINDOW),
  up: r.integer('up', 0, MAX_POSITION),
  end: r.integer('end', 0, MAX_POSITION),
  fin: r.boolean('fin'),
  sacked: r.list('sacked', MAX_FLIGHT_RUNS).map(readRange),
  synRetransmitted: r.boolean('synRetransmitted'),
});

const readReceive = (r: FieldReader): ReceiveSnapshot => ({
  irs: r.integer('irs', 0, MAX_U32),
  nxt: r.integer('nxt', -1, MAX_POSITION),
  edge: r.integer('edge', -1, MAX_POSITION),
  lastAckSent: r.integer('lastAckSent', -1, MAX_POSITION),
  mss: r.integer('mss', 0, 0xffff),
  up: r.integer('up', 0, MAX_POSITION),
  read: r.integer('read', 0, MAX_POSITION),
  ...(r.has('fin') ? { fin: r.integer('fin', 0, MAX_POSITION) } : {}),
  ...(r.has('outOfOrderFin') ? { outOfOrderFin: r.integer('outOfOrderFin', 0, MAX_POSITION) } : {}),
  ...(r.has('duplicate') ? { duplicate: readRange(r.map('duplicate')) } : {}),
  unacknowledgedText: r.integer('unacknowledgedText', 0, MAX_POSITION),
});

const readTimestamps = (r: FieldReader): TimestampSnapshot => ({
  value: r.integer('value', 0, MAX_U32),
  recent: r.integer('recent', 0, MAX_U32),
  recentAgeUs: r.number('recentAgeUs', 0, MAX_DURATION_US),
});

const readEcn = (r: FieldReader): EcnSnapshot => ({
  on: r.boolean('on'),
  echo: r.boolean('echo'),
  cwrDue: r.boolean('cwrDue'),
  point: r.integer('point', -1, MAX_POSITION),
});

const readRtt = (r: FieldReader): RttState => ({
  srttUs: r.has('srttUs') ? r.number('srttUs', 0, MAX_DURATION_US) : undefined,
  rttvarUs: r.number('rttvarUs', 0, MAX_DURATION_US),
  minRttUs: r.has('minRttUs') ? r.number('minRttUs', 0, MAX_DURATION_US) : undefined,
  rtoUs: r.number('rtoUs', 1, MAX_RTO),
  backoff: r.integer('backoff', 0, MAX_COUNT),
});

const readCongestion = (r: FieldReader): CongestionState => ({
  algorithm: r.oneOf('algorithm', ['cubic', 'newreno']),
  cwnd: r.number('cwnd', 1, MAX_COUNT),
  ssthresh: r.number('ssthresh', 1, Number.POSITIVE_INFINITY),
  extra: r.map('extra').numbers(MAX_EXTRA),
});

function readTimers(r: FieldReader): TimerAges {
  const ages: { -readonly [K in keyof TimerAges]: TimerAges[K] } = {};
  for (const kind of TIMER_KINDS) if (r.has(kind)) ages[kind] = r.number(kind, 0, MAX_DURATION_US);
  return ages;
}

const readAttempts = (r: FieldReader): AttemptsSnapshot => ({
  timeouts: r.integer('timeouts', 0, MAX_COUNT),
  retransmits: r.integer('retransmits', 0, MAX_COUNT),
  windowProbes: r.integer('windowProbes', 0, MAX_COUNT),
  keepAliveProbes: r.integer('keepAliveProbes', 0, MAX_COUNT),
});
