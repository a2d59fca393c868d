// StreamBuffer against a naive model that keeps every octet: appended, written out of order, read as views, released.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes } from '../../stack/core/bytes.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { CHUNK_LEN, ChunkPool } from '../../stack/tcp/chunk-pool.ts';
import { StreamBuffer } from '../../stack/tcp/stream-buffer.ts';

const RUNS = { seed: 0x62756666, numRuns: 150 } as const;
const CAPACITY = 3 * CHUNK_LEN + 1_000;

/** Octets of the stream at [from, to); `to` stays below the length of STREAM. */
const STREAM = new SeededRandom(1).bytes(4 * 1024 * 1024);
const octets = (from: number, to: number): Uint8Array => STREAM.subarray(from, to);
const lengths = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 3_000 }), fc.nat({ max: 100_000 }));

describe.each([
  ['a send buffer', true],
  ['a receive buffer', false],
])('%s', (_name, reuse) => {
  const pool = new ChunkPool();

  test('gives back what was put in, wherever chunks begin and end', () => {
    const steps = fc.array(fc.record({ put: lengths, take: lengths }), { maxLength: 30 });
    fc.assert(
      fc.property(steps, fc.constantFrom(0, 5, CHUNK_LEN - 3), (sequence, start) => {
        const buffer = new StreamBuffer(CAPACITY, start, pool, reuse);
        for (const { put, take } of sequence) {
          const room = CAPACITY - buffer.length;
          expect(buffer.append(octets(buffer.end, buffer.end + put))).toBe(Math.min(put, room));
          const to = Math.min(buffer.end, buffer.start + take);
          expect(equalBytes(buffer.slice(buffer.start, to), octets(buffer.start, to))).toBe(true);
          buffer.release(to);
        }
        expect(pool.held).toBeGreaterThanOrEqual(buffer.length);
        buffer.dispose();
        expect(pool.held).toBe(0);
      }),
      RUNS,
    );
  });
});

test('one that grows keeps every octet where it is, those out of order too', () => {
  const steps = fc.array(fc.record({ put: lengths, take: lengths, more: fc.nat({ max: 200_000 }) }), { maxLength: 20 });
  fc.assert(
    fc.property(steps, fc.constantFrom(0, 5, CHUNK_LEN - 3, 7 * CHUNK_LEN), (sequence, start) => {
      const buffer = new StreamBuffer(4_096, start);
      for (const { put, take, more } of sequence) {
        buffer.append(octets(buffer.end, buffer.end + put));
        const far = buffer.start + buffer.capacity; // the last octet of what was promised
        buffer.write(far - 1, octets(far - 1, far), 0, 1);
        buffer.grow(buffer.capacity + more);
        expect(equalBytes(buffer.slice(buffer.start, buffer.end), octets(buffer.start, buffer.end))).toBe(true);
        expect(equalBytes(buffer.slice(far - 1, far), octets(far - 1, far))).toBe(true);
        buffer.release(Math.min(buffer.end, buffer.start + take));
      }
    }),
    RUNS,
  );
});

test('octets may come in any order and any number of times', () => {
  const pieces = fc.array(fc.tuple(fc.nat({ max: 150_000 }), fc.nat({ max: 5_000 })), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(pieces, (places) => {
      const buffer = new StreamBuffer(CAPACITY);
      for (const [at, length] of places) buffer.write(at, octets(at, at + length), 0, length);
      for (const [at, length] of places) {
        expect(equalBytes(buffer.slice(at, at + length), octets(at, at + length))).toBe(true);
      }
    }),
    RUNS,
  );
});

test('a view stays what it is, whatever is put in later', () => {
  fc.assert(
    fc.property(fc.array(lengths, { minLength: 1, maxLength: 30 }), (puts) => {
      const buffer = new StreamBuffer(CAPACITY);
      const views: { readonly at: number; readonly bytes: Uint8Array }[] = [];
      for (const put of puts) {
        buffer.append(octets(buffer.end, buffer.end + put));
        while (buffer.length > 0) {
          const bytes = buffer.view(buffer.start, buffer.length);
          views.push({ at: buffer.start, bytes });
          buffer.release(buffer.start + bytes.length);
        }
      }
      for (const { at, bytes } of views) expect(equalBytes(bytes, octets(at, at + bytes.length))).toBe(true);
    }),
    RUNS,
  );
});
