// What to tell a person when a TUN interface cannot be opened: which permission or thing is missing, and how to
// get it. One line each; the addon's error stays in `cause`.

import type { SystemError } from './addon.ts';

export function explainOpenError(error: SystemError, name: string, netns: string): Error {
  const text = explanation(error, netns) ?? `${error.syscall}: ${error.message}`;
  return Object.assign(new Error(`cannot open TUN interface ${name}: ${text}`, { cause: error }), { code: error.code });
}

function explanation({ code, syscall }: SystemError, netns: string): string | undefined {
  switch (`${syscall} ${code}`) {
    case '/dev/net/tun EACCES':
    case '/dev/net/tun EPERM':
      return 'no permission for /dev/net/tun: run as root, or let users open it with `chmod 0666 /dev/net/tun`';
    case '/dev/net/tun ENOENT':
      return '/dev/net/tun is missing: `mkdir -p /dev/net && mknod /dev/net/tun c 10 200` (in a container: --device /dev/net/tun)';
    case '/dev/net/tun ENODEV':
    case '/dev/net/tun ENXIO':
      return 'the kernel has no TUN driver: `modprobe tun`';
    case 'TUNSETIFF EPERM':
      return 'CAP_NET_ADMIN is missing in this network namespace: run as root, or inside `unshare -Urnm`';
    case 'TUNSETIFF EBUSY':
      return 'another process has it open: choose another name or end that process';
    case 'TUNSETIFF EINVAL':
      return 'an interface of that name exists and is no TUN interface with these settings: choose another name';
    case 'netns ENOENT':
      return `no network namespace at ${netns}: \`ip netns add\` makes one`;
    case 'netns EACCES':
      return `no permission for the network namespace at ${netns}: run as the user who made it, or as root`;
    case 'setns EPERM':
      return `CAP_SYS_ADMIN is missing to enter the network namespace at ${netns}: run as root, or as the user who made it inside \`unshare -Urnm\``;
    case 'setns EINVAL':
      return `${netns} is not a network namespace`;
    case 'RTM_NEWLINK EPERM':
      return 'CAP_NET_ADMIN is missing to set its MTU and bring it up: run as root, inside `unshare -Urnm`, or have it set up beforehand with `ip link set`';
    default:
      return undefined;
  }
}
