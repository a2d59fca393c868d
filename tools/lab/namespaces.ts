// The lab's namespaces: the arguments of unshare(1) that make a world of its own (network, mounts, processes),
// and, from inside it, one network namespace a site with its two TUN devices, addresses and routes. All of it
// is the kernel's and goes away with the last process inside; nothing is left to clean up.

import { execFileSync, spawnSync } from 'node:child_process';
import { UserError } from '../errors.ts';
import { LAB_MTU, NODE_DEVICE, type Site, type Topology, WAN_DEVICE } from './topology.ts';

/** Holds bursts of a whole window; the kernel's 500 would drop them. */
const QUEUE_LENGTH = 16_384;

/** Where `ip netns` keeps the namespace of a site, inside the lab. */
export const namespacePath = (site: string): string => `/run/netns/${site}`;

const asRoot = (): boolean => process.getuid?.() === 0;

/** What unshare(1) is called with, before the command. Without root a user namespace comes first. */
export const unshareArguments = (root = asRoot()): string[] => [
  ...(root ? [] : ['--user', '--map-root-user']),
  '--net',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
];

/** Says what is missing before the first namespace is made. */
export function checkNamespaces(): void {
  const found = spawnSync('unshare', [...unshareArguments(), 'ip', 'link', 'set', 'lo', 'up'], { encoding: 'utf8' });
  if (found.error !== undefined)
    throw new UserError("unshare is missing: install util-linux ('apt-get install util-linux')");
  if (found.status === 0) return;
  if (/failed to execute ip/.test(found.stderr))
    throw new UserError("ip is missing: install iproute2 ('apt-get install iproute2')");
  const reason = found.stderr.trim().split('\n')[0] ?? '';
  throw new UserError(
    asRoot()
      ? `no permission to make namespaces (${reason}): the container needs CAP_SYS_ADMIN and CAP_NET_ADMIN (--privileged)`
      : `no permission to make namespaces (${reason}): run as root, or allow user namespaces as root with ` +
          "'sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0'",
  );
}

/** Builds every site. To be called once, inside unshare. */
export function buildNamespaces(topology: Topology): void {
  run('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
  run('ip', ['link', 'set', 'lo', 'up']);
  for (const site of topology.sites) {
    run('ip', ['netns', 'add', site.name]);
    run('ip', ['netns', 'exec', site.name, 'sh', '-c', kernelSettings()]);
    run('ip', ['-n', site.name, '-batch', '-'], ipBatch(site));
  }
}

/**
 * A router that says nothing of its own accord, so that a capture holds the lab's traffic and no more. Forwarding is
 * the namespace's matter (all), while the devices are no router's: they would report the group of all routers.
 */
function kernelSettings(): string {
  const settings: readonly (readonly [name: string, value: number])[] = [
    ['all/forwarding', 1],
    ['default/forwarding', 0],
    ['default/accept_ra', 0],
    ['default/accept_dad', 0],
    ['default/dad_transmits', 0],
    ['default/router_solicitations', 0],
    ['default/addr_gen_mode', 1], // no link-local address
  ];
  return settings.map(([name, value]) => `echo ${value} > /proc/sys/net/ipv6/conf/${name}`).join(' && ');
}

/** Devices, addresses and routes of a site, as lines of `ip -batch`. */
function ipBatch(site: Site): string {
  const routed = [`${site.node}/128`, ...site.extra.map(String)];
  const device = (name: string): string[] => [
    `tuntap add dev ${name} mode tun`,
    `link set dev ${name} multicast off mtu ${LAB_MTU} txqueuelen ${QUEUE_LENGTH}`,
    `link set dev ${name} up`,
  ];
  return [
    'link set dev lo up',
    ...device(WAN_DEVICE),
    ...device(NODE_DEVICE),
    `address add ${site.kernel}/128 dev ${WAN_DEVICE} nodad`,
    `route add ::/0 dev ${WAN_DEVICE}`,
    `route add unreachable ${site.prefix}`,
    ...routed.map((prefix) => `route add ${prefix} dev ${NODE_DEVICE}`),
    '',
  ].join('\n');
}

function run(command: string, args: readonly string[], input = ''): void {
  try {
    execFileSync(command, args, { input, stdio: ['pipe', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new UserError(`the lab cannot be built: ${command} ${args.join(' ')}: ${stderr.split('\n')[0] ?? ''}`);
  }
}
