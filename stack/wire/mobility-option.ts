// Mobility options as plain structs (RFC 6275 6.2; RFC 4283, 4285, 5648, 6089), with their type numbers. How they
// are read, aligned and written is in mobility-option-codec.ts. An option that is not known, or whose length is
// not what its RFC says, is 'unknown': a receiver ignores it (RFC 6275 6.2.1), a reply can show it.

import type { Address } from './address.ts';
import type { FlowSubOption } from './flow-identification.ts';

export const MOBILITY_OPTION = {
  pad1: 0,
  padN: 1,
  bindingRefreshAdvice: 2,
  alternateCareOf: 3,
  nonceIndices: 4,
  bindingAuthorizationData: 5,
  /** RFC 4283. */
  mnIdentifier: 8,
  /** RFC 4285 5. */
  authentication: 9,
  /** RFC 4285 6. */
  replayProtection: 10,
  /** RFC 5648 4.1. */
  bindingIdentifier: 35,
  /** RFC 6089 4.2; the traffic selector of RFC 6088 is a sub-option of it. */
  flowIdentification: 45,
  /** RFC 6089 4.3. */
  flowSummary: 44,
} as const;

/** Octets of the authenticator of Binding Authorization Data between mobile node and correspondent (RFC 6275 6.2.7). */
export const AUTHENTICATOR_LEN = 12;

/** Where the authenticator begins, from the type octet of its option. */
export const BINDING_AUTHORIZATION_AUTHENTICATOR = 2;
export const AUTHENTICATION_AUTHENTICATOR = 7;

/** Subtypes of the authentication option (RFC 4285 5.1, 5.2). */
export const AUTHENTICATION_SUBTYPE = { homeAgent: 1, aaa: 2 } as const;

/** Seconds are in units of four throughout (RFC 6275 6.1.7, 6.2.4). */
export interface RefreshAdvice {
  readonly kind: 'refresh-advice';
  /** In units of 4 s. */
  readonly interval: number;
}

export interface AlternateCareOf {
  readonly kind: 'alternate-care-of';
  readonly address: Address;
}

export interface NonceIndices {
  readonly kind: 'nonce-indices';
  readonly home: number;
  readonly careOf: number;
}

export interface BindingAuthorizationData {
  readonly kind: 'binding-authorization-data';
  /** 12 octets from a correspondent's Kbm. */
  readonly authenticator: Uint8Array;
  /** Set by the parser: offset of the option's type octet in the buffer. */
  readonly at?: number;
}

/** RFC 4283. */
export interface MnIdentifier {
  readonly kind: 'mn-identifier';
  /** 1: a network access identifier. */
  readonly subtype: number;
  readonly identifier: Uint8Array;
}

export interface Authentication {
  readonly kind: 'authentication';
  readonly subtype: number;
  readonly spi: number;
  readonly authenticator: Uint8Array;
  /** Set by the parser: offset of the option's type octet in the buffer. */
  readonly at?: number;
}

export interface ReplayProtection {
  readonly kind: 'replay-protection';
  /** NTP 64-bit format. */
  readonly timestamp: bigint;
}

export interface BindingIdentifier {
  readonly kind: 'binding-identifier';
  /** 0 is reserved. */
  readonly bid: number;
  /** 0 in a Binding Update. */
  readonly status: number;
  /** The H flag: bound at home and away at once. */
  readonly simultaneous: boolean;
  /** BID-PRI (RFC 6089 4.1): 7 bits, the lower the better; 0 is reserved. */
  readonly priority: number;
  readonly careOf?: Address;
}

export interface FlowIdentification {
  readonly kind: 'flow-identification';
  readonly fid: number;
  /** FID-PRI: the lower the better. */
  readonly priority: number;
  /** 0 in a Binding Update. */
  readonly status: number;
  readonly subOptions: readonly FlowSubOption[];
}

export interface FlowSummary {
  readonly kind: 'flow-summary';
  readonly fids: readonly number[];
}

export interface UnknownMobilityOption {
  readonly kind: 'unknown';
  readonly type: number;
  readonly data: Uint8Array;
}

export type MobilityOption =
  | RefreshAdvice
  | AlternateCareOf
  | NonceIndices
  | BindingAuthorizationData
  | MnIdentifier
  | Authentication
  | ReplayProtection
  | BindingIdentifier
  | FlowIdentification
  | FlowSummary
  | UnknownMobilityOption;
