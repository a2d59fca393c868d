// Which octets of a stream have been seen: tells new data from a filled hole and from a repetition.

/** 'new': beyond everything seen; 'late': fills a hole; 'repeat': seen before, all of it. */
export type Freshness = 'new' | 'late' | 'repeat';

/** A capture with more holes at a time is not one of a working connection: the oldest are forgotten. */
const MAX_HOLES = 10_000;

export class Coverage {
  #end = 0;
  #holes: { readonly start: number; readonly end: number }[] = [];

  /** Adds [start, end); `octets` of it had not been there. */
  add(start: number, end: number): { readonly freshness: Freshness; readonly octets: number } {
    const beyond = Math.max(0, end - Math.max(start, this.#end));
    const filled = this.#holes.length === 0 ? 0 : this.#fill(start, end);
    if (start > this.#end) this.#holes.push({ start: this.#end, end: start });
    if (this.#holes.length > MAX_HOLES) this.#holes.shift();
    this.#end = Math.max(this.#end, end);
    const octets = beyond + filled;
    return { freshness: octets === 0 ? 'repeat' : filled > 0 ? 'late' : 'new', octets };
  }

  #fill(start: number, end: number): number {
    let filled = 0;
    this.#holes = this.#holes.flatMap((hole) => {
      const from = Math.max(start, hole.start);
      const to = Math.min(end, hole.end);
      if (from >= to) return [hole];
      filled += to - from;
      return [
        { start: hole.start, end: from },
        { start: to, end: hole.end },
      ].filter((rest) => rest.start < rest.end);
    });
    return filled;
  }
}
