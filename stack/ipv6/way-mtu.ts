// The MTU of a way that leads through a tunnel (RFC 2473 7): two paths one behind the other, to the tunnel's end and from there
// to the inner destination, each with an MTU of its own. All sizes here are those on the first of them, the tunnel's header
// included. Where packets vanish without a word (RFC 4821) it is not known on which: the second is suspected first, for it is one
// peer's alone, while all that goes through the tunnel shares the first.

import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { IPV6_HEADER_LEN } from '../wire/ipv6.ts';
import type { Detour } from './hooks.ts';
import type { PathMtu } from './pmtu.ts';

/** The destination that decides about route and path MTU: the outermost. */
export const lastDestination = (detour: Detour, destination: Address): Address =>
  detour.tunnel?.destination ?? detour.careOfDestination ?? destination;

export class WayMtu {
  readonly #pathMtu: PathMtu;
  readonly #outer: Address;
  /** Behind the tunnel; undefined: there is none. */
  readonly #inner: Address | undefined;
  readonly #firstHop: number;

  /** `firstHop`: the MTU of the device. */
  constructor(pathMtu: PathMtu, detour: Detour, destination: Address, firstHop: number) {
    this.#pathMtu = pathMtu;
    this.#outer = lastDestination(detour, destination);
    this.#inner = detour.tunnel === undefined ? undefined : (detour.careOfDestination ?? destination);
    this.#firstHop = firstHop;
  }

  get #innerFirstHop(): number {
    return this.#firstHop - IPV6_HEADER_LEN;
  }

  /** Octets of the largest packet. */
  get mtu(): number {
    const outer = this.#pathMtu.get(this.#outer, this.#firstHop);
    if (this.#inner === undefined) return outer;
    return Math.min(outer, this.#pathMtu.get(this.#inner, this.#innerFirstHop) + IPV6_HEADER_LEN);
  }

  /** The size of packet that would be worth a probe; 0: none. Behind the tunnel only what fits into it. */
  get probe(): number {
    const outer = this.#pathMtu.candidate(this.#outer, this.#firstHop);
    if (outer !== 0 || this.#inner === undefined) return outer;
    const fits = this.#pathMtu.get(this.#outer, this.#firstHop) - IPV6_HEADER_LEN;
    const inner = this.#pathMtu.candidate(this.#inner, fits);
    return inner === 0 ? 0 : inner + IPV6_HEADER_LEN;
  }

  /** Packets of this size vanish. False: there is no way down. */
  blackHole(now: Instant, size: number): boolean {
    const inner = this.#inner;
    const isInner =
      inner !== undefined && this.#pathMtu.blackHole(now, inner, size - IPV6_HEADER_LEN, this.#innerFirstHop);
    return isInner || this.#pathMtu.blackHole(now, this.#outer, size, this.#firstHop);
  }

  /** The fate of a probe; false where it changes nothing. */
  probed(size: number, arrived: boolean): boolean {
    const isOuter = this.#inner === undefined || this.#pathMtu.candidate(this.#outer, this.#firstHop) === size;
    if (isOuter) return this.#pathMtu.probed(this.#outer, size, arrived);
    return this.#inner !== undefined && this.#pathMtu.probed(this.#inner, size - IPV6_HEADER_LEN, arrived);
  }
}
