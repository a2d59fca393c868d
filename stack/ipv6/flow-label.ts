// Flow labels of what we send (RFC 6437): a keyed hash of the flow, so that every packet of a flow has the same one, load
// balancers can spread flows by it, and nobody who has not seen a flow can name its label. That makes it a witness too:
// a Packet Too Big that quotes a packet of ours with the wrong label is made up (icmp-report.ts). TCP brings labels
// of its own, which move with a connection.

import { setU32, u32 } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import { SIPHASH_KEY_LEN, SipHash } from '../core/siphash.ts';
import { ADDRESS_LEN, type Address } from '../wire/address.ts';
import { IPV6_FIELD, IPV6_HEADER_LEN } from '../wire/ipv6.ts';

const LABEL_MASK = 0xfffff;

/** What is hashed: two addresses, and a number. */
const NUMBER_AT = 2 * ADDRESS_LEN;
const FLOW_LEN = NUMBER_AT + 4;

export class FlowLabels {
  readonly #hash: SipHash;
  readonly #flow = new Uint8Array(FLOW_LEN);
  /** The last flow that was seen to enter a tunnel: the next packet is most often of the same. */
  readonly #inner = new Uint8Array(FLOW_LEN);
  /** Its label outside; 0: there was none yet. */
  #outer = 0;

  constructor(random: Random) {
    this.#hash = new SipHash(random.bytes(SIPHASH_KEY_LEN));
  }

  /** RFC 6437 3: of what has no ports to tell flows apart. The addresses are those that the upper layer named. */
  of(source: Address, destination: Address, protocol: number): number {
    const flow = this.#flow;
    source.write(flow, 0);
    destination.write(flow, ADDRESS_LEN);
    setU32(flow, NUMBER_AT, protocol);
    return labelOf(this.#hash.hash(flow).low);
  }

  /** RFC 6438 3: of the outer header, from the addresses and the label of the inner packet, which begins at `at`. */
  ofTunnelled(bytes: Uint8Array, at: number): number {
    const inner = this.#inner;
    const label = u32(bytes, at) & LABEL_MASK;
    const source = at + IPV6_FIELD.source;
    if (this.#outer !== 0 && label === u32(inner, NUMBER_AT) && areAddresses(bytes, source, inner)) return this.#outer;
    inner.set(bytes.subarray(source, at + IPV6_HEADER_LEN));
    setU32(inner, NUMBER_AT, label);
    this.#outer = labelOf(this.#hash.hash(inner).low);
    return this.#outer;
  }
}

/** Do both addresses of a packet, at `from`, begin this flow? */
function areAddresses(bytes: Uint8Array, from: number, flow: Uint8Array): boolean {
  for (let i = 0; i < NUMBER_AT; i++) if (bytes[from + i] !== flow[i]) return false;
  return true;
}

/** RFC 6437 3: 20 bits, and 0 means that there is none. */
const labelOf = (hash: number): number => hash & LABEL_MASK || 1;
