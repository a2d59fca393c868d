// The result of a parser: a value, or why there is none. Parsers never throw on what a peer sent.

export interface Malformed {
  readonly ok: false;
  readonly reason: string;
  /** Octet offset into the parsed buffer, as the Pointer of an ICMPv6 Parameter Problem wants it. */
  readonly pointer: number;
}

export interface ParsedValue<T> {
  readonly ok: true;
  readonly value: T;
  /** Offset of the first octet behind what was parsed. */
  readonly end: number;
}

export type Parsed<T> = ParsedValue<T> | Malformed;

export const parsed = <T>(value: T, end: number): ParsedValue<T> => ({ ok: true, value, end });
export const malformed = (reason: string, pointer: number): Malformed => ({ ok: false, reason, pointer });

/** For the last arm of a switch over a union: the compiler proves that it is never reached. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${String(value)}`);
}
