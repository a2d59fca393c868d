// How a mobile node keeps its bindings at its clients, where RFC 6275 11.7.2 and 11.8 leave a choice or where what
// serves a handoff best differs from what they recommend.

export interface UpdatePolicy {
  /**
   * Asks clients to acknowledge (the A bit, RFC 6275 6.1.7). Without, a client counts as bound from the sending of the
   * update on, which is not sent again, and bindingAcknowledged does not come.
   */
  readonly acknowledge: boolean;
  /** Renews a binding before it ends. Without, a client is served through the home agent from then on. */
  readonly renew: boolean;
  /**
   * How long the first sending waits for its acknowledgement: 2 round trips of the care-of test, or
   * INITIAL_BINDACK_TIMEOUT as RFC 6275 11.8 recommends. It doubles from there.
   */
  readonly firstWait: 'round-trips' | 'initial-timeout';
  /**
   * Repeats the tests of a bound client before their tokens end (210 s, RFC 6275 5.2.7), so that an update may leave at
   * any moment: after a Binding Error, in a handoff, while the home agent is away. Costs both tests every three minutes
   * in place of once a renewal.
   */
  readonly keepTokens: boolean;
}

export const DEFAULT_UPDATE_POLICY: UpdatePolicy = {
  acknowledge: true,
  renew: true,
  firstWait: 'round-trips',
  keepTokens: false,
};
