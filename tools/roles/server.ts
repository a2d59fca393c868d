// The server node behind `homeport server`: puts the parts together and tells when it is ready.

import type { PresetName } from '../../stack/handoff/strategy.ts';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import type { Output } from '../output.ts';

export interface MemberAddress {
  readonly name: string;
  readonly careOf: Address;
  readonly bid: number;
}

export interface ServerOptions {
  readonly device: string;
  readonly name: string;
  readonly careOf: Address;
  readonly homeAddress: Address;
  readonly homeAgent: Address;
  readonly bid: number;
  readonly spi: number;
  readonly key: Uint8Array;
  readonly groupKey: Uint8Array;
  readonly members: readonly MemberAddress[];
  readonly contact: boolean;
  readonly port: number;
  readonly directory: string;
  readonly controlPort: number;
  readonly preset: PresetName;
  readonly pcap: string | undefined;
  readonly admin: string | undefined;
}

export async function runServer(_options: ServerOptions, _output: Output): Promise<void> {
  throw new UserError('the server node is not part of this build yet');
}
