// The native addon (addon.c) as TypeScript sees it: its functions, the layout of the memory shared with it, and
// where the built file is. Duty: the boundary, nothing else; tun-device.ts and timer-driver.ts are what to use.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Words of one frame in a table, in their order: `descriptor` in addon.c; from flags on, virtio_net_hdr. */
export const WORD = {
  at: 0,
  length: 1,
  flags: 2,
  gsoType: 3,
  headerLength: 4,
  gsoSize: 5,
  checksumStart: 6,
  checksumOffset: 7,
} as const;
export const WORDS = 8;

/** Order of the shared counters: `counters` in addon.c. */
export const COUNTER_NAMES = [
  'received-frames',
  'received-bytes',
  'receive-errors',
  'sent-frames',
  'sent-bytes',
  'dropped-full',
  'dropped-down',
  'dropped-invalid',
  'dropped-too-big',
  'dropped-other',
] as const;

/** linux/if_tun.h: what TUNSETOFFLOAD is told that we can take. */
export const TUN_F = { csum: 0x01, tso6: 0x04, uso4: 0x20, uso6: 0x40 } as const;
/** linux/virtio_net.h. */
export const VIRTIO_FLAG = { needsChecksum: 1, dataValid: 2 } as const;
export const VIRTIO_GSO = { none: 0, tcp6: 4, udp: 5, ecn: 0x80 } as const;

declare const handle: unique symbol;
export interface Handle {
  readonly [handle]: true;
}

export interface Addon {
  /**
   * Opens the interface `name`, in the namespace at the path `netns` unless that is empty, sets MTU and queue length
   * and brings it up; one that has this MTU, is up and is not ours to change keeps its queue. Then calls onBatch(count) whenever the first `count` entries of `table` say what
   * frames lie in `ring`, and onClosed(code) once if the interface goes away. Throws a SystemError.
   */
  openTun(
    name: string,
    netns: string,
    mtu: number,
    queueLength: number,
    offloads: number,
    ring: Uint8Array,
    table: Uint32Array,
    counters: Float64Array,
    onBatch: (count: number) => void,
    onClosed: (code: string) => void,
  ): Handle;
  /** Frames that the kernel keeps for us. */
  queueLength(device: Handle): number;
  /** Writes the first `count` frames with the headers that `table` has for them; returns how many were taken. */
  send(device: Handle, frames: readonly Uint8Array[], table: Uint32Array, count: number): number;
  openTimer(onExpired: () => void): Handle;
  /** Absolute microseconds of CLOCK_MONOTONIC; Infinity disarms. */
  armTimer(timer: Handle, at: number): void;
  close(handle: Handle): void;
  /** Whether an open handle keeps the process running (it does at first). */
  keepAlive(handle: Handle, yes: boolean): void;
}

/** What the addon throws: `syscall` names the step that failed, an ioctl or a path. */
export interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
}

export const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'code' in error && 'errno' in error && 'syscall' in error;

export const ADDON_FILE = 'homeport-tun.node';

let loaded: Addon | undefined;

export function addon(): Addon {
  loaded ??= createRequire(import.meta.url)(builtAddon()) as Addon;
  return loaded;
}

/** tun/build/ is beside this file, or beside dist/ when this is dist/tun/addon.js. */
function builtAddon(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const folder of [here, join(here, '..', '..', 'tun')]) {
    const file = join(folder, 'build', ADDON_FILE);
    if (existsSync(file)) return file;
  }
  throw new Error('the TUN addon is not built: run `npm run build`');
}
