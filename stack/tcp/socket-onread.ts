// The `onread` option of net.connect(): octets go into a buffer of the application's and to its callback, and not
// through the stream, which tells 'end', 'error' and 'close' alone.

export interface OnRead {
  /** Where the octets go; a function gives the buffer for the next ones. */
  readonly buffer: Uint8Array | (() => Uint8Array);
  /** `length` octets are in `buffer`. false: no more until resume(). */
  // biome-ignore lint/suspicious/noConfusingVoidType: a callback that returns nothing agrees
  callback(length: number, buffer: Uint8Array): boolean | void;
}

export class UserBuffer {
  readonly #onRead: OnRead;
  #buffer: Uint8Array;

  constructor(onRead: OnRead) {
    this.#onRead = onRead;
    this.#buffer = this.#next();
  }

  /** The octets it takes at once. */
  get size(): number {
    return this.#buffer.length;
  }

  /** Hands over octets, `size` at most; false: the application has enough for now. */
  take(octets: Uint8Array): boolean {
    const buffer = this.#buffer;
    buffer.set(octets);
    const more = this.#onRead.callback(octets.length, buffer);
    this.#buffer = this.#next();
    return more !== false;
  }

  #next(): Uint8Array {
    const { buffer } = this.#onRead;
    return typeof buffer === 'function' ? buffer() : buffer;
  }
}
