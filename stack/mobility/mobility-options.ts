// Looking options up in a parsed mobility message, and the one rule about their order: an authenticator that
// covers the message ends it (RFC 6275 6.2.7).

import {
  AUTHENTICATOR_LEN,
  BINDING_AUTHORIZATION_AUTHENTICATOR,
  type MobilityOption,
} from '../wire/mobility-option.ts';
import type { MobilityHeaderSpan } from './rr-keys.ts';

type OptionOf<Kind extends MobilityOption['kind']> = Extract<MobilityOption, { kind: Kind }>;

/** The first option of this kind. */
export function findOption<Kind extends MobilityOption['kind']>(
  options: readonly MobilityOption[],
  kind: Kind,
): OptionOf<Kind> | undefined {
  return options.find((option): option is OptionOf<Kind> => option.kind === kind);
}

/** RFC 6275 6.2.7, 9.5.1: Binding Authorization Data is there, of 96 bits, the last option, nothing behind it. */
export function endsWithAuthorization(options: readonly MobilityOption[], header: MobilityHeaderSpan): boolean {
  const option = findOption(options, 'binding-authorization-data');
  if (option?.at === undefined || option.authenticator.length !== AUTHENTICATOR_LEN) return false;
  return option.at + BINDING_AUTHORIZATION_AUTHENTICATOR + AUTHENTICATOR_LEN === header.end;
}

/** To be filled in by signBinding once the message is emitted. Must be the last option. */
export const UNSIGNED_AUTHORIZATION: MobilityOption = {
  kind: 'binding-authorization-data',
  authenticator: new Uint8Array(AUTHENTICATOR_LEN),
};
