// What is in flight: [SND.UNA, SND.NXT) as a linked list of runs. Octets sent at the same instant are one run,
// be it one segment or a super-frame; SACK blocks, losses and retransmissions cut runs in two. The list carries
// the scoreboard of RFC 6675 (sacked, lost, sent again) and the number of octets thought to be in the network
// ("pipe"), kept up to date at each change. It decides nothing: see sack.ts and recovery.ts.
// A peer can cut a flight into very many runs. So nothing that an ACK asks for walks all of them: what lies at a
// position and what awaits retransmission are found by search (run-index.ts), what is due by age (sent-order.ts).

import type { Instant } from '../core/time.ts';
import type { Position } from './position.ts';
import { RunIndex } from './run-index.ts';
import { SentOrder } from './sent-order.ts';

export class Run {
  start: Position;
  end: Position;
  /** When it was sent last. */
  sentAt: Instant;
  /** Which transmission that was, counted over all: what leaves at one instant leaves in an order too. */
  order: number;
  /** Octets of text in each of its full segments. */
  mss: number;
  /** Sent more than once: no RTT sample from it (Karn). */
  retransmitted = false;
  sacked = false;
  lost = false;
  /** Sent again since it was thought lost (or as a rescue): that copy is in the network. */
  resent = false;
  /** Sent by another node before a handoff: not in our pipe, no RTT sample. */
  inherited = false;
  previous: Run | undefined;
  next: Run | undefined;
  /** SentOrder's: whether it is in that list, and its neighbours there. */
  isListed = false;
  sentBefore: Run | undefined;
  sentAfter: Run | undefined;

  constructor(start: Position, end: Position, sentAt: Instant, mss: number, order = 0) {
    this.start = start;
    this.end = end;
    this.sentAt = sentAt;
    this.order = order;
    this.mss = mss;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** The octets [start, end) of it, as a run that is in no list yet. */
  part(start: Position, end: Position): Run {
    const part = new Run(start, end, this.sentAt, this.mss, this.order);
    part.retransmitted = this.retransmitted;
    part.sacked = this.sacked;
    part.lost = this.lost;
    part.resent = this.resent;
    part.inherited = this.inherited;
    return part;
  }

  /** RFC 6675 4, SetPipe: one for the original unless it is lost, one for a copy. */
  get inPipe(): number {
    if (this.sacked) return 0;
    return (this.lost || this.inherited ? 0 : this.length) + (this.resent ? this.length : 0);
  }

  get awaitsRetransmission(): boolean {
    return this.lost && !this.resent && !this.sacked;
  }
}

/** Hears of every run that is newly known to have arrived, as it was sent. */
export interface DeliverySink {
  acknowledged(run: Run): void;
  sacked(run: Run): void;
}

/** What an advance of SND.UNA took out of the flight. */
export interface Acknowledged {
  octets: number;
  /** Of these, already SACKed before. */
  sackedOctets: number;
  /** When the oldest of the runs that can be timed was sent; undefined: none can. */
  sentAt: Instant | undefined;
  retransmitted: boolean;
}

export class Flight {
  head: Run | undefined;
  tail: Run | undefined;
  runs = 0;
  /** RFC 6675: octets thought to be in the network. */
  pipe = 0;
  sackedOctets = 0;
  /** Behind the last SACKed octet; 0 when there is none. */
  highestSacked: Position = 0;
  /** Whatever lies below and is not SACKed is known to be lost. */
  lostBelow: Position = 0;
  /** What may be in the network, the oldest first. */
  readonly sent = new SentOrder();
  readonly #byPosition = new RunIndex();
  /** Lost and not sent again. */
  readonly #awaiting = new RunIndex();
  /** Behind the last octet that another node sent; 0 when there is none. */
  inheritedEnd: Position = 0;
  /** Octets known to have arrived, over all time. */
  delivered = 0;
  /** How often a run was marked lost, over all time. */
  losses = 0;
  /** Octets that arrived though they were thought lost and had not been sent again, over all time. */
  revived = 0;
  sink: DeliverySink | undefined;
  #transmissions = 0;
  readonly #acknowledged: Acknowledged = { octets: 0, sackedOctets: 0, sentAt: undefined, retransmitted: false };

  /** How many have left so far: the greatest Run.order. */
  get transmissions(): number {
    return this.#transmissions;
  }

  get isEmpty(): boolean {
    return this.head === undefined;
  }

  get hasSacked(): boolean {
    return this.sackedOctets > 0;
  }

  /** New octets leave: they follow the last run. */
  push(start: Position, end: Position, now: Instant, mss: number): void {
    const tail = this.tail;
    this.pipe += end - start;
    if (tail !== undefined && this.#goesOn(tail, start, now, mss)) {
      tail.end = end;
      return;
    }
    this.#transmissions += 1;
    const run = new Run(start, end, now, mss, this.#transmissions);
    run.previous = tail;
    if (tail === undefined) this.head = run;
    else tail.next = run;
    this.tail = run;
    this.runs += 1;
    this.#byPosition.push(run);
    this.sent.append(run);
  }

  /** Sent at the same instant as `tail`, and nothing in between. */
  #goesOn(tail: Run, start: Position, now: Instant, mss: number): boolean {
    const together = tail.sentAt === now && tail.order === this.#transmissions;
    return together && tail.mss === mss && tail.end === start && isPlain(tail);
  }

  /** Takes out everything before `una`. The result is overwritten by the next call. */
  acknowledge(una: Position): Acknowledged {
    const result = this.#acknowledged;
    result.octets = 0;
    result.sackedOctets = 0;
    result.sentAt = undefined;
    result.retransmitted = false;
    for (let run = this.head; run !== undefined && run.start < una; run = this.head) {
      this.#account(result, run.end > una ? this.#cutHead(run, una) : this.#removeHead(run));
    }
    if (this.highestSacked <= una) this.highestSacked = 0;
    return result;
  }

  /**
   * Marks what lies in [left, right) as received by the peer; returns the octets that were not known to be. Without
   * `mayCut`, a run that lies only partly inside is left as it is.
   */
  markSacked(left: Position, right: Position, mayCut = true): number {
    let fresh = 0;
    let run = this.lastStartingBefore(right);
    while (run !== undefined && run.end > left) {
      const inside = run.start >= left && run.end <= right;
      if (!run.sacked && (mayCut || inside)) {
        const part = this.#isolate(run, Math.max(left, run.start), Math.min(right, run.end));
        this.sink?.sacked(part);
        this.#countDelivered(part);
        this.#setSacked(part);
        fresh += part.length;
        run = this.#joinSacked(part).previous;
      } else {
        run = run.previous;
      }
    }
    if (fresh > 0 && right > this.highestSacked) this.highestSacked = right;
    return fresh;
  }

  /** A run is lost, unless it is SACKed; a copy of it that was sent counts on. */
  markLost(run: Run): void {
    if (run.lost || run.sacked) return;
    this.pipe -= run.inPipe;
    run.lost = true;
    this.losses += 1;
    this.pipe += run.inPipe;
    if (run.awaitsRetransmission) this.#await(run);
  }

  /** A run is lost, and so is the copy of it, if one was sent (RFC 8985 6.2, step 5). */
  markLostAgain(run: Run): void {
    if (run.sacked) return;
    if (run.resent) {
      this.#forgetCopy(run);
      this.losses += 1;
    }
    this.markLost(run);
  }

  /** The first `length` octets of the flight are lost. */
  markHeadLost(length: number): void {
    const head = this.head;
    if (head === undefined || head.sacked) return;
    if (head.length > length) this.#split(head, head.start + length);
    if (head.lost && head.resent) this.#forgetCopy(head);
    this.markLost(head);
  }

  /** What was sent by then is lost, copies too; what is SACKed stays so. */
  markLostSentUntil(latest: Instant): void {
    let next: Run | undefined;
    for (let run = this.sent.oldest; run !== undefined && run.sentAt <= latest; run = next) {
      next = run.sentAfter;
      this.markLostAgain(run);
    }
  }

  /** Nothing was lost after all: what is marked so is in the network, and so are the copies of it. */
  forgetLosses(): void {
    let before: Run | undefined;
    for (let run = this.head; run !== undefined; run = run.next) {
      if (!run.lost) continue;
      this.pipe -= run.inPipe;
      const awaited = run.awaitsRetransmission;
      run.lost = false;
      this.pipe += run.inPipe;
      if (!awaited) continue;
      this.sent.insertByTime(run, before);
      before = run;
    }
    this.#awaiting.clear();
    this.lostBelow = 0;
  }

  /** The peer has dropped what it had SACKed (RFC 2018 8): the scoreboard is worth nothing, and those octets are lost. */
  forgetSacks(): void {
    for (let run = this.head; run !== undefined; run = run.next) {
      if (!run.sacked) continue;
      run.sacked = false;
      run.resent = false;
      run.lost = true;
      this.losses += 1;
      this.#await(run);
    }
    this.sackedOctets = 0;
    this.highestSacked = 0;
  }

  /** The first run that is lost and not sent again. */
  nextLost(): Run | undefined {
    return this.#awaiting.first;
  }

  /** At most `length` octets from the start of `run` leave again: returns the run that is just these. */
  resend(run: Run, length: number, now: Instant, mss: number): Run {
    if (run.length > length) this.#split(run, run.start + length);
    if (run.awaitsRetransmission) this.#awaiting.remove(run);
    run.mss = mss;
    this.pipe -= run.inPipe;
    run.resent = true;
    run.retransmitted = true;
    run.sentAt = now;
    this.#transmissions += 1;
    run.order = this.#transmissions;
    this.pipe += run.inPipe;
    if (!run.sacked) this.sent.append(run);
    return run;
  }

  /** A pause that was none of the network's: nothing that is in flight can be timed. */
  stopTiming(): void {
    for (let run = this.head; run !== undefined; run = run.next) run.retransmitted = true;
  }

  /** The part of `run` from `position` on, as a run of its own. */
  cutFront(run: Run, position: Position): Run {
    if (position <= run.start) return run;
    return this.#split(run, position);
  }

  /** What another node sent (handoff): known to be on its way, but not in our pipe. */
  inherit(start: Position, end: Position, now: Instant, sacked: boolean): void {
    if (end <= start) return;
    this.push(start, end, now, Number.POSITIVE_INFINITY);
    let run = this.tail;
    if (run === undefined) return;
    if (run.start < start) run = this.#split(run, start);
    this.pipe -= run.inPipe;
    run.inherited = true;
    run.retransmitted = true;
    this.inheritedEnd = end;
    this.pipe += run.inPipe;
    if (!sacked) return;
    this.#setSacked(run);
    this.highestSacked = Math.max(this.highestSacked, end);
  }

  lastStartingBefore(position: Position): Run | undefined {
    return this.#byPosition.lastStartingBefore(position);
  }

  #account(result: Acknowledged, run: Run): void {
    result.octets += run.length;
    if (!run.sacked) {
      this.sink?.acknowledged(run);
      this.#countDelivered(run);
    }
    if (run.sacked) result.sackedOctets += run.length;
    else if (run.retransmitted) result.retransmitted = true;
    else result.sentAt ??= run.sentAt;
  }

  #countDelivered(run: Run): void {
    this.delivered += run.length;
    if (run.lost && !run.retransmitted) this.revived += run.length;
  }

  #removeHead(run: Run): Run {
    this.pipe -= run.inPipe;
    if (run.sacked) this.sackedOctets -= run.length;
    else this.#unlist(run);
    this.head = run.next;
    if (run.next === undefined) this.tail = undefined;
    else run.next.previous = undefined;
    this.runs -= 1;
    this.#byPosition.remove(run);
    return run;
  }

  /** The octets of the first run before `una`, which leave; it stays what it is, with the rest. */
  #cutHead(run: Run, una: Position): Run {
    const front = run.part(run.start, una);
    this.pipe -= front.inPipe;
    if (run.sacked) this.sackedOctets -= front.length;
    run.start = una;
    return front;
  }

  #setSacked(run: Run): void {
    this.#unlist(run);
    this.pipe -= run.inPipe;
    run.sacked = true;
    this.sackedOctets += run.length;
  }

  #forgetCopy(run: Run): void {
    this.pipe -= run.inPipe;
    run.resent = false;
    this.pipe += run.inPipe;
    if (run.awaitsRetransmission) this.#await(run);
  }

  /** It is to be sent again. */
  #await(run: Run): void {
    this.sent.remove(run);
    this.#awaiting.add(run);
  }

  /** It has arrived. */
  #unlist(run: Run): void {
    if (run.awaitsRetransmission) this.#awaiting.remove(run);
    this.sent.remove(run);
  }

  /** Cuts `run` at `position`, strictly inside; returns the back half. Sums stay as they are. */
  #split(run: Run, position: Position): Run {
    const back = run.part(position, run.end);
    back.previous = run;
    back.next = run.next;
    if (run.next === undefined) this.tail = back;
    else run.next.previous = back;
    run.next = back;
    run.end = position;
    this.runs += 1;
    this.#byPosition.add(back);
    if (back.awaitsRetransmission) this.#awaiting.add(back);
    this.sent.insertBehind(back, run);
    return back;
  }

  #isolate(run: Run, left: Position, right: Position): Run {
    const part = left > run.start ? this.#split(run, left) : run;
    if (right < part.end) this.#split(part, right);
    return part;
  }

  /** Neighbours that are SACKed too become one run with it, so that the list stays as short as the gaps are few. */
  #joinSacked(run: Run): Run {
    const after = run.next;
    if (after?.sacked) this.#absorbNext(run, after);
    const before = run.previous;
    if (before?.sacked) {
      this.#absorbNext(before, run);
      return before;
    }
    return run;
  }

  #absorbNext(run: Run, next: Run): void {
    run.end = next.end;
    run.retransmitted ||= next.retransmitted;
    run.inherited ||= next.inherited;
    run.next = next.next;
    if (next.next === undefined) this.tail = run;
    else next.next.previous = run;
    this.runs -= 1;
    this.#byPosition.remove(next);
  }
}

const isPlain = (run: Run): boolean => !(run.sacked || run.lost || run.resent || run.inherited || run.retransmitted);
