// A good value of a codec with some of its fields changed to what a hostile member of a group might say: numbers at
// the edges of their ranges and near other numbers of the same value, octets cut, lists that do not fit, other types.

import type { ByteReader } from './byte-reader.ts';

/** Changes of one input. */
const MAX_CHANGES = 12;

export type Fields = Record<string, unknown>;

/** A copy of `good`, changed as the octets say. `words`: strings that mean something somewhere. */
export function changeFields(reader: ByteReader, good: unknown, words: readonly [string, ...string[]]): unknown {
  const root = copyOf(good);
  const numbers = numbersIn(root);
  for (let n = 0; n < MAX_CHANGES && !reader.done; n++) changeOne(reader, root, { numbers, words });
  return root;
}

interface Material {
  /** The numbers of the value, for others to be near to. */
  readonly numbers: readonly number[];
  readonly words: readonly [string, ...string[]];
}

const copyOf = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, copyOf(field)]));
};

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (Array.isArray(value)) return value.flatMap(numbersIn);
  return isFields(value) ? Object.values(value).flatMap(numbersIn) : [];
}

/** Goes down to one field, as the octets say, and changes it. */
function changeOne(reader: ByteReader, value: unknown, material: Material): void {
  if (Array.isArray(value)) changeList(reader, value as unknown[], material);
  else if (isFields(value)) changeMap(reader, value, material);
}

function changeMap(reader: ByteReader, fields: Fields, material: Material): void {
  const names = Object.keys(fields);
  const name = names[reader.below(Math.max(1, names.length))];
  if (name === undefined) return;
  const value = fields[name];
  if (isFields(value) || Array.isArray(value)) changeOne(reader, value, material);
  else fields[name] = otherValue(reader, value, material);
}

function changeList(reader: ByteReader, list: unknown[], material: Material): void {
  const choice = reader.below(4);
  const at = reader.below(Math.max(1, list.length));
  const item = list[at];
  if (choice === 0) list.splice(at, 1);
  else if (choice === 1) list.push(copyOf(item));
  else changeOne(reader, item, material);
}

function otherValue(reader: ByteReader, value: unknown, material: Material): unknown {
  const choice = reader.u8();
  if (choice === 255) return reader.pick<unknown>([null, undefined, 'x', [], {}, 7, true, new Uint8Array(3)]);
  if (value instanceof Uint8Array) return value.subarray(0, Math.floor((value.length * choice) / 254));
  if (typeof value === 'number') return otherNumber(reader, value, material);
  if (typeof value === 'boolean') return !value;
  return reader.pick(material.words);
}

function otherNumber(reader: ByteReader, value: number, { numbers }: Material): number {
  const choice = reader.below(16);
  const near = reader.u8() - 128;
  if (choice < 5) return value + near;
  if (choice < 10) return (numbers[reader.u8() % numbers.length] ?? 0) + near;
  return reader.pick([0, -1, 1, 0xffff_ffff, 2 ** 31, 2 ** 53 - 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e12]);
}
