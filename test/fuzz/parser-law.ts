// What every parser of stack/wire keeps, whatever octets it gets: it does not throw, reads nothing outside its
// area, makes progress, and what it understood it can write so that it is understood the same.

import { equalBytes } from '../../stack/core/bytes.ts';
import type { Parsed } from '../../stack/core/parsed.ts';
import { law } from './law.ts';

/** Where the area lies in a larger buffer. */
const MARGIN = 8;
const GARBAGE = 0xa5;

export interface Format<T> {
  readonly name: string;
  parse(bytes: Uint8Array, start: number, end: number): Parsed<T>;
  /** Absent: this format is only read. */
  readonly emitter?: { length(value: T): number; emit(value: T, into: Uint8Array, at: number): number };
  /** An empty area gives a value: the only one that takes nothing. */
  readonly mayBeEmpty?: boolean;
}

export function checkParser<T>(format: Format<T>, area: Uint8Array): Parsed<T> {
  const { name } = format;
  const [result, again] = [0x00, 0xff].map((neighbour) => {
    const bytes = new Uint8Array(area.length + 2 * MARGIN).fill(neighbour);
    bytes.set(area, MARGIN);
    return format.parse(bytes, MARGIN, MARGIN + area.length);
  }) as [Parsed<T>, Parsed<T>];
  law(result.ok === again.ok, `${name}: neighbouring octets decide`);
  const end = result.ok ? result.end : result.pointer;
  law(end >= MARGIN && end <= MARGIN + area.length, () => `${name}: ${end - MARGIN} of ${area.length} octets`);
  if (!result.ok || !again.ok) return result;
  law(result.end > MARGIN || format.mayBeEmpty === true, `${name}: no progress`);
  law(result.end === again.end, `${name}: neighbouring octets decide where it ends`);
  if (format.emitter !== undefined) checkEmitter(format, result.value, again.value);
  return result;
}

/** emit(parse(emit(parse(b)))) equals emit(parse(b)): nothing is lost and nothing comes to it. */
function checkEmitter<T>(format: Format<T>, value: T, again: T): void {
  const first = written(format, value);
  law(equalBytes(first, written(format, again)), `${format.name}: neighbouring octets decide the value`);
  const reparsed = format.parse(first, 0, first.length);
  law(reparsed.ok, () => `${format.name}: what was emitted is refused: ${reparsed.ok ? '' : reparsed.reason}`);
  law(equalBytes(first, written(format, reparsed.value)), `${format.name}: emit(parse(emit(x))) is not emit(x)`);
}

function written<T>({ name, emitter }: Format<T>, value: T): Uint8Array {
  law(emitter !== undefined, 'no emitter');
  const length = emitter.length(value);
  const buffer = new Uint8Array(length + 2 * MARGIN).fill(GARBAGE);
  const end = emitter.emit(value, buffer, MARGIN);
  law(end === MARGIN + length, () => `${name}: ${end - MARGIN} octets written, ${length} announced`);
  const outside = [...buffer.subarray(0, MARGIN), ...buffer.subarray(end)];
  law(
    outside.every((octet) => octet === GARBAGE),
    `${name}: written outside`,
  );
  return buffer.slice(MARGIN, end);
}
