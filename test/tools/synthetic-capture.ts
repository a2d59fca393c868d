// Captures made by hand for tests of the timeline: TCP segments with and without a Home Address option, Mobility
// Header messages, comments, at the times a test names.

import { concatBytes } from '../../stack/core/bytes.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, PROTOCOL } from '../../stack/wire/ipv6.ts';
import { emitMobilityHeader, type MobilityMessage, mobilityHeaderLength } from '../../stack/wire/mobility.ts';
import { emitHomeAddressDestinationOptions, HOME_ADDRESS_HEADER_LEN } from '../../stack/wire/option.ts';
import { pcapngInterface, pcapngPacket, pcapngSectionHeader } from '../../stack/wire/pcapng.ts';
import { seq } from '../../stack/wire/seq.ts';
import { emitTcpHeader, TCP_FLAG, TCP_HEADER_LEN } from '../../stack/wire/tcp.ts';

export const CLIENT = address('2001:db8:c::1');
export const CONTACT = address('2001:db8:100::1');
export const NODE_A = address('2001:db8:a::1');
export const NODE_B = address('2001:db8:b::1');

export const CLIENT_PORT = 40_000;
export const SERVER_PORT = 80;

/** Near the wrap, so that every stream of a few KiB crosses it. */
export const SERVER_ISN = 0xffff_f000;

const START_NS = 1_700_000_000_000_000_000n;

interface Segment {
  readonly seq: number;
  readonly flags: number;
  readonly length: number;
  readonly port?: number;
}

/** An IPv6 packet: upper layer `protocol` of `length` octets that `emit` writes, HAO where `careOf` is given. */
function packet(
  source: Address,
  destination: Address,
  careOf: Address | undefined,
  protocol: number,
  length: number,
  emit: (into: Uint8Array, at: number) => void,
): Uint8Array {
  const options = careOf === undefined ? 0 : HOME_ADDRESS_HEADER_LEN;
  const bytes = new Uint8Array(IPV6_HEADER_LEN + options + length);
  const nextHeader = careOf === undefined ? protocol : PROTOCOL.destinationOptions;
  const header = { trafficClass: 0, flowLabel: 0, payloadLength: options + length, nextHeader, hopLimit: 60 };
  let at = emitIpv6Header({ ...header, source: careOf ?? source, destination }, bytes, 0);
  if (careOf !== undefined) at = emitHomeAddressDestinationOptions(protocol, source, bytes, at);
  emit(bytes, at);
  return bytes;
}

const tcp = (source: Address, destination: Address, careOf: Address | undefined, segment: Segment): Uint8Array => {
  const toServer = destination.equals(CONTACT);
  const ports = toServer
    ? { sourcePort: segment.port ?? CLIENT_PORT, destinationPort: SERVER_PORT }
    : { sourcePort: SERVER_PORT, destinationPort: segment.port ?? CLIENT_PORT };
  const fields = { ...ports, seq: seq(segment.seq), ack: seq(0), flags: segment.flags, window: 65_535 };
  return packet(source, destination, careOf, PROTOCOL.tcp, TCP_HEADER_LEN + segment.length, (into, at) =>
    emitTcpHeader(fields, into, at),
  );
};

export class SyntheticCapture {
  readonly #blocks: Uint8Array[] = [pcapngSectionHeader('test')];

  constructor(...interfaces: readonly string[]) {
    for (const name of interfaces.length === 0 ? ['hp0'] : interfaces) this.#blocks.push(pcapngInterface({ name }));
  }

  raw(ms: number, bytes: Uint8Array, options: { readonly comment?: string; readonly interface?: number } = {}): this {
    const timestampNs = START_NS + BigInt(Math.round(ms * 1e6));
    this.#blocks.push(pcapngPacket({ interface: 0, timestampNs, bytes, ...options }));
    return this;
  }

  /** SYN and SYN-ACK of the download. */
  handshake(ms: number, rttMs: number, on = 0): this {
    this.raw(ms, tcp(CLIENT, CONTACT, undefined, { seq: 7, flags: TCP_FLAG.syn, length: 0 }), { interface: on });
    const synAck = { seq: SERVER_ISN, flags: TCP_FLAG.syn | TCP_FLAG.ack, length: 0 };
    return this.raw(ms + rttMs, tcp(CONTACT, CLIENT, undefined, synAck), { interface: on });
  }

  /** A SYN of the client from this port. */
  syn(ms: number, port: number): this {
    return this.raw(ms, tcp(CLIENT, CONTACT, undefined, { seq: 7, flags: TCP_FLAG.syn, length: 0, port }));
  }

  /** A RST of the server to this port. */
  reset(ms: number, port: number): this {
    return this.raw(ms, tcp(CONTACT, CLIENT, NODE_A, { seq: 0, flags: TCP_FLAG.rst, length: 0, port }));
  }

  /** Data at this stream offset, from a care-of address or, without one, through the home agent. */
  data(ms: number, offset: number, length: number, careOf?: Address, on = 0): this {
    const segment = { seq: SERVER_ISN + 1 + offset, flags: TCP_FLAG.ack, length };
    return this.raw(ms, tcp(CONTACT, CLIENT, careOf, segment), { interface: on });
  }

  /** From the server node at `careOf`, or from the client to it. */
  mobility(ms: number, message: MobilityMessage, from: 'node' | 'client', careOf: Address): this {
    const [source, destination] = from === 'node' ? [CONTACT, CLIENT] : [CLIENT, CONTACT];
    const bytes = packet(
      source,
      destination,
      from === 'node' ? careOf : undefined,
      PROTOCOL.mobility,
      mobilityHeaderLength(message),
      (into, at) => emitMobilityHeader(message, into, at),
    );
    return this.raw(ms, bytes);
  }

  bindingUpdate(ms: number, sequence: number, careOf: Address): this {
    const flags = { acknowledge: true, home: false, linkLocal: false, keyManagement: false };
    return this.mobility(
      ms,
      { kind: 'binding-update', sequence, ...flags, lifetime: 105, options: [] },
      'node',
      careOf,
    );
  }

  bindingAcknowledgement(ms: number, sequence: number, careOf: Address, status = 0): this {
    const message = {
      kind: 'binding-acknowledgement',
      status,
      keyManagement: false,
      sequence,
      lifetime: 105,
      options: [],
    } as const;
    return this.mobility(ms, message, 'client', careOf);
  }

  test(ms: number, kind: 'home-test-init' | 'care-of-test-init', careOf: Address): this {
    return this.mobility(ms, { kind, cookie: new Uint8Array(8), options: [] }, 'node', careOf);
  }

  testAnswer(ms: number, kind: 'home-test' | 'care-of-test', careOf: Address): this {
    const message = { kind, nonceIndex: 1, cookie: new Uint8Array(8), token: new Uint8Array(8), options: [] } as const;
    return this.mobility(ms, message, 'client', careOf);
  }

  comment(ms: number, comment: string): this {
    return this.raw(ms, tcp(CLIENT, CONTACT, undefined, { seq: 8, flags: TCP_FLAG.ack, length: 0 }), { comment });
  }

  bytes(): Uint8Array {
    return concatBytes(...this.#blocks);
  }
}
