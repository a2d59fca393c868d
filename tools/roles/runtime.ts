// What every role stands on: real time, the system's randomness, the TUN device, and a capture of it that holds
// what the handoff did as comments on the packets. The role puts a Host on top.

import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Trace } from '../../stack/core/trace.ts';
import type { Device } from '../../stack/device/device.ts';
import { RecordDevice } from '../../stack/device/record.ts';
import { LINKTYPE_RAW, pcapngInterface, pcapngPacket, pcapngSectionHeader } from '../../stack/wire/pcapng.ts';
import { CaptureFile } from '../../tun/capture-file.ts';
import { MonotonicClock, WallClock } from '../../tun/clock.ts';
import { SystemRandom } from '../../tun/random.ts';
import { TimerDriver } from '../../tun/timer-driver.ts';
import { openTun, type TunDevice } from '../../tun/tun-device.ts';
import { UserError } from '../errors.ts';
import { stopSignal } from '../self.ts';

export interface RuntimeOptions {
  /** Name of the TUN device. */
  readonly device: string;
  /** Of the node, for the capture. */
  readonly name: string;
  readonly pcap: string | undefined;
  /** Default 1500. */
  readonly mtu?: number | undefined;
  /** Default 'tso'. */
  readonly offloads?: 'none' | 'tso' | undefined;
  /** Network namespace that the device is made in; default: the process's own. */
  readonly netns?: string | undefined;
}

const DEFAULT_MTU = 1500;

export class NodeRuntime {
  readonly clock = new MonotonicClock();
  readonly wall = new WallClock(this.clock);
  readonly timers = new TimerQueue();
  readonly random = new SystemRandom();
  /** What the host is attached to. */
  readonly device: Device;
  readonly #tun: TunDevice;
  readonly #capture: NodeCapture | undefined;
  readonly #driver: TimerDriver;
  readonly #gone: Promise<never>;

  constructor(options: RuntimeOptions) {
    const { device: name, pcap, mtu = DEFAULT_MTU, offloads = 'tso', netns } = options;
    this.#tun = openTun({ name, mtu, offloads, clock: this.clock, ...(netns !== undefined && { netns }) });
    this.#gone = new Promise((_resolve, reject) => {
      this.#tun.onClosed((reason) => reject(new UserError(reason)));
    });
    this.#gone.catch(() => {}); // whoever waits in untilStopped() is told
    try {
      this.#capture = pcap === undefined ? undefined : new NodeCapture(pcap, options.name, this.wall);
    } catch (error) {
      this.#tun.close();
      throw error;
    }
    this.device = this.#capture === undefined ? this.#tun : new RecordDevice(this.#tun, this.#capture.sink);
    this.#driver = new TimerDriver(this.timers, this.clock);
  }

  readonly trace: Trace = (now, event) => this.#capture?.trace(now, event);

  /** Until Ctrl-C or SIGTERM; rejects when the device goes away. */
  async untilStopped(): Promise<void> {
    await Promise.race([stopSignal(), this.#gone]);
  }

  /** `work`, unless the device goes away. */
  async unlessGone<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#gone]);
  }

  /** `work`, unless the device goes away or somebody stops us before. */
  async during<T>(work: Promise<T>): Promise<T> {
    const stopped = stopSignal().then((signal) => {
      throw new UserError(`stopped by ${signal}`);
    });
    return Promise.race([work, this.#gone, stopped]);
  }

  close(): void {
    this.#driver.close();
    this.#tun.close();
    this.#capture?.close();
  }
}

/** A comment longer than this helps nobody. */
const MAX_NOTES = 8;

/** The packets of one device. What the handoff does between two packets is a comment on the next one. */
class NodeCapture {
  readonly #file: CaptureFile;
  readonly #wall: WallClock;
  #notes: string[] = [];

  constructor(path: string, name: string, wall: WallClock) {
    this.#file = new CaptureFile(path);
    this.#wall = wall;
    this.#file.write(pcapngSectionHeader('homeport'));
    this.#file.write(pcapngInterface({ name, linkType: LINKTYPE_RAW }));
  }

  readonly sink: ConstructorParameters<typeof RecordDevice>[1] = (now, _direction, bytes) => {
    const comment = this.#notes.length === 0 ? {} : { comment: this.#notes.join('\n') };
    this.#notes = [];
    this.#file.write(pcapngPacket({ interface: 0, timestampNs: this.#wall.unixNs(now), bytes, ...comment }));
  };

  readonly trace: Trace = (_now, { layer, event, detail }) => {
    if (layer !== 'handoff' || this.#notes.length >= MAX_NOTES) return;
    this.#notes.push([event, ...Object.entries(detail).map(([key, value]) => `${key}=${value}`)].join(' '));
  };

  close(): void {
    this.#file.close();
  }
}
