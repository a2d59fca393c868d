// A device whose host processes Binding Updates late, as one does whose Mobile IPv6 is a daemon beside the kernel: what
// comes after an update overtakes it.

import { after, type Duration } from '../../stack/core/time.ts';
import type { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Device, Frame } from '../../stack/device/device.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { MH } from '../../stack/wire/mobility.ts';
import { findHeader } from './find-header.ts';

/** Of a Mobility Header (RFC 6275 6.1.1). */
const MH_TYPE_AT = 2;

export function lateUpdates(device: Device, timers: TimerQueue, lateness: () => Duration): Device {
  return {
    name: device.name,
    mtu: device.mtu,
    offloads: device.offloads,
    send: (now, frames) => device.send(now, frames),
    close: () => device.close(),
    onFrames: (handler) => {
      device.onFrames((now, frames) => {
        const prompt: Frame[] = [];
        for (const frame of frames) {
          if (!isBindingUpdate(frame.bytes)) {
            prompt.push(frame);
            continue;
          }
          const late = { bytes: frame.bytes.slice() };
          timers.timer((at) => handler(at, [late])).set(after(now, lateness()));
        }
        if (prompt.length > 0) handler(now, prompt);
      });
    },
  };
}

function isBindingUpdate(packet: Uint8Array): boolean {
  const at = findHeader(packet, PROTOCOL.mobility);
  return at !== undefined && packet[at + MH_TYPE_AT] === MH.bindingUpdate;
}
