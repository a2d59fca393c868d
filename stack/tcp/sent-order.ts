// The runs that may be in the network, in the order in which they left (RFC 8985 6.2, step 5, asks for such a list):
// RACK looks at the oldest and stops at the first that is too young, instead of walking the whole flight for each ACK.
// A run is in it unless it is SACKed, or lost and not sent again. Linked through the runs themselves.

import type { Run } from './flight.ts';

export class SentOrder {
  oldest: Run | undefined;
  #youngest: Run | undefined;

  /** `run` leaves now. */
  append(run: Run): void {
    this.remove(run);
    this.#insert(run, this.#youngest);
  }

  /** `run` left some time ago, as its sentAt says; not before `near`, if that is older, does its place have to be sought. */
  insertByTime(run: Run, near: Run | undefined): void {
    let before = near !== undefined && near.sentAt <= run.sentAt ? near : undefined;
    for (let next = before === undefined ? this.oldest : before.sentAfter; next !== undefined; next = next.sentAfter) {
      if (next.sentAt > run.sentAt) break;
      before = next;
    }
    this.#insert(run, before);
  }

  /** `run` was cut off from `front`, which is in the list. */
  insertBehind(run: Run, front: Run): void {
    if (front.isListed) this.#insert(run, front);
  }

  remove(run: Run): void {
    if (!run.isListed) return;
    const { sentBefore, sentAfter } = run;
    if (sentBefore === undefined) this.oldest = sentAfter;
    else sentBefore.sentAfter = sentAfter;
    if (sentAfter === undefined) this.#youngest = sentBefore;
    else sentAfter.sentBefore = sentBefore;
    run.sentBefore = undefined;
    run.sentAfter = undefined;
    run.isListed = false;
  }

  #insert(run: Run, before: Run | undefined): void {
    const after = before === undefined ? this.oldest : before.sentAfter;
    run.isListed = true;
    run.sentBefore = before;
    run.sentAfter = after;
    if (before === undefined) this.oldest = run;
    else before.sentAfter = run;
    if (after === undefined) this.#youngest = run;
    else after.sentBefore = run;
  }
}
