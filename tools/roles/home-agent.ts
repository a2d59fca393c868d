// The home agent behind `homeport home-agent`.

import type { Address, Prefix } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import type { Output } from '../output.ts';
import type { Group } from './group-file.ts';

export interface HomeAgentOptions {
  readonly device: string;
  readonly address: Address;
  readonly homePrefix: Prefix;
  readonly group: Group;
  readonly pcap: string | undefined;
}

export async function runHomeAgent(_options: HomeAgentOptions, _output: Output): Promise<void> {
  throw new UserError('the home agent is not part of this build yet');
}
