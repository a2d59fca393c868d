// The IPv6 layer of a host or router, put together from its parts: input, forwarding, output, ICMPv6, path MTU.
// It offers Ipv6Port to the layers above and Ipv6Mobility to what plugs into it. Not here: IPv4, Neighbor Discovery
// (links are point to point), multicast beyond an echo to all nodes, IPsec.

import { Counters } from '../core/counters.ts';
import type { Random } from '../core/random.ts';
import type { Instant } from '../core/time.ts';
import type { TimerQueue } from '../core/timer-queue.ts';
import { NO_TRACE, type Trace } from '../core/trace.ts';
import type { Device } from '../device/device.ts';
import type { Address, Prefix } from '../wire/address.ts';
import { IPV6_HEADER_LEN, MINIMUM_MTU, PROTOCOL } from '../wire/ipv6.ts';
import { Ipv6Context } from './context.ts';
import { sortDestinations } from './destination-selection.ts';
import { Port } from './egress.ts';
import { ExtensionHeaders } from './extension-headers.ts';
import { Forwarding } from './forward.ts';
import type { Detour, Hooks, Ipv6Mobility } from './hooks.ts';
import { Icmp } from './icmp.ts';
import { IcmpErrorSender } from './icmp-error.ts';
import { IcmpReports } from './icmp-report.ts';
import { Input } from './input.ts';
import { extensionLength, Output } from './output.ts';
import { type PolicyEntry, PolicyTable } from './policy-table.ts';
import type { Ipv6Port, OutgoingPacket, PacketSpace, Path, SendVerdict, UpperLayer } from './port.ts';
import type { AddressMarks } from './source-selection.ts';
import { type TunnelEnds, Tunnels } from './tunnel.ts';
import { lastDestination, WayMtu } from './way-mtu.ts';

export interface DeviceConfig {
  readonly device: Device;
  /** Our addresses on this device. */
  readonly addresses?: readonly Address[];
}

export interface Ipv6Options {
  readonly timers: TimerQueue;
  readonly random: Random;
  readonly devices?: readonly DeviceConfig[];
  /** A router: forwards what is not for it. Default false. */
  readonly forwarding?: boolean;
  readonly trace?: Trace;
  readonly counters?: Counters;
  /** RFC 6724 2.1. Default: the table given there. */
  readonly policy?: readonly PolicyEntry[];
}

/** A path to ourselves or to nowhere. */
const LOCAL_PATH: Path = {
  way: '',
  mtu: 0xffff,
  overhead: 0,
  receiveOverhead: 0,
  probe: 0,
  gso: false,
  queueFrames: Number.POSITIVE_INFINITY,
};
const NO_PATH: Path = { ...LOCAL_PATH, mtu: MINIMUM_MTU };

export class Ipv6 implements Ipv6Port, Ipv6Mobility {
  /** Packets in, out, forwarded, and dropped with the reason: 'in', 'out', 'drop.no-route' ... */
  readonly counters: Counters;
  readonly #context: Ipv6Context;
  readonly #input: Input;
  readonly #output: Output;
  readonly #tunnels: Tunnels;
  readonly #errors: IcmpErrorSender;
  readonly #icmp: Icmp;
  readonly #extensions: ExtensionHeaders;
  readonly #ports = new Map<Device, Port>();

  constructor(options: Ipv6Options) {
    const { timers, random, trace = NO_TRACE, counters = new Counters() } = options;
    const policy = new PolicyTable(options.policy);
    const context = new Ipv6Context({ timers, random, trace, counters, policy });
    this.counters = counters;
    this.#context = context;
    this.#tunnels = new Tunnels(context);
    this.#output = new Output(context, this.#tunnels);
    this.#errors = new IcmpErrorSender(context, this.#output);
    this.#icmp = new Icmp(context, this.#output, new IcmpReports(context, this.#errors));
    this.#extensions = new ExtensionHeaders(context, this.#errors);
    this.#input = new Input(context, {
      errors: this.#errors,
      extensions: this.#extensions,
      forwarding: options.forwarding === true ? new Forwarding(context, this.#errors) : undefined,
    });
    context.layers.register(PROTOCOL.icmpv6, this.#icmp);
    this.#receiveFrom(context.loopback);
    for (const { device, addresses } of options.devices ?? []) this.addDevice(device, addresses);
  }

  // --- configuration -------------------------------------------------------------------------------------

  /** Takes a device into use. It carries nothing before a route names it. */
  addDevice(device: Device, addresses: readonly Address[] = []): void {
    const port = this.#ports.get(device) ?? new Port(device);
    this.#ports.set(device, port);
    this.#receiveFrom(port);
    for (const address of addresses) this.#context.addresses.set(address, { address, port });
  }

  /** Forgets a device with its routes; addresses of it stay ours. */
  removeDevice(device: Device): void {
    const port = this.#ports.get(device);
    if (port === undefined) return;
    device.onFrames(() => {});
    this.#context.routes.removePort(port);
    this.#ports.delete(device);
  }

  /** Packets for `prefix` leave through `device`, which addDevice has to know. */
  addRoute(prefix: Prefix, device: Device): void {
    const port = this.#ports.get(device);
    if (port === undefined) throw new Error(`a route through an unknown device: '${device.name}'`);
    this.#context.routes.add(prefix, port);
  }

  /** Where packets for this address leave; undefined: nowhere, or they are for us. */
  deviceTo(destination: Address): Device | undefined {
    return this.isLocal(destination) ? undefined : this.#context.routes.lookup(destination)?.device;
  }

  /** Without a device: on every device. */
  removeRoute(prefix: Prefix, device?: Device): void {
    this.#context.routes.remove(prefix, device === undefined ? undefined : this.#ports.get(device));
  }

  addAddress(address: Address): void {
    if (!this.#context.addresses.has(address)) this.#context.addresses.set(address, { address, port: undefined });
  }

  /** What an address of ours is good for, as a source (RFC 6724 5, rules 3 and 7). Throws where it is none of ours. */
  markAddress(address: Address, marks: AddressMarks): void {
    const local = this.#context.addresses.get(address);
    if (local === undefined) throw new Error(`not ours: '${address}'`);
    this.#context.addresses.set(address, { ...marks, address, port: local.port });
  }

  removeAddress(address: Address): void {
    this.#context.addresses.delete(address);
  }

  // --- batches -------------------------------------------------------------------------------------------

  /** Runs `work` (due timers, a socket's writes); all that it sends leaves in one batch a device at its end. */
  enter<T>(now: Instant, work: () => T): T {
    this.#context.egress.begin();
    try {
      return work();
    } finally {
      this.#context.egress.end(now);
    }
  }

  // --- Ipv6Port ------------------------------------------------------------------------------------------

  register(protocol: number, layer: UpperLayer): void {
    if (protocol === PROTOCOL.icmpv6) this.#icmp.user = layer;
    else this.#context.layers.register(protocol, layer);
  }

  allocate(length: number): PacketSpace {
    return this.#context.egress.allocate(length);
  }

  send(now: Instant, packet: OutgoingPacket): SendVerdict {
    return this.#output.send(now, packet);
  }

  path(_now: Instant, local: Address, remote: Address): Path {
    if (this.isLocal(remote)) return LOCAL_PATH;
    const { hooks, pathMtu } = this.#context;
    const detour = this.#output.detourOf(local, remote, PROTOCOL.tcp);
    const destination = lastDestination(detour, remote);
    const device = this.#context.portTo(destination)?.device;
    if (device === undefined) return NO_PATH;
    const tunnel = detour.tunnel === undefined ? 0 : IPV6_HEADER_LEN;
    const { mtu, probe } = new WayMtu(pathMtu, detour, remote, device.mtu);
    return {
      way: destination.key,
      mtu,
      overhead: extensionLength(detour) + tunnel,
      receiveOverhead: hooks.receiveOverhead(local, remote),
      probe,
      gso: device.offloads.tso && tunnel === 0,
      queueFrames: device.queueFrames ?? Number.POSITIVE_INFINITY,
    };
  }

  selectSource(destination: Address): Address | undefined {
    return this.#context.selectSource(destination);
  }

  /** Several addresses of a peer in the order in which to try them (RFC 6724 6). */
  sortDestinations(destinations: readonly Address[]): Address[] {
    return sortDestinations(destinations, {
      policy: this.#context.policy,
      sourceFor: (destination) => this.#context.sourceFor(destination),
      isTunnelled: (source, destination) =>
        this.#output.detourOf(source, destination, PROTOCOL.tcp).tunnel !== undefined,
    });
  }

  isLocal(address: Address): boolean {
    return this.#context.isLocal(address);
  }

  reportBlackHole(now: Instant, local: Address, remote: Address, size: number): void {
    if (this.#wayMtu(local, remote)?.blackHole(now, size) !== true) return;
    this.#context.trace(now, 'black-hole', { destination: remote.toString(), size });
    this.notifyPathChange(now, local, remote);
  }

  reportProbe(now: Instant, local: Address, remote: Address, size: number, arrived: boolean): void {
    this.#context.trace(now, 'mtu-probe', { destination: remote.toString(), size, arrived });
    if (this.#wayMtu(local, remote)?.probed(size, arrived) === true) this.notifyPathChange(now, local, remote);
  }

  // --- Ipv6Mobility --------------------------------------------------------------------------------------

  addHooks(hooks: Hooks): void {
    this.#context.hooks.add(hooks);
  }

  sendVia(now: Instant, packet: OutgoingPacket, detour: Detour): SendVerdict {
    return this.#output.sendVia(now, packet, detour);
  }

  tunnel(now: Instant, inner: Uint8Array, source: Address, destination: Address): SendVerdict {
    return this.#tunnels.enter(now, inner, { source, destination }, this.#errors);
  }

  inject(now: Instant, packet: Uint8Array, tunnel?: TunnelEnds): void {
    this.#input.inject(now, packet, tunnel);
  }

  notifyPathChange(now: Instant, local: Address | undefined, remote: Address | undefined): void {
    this.#context.layers.pathChanged(now, local, remote);
  }

  /** Of TCP's packets between these two; undefined: there is no route. */
  #wayMtu(local: Address, remote: Address): WayMtu | undefined {
    const detour = this.#output.detourOf(local, remote, PROTOCOL.tcp);
    const device = this.#context.portTo(lastDestination(detour, remote))?.device;
    return device && new WayMtu(this.#context.pathMtu, detour, remote, device.mtu);
  }

  #receiveFrom(port: Port): void {
    port.device.onFrames((now, frames) => this.#input.frames(now, frames, port));
  }
}
