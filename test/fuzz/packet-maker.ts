// Raw packets as the octets say: an IPv6 header that reaches the host under test, a chain of extension headers, and an
// upper layer with its checksum in order, so that the checks behind the first ones are reached. Or plain garbage.

import { setU16 } from '../../stack/core/bytes.ts';
import { checksumOf, sumWords } from '../../stack/core/checksum.ts';
import type { Address } from '../../stack/wire/address.ts';
import { emitFragmentHeader, FRAGMENT_HEADER_LEN } from '../../stack/wire/extension-header.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import type { ByteReader } from './byte-reader.ts';

const MAX_HEADERS = 6;
/** Where the checksum of a protocol is. */
const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [PROTOCOL.icmpv6]: 2,
  [PROTOCOL.tcp]: 16,
  [PROTOCOL.mobility]: 4,
};

export interface PacketWorld {
  readonly sources: readonly [Address, ...Address[]];
  readonly destinations: readonly [Address, ...Address[]];
}

interface Piece {
  readonly protocol: number;
  /** Octets behind the Next Header field. */
  readonly rest: Uint8Array;
}

export function makePacket(reader: ByteReader, world: PacketWorld): Uint8Array {
  const shape = reader.u8();
  if (shape === 255) return reader.take(reader.u8());
  const source = reader.pick(world.sources);
  const destination = reader.pick(world.destinations);
  const headers: Piece[] = [];
  for (let n = (shape & 7) % MAX_HEADERS; n > 0; n--) headers.push(makeHeader(reader, world));
  const protocol = reader.pick([PROTOCOL.tcp, PROTOCOL.icmpv6, PROTOCOL.mobility, PROTOCOL.ipv6, PROTOCOL.none, -1]);
  const upperProtocol = protocol < 0 ? reader.u8() : protocol;
  const upper = protocol === PROTOCOL.ipv6 ? inner(reader, world, shape) : reader.take(reader.u8());
  return layOut(reader, { source, destination, headers, upperProtocol, upper, spoilt: (shape & 0x40) !== 0 });
}

/** A packet in a packet, one deep. */
const inner = (reader: ByteReader, world: PacketWorld, shape: number): Uint8Array =>
  (shape & 0x20) === 0 ? makePacket(reader, world) : reader.take(40);

function makeHeader(reader: ByteReader, world: PacketWorld): Piece {
  const kinds = [PROTOCOL.hopByHop, PROTOCOL.destinationOptions, PROTOCOL.routing, PROTOCOL.fragment] as const;
  const protocol = reader.pick(kinds);
  if (protocol === PROTOCOL.fragment) {
    const header = new Uint8Array(FRAGMENT_HEADER_LEN);
    const fields = { nextHeader: 0, offset: 8 * reader.below(40), more: reader.flag(), id: reader.below(3) };
    emitFragmentHeader(fields, header, 0);
    return { protocol, rest: header.subarray(1) };
  }
  const units = reader.below(4);
  const rest = new Uint8Array(8 * (units + 1) - 1);
  rest[0] = units;
  rest.set(reader.take(rest.length - 1), 1);
  if (reader.flag() && units === 2) addressInto(reader, protocol, rest, reader.pick(world.destinations));
  return { protocol, rest };
}

/** A type 2 routing header, or a Home Address option (RFC 6275 6.3 and 6.4). */
function addressInto(reader: ByteReader, protocol: number, rest: Uint8Array, address: Address): void {
  const start = protocol === PROTOCOL.routing ? [2, 2, 1, 0, 0, 0, 0] : [2, 1, 2, 0, 0, 201, 16];
  rest.set(start, 0);
  rest.set(address.toBytes(), 7);
  if (reader.u8() > 250) rest[reader.below(rest.length)] = reader.u8();
}

function layOut(
  reader: ByteReader,
  parts: {
    readonly source: Address;
    readonly destination: Address;
    readonly headers: readonly Piece[];
    readonly upperProtocol: number;
    readonly upper: Uint8Array;
    /** A length or a checksum is wrong. */
    readonly spoilt: boolean;
  },
): Uint8Array {
  const { source, destination, headers, upperProtocol, upper, spoilt } = parts;
  const extensions = headers.reduce((sum, { rest }) => sum + 1 + rest.length, 0);
  const bytes = new Uint8Array(IPV6_HEADER_LEN + extensions + upper.length);
  const payloadLength = extensions + upper.length + (spoilt ? reader.below(8) - 4 : 0);
  const fields = { trafficClass: reader.u8(), flowLabel: 0, payloadLength, hopLimit: reader.pick([64, 0, 1, 255]) };
  const order = [...headers.map(({ protocol }) => protocol), upperProtocol];
  let at = emitIpv6Header({ ...fields, nextHeader: order[0] ?? upperProtocol, source, destination }, bytes, 0);
  for (const [i, { rest }] of headers.entries()) {
    bytes[at] = order[i + 1] ?? upperProtocol;
    bytes.set(rest, at + 1);
    at += 1 + rest.length;
  }
  bytes.set(upper, at);
  const checksumAt = CHECKSUM_AT[upperProtocol];
  if (checksumAt !== undefined && upper.length >= checksumAt + 2 && !spoilt) {
    setU16(bytes, at + checksumAt, 0);
    const pseudo = pseudoHeaderSum(source, destination, upperProtocol, upper.length);
    setU16(bytes, at + checksumAt, checksumOf(sumWords(bytes, at, bytes.length, pseudo)));
  }
  return bytes;
}
