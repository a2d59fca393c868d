// The receivers above IPv6, by next header value.

import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import type { UpperLayer } from './port.ts';

export class UpperLayers {
  readonly #layers: (UpperLayer | undefined)[] = new Array<UpperLayer | undefined>(256).fill(undefined);
  #distinct: ReadonlySet<UpperLayer> = new Set();

  register(protocol: number, layer: UpperLayer): void {
    this.#layers[protocol] = layer;
    this.#distinct = new Set(this.#layers.filter((each) => each !== undefined));
  }

  get(protocol: number): UpperLayer | undefined {
    return this.#layers[protocol];
  }

  /** Each layer is told once, also one that has registered several protocols. */
  pathChanged(now: Instant, local: Address | undefined, remote: Address | undefined): void {
    for (const layer of this.#distinct) layer.pathChanged?.(now, local, remote);
  }
}
