// Which connection a segment belongs to: a hash table over the two ends, keyed with a random number so that a
// peer who picks addresses and ports cannot pile connections into one chain. And the connections of one peer
// address, for what concerns a path or a client as a whole: nobody's ICMPv6 error makes us look at everybody's.

import type { Address } from '../wire/address.ts';
import type { Tcb } from './tcb.ts';

const FIRST_SIZE = 64;

export class Demux {
  readonly #key: number;
  #buckets = new Array<Tcb | undefined>(FIRST_SIZE).fill(undefined);
  /** First connection with each hash of a remote address. */
  #peers = new Array<Tcb | undefined>(FIRST_SIZE).fill(undefined);
  #count = 0;

  constructor(key: number) {
    this.#key = key;
  }

  get size(): number {
    return this.#count;
  }

  find(local: Address, localPort: number, remote: Address, remotePort: number): Tcb | undefined {
    let tcb = this.#buckets[this.#index(local, localPort, remote, remotePort)];
    while (tcb !== undefined && !matches(tcb, local, localPort, remote, remotePort)) tcb = tcb.nextInBucket;
    return tcb;
  }

  add(tcb: Tcb): void {
    if (this.#count >= this.#buckets.length) this.#grow();
    this.#link(tcb);
    this.#count += 1;
  }

  remove(tcb: Tcb): void {
    const index = this.#indexOf(tcb);
    let previous: Tcb | undefined;
    for (let at = this.#buckets[index]; at !== undefined; previous = at, at = at.nextInBucket) {
      if (at !== tcb) continue;
      if (previous === undefined) this.#buckets[index] = tcb.nextInBucket;
      else previous.nextInBucket = tcb.nextInBucket;
      tcb.nextInBucket = undefined;
      this.#unlinkFromPeer(tcb);
      this.#count -= 1;
      return;
    }
  }

  *all(): IterableIterator<Tcb> {
    for (const first of this.#buckets) for (let tcb = first; tcb !== undefined; tcb = tcb.nextInBucket) yield tcb;
  }

  /** Every connection with this address at its other end; the one at hand may be removed meanwhile. */
  *withPeer(remote: Address): IterableIterator<Tcb> {
    for (let tcb = this.#peers[this.#peerIndex(remote)]; tcb !== undefined; ) {
      const next: Tcb | undefined = tcb.nextOfPeer;
      if (tcb.remote.address.equals(remote)) yield tcb;
      tcb = next;
    }
  }

  #link(tcb: Tcb): void {
    const index = this.#indexOf(tcb);
    tcb.nextInBucket = this.#buckets[index];
    this.#buckets[index] = tcb;
    const peer = this.#peerIndex(tcb.remote.address);
    const first = this.#peers[peer];
    tcb.previousOfPeer = undefined;
    tcb.nextOfPeer = first;
    if (first !== undefined) first.previousOfPeer = tcb;
    this.#peers[peer] = tcb;
  }

  #unlinkFromPeer(tcb: Tcb): void {
    const { previousOfPeer, nextOfPeer } = tcb;
    if (previousOfPeer === undefined) this.#peers[this.#peerIndex(tcb.remote.address)] = nextOfPeer;
    else previousOfPeer.nextOfPeer = nextOfPeer;
    if (nextOfPeer !== undefined) nextOfPeer.previousOfPeer = previousOfPeer;
    tcb.previousOfPeer = undefined;
    tcb.nextOfPeer = undefined;
  }

  #grow(): void {
    const tcbs = [...this.all()];
    this.#buckets = new Array<Tcb | undefined>(2 * this.#buckets.length).fill(undefined);
    this.#peers = new Array<Tcb | undefined>(this.#buckets.length).fill(undefined);
    for (const tcb of tcbs) this.#link(tcb);
  }

  #indexOf(tcb: Tcb): number {
    return this.#index(tcb.local.address, tcb.local.port, tcb.remote.address, tcb.remote.port);
  }

  #peerIndex(remote: Address): number {
    let h = mix(this.#key ^ remote.w3);
    h = mix(h ^ remote.w2);
    h = mix(h ^ remote.w1);
    h = mix(h ^ remote.w0);
    return h & (this.#peers.length - 1);
  }

  /** Mixed word by word: Address.hash has no key, and its collisions can be computed. */
  #index(local: Address, localPort: number, remote: Address, remotePort: number): number {
    let h = mix(this.#key ^ ((localPort << 16) | remotePort));
    h = mix(h ^ remote.w3);
    h = mix(h ^ remote.w2);
    h = mix(h ^ remote.w1);
    h = mix(h ^ remote.w0 ^ local.w3);
    return h & (this.#buckets.length - 1);
  }
}

/** The finalizer of MurmurHash3. */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const matches = (tcb: Tcb, local: Address, localPort: number, remote: Address, remotePort: number): boolean =>
  tcb.remote.port === remotePort &&
  tcb.local.port === localPort &&
  tcb.remote.address.equals(remote) &&
  tcb.local.address.equals(local);
