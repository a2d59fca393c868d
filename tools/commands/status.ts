// `homeport status`: the server nodes of this machine and of the user's lab, and what each of their clients is.

import type { Command } from 'commander';
import { Output, type Terminal, table } from '../output.ts';
import type { AdminFields } from '../roles/admin.ts';
import { nameValue } from '../values.ts';
import { addJson, type CommonFlags } from './common.ts';
import { allSockets, clientsOf, socketOfNode, statusOf } from './nodes.ts';

interface StatusFlags extends CommonFlags {
  readonly node?: string;
  readonly admin?: string;
}

const LEGEND = `
A client is
  bound    it has a binding, and speaks with its node directly (RFC 6275)
  plain    it has no Mobile IPv6, or refused: all goes by way of the home agent
  testing  it is not known yet which`;

export function addStatus(program: Command, terminal: Terminal): void {
  const status = program
    .command('status')
    .description('Show the server nodes of this machine and of your lab, and their clients.')
    .option('--node <node>', 'this node only', nameValue)
    .option('--admin <socket>', 'the node with this admin socket only')
    .addHelpText('after', LEGEND);
  addJson(status).action(async ({ node, admin, ...flags }: StatusFlags) => {
    const output = new Output(terminal, flags);
    const one = admin ?? (node === undefined ? undefined : socketOfNode(node));
    if (one !== undefined) return show(output, await statusOf(one));
    const asked = await Promise.allSettled(allSockets().map(statusOf));
    for (const answer of asked) {
      if (answer.status === 'fulfilled') show(output, answer.value);
      else output.warn(answer.reason instanceof Error ? answer.reason.message : String(answer.reason));
    }
  });
}

function show(output: Output, status: AdminFields): void {
  output.event('status', status, words(status));
}

/** The node in a line, its clients in a table. */
function words(status: AdminFields): string {
  const { name, careOf, registered } = status;
  const clients = clientsOf(status);
  const where = registered === true ? 'registered with the home agent' : 'NOT registered with the home agent';
  const count = clients.length === 1 ? '1 client' : `${clients.length} clients`;
  const head = `Node ${String(name)} (${String(careOf)}), ${where}: ${count}.`;
  if (clients.length === 0) return head;
  const rows = clients.map(({ client, state, connections }) => [client, state, String(connections)]);
  return `${head}\n${table([['client', 'state', 'connections'], ...rows])}`;
}
