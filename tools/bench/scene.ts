// Our stack and the Linux kernel on one link, in network namespaces that the caller has made: back to back on a TUN
// device, or with the lab's router and its faults in between. What they say to each other is in transfer.ts.

import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Link, LinkStatistics } from '../../stack/device/fault.ts';
import { type Address, address } from '../../stack/wire/address.ts';
import { MonotonicClock } from '../../tun/clock.ts';
import { TimerDriver } from '../../tun/timer-driver.ts';
import { openTun } from '../../tun/tun-device.ts';
import { Router } from '../lab/router.ts';
import {
  createTopology,
  describePaths,
  LAB_MTU,
  NODE_DEVICE,
  type PathConditions,
  siteNamed,
  WAN_DEVICE,
} from '../lab/topology.ts';
import { LiveHost, type LiveHostOptions } from '../live-host.ts';
import { ipIn, sysctlIn } from './namespace.ts';

export interface Scene {
  readonly stack: LiveHost;
  readonly stackAddress: Address;
  readonly kernelAddress: Address;
  /** Where the kernel's programs run. */
  readonly kernelNetns: string;
  close(): void;
}

export type SceneOptions = Pick<LiveHostOptions, 'offloads' | 'mtu' | 'pcap' | 'observer' | 'trace'>;

const DIRECT_STACK = address('2001:db8:1::1');
const DIRECT_KERNEL = address('2001:db8:1::fe');

/** Stack and kernel share a link: what one sends the other reads from the TUN device. */
export function directScene(netns: string, options: SceneOptions = {}): Scene {
  const stack = new LiveHost({
    ...options,
    device: NODE_DEVICE,
    netns,
    addresses: [DIRECT_STACK],
  });
  ipIn(netns, 'address', 'add', `${DIRECT_KERNEL}/128`, 'dev', NODE_DEVICE, 'nodad');
  return {
    stack,
    stackAddress: DIRECT_STACK,
    kernelAddress: DIRECT_KERNEL,
    kernelNetns: netns,
    close: () => stack.close(),
  };
}

export interface WanScene extends Scene {
  /** The path, as people read it. */
  readonly description: string;
  /** What the router did to the packets on their way. */
  readonly statistics: { readonly toKernel: LinkStatistics; readonly toStack: LinkStatistics };
  /** The two directions of the path, to change their conditions under way. */
  readonly links: { readonly toKernel: Link; readonly toStack: Link };
}

export interface WanOptions extends SceneOptions {
  readonly path: Partial<PathConditions>;
  readonly seed: number;
}

/** The stack is in one namespace, the kernel's programs in another; every packet passes the router's faulty links. */
export function wanScene(near: string, far: string, options: WanOptions): WanScene {
  const { path, seed, mtu = LAB_MTU, ...rest } = options;
  const whole = createTopology({ overrides: [{ pairs: 'all', change: path }], seed });
  const [stackSite, kernelSite] = [siteNamed(whole, 'a'), siteNamed(whole, 'c')];
  const topology = { ...whole, sites: [stackSite, kernelSite] };
  const clock = new MonotonicClock();
  const timers = new TimerQueue();
  const wan = (netns: string) => openTun({ name: WAN_DEVICE, netns, mtu, offloads: 'none', clock });
  const devices = new Map([
    ['a', wan(near)],
    ['c', wan(far)],
  ]);
  const router = new Router({ topology, timers, devices });
  const driver = new TimerDriver(timers, clock);
  sysctlIn(near, { 'ipv6/conf/all/forwarding': 1 });
  for (const netns of [near, far]) ipIn(netns, 'route', 'add', '::/0', 'dev', WAN_DEVICE);
  ipIn(far, 'address', 'add', `${kernelSite.kernel}/128`, 'dev', WAN_DEVICE, 'nodad');
  const linkBetween = (from: string, to: string): Link => {
    const link = router.link(from, to);
    if (link === undefined) throw new Error(`no link from ${from} to ${to}`);
    return link;
  };
  const links = { toKernel: linkBetween('a', 'c'), toStack: linkBetween('c', 'a') };
  const stack = new LiveHost({ ...rest, mtu, device: NODE_DEVICE, netns: near, addresses: [stackSite.node] });
  return {
    stack,
    stackAddress: stackSite.node,
    kernelAddress: kernelSite.kernel,
    kernelNetns: far,
    description: describePaths(topology).join('; '),
    statistics: { toKernel: links.toKernel.statistics, toStack: links.toStack.statistics },
    links,
    close: () => {
      stack.close();
      driver.close();
      for (const device of devices.values()) device.close();
    },
  };
}
