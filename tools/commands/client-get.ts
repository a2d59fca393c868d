// `homeport client get URL`: downloads over our own stack, as a correspondent node. The role is roles/client.ts.

import type { Command } from 'commander';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { Output, type Terminal } from '../output.ts';
import type { Target } from '../roles/client.ts';
import { urlValue } from '../values.ts';
import {
  addRoleOptions,
  checkDevice,
  checkRouted,
  checkWritable,
  clientAddressOption,
  type RoleFlags,
} from './common.ts';

interface GetFlags extends RoleFlags {
  readonly address: Address;
  readonly output?: string;
  readonly timeline?: string;
}

export function addClientGet(client: Command, terminal: Terminal): void {
  const get = client
    .command('get')
    .description('Download a file over HTTP/1.1 and show what came from which node.')
    .argument('<url>', 'http://[address]:port/path', urlValue)
    .addOption(clientAddressOption())
    .option('--output <file>', 'where the file goes (default: nowhere; only its hash is taken)')
    .option('--timeline <file>', 'draw the download as an SVG picture (needs --pcap)')
    .addHelpText('after', "\nExample: homeport lab exec c -- homeport client get 'http://[2001:db8:100::1]/file'");
  addRoleOptions(get).action(async (target: Target, flags: GetFlags) => {
    if (flags.timeline !== undefined && flags.pcap === undefined) {
      throw new UserError('--timeline is drawn from the capture: give --pcap FILE too');
    }
    for (const file of [flags.output, flags.timeline, flags.pcap]) await checkWritable(file);
    await checkDevice(flags.device);
    checkRouted(flags.address, flags.device);
    const { runGet } = await import('../roles/client.ts');
    await runGet(
      {
        target,
        device: flags.device,
        address: flags.address,
        output: flags.output,
        timeline: flags.timeline,
        pcap: flags.pcap,
      },
      new Output(terminal, flags),
    );
  });
}
