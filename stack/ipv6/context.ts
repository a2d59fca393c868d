// What the parts of IPv6 share: our addresses, the routes, the hooks, the layers above, the way out.

import type { Counters } from '../core/counters.ts';
import type { Random } from '../core/random.ts';
import type { Instant } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import type { Trace } from '../core/trace.ts';
import type { Address } from '../wire/address.ts';
import { AddressMap } from './address-map.ts';
import { Egress, Port } from './egress.ts';
import { FlowLabels } from './flow-label.ts';
import { HookList } from './hook-list.ts';
import { LoopbackDevice } from './loopback.ts';
import { PathMtu } from './pmtu.ts';
import type { PolicyTable } from './policy-table.ts';
import { Routes } from './route.ts';
import { type LocalAddress, selectSource } from './source-selection.ts';
import { UpperLayers } from './upper-layers.ts';

export interface ContextOptions {
  readonly timers: TimerQueue;
  readonly random: Random;
  readonly trace: Trace;
  readonly counters: Counters;
  readonly policy: PolicyTable;
}

export class Ipv6Context {
  readonly timers: TimerQueue;
  readonly random: Random;
  readonly counters: Counters;
  readonly policy: PolicyTable;
  readonly addresses = new AddressMap<LocalAddress>();
  readonly routes = new Routes();
  readonly hooks = new HookList();
  readonly layers = new UpperLayers();
  readonly egress: Egress;
  readonly flowLabels: FlowLabels;
  readonly pathMtu: PathMtu;
  readonly loopback: Port;
  readonly #trace: Trace;

  constructor(options: ContextOptions) {
    this.timers = options.timers;
    this.random = options.random;
    this.counters = options.counters;
    this.policy = options.policy;
    this.#trace = options.trace;
    this.egress = new Egress(options.counters);
    this.flowLabels = new FlowLabels(options.random);
    this.loopback = new Port(new LoopbackDevice(options.timers));
    this.pathMtu = new PathMtu(options.timers, (now, destination) => {
      this.trace(now, 'path-mtu-aged', { destination: destination.toString() });
      this.layers.pathChanged(now, undefined, undefined);
    });
  }

  isLocal(address: Address): boolean {
    return address.isLoopback || this.addresses.has(address);
  }

  /** Where packets to this destination leave. */
  portTo(destination: Address): Port | undefined {
    return this.isLocal(destination) ? this.loopback : this.routes.lookup(destination);
  }

  selectSource(destination: Address): Address | undefined {
    return this.sourceFor(destination)?.address;
  }

  /** The source of packets to this destination, with what is known of it. */
  sourceFor(destination: Address): LocalAddress | undefined {
    if (destination.isLoopback) return { address: destination, port: this.loopback };
    const egress = this.portTo(destination);
    const { policy } = this;
    return egress === undefined ? undefined : selectSource(this.addresses.values(), { destination, egress, policy });
  }

  /** Counts a packet that goes no further, and why. */
  drop(reason: string): void {
    this.counters.bump(`drop.${reason}`);
  }

  trace(now: Instant, event: string, detail: Readonly<Record<string, string | number | boolean>>): void {
    this.#trace(now, { layer: 'ipv6', event, detail });
  }
}
