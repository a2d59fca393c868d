// `homeport handoff`: asks the node that has a client to hand it to another node, and says how that went.

import { type Command, Option } from 'commander';
import { PRESETS } from '../../stack/handoff/strategy.ts';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { Output, type Terminal } from '../output.ts';
import { callAdmin } from '../roles/admin.ts';
import { addressValue, nameValue } from '../values.ts';
import { addJson, type CommonFlags } from './common.ts';
import { allSockets, clientsOf, socketOfNode, statusOf } from './nodes.ts';

interface HandoffFlags extends CommonFlags {
  readonly client: Address;
  readonly to: string;
  readonly from?: string;
  readonly preset?: string;
  readonly admin?: string;
}

/** Longer than a handoff may take before the donor gives it up. */
const HANDOFF_MS = 60_000;

export function addHandoff(program: Command, terminal: Terminal): void {
  const handoff = program
    .command('handoff')
    .description('Hand a client, with all its connections, to another server node.')
    .requiredOption('--client <address>', 'the client', addressValue)
    .requiredOption('--to <node>', 'the node that takes it over', nameValue)
    .option(
      '--from <node>',
      'the node that has it (default: the nodes of this machine and of your lab are asked)',
      nameValue,
    )
    .addOption(new Option('--preset <preset>', "how (default: the node's own)").choices(Object.keys(PRESETS)))
    .option('--admin <socket>', 'admin socket of the node that has it')
    .addHelpText('after', '\nExample: homeport handoff --client 2001:db8:c::1 --to b --preset classic');
  addJson(handoff).action(async (flags: HandoffFlags) => {
    const { client, to, preset } = flags;
    const socket = flags.admin ?? (flags.from === undefined ? await socketOf(client) : socketOfNode(flags.from));
    const request = { request: 'handoff', client: client.toString(), to, ...(preset === undefined ? {} : { preset }) };
    const result = await callAdmin(socket, request, HANDOFF_MS);
    const how = typeof result.tookMs === 'number' ? ` (${result.preset}, ${result.tookMs.toFixed(1)} ms)` : '';
    new Output(terminal, flags).event('handoff', result, `${client} is now served by ${to}${how}.`);
  });
}

/** The node that has this client, among those whose admin sockets are here. */
async function socketOf(client: Address): Promise<string> {
  for (const socket of allSockets()) {
    const status = await statusOf(socket).catch(() => undefined);
    if (status !== undefined && clientsOf(status).some((c) => c.client === client.toString())) return socket;
  }
  throw new UserError(`no node here has the client ${client}`);
}
