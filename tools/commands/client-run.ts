// `homeport client run -- PROGRAM`: any unmodified program behind our correspondent layer. The role is
// roles/client-run.ts. The program's output is its own: what we have to say goes to stderr.

import type { Command } from 'commander';
import type { Address } from '../../stack/wire/address.ts';
import { Exit } from '../errors.ts';
import { checkNamespaces } from '../lab/namespaces.ts';
import { Output, type Terminal } from '../output.ts';
import {
  addRoleOptions,
  checkDevice,
  checkRouted,
  checkWritable,
  clientAddressOption,
  type RoleFlags,
} from './common.ts';

interface RunFlags extends RoleFlags {
  readonly address: Address;
  readonly quiet?: boolean;
}

export function addClientRun(client: Command, terminal: Terminal): void {
  const run = client
    .command('run')
    .description('Run a program in a network namespace behind the correspondent layer: it needs to know nothing of it.')
    .argument('<program...>', 'the program and its arguments, after --')
    .passThroughOptions()
    .addOption(clientAddressOption())
    .option('--quiet', 'say nothing of handoffs')
    .addHelpText('after', HELP);
  addRoleOptions(run).action(async (program: string[], flags: RunFlags) => {
    await checkWritable(flags.pcap);
    await checkDevice(flags.device);
    checkRouted(flags.address, flags.device);
    checkNamespaces();
    const { runClientProgram } = await import('../roles/client-run.ts');
    const { device, address, pcap, quiet = false } = flags;
    const output = new Output({ ...terminal, out: terminal.err }, flags);
    const status = await runClientProgram({ program, device, address, pcap, quiet }, output);
    if (status !== 0) throw new Exit(status);
  });
}

const HELP = `
The program has the address of this client, a route to everywhere, and its own exit status. All of its output is its own;
what homeport says (with --json: one object a line) is on stderr.

Examples: homeport lab exec c -- homeport client run -- curl -O 'http://[2001:db8:100::1]/file'
          homeport lab exec c -- homeport client run -- bash`;
