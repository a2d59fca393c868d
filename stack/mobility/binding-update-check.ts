// The tests a correspondent makes before it accepts a Binding Update (RFC 6275 9.5.1), one function each, in
// an order that keeps what is told to a stranger least: a status that depends on the cache's sequence number
// is given only to who has proved that he holds the tokens. Decides; changes nothing, sends nothing.

import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { BINDING_STATUS, type BindingUpdate } from '../wire/mobility.ts';
import type { BindingCache } from './binding-cache.ts';
import { sequenceIsNewer } from './constants.ts';
import type { ReceivedMobility } from './mobility-dispatch.ts';
import { endsWithAuthorization, findOption } from './mobility-options.ts';
import { bindingManagementKey, careOfKeygenToken, homeKeygenToken, type NonceTable, verifyBinding } from './rr-keys.ts';

/** A Binding Update with the two addresses it is about. */
export interface UpdateInHand {
  readonly received: ReceivedMobility;
  readonly update: BindingUpdate;
  /** RFC 6275 9.5.1: from the Home Address option, else the source. */
  readonly home: Address;
  /** From the Alternate Care-of Address option, else the source. */
  readonly careOf: Address;
}

export type UpdateVerdict =
  | { readonly kind: 'accept'; readonly kbm: Uint8Array }
  /** Without a key the acknowledgement bears no authenticator (RFC 6275 9.5.4). */
  | { readonly kind: 'reject'; readonly status: number; readonly sequence: number; readonly kbm?: Uint8Array }
  | { readonly kind: 'discard'; readonly reason: string };

export interface UpdateJudge {
  readonly cache: BindingCache;
  readonly nonces: NonceTable;
  /** An address of ours, or one that we answer for. */
  readonly isOurs: (address: Address) => boolean;
}

export function updateInHand(received: ReceivedMobility, update: BindingUpdate): UpdateInHand {
  const { packet } = received;
  const alternate = findOption(update.options, 'alternate-care-of');
  return { received, update, home: packet.source, careOf: alternate?.address ?? packet.wireSource };
}

export function checkBindingUpdate(now: Instant, judge: UpdateJudge, hand: UpdateInHand): UpdateVerdict {
  return (
    checkAddresses(judge, hand) ??
    checkRegistrationType(now, judge, hand) ??
    checkOptions(hand) ??
    checkAuthorization(now, judge, hand)
  );
}

const discard = (reason: string): UpdateVerdict => ({ kind: 'discard', reason });

/** Home and care-of address must be unicast and routable (RFC 6275 6.1.7, 9.5.1). */
function checkAddresses(judge: UpdateJudge, { received, home, careOf }: UpdateInHand): UpdateVerdict | undefined {
  const { packet } = received;
  if (packet.destination.isMulticast || !packet.wireSource.isRoutableUnicast) return discard('update-source');
  if (!home.isRoutableUnicast || judge.isOurs(home)) return discard('update-home-address');
  if (!careOf.isRoutableUnicast || judge.isOurs(careOf)) return discard('update-care-of-address');
  return undefined;
}

/**
 * The H bit: a correspondent's entry never becomes a home registration (status 139), and a home registration
 * is for home agents (131). Tested ahead of the options, which an update with H has not got.
 */
function checkRegistrationType(now: Instant, judge: UpdateJudge, hand: UpdateInHand): UpdateVerdict | undefined {
  const { update, home } = hand;
  if (!update.home) return undefined;
  const { sequence } = update;
  if (judge.cache.find(hand.received.packet.destination, home) !== undefined) {
    // Signed where there is a key to sign with (9.5.4).
    const kbm = provenKey(now, judge, hand);
    return { kind: 'reject', status: BINDING_STATUS.registrationTypeChange, sequence, ...(kbm && { kbm }) };
  }
  if (findOption(update.options, 'nonce-indices') !== undefined) return discard('update-home-with-nonces');
  return { kind: 'reject', status: BINDING_STATUS.homeRegistrationNotSupported, sequence };
}

function checkOptions({ received, update }: UpdateInHand): UpdateVerdict | undefined {
  if (findOption(update.options, 'nonce-indices') === undefined) return discard('update-without-nonces');
  if (!endsWithAuthorization(update.options, received.header)) return discard('update-without-authorization');
  return undefined;
}

/** Nonces, authenticator, sequence number, and at last whether the care-of address makes sense. */
function checkAuthorization(now: Instant, judge: UpdateJudge, hand: UpdateInHand): UpdateVerdict {
  const { received, update, home, careOf } = hand;
  const key = keyFor(now, judge.nonces, hand);
  if (key.kind === 'stale') return { kind: 'reject', status: key.status, sequence: update.sequence };
  const { kbm } = key;
  if (!verifyBinding(kbm, careOf, received.packet.destination, received.header)) return discard('update-authenticator');
  const local = received.packet.destination;
  const last = judge.cache.lastSequence(now, local, home);
  if (last !== undefined && !sequenceIsNewer(update.sequence, last)) {
    return { kind: 'reject', status: BINDING_STATUS.sequenceOutOfWindow, sequence: last, kbm };
  }
  if (update.lifetime > 0 && (careOf.equals(home) || judge.cache.find(local, careOf) !== undefined)) {
    // A care-of address that is a home address itself would make packets go in circles (RFC 6275 15.1).
    return { kind: 'reject', status: BINDING_STATUS.invalidCareOf, sequence: update.sequence, kbm };
  }
  return { kind: 'accept', kbm };
}

/** The key of an update that proves to hold the tokens. */
function provenKey(now: Instant, judge: UpdateJudge, hand: UpdateInHand): Uint8Array | undefined {
  const { received, careOf } = hand;
  if (checkOptions(hand) !== undefined) return undefined;
  const key = keyFor(now, judge.nonces, hand);
  if (key.kind === 'stale') return undefined;
  return verifyBinding(key.kbm, careOf, received.packet.destination, received.header) ? key.kbm : undefined;
}

type KeyForUpdate =
  | { readonly kind: 'key'; readonly kbm: Uint8Array }
  | { readonly kind: 'stale'; readonly status: number };

/** RFC 6275 5.2.5, 9.5.1. The care-of nonce of an update that deletes the binding is not looked at. */
function keyFor(now: Instant, nonces: NonceTable, { update, home, careOf }: UpdateInHand): KeyForUpdate {
  const indices = findOption(update.options, 'nonce-indices');
  const homeNonce = indices && nonces.find(now, indices.home);
  const deletes = update.lifetime === 0;
  const careOfNonce = indices && !deletes ? nonces.find(now, indices.careOf) : undefined;
  const careOfIsStale = !deletes && careOfNonce === undefined;
  if (homeNonce === undefined) {
    return { kind: 'stale', status: careOfIsStale ? BINDING_STATUS.expiredNonces : BINDING_STATUS.expiredHomeNonce };
  }
  if (careOfIsStale) return { kind: 'stale', status: BINDING_STATUS.expiredCareOfNonce };
  const homeToken = homeKeygenToken(nonces.kcn, home, homeNonce.value);
  const careOfToken = careOfNonce && careOfKeygenToken(nonces.kcn, careOf, careOfNonce.value);
  return { kind: 'key', kbm: bindingManagementKey(homeToken, careOfToken) };
}
