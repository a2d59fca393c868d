// `homeport server`: a server node of the group. Checks the flags; the node itself is roles/server.ts.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_PRESET, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { Output, type Terminal } from '../output.ts';
import type { MemberAddress, ServerOptions } from '../roles/server.ts';
import { addressValue, bidValue, nameValue, portValue, repeated, spiValue } from '../values.ts';
import { addRoleOptions, checkDevice, checkDirectory, checkWritable, type RoleFlags, readKey } from './common.ts';

interface ServerFlags extends RoleFlags {
  readonly name: string;
  readonly careOf: Address;
  readonly homeAddress: Address;
  readonly homeAgent: Address;
  readonly bid: number;
  readonly spi: number;
  readonly keyFile?: string;
  readonly groupKeyFile?: string;
  readonly member?: readonly MemberAddress[];
  readonly contact?: boolean;
  readonly port: number;
  readonly serve: string;
  readonly controlPort: number;
  readonly preset: PresetName;
  readonly admin?: string;
}

export const DEFAULT_CONTROL_PORT = 4433;

export function addServer(program: Command, terminal: Terminal): void {
  const command = program
    .command('server')
    .description('Run a server node: serves files at the contact address and hands clients to other nodes.')
    .requiredOption('--name <name>', 'name of this node in the group', nameValue)
    .requiredOption('--care-of <address>', "this node's own address (its care-of address)", addressValue)
    .requiredOption('--home-address <address>', "the group's contact address", addressValue)
    .requiredOption('--home-agent <address>', 'address of the home agent', addressValue)
    .requiredOption('--bid <number>', 'Binding Identifier of this node at the home agent', bidValue)
    .requiredOption('--spi <number>', 'SPI of the key shared with the home agent', spiValue)
    .option('--key-file <file>', 'key shared with the home agent, as hexadecimal digits (or set HOMEPORT_KEY)')
    .option('--group-key-file <file>', 'key shared by the group (or set HOMEPORT_GROUP_KEY)')
    .option('--member <name=address,bid>', 'another node of the group; repeatable', repeated(memberValue))
    .option('--contact', 'this node is the contact node: new clients reach it first')
    .option('--port <port>', 'TCP port of the HTTP server', portValue, 80)
    .requiredOption('--serve <directory>', 'directory whose files are served')
    .option('--control-port <port>', 'TCP port of the control channel between nodes', portValue, DEFAULT_CONTROL_PORT)
    .addOption(
      new Option('--preset <preset>', 'how handoffs are done when the request names no preset')
        .choices(Object.keys(PRESETS))
        .default(DEFAULT_PRESET),
    )
    .option('--admin <socket>', 'admin socket (default: /run/homeport/NAME.sock)');
  addRoleOptions(command).action(async (flags: ServerFlags) => {
    const options = await serverOptions(flags);
    const { runServer } = await import('../roles/server.ts');
    await runServer(options, new Output(terminal, flags));
  });
}

async function serverOptions(flags: ServerFlags): Promise<ServerOptions> {
  checkDirectory(flags.serve);
  const members = flags.member ?? [];
  for (const member of members) {
    if (member.name === flags.name || member.bid === flags.bid || member.careOf.equals(flags.careOf)) {
      throw new UserError(`member '${member.name}' has the name, BID or address of this node`);
    }
  }
  const key = readKey('key shared with the home agent', flags.keyFile, 'HOMEPORT_KEY');
  const groupKey = readKey('group key', flags.groupKeyFile, 'HOMEPORT_GROUP_KEY');
  await checkWritable(flags.pcap);
  await checkDevice(flags.device);
  return {
    device: flags.device,
    name: flags.name,
    careOf: flags.careOf,
    homeAddress: flags.homeAddress,
    homeAgent: flags.homeAgent,
    bid: flags.bid,
    spi: flags.spi,
    key,
    groupKey,
    members,
    contact: flags.contact === true,
    port: flags.port,
    directory: flags.serve,
    controlPort: flags.controlPort,
    preset: flags.preset,
    pcap: flags.pcap,
    admin: flags.admin,
  };
}

/** 'b=2001:db8:b::1,2' */
function memberValue(text: string): MemberAddress {
  const [, name, careOf, bid] = /^([^=]+)=([^,]+),([^,]+)$/.exec(text) ?? [];
  if (name === undefined || careOf === undefined || bid === undefined) {
    throw new InvalidArgumentError("a member such as 'b=2001:db8:b::1,2' (name, care-of address, BID) is needed.");
  }
  return { name: nameValue(name), careOf: addressValue(careOf), bid: bidValue(bid) };
}
