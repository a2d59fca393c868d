// Range requests (RFC 9110 14): one range of octets. Several ranges in a request are ignored, as a server may
// (14.2), and so is what cannot be understood; only a range beyond the end is an error (416).

export interface ByteRange {
  /** First octet. */
  readonly start: number;
  /** Behind the last octet. */
  readonly end: number;
}

/** RFC 9110 14.1.2, 14.2. 'whole': there is no range to heed. */
export function parseRange(field: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(field ?? '') ?? [];
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== '' && Number(last) < start) return 'whole'; // invalid, therefore ignored
  return start >= size ? 'unsatisfiable' : { start, end };
}

/** RFC 9110 13.1.5: a range holds for the file that the tag names, and for no other; dates never match here. */
export const ifRangeHolds = (field: string | undefined, tags: readonly string[]): boolean =>
  field === undefined || tags.includes(field.trim());

/** RFC 9110 13.1.2: has the client got this file already? */
export function ifNoneMatchHolds(field: string | undefined, tags: readonly string[]): boolean {
  if (field === undefined) return true;
  if (field.trim() === '*') return false;
  return !field.split(',').some((tag) => tags.includes(tag.trim().replace(/^W\//, '')));
}
