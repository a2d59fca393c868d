// Flow labels of what we send (RFC 6437): a keyed hash of the flow, so that every packet of a flow has the same one, load
// balancers can spread flows by it, and nobody who has not seen a flow can name its label. That makes it a witness too:
// a Packet Too Big that quotes a packet of ours with the wrong label is made up (icmp-report.ts). TCP brings labels
// of its own, which move with a connection.

import { u32 } from '../core/bytes.ts';
import { HalfSipHash } from '../core/half-siphash.ts';
import type { Random } from '../core/random.ts';
import type { Address } from '../wire/address.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN } from '../wire/ipv6.ts';

const LABEL_MASK = 0xfffff;

/** Words of the two addresses in an IPv6 header. */
const ADDRESS_WORDS = 8;

export class FlowLabels {
  readonly #hash: HalfSipHash;
  /** The last flow that was seen to enter a tunnel: the next packet is most often of the same. */
  #innerLabel = -1;
  readonly #innerAddresses = new Uint8Array(4 * ADDRESS_WORDS);
  #outer = 0;

  constructor(random: Random) {
    this.#hash = HalfSipHash.keyed(random);
  }

  /** RFC 6437 3: of what has no ports to tell flows apart. The addresses are those that the upper layer named. */
  of(source: Address, destination: Address, protocol: number): number {
    const hash = this.#hash.begin();
    hash.word(source.w0).word(source.w1).word(source.w2).word(source.w3);
    hash.word(destination.w0).word(destination.w1).word(destination.w2).word(destination.w3);
    return labelOf(hash.word(protocol).end());
  }

  /** RFC 6438 3: of the outer header, from the addresses and the label of the inner packet, which begins at `at`. */
  ofTunnelled(bytes: Uint8Array, at: number): number {
    const inner = u32(bytes, at) & LABEL_MASK;
    if (inner === this.#innerLabel && startsWith(bytes, at + IPV6_FIELD.source, this.#innerAddresses))
      return this.#outer;
    const hash = this.#hash.begin();
    for (let i = 0; i < ADDRESS_WORDS; i++) hash.word(u32(bytes, at + IPV6_FIELD.source + 4 * i));
    this.#innerLabel = inner;
    this.#innerAddresses.set(bytes.subarray(at + IPV6_FIELD.source, at + IPV6_HEADER_LEN));
    this.#outer = labelOf(hash.word(inner).end());
    return this.#outer;
  }
}

function startsWith(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

/** RFC 6437 3: 20 bits, and 0 means that there is none. */
export const labelOf = (hash: number): number => hash & LABEL_MASK || 1;
