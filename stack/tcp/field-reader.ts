// Reads the fields of an untrusted plain value (what a CBOR decoder made of a peer's octets), each with its type
// and its bounds. The first field that is not as it should be is remembered; what is returned for it, and for all
// after it, is only a stand-in, so that a reader can be written as straight as a constructor.

import { EMPTY } from '../core/bytes.ts';

export class FieldReader {
  #reason: string | undefined;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #root: FieldReader;

  constructor(value: unknown, path: string, root?: FieldReader) {
    this.#path = path;
    this.#root = root ?? this;
    this.#fields = isPlain(value) ? value : {};
    if (!isPlain(value)) this.fail('', 'a map');
  }

  /** Why the value is not acceptable; undefined: it is. */
  get reason(): string | undefined {
    return this.#root.#reason;
  }

  fail(name: string, wanted: string): void {
    this.#root.#reason ??= `${this.#path}${name === '' ? '' : `.${name}`} is not ${wanted}`;
  }

  /** A condition between fields. */
  check(holds: boolean, what: string): void {
    if (!holds) this.#root.#reason ??= `${this.#path}: ${what}`;
  }

  number(name: string, least: number, most: number): number {
    const value = this.#fields[name];
    if (typeof value === 'number' && value >= least && value <= most) return value;
    this.fail(name, `a number from ${least} to ${most}`);
    return least;
  }

  integer(name: string, least: number, most: number): number {
    const value = this.#fields[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    this.fail(name, `an integer from ${least} to ${most}`);
    return least;
  }

  boolean(name: string): boolean {
    const value = this.#fields[name];
    if (typeof value !== 'boolean') this.fail(name, 'a boolean');
    return value === true;
  }

  oneOf<T extends string>(name: string, values: readonly [T, ...T[]]): T {
    const value = this.#fields[name];
    const known = values.find((v) => v === value);
    if (known === undefined) this.fail(name, `one of ${values.join(', ')}`);
    return known ?? values[0];
  }

  bytes(name: string, least: number, most: number): Uint8Array {
    const value = this.#fields[name];
    if (value instanceof Uint8Array && value.length >= least && value.length <= most) return value;
    this.fail(name, `a byte string of ${least} to ${most} octets`);
    return EMPTY;
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  map(name: string): FieldReader {
    return new FieldReader(this.#fields[name], `${this.#path}.${name}`, this.#root);
  }

  list(name: string, most: number): FieldReader[] {
    const value = this.#fields[name];
    if (!Array.isArray(value) || value.length > most) {
      this.fail(name, `a list of at most ${most}`);
      return [];
    }
    return value.map((item: unknown, i) => new FieldReader(item, `${this.#path}.${name}[${i}]`, this.#root));
  }

  /** All fields of a map of numbers. */
  numbers(most: number): Record<string, number> {
    const names = Object.keys(this.#fields);
    this.check(names.length <= most, `more than ${most} fields`);
    const out: Record<string, number> = {};
    for (const name of names.slice(0, most)) {
      const value = this.#fields[name];
      if (typeof value === 'number' && Number.isFinite(value)) out[name] = value;
      else this.fail(name, 'a finite number');
    }
    return out;
  }
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
