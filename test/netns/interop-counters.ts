// What a kernel counted in its namespace, as nstat(8) tells it, and what of it means that a peer did something wrong:
// on whatever path, our stack must not make these move.

import { execFileSync } from 'node:child_process';
import { pathOf } from '../../tools/bench/namespace.ts';

export type KernelCounters = Readonly<Record<string, number>>;

export function kernelCounters(netns: string): KernelCounters {
  const command = ['nstat', '--ignore', '--noupdate', '--zeros', '--json'];
  const text = execFileSync('nsenter', [`--net=${pathOf(netns)}`, ...command], { encoding: 'utf8', stdio: 'pipe' });
  return JSON.parse(text).kernel;
}

/** What has been counted since. */
export const countedSince = (before: KernelCounters, after: KernelCounters): KernelCounters =>
  Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]));

/** Whatever the path is like. */
const OFFENCES: Readonly<Record<string, readonly string[]>> = {
  'took back what it had acknowledged selectively (RFC 2018 8)': ['TcpExtTCPSACKReneging'],
  // The kernel takes D-SACKs of the network's duplicates for plain blocks, and then discards them.
  'sent SACK blocks that make no sense': ['TcpExtTCPSACKDiscard', '-TcpExtTCPDSACKIgnoredDubious'],
  'sent into a window that was shut': ['TcpExtTCPZeroWindowDrop', 'TcpExtTCPRcvQDrop'],
};
/** Unless an application wants it so. */
const ABORTS: typeof OFFENCES = {
  'reset a connection': ['TcpEstabResets', 'TcpAttemptFails'],
  'made the kernel give up': [
    ...['TcpExtTCPAbortOnData', 'TcpExtTCPAbortOnClose', 'TcpExtTCPAbortOnMemory', 'TcpExtTCPAbortOnTimeout'],
    ...['TcpExtTCPAbortOnLinger', 'TcpExtTCPAbortFailed'],
  ],
};
/** Where nothing is damaged on the way. A SYN,ACK sent again into a connection counts as an error, too. */
const DAMAGE: typeof OFFENCES = {
  'sent checksums that do not hold': ['TcpInCsumErrors'],
  'sent headers that cannot be read': ['TcpInErrs', '-TcpExtTCPSYNChallenge', 'Ip6InHdrErrors'],
};
/** From a kernel that keeps what it has offered. */
const WINDOW: typeof OFFENCES = { 'sent beyond the window': ['TcpExtBeyondWindow'] };

export interface Tolerated {
  /** The path flips bits: then, and only then, checksums fail. */
  readonly damage?: boolean;
  /** The kernel takes back windows: text that was on its way is beyond the new one. */
  readonly windows?: boolean;
  /** An end aborts on purpose. */
  readonly aborts?: boolean;
}

/** What the peer did that the kernel has to complain of, with the counters that say so. */
export function offences(
  counted: KernelCounters,
  { damage = false, windows = false, aborts = false }: Tolerated = {},
): string[] {
  const forbidden = {
    ...OFFENCES,
    ...(damage ? {} : DAMAGE),
    ...(windows ? {} : WINDOW),
    ...(aborts ? {} : ABORTS),
  };
  const found = Object.entries(forbidden).filter(([, names]) => sum(counted, names) > 0);
  return found.map(([what, names]) => `${what}: ${names.map((name) => `${name} ${sum(counted, [name])}`).join(', ')}`);
}

/** A name with '-' in front is taken off. A counter that this kernel does not have is 0. */
const sum = (counted: KernelCounters, names: readonly string[]): number =>
  names.reduce((total, name) => {
    const value = counted[name.replace(/^-/, '')] ?? 0;
    return name.startsWith('-') ? total - value : total + value;
  }, 0);
