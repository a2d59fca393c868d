// The download behind `homeport client get`.

import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import type { Output } from '../output.ts';

export interface Target {
  readonly host: Address;
  readonly port: number;
  readonly path: string;
  /** As it was given, for messages. */
  readonly url: string;
}

export interface GetOptions {
  readonly target: Target;
  readonly device: string;
  readonly address: Address;
  readonly output: string | undefined;
  readonly timeline: string | undefined;
  readonly pcap: string | undefined;
}

export async function runGet(_options: GetOptions, _output: Output): Promise<void> {
  throw new UserError('the client is not part of this build yet');
}
