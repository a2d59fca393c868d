// The Linux kernel in its variants, as a peer: what interoperability tests and the soak set in the peer's namespace. All
// but 'as it comes' take something away that modern stacks lean on, or turn on something that few peers do.

import { readFileSync } from 'node:fs';
import { WAN_DEVICE } from '../lab/topology.ts';
import { ipIn, sysctlIn } from './namespace.ts';

export interface KernelVariant {
  /** Reads after 'a kernel'. */
  readonly name: string;
  /** Below /proc/sys/net/ipv4/, beside or instead of the defaults. */
  readonly settings?: Readonly<Record<string, number | string>>;
  /** Attributes of its route to us, in the words of ip-route(8). */
  readonly route?: readonly string[];
}

/** So that a variant has nothing left of the one before it. Metrics of earlier connections are not remembered. */
const DEFAULTS: Readonly<Record<string, number | string>> = {
  tcp_sack: 1,
  tcp_timestamps: 1,
  tcp_window_scaling: 1,
  tcp_dsack: 1,
  tcp_recovery: 1,
  tcp_early_retrans: 3,
  tcp_frto: 2,
  tcp_ecn: 2,
  tcp_syncookies: 1,
  tcp_mtu_probing: 0,
  tcp_rmem: '4096 131072 6291456',
  tcp_wmem: '4096 16384 4194304',
  tcp_shrink_window: 0,
  tcp_comp_sack_nr: 44,
  tcp_no_metrics_save: 1,
};

export const KERNEL_VARIANTS = [
  { name: 'as it comes' },
  { name: 'without SACK', settings: { tcp_sack: 0 } },
  { name: 'without timestamps', settings: { tcp_timestamps: 0 } },
  { name: 'without window scaling', settings: { tcp_window_scaling: 0 } },
  { name: 'without any of the three', settings: { tcp_sack: 0, tcp_timestamps: 0, tcp_window_scaling: 0 } },
  { name: 'without D-SACK and RACK', settings: { tcp_dsack: 0, tcp_recovery: 0 } },
  { name: 'without tail loss probes and F-RTO', settings: { tcp_early_retrans: 0, tcp_frto: 0 } },
  { name: 'that sends each SACK at once', settings: { tcp_comp_sack_nr: 0 } },
  { name: 'that asks for ECN', settings: { tcp_ecn: 1 } },
  { name: 'that answers every SYN with a cookie', settings: { tcp_syncookies: 2 } },
  { name: 'that probes the path MTU', settings: { tcp_mtu_probing: 2 } },
  { name: 'that takes back windows', settings: { tcp_shrink_window: 1, tcp_rmem: '4096 65536 131072' } },
  { name: 'with small buffers', settings: { tcp_rmem: '4096 16384 16384', tcp_wmem: '4096 16384 16384' } },
  { name: 'with segments of 536 octets', route: ['advmss', '536'] },
  { name: 'that begins with 100 segments', route: ['initcwnd', '100', 'initrwnd', '100'] },
  { name: 'that acknowledges at once', route: ['quickack', '1'] },
] as const satisfies readonly KernelVariant[];

/** One for each congestion control that the running kernel offers. */
export function congestionVariants(): KernelVariant[] {
  try {
    const names = readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ');
    return names.map((name) => ({ name: `with ${name}`, route: ['congctl', name] }));
  } catch {
    return [];
  }
}

/** Makes the kernel behind the path that variant, for connections to come. */
export function applyVariant(netns: string, { settings = {}, route = [] }: KernelVariant): void {
  const all = Object.entries({ ...DEFAULTS, ...settings }).map(([name, value]) => [`ipv4/${name}`, value] as const);
  sysctlIn(netns, Object.fromEntries(all));
  ipIn(netns, 'route', 'replace', '::/0', 'dev', WAN_DEVICE, ...route);
}
