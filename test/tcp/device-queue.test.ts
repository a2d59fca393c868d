// A burst into a short device queue (a TUN interface with the kernel's txqueuelen of 500 that is not ours to change): the
// window that is offered stays below what the queue holds, so that no burst of one connection is lost in it.

import { expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { after, EPOCH, type Instant, milliseconds } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Device, Frame, FramesHandler } from '../../stack/device/device.ts';
import { NO_OFFLOADS } from '../../stack/device/device.ts';
import { pipe } from '../../stack/device/pipe.ts';
import { Host } from '../../stack/host.ts';
import { A, B, PORT } from './support.ts';

const OCTETS = 4 * 1024 * 1024;
const DRAIN = milliseconds(20);

/** Keeps so many frames for a host that looks only each 20 ms. */
class ShortQueue implements Device {
  readonly name = 'short';
  readonly mtu = 1500;
  readonly offloads = NO_OFFLOADS;
  dropped = 0;
  most = 0;
  readonly queueFrames: number;
  readonly #device: Device;
  #handler: FramesHandler | undefined;

  /** `told`: the host is told how many. */
  constructor(device: Device, timers: TimerQueue, frames: number, told: boolean) {
    this.queueFrames = told ? frames : Number.POSITIVE_INFINITY;
    this.#device = device;
    const queue: Frame[] = [];
    const timer = timers.timer((now) => {
      const batch = queue.splice(0);
      this.#handler?.(now, batch);
      timer.set(after(now, DRAIN));
    });
    timer.set(after(EPOCH, DRAIN));
    device.onFrames((_now, arrived) => {
      for (const { bytes } of arrived) {
        if (queue.length < frames) queue.push({ bytes: bytes.slice() });
        else this.dropped += 1;
      }
      this.most = Math.max(this.most, queue.length);
    });
  }

  send(now: Instant, frames: readonly Frame[]): void {
    this.#device.send(now, frames);
  }

  onFrames(handler: FramesHandler): void {
    this.#handler = handler;
  }

  close(): void {
    this.#device.close();
  }
}

/** Bulk into the queue, as fast as the window lets it. */
function transfer(frames: number, told: boolean): { queue: ShortQueue; received: number } {
  const timers = new TimerQueue();
  const random = new SeededRandom(5);
  const [a, b] = pipe();
  const queue = new ShortQueue(b, timers, frames, told);
  const make = (): Host => new Host({ timers, random, secret: random.bytes(32) });
  const [sender, receiver] = [make(), make()];
  sender.attach(a, { addresses: [A] });
  receiver.attach(queue, { addresses: [B] });
  let received = 0;
  receiver.tcp.listen({ port: PORT }, (_now, connection) => {
    const take = (at: Instant): void => {
      for (let octets = connection.read(at); octets !== undefined; octets = connection.read(at))
        received += octets.length;
    };
    connection.events = { readable: take };
  });
  const connection = sender.tcp.connect(EPOCH, { remote: { address: B, port: PORT }, sendBuffer: 2 * OCTETS });
  if (typeof connection === 'string') throw new Error(connection);
  connection.write(EPOCH, new Uint8Array(OCTETS));
  for (
    let next = timers.nextDeadline();
    received < OCTETS && next < milliseconds(60_000);
    next = timers.nextDeadline()
  ) {
    timers.runDue(next);
  }
  return { queue, received };
}

test('a queue of 500 frames, told: no frame is lost, and it is made use of', () => {
  const { queue, received } = transfer(500, true);
  expect([received, queue.dropped]).toEqual([OCTETS, 0]);
  expect(queue.most).toBeGreaterThan(300);
});

test('the same queue, not told: bursts are lost in it', () => {
  expect(transfer(500, false).queue.dropped).toBeGreaterThan(0);
});
