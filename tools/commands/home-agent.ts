// `homeport home-agent`: the router of the home network. Checks the flags; the role is roles/home-agent.ts.

import type { Command } from 'commander';
import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import type { HomeSecurity } from '../../stack/mobility/home-update-check.ts';
import type { Address, Prefix } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { Output, type Terminal } from '../output.ts';
import { checkGroup } from '../roles/group.ts';
import { readGroupFile } from '../roles/group-file.ts';
import { addressValue, prefixValue } from '../values.ts';
import {
  addRoleOptions,
  bindingsOption,
  checkDevice,
  checkRouted,
  checkWritable,
  groupOption,
  type RoleFlags,
  securityOption,
} from './common.ts';

interface HomeAgentFlags extends RoleFlags {
  readonly group?: string;
  readonly security: HomeSecurity;
  readonly bindings?: BindingsAtHome;
  readonly state?: string;
  readonly address?: Address;
  readonly homePrefix?: Prefix;
}

export function addHomeAgent(program: Command, terminal: Terminal): void {
  const command = program
    .command('home-agent')
    .description('Run the home agent: tunnels traffic for the contact address to the registered server nodes.')
    .addOption(groupOption());
  addRoleOptions(command)
    .addOption(securityOption())
    .addOption(bindingsOption())
    .option('--state <file>', 'remember registrations in this file: they outlive the process')
    .optionsGroup('In place of what the group file says:')
    .option('--address <address>', 'address of the home agent', addressValue)
    .option('--home-prefix <prefix>', 'prefix of the home network, routed into the device', prefixValue)
    .action(async (flags: HomeAgentFlags) => {
      if (flags.group === undefined)
        throw new UserError("--group is missing: 'homeport group create' makes such a file");
      const read = readGroupFile(flags.group);
      const homeAgent = flags.address ?? read.homeAgent;
      const group = checkGroup({ ...read, homeAgent, homePrefix: flags.homePrefix ?? read.homePrefix });
      const bindings = flags.bindings ?? group.bindings ?? 'many';
      if (bindings === 'one' && flags.security !== 'none') {
        throw new UserError(
          "one binding for all: the nodes' own keys cannot protect it. Give --security none here and on the nodes",
        );
      }
      for (const path of [flags.pcap, flags.state]) await checkWritable(path);
      await checkDevice(flags.device);
      for (const address of [homeAgent, group.homeAddress]) checkRouted(address, flags.device);
      const { runHomeAgent } = await import('../roles/home-agent.ts');
      const { device, pcap, security, state } = flags;
      await runHomeAgent({ device, group, pcap, security, bindings, state }, new Output(terminal, flags));
    });
}
