// `homeport home-agent`: the router of the home network. Checks the flags; the role is roles/home-agent.ts.

import type { Command } from 'commander';
import type { Address, Prefix } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { Output, type Terminal } from '../output.ts';
import { readGroupFile } from '../roles/group-file.ts';
import { addressValue, prefixValue } from '../values.ts';
import { addRoleOptions, checkDevice, checkWritable, type RoleFlags } from './common.ts';

interface HomeAgentFlags extends RoleFlags {
  readonly address: Address;
  readonly homePrefix: Prefix;
  readonly members: string;
}

export function addHomeAgent(program: Command, terminal: Terminal): void {
  const command = program
    .command('home-agent')
    .description('Run the home agent: tunnels traffic for the contact address to the registered server nodes.')
    .requiredOption('--address <address>', 'address of the home agent', addressValue)
    .requiredOption('--home-prefix <prefix>', 'prefix of the home network, routed into the device', prefixValue)
    .requiredOption('--members <file>', 'JSON file with the contact address and the members and their keys');
  addRoleOptions(command).action(async (flags: HomeAgentFlags) => {
    const group = readGroupFile(flags.members);
    if (!flags.homePrefix.contains(group.homeAddress)) {
      throw new UserError(`the contact address ${group.homeAddress} is not in the home prefix ${flags.homePrefix}`);
    }
    await checkWritable(flags.pcap);
    await checkDevice(flags.device);
    const { runHomeAgent } = await import('../roles/home-agent.ts');
    const { device, address, homePrefix, pcap } = flags;
    await runHomeAgent({ device, address, homePrefix, group, pcap }, new Output(terminal, flags));
  });
}
