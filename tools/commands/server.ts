// `homeport server`: a server node of the group. Checks the flags; who the node is, server-identity.ts tells from them
// and the group file; the node itself is roles/server.ts.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_PRESET, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { VARIABLE } from '../lab/furnish.ts';
import { Output, type Terminal } from '../output.ts';
import { DEFAULT_CONTROL_PORT } from '../roles/group.ts';
import { readGroupFile } from '../roles/group-file.ts';
import type { MemberAddress, ServerOptions } from '../roles/server.ts';
import { addressValue, bidValue, nameValue, portValue, repeated, spiValue } from '../values.ts';
import {
  addRoleOptions,
  bindingsOption,
  checkDevice,
  checkDirectory,
  checkRouted,
  checkWritable,
  groupOption,
  type RoleFlags,
  securityOption,
} from './common.ts';
import { type IdentityFlags, identityOf } from './server-identity.ts';

interface ServerFlags extends RoleFlags, IdentityFlags {
  readonly group?: string;
  readonly port: number;
  readonly serve: string;
  readonly writable?: boolean;
  readonly preset: PresetName;
  readonly admin?: string;
}

export function addServer(program: Command, terminal: Terminal): void {
  const command = program
    .command('server')
    .description('Run a server node: serves files at the contact address and hands clients to other nodes.')
    .requiredOption('--serve <directory>', 'directory whose files are served')
    .option('--writable', 'take files too (PUT); members between which an upload moves need one directory')
    .addOption(groupOption())
    .addOption(
      new Option('--name <name>', 'which member of the group this node is').argParser(nameValue).env(VARIABLE.name),
    )
    .option(
      '--contact [node]',
      'the contact node, which new clients reach first: this one, or the one of that name (without one: the lowest BID)',
    )
    .option('--port <port>', 'TCP port of the HTTP server', portValue, 80)
    .addOption(
      new Option('--preset <preset>', 'how handoffs are done when the request names no preset')
        .choices(Object.keys(PRESETS))
        .default(DEFAULT_PRESET),
    )
    .option('--admin <socket>', "socket that 'homeport handoff' asks (default: /run/homeport/NAME.sock)");
  addRoleOptions(command).addOption(securityOption()).addOption(bindingsOption());
  addIdentityOptions(command).action(async (flags: ServerFlags) => {
    const options = await serverOptions(flags);
    const { runServer } = await import('../roles/server.ts');
    await runServer(options, new Output(terminal, flags));
  });
}

const addIdentityOptions = (command: Command): Command =>
  command
    .optionsGroup('In place of what the group file says:')
    .option('--care-of <address>', "this node's own address (its care-of address)", addressValue)
    .option('--home-address <address>', "the group's contact address", addressValue)
    .option('--home-agent <address>', 'address of the home agent', addressValue)
    .option('--bid <number>', 'Binding Identifier of this node at the home agent', bidValue)
    .option('--spi <number>', 'SPI of the key shared with the home agent', spiValue)
    .option('--key-file <file>', 'key shared with the home agent, as hexadecimal digits (or set HOMEPORT_KEY)')
    .option('--group-key-file <file>', 'key shared by the group (or set HOMEPORT_GROUP_KEY)')
    .option('--member <name=address,bid>', 'another node; repeatable: these are all', repeated(memberValue))
    .option('--control-port <port>', `control channel between nodes (default: ${DEFAULT_CONTROL_PORT})`, portValue);

async function serverOptions(flags: ServerFlags): Promise<ServerOptions> {
  checkDirectory(flags.serve);
  const identity = identityOf(flags, flags.group === undefined ? undefined : readGroupFile(flags.group), flags.group);
  await checkWritable(flags.pcap);
  await checkDevice(flags.device);
  checkRouted(identity.careOf, flags.device);
  return {
    ...identity,
    device: flags.device,
    port: flags.port,
    directory: flags.serve,
    writable: flags.writable === true,
    preset: flags.preset,
    pcap: flags.pcap,
    admin: flags.admin,
  };
}

/** 'b=2001:db8:b::1,2' */
function memberValue(text: string): Omit<MemberAddress, 'controlPort'> {
  const [, name, careOf, bid] = /^([^=]+)=([^,]+),([^,]+)$/.exec(text) ?? [];
  if (name === undefined || careOf === undefined || bid === undefined) {
    throw new InvalidArgumentError("a member such as 'b=2001:db8:b::1,2' (name, care-of address, BID) is needed.");
  }
  return { name: nameValue(name), careOf: addressValue(careOf), bid: bidValue(bid) };
}
