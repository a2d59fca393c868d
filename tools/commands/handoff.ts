// `homeport handoff`: asks the node that has a client to hand it to another node, and says how that went.

import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { PRESETS } from '../../stack/handoff/strategy.ts';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { RUN_DIRECTORY, VARIABLE } from '../lab/furnish.ts';
import { rootOf, runningLab } from '../lab/state.ts';
import { Output, type Terminal } from '../output.ts';
import { type AdminFields, adminSocket, adminSockets, callAdmin } from '../roles/admin.ts';
import { addressValue, nameValue } from '../values.ts';
import { addJson, type CommonFlags } from './common.ts';

interface HandoffFlags extends CommonFlags {
  readonly client: Address;
  readonly to: string;
  readonly from?: string;
  readonly preset?: string;
  readonly admin?: string;
}

const STATUS_MS = 2_000;
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

/** Where the admin sockets are: of this machine, and of this user's lab. */
function directories(): string[] {
  const lab = process.env[VARIABLE.inside] === undefined ? runningLab() : undefined;
  return lab === undefined ? [RUN_DIRECTORY] : [RUN_DIRECTORY, rootOf(lab) + RUN_DIRECTORY];
}

function socketOfNode(name: string): string {
  const sockets = directories().map((directory) => adminSocket(name, directory));
  const found = sockets.find((socket) => existsSync(socket));
  if (found === undefined) throw new UserError(`no server node '${name}' is running here`);
  return found;
}

/** The node that has this client, among those whose admin sockets are here. */
async function socketOf(client: Address): Promise<string> {
  const sockets = directories().flatMap((directory) => adminSockets(directory));
  if (sockets.length === 0) throw new UserError('no server node is running here, nor in a lab of yours');
  for (const socket of sockets) {
    const status = await callAdmin(socket, { request: 'status' }, STATUS_MS).catch(() => undefined);
    if (status !== undefined && clientsOf(status).includes(client.toString())) return socket;
  }
  throw new UserError(`no node here has the client ${client}`);
}

const clientsOf = (status: AdminFields): unknown[] => (Array.isArray(status.clients) ? status.clients : []);
