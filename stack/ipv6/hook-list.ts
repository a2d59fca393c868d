// The hooks of a host, asked in the order in which they were added; the first that answers wins.

import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import type {
  DeliveryHook,
  Detour,
  ForwardedPacket,
  ForwardHook,
  HomeAddressHook,
  HomeAddressOptionSeen,
  Hooks,
  HookVerdict,
  OutputHook,
  RoutingHeader2Hook,
  TransitFrame,
  TransitHook,
  TransitVerdict,
  TunnelError,
  TunnelErrorHook,
} from './hooks.ts';
import type { ReceivedPacket } from './port.ts';

/** 'none': there is no hook of this kind at all. */
export type Judgement = HookVerdict | 'none';

export class HookList {
  readonly #output: OutputHook[] = [];
  readonly #homeAddress: HomeAddressHook[] = [];
  readonly #routingHeader2: RoutingHeader2Hook[] = [];
  readonly #delivery: DeliveryHook[] = [];
  readonly #transit: TransitHook[] = [];
  readonly #forward: ForwardHook[] = [];
  readonly #tunnelError: TunnelErrorHook[] = [];

  add(hooks: Hooks): void {
    if (hooks.output !== undefined) this.#output.push(hooks.output);
    if (hooks.homeAddress !== undefined) this.#homeAddress.push(hooks.homeAddress);
    if (hooks.routingHeader2 !== undefined) this.#routingHeader2.push(hooks.routingHeader2);
    if (hooks.delivery !== undefined) this.#delivery.push(hooks.delivery);
    if (hooks.transit !== undefined) this.#transit.push(hooks.transit);
    if (hooks.forward !== undefined) this.#forward.push(hooks.forward);
    if (hooks.tunnelError !== undefined) this.#tunnelError.push(hooks.tunnelError);
  }

  detour(source: Address, destination: Address, protocol: number): Detour | undefined {
    for (const hook of this.#output) {
      const detour = hook.detour(source, destination, protocol);
      if (detour !== undefined) return detour;
    }
    return undefined;
  }

  /** The most that any hook expects. */
  receiveOverhead(local: Address, remote: Address): number {
    let most = 0;
    for (const hook of this.#output) most = Math.max(most, hook.receiveOverhead?.(local, remote) ?? 0);
    return most;
  }

  homeAddressOption(now: Instant, seen: HomeAddressOptionSeen): Judgement {
    for (const hook of this.#homeAddress) {
      const verdict = hook.homeAddressOption(now, seen);
      if (verdict !== 'unknown') return verdict;
    }
    return this.#homeAddress.length === 0 ? 'none' : 'unknown';
  }

  get knowsHomeAddressOption(): boolean {
    return this.#homeAddress.length > 0;
  }

  routingHeader2(now: Instant, careOf: Address, home: Address): Judgement {
    for (const hook of this.#routingHeader2) {
      const verdict = hook.routingHeader2(now, careOf, home);
      if (verdict !== 'unknown') return verdict;
    }
    return this.#routingHeader2.length === 0 ? 'none' : 'unknown';
  }

  get knowsRoutingHeader2(): boolean {
    return this.#routingHeader2.length > 0;
  }

  /** Might a delivery hook take this packet? Then it has to be one that can go out again as it is. */
  mayTake(packet: ReceivedPacket): boolean {
    return this.#delivery.some((hook) => hook.mayTake?.(packet) ?? true);
  }

  deliver(now: Instant, packet: ReceivedPacket): boolean {
    for (const hook of this.#delivery) if (hook.deliver(now, packet) === 'taken') return true;
    return false;
  }

  transit(now: Instant, transit: TransitFrame): TransitVerdict {
    for (const hook of this.#transit) {
      const verdict = hook.transit(now, transit);
      if (verdict !== 'pass') return verdict;
    }
    return 'pass';
  }

  /** Does anybody look at forwarded packets? Then they have to be as they would be on a wire. */
  get looksAtForwarded(): boolean {
    return this.#forward.length > 0;
  }

  forward(now: Instant, packet: ForwardedPacket): boolean {
    for (const hook of this.#forward) if (hook.forward(now, packet) === 'taken') return true;
    return false;
  }

  tunnelError(now: Instant, error: TunnelError): boolean {
    for (const hook of this.#tunnelError) if (hook.tunnelError(now, error) === 'taken') return true;
    return false;
  }
}
