// Runs the lab's router in real time: opens its TUN device in every site's namespace and drives the links until it
// is told to stop. The devices offer offloads and the router cuts what comes into packets of the wire, before
// delay, loss and rate act: a kernel that completes a checksum itself may write 0xffff for 0 (skb_checksum_help),
// which is valid, but which Wireshark calls bad.

import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { MonotonicClock, WallClock } from '../../tun/clock.ts';
import { TimerDriver } from '../../tun/timer-driver.ts';
import { openTun } from '../../tun/tun-device.ts';
import type { Output } from '../output.ts';
import { LabCapture } from './lab-capture.ts';
import { namespacePath } from './namespaces.ts';
import { Router } from './router.ts';
import { LAB_MTU, type Topology, WAN_DEVICE } from './topology.ts';

export interface RunningRouter {
  readonly router: Router;
  stop(): void;
}

export function startRouter(topology: Topology, pcap: string | undefined): RunningRouter {
  const clock = new MonotonicClock();
  const capture = pcap === undefined ? undefined : new LabCapture(pcap, topology, new WallClock(clock));
  const timers = new TimerQueue();
  const devices = new Map(
    topology.sites.map(({ name }) => [
      name,
      openTun({ name: WAN_DEVICE, netns: namespacePath(name), mtu: LAB_MTU, offloads: 'tso', clock }),
    ]),
  );
  const router = new Router({ topology, timers, devices, ...(capture === undefined ? {} : { sink: capture.sink }) });
  const driver = new TimerDriver(timers, clock);
  return {
    router,
    stop: () => {
      driver.close();
      for (const device of devices.values()) device.close();
      capture?.close();
    },
  };
}

/** What became of the packets, a line a direction that carried any. */
export function reportRouter(running: RunningRouter, topology: Topology, output: Output): void {
  const links: Record<string, unknown> = {};
  for (const pair of topology.paths.keys()) {
    const [from = '', to = ''] = pair.split(':');
    const statistics = running.router.link(from, to)?.statistics;
    if (statistics !== undefined && statistics.sent > 0) links[pair] = statistics;
  }
  output.event('router', { counters: running.router.counters.snapshot(), links });
}
