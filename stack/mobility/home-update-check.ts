// The tests a home agent makes before it accepts a home registration (RFC 6275 9.5.1, 10.3.1, 10.3.2 with RFC
// 4285 and RFC 5648), one function each, in order: who it is comes first, so that no status below 144 is ever
// told to somebody without the key. Decides; changes nothing, sends nothing.

import type { Address, Prefix } from '../wire/address.ts';
import { BINDING_STATUS } from '../wire/mobility.ts';
import { homeAgentAuthentication, timestampIsFresh, verifyAuthentication } from './authentication.ts';
import type { UpdateInHand } from './binding-update-check.ts';
import { sequenceIsNewer } from './constants.ts';
import type { HomeMember } from './home-bindings.ts';
import { findOption } from './mobility-options.ts';

export type HomeUpdateVerdict =
  | { readonly kind: 'accept'; readonly member: HomeMember }
  | {
      readonly kind: 'reject';
      readonly member: HomeMember;
      readonly status: number;
      readonly sequence: number;
    }
  | { readonly kind: 'discard'; readonly reason: string };

export interface HomeJudge {
  readonly prefixes: readonly Prefix[];
  readonly memberOfSpi: (spi: number) => HomeMember | undefined;
  /** Time of day; undefined: no replay protection is asked for. */
  readonly clock: bigint | undefined;
}

type Rejection = { readonly status: number; readonly sequence: number };

export function checkHomeUpdate(judge: HomeJudge, hand: UpdateInHand): HomeUpdateVerdict {
  const { update } = hand;
  const fault = checkForm(hand);
  if (fault !== undefined) return { kind: 'discard', reason: fault };
  const option = homeAgentAuthentication(update.options);
  const member = option && judge.memberOfSpi(option.spi);
  // RFC 4285 5.1: without the option, or with an SPI nobody has, silence.
  if (option === undefined || member === undefined) return { kind: 'discard', reason: 'home-update-unprotected' };
  const reject = (status: number): HomeUpdateVerdict => ({
    kind: 'reject',
    member,
    status,
    sequence: update.sequence,
  });
  const { careOf, home, received } = hand;
  if (!verifyAuthentication(member.association, careOf, home, option, received.header)) {
    return reject(BINDING_STATUS.authenticationFailed);
  }
  const refusal =
    checkReplay(judge, hand, member) ??
    checkHome(judge, hand, member) ??
    checkBindingIdentifier(hand, member) ??
    checkSequence(hand, member);
  return refusal === undefined ? { kind: 'accept', member } : { kind: 'reject', member, ...refusal };
}

/** RFC 6275 9.5.1: addresses, and no Nonce Indices in a home registration. */
function checkForm({ received, update, home, careOf }: UpdateInHand): string | undefined {
  const { wireSource, destination } = received.packet;
  if (destination.isMulticast || !wireSource.isRoutableUnicast) return 'home-update-source';
  if (!home.isRoutableUnicast) return 'home-update-home-address';
  if (!careOf.isRoutableUnicast) return 'home-update-care-of-address';
  if (findOption(update.options, 'nonce-indices') !== undefined) return 'home-update-with-nonces';
  return undefined;
}

/** RFC 4285 6. */
function checkReplay({ clock }: HomeJudge, { update }: UpdateInHand, member: HomeMember): Rejection | undefined {
  if (clock === undefined) return undefined;
  const { sequence } = update;
  const timestamp = findOption(update.options, 'replay-protection')?.timestamp;
  if (timestamp === undefined) return { status: BINDING_STATUS.replayProtectionRequired, sequence };
  if (timestampIsFresh(timestamp, clock, member.lastTimestamp)) return undefined;
  return { status: BINDING_STATUS.replayMismatch, sequence };
}

/** RFC 6275 10.3.1: a home address on the home link, this member's own, bound to somewhere else. */
function checkHome(judge: HomeJudge, hand: UpdateInHand, member: HomeMember): Rejection | undefined {
  const { home, careOf, update } = hand;
  const { sequence, lifetime } = update;
  const isHome = (a: Address): boolean => judge.prefixes.some((prefix) => prefix.contains(a));
  if (!isHome(home)) return { status: BINDING_STATUS.notHomeSubnet, sequence };
  if (!member.association.home.equals(home)) return { status: BINDING_STATUS.prohibited, sequence };
  if (lifetime > 0 && isHome(careOf)) return { status: BINDING_STATUS.invalidCareOf, sequence };
  return undefined;
}

/** RFC 5648: a member of a group says which one it is, and only itself; a node alone says nothing. */
function checkBindingIdentifier({ update }: UpdateInHand, member: HomeMember): Rejection | undefined {
  const option = findOption(update.options, 'binding-identifier');
  const { sequence } = update;
  if (option?.bid === member.association.bid) return undefined;
  const unwanted = member.association.bid === undefined;
  return { status: unwanted ? BINDING_STATUS.bindingIdentifierProhibited : BINDING_STATUS.prohibited, sequence };
}

/** RFC 6275 9.5.1, with the memory of 10.3.2; and nothing to delete is status 133. */
function checkSequence({ update }: UpdateInHand, member: HomeMember): Rejection | undefined {
  const { sequence, lifetime } = update;
  const last = member.binding?.sequence ?? member.endedSequence;
  if (last !== undefined && !sequenceIsNewer(sequence, last)) {
    return { status: BINDING_STATUS.sequenceOutOfWindow, sequence: last };
  }
  if (lifetime === 0 && member.binding === undefined) return { status: BINDING_STATUS.notHomeAgent, sequence };
  return undefined;
}
