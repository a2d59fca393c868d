// `homeport client ...`: the ways to be a client, a file each.

import type { Command } from 'commander';
import type { Terminal } from '../output.ts';
import { addClientGateway } from './client-gateway.ts';
import { addClientGet } from './client-get.ts';
import { addClientProxy } from './client-proxy.ts';
import { addClientPut } from './client-put.ts';
import { addClientRun } from './client-run.ts';

export function addClient(program: Command, terminal: Terminal): void {
  const client = program.command('client').description('Use a server through the correspondent side of Mobile IPv6.');
  client.enablePositionalOptions();
  for (const add of [addClientGet, addClientPut, addClientRun, addClientGateway, addClientProxy]) add(client, terminal);
}
