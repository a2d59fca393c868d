// `homeport client proxy`: a SOCKS5 and HTTP proxy, so that programs use our own stack. The role is roles/client-proxy.ts.

import { isIPv6 } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { Output, type Terminal } from '../output.ts';
import {
  addRoleOptions,
  checkDevice,
  checkRouted,
  checkWritable,
  clientAddressOption,
  type RoleFlags,
} from './common.ts';

interface Listen {
  readonly host: string;
  readonly port: number;
}

interface ProxyFlags extends RoleFlags {
  readonly address: Address;
  readonly listen: Listen;
  readonly allowRemote?: boolean;
}

const LOOPBACK: readonly string[] = ['::1', '127.0.0.1', 'localhost'];
const DEFAULT_LISTEN: Listen = { host: '::1', port: 1080 };

export function addClientProxy(client: Command, terminal: Terminal): void {
  const proxy = client
    .command('proxy')
    .description('Listen for SOCKS5 and HTTP (CONNECT or whole URLs) and connect by our own stack.')
    .addOption(clientAddressOption())
    .option('--listen <address:port>', 'where programs find it (default: "[::1]:1080")', listenValue, DEFAULT_LISTEN)
    .option('--allow-remote', 'listen elsewhere than on loopback: whoever reaches it may use it')
    .addHelpText('after', HELP);
  addRoleOptions(proxy).action(async (flags: ProxyFlags) => {
    const { device, address, listen, pcap, allowRemote } = flags;
    const output = new Output(terminal, flags);
    if (!LOOPBACK.includes(listen.host)) {
      if (allowRemote !== true) {
        throw new UserError(`${listen.host} is not loopback, and there is no authentication: add --allow-remote`);
      }
      output.warn(`whoever reaches ${listen.host} may use this proxy`);
    }
    await checkWritable(pcap);
    await checkDevice(device);
    checkRouted(address, device);
    const { runClientProxy } = await import('../roles/client-proxy.ts');
    await runClientProxy({ device, address, listen, pcap }, output);
  });
}

function listenValue(text: string): Listen {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535 || (match?.[1] !== undefined && !isIPv6(host))) {
    throw new InvalidArgumentError("an address and a port such as '[::1]:1080' are needed.");
  }
  return { host, port };
}

const HELP = `
Examples: homeport lab exec c -- homeport client proxy
          homeport lab exec c -- curl --socks5-hostname '[::1]:1080' -O 'http://[2001:db8:100::1]/file'
          homeport lab exec c -- curl --proxy 'http://[::1]:1080' -O 'http://[2001:db8:100::1]/file'`;
