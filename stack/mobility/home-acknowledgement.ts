// A home agent's answer to an update (RFC 6275 9.5.4, 10.3.1): the options that come back with it, its signature, and
// the way by routing header to where the update came from.

import type { Instant } from '../core/time.ts';
import { BINDING_STATUS, type BindingAcknowledgement, type BindingUpdate } from '../wire/mobility.ts';
import type { MobilityOption } from '../wire/mobility-option.ts';
import type { MobilityEnvironment } from './api.ts';
import { type SecurityAssociation, signAuthentication, unsignedAuthentication } from './authentication.ts';
import type { UpdateInHand } from './binding-update-check.ts';
import { findOption } from './mobility-options.ts';
import { sendMobility } from './mobility-output.ts';

export interface HomeAnswer extends Pick<BindingAcknowledgement, 'status' | 'sequence' | 'lifetime'> {
  /** Each Flow Identification option with its status (RFC 6089 5.2). */
  readonly flows?: readonly MobilityOption[];
}

/** Signed where there is a key to sign with. */
export function sendHomeAcknowledgement(
  environment: MobilityEnvironment,
  now: Instant,
  hand: UpdateInHand,
  association: SecurityAssociation | undefined,
  answer: HomeAnswer,
): void {
  const { home, careOf, received } = hand;
  const { wireSource } = received.packet;
  const { status, sequence, lifetime, flows = [] } = answer;
  const options = [...answerOptions(environment.ntpTime?.(now), hand.update, status), ...flows];
  if (association !== undefined) options.push(unsignedAuthentication(association.spi));
  const message = {
    kind: 'binding-acknowledgement',
    keyManagement: false,
    status,
    sequence,
    lifetime,
    options,
  } as const;
  sendMobility(environment, now, {
    source: received.packet.destination,
    destination: home,
    message,
    via: wireSource.equals(home) ? {} : { careOfDestination: wireSource },
    ...(association !== undefined && {
      sign: (header) => signAuthentication(association, careOf, home, message, header),
    }),
  });
}

/** The Binding Identifier comes back with the status (RFC 5648 6.3); the timestamp too, or ours (RFC 4285 6). */
function answerOptions(clock: bigint | undefined, update: BindingUpdate, status: number): MobilityOption[] {
  const options: MobilityOption[] = [];
  const identifier = findOption(update.options, 'binding-identifier');
  if (identifier !== undefined) options.push({ ...identifier, status });
  const theirs = findOption(update.options, 'replay-protection')?.timestamp;
  const mismatch = status === BINDING_STATUS.replayMismatch || status === BINDING_STATUS.replayProtectionRequired;
  const timestamp = mismatch ? clock : theirs;
  if (timestamp !== undefined) options.push({ kind: 'replay-protection', timestamp });
  return options;
}
