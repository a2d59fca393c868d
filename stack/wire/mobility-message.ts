// The messages of the Mobility Header as plain structs (RFC 6275 6.1.2 to 6.1.9), with their type numbers and
// status codes. How they are read and written is in mobility.ts, their options in mobility-option.ts.

import type { Address } from './address.ts';
import type { MobilityOption } from './mobility-option.ts';

export const MH = {
  bindingRefreshRequest: 0,
  homeTestInit: 1,
  careOfTestInit: 2,
  homeTest: 3,
  careOfTest: 4,
  bindingUpdate: 5,
  bindingAcknowledgement: 6,
  bindingError: 7,
} as const;

/** Octets of an init cookie and of a keygen token (RFC 6275 6.1.3 to 6.1.6). */
export const COOKIE_LEN = 8;
export const KEYGEN_TOKEN_LEN = 8;

/** Lifetimes and refresh intervals count units of so many seconds (RFC 6275 6.1.7, 6.2.4). */
export const LIFETIME_UNIT_SEC = 4;

/** Binding Acknowledgement status (RFC 6275 6.1.8; RFC 4285 9; RFC 5648 4.2). Below 128: accepted. */
export const BINDING_STATUS = {
  accepted: 0,
  prefixDiscoveryNecessary: 1,
  unspecified: 128,
  prohibited: 129,
  insufficientResources: 130,
  homeRegistrationNotSupported: 131,
  notHomeSubnet: 132,
  notHomeAgent: 133,
  duplicateAddress: 134,
  sequenceOutOfWindow: 135,
  expiredHomeNonce: 136,
  expiredCareOfNonce: 137,
  expiredNonces: 138,
  registrationTypeChange: 139,
  replayMismatch: 144,
  replayProtectionRequired: 145,
  authenticationFailed: 146,
  bindingIdentifierMalformed: 164,
  bindingWithoutIdentifierExists: 165,
  bindingIdentifierProhibited: 166,
  bulkRegistrationProhibited: 168,
  homeAndForeignProhibited: 169,
  invalidCareOf: 174,
} as const;

/** Binding Error status (RFC 6275 6.1.9). */
export const BINDING_ERROR = { unknownBinding: 1, unrecognizedType: 2 } as const;

interface WithOptions {
  readonly options: readonly MobilityOption[];
}

/** RFC 6275 6.1.2. */
export interface BindingRefreshRequest extends WithOptions {
  readonly kind: 'binding-refresh-request';
}

/** RFC 6275 6.1.3, 6.1.4. */
export interface TestInit extends WithOptions {
  readonly kind: 'home-test-init' | 'care-of-test-init';
  readonly cookie: Uint8Array;
}

/** RFC 6275 6.1.5, 6.1.6. */
export interface Test extends WithOptions {
  readonly kind: 'home-test' | 'care-of-test';
  readonly nonceIndex: number;
  readonly cookie: Uint8Array;
  readonly token: Uint8Array;
}

/** RFC 6275 6.1.7. */
export interface BindingUpdate extends WithOptions {
  readonly kind: 'binding-update';
  readonly sequence: number;
  /** A. */
  readonly acknowledge: boolean;
  /** H: home registration. */
  readonly home: boolean;
  /** L. */
  readonly linkLocal: boolean;
  /** K. */
  readonly keyManagement: boolean;
  /** Flag bits that later RFCs gave a meaning, where they are in the field (0x0fff); absent: none is set. */
  readonly otherFlags?: number;
  /** In units of 4 s; 0 deletes the binding. */
  readonly lifetime: number;
}

/** RFC 6275 6.1.8. */
export interface BindingAcknowledgement extends WithOptions {
  readonly kind: 'binding-acknowledgement';
  readonly status: number;
  /** K. */
  readonly keyManagement: boolean;
  /** As otherFlags of a Binding Update (0x7f). */
  readonly otherFlags?: number;
  readonly sequence: number;
  /** In units of 4 s. */
  readonly lifetime: number;
}

/** RFC 6275 6.1.9. */
export interface BindingError extends WithOptions {
  readonly kind: 'binding-error';
  readonly status: number;
  readonly home: Address;
}

export interface UnknownMobilityMessage extends WithOptions {
  readonly kind: 'unknown';
  readonly type: number;
  /** All behind the checksum: 8n + 2 octets. `options` is empty, for nobody knows where they begin. */
  readonly body: Uint8Array;
}

export type MobilityMessage =
  | BindingRefreshRequest
  | TestInit
  | Test
  | BindingUpdate
  | BindingAcknowledgement
  | BindingError
  | UnknownMobilityMessage;
