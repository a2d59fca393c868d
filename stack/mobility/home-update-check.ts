// The tests a home agent makes before it accepts a home registration (RFC 6275 9.5.1, 10.3.1, 10.3.2 with RFC
// 4285 and RFC 5648), one function each, in order: who it is comes first, so that no status below 144 is ever
// told to somebody without the key. Decides; changes nothing, sends nothing.

import type { Address, Prefix } from '../wire/address.ts';
import { BINDING_STATUS, type BindingUpdate } from '../wire/mobility.ts';
import { homeAgentAuthentication, timestampIsFresh, verifyAuthentication } from './authentication.ts';
import { type UpdateInHand, updateInHand } from './binding-update-check.ts';
import { sequenceIsNewer } from './constants.ts';
import { type HomeMember, NO_BID } from './home-bindings.ts';
import type { ReceivedMobility } from './mobility-dispatch.ts';
import { findOption } from './mobility-options.ts';

export type HomeUpdateVerdict =
  | { readonly kind: 'accept'; readonly member: HomeMember }
  | {
      readonly kind: 'reject';
      /** Who is known to ask. Undefined: nobody that we have a key of. */
      readonly member: HomeMember | undefined;
      readonly status: number;
      readonly sequence: number;
    }
  | { readonly kind: 'discard'; readonly reason: string };

/** How a home agent knows who registers: by the keys of RFC 4285, or not at all, where the way to it is secured. */
export type HomeSecurity = 'rfc4285' | 'none';

export interface HomeJudge {
  readonly security: HomeSecurity;
  readonly prefixes: readonly Prefix[];
  readonly memberOfSpi: (spi: number) => HomeMember | undefined;
  readonly memberOfHome: (home: Address, bid: number | undefined) => HomeMember | undefined;
  /** Has a correspondent on this host a binding of `home`? */
  readonly isCorrespondents: (home: Address) => boolean;
  /** Time of day; undefined: no replay protection is asked for. */
  readonly clock: bigint | undefined;
}

type Rejection = { readonly status: number; readonly sequence: number };

export function checkHomeUpdate(judge: HomeJudge, hand: UpdateInHand): HomeUpdateVerdict {
  const fault = checkForm(hand);
  if (fault !== undefined) return { kind: 'discard', reason: fault };
  return judge.security === 'none' ? checkUnprotected(judge, hand) : checkProtected(judge, hand);
}

/** RFC 4285: the SPI says who it is, and the authenticator that it is he. */
function checkProtected(judge: HomeJudge, hand: UpdateInHand): HomeUpdateVerdict {
  const { careOf, home, received, update } = hand;
  const option = homeAgentAuthentication(update.options);
  const member = option && judge.memberOfSpi(option.spi);
  // RFC 4285 5.1: without the option, or with an SPI nobody has, silence.
  if (option === undefined || member === undefined) return { kind: 'discard', reason: 'home-update-unprotected' };
  const { sequence } = update;
  if (!verifyAuthentication(member.association, careOf, home, option, received.header)) {
    return { kind: 'reject', member, status: BINDING_STATUS.authenticationFailed, sequence };
  }
  const refusal =
    checkReplay(judge, hand, member) ??
    checkType(judge, hand) ??
    checkHome(judge, hand) ??
    checkOwner(hand, member) ??
    checkIdentifier(hand, member) ??
    checkSequence(hand, member);
  return refusal === undefined ? { kind: 'accept', member } : { kind: 'reject', member, ...refusal };
}

/** Anybody who names a home address and identifier that there are. */
function checkUnprotected(judge: HomeJudge, hand: UpdateInHand): HomeUpdateVerdict {
  const { home, update } = hand;
  const bid = findOption(update.options, 'binding-identifier')?.bid;
  const member = judge.memberOfHome(home, bid);
  const refusal =
    checkType(judge, hand) ??
    checkHome(judge, hand) ??
    (member && (checkIdentifier(hand, member) ?? checkSequence(hand, member)));
  if (refusal !== undefined) return { kind: 'reject', member, ...refusal };
  if (member !== undefined) return { kind: 'accept', member };
  // RFC 6275 10.3.2: nothing of that name to delete; else it is ours to say who may register (10.3.1).
  const status = update.lifetime === 0 ? BINDING_STATUS.notHomeAgent : BINDING_STATUS.prohibited;
  return { kind: 'reject', member, status, sequence: update.sequence };
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

/** RFC 6275 9.5.1: a correspondent's binding does not become a home registration. */
function checkType(judge: HomeJudge, { home, update }: UpdateInHand): Rejection | undefined {
  if (!judge.isCorrespondents(home)) return undefined;
  return { status: BINDING_STATUS.registrationTypeChange, sequence: update.sequence };
}

/** RFC 6275 10.3.1: a home address on the home link, bound to somewhere else. */
function checkHome(judge: HomeJudge, { home, careOf, update }: UpdateInHand): Rejection | undefined {
  const { sequence, lifetime } = update;
  const isHome = (a: Address): boolean => judge.prefixes.some((prefix) => prefix.contains(a));
  if (!isHome(home)) return { status: BINDING_STATUS.notHomeSubnet, sequence };
  if (lifetime > 0 && isHome(careOf)) return { status: BINDING_STATUS.invalidCareOf, sequence };
  return undefined;
}

/** Its own home address (RFC 6275 10.3.1), and itself alone of a group (RFC 5648). */
function checkOwner({ home, update }: UpdateInHand, { association }: HomeMember): Rejection | undefined {
  const { sequence } = update;
  if (!association.home.equals(home)) return { status: BINDING_STATUS.prohibited, sequence };
  const option = findOption(update.options, 'binding-identifier');
  if (option?.bid === association.bid || option?.bid === NO_BID) return undefined;
  const unwanted = association.bid === undefined;
  return { status: unwanted ? BINDING_STATUS.bindingIdentifierProhibited : BINDING_STATUS.prohibited, sequence };
}

/** RFC 5648 6.3: a Binding Identifier that is one, one at a time, and one care-of address in all the message. */
function checkIdentifier({ update, careOf }: UpdateInHand, { association }: HomeMember): Rejection | undefined {
  const { sequence, options } = update;
  const identifiers = options.filter((option) => option.kind === 'binding-identifier');
  const alternate = findOption(options, 'alternate-care-of')?.address;
  const [identifier] = identifiers;
  if (identifier === undefined) return undefined;
  const malformed = identifier.bid === NO_BID || (alternate !== undefined && !alternate.equals(careOf));
  if (malformed) return { status: BINDING_STATUS.bindingIdentifierMalformed, sequence };
  if (association.bid === undefined) return { status: BINDING_STATUS.bindingIdentifierProhibited, sequence };
  // Several at once would be other members' (each registers itself), and nobody is ever at home here.
  if (identifiers.length > 1) return { status: BINDING_STATUS.bulkRegistrationProhibited, sequence };
  if (identifier.simultaneous) return { status: BINDING_STATUS.homeAndForeignProhibited, sequence };
  return undefined;
}

/** RFC 5648 6.1: the care-of address of a Binding Identifier option is the one that is bound. */
export function homeUpdateInHand(received: ReceivedMobility, update: BindingUpdate): UpdateInHand {
  const hand = updateInHand(received, update);
  const named = findOption(update.options, 'binding-identifier')?.careOf;
  return named === undefined ? hand : { ...hand, careOf: named };
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
