// `homeport client put FILE URL`: uploads over our own stack, as a correspondent node. The role is roles/client-put.ts.

import type { Command } from 'commander';
import type { Address } from '../../stack/wire/address.ts';
import { Output, type Terminal } from '../output.ts';
import type { Target } from '../roles/client.ts';
import { urlValue } from '../values.ts';
import {
  addRoleOptions,
  checkDevice,
  checkFile,
  checkRouted,
  checkWritable,
  clientAddressOption,
  type RoleFlags,
} from './common.ts';

interface PutFlags extends RoleFlags {
  readonly address: Address;
}

export function addClientPut(client: Command, terminal: Terminal): void {
  const put = client
    .command('put')
    .description('Upload a file over HTTP/1.1 (PUT) to servers that take them (server --writable).')
    .argument('<file>', 'what is sent')
    .argument('<url>', 'http://[address]:port/path', urlValue)
    .addOption(clientAddressOption())
    .addHelpText('after', "\nExample: homeport lab exec c -- homeport client put file 'http://[2001:db8:100::1]/file'");
  addRoleOptions(put).action(async (file: string, target: Target, flags: PutFlags) => {
    const { device, address, pcap } = flags;
    checkFile(file);
    await checkWritable(pcap);
    await checkDevice(device);
    checkRouted(address, device);
    const { runPut } = await import('../roles/client-put.ts');
    await runPut({ file, target, device, address, pcap }, new Output(terminal, flags));
  });
}
