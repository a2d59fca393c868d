// `homeport group create`: a group file with fresh keys, for home agent and members.

import { type Command, InvalidArgumentError } from 'commander';
import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import type { Address, Prefix } from '../../stack/wire/address.ts';
import { prefix } from '../../stack/wire/address.ts';
import { SystemRandom } from '../../tun/random.ts';
import { Output, type Terminal } from '../output.ts';
import { createGroup, type GroupMember } from '../roles/group.ts';
import { writeGroupFile } from '../roles/group-file.ts';
import { addressValue, nameValue, prefixValue, repeated } from '../values.ts';
import { addJson, bindingsOption, type CommonFlags, checkWritable } from './common.ts';

type PlannedMember = Pick<GroupMember, 'name' | 'careOf'>;

interface CreateFlags extends CommonFlags {
  readonly homeAddress: Address;
  readonly homePrefix?: Prefix;
  readonly homeAgent: Address;
  readonly member: readonly PlannedMember[];
  readonly bindings?: BindingsAtHome;
  readonly output: string;
}

export function addGroup(program: Command, terminal: Terminal): void {
  const group = program.command('group').description('The file by which home agent and server nodes know their group.');
  const create = group
    .command('create')
    .description('Write a group file with fresh keys: readable by its owner only, to be copied to every node.')
    .requiredOption('--home-address <address>', 'the contact address', addressValue)
    .option('--home-prefix <prefix>', 'network of the contact address (default: its /64)', prefixValue)
    .requiredOption('--home-agent <address>', 'address of the home agent', addressValue)
    .requiredOption('--member <name=address>', 'a server node and its own address; repeatable', repeated(memberValue))
    .requiredOption('-o, --output <file>', 'the file, which must not be there yet')
    .addOption(bindingsOption())
    .addHelpText('after', EXAMPLE);
  addJson(create).action(async (flags: CreateFlags) => {
    const { homeAddress, homeAgent, member: members, output, bindings } = flags;
    const homePrefix = flags.homePrefix ?? prefix(`${homeAddress}/64`);
    const made = createGroup(
      { homeAddress, homePrefix, homeAgent, members, ...(bindings && { bindings }) },
      new SystemRandom(),
    );
    await checkWritable(output);
    writeGroupFile(output, made);
    const names = made.members.map(({ name }) => name);
    const text = `${output}: a group of ${names.length} (${names.join(', ')}) at ${homeAddress}. It holds their keys: keep it safe.`;
    new Output(terminal, flags).event('group', { file: output, members: names }, text);
  });
}

const EXAMPLE = `
Example: homeport group create --home-address 2001:db8:100::1 --home-agent 2001:db8:1::1 \\
           --member a=2001:db8:a::1 --member b=2001:db8:b::1 -o group.json`;

function memberValue(text: string): PlannedMember {
  const [, name, careOf] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || careOf === undefined) {
    throw new InvalidArgumentError("a member such as 'a=2001:db8:a::1' (name, address) is needed.");
  }
  return { name: nameValue(name), careOf: addressValue(careOf) };
}
