// Where a packet leaves: longest prefix match over the routes (RFC 4632 5.1 has the rule). Devices are
// point to point (there is no Neighbor Discovery), so a route names a device and no next hop.

import type { Address, Prefix } from '../wire/address.ts';
import type { Port } from './egress.ts';

interface Route {
  readonly prefix: Prefix;
  readonly port: Port;
  /** The prefix as a mask, word by word. */
  readonly masks: readonly [number, number, number, number];
}

export class Routes {
  /** Longest prefix first; of equal prefixes the one that was added first. */
  #routes: Route[] = [];

  add(prefix: Prefix, port: Port): void {
    if (this.#routes.some((route) => samePrefix(route.prefix, prefix) && route.port === port)) return;
    const masks = [0, 1, 2, 3].map((word) => wordMask(prefix.length - 32 * word));
    const route: Route = { prefix, port, masks: [masks[0] ?? 0, masks[1] ?? 0, masks[2] ?? 0, masks[3] ?? 0] };
    const behind = this.#routes.findIndex((known) => known.prefix.length < prefix.length);
    this.#routes.splice(behind < 0 ? this.#routes.length : behind, 0, route);
  }

  /** Without a port: on every device. */
  remove(prefix: Prefix, port?: Port): void {
    this.#routes = this.#routes.filter(
      (route) => !samePrefix(route.prefix, prefix) || (port !== undefined && route.port !== port),
    );
  }

  removePort(port: Port): void {
    this.#routes = this.#routes.filter((route) => route.port !== port);
  }

  lookup(destination: Address): Port | undefined {
    for (const route of this.#routes) if (covers(route, destination)) return route.port;
    return undefined;
  }
}

const covers = ({ prefix: { base }, masks }: Route, a: Address): boolean =>
  ((a.w0 ^ base.w0) & masks[0]) === 0 &&
  ((a.w1 ^ base.w1) & masks[1]) === 0 &&
  ((a.w2 ^ base.w2) & masks[2]) === 0 &&
  ((a.w3 ^ base.w3) & masks[3]) === 0;

const samePrefix = (a: Prefix, b: Prefix): boolean => a.length === b.length && a.base.equals(b.base);

const wordMask = (bits: number): number => (bits <= 0 ? 0 : bits >= 32 ? 0xffffffff : 0xffffffff << (32 - bits));
