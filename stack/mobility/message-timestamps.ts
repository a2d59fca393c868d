// The timestamps that a mobile node's registrations carry against replay (RFC 4285 6): by its own clock, until the home
// agent says that it goes by another.

import type { Instant } from '../core/time.ts';
import type { BindingAcknowledgement } from '../wire/mobility.ts';
import type { MobilityEnvironment } from './api.ts';
import { findOption } from './mobility-options.ts';

export class MessageTimestamps {
  readonly #environment: Pick<MobilityEnvironment, 'ntpTime'>;
  /** What the home agent's clock is ahead of ours, in NTP units. */
  #offset = 0n;
  #last = 0n;

  constructor(environment: Pick<MobilityEnvironment, 'ntpTime'>) {
    this.#environment = environment;
  }

  /** In NTP units, and greater with each message. Undefined: the host has no time of day. */
  next(now: Instant): bigint | undefined {
    const clock = this.#environment.ntpTime?.(now);
    if (clock === undefined) return undefined;
    const timestamp = clock + this.#offset;
    this.#last = timestamp > this.#last ? timestamp : this.#last + 1n;
    return this.#last;
  }

  /** Status 144: the home agent has sent its own time, which counts from now on. False: it has not, or we have no time. */
  adopt(now: Instant, ack: BindingAcknowledgement): boolean {
    const theirs = findOption(ack.options, 'replay-protection')?.timestamp;
    const ours = this.#environment.ntpTime?.(now);
    if (theirs === undefined || ours === undefined) return false;
    this.#offset = theirs - ours;
    this.#last = 0n;
    return true;
  }
}
