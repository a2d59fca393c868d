// What an emitter wrote, taken out of a larger buffer full of other octets: an emitter that leaves an octet of
// its own unwritten, or writes one of its neighbours', shows.

import { expect } from 'vitest';

const MARGIN = 16;
const GARBAGE = 0xa5;

/** Runs `emit` at an offset of a dirty buffer with room for `length` octets, and gives what it wrote. */
export function emitted(length: number, emit: (into: Uint8Array, at: number) => number): Uint8Array {
  const buffer = new Uint8Array(MARGIN + length + MARGIN).fill(GARBAGE);
  const end = emit(buffer, MARGIN);
  expect(end, 'the emitter returns the offset behind what it wrote').toBe(MARGIN + length);
  const outside = [...buffer.subarray(0, MARGIN), ...buffer.subarray(end)];
  expect(
    outside.every((octet) => octet === GARBAGE),
    'nothing is written outside',
  ).toBe(true);
  return buffer.slice(MARGIN, end);
}
