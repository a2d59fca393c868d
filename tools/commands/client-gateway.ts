// `homeport client gateway`: the correspondent layer for a whole host or network, between two TUN devices. The role is
// roles/client-gateway.ts.

import type { Command } from 'commander';
import type { Address, Prefix } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { Output, type Terminal } from '../output.ts';
import { addressValue, prefixValue, repeated } from '../values.ts';
import { addJson, type CommonFlags, checkDevice, checkWritable, ownAddress } from './common.ts';

interface GatewayFlags extends CommonFlags {
  readonly inside: string;
  readonly outside: string;
  readonly address?: Address;
  readonly clients: readonly Prefix[];
  readonly pcap?: string;
}

export function addClientGateway(client: Command, terminal: Terminal): void {
  const gateway = client
    .command('gateway')
    .description('Be the correspondent layer of all programs of a host or a network, between two TUN devices.')
    .requiredOption('--inside <device>', 'TUN device that packets of the clients come from')
    .requiredOption('--outside <device>', 'TUN device towards the Internet')
    .requiredOption('--clients <prefix...>', 'addresses of the clients, as prefixes', repeated(prefixValue))
    .option('--address <address>', 'its ICMPv6 errors come from it (default: an address of this host)', addressValue)
    .option('--pcap <file>', 'write every packet of the outside device to this pcapng file')
    .addHelpText('after', HELP);
  addJson(gateway).action(async (flags: GatewayFlags) => {
    const { inside, outside, clients, pcap, address = ownAddress() } = flags;
    if (address === undefined) throw new UserError('this host has no routable IPv6 address: give --address ADDRESS');
    if (inside === outside) throw new UserError('--inside and --outside are the same device: two are needed');
    await checkWritable(pcap);
    for (const device of [inside, outside]) await checkDevice(device);
    const { runClientGateway } = await import('../roles/client-gateway.ts');
    await runClientGateway({ inside, outside, address, clients, pcap }, new Output(terminal, flags));
  });
}

const HELP = `
The kernel has to send what comes from the clients into the inside device, and what comes for them from elsewhere into
the outside device; the README has an example. Packets that have nothing to do with Mobile IPv6 pass unchanged.

Example: homeport client gateway --inside hpin --outside hpout --clients 2001:db8:c:1::/64`;
