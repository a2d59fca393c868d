// RFC 6275 12: at most MAX_UPDATE_RATE Binding Updates to one node in any second. Says when the next may go.

import { after, type Instant, seconds } from '../core/time.ts';
import { MAX_UPDATE_RATE } from './constants.ts';

const WINDOW = seconds(1);

export class UpdateRate {
  /** When the last MAX_UPDATE_RATE updates were sent, oldest first. */
  #sent: Instant[] = [];

  /** The earliest moment for the next update: `now`, or later. */
  earliest(now: Instant): Instant {
    const [oldest] = this.#sent;
    if (oldest === undefined || this.#sent.length < MAX_UPDATE_RATE) return now;
    return Math.max(now, after(oldest, WINDOW)) as Instant;
  }

  note(now: Instant): void {
    this.#sent = [...this.#sent, now].slice(-MAX_UPDATE_RATE);
  }
}
