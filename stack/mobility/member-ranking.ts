// Which of the members bound to a home address is the default: the best BID-PRI (RFC 6089 4.1), among equals the
// lowest Binding Identifier. A binary heap whose entries go stale and are dropped when they come up, so that a group
// of any size may come and go at the price of a logarithm each.

import type { HomeMember } from './home-bindings.ts';

interface Entry {
  readonly member: HomeMember;
  /** At which it was entered: another one now, and the entry is stale. */
  readonly priority: number;
}

/** Stale entries that are always allowed, on top of as many as there are members. */
const SLACK = 16;

export class MemberRanking {
  #heap: Entry[] = [];

  /** A member was bound, or has another priority. `bound`: all who are bound now, itself among them. */
  enter(member: HomeMember, bound: ReadonlySet<HomeMember>): void {
    if (this.#heap.length > 2 * bound.size + SLACK) {
      this.#heap = [];
      for (const each of bound) this.#push(each);
    } else {
      this.#push(member);
    }
  }

  best(): HomeMember | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.member.binding?.priority === top.priority) return top.member;
      this.#pop();
    }
    return undefined;
  }

  #push(member: HomeMember): void {
    if (member.binding === undefined) return;
    const entry = { member, priority: member.binding.priority };
    let at = this.#heap.push(entry) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = this.#heap[up];
      if (parent === undefined || !isBefore(entry, parent)) break;
      this.#heap[at] = parent;
      at = up;
    }
    this.#heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const child = this.#betterChild(at);
      const below = heap[child];
      if (below === undefined || !isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }

  #betterChild(at: number): number {
    const left = this.#heap[2 * at + 1];
    const right = this.#heap[2 * at + 2];
    return left !== undefined && right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
  }
}

const isBefore = (a: Entry, b: Entry): boolean =>
  a.priority === b.priority
    ? (a.member.association.bid ?? 0) < (b.member.association.bid ?? 0)
    : a.priority < b.priority;
